"""The two parts with a service in memory, and audio that stands for speech."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.provider import Provider
from voicechatengine.providers.cascade.parts import Heard
from voicechatengine.providers.elevenlabs import (
    ElevenLabsConfig,
    ElevenLabsRecogniser,
    ElevenLabsSpeech,
)
from voicechatengine.simulators import Faults, Simulator, memory_connector
from voicechatengine.simulators.vendors import vendor

FORM = AudioFormat(sample_rate=16_000)
URL = "ws://simulator"


@asynccontextmanager
async def service(
    *,
    provider: Callable[[], Provider] | None = None,
    faults: Faults | None = None,
    api_key: str | None = None,
) -> AsyncIterator[Simulator]:
    """The simulated service, gone at the end."""
    sim = Simulator(vendor("elevenlabs"), provider=provider, faults=faults, api_key=api_key, seed=1)
    try:
        yield sim
    finally:
        await sim.stop()


@asynccontextmanager
async def ears(sim: Simulator, **config: Any) -> AsyncIterator[ElevenLabsRecogniser]:
    """Open ears, closed at the end."""
    part = ElevenLabsRecogniser(configured(**config), connector=memory_connector(sim), rng=random.Random(1))
    await part.open()
    try:
        yield part
    finally:
        await part.close()


@asynccontextmanager
async def voice(sim: Simulator, **config: Any) -> AsyncIterator[ElevenLabsSpeech]:
    """An open voice, closed at the end."""
    part = ElevenLabsSpeech(configured(**config), connector=memory_connector(sim), rng=random.Random(1))
    await part.open()
    try:
        yield part
    finally:
        await part.close()


def configured(**config: Any) -> ElevenLabsConfig:
    return ElevenLabsConfig(**{"api_key": "test-key", "url": URL, **config})


async def spoken(seconds: float, form: AudioFormat = FORM, *, pace: float = 1.0) -> AsyncIterator[bytes]:
    """Speech of that length, in pieces of 20 ms as time goes by."""
    audio = tone(form, seconds * 1000)
    for start in range(0, len(audio), form.frame_bytes):
        yield audio[start : start + form.frame_bytes]
        await asyncio.sleep(form.frame_ms / 1000 / pace)


async def heard(part: ElevenLabsRecogniser, audio: AsyncIterator[bytes], **told: Any) -> list[Heard]:
    async with aclosing(part.recognise(audio, **told)) as words:
        return [one async for one in words]


async def said(part: ElevenLabsSpeech, text: str, **told: Any) -> bytes:
    async with aclosing(part.speak(text, **told)) as speech:
        return b"".join([audio async for audio in speech])
