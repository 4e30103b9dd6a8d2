"""`pydantic-ai`: an agent's realtime session, its `stream_audio` and `send_audio`."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

from pydantic_ai import Agent
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.realtime import RealtimeSession
from pydantic_ai.realtime.openai import OpenAIRealtimeModel

from benchmarks.contestants import Heard


class Talk:
    def __init__(
        self, manager: AbstractAsyncContextManager[RealtimeSession], session: RealtimeSession, heard: Heard
    ):
        self._manager = manager
        self._session = session
        self._readers = (asyncio.create_task(self._read(heard)), asyncio.create_task(self._events()))

    async def _read(self, heard: Heard) -> None:
        async for audio in self._session.stream_audio():
            heard(audio)

    async def _events(self) -> None:
        async for _ in self._session:
            pass

    async def send(self, chunk: bytes, times: int) -> None:
        for _ in range(times):
            await self._session.send_audio(chunk)

    async def close(self) -> None:
        for reader in self._readers:
            reader.cancel()
        await self._manager.__aexit__(None, None, None)


async def connect(url: str, heard: Heard) -> Talk:
    model = OpenAIRealtimeModel("gpt-realtime", provider=OpenAIProvider(base_url=f"{url}/v1", api_key="none"))
    manager = Agent().realtime(model).session()
    return Talk(manager, await manager.__aenter__(), heard)
