"""The seam between the runtime and the network, and a network in memory.

A transport carries whole frames. Its `pump` is the one reader: it hands over each frame as it arrives, without a task or a
queue between, and returns how the connection ended. The aiohttp websocket is in `aiohttp_transport.py`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from voicechatengine.errors import ConnectionError
from voicechatengine.session.dialect import Close, Endpoint


class Transport(Protocol):
    """**Protocol:** one open connection."""

    async def pump(self, on_frame: Callable[[bytes | str], None], /) -> Close:
        """Hands each arriving frame to `on_frame` until the connection ends; returns how it ended, never raises for that.

        Called once. A cancellation leaves the connection open.
        """
        ...

    def send(self, data: bytes, binary: bool, /) -> Awaitable[None]:
        """Sends one frame, then waits while the other side is slow. Raises the builtin `ConnectionError` (ours is one) if the
        connection is over.

        A cancelled send has sent the frame, whole: only the wait is cut short.
        """
        ...

    async def close(self, close: Close, /) -> None:
        """Closes the connection, with a handshake if the other side takes part in time; idempotent, never raises."""
        ...


Connector: TypeAlias = Callable[[Endpoint], Awaitable[Transport]]
"""Opens a transport to an endpoint. Raises `ConnectionError` with what the other side said."""


class MemoryTransport:
    """One end of a connection in memory; see `memory_pair`. Frames are delivered in order, on the event loop's next turn."""

    def __init__(self, window: int = 256) -> None:
        self._inbox: deque[tuple[bytes, bool] | Close] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._window = window
        self._peer: MemoryTransport | None = None
        self._ended: Close | None = None

    def join(self, peer: MemoryTransport) -> None:
        """Makes the two ends of one connection."""
        self._peer, peer._peer = peer, self

    async def pump(self, on_frame: Callable[[bytes | str], None], /) -> Close:
        """See `Transport.pump`."""
        while True:
            while self._inbox:
                entry = self._inbox.popleft()
                if len(self._inbox) < self._window:
                    self._room.set()
                if isinstance(entry, Close):
                    self._ended = entry
                    return entry
                data, binary = entry
                on_frame(data if binary else data.decode())
            if self._ended is not None:
                return self._ended
            self._arrived.clear()
            await self._arrived.wait()

    async def send(self, data: bytes, binary: bool, /) -> None:
        """See `Transport.send`."""
        peer = self._peer
        assert peer is not None
        if self._ended is not None:
            raise ConnectionError("the connection is closed", code=str(self._ended.code))
        peer._put((data, binary))
        await peer._room.wait()

    async def close(self, close: Close, /) -> None:
        """See `Transport.close`."""
        peer = self._peer
        assert peer is not None
        if self._ended is None:
            self._ended = close
            self._arrived.set()
            self._room.set()
            peer._put(close)
            peer._room.set()

    def cut(self) -> None:
        """Ends the connection as a pulled cable does: both sides see 1006, and what is on the way is lost."""
        for end in (self, self._peer):
            assert end is not None
            if end._ended is None:
                end._inbox.clear()
                end._ended = Close(1006, "connection lost")
                end._arrived.set()
                end._room.set()

    def _put(self, entry: tuple[bytes, bool] | Close) -> None:
        if self._ended is None:
            self._inbox.append(entry)
            self._arrived.set()
            if len(self._inbox) >= self._window:
                self._room.clear()


def memory_pair(window: int = 256) -> tuple[MemoryTransport, MemoryTransport]:
    """Two ends of a connection in memory. A sender waits while `window` of its frames are unread."""
    a, b = MemoryTransport(window), MemoryTransport(window)
    a.join(b)
    return a, b
