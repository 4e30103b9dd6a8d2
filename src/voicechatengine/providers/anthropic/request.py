"""Makes a request to the Messages API of a conversation. Pure: the conversation in, the body out.

The API's rules, from https://platform.claude.com/docs/en/api/messages and
https://platform.claude.com/docs/en/build-with-claude/tool-use (read 2026-11-22): user and assistant take turns and a user
begins; the results of a turn's calls are the first of the message behind it, one for each call; no text is empty; a
conversation that ends with the assistant would be read as words to go on from, which current models refuse; thinking comes
back as it was, in its order, and never ends a message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import pybase64

from voicechatengine.errors import MessageError
from voicechatengine.messages import ImagePart, Item, MessageItem, TextPart, ToolCallItem, ToolResultItem
from voicechatengine.providers.anthropic.wire import (
    IMAGES,
    THINKING,
    Block,
    MessagesRequest,
    ToolChoice,
    ToolParam,
    Turn,
    image_block,
    text_block,
    tool_result_block,
    tool_use_block,
)
from voicechatengine.providers.cascade.parts import Request

BEGIN: Final = "(The conversation begins.)"
GO_ON: Final = "(Go on.)"
UNANSWERED: Final = "The call was cancelled: there is no result."
OWN: Final = frozenset({"model", "messages", "system", "tools", "tool_choice", "max_tokens", "stream"})
"""Fields of the request that are the library's to write."""
REMOVED: Final = frozenset({"temperature", "top_p", "top_k"})
"""Fields that the API refuses since version 2026-10-21."""

_CHOICES: Final[dict[str, ToolChoice]] = {
    "auto": ToolChoice("auto"),
    "required": ToolChoice("any"),
    "none": ToolChoice("none"),
}
_decode_object: Final = msgspec.json.Decoder(dict[str, Any]).decode


def check_vendor(fields: Mapping[str, Any]) -> None:
    """Raises `MessageError` for a field of the service's own that cannot be set, naming it."""
    for name in fields:
        if name in REMOVED:
            raise MessageError(
                f"vendor, field {name}: the API has none since 2026-10-21",
                field=f"vendor.{name}",
                cure="leave it out",
            )
        if name in OWN:
            raise MessageError(
                f"vendor, field {name}: it is made of the session's options",
                field=f"vendor.{name}",
                cure="set the option of the session instead",
            )


def body(
    request: Request,
    kept: Sequence[tuple[int, Any]],
    *,
    model: str,
    max_tokens: int,
    fields: Mapping[str, Any],
) -> dict[str, Any]:
    """The body of a streamed request; `fields` are the service's own, and the request's `vendor` goes over them.

    Raises `MessageError` for what the service cannot take, naming it.
    """
    check_vendor(request.vendor)
    system = [request.instructions, *_system(request.history)]
    written = MessagesRequest(
        model=model,
        max_tokens=request.max_tokens or max_tokens,
        messages=turns(request.history, kept),
        stream=True,
    )
    if any(system):
        written.system = "\n\n".join(filter(None, system))
    if request.tools:
        written.tools = [ToolParam(tool.name, tool.parameters, tool.description) for tool in request.tools]
        choice = request.tool_choice
        written.tool_choice = _CHOICES.get(choice) or ToolChoice("tool", choice)
    encoded: dict[str, Any] = msgspec.to_builtins(written)
    return {**encoded, **fields, **request.vendor}


def _system(history: Sequence[Item]) -> list[str]:
    return [item.text.strip() for item in history if isinstance(item, MessageItem) and item.role == "system"]


def turns(history: Sequence[Item], kept: Sequence[tuple[int, Any]] = ()) -> list[Turn]:
    """The conversation as the API wants it; `kept` as `LanguageModel.reply` has it."""
    return _Turns(history, kept).made()


