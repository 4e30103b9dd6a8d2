"""A simulated service without its network: it takes handshakes, serves connections, and keeps what clients sent for tests.

It knows neither aiohttp nor any vendor; `server.py` puts it behind a websocket, `memory.py` behind a connection in memory.
"""

from __future__ import annotations

import asyncio
import random
import string
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec

from voicechatengine.provider import Provider
from voicechatengine.session.clock import loop_clock
from voicechatengine.session.dialect import Close, Ids
from voicechatengine.session.handshake import Handshake, Refusal
from voicechatengine.session.transport import Transport
from voicechatengine.simulators.bridge import Bridge
from voicechatengine.simulators.faults import Faults, FaultyTransport
from voicechatengine.simulators.responder import responder
from voicechatengine.simulators.vendors import Vendor

KEPT_CONNECTIONS: Final = 1_000
KEPT_FRAMES: Final = 20_000
KEPT_BYTES: Final = 32_000_000
GOODBYE_S: Final = 1.0  # for the closing handshakes when the service stops
_ALPHABET: Final = string.ascii_letters + string.digits


class Connection:
    """One client's connection: what it asked for, what it sent (of very much the end), how it ended (None: it lives)."""

    def __init__(self, handshake: Handshake, cut: Callable[[], None]) -> None:
        self.path: str = handshake.path
        self.query: dict[str, str] = handshake.query
        self.ended: Close | None = None
        self._over = asyncio.Event()
        self._cut = cut
        self._frames: deque[bytes] = deque()
        self._bytes = 0

    @property
    def received(self) -> list[Any]:
        """The client's frames, oldest first, as the JSON that they are; what is none stays bytes."""
        return [_read(frame) for frame in self._frames]

    def keep(self, frame: bytes | str) -> None:
        """Remembers a frame."""
        data = frame.encode(errors="replace") if isinstance(frame, str) else frame
        self._frames.append(data)
        self._bytes += len(data)
        while len(self._frames) > KEPT_FRAMES or self._bytes > KEPT_BYTES:
            self._bytes -= len(self._frames.popleft())

    async def closed(self) -> Close:
        """Waits until it is over; gives how it ended."""
        await self._over.wait()
        assert self.ended is not None
        return self.ended

    def end(self, close: Close) -> None:
        """It is over."""
        self.ended = close
        self._over.set()

    def cut(self) -> None:
        """Ends it as a pulled cable does."""
        if self.ended is None:
            self._cut()


class Simulator:
    """A vendor's service. `url` is where it listens, once it does; keys of clients are looked at and not kept."""

    def __init__(
        self,
        vendor: Vendor,
        *,
        provider: Callable[[], Provider] | None = None,
        faults: Faults | None = None,
        api_key: str | None = None,
        clock: Callable[[], float] | None = None,
        seed: int | None = None,
    ) -> None:
        self.url: str = ""
        self.vendor = vendor
        self.connections: deque[Connection] = deque(maxlen=KEPT_CONNECTIONS)
        self._provider = provider
        self._faults = faults or Faults()
        self._api_key = api_key
        self._clock = clock or loop_clock()
        self._ids = random_ids(seed)
        self._refused = 0
        self._overloaded = 0
        self._served = 0
        self._bridges: dict[asyncio.Task[Close], Bridge] = {}

    @property
    def received(self) -> list[Any]:
        """The frames of all connections, one connection after the other."""
        return [frame for connection in self.connections for frame in connection.received]

    def refuse(self, handshake: Handshake) -> Refusal | None:
        """The answer to a handshake that is not accepted, else None."""
        refusal = self.vendor.refuse(handshake, self._api_key)
        if refusal is None and self._refused < self._faults.rate_limit:
            self._refused += 1
            return self.vendor.rate_limited(self._faults.retry_after_s)
        http = self.vendor.http
        if refusal is None and http is not None and self._overloaded < self._faults.overloaded:
            self._overloaded += 1
            return http.overloaded()
        return refusal

    async def serve(self, handshake: Handshake, transport: Transport, cut: Callable[[], None]) -> Close:
        """Serves an accepted connection to its end; `cut` ends it with no closing handshake.

        A cancellation closes the connection.
        """
        connection = Connection(handshake, cut)
        self.connections.append(connection)
        suffers = self._faults.connections is None or self._served < self._faults.connections
        self._served += 1
        faults = self._faults if suffers else Faults()
        provider = self._answering(handshake)
        dialect = self.vendor.dialect(handshake, provider, self._ids, faults)
        line = _Logged(FaultyTransport(transport, faults, connection.cut), connection)
        bridge = Bridge(dialect, line, provider, self._clock)
        task = asyncio.get_running_loop().create_task(bridge.run(), name="simulator connection")
        self._bridges[task] = bridge
        ended = Close(1006, "stopped")
        try:
            ended = await task
        finally:
            task.cancel()
            await asyncio.wait([task])
            del self._bridges[task]
            connection.end(ended)
        return ended

    def _answering(self, handshake: Handshake) -> Provider:
        if self._provider is not None:
            return self._provider()
        default = self.vendor.provider
        return responder(self.vendor.title) if default is None else default(handshake)

    def cut(self) -> None:
        """Cuts every connection that lives."""
        for connection in self.connections:
            connection.cut()

    async def stop(self) -> None:
        """Closes every connection, with a handshake where the client takes part in time."""
        tasks, alive = dict(self._bridges), [one for one in self.connections if one.ended is None]
        for bridge in tasks.values():
            bridge.hang_up(Close(1001, "the simulator stops"))
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=GOODBYE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for connection in alive:
            await connection.closed()


class _Logged:
    """A transport whose arriving frames are remembered, and that knows when it was this side that closed it."""

    def __init__(self, inner: Transport, connection: Connection) -> None:
        self.send = inner.send
        self._inner = inner
        self._connection = connection
        self._own: Close | None = None

    async def close(self, close: Close, /) -> None:
        self._own = self._own or close
        await self._inner.close(close)

    async def pump(self, on_frame: Callable[[bytes | str], None], /) -> Close:
        def kept(frame: bytes | str) -> None:
            self._connection.keep(frame)
            on_frame(frame)

        ended = await self._inner.pump(kept)
        return self._own or ended


def random_ids(seed: int | None = None) -> Ids:
    """Ids of the form that vendors use: a word and 21 letters and digits."""
    rng = random.Random(seed)
    return lambda word: f"{word}_{''.join(rng.choices(_ALPHABET, k=21))}"


def _read(frame: bytes) -> Any:
    try:
        return msgspec.json.decode(frame)
    except msgspec.DecodeError:
        return frame
