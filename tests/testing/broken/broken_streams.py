"""Providers whose events are wrong: each class is broken in one way, and named for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec
from meddled import Meddled

from voicechatengine import AudioChunk, Interrupted, ProviderEvent, ResponseCompleted, TextChunk
from voicechatengine.events import (
    ErrorInfo,
    InputTranscript,
    ItemAdded,
    Reconnected,
    Reconnecting,
    ResponseStarted,
    SessionCreated,
    SessionUpdated,
    StateChanged,
    ToolCall,
)
from voicechatengine.provider import EventHandler, Limits
from voicechatengine.session.hub import Hub

changed = msgspec.structs.replace


class DropsAChunk(Meddled):
    """The queue's reader skips what came while it was busy."""

    count = 0

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        self.count += isinstance(event.data, AudioChunk)
        return [] if isinstance(event.data, AudioChunk) and self.count % 7 == 0 else [event]


class LosesTheFirstWord(Meddled):
    """The first delta comes before the item is known, and is thrown away."""

    seen = ""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        if isinstance(event.data, TextChunk) and event.data.response_id != self.seen:
            self.seen = event.data.response_id or ""
            return []
        return [event]


class SaysTheWholeOnceMore(Meddled):
    """Hands on the final transcript as if it were one more delta."""

    text = ""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        if isinstance(event.data, ResponseStarted):
            self.text = ""
        if isinstance(event.data, TextChunk):
            self.text += event.data.text
        if isinstance(event.data, ResponseCompleted) and event.data.status == "completed":
            whole = TextChunk(self.text, True, event.data.response_id, "item")
            return [self.like(event, whole), event]
        return [event]


class SpeaksAfterTheEnd(Meddled):
    """A chunk that was on the way comes after the terminal event."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        if isinstance(event.data, ResponseCompleted):
            late = TextChunk("late", True, event.data.response_id, "item")
            return [event, self.like(event, late)]
        return [event]


class EndsTwice(Meddled):
    """Both the vendor's and the library's own end are told."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        return [event, event] if isinstance(event.data, ResponseCompleted) else [event]


class NeverBegins(Meddled):
    """Chunks come, and nobody said that a reply began."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        return [] if isinstance(event.data, ResponseStarted) else [event]


class ForgetsTheEndOfTheInterrupted(Meddled):
    """An interrupted turn has no generationComplete, so its end is never told."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        data = event.data
        return [] if isinstance(data, ResponseCompleted) and data.status == "interrupted" else [event]


class SpeaksOnAfterAnInterruption(Meddled):
    """Late audio of an interrupted reply is played."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        if isinstance(event.data, Interrupted):
            late = AudioChunk(bytes(960), None, event.data.response_id, event.data.item_id)
            return [event, self.like(event, late)]
        return [event]


class TellsAnInterruptionTwice(Meddled):
    """Once when it was asked for, and once more when the vendor confirms it."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        return [event, event] if isinstance(event.data, Interrupted) else [event]


class CallsAnInterruptionCompleted(Meddled):
    """The end of an interrupted reply is told as if it were whole."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        if isinstance(event.data, ResponseCompleted) and event.data.status == "interrupted":
            return [self.like(event, changed(event.data, status="completed"))]
        return [event]


class CountsByTheWallClock(Meddled):
    """generated_ms is the time since the reply began, and vendors generate faster than that."""

    began = 0.0

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        if isinstance(event.data, ResponseStarted):
            self.began = event.timestamp
        if isinstance(event.data, Interrupted):
            passed = (event.timestamp - self.began) * 1000
            return [self.like(event, changed(event.data, generated_ms=passed))]
        return [event]


class HasNoItemIds(Meddled):
    """Everything belongs to "the current one"."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        if isinstance(event.data, (TextChunk, AudioChunk)):
            return [self.like(event, changed(event.data, item_id=None))]
        return [event]


