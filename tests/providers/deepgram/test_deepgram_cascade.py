"""A whole cascade with Deepgram's ears and mouth, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest

from voicechatengine import AudioFormat, MockConfig, MockProvider
from voicechatengine.audio.tone import tone
from voicechatengine.events import AudioChunk, InputTranscript, ResponseCompleted, TextChunk
from voicechatengine.providers.cascade import (
    CascadeProvider,
    Finished,
    ModelOutput,
    Request,
    Words,
)
from voicechatengine.providers.deepgram import DeepgramConfig, DeepgramRecogniser, DeepgramSpeech
from voicechatengine.providers.mock import MockReply, MockTurn
from voicechatengine.session.grammar import Grammar
from voicechatengine.simulators import simulator

pytestmark = pytest.mark.realtime

FORM = AudioFormat(sample_rate=16_000)


class Parrot:
    """Says what it was told, in two sentences."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def reply(
        self, request: Request, *, kept: Sequence[tuple[int, Any]] = ()
    ) -> AsyncGenerator[ModelOutput]:
        yield Words("You said this. ")
        yield Words(request.history[-1].text)
        yield Finished()


def behind() -> MockProvider:
    def read(turn: MockTurn) -> MockReply:
        return MockReply(" ".join(turn.texts), pace=2.0)

    return MockProvider(MockConfig(respond=read, transcripts=["Hello there.", "Stop it."]))


async def test_a_conversation_with_an_interruption():
    """Two spoken turns; the second comes while the first is answered, and silences it."""
    async with simulator("deepgram", provider=behind) as sim:
        config = DeepgramConfig(api_key="k", url=sim.url, eager_eot_threshold=0.5)
        ears = DeepgramRecogniser(config)
        provider = CascadeProvider(ears, ears, Parrot(), DeepgramSpeech(config))
        events = provider.events()
        await provider.connect()
        grammar = Grammar()
        seen: list[str] = []
        heard: list[str] = []
        said = ""
        speaking = asyncio.Event()

        async def speak() -> None:
            for stretch in (tone(FORM, 400) + FORM.silence(600), tone(FORM, 400) + FORM.silence(1_500)):
                for at in range(0, len(stretch), FORM.frame_bytes * 2):
                    await provider.send_audio(stretch[at : at + FORM.frame_bytes * 2])
                    await asyncio.sleep(0.01)
                await speaking.wait()

        microphone = asyncio.create_task(speak())
        async for event in events:
            assert grammar.check(event.data) is None
            match event.data:
                case InputTranscript(text=text, final=True):
                    heard.append(text)
                case TextChunk(text=text):
                    said += text
                case AudioChunk():
                    speaking.set()
                case ResponseCompleted(status=status):
                    seen.append(status)
                    if status == "completed":
                        break
                case _:
                    pass
        await microphone
        await provider.disconnect()
        assert heard == ["Hello there.", "Stop it."]
        assert seen == ["interrupted", "completed"]
        assert said == "You said this.You said this. Stop it."
        assert any(isinstance(frame, dict) and frame["type"] == "Interrupt" for frame in sim.received)
        assert {connection.path for connection in sim.connections} == {"/v2/listen", "/v2/speak"}
