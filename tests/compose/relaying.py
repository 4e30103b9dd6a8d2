"""What tests of relays share: providers that can be lost, marked audio, and a listener that checks the order of events."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar

from voicechatengine import AudioFormat, ErrorInfo, MockConfig, MockProvider, Provider, ProviderEvent
from voicechatengine.audio.tone import tone
from voicechatengine.messages import MessageItem, ToolCallItem, ToolResultItem
from voicechatengine.providers.mock import MockReply
from voicechatengine.session.grammar import Grammar

T = TypeVar("T")
FORMAT = AudioFormat()  # 24 kHz
WIDE = AudioFormat(sample_rate=16_000)
GONE = ErrorInfo("server_gone", "the server has gone", recoverable=False)
DIES = MockReply("It will rain all day and all night", error=GONE, at=0.5, pace=1.0)
"""A reply in whose midst the provider is lost for good."""


def mock(name: str, *script: MockReply, **options: Any) -> MockProvider:
    return MockProvider(MockConfig(name=name, script=script, **options))


def marked(start: int, stop: int, rate: int = 24_000) -> bytes:
    """Loud audio of which each millisecond says which one it is."""
    size = rate // 1000
    samples = array("h")
    for ms in range(start, stop):
        samples.append(ms)
        samples.extend((9_000, -9_000) * (size // 2) if size % 2 == 0 else (9_000,) * (size - 1))
        del samples[(ms - start + 1) * size :]
    return samples.tobytes()


def marks(audio: bytes, rate: int = 24_000) -> list[int]:
    """The milliseconds of a stretch made by `marked`; silence is left out."""
    return [mark for mark in array("h", audio)[:: rate // 1000] if mark > 0]


def given(provider: MockProvider) -> bytes:
    """All audio that a provider was sent."""
    return b"".join(
        record.payload.audio
        for record in provider.recording
        if record.direction == "sent" and record.type == "audio_append" and record.refused is None
    )


def sent(provider: MockProvider) -> list[str]:
    return [record.type for record in provider.recording if record.direction == "sent"]


def told(items: Sequence[Any]) -> list[str]:
    """A history in short."""
    short: list[str] = []
    for item in items:
        match item:
            case MessageItem():
                short.append(f"{item.role}: {item.text}")
            case ToolCallItem():
                short.append(f"call {item.name}")
            case ToolResultItem():
                short.append(f"result {item.output}")
    return short


async def speak(provider: Provider, audio: bytes, form: AudioFormat = FORMAT) -> None:
    """Sends audio in frames, in real time."""
    for start in range(0, len(audio), form.frame_bytes):
        await provider.send_audio(audio[start : start + form.frame_bytes])
        await asyncio.sleep(form.frame_ms / 1000)


def speech(ms: float = 700, before: float = 300, after: float = 800) -> bytes:
    return FORMAT.silence(before) + tone(FORMAT, ms) + FORMAT.silence(after)


class Listener:
    """Everything that a provider tells, in the order that the grammar allows."""

    def __init__(self, provider: Provider) -> None:
        self.events: list[ProviderEvent] = []
        self.wrong: list[str] = []
        self._grammar = Grammar()
        self._changed = asyncio.Event()
        self._provider = provider
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.get_running_loop().create_task(self._read(self._provider.events()))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        await self._provider.disconnect()
        await self._task
        assert self.wrong == []
        assert self._grammar.open_responses == ()
        times = [event.timestamp for event in self.events]
        assert times == sorted(times)

    async def _read(self, events: Any) -> None:
        async for event in events:
            self.events.append(event)
            wrong = self._grammar.check(event.data)
            if wrong is not None:
                self.wrong.append(wrong)
            self._changed.set()

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]

    def all(self, kind: type[T]) -> list[T]:
        return [event.data for event in self.events if isinstance(event.data, kind)]

    async def until(self, wanted: Callable[[Listener], object], within: float = 60.0) -> None:
        async with asyncio.timeout(within):
            while not wanted(self):
                self._changed.clear()
                await self._changed.wait()

    async def next(self, kind: type[T], after: int | None = None, within: float = 60.0) -> T:
        """The first event of a kind that comes from now on (or after so many of it)."""
        count = len(self.all(kind)) if after is None else after
        await self.until(lambda heard: len(heard.all(kind)) > count, within)
        return self.all(kind)[count]
