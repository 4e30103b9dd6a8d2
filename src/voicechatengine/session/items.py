"""The conversation of a session that we hold ourselves: which items there are, in which order, and what cannot be done to them.

For providers with no vendor's server behind them: the mock, the cascade. Each event goes through here on its way out, so that
the history is folded from what was told and from nothing else. It knows no replies and no audio devices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from voicechatengine.audio.format import AudioFormat
from voicechatengine.conversation import Conversation
from voicechatengine.events import AudioChunk, ErrorInfo, Event, ItemAdded
from voicechatengine.messages import (
    Item,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    MessageItem,
    Role,
    ToolCallItem,
    ToolResultItem,
)

ItemKind = Literal["message", "speech", "tool_call", "tool_result"]


class Items:
    """The items of one session. `tell` publishes an event, `new_id` makes an id that begins with a word, `input_format` gives
    the format of audio chunks that name none.
    """

    def __init__(
        self,
        tell: Callable[[Event], None],
        new_id: Callable[[str], str],
        input_format: Callable[[], AudioFormat],
    ) -> None:
        self._tell = tell
        self._new_id = new_id
        self._input_format = input_format
        self._conversation = Conversation()
        self._order: list[str] = []

    def all(self) -> tuple[Item, ...]:
        """The conversation so far: everything with words, in order."""
        return self._conversation.items()

    def emit(self, data: Event) -> None:
        """Folds an event, and tells it."""
        self.fold(data)
        self._tell(data)

    def fold(self, data: Event) -> None:
        """Takes in what the listener is not told."""
        if isinstance(data, AudioChunk) and data.format is None:
            data = AudioChunk(data.audio, self._input_format(), data.response_id, data.item_id)
        self._conversation.apply(data)

    def error(self, code: str, text: str, command: str | None = None) -> None:
        """Tells that something cannot be done; the session goes on."""
        self.emit(ErrorInfo(code, text, command=command))

    def create(self, message: ItemCreate) -> Item | None:
        """An item takes its place, and is given back with its id; None where it cannot (an error event says why)."""
        item = message.item
        if isinstance(item, ToolResultItem) and item.call_id not in waiting_calls(self.all()):
            self.error("unknown_call_id", f"no call {item.call_id!r} waits for a result", "tool_result")
            return None
        if message.previous_item_id not in (None, "root", *self._order):
            text = f"there is no item {message.previous_item_id!r} to stand behind"
            self.error("item_not_found", text, "item_create")
            return None
        item = msgspec.structs.replace(item, id=item.id or self._new_id("item"))
        if item.id in self._order:
            self.error("item_exists", f"there is an item {item.id!r} already", "item_create")
            return None
        self._conversation.apply(ItemCreate(item, message.previous_item_id))
        role, kind = _place_of(item)
        self.place(item.id, role, kind, message.previous_item_id)
        return item

    def place(self, item_id: str, role: Role, kind: ItemKind, behind: str | None = None) -> None:
        """Tells where an item stands: at the end, or behind another one ("root": at the beginning)."""
        index = (
            len(self._order) if behind is None else 0 if behind == "root" else self._order.index(behind) + 1
        )
        previous = self._order[index - 1] if index else None
        self._order.insert(index, item_id)
        self.emit(ItemAdded(item_id, role, previous, kind))

    def correct(self, message: ItemTruncate | ItemDelete) -> bool:
        """Cuts an item to what was heard, or deletes it; False where there is none (an error event says so)."""
        if message.item_id not in self._order:
            self.error(
                "item_not_found", f"there is no item {message.item_id!r}", str(message.__struct_config__.tag)
            )
            return False
        self._conversation.apply(message)
        if isinstance(message, ItemDelete):
            self._order.remove(message.item_id)
        return True


def _place_of(item: Item) -> tuple[Role, ItemKind]:
    match item:
        case MessageItem(role=role):
            return role, "message"
        case ToolCallItem():
            return "assistant", "tool_call"
        case ToolResultItem():
            return "user", "tool_result"


def waiting_calls(history: Sequence[Item]) -> set[str]:
    """The ids of calls that have no result."""
    answered = {item.call_id for item in history if isinstance(item, ToolResultItem)}
    return {item.call_id for item in history if isinstance(item, ToolCallItem)} - answered
