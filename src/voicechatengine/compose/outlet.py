"""What a relay tells: the events of all its providers as one stream, in one order, time and state.

It folds what it tells into the relay's `Ledger`, and shows it to who watches. It knows no provider.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from voicechatengine.compose.ledger import Ledger
from voicechatengine.compose.line import Line
from voicechatengine.events import (
    AudioChunk,
    ConnectionState,
    Event,
    ProviderEvent,
    SessionCreated,
    SessionUpdated,
    StateChanged,
    TextChunk,
)
from voicechatengine.messages import Command, Options
from voicechatengine.provider import Limits
from voicechatengine.session.hub import Hub


class Outlet:
    """The outward side. `name` is the provider's, until it tells its own; `watch` sees every command that is sent and every event that is told."""

    def __init__(
        self,
        name: str,
        ledger: Ledger,
        clock: Callable[[], float],
        limits: Limits | None,
        watch: Callable[[Command | Event], None] | None,
    ) -> None:
        self.hub: Hub = Hub(name, clock, limits)
        self.state: ConnectionState = ConnectionState.DISCONNECTED
        self.changed: asyncio.Event = asyncio.Event()  # something happened that somebody may wait for
        self._ledger = ledger
        self._clock = clock
        self._watch = watch
        self._told = 0.0  # the time of the last event

    async def news(self) -> None:
        """Waits until something happens."""
        self.changed.clear()
        await self.changed.wait()

    def see(self, message: Command | Event) -> None:
        """Shows a message to who watches."""
        if self._watch is not None:
            self._watch(message)

    def tell(self, data: Event, event: ProviderEvent | None = None) -> None:
        """An event of the conversation; one that came in `event` and was not changed goes out as it is."""
        told = self._ledger.received(data)
        if event is not None and told is event.data and event.timestamp >= self._told:
            self._told = event.timestamp
            self.hub.publish(event)
        else:
            self.emit(told, None if event is None else event.timestamp)
        self.see(told)
        if not isinstance(told, TextChunk):
            self.changed.set()

    def sound(self, data: AudioChunk, event: ProviderEvent) -> None:
        """`tell` for what comes fifty times a second: more audio, which came in `event`."""
        self._ledger.sound(data)
        if data is event.data and event.timestamp >= self._told:
            self._told = event.timestamp
            self.hub.publish(event)
        else:
            self.emit(data, event.timestamp)
        if self._watch is not None:
            self._watch(data)

    def pass_on(self, event: ProviderEvent) -> None:
        """An event of a provider's own type."""
        self._told = max(self._told, event.timestamp)
        self.hub.publish(msgspec.structs.replace(event, timestamp=self._told))

    def emit(self, data: Event, now: float | None = None) -> None:
        """An event that is no part of the conversation. Time never steps back, whatever clocks the providers have."""
        self._told = max(self._told, self._clock() if now is None else now)
        self.hub.emit(data, self._told)

    def become(self, state: ConnectionState, reason: str) -> None:
        """The session's connection is in this state now."""
        previous, self.state = self.state, state
        if previous is not state:
            self.emit(StateChanged(state, previous, reason))
            self.changed.set()

    def end_replies(self, status: Literal["interrupted", "failed"], reason: str) -> None:
        """Whatever is open ends here."""
        for event in self._ledger.close(status, reason):
            self.emit(event)
            self.see(event)

    def session_event(
        self, line: Line, data: SessionCreated | SessionUpdated
    ) -> SessionCreated | SessionUpdated:
        """A session of that provider, seen from outside."""
        ledger, applied = self._ledger, data.applied
        if isinstance(data, SessionCreated):
            ledger.connection_back(resumed=data.resumed, first=not line.begun)
            line.begun = True
        if line.number == 1 and applied.turn_detection is not UNSET:
            ledger.by_itself(applied.turn_detection)
        outer: dict[str, Any] = {}
        if line.ears is not None and applied.turn_detection is not UNSET:
            outer["turn_detection"] = line.ears.detection
        if not line.native and applied.input_audio_format is not UNSET:
            outer["input_audio_format"] = ledger.form
        return msgspec.structs.replace(data, applied=applied.merged(Options(**outer))) if outer else data
