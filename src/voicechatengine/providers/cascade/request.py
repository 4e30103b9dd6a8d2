"""What a language model is asked: a conversation in the order that models take, and what it wanted back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from voicechatengine.messages import (
    AudioPart,
    Item,
    MessageItem,
    Options,
    ResponseCreate,
    TextPart,
    ToolCallItem,
    ToolResultItem,
)
from voicechatengine.providers.cascade.parts import Request


def request_for(asked: ResponseCreate, options: Options, history: Sequence[Item]) -> Request:
    """The request for a reply: what was asked for goes before the session's options."""
    if asked.out_of_band and asked.input is not None:
        history = [worded(item) for item in asked.input]
    return Request(
        history=in_order(history),
        instructions=asked.instructions if asked.instructions is not None else options.instructions or "",
        tools=asked.tools if asked.tools is not None else options.tools or (),
        tool_choice=asked.tool_choice or options.tool_choice or "auto",
        max_tokens=asked.max_tokens or options.max_tokens or None,
        vendor={**(options.vendor or {}), **(asked.vendor or {})},
    )


def in_order(history: Sequence[Item]) -> tuple[Item, ...]:
    """The history with each call's result right behind it (behind all of them, of several at once); a call that has no result
    yet, or a result without a call, is left out: models refuse both.
    """
    results = {item.call_id: item for item in history if isinstance(item, ToolResultItem)}
    ordered: list[Item] = []
    rest = (item for item in history if not isinstance(item, ToolResultItem))
    for is_call, items in groupby(rest, lambda item: isinstance(item, ToolCallItem)):
        group = list(items)
        if not is_call:
            ordered += group
            continue
        calls = [item for item in group if isinstance(item, ToolCallItem) and item.call_id in results]
        ordered += calls
        ordered += [results[call.call_id] for call in calls]
    return tuple(ordered)


def places(kept: Mapping[str, Any], history: Sequence[Item]) -> tuple[tuple[int, Any], ...]:
    """What the model wanted back, by the place of its turn's first item; `kept` has it by that item's id."""
    return tuple((index, kept[item.id]) for index, item in enumerate(history) if item.id in kept)


def worded(item: Item) -> Item:
    """The item with the words of its speech in place of the sound: language models read."""
    if not isinstance(item, MessageItem):
        return item
    content = tuple(
        TextPart(part.transcript or "", spoken=True) if isinstance(part, AudioPart) else part
        for part in item.content
    )
    return MessageItem(item.role, content, item.id, item.interrupted, item.estimated)
