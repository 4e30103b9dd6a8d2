"""The far end of a cascade: parts that hear, think and speak as a script says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

from voicechatengine import AudioFormat, ConnectionError, Options, ProviderError
from voicechatengine.audio.tone import tone
from voicechatengine.events import Usage
from voicechatengine.messages import Item, MessageItem, ToolResultItem
from voicechatengine.providers.cascade import (
    Call,
    CascadeConfig,
    CascadeProvider,
    EnergyTurns,
    Finished,
    Heard,
    ModelOutput,
    Request,
    Words,
)
from voicechatengine.providers.mock import MockReply, MockTurn
from voicechatengine.testing import NotApplicable
from voicechatengine.testing.far_ends import Script

EAR = AudioFormat(sample_rate=16_000)
VOICE = AudioFormat(sample_rate=24_000)


class CascadeFarEnd(Script):
    """What the parts of a cascade are scripted by. It has no line that could be lost."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals = 0
        self.open_parts = 0
        self.heard = b""
        self.words: set[str] = set()
        self.known: tuple[Item, ...] = ()

    def say(self, *replies: MockReply) -> None:
        if any(reply.drop for reply in replies):
            raise NotApplicable("a cascade of parts on this machine has no line that could be lost")
        if any(isinstance(reply.audio, bytes) for reply in replies):
            raise NotApplicable("the voice of a cascade makes the audio")
        super().say(*replies)

    def refuse(self, times: int) -> None:
        self.refusals = times

    def misbehave(self) -> None:
        raise NotApplicable("parts on this machine send no frames")

    def messages(self) -> int:
        return len(self.turns()) + len(self.heard)

    def sessions(self) -> int:
        return int(self.open_parts > 0)

    def cascade(self, **config: Any) -> CascadeProvider:
        return CascadeProvider(
            EnergyTurns(), Ear(self), Model(self), Voice(self), config=CascadeConfig(**config)
        )

    def turn_of(self, request: Request) -> MockTurn:
        """What the reply to come answers: everything that no reply before it was told."""
        new = request.history[len(self.known) :]
        if tuple(request.history[: len(self.known)]) != self.known:
            new = [item for item in request.history if item not in self.known]
        self.known = tuple(request.history)
        said = [item.text for item in new if isinstance(item, MessageItem) and item.role == "user"]
        heard, self.heard = self.heard, b""
        return MockTurn(
            texts=tuple(text for text in said if text not in self.words),
            transcripts=tuple(text for text in said if text in self.words),
            audio=heard,
            audio_ms=EAR.duration_ms(len(heard)),
            audio_format=EAR,
            tool_results=tuple(item for item in new if isinstance(item, ToolResultItem)),
            options=Options(instructions=request.instructions),
            history=tuple(request.history),
        )


class _Part:
    def __init__(self, far: CascadeFarEnd) -> None:
        self.far = far
        self.is_open = False

    async def open(self) -> None:
        await asyncio.sleep(0.01)
        if self.far.refusals:
            self.far.refusals -= 1
            raise ConnectionError("this part is not there", cure="try again")
        self.far.open_parts += not self.is_open
        self.is_open = True

    async def close(self) -> None:
        self.far.open_parts -= self.is_open
        self.is_open = False


class Ear(_Part):
    """Hears a number of milliseconds."""

    @property
    def format(self) -> AudioFormat:
        return EAR

    async def recognise(
        self, audio: AsyncIterator[bytes], *, language: str | None = None, prompt: str | None = None
    ) -> AsyncGenerator[Heard]:
        heard = b""
        async for piece in audio:
            heard += piece
        self.far.heard += heard
        words = f"{EAR.duration_ms(len(heard)):.0f} ms of speech, number {len(self.far.words)}"
        self.far.words.add(words)
        yield Heard(words, final=True)


class Model(_Part):
    """Says what the far end says, word by word."""

    async def reply(
        self, request: Request, *, kept: Sequence[tuple[int, Any]] = ()
    ) -> AsyncGenerator[ModelOutput]:
        said = self.far.answer(self.far.turn_of(request))
        await asyncio.sleep(0.01)
        if said.status == "failed":
            raise ProviderError("the model failed, as it was told to", code=said.reason)
        for word in said.text.split():
            await asyncio.sleep(0.005)
            yield Words(f"{word} ")
        for number, call in enumerate(said.calls):
            yield Call(call.call_id or f"call_{len(self.far.turns())}_{number}", call.name, call.text())
        yield Finished(usage=Usage(output_tokens=len(said.text)))


class Voice(_Part):
    """Speaks with a tone of 60 ms a letter, a little faster than it plays."""

    @property
    def format(self) -> AudioFormat:
        return VOICE

    async def speak(
        self, text: str, *, voice: str | None = None, language: str | None = None
    ) -> AsyncGenerator[bytes]:
        for word in text.split():
            ms = 60.0 * len(word)
            await asyncio.sleep(ms / 8000)
            yield tone(VOICE, ms, [440.0])