class OneItemForAll(Meddled):
    """Every reply is the same item, which is cut by each truncation."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        if isinstance(event.data, (TextChunk, AudioChunk)):
            return [self.like(event, changed(event.data, item_id="item"))]
        return [event]


class AnnouncesTwice(Meddled):
    """On resumption the vendor replays its items, and they are told again."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        return [event, event] if isinstance(event.data, ItemAdded) else [event]


class AnnouncesLate(Meddled):
    """output_item.added is told when the item is done."""

    kept: tuple[ProviderEvent, ...] = ()

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        if isinstance(event.data, ItemAdded) and event.data.role == "assistant":
            self.kept = (event,)
            return []
        if isinstance(event.data, ResponseCompleted):
            kept, self.kept = self.kept, ()
            return [*kept, event]
        return [event]


class MixesTwoClocks(Meddled):
    """Some events carry loop time, others Unix time."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        stepped = isinstance(event.data, TextChunk)
        return [changed(event, timestamp=event.timestamp - 1e9 if stepped else event.timestamp)]


class ForgetsTheSession(Meddled):
    """Events do not say whose session they are of."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        return [changed(event, session_id=None)]


class MislabelsItsEvents(Meddled):
    """A payload under another event's type."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        return [changed(event, type="transcript_delta")] if event.type == "text_chunk" else [event]


class CutsSamplesInTwo(Meddled):
    """Audio is handed on as the socket gave it, in any pieces."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        data = event.data
        if isinstance(data, AudioChunk):
            return [self.like(event, changed(data, audio=part)) for part in (data.audio[:7], data.audio[7:])]
        return [event]


class IsSilent(Meddled):
    """A codec that was not opened gives zeros."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        if isinstance(event.data, AudioChunk):
            return [self.like(event, changed(event.data, audio=bytes(len(event.data.audio))))]
        return [event]


class CallsWrittenWordsSpoken(Meddled):
    """The flag is a constant."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        if isinstance(event.data, TextChunk):
            return [self.like(event, changed(event.data, spoken=True))]
        return [event]


class CallsSpokenWordsWritten(Meddled):
    """The flag is another constant."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        if isinstance(event.data, TextChunk):
            return [self.like(event, changed(event.data, spoken=False))]
        return [event]


class HidesTheFormat(Meddled):
    """Audio in another format than get_audio_format() does not say so: 16 kHz is played as 24 kHz."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        if isinstance(event.data, AudioChunk):
            return [self.like(event, changed(event.data, format=None))]
        return [event]


class LosesItsUsage(Meddled):
    """The usage block rides on another message, and is not looked for there."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        if isinstance(event.data, ResponseCompleted):
            return [self.like(event, changed(event.data, usage=None))]
        return [event]


class CallsAToolTwice(Meddled):
    """Once for the arguments that are done, and once more for the item that is done."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        return [event, event] if isinstance(event.data, ToolCall) else [event]


class MakesUpArguments(Meddled):
    """What is no JSON becomes an empty object."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        if isinstance(event.data, ToolCall) and event.data.parsed is None:
            return [self.like(event, changed(event.data, parsed={}))]
        return [event]


class GivesCallsOneId(Meddled):
    """Calls are told apart by name and index, and both get the id of their item."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        if isinstance(event.data, ToolCall):
            return [self.like(event, changed(event.data, call_id="call"))]
        return [event]


class DoesNotCountItsCalls(Meddled):
    """A reply that holds calls only is told as the end of the turn."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        if isinstance(event.data, ResponseCompleted):
            return [self.like(event, changed(event.data, tool_calls=0))]
        return [event]


class HidesItsReconnecting(Meddled):
    """The application learns nothing of a line that was lost."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        return [] if isinstance(event.data, (Reconnecting, Reconnected)) else [event]


class LeavesALostReplyOpen(Meddled):
    """When the line is lost, nobody ends the reply that ran."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        data = event.data
        lost = isinstance(data, ResponseCompleted) and data.reason == "connection_lost"
        return [] if lost else [event]


class SwallowsAFailure(Meddled):
    """A reply that failed is told as completed, and empty."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        if isinstance(event.data, ResponseCompleted) and event.data.status == "failed":
            return [self.like(event, changed(event.data, status="completed", reason=None))]
        return [event]


