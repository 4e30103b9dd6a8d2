"""Ids of one provider among those of others: unique outside, its own inside. Pure.

Providers count or draw their ids each for itself, so two of them may use the same. Behind a relay the ids of the first
provider stay as they are, those of the second begin with ``2.``, and so on. What a provider is told of the time before it has
an ``h.`` before its id there. Items of the application's keep their ids everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar, cast

import msgspec

from voicechatengine.events import EVENT_TYPES, AudioChunk
from voicechatengine.messages import COMMANDS, Item, ItemCreate, Payload, ToolCallItem, ToolResultItem

P = TypeVar("P", bound=Payload)

_SINGLE: Final = ("response_id", "item_id", "previous_item_id", "call_id")
_KINDS: Final[tuple[type[Payload], ...]] = cast(
    "tuple[type[Payload], ...]", (*EVENT_TYPES, *COMMANDS.values())
)
_FIELDS: Final[dict[type, tuple[str, ...]]] = {
    kind: tuple(name for name in (*_SINGLE, "call_ids") if name in kind.__struct_fields__) for kind in _KINDS
}
"""The fields of events and commands that hold ids of the provider's. A session's own id is nobody else's business."""

MEMORY: Final = 64  # ids of the latest replies
_BEFORE: Final = "h."
_PREFIXED: Final = re.compile(r"\d+\.")


class Names:
    """The ids of provider number `number` (from 1) of a relay."""

    def __init__(self, number: int) -> None:
        self._prefix = f"{number}."
        self._first = number == 1
        # The application's, said to this provider; of the first only those that look like ids of another one.
        self._own: set[str] = set()
        self._same: set[str | None] = {
            None
        }  # ids that are alike on both sides, as far as chunks of audio asked
        self.restored: set[str] = set()
        """The ids of what was said before this provider's time."""

    def restore(self, items: Iterable[Item]) -> None:
        """These items are from before: the provider knows them under ids that cannot be its own."""
        for item in items:
            self.restored.add(item.id)
            if isinstance(item, (ToolCallItem, ToolResultItem)):
                self.restored.add(item.call_id)
        self.restored.discard("")
        self._same = {None}

    def outward(self, data: P) -> P:
        """An event of the provider's as the application sees it."""
        return _mapped(data, self._out)

    def sound(self, data: AudioChunk) -> AudioChunk:
        """`outward` for what comes fifty times a second: nearly always there is nothing to change."""
        if data.response_id in self._same and data.item_id in self._same:
            return data
        told = _mapped(data, self._out)
        if told is data:
            if len(self._same) > MEMORY:
                self._same = {None}
            self._same |= {data.response_id, data.item_id}
        return told

    def inward(self, command: P) -> P:
        """A command of the application's as the provider sees it."""
        if isinstance(command, ItemCreate):
            item_id = command.item.id
            if item_id not in self.restored:
                if not self._first or _PREFIXED.match(item_id):
                    self._own.add(item_id)
                self._same.discard(item_id)
            command = msgspec.structs.replace(command, item=self.item(command.item))
        return _mapped(command, self._in)

    def item(self, item: Item) -> Item:
        """An item as the provider sees it."""
        if isinstance(item, (ToolCallItem, ToolResultItem)):
            item = msgspec.structs.replace(item, call_id=self._in(item.call_id))
        return msgspec.structs.replace(item, id=self._in(item.id))

    def _out(self, own: str) -> str:
        if own.startswith(_BEFORE) and own[len(_BEFORE) :] in self.restored:
            return own[len(_BEFORE) :]
        # An id of the first provider that looks like one of a later provider's has to be told from it.
        if not own or own in self._own or (self._first and not _PREFIXED.match(own)):
            return own
        return self._prefix + own

    def _in(self, outer: str) -> str:
        if outer in self.restored:
            return _BEFORE + outer
        return outer if outer in self._own else outer.removeprefix(self._prefix)


def _mapped(data: P, rename: Callable[[str], str]) -> P:
    changes: dict[str, Any] = {}
    for name in _FIELDS.get(type(data), ()):
        value: Any = getattr(data, name)
        if value is None:
            continue
        new: Any = tuple(rename(each) for each in value) if name == "call_ids" else rename(value)
        if new != value:
            changes[name] = new
    return msgspec.structs.replace(data, **changes) if changes else data
