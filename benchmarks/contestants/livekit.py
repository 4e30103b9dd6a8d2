"""`livekit-agents` with its OpenAI plugin: a realtime session, whose audio is read as `AgentSession` reads it."""

from __future__ import annotations

import asyncio

import aiohttp
from livekit import rtc
from livekit.agents import llm
from livekit.plugins.openai import realtime

from benchmarks.contestants import Heard

RATE = 24_000


class Plugin:
    def __init__(self, http: aiohttp.ClientSession, url: str, heard: Heard):
        self._http = http
        self._heard = heard
        self._model = realtime.RealtimeModel(
            model="gpt-realtime", api_key="none", base_url=f"{url}/v1", http_session=http
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._session = self._model.session()
        self._session.on("generation_created", self._begin)

    def _begin(self, generation: llm.GenerationCreatedEvent) -> None:
        task = asyncio.create_task(self._read(generation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self, generation: llm.GenerationCreatedEvent) -> None:
        async for message in generation.message_stream:
            async for frame in message.audio_stream:
                self._heard(frame.data.tobytes())

    async def send(self, chunk: bytes, times: int) -> None:
        for _ in range(times):
            self._session.push_audio(rtc.AudioFrame(chunk, RATE, 1, len(chunk) // 2))

    async def close(self) -> None:
        await self._session.aclose()
        await self._model.aclose()
        await self._http.close()


async def connect(url: str, heard: Heard) -> Plugin:
    plugin = Plugin(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)), url, heard)
    await asyncio.sleep(0.05)  # it connects by itself, and tells nobody
    return plugin
