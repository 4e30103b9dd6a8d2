"""A provider, a sink and a source that tests of the engine direct and look into."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from typing_extensions import Unpack

from voicechatengine import (
    AudioChunk,
    AudioFormat,
    Capabilities,
    ConnectionState,
    MessageType,
    ProviderEvent,
    ResponseCompleted,
    ResponseStarted,
    SessionOptions,
    StateChanged,
    TextChunk,
)
from voicechatengine.engine.io import MemorySource, VirtualSpeaker
from voicechatengine.events import Event
from voicechatengine.messages import Command, Modality, Role
from voicechatengine.provider import EventHandler
from voicechatengine.session.hub import Hub

FORMAT = AudioFormat(sample_rate=8000)  # 16 bytes a millisecond
CAN: Capabilities = {"interruption": True, "truncation": True, "turn_detection": ("server_vad",)}


def now() -> float:
    return asyncio.get_running_loop().time()


def audio(ms: int, value: int = 1) -> bytes:
    return bytes([value]) * (16 * ms)


class Puppet:
    """A provider that does nothing by itself: the test tells its events, and sees what was sent and when."""

    def __init__(self, can: Capabilities = CAN) -> None:
        self.hub = Hub("puppet")
        self.sent: list[tuple[float, str, object]] = []
        self.can = can
        self.up = False
        self.broken: dict[str, Exception] = {}

    def tell(self, *events: Event) -> None:
        for event in events:
            if isinstance(event, StateChanged):
                self.up = event.state is ConnectionState.CONNECTED
            self.hub.emit(event)

    def tells_at(self, *events: tuple[float, Event]) -> None:
        """Tells events at these times, those of one time in the order given."""
        for when in dict(events):
            same = [event for time, event in events if time == when]
            asyncio.get_running_loop().call_at(when, self.tell, *same)

    def of(self, kind: str) -> list[tuple[float, object]]:
        return [(round(when, 3), what) for when, name, what in self.sent if name == kind]

    @property
    def heard(self) -> bytes:
        """All audio that came."""
        return b"".join(what for _, kind, what in self.sent if kind == "audio" and isinstance(what, bytes))

    def _did(self, kind: str, what: object = None) -> None:
        self.sent.append((now(), kind, what))
        if kind in self.broken:
            self.up = False
            raise self.broken[kind]

    async def connect(self) -> bool:
        self.up = True
        return True

    async def disconnect(self) -> None:
        self.up = False
        await self.hub.close()

    def is_connected(self) -> bool:
        return self.up

    async def send_message(self, message_type: MessageType, data: Command | Mapping[str, Any]) -> None:
        self._did(message_type, data)

    async def send_audio(self, audio_data: bytes) -> None:
        self._did("audio", audio_data)

    async def send_text(self, text: str, role: Role = "user") -> None:
        self._did("text", text)

    async def create_response(self, modalities: Sequence[Modality] | None = None) -> None:
        self._did("create")

    async def interrupt(self) -> None:
        self._did("interrupt")

    async def update_session(self, **options: Unpack[SessionOptions]) -> None:
        self._did("update", options)

    def get_audio_format(self) -> AudioFormat:
        return FORMAT

    def get_capabilities(self) -> Capabilities:
        return self.can

    def events(self) -> AsyncIterator[ProviderEvent]:
        return self.hub.subscribe()

    def on_event(self, event_type: str, handler: EventHandler) -> None:
        self.hub.on(event_type, handler)


class Sink:
    """A virtual speaker that remembers what was heard and whether it was closed."""

    def __init__(self, audio_format: AudioFormat = FORMAT, *, open_air: bool = False) -> None:
        self.heard = bytearray()
        self.closed = 0
        self.open_air = open_air
        self._speaker = VirtualSpeaker(audio_format, self.heard.extend)

    @property
    def format(self) -> AudioFormat:
        return self._speaker.format

    @property
    def position(self) -> int:
        return self._speaker.position

    async def write(self, audio: bytes) -> None:
        await self._speaker.write(audio)

    def flush(self) -> None:
        self._speaker.flush()

    async def drain(self) -> None:
        await self._speaker.drain()

    async def close(self) -> None:
        self.closed += 1
        await self._speaker.close()


class Mic:
    """A source that a test can listen to: so many milliseconds of ones, as from a microphone."""

    def __init__(self, ms: int, *, open_air: bool = True) -> None:
        self.closed = 0
        self.open_air = open_air
        self._memory = MemorySource(audio(ms), FORMAT)

    @property
    def format(self) -> AudioFormat:
        return FORMAT

    async def read(self) -> bytes:
        return await self._memory.read()

    async def close(self) -> None:
        self.closed += 1
        await self._memory.close()


def answer(response: str, item: str, ms: int, *, words: str = "one two three four") -> list[Event]:
    """A reply as vendors send it: all at once, faster than it plays."""
    chunks = [AudioChunk(audio(100), None, response, item) for _ in range(ms // 100)]
    return [
        ResponseStarted(response),
        TextChunk(words, spoken=True, response_id=response, item_id=item),
        *chunks,
        ResponseCompleted(response),
    ]


def at(when: float, events: Sequence[Event]) -> list[tuple[float, Event]]:
    return [(when, event) for event in events]
