"""The sessions that Gemini's service keeps for clients that come back: by handle, the newest of them. Pure."""

from __future__ import annotations

from typing import Final

from voicechatengine.messages import Item
from voicechatengine.session.remember import remember

KEPT: Final = 1_000


class Sessions:
    """Conversations by handle, as one service has them."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Item, ...]] = {}

    def save(self, handle: str, history: tuple[Item, ...]) -> None:
        """Keeps a conversation as it is now."""
        remember(self._kept, handle, history, KEPT)

    def find(self, handle: str) -> tuple[Item, ...] | None:
        """The conversation of a handle; None where there is none."""
        return self._kept.get(handle)
