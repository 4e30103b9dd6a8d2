"""This library, by its provider: `events()` and `send_audio`."""

from __future__ import annotations

import asyncio

from benchmarks.contestants import Heard
from voicechatengine import OpenAIConfig, OpenAIProvider
from voicechatengine.events import AudioChunk


class Ours:
    def __init__(self, provider: OpenAIProvider, heard: Heard):
        self._provider = provider
        self._reader = asyncio.create_task(self._read(heard))

    async def _read(self, heard: Heard) -> None:
        async for event in self._provider.events():
            if isinstance(event.data, AudioChunk):
                heard(event.data.audio)

    async def send(self, chunk: bytes, times: int) -> None:
        for _ in range(times):
            await self._provider.send_audio(chunk)

    async def close(self) -> None:
        await self._provider.disconnect()
        await asyncio.wait([self._reader])


async def connect(url: str, heard: Heard) -> Ours:
    provider = OpenAIProvider(OpenAIConfig(api_key="none", url=url, transcription=None))
    await provider.connect()
    return Ours(provider, heard)
