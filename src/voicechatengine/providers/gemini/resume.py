"""What has to be known to go on with a session: the service's handle, and what it does not hold. Pure.

A handle stands for the session at one moment. What came after it the next connection must tell again, so the ids of it are kept
and travel with the handle, as one opaque text (`Restore.handle`).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from voicechatengine.messages import Item, ToolCallItem, ToolResultItem
from voicechatengine.session.remember import remember


class Memo(msgspec.Struct, frozen=True):
    """A handle, and the items (see `key`) that are not in its session."""

    handle: str
    unseen: tuple[str, ...] = ()


def read(handle: str | None) -> Memo | None:
    """A memo from the text that `write` made of it, or from a bare handle."""
    if handle is None:
        return None
    try:
        return msgspec.json.decode(handle, type=Memo)
    except msgspec.DecodeError:
        return Memo(handle)


def key(item: Item) -> str:
    """By what an item is known on both sides of a cut: calls and their results by the call's id."""
    if isinstance(item, ToolCallItem):
        return f"call {item.call_id}"
    return f"result {item.call_id}" if isinstance(item, ToolResultItem) else item.id


class Bookmark:
    """Follows one connection: which of what was said is not in the session that the last handle stands for.

    Client messages are counted from 1, the set-up, because in transparent mode the service says how many of them a handle holds.
    """

    def __init__(self, memo: Memo | None) -> None:
        self._handle = memo.handle if memo is not None else None
        self._unseen: dict[str, int] = dict.fromkeys(memo.unseen if memo is not None else (), 0)
        self._sent = 0

    def sent(self) -> None:
        """A message went out."""
        self._sent += 1

    def said(self, item_id: str) -> None:
        """An item became part of the service's conversation, with what was sent so far.

        More of them than are remembered were said since one handle only if the service gave up sending any.
        """
        if self._handle is None:
            return  # a session that begins anew is told everything
        remember(self._unseen, item_id, self._sent)

    def updated(self, handle: str, consumed: int | None) -> None:
        """A new handle, which holds everything so far, or the client messages up to `consumed`."""
        self._handle = handle
        late = {} if consumed is None else {key: at for key, at in self._unseen.items() if at > consumed}
        self._unseen = late

    def refused(self) -> None:
        """The service does not know the handle."""
        self._handle = None

    def write(self, held: Iterable[str] = ()) -> str | None:
        """The memo for the next connection, with the items that were not sent at all; None where there is no handle."""
        if self._handle is None:
            return None
        return msgspec.json.encode(Memo(self._handle, (*self._unseen, *held))).decode()
