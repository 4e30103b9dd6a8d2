"""A contestant in a process of its own: ``python -m benchmarks.worker CONTESTANT URL [--uvloop]``.

It is told what to do by lines of JSON on its standard input, and answers each with one line. CPU time is that of the whole
process, threads and all.
"""

from __future__ import annotations

import asyncio
import bisect
import gc
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from benchmarks.contestants import Session
from benchmarks.harness import percentile

CHUNK = bytes(960)  # 20 ms
TICK_S = 0.02
PATIENCE_S = 120.0


class Ear:
    """Counts what is heard, and wakes who waits for so much of it."""

    def __init__(self) -> None:
        self.bytes = 0
        self.first_at = 0.0
        self._target = 0
        self._reached = asyncio.Event()

    def heard(self, audio: bytes) -> None:
        if not self.first_at:
            self.first_at = time.monotonic()
        self.bytes += len(audio)
        if self.bytes >= self._target:
            self._reached.set()

    def expect(self, size: int) -> None:
        """From now on, so many bytes."""
        self.first_at = 0.0
        self._target = self.bytes + size
        self._reached.clear()

    async def wait(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self._reached.wait()


def resident() -> int:
    """Bytes of memory that this process holds."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Worker:
    """What a contestant can be asked for: each ``do_…`` gives its answer."""

    def __init__(self, contestant: str, url: str, out: TextIO) -> None:
        self._name = contestant
        self.url = url
        self._out = out
        self.ear = Ear()
        self.sessions: list[Session] = []
        self._chatter: list[asyncio.Task[None]] = []

    def say(self, answer: dict[str, Any]) -> None:
        print(json.dumps(answer), file=self._out, flush=True)

    async def do_open(self, count: int) -> dict[str, Any]:
        """Opens so many sessions more. Says what is missing if the package is not there."""
        try:
            module = importlib.import_module(f"benchmarks.contestants.{self._name}")
        except ImportError as error:
            return {"missing": str(error)}
        before = time.perf_counter()
        for _ in range(count):
            self.sessions.append(await module.connect(self.url, self.ear.heard))
        return {"seconds": time.perf_counter() - before}

    async def do_receive(self, size: int) -> dict[str, Any]:
        """CPU seconds until so many bytes are heard; says "ready" first."""
        self.ear.expect(size)
        gc.collect()
        began = time.process_time()
        self.say({"ready": True})
        await self.ear.wait()
        return {"cpu": time.process_time() - began, "first": self.ear.first_at}

    async def do_send(self, times: int) -> dict[str, Any]:
        """CPU seconds for sending so many chunks, until the server (which is armed) answers that it has them."""
        self.ear.expect(1)
        gc.collect()
        began = time.process_time()
        await self.sessions[0].send(CHUNK, times)
        await self.ear.wait()
        return {"cpu": time.process_time() - began}

    async def do_memory(self) -> dict[str, Any]:
        """Bytes in use."""
        return {"rss": resident()}

    async def do_talk(self, seconds: float, count: int, warm_up: float = 0.5) -> dict[str, Any]:
        """So many sessions send a chunk each 20 ms: how late they are, the share of a core, and of what was to be done.

        `own` is the part of being late in which this process was at work: CPU seconds between when the tick was due and when it
        came. The rest is that of others on the machine, who had the core.
        """
        late: list[float] = []
        own: list[float] = []
        ticks = 0
        walls, cpus = [0.0], [time.process_time()]
        loop = asyncio.get_running_loop()
        begin = loop.time() + 0.1
        counts_from = begin + warm_up

        async def speak(session: Session, index: int) -> None:
            nonlocal ticks
            due = begin + TICK_S * index / count
            while due < counts_from + seconds:
                await asyncio.sleep(due - loop.time())
                now, cpu = loop.time(), time.process_time()
                if due >= counts_from:
                    late.append(now - due)
                    own.append(min(now - due, cpu - cpus[bisect.bisect(walls, due) - 1]))
                walls.append(now)
                cpus.append(cpu)
                await session.send(CHUNK, 1)
                ticks += 1
                due += TICK_S

        tasks = [
            asyncio.create_task(speak(session, index)) for index, session in enumerate(self.sessions[:count])
        ]
        await asyncio.sleep(counts_from - loop.time())
        cpu, heard, said, wall = time.process_time(), self.ear.bytes, ticks, loop.time()
        await asyncio.sleep(seconds)
        wall = loop.time() - wall
        used = time.process_time() - cpu
        whole = wall / TICK_S * count  # deltas to be heard, and chunks to be sent
        done = min((self.ear.bytes - heard) / len(CHUNK), ticks - said)
        await asyncio.gather(*tasks)
        return {
            "late": percentile(late, 99),
            "own": percentile(own, 99),
            "core": used / wall,
            "done": done / whole,
        }

    async def do_chatter(self, count: int) -> dict[str, Any]:
        """The last so many sessions send a chunk each 20 ms from now on, while other things are done."""
        loop = asyncio.get_running_loop()

        async def speak(session: Session, due: float) -> None:
            while True:
                await asyncio.sleep(due - loop.time())
                await session.send(CHUNK, 1)
                due = max(due + TICK_S, loop.time() - 1)

        for index, session in enumerate(self.sessions[len(self.sessions) - count :]):
            due = loop.time() + TICK_S * index / count
            self._chatter.append(asyncio.create_task(speak(session, due)))
        return {}


async def serve(worker: Worker) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        asked = json.loads(line)
        try:
            answer = await getattr(worker, f"do_{asked.pop('do')}")(**asked)
        except Exception as error:  # noqa: BLE001 - whatever it is, the row tells it
            answer = {"failed": repr(error)}
        worker.say(answer)
    os._exit(0)  # some leave threads and tasks that never end


def run(worker_class: type[Worker] = Worker) -> None:
    """The process: its standard output is for answers alone, whatever a package prints."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    contestant, url, *rest = sys.argv[1:]
    factory = None
    if "--uvloop" in rest:
        import uvloop  # noqa: PLC0415 - an extra

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(worker_class(contestant, url, out)))


if __name__ == "__main__":
    run()
