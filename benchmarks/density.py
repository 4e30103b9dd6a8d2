"""Density: how many conversations at real time one process holds, and what memory each takes.

Every session hears a delta each 20 ms and sends a chunk each 20 ms, each by a task of its own, as applications do.

Sessions until late: the most with which the tick is not more than 25 ms late (99 of 100) and the core is not full, found by halving.
Late counts as far as the process itself was at work (see `worker.py`), and what is late is tried again: other work on the machine
can make a try late, and none can make one early. Sessions by CPU time: what would fill a core, from the share of it that a load of about two thirds takes; pauses do not count.

Memory is the resident set of the process with idle sessions: what each session more adds to it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

from benchmarks.harness import (
    OURS,
    PEERS,
    RAW,
    WITH_UVLOOP,
    Entrant,
    Failed,
    Missing,
    Process,
    Server,
    interleaved,
    staged,
)
from benchmarks.result import Result

LATE_S = 0.025
FULL = 0.97  # of a core: beyond, it only falls behind
KEEPS_UP = 0.9  # of what was to be heard and sent: less, and it falls behind
TRIES = 2
FIRST, LOAD, MOST = 20, 0.65, 500
MEMORY = (1, 50, 100, 200, 400)

Point = tuple[int, float, float]
"""Sessions, lateness (99th percentile, s), share of a core."""


def strain(late: float, core: float) -> float:
    """How near it is to the limit: 1 is at it."""
    return max(late / LATE_S, core / FULL)


def probe(server: Server, worker: Process, count: int, seconds: float) -> dict[str, float]:
    """So many of the open sessions talk."""
    server.control("stop")
    server.control("stream", ms=20, count=count)
    found: dict[str, float] = worker.ask("talk", seconds=seconds, count=count)
    if found["done"] < KEEPS_UP:
        found["core"] = max(1.0, found["core"])
    return found


def by_cpu(entrant: Entrant, seconds: float) -> float:
    """The sessions that fill a core."""
    with staged(entrant, sessions=FIRST) as (server, worker):
        found = probe(server, worker, FIRST, seconds)
        count = max(FIRST, min(MOST, int(LOAD * FIRST / found["core"])))
        if count > FIRST:
            worker.ask("open", count=count - FIRST)
            found = probe(server, worker, count, seconds)
        return count * min(1.0, found["done"]) * FULL / found["core"]


def until_late(entrant: Entrant, seconds: float, probes: int, about: float, kept: list[Point]) -> float:
    """The most sessions of a contestant that fills a core with `about` so many; `kept` gets how it went."""
    kept.clear()
    low, high, opened = 0, int(about * 1.2), 0
    with staged(entrant, sessions=0) as (server, worker):
        for _ in range(probes):
            count = max(1, (low + high) // 2)
            worker.ask("open", count=max(0, count - opened))
            opened = max(opened, count)
            tries: list[dict[str, float]] = []
            while len(tries) < TRIES and (not tries or strain(tries[-1]["own"], tries[-1]["core"]) >= 1):
                tries.append(probe(server, worker, count, seconds))
            found = tries[-1]
            kept.append((count, found["own"], found["core"]))
            if strain(found["own"], found["core"]) < 1:
                low = count
            else:
                high = count
    kept.sort()
    return max(1, low)


def memory(entrant: Entrant, counts: Sequence[int]) -> list[tuple[float, float]]:
    """MB in use, by sessions."""
    points: list[tuple[float, float]] = []
    with staged(entrant, sessions=0) as (_, worker):
        for count in counts:
            worker.ask("open", count=count - int(points[-1][0] if points else 0))
            points.append((count, worker.ask("memory")["rss"] / 1e6))
    return points


def measure(*, quick: bool) -> Result:
    seconds, rounds, probes = (1.5, 1, 4) if quick else (3.0, 3, 5)
    counts = MEMORY[:3] if quick else MEMORY
    result = Result("density", quick=quick)
    curves: dict[str, list[tuple[float, float]]] = {}
    each: dict[str, list[float]] = {}
    present: list[Entrant] = []
    for entrant in (RAW, *OURS, *WITH_UVLOOP, *PEERS):
        try:
            curve = memory(entrant, counts)
        except (Missing, Failed) as why:
            result.absent[entrant.name] = str(why)
            continue
        present.append(entrant)
        curves[entrant.name] = curve
        steps = itertools.pairwise(curve)
        each[entrant.name] = [1000 * (more - less) / (there - here) for (here, less), (there, more) in steps]
    cpu: dict[str, Callable[[], float]] = {one.name: partial(by_cpu, one, seconds) for one in present}
    filled = interleaved(cpu, rounds, warm_up=False)
    ways: dict[str, list[Point]] = {one.name: [] for one in present}
    late: dict[str, Callable[[], float]] = {
        one.name: partial(until_late, one, seconds, probes, median(filled[one.name]), ways[one.name])
        for one in present
    }
    found = interleaved(late, rounds, warm_up=False)
    result.add("sessions on one core, until late", "sessions", found, RAW.name)
    result.add("sessions on one core, by CPU time", "sessions", filled, RAW.name)
    result.add("memory of an idle session", "kB", each, RAW.name)
    result.curves["MB by sessions"] = curves
    result.curves["ms late (99 of 100) by sessions"] = {
        name: [(sessions, 1000 * delay) for sessions, delay, _ in way] for name, way in ways.items()
    }
    result.curves["share of a core by sessions"] = {
        name: [(sessions, core) for sessions, _, core in way] for name, way in ways.items()
    }
    return result
