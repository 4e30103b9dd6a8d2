"""Parts that do what they are told, in virtual time, and a listener that holds what comes against the grammar."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from voicechatengine import AudioChunk, AudioFormat, Provider, ProviderEvent, TextChunk, Usage
from voicechatengine.audio.tone import tone
from voicechatengine.providers.cascade import (
    CascadeConfig,
    CascadeProvider,
    EnergyTurns,
    Finished,
    Heard,
    ModelOutput,
    Request,
    Words,
)
from voicechatengine.session.grammar import Grammar

T = TypeVar("T")
FORM = AudioFormat(sample_rate=16_000)
VOICE = AudioFormat(sample_rate=24_000)


class Openable:
    """What every part does: it opens (as slowly or badly as it is told) and closes."""

    def __init__(self, *, opens_in: float = 0.0, broken: Exception | None = None) -> None:
        self.opens_in = opens_in
        self.broken = broken
        self.opened = 0
        self.is_open = False

    async def open(self) -> None:
        await asyncio.sleep(self.opens_in)
        if self.broken is not None:
            raise self.broken
        self.opened += 1
        self.is_open = True

    async def close(self) -> None:
        self.is_open = False


class Stt(Openable):
    """Says `words`, one utterance after the other, `delay` seconds after its end; the words so far while it is spoken."""

    def __init__(
        self,
        *words: str | Exception,
        delay: float = 0.1,
        deaf: bool = False,
        partial: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.words = list(words)
        self.delay = delay
        self.deaf = deaf
        self.partial = partial
        self.heard: list[bytes] = []
        self.asked: list[tuple[str | None, str | None]] = []
        self.working = 0

    @property
    def format(self) -> AudioFormat:
        return FORM

    async def recognise(
        self, audio: AsyncIterator[bytes], *, language: str | None = None, prompt: str | None = None
    ) -> AsyncGenerator[Heard]:
        self.working += 1
        assert self.working == 1, "one utterance at a time"
        try:
            self.asked.append((language, prompt))
            if self.deaf:
                await asyncio.sleep(1e6)
            pieces = bytearray()
            async for piece in audio:
                pieces += piece
                if self.partial and FORM.duration_ms(len(pieces)) > 300:
                    yield Heard("what")
            self.heard.append(bytes(pieces))
            await asyncio.sleep(self.delay)
            words = self.words.pop(0) if self.words else ""
            if isinstance(words, Exception):
                raise words
            yield Heard(words, final=True, usage=Usage(input_seconds=FORM.duration_ms(len(pieces)) / 1000))
        finally:
            self.working -= 1


Said = Sequence[ModelOutput | float | Exception]


class Llm(Openable):
    """Gives its replies in turn; a number is a pause in seconds, an exception is raised."""

    def __init__(self, *replies: Said | str, **options: Any) -> None:
        super().__init__(**options)
        self.replies = list(replies)
        self.requests: list[Request] = []
        self.kept: list[Sequence[tuple[int, Any]]] = []
        self.begun_at: list[float] = []
        self.stopped = 0  # replies that were ended early

    async def reply(
        self, request: Request, *, kept: Sequence[tuple[int, Any]] = ()
    ) -> AsyncGenerator[ModelOutput]:
        self.requests.append(request)
        self.kept.append(kept)
        self.begun_at.append(asyncio.get_running_loop().time())
        said = self.replies.pop(0) if self.replies else "Yes. That is so."
        outputs: Said = (
            [Words(said), Finished(usage=Usage(output_tokens=3))] if isinstance(said, str) else said
        )
        try:
            for output in outputs:
                if isinstance(output, (float, int)):
                    await asyncio.sleep(output)
                elif isinstance(output, Exception):
                    raise output
                else:
                    yield output
        except (asyncio.CancelledError, GeneratorExit):
            self.stopped += 1
            raise


class Tts(Openable):
    """Speaks with a sound of 50 ms a character, in pieces of 100 ms, `delay` seconds each."""

    def __init__(
        self, *, delay: float = 0.01, fails: Exception | None = None, odd: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        self.delay = delay
        self.fails = fails
        self.odd = odd
        self.said: list[tuple[str, str | None, str | None]] = []
        self.stopped = 0
        self.working = 0

    @property
    def format(self) -> AudioFormat:
        return VOICE

    async def speak(
        self, text: str, *, voice: str | None = None, language: str | None = None
    ) -> AsyncGenerator[bytes]:
        self.working += 1
        assert self.working == 1, "one sentence at a time"
        try:
            self.said.append((text, voice, language))
            for _ in range(max(1, len(text) // 2)):
                await asyncio.sleep(self.delay)
                if self.fails is not None:
                    raise self.fails
                yield b"odd" if self.odd else VOICE.silence(100)
        except (asyncio.CancelledError, GeneratorExit):
            self.stopped += 1
            raise
        finally:
            self.working -= 1


class Listener:
    """Reads everything that a provider says, and holds it against the grammar."""

    def __init__(self, provider: Provider) -> None:
        self.events: list[ProviderEvent] = []
        self._grammar = Grammar()
        self._stream = provider.events()
        self._news = asyncio.Condition()

    async def read(self) -> None:
        async for event in self._stream:
            assert self._grammar.check(event.data) is None
            async with self._news:
                self.events.append(event)
                self._news.notify_all()
        assert self._grammar.open_responses == ()

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]

    def all(self, kind: type[T]) -> list[T]:
        return [event.data for event in self.events if isinstance(event.data, kind)]

    def when(self, kind: type) -> list[float]:
        return [event.timestamp for event in self.events if isinstance(event.data, kind)]

    def words(self) -> str:
        return "".join(chunk.text for chunk in self.all(TextChunk))

    def audio(self) -> bytes:
        return b"".join(chunk.audio for chunk in self.all(AudioChunk))

    async def until(self, kind: type, count: int = 1) -> None:
        async with self._news, asyncio.timeout(3600):
            await self._news.wait_for(lambda: len(self.all(kind)) >= count)


@asynccontextmanager
async def talking(provider: CascadeProvider) -> AsyncIterator[Listener]:
    """A connected cascade, and somebody who listens to the end."""
    listener = Listener(provider)
    reading = asyncio.create_task(listener.read())
    try:
        await provider.connect()
        yield listener
    finally:
        await provider.disconnect()
        await reading


def cascade(
    stt: Stt | None = None,
    llm: Llm | None = None,
    tts: Tts | None = None,
    *,
    turns: EnergyTurns | None = None,
    **options: Any,
) -> CascadeProvider:
    """A cascade of scripted parts."""
    return CascadeProvider(turns, stt, llm or Llm(), tts, config=CascadeConfig(**options))


def speech(*parts: float) -> bytes:
    """Milliseconds of sound, and where they are negative of silence."""
    return b"".join(tone(FORM, ms, [440.0]) if ms > 0 else FORM.silence(-ms) for ms in parts)


async def say(provider: CascadeProvider, *parts: float) -> None:
    """Speaks in real (that is, virtual) time."""
    audio = speech(*parts)
    for start in range(0, len(audio), FORM.frame_bytes):
        await provider.send_audio(audio[start : start + FORM.frame_bytes])
        await asyncio.sleep(0.02)
