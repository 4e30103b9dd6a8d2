"""What a law is about: a provider made anew for it, in a time of its own, with everything written down."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeAlias, TypeVar, cast

from typing_extensions import TypeIs

from voicechatengine.audio.tone import tone
from voicechatengine.events import (
    EVENT_TYPES,
    AudioChunk,
    EventData,
    Interrupted,
    ProviderEvent,
    ResponseCompleted,
    ResponseStarted,
    TextChunk,
    ToolCall,
)
from voicechatengine.messages import MessageType, Modality, TurnDetection
from voicechatengine.provider import Provider
from voicechatengine.providers.mock import MockReply
from voicechatengine.session.grammar import Grammar
from voicechatengine.testing.laws.exchange import Exchange, Told
from voicechatengine.testing.laws.far_end import FarEnd
from voicechatengine.testing.laws.table import NotApplicable, Violation

T = TypeVar("T")

Made: TypeAlias = Provider | tuple[Provider, FarEnd]
Factory: TypeAlias = Callable[[], Made | AbstractAsyncContextManager[Made]]
"""Gives a provider, alone or with its far end, at once or as an async context manager around the law."""

PATIENCE_S: Final = 30.0  # for what must come
QUIET_S: Final = 3.0  # in which nothing may come
GOODBYE_S: Final = 15.0  # for what is put away behind a law

UNDER_WAY: Final = 3  # chunks
WORDS: Final = "one two three four five six seven eight nine ten"
LONG: Final = MockReply(" ".join([WORDS] * 6), chunk_ms=100, pace=8)
"""A reply that takes a while: twenty seconds of speech, in two and a half."""

_ASKED: Final = "Count aloud from one to sixty, one number after the other, and say nothing else."
_SHORT: Final = "Say the word yes, and nothing else."


class Listener:
    """One subscription, read as events come. `problem` is the first thing that the grammar has against them."""

    def __init__(self, stream: AsyncIterator[ProviderEvent], exchange: Exchange, *, told: bool) -> None:
        self.events: list[ProviderEvent] = []
        self.problem: str | None = None
        self.ended: bool = False
        self.failure: Exception | None = None
        self.grammar: Grammar = Grammar()
        self.stream: AsyncIterator[ProviderEvent] = stream
        self._exchange = exchange
        self._told = told
        self._news = asyncio.Event()
        self.task: asyncio.Task[None] = asyncio.get_running_loop().create_task(
            self._read(stream), name="a law's listener"
        )

    async def _read(self, stream: AsyncIterator[ProviderEvent]) -> None:
        try:
            async for event in stream:
                self.events.append(event)
                self.problem = self.problem or self.grammar.check(event.data)
                if self._told:
                    key = event.type if isinstance(event.data, (AudioChunk, TextChunk)) else ""
                    self._exchange.add("←", f"{event.type} {event.data!r}", key)
                self._news.set()
        except Exception as error:  # noqa: BLE001 - whatever ends a subscription is told to the law that waits
            self.failure = error
            self._exchange.add("✗", f"events() raised {type(error).__name__}: {error}")
        finally:
            self.ended = True
            self._news.set()

    @property
    def data(self) -> list[EventData]:
        """The payloads so far."""
        return [event.data for event in self.events]

    def of(self, kind: type[T]) -> list[T]:
        """The payloads of one kind."""
        return [data for data in self.data if isinstance(data, kind)]

    async def until(self, wanted: Callable[[], T | None], what: str, within: float = PATIENCE_S) -> T:
        """Waits until `wanted` gives something that is true; a `Violation` says `what` did not come in time."""
        seen = len(self.events)
        try:
            async with asyncio.timeout(within):
                while True:
                    found = wanted()
                    if found:
                        return found
                    if self.ended:
                        raise Violation(
                            what, self._since(seen, "the subscription ended"), str(self._exchange)
                        )
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            late = f"nothing of the kind within {within:g} s"
            raise Violation(what, self._since(seen, late), str(self._exchange)) from None

    async def first(self, kind: type[T], what: str = "", *, after: int = 0) -> T:
        """The first payload of a kind at or after that place."""

        def found() -> T | None:
            return next((event.data for event in self.events[after:] if isinstance(event.data, kind)), None)

        return await self.until(found, what or f"an event {EVENT_TYPES.get(kind, kind.__name__)}")

    def _since(self, start: int, end: str) -> str:
        names: list[str] = []
        for event in self.events[start:]:
            if not names or names[-1] != event.type:
                names.append(event.type)
        return f"{', '.join(names[-12:])}; {end}" if names else end

    async def stop(self) -> None:
        """Reads no more."""
        self.task.cancel()
        await asyncio.wait([self.task])

    async def leave(self) -> None:
        """Reads no more, and ends the subscription."""
        await self.stop()
        close = getattr(self.stream, "aclose", None)
        if close is None:
            raise Violation("events() to give an iterator with aclose()", "it has none", str(self._exchange))
        await close()


class Heard:
    """One reply as it was told."""

    def __init__(self, listener: Listener, response_id: str, place: int) -> None:
        self.id: str = response_id
        self._listener = listener
        self._place = place

    def of(self, kind: type[T]) -> list[T]:
        """Its payloads of one kind."""
        return [
            data
            for event in self._listener.events[self._place :]
            if isinstance(data := event.data, kind) and getattr(data, "response_id", None) == self.id
        ]

    @property
    def text(self) -> str:
        """All of its words."""
        return "".join(chunk.text for chunk in self.of(TextChunk))

    @property
    def audio(self) -> bytes:
        """All of its audio."""
        return b"".join(chunk.audio for chunk in self.of(AudioChunk))

    @property
    def chunks(self) -> int:
        """How many chunks have come."""
        return len(self.of(TextChunk)) + len(self.of(AudioChunk))

    async def done(self, what: str = "") -> ResponseCompleted:
        """Waits for its end."""

        def found() -> ResponseCompleted | None:
            return next(iter(self.of(ResponseCompleted)), None)

        return await self._listener.until(found, what or f"the end of the reply {self.id}")

    async def interrupted(self) -> Interrupted:
        """Waits for its interruption."""

        def found() -> Interrupted | None:
            return next(iter(self.of(Interrupted)), None)

        return await self._listener.until(found, f"interrupted, for the reply {self.id}")

    async def under_way(self) -> None:
        """Waits until some of it has come; `NotApplicable` where it is over by then."""
        await self._listener.until(
            lambda: self.chunks >= UNDER_WAY or bool(self.of(ResponseCompleted)),
            f"chunks of the reply {self.id}",
        )
        if self.of(ResponseCompleted):
            raise NotApplicable("its replies are over before anything can happen to them")


class Case:
    """One provider in one law. `provider` writes every call down; `raw` is what the factory gave."""

    def __init__(self, made: Made, exchange: Exchange) -> None:
        self.raw: Provider
        self._far: FarEnd | None
        self.raw, self._far = made if isinstance(made, tuple) else (made, None)
        self.exchange: Exchange = exchange
        self.provider: Provider = Told(self.raw, exchange)
        self._listeners: list[Listener] = []
        self._connected = False

    # -- what a law is about

    @property
    def far(self) -> FarEnd:
        """The vendor's side; `NotApplicable` where there is none."""
        if self._far is None:
            raise NotApplicable("the factory gives no far end that could be made to do this")
        return self._far

    @property
    def has_far(self) -> bool:
        """Whether there is a vendor's side."""
        return self._far is not None

    def sessions(self) -> int | None:
        """How many sessions are open at the vendor; None where nobody can tell."""
        if self._far is None:
            return None
        try:
            return self._far.sessions()
        except NotApplicable:
            return None

    def can(self, *names: str) -> bool:
        """Whether the provider claims all of these capabilities."""
        found = cast("dict[str, object]", self.provider.get_capabilities())
        return all(bool(found.get(name)) for name in names)

    def needs(self, *names: str) -> None:
        """`NotApplicable` unless the provider claims these capabilities."""
        for name in names:
            if not self.can(name):
                raise NotApplicable(f"the provider does not claim {name}")

    def demand(self, holds: object, expected: str, came: object) -> None:
        """A `Violation` unless it holds."""
        if not holds:
            raise self.violation(expected, came)

    def violation(self, expected: str, came: object) -> Violation:
        """The error for a broken law."""
        return Violation(expected, came if isinstance(came, str) else repr(came), str(self.exchange))

    # -- talking

    def listen(self) -> Listener:
        """A subscription that is read from now on."""
        return self.follow(self.provider.events())

    def follow(self, stream: AsyncIterator[ProviderEvent]) -> Listener:
        """Reads a subscription that was made before."""
        listener = Listener(stream, self.exchange, told=not self._listeners)
        self._listeners.append(listener)
        return listener

    async def connected(self) -> Listener:
        """Opens the session, with somebody who listens from before the first one, or from the beginning of a later one."""
        listener = None if self._connected else self.listen()
        self._connected = True
        await self.provider.connect()
        return listener or self.listen()

    async def ask(
        self,
        listener: Listener,
        reply: MockReply | None = None,
        *,
        modalities: tuple[Modality, ...] | None = None,
    ) -> Heard:
        """Asks in writing, and waits for the reply to begin: this one where the far end can be told, else any."""
        if self.can("full_duplex"):
            raise NotApplicable("a full-duplex provider has no turns")
        self.needs("text_input")
        place = len(listener.events)
        await self.request(reply, modalities)
        return await self.reply(listener, place)

    async def request(
        self, reply: MockReply | None = None, modalities: tuple[Modality, ...] | None = None
    ) -> None:
        """Asks in writing, and does not wait."""
        if self._far is not None:
            self._far.say(reply or MockReply("Yes. " + WORDS))
        await self.provider.send_text(_ASKED if reply is LONG else _SHORT)
        await self.provider.create_response(modalities)

    async def reply(self, listener: Listener, place: int) -> Heard:
        """Waits for a reply that begins at or after that place."""
        begun = await listener.first(
            ResponseStarted, "response_started, for the reply that was asked for", after=place
        )
        return Heard(listener, begun.response_id, place)

    async def a_reply(self, listener: Listener, *, modalities: tuple[Modality, ...] | None = None) -> Heard:
        """A whole reply; a `Violation` unless it comes to a good end."""
        heard = await self.ask(listener, modalities=modalities)
        done = await heard.done()
        self.demand(done.status == "completed", "the reply to be completed", done)
        return heard

    def handled(self, event_type: str) -> Callable[[], Awaitable[None]]:
        """A wait for the next event of that type which a handler hears: it needs no subscription."""
        heard = asyncio.Event()
        self.provider.on_event(event_type, lambda _: heard.set())

        async def wait() -> None:
            try:
                await asyncio.wait_for(heard.wait(), PATIENCE_S)
            except TimeoutError:
                late = f"it was not, within {PATIENCE_S:g} s"
                raise self.violation(f"a handler to be called for {event_type}", late) from None

        return wait

    async def quiet(self, seconds: float = QUIET_S) -> None:
        """Lets time pass."""
        await asyncio.sleep(seconds)

    async def detects_turns(self) -> None:
        """Has the session to come detect turns, as the vendor does first of all."""
        modes = self.provider.get_capabilities().get("turn_detection", ())
        mode: Any = modes[0] if modes else "server_vad"
        await self.provider.update_session(turn_detection=TurnDetection(mode=mode))

    def speech(self, ms: float = 1000.0, pause_ms: float = 900.0) -> bytes:
        """Sound that a turn detector takes for speech, and the silence behind it."""
        form = self.provider.get_audio_format()
        return tone(form, ms, [440.0]) + form.silence(pause_ms)

    async def say_aloud(self, audio: bytes) -> None:
        """Sends audio as a microphone does: a frame at a time, in the time that it takes."""
        form = self.provider.get_audio_format()
        for start in range(0, len(audio), form.frame_bytes):
            await self.provider.send_audio(audio[start : start + form.frame_bytes])
            await asyncio.sleep(form.frame_ms / 1000)

    async def raises(self, kind: type[Exception], call: Any, what: str) -> Exception:
        """Awaits a call that must raise that error; gives it."""
        try:
            await call
        except kind as error:
            return error
        except Exception as error:
            raise self.violation(
                f"{what} raises {kind.__name__}", f"{type(error).__name__}: {error}"
            ) from error
        raise self.violation(f"{what} raises {kind.__name__}", "it was accepted")

    async def accepts(self, call: Any, what: str) -> None:
        """Awaits a call that must not raise."""
        try:
            await call
        except Exception as error:
            raise self.violation(f"{what} is accepted", f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Puts the provider away, whatever has become of it."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(GOODBYE_S):
                await self.raw.disconnect()
        for listener in self._listeners:
            await listener.stop()

    async def deaf(self) -> None:
        """Its listeners read no more, so that their tasks are not taken for the provider's."""
        for listener in self._listeners:
            await listener.stop()


class Subject:
    """What laws are held against. Each `open` makes a provider; all that they say goes into one `exchange`.

    `live`: the provider does real I/O, so time is real. `secret` is a key that it was given, which must show nowhere.
    """

    def __init__(self, factory: Factory, *, live: bool = False, secret: str | None = None) -> None:
        self.factory: Factory = factory
        self.live: bool = live
        self.secret: str | None = secret
        self.exchange: Exchange = Exchange()

    def fresh(self) -> Subject:
        """The same, with nothing said yet."""
        return Subject(self.factory, live=self.live, secret=self.secret)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncGenerator[Case]:
        """A provider that is not connected yet; it is disconnected at the end."""
        async with contextlib.AsyncExitStack() as stack:
            made = self.factory()
            if not _is_made(made):
                made = await stack.enter_async_context(made)
            case = Case(made, self.exchange)
            stack.push_async_callback(case.close)
            yield case


def _is_made(made: object) -> TypeIs[Made]:
    """Whether it is a provider, which may well be a context manager of its own, or one with its far end."""
    return isinstance(made, tuple) or hasattr(made, "connect")


__all__ = [
    "LONG",
    "PATIENCE_S",
    "QUIET_S",
    "WORDS",
    "Case",
    "Factory",
    "Heard",
    "Listener",
    "Made",
    "MessageType",
    "Subject",
    "ToolCall",
]
