"""The `openai` package: its realtime connection, with the audio decoded by the application, as its documentation does."""

from __future__ import annotations

import asyncio
import base64

from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection, AsyncRealtimeConnectionManager

from benchmarks.contestants import Heard


class Client:
    def __init__(self, manager: AsyncRealtimeConnectionManager, link: AsyncRealtimeConnection, heard: Heard):
        self._manager = manager
        self._link = link
        self._reader = asyncio.create_task(self._read(heard))

    async def _read(self, heard: Heard) -> None:
        async for event in self._link:
            if event.type == "response.output_audio.delta":
                heard(base64.b64decode(event.delta))

    async def send(self, chunk: bytes, times: int) -> None:
        for _ in range(times):
            await self._link.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())

    async def close(self) -> None:
        self._reader.cancel()
        await self._manager.__aexit__(None, None, None)


async def connect(url: str, heard: Heard) -> Client:
    client = AsyncOpenAI(api_key="none", websocket_base_url=f"{url.replace('http', 'ws', 1)}/v1")
    manager = client.realtime.connect(model="gpt-realtime")
    return Client(manager, await manager.__aenter__(), heard)