class ForgetsToTellUpdates(Meddled):
    """session.updated is not handed on."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        return [] if isinstance(event.data, SessionUpdated) else [event]


class HasNoSessionId(Meddled):
    """session_created comes without its id."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        if isinstance(event.data, SessionCreated):
            return [self.like(event, changed(event.data, session_id=""))]
        return [event]


class TellsNoStates(Meddled):
    """The connection's state is the provider's own business."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        return [] if isinstance(event.data, StateChanged) else [event]


class LosesTheUsersWords(Meddled):
    """The transcript is claimed, and its last part is never marked as final."""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        if isinstance(event.data, InputTranscript):
            return [self.like(event, changed(event.data, final=False))]
        return [event]


class ComplainsWhenIdle(Meddled):
    """The vendor's response_cancel_not_active is handed on."""

    async def interrupt(self) -> None:
        open_before = any(turn for turn in self.far.turns())
        await super().interrupt()
        if not open_before:
            self.hub.emit(ErrorInfo("response_cancel_not_active", "there is nothing to cancel"))


# ------------------------------------------------------------------ subscriptions and handlers


class SubscribesLate(Meddled):
    """events() is an async generator: it subscribes at its first step."""

    async def events(self) -> AsyncIterator[ProviderEvent]:  # type: ignore[override]
        stream = self.hub.subscribe()
        try:
            async for event in stream:
                yield event
        finally:
            await stream.aclose()


class LosesEarlyEvents(Meddled):
    """What comes while nobody subscribes is thrown away."""

    readers = 0

    def events(self) -> AsyncIterator[ProviderEvent]:
        self.readers += 1
        return self.hub.subscribe()

    def publish(self, event: ProviderEvent) -> None:
        if self.readers:
            super().publish(event)


class LosesEventsBetweenLoops(Meddled):
    """Each subscription begins with nothing, but for the first."""

    opened = False

    def events(self) -> AsyncIterator[ProviderEvent]:
        stream = self.hub.subscribe()
        if self.opened:
            inner = stream
            stream = self.hub.subscribe()
            asyncio.get_running_loop().create_task(inner.aclose())
            second = self.hub.subscribe()
            asyncio.get_running_loop().create_task(stream.aclose())
            return second
        self.opened = True
        return stream


class OneQueueForAll(Meddled):
    """All subscriptions read from one queue, and take events from one another."""

    shared: AsyncIterator[ProviderEvent] | None = None

    def events(self) -> AsyncIterator[ProviderEvent]:
        if self.shared is None:
            self.shared = self.hub.subscribe()
        return _View(self.shared, self)


class _View:
    def __init__(self, stream: Any, owner: Any) -> None:
        self.stream = stream
        self.lock = owner.__dict__.setdefault("lock", asyncio.Lock())

    def __aiter__(self) -> _View:
        return self

    async def __anext__(self) -> ProviderEvent:
        async with self.lock:
            return await anext(self.stream)  # type: ignore[no-any-return]

    async def aclose(self) -> None:
        return None


class CutsItsReadersOff(Meddled):
    """disconnect() ends subscriptions with what they have not read."""

    def events(self) -> AsyncIterator[ProviderEvent]:
        return _Cut(self.hub.subscribe(), self)  # type: ignore[return-value]


class _Cut:
    def __init__(self, stream: Any, owner: Meddled) -> None:
        self.stream = stream
        self.owner = owner
        self.begun = False

    def __aiter__(self) -> _Cut:
        return self

    async def __anext__(self) -> ProviderEvent:
        if self.begun and not self.owner.is_connected():
            raise StopAsyncIteration
        event: ProviderEvent = await anext(self.stream)
        self.begun = self.owner.is_connected()
        if not self.owner.is_connected() and event.type != "state_changed":
            raise StopAsyncIteration
        return event

    async def aclose(self) -> None:
        await self.stream.aclose()


