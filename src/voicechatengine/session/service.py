"""One connection to a speech service, for a part of a cascade: kept open between utterances, opened anew when it is gone.

It drives the vendor's dialect by a `Link`, and hands what the dialect gives to whoever listens at the moment. It knows no vendor,
and nothing of what the messages mean: a dialect gives `Ready` once the service will work, and a `ConnectionError` for what ends
the connection by the service's own word.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeAlias, TypeVar

from voicechatengine.errors import ConnectionError, DeadlineError, ProtocolError, RateLimitError
from voicechatengine.provider import Retry, Timeouts
from voicechatengine.session.backoff import Backoff
from voicechatengine.session.clock import loop_clock
from voicechatengine.session.dialect import Close, Dialect, Endpoint, Ready
from voicechatengine.session.link import Link
from voicechatengine.session.transport import Connector, Transport

In = TypeVar("In")
Out = TypeVar("Out")

UNREAD: Final = 20_000  # outputs: of one utterance there are far fewer
_BYE: Final = Close(1000)


Dial: TypeAlias = Callable[[], tuple[Endpoint, Dialect[In, Out | Ready | ConnectionError]]]
"""Where to connect, and the dialect of one connection. Raises `ConnectionError` for a key that is missing."""


class Inbox(Generic[Out]):
    """What has arrived and was not read: an async iterator of outputs that raises the error with which they end.

    Not more than 20,000 outputs are kept; then it ends with a `ProtocolError`.
    """

    def __init__(self) -> None:
        self._entries: deque[Out | ConnectionError] = deque()
        self._arrived = asyncio.Event()

    def put(self, entry: Out | ConnectionError) -> None:
        """The next output, or how they end; what `Service.listen` takes."""
        if len(self._entries) < UNREAD:
            self._entries.append(entry)
        elif len(self._entries) == UNREAD:
            error = ProtocolError(
                f"the service sent {UNREAD} messages that nobody read", cure="read them as they come"
            )
            self._entries.append(error)
        self._arrived.set()

    def __aiter__(self) -> Inbox[Out]:
        return self

    async def __anext__(self) -> Out:
        while not self._entries:
            self._arrived.clear()
            await self._arrived.wait()
        entry = self._entries.popleft()
        if isinstance(entry, ConnectionError):
            raise entry
        return entry


class Service(Generic[In, Out]):
    """The connection of one part. `connector` opens transports (default: aiohttp websockets), `clock` gives Unix seconds that
    never step back, `rng` is the source of jitter.
    """

    def __init__(
        self,
        dial: Dial[In, Out],
        *,
        timeouts: Timeouts,
        retry: Retry,
        connector: Connector | None = None,
        clock: Callable[[], float] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._dial = dial
        self._timeouts = timeouts
        self._retry = retry
        self._connector = connector or self._websocket
        self._clock = clock or loop_clock()
        self._rng = rng or random.Random()
        self._listener: Callable[[Out | ConnectionError], None] | None = None
        self._open = False
        self._worked = False  # it was ready once: what fails now may do better the next time
        self._opening: asyncio.Task[ConnectionError | None] | None = None
        self._running: asyncio.Task[None] | None = None
        self._link: Link[In, Out | Ready | ConnectionError] | None = None
        self._ready: asyncio.Future[ConnectionError | None] | None = None
        self._reason: ConnectionError | None = None

    @property
    def connected(self) -> bool:
        """Whether a message that is sent now goes out at once."""
        return self._link is not None and self._opening is None

    async def open(self) -> None:
        """Connects; a no-op while connected. Raises `ConnectionError` if it cannot, with the service's own words."""
        self._open = True
        await self.ready()

    async def close(self) -> None:
        """Closes the connection once what was sent is written; idempotent. A cancellation has still closed it."""
        self._open = self._worked = False
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        running, link = self._running, self._link
        if running is None:
            return
        self._reason = self._reason or _closed()
        try:
            if link is not None:
                link.hang_up(_BYE)
                await asyncio.wait([running], timeout=self._timeouts.close * 2)
        finally:
            running.cancel()
            await asyncio.wait([running])

    def listen(self, listener: Callable[[Out | ConnectionError], None] | None) -> None:
        """From now on this is called with each output, and with the error that ends a connection; None: nobody listens."""
        self._listener = listener

    def begin(self) -> asyncio.Task[ConnectionError | None] | None:
        """Sees to it that a lost connection is opened anew: the task that does, which results in why it could not; None while
        connected. If it fails, who listens is told too. Raises `ConnectionError` for one that was closed.
        """
        if not self._open:
            raise _closed()
        if self._link is None and self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._attempts(), name="service opening")
        return self._opening

    async def ready(self) -> None:
        """The same, and waits for it. Raises the `ConnectionError` of the last attempt. A cancellation leaves the attempts going."""
        opening = self.begin()
        if opening is None:
            return
        await asyncio.wait([opening])
        if opening.cancelled():
            raise _closed()
        error = opening.result()
        if error is not None:
            raise error

    def post(self, message: In) -> None:
        """Sends a message without waiting. Raises what the dialect raises, and `ConnectionError` if the connection is gone."""
        link = self._connection()
        link.post(message)
        link.wake()

    async def send(self, message: In) -> None:
        """The same, and waits while the service is slow. A cancellation has sent the message."""
        link = self._connection()
        link.post(message)
        await link.flush()

    def _connection(self) -> Link[In, Out | Ready | ConnectionError]:
        if self._link is None:
            raise self._reason or ConnectionError("the connection is lost", code="connection_lost")
        return self._link

    # -- opening

    async def _attempts(self) -> ConnectionError | None:
        backoff = Backoff(self._retry, self._rng)
        backoff.dropped(self._clock())
        try:
            while (error := await self._attempt()) is not None:
                wait = error.retry_after or 0.0 if isinstance(error, RateLimitError) else 0.0
                hopeless = not self._worked or (error.fault == "application" and not wait)
                delay = None if hopeless else backoff.next_delay(self._clock(), wait)
                if delay is None:
                    break
                await asyncio.sleep(delay)
        finally:
            self._opening = None
        self._worked = True if error is None else self._worked
        if error is not None and self._listener is not None:
            self._listener(error)
        return error

    async def _attempt(self) -> ConnectionError | None:
        try:
            endpoint, dialect = self._dial()
            async with asyncio.timeout(self._timeouts.connect):
                transport = await self._connector(endpoint)
        except TimeoutError:
            return DeadlineError(
                f"no connection within {self._timeouts.connect:g} s",
                cure="check the network and the url, or raise timeouts.connect",
            )
        except ConnectionError as error:
            return error
        loop = asyncio.get_running_loop()
        self._reason, self._ready = None, loop.create_future()
        self._link = Link(dialect, transport, self._clock, self._take)
        self._running = loop.create_task(self._run(self._link, self._ready), name="service connection")
        await asyncio.wait([self._ready], timeout=self._timeouts.session)
        if self._ready.done():
            return self._ready.result()
        self._reason = DeadlineError(
            f"the service was not ready within {self._timeouts.session:g} s",
            cure="check that the url leads to it, or raise timeouts.session",
        )
        self._link.hang_up(Close(1002, "not ready in time"))
        await asyncio.wait([self._running])
        return self._reason

    async def _run(
        self,
        link: Link[In, Out | Ready | ConnectionError],
        ready: asyncio.Future[ConnectionError | None],
    ) -> None:
        close = Close(1006, "cancelled")
        try:
            close = await link.run()
        finally:
            self._link = self._running = None
            self._reason = self._reason or _ended(close)
            if not ready.done():
                ready.set_result(self._reason)
            elif self._listener is not None:
                self._listener(self._reason)

    def _take(self, out: Out | Ready | ConnectionError, _now: float) -> None:
        if isinstance(out, Ready):
            if self._ready is not None and not self._ready.done():
                self._ready.set_result(None)
        elif isinstance(out, ConnectionError):
            self._reason = self._reason or out
            if self._link is not None:
                self._link.hang_up(_BYE)
        elif self._listener is not None:
            self._listener(out)

    async def _websocket(self, endpoint: Endpoint) -> Transport:
        from voicechatengine.session.aiohttp_transport import connect_websocket  # noqa: PLC0415 - aiohttp loads here

        # Services send sound as binary frames beside messages as text.
        timeouts = self._timeouts
        return await connect_websocket(endpoint, ping=timeouts.ping, close=timeouts.close, decode_text=True)


def _ended(close: Close) -> ConnectionError:
    reason = f" ({close.reason})" if close.reason else ""
    return ConnectionError(
        f"the service ended the connection with code {close.code}{reason}",
        code="connection_lost",
        status=close.code,
        cure="what is said next opens a new one",
    )


def _closed() -> ConnectionError:
    return ConnectionError("the part is closed", cure="await open() first", fault="application")
