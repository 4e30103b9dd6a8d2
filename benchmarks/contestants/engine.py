"""This library, whole: `VoiceEngine.run` between a source and a sink that take no time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from benchmarks.contestants import Heard
from voicechatengine import AudioFormat, OpenAIConfig, OpenAIProvider, VoiceEngine


class Source:
    """Gives what `put` asks for."""

    open_air = False

    def __init__(self) -> None:
        self.format = AudioFormat()
        self._chunk = b""
        self._left = 0
        self._more = asyncio.Event()

    def put(self, chunk: bytes, times: int) -> None:
        self._chunk = chunk
        self._left += times
        self._more.set()

    async def read(self) -> bytes:
        while not self._left:
            self._more.clear()
            await self._more.wait()
        self._left -= 1
        return self._chunk

    async def close(self) -> None:
        self._chunk, self._left = b"", 1
        self._more.set()


class Sink:
    """Plays at once; `flushed` is called when it falls silent."""

    open_air = False

    def __init__(self, heard: Heard) -> None:
        self.format = AudioFormat()
        self.position = 0
        self.flushed: Callable[[], object] = lambda: None
        self._heard = heard

    async def write(self, audio: bytes) -> None:
        self.position += len(audio) // 2
        self._heard(audio)

    def flush(self) -> None:
        self.flushed()

    async def drain(self) -> None:
        return

    async def close(self) -> None:
        return


class Whole:
    def __init__(self, engine: VoiceEngine, heard: Heard):
        self._engine = engine
        self._source = Source()
        self.sink = Sink(heard)
        self._running = asyncio.create_task(engine.run(self._source, self.sink, half_duplex=False))

    async def send(self, chunk: bytes, times: int) -> None:
        self._source.put(chunk, times)

    async def close(self) -> None:
        self._running.cancel()
        await asyncio.wait([self._running])
        await self._engine.__aexit__(None, None, None)


async def connect(url: str, heard: Heard) -> Whole:
    engine = VoiceEngine(OpenAIProvider(OpenAIConfig(api_key="none", url=url, transcription=None)))
    await engine.__aenter__()
    return Whole(engine, heard)