class NeverEndsItsStreams(Meddled):
    """Subscriptions wait for ever for a session that is over."""

    async def disconnect(self) -> None:
        await self.inner.disconnect()


class CannotBeClosed(Meddled):
    """aclose() does nothing: the subscription goes on."""

    def events(self) -> AsyncIterator[ProviderEvent]:
        return _Unclosable(self.hub.subscribe())  # type: ignore[return-value]


class _Unclosable:
    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __aiter__(self) -> _Unclosable:
        return self

    async def __anext__(self) -> ProviderEvent:
        return await anext(self.stream)  # type: ignore[no-any-return]

    async def aclose(self) -> None:
        return None


class HoldsDroppedReaders(Meddled):
    """Subscriptions are in a list that nothing leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.streams: list[AsyncIterator[ProviderEvent]] = []

    def events(self) -> AsyncIterator[ProviderEvent]:
        self.streams.append(self.hub.subscribe())
        return self.streams[-1]


class LosesWhatACancelledReaderTook(Meddled):
    """An event is taken from the queue before the reader can have it."""

    def events(self) -> AsyncIterator[ProviderEvent]:
        return _Hasty(self.hub.subscribe())  # type: ignore[return-value]


class _Hasty:
    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __aiter__(self) -> _Hasty:
        return self

    async def __anext__(self) -> ProviderEvent:
        event: ProviderEvent = await anext(self.stream)
        if event.type == "text_chunk":
            await asyncio.sleep(0.02)  # whatever it does with it first
        return event

    async def aclose(self) -> None:
        await self.stream.aclose()


class StopsAtARaisingHandler(Meddled):
    """The dispatcher does not survive what a handler raises."""

    def __init__(self) -> None:
        super().__init__()
        self.dead: set[str] = set()

    def on_event(self, event_type: str, handler: EventHandler) -> None:
        def called(event: ProviderEvent) -> Any:
            if event_type in self.dead:
                return None
            try:
                return handler(event)
            except Exception:
                self.dead.add(event_type)
                raise

        self.hub.on(event_type, called)


class SwallowsAHandlersError(Meddled):
    """What a handler raises is caught, and nobody is told."""

    def on_event(self, event_type: str, handler: EventHandler) -> None:
        def called(event: ProviderEvent) -> Any:
            try:
                return handler(event)
            except Exception:  # noqa: BLE001 - that is what is broken
                return None

        self.hub.on(event_type, called)


class CallsHandlersAtOnce(Meddled):
    """A task for each call of a handler."""

    def on_event(self, event_type: str, handler: EventHandler) -> None:
        def called(event: ProviderEvent) -> None:
            result = handler(event)
            if result is not None:
                asyncio.ensure_future(result)  # noqa: RUF006 - that is what is broken

        self.hub.on(event_type, called)


class HasNoBound(Meddled):
    """What is not read is kept, however much it is."""

    def new_hub(self) -> Hub:
        return Hub(
            "meddled",
            lambda: asyncio.get_running_loop().time(),
            Limits(received_bytes=10**10, received_events=10**9),
        )


class DropsInSilence(Meddled):
    """What is too much is dropped, and nobody is told."""

    def events(self) -> AsyncIterator[ProviderEvent]:
        return _Quiet(self.hub.subscribe())  # type: ignore[return-value]


class _Quiet(_Unclosable):
    async def __anext__(self) -> ProviderEvent:
        event: ProviderEvent = await anext(self.stream)
        return await anext(self.stream) if event.data.get("code") == "overflow" else event

    async def aclose(self) -> None:
        await self.stream.aclose()


class OneHubForAll(Meddled):
    """The subscribers are kept on the class."""

    hubs: list[Hub] = []  # noqa: RUF012 - that is what is broken

    def new_hub(self) -> Hub:
        if not self.hubs:
            self.hubs.append(super().new_hub())
        return self.hubs[0]