class _Turns:
    """The conversation so far as turns, and the assistant's turn that is being gathered."""

    def __init__(self, history: Sequence[Item], kept: Sequence[tuple[int, Any]]) -> None:
        self._history = history
        self._kept: dict[int, list[Block]] = dict(kept)
        self._results = {item.call_id: item for item in history if isinstance(item, ToolResultItem)}
        self._called = {item.call_id for item in history if isinstance(item, ToolCallItem)}
        self._turns: list[Turn] = []
        self._blocks: list[Block] = []  # what the service wants back of the gathered turn
        self._words = ""
        self._calls: list[ToolCallItem] = []
        self._answered = False  # a result has come: only calls of the same turn still belong to it

    def made(self) -> list[Turn]:
        for place, item in enumerate(self._history):
            if place in self._kept:
                self._close()
                self._blocks = self._kept[place]
            self._take(item)
        self._close()
        if not self._turns or self._turns[0].role == "assistant":
            self._turns.insert(0, Turn("user", [text_block(BEGIN)]))
        if self._turns[-1].role == "assistant":
            self._turns.append(Turn("user", [text_block(GO_ON)]))
        return self._turns

    def _take(self, item: Item) -> None:
        if isinstance(item, ToolCallItem):
            if self._answered and item.call_id not in {block.get("id") for block in self._blocks}:
                self._close()
            self._calls.append(item)
        elif isinstance(item, ToolResultItem):
            if item.call_id in self._called:
                self._answered = True  # it is written behind its call
            else:
                self._close()
                what = "error" if item.is_error else "result"
                self._add("user", [text_block(f"The {what} of call {item.call_id}: {item.output}")])
        elif item.role == "assistant":
            if self._answered:
                self._close()
            self._words += item.text
        elif item.role == "user":
            self._close()
            self._add("user", _shown(item))

    def _close(self) -> None:
        """Writes the gathered turn of the assistant, and the results of its calls behind it."""
        self._add("assistant", _woven(self._words.strip(), self._calls, self._blocks))
        self._add("user", [self._result(call) for call in self._calls])
        self._words, self._calls, self._blocks, self._answered = "", [], [], False

    def _result(self, call: ToolCallItem) -> Block:
        found = self._results.get(call.call_id)
        if found is None:
            return tool_result_block(_id(call.call_id), UNANSWERED, is_error=True)
        return tool_result_block(_id(call.call_id), found.output, is_error=found.is_error)

    def _add(self, role: str, blocks: list[Block]) -> None:
        if not blocks:
            return
        last = self._turns[-1] if self._turns else None
        if last is not None and last.role == role and isinstance(last.content, list):
            last.content.extend(blocks)
        else:
            self._turns.append(Turn("assistant" if role == "assistant" else "user", blocks))


def _woven(words: str, calls: Sequence[ToolCallItem], kept: Sequence[Block]) -> list[Block]:
    """The assistant's turn: what was kept of it, with no word that was not heard and no call that is not in the history."""
    blocks: list[Block] = []
    waiting = {call.call_id: call for call in calls}
    for block in kept:
        if block["type"] == "text":
            said = str(block["text"]).strip()
            if said and words.startswith(said):
                blocks.append(block)
                words = words.removeprefix(said).lstrip()
            elif words:
                blocks.append(text_block(words))
                words = ""
        elif block["type"] != "tool_use" or waiting.pop(block["id"], None) is not None:
            blocks.append(block)
    if words:
        place = next((at for at, block in enumerate(blocks) if block["type"] == "tool_use"), len(blocks))
        blocks.insert(place, text_block(words))
    blocks += [
        tool_use_block(_id(call.call_id), call.name, _arguments(call.arguments)) for call in waiting.values()
    ]
    while blocks and blocks[-1]["type"] in THINKING:
        blocks.pop()
    return blocks


def _shown(item: MessageItem) -> list[Block]:
    blocks: list[Block] = []
    for part in item.content:
        if isinstance(part, ImagePart):
            if part.mime_type not in IMAGES:
                raise MessageError(
                    f"the service takes no picture of type {part.mime_type}",
                    field="mime_type",
                    cure=f"use one of {', '.join(IMAGES)}",
                )
            blocks.append(image_block(part.mime_type, pybase64.b64encode(part.image).decode()))
        else:
            words = part.text if isinstance(part, TextPart) else part.transcript or ""
            if words.strip():
                blocks.append(text_block(words))
    return blocks


def _arguments(text: str) -> dict[str, Any]:
    """The arguments as the object that the API wants; what is none (of another vendor's model) is told as it was."""
    try:
        return _decode_object(text or "{}")
    except msgspec.DecodeError:
        return {"arguments": text}


def _id(call_id: str) -> str:
    """The API takes letters, digits, ``_`` and ``-``; ids of other vendors may have more."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", call_id)
