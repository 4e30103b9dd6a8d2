"""The path of audio: CPU time for each delta of 20 ms from the socket to the application, and for each chunk from it to the socket.

Everybody talks to the same server, each in a process of its own, in turns. A delta counts once it is in the application's hands as
bytes, a chunk once the server has it. In bursts, as vendors send them, the event loop wakes for many at a time; a delta that comes
alone wakes it each time, which costs everybody the same. livekit-agents sends 100 ms at a time: its figure is a fifth of that.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial

from benchmarks.harness import (
    ENTRANTS,
    LOG,
    RAW,
    Failed,
    Missing,
    Process,
    Server,
    interleaved,
    staged,
)
from benchmarks.result import Result

DELTA = 960  # bytes of 20 ms
ALONE = 16  # so many times fewer deltas come alone: they take 2 ms each
TITLES = {
    "burst": "received delta of 20 ms, in bursts",
    "alone": "received delta of 20 ms, alone",
    "sent": "sent chunk of 20 ms",
}
LIVEKIT_HOLDS = 4_800  # bytes: it sends 100 ms at a time, so the last may be short of that


def receive(server: Server, worker: Process, count: int, gap: float) -> float:
    """CPU seconds for each delta."""
    worker.ask("receive", size=count * DELTA)
    server.control("play", count=count, ms=20, gap=gap)
    cpu: float = worker.answer()["cpu"]
    return cpu / count


def send(server: Server, worker: Process, count: int) -> float:
    """CPU seconds for each chunk."""
    server.control("arm", size=count * DELTA - LIVEKIT_HOLDS)
    cpu: float = worker.ask("send", times=count)["cpu"]
    return cpu / count


def measure(*, quick: bool) -> Result:
    count, rounds = (2_000, 5) if quick else (10_000, 11)
    result = Result("path", quick=quick)
    ways: dict[str, dict[str, Callable[[], float]]] = {"burst": {}, "alone": {}, "sent": {}}
    with contextlib.ExitStack() as stack:
        for entrant in ENTRANTS:
            LOG.info("opening %s", entrant.name)
            try:
                server, worker = stack.enter_context(staged(entrant))
                send(server, worker, 100)
                receive(server, worker, 100, 0.0)
            except (Missing, Failed) as why:
                result.absent[entrant.name] = str(why)
                continue
            ways["burst"][entrant.name] = partial(receive, server, worker, count, 0.0)
            ways["alone"][entrant.name] = partial(receive, server, worker, count // ALONE, 0.002)
            ways["sent"][entrant.name] = partial(send, server, worker, count)
        for way, contestants in ways.items():
            LOG.info("%s", TITLES[way])
            living = {name: measure for name, measure in contestants.items() if name not in result.absent}
            found = interleaved(living, rounds, result.absent)
            result.add(TITLES[way], "µs", found, RAW.name, scale=1e6, rounds_too=True)
    return result
