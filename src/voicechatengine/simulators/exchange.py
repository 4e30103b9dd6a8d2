"""An HTTP request and its answer as a transport: the request is the one frame that arrives, each frame sent a piece of the answer.

So a vendor that answers by HTTP is served by the same shell as one with a websocket. It knows no web framework.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from voicechatengine.errors import ConnectionError
from voicechatengine.session.dialect import Close

WHOLE: Final = 1000
"""How an answer ends that was said to its end; after any other close it is to look broken off."""


class Exchange:
    """A `Transport` for one request; `write` writes to its answer, and waits where the client is slow."""

    def __init__(self, body: bytes, write: Callable[[bytes], Awaitable[None]]) -> None:
        self._body = body
        self._write = write
        self.lost: bool = False  # it was cut: whatever was meant to be said
        self._over = asyncio.Event()
        self._ended = Close(1006, "connection lost")

    async def pump(self, on_frame: Callable[[bytes | str], None], /) -> Close:
        """See `Transport.pump`."""
        on_frame(self._body)
        await self._over.wait()
        return self._ended

    async def send(self, data: bytes, binary: bool, /) -> None:
        """See `Transport.send`."""
        if self._over.is_set():
            raise ConnectionError("the answer has ended")
        try:
            await self._write(data)
        except OSError as error:
            self.cut()
            raise ConnectionError("the client went away") from error

    async def close(self, close: Close, /) -> None:
        """See `Transport.close`."""
        if not self._over.is_set():
            self._ended = close
            self._over.set()

    def cut(self) -> None:
        """The connection is gone."""
        self.lost = self.lost or not self._over.is_set()
        self._over.set()
