"""A process with engines whose user interrupts: when `speech_started` came, when the sink fell silent, when the cancel was out.

The first session is the one that is interrupted; its transport notes what passes. The others only talk. See `worker.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from benchmarks.contestants.engine import Whole
from benchmarks.worker import PATIENCE_S, Worker, run
from voicechatengine import OpenAIConfig, OpenAIProvider, VoiceEngine
from voicechatengine.session.aiohttp_transport import WebSocketTransport, connect_websocket
from voicechatengine.session.dialect import Close, Endpoint


def now() -> tuple[float, float]:
    """Seconds on the wall, and of CPU time."""
    return time.perf_counter(), time.process_time()


class Noting:
    """A transport that notes when the user's speech came, and when the cancel of the reply had gone out."""

    def __init__(self, inner: WebSocketTransport) -> None:
        self._inner = inner
        self.came = self.cancelled = (0.0, 0.0)
        self.done = asyncio.Event()

    async def pump(self, on_frame: Callable[[bytes | str], None], /) -> Close:
        def note(frame: bytes | str) -> None:
            if isinstance(frame, bytes) and b"speech_started" in frame[:120]:
                self.came = now()
            on_frame(frame)

        return await self._inner.pump(note)

    async def send(self, data: bytes, binary: bool, /) -> None:
        await self._inner.send(data, binary)
        if b"response.cancel" in data[:120]:
            self.cancelled = now()
            self.done.set()

    async def close(self, close: Close, /) -> None:
        await self._inner.close(close)


class Interrupted(Worker):
    """Opens engines; the first is watched."""

    watched: Noting
    whole: Whole

    async def do_watch(self) -> dict[str, Any]:
        """Opens the session that is interrupted. First of all: the server knows it by its number."""

        async def connect(endpoint: Endpoint) -> Noting:
            self.watched = Noting(await connect_websocket(endpoint))
            return self.watched

        engine = VoiceEngine(
            OpenAIProvider(OpenAIConfig(api_key="none", url=self.url, transcription=None), connector=connect)
        )
        await engine.__aenter__()
        self.whole = Whole(engine, self.ear.heard)
        self.sessions.append(self.whole)
        return {}

    async def do_cut(self) -> dict[str, Any]:
        """Says "ready", then waits for the user's speech; gives the seconds from its arrival to the silence and to the cancel, on the
        wall and of this process's own work.
        """
        silent: list[tuple[float, float]] = []
        self.whole.sink.flushed = lambda: silent.append(now())
        self.watched.done.clear()
        self.say({"ready": True})
        async with asyncio.timeout(PATIENCE_S):
            await self.watched.done.wait()
        came, out = self.watched.came, self.watched.cancelled
        return {
            "flush": silent[0][0] - came[0],
            "flush_own": silent[0][1] - came[1],
            "cancel": out[0] - came[0],
            "cancel_own": out[1] - came[1],
        }


if __name__ == "__main__":
    run(Interrupted)
