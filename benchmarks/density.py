"""Density: how many conversations at real time one process holds, and what memory each takes.

Every session hears a delta each 20 ms and sends a chunk each 20 ms, each by a task of its own, as applications do.

Sessions until late: the most with which the tick is not more than 25 ms late (99 of 100) and the core is not full, found by halving.
Late counts as far as the process itself was at work (see `worker.py`), and what is late is tried again: other work on the machine
can make a try late, and none can make one early. Sessions by CPU time: what would fill a core, from the share of it that a load of about
two thirds takes; pauses do not count. Both are found in one turn of half a minute, by the same process.

Memory is the resident set of the process with idle sessions: what each session more adds to it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from benchmarks.harness import (
    ENTRANTS,
    LOG,
    RAW,
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
HIGH = 1.5  # times what would fill a core by CPU time (which falls with the load): nobody holds so many
MEMORY = (1, 50, 100, 200, 400)

Point = tuple[int, float, float]
"""Sessions, lateness (99th percentile, s), share of a core."""


class Held(NamedTuple):
    """What a contestant holds: sessions until late and by CPU time, and how it went."""

    late: float
    cpu: float
    way: list[Point]


def strain(late: float, core: float) -> float:
    """How near it is to the limit: 1 is at it."""
    return max(late / LATE_S, core / FULL)


def in_time(found: Mapping[str, float]) -> bool:
    """Whether a probe says so."""
    return strain(found["own"], found["core"]) < 1


def halved(low: int, high: int, probes: int, holds: Callable[[int], bool]) -> int:
    """The most that holds, between what does and what does not, as near as so many probes tell."""
    for _ in range(probes):
        middle = (low + high) // 2
        if middle in (low, high):
            break
        if holds(middle):
            low = middle
        else:
            high = middle
    return low


class Stage:
    """A contestant with sessions, as many as were asked for at most."""

    def __init__(self, server: Server, worker: Process, seconds: float) -> None:
        self._server = server
        self._worker = worker
        self._seconds = seconds
        self._opened = 0
        self.way: list[Point] = []

    def probe(self, count: int) -> dict[str, float]:
        """So many sessions talk."""
        self._server.control("stop")
        if count > self._opened:
            self._worker.ask("open", count=count - self._opened)
            self._opened = count
        self._server.control("stream", ms=20, count=count)
        found: dict[str, float] = self._worker.ask("talk", seconds=self._seconds, count=count)
        if found["done"] < KEEPS_UP:
            found["core"] = max(1.0, found["core"])
        self.way.append((count, found["own"], found["core"]))
        return found

    def tried(self, count: int) -> dict[str, float]:
        """So many, until they are in time in one of some tries; gives that one, or the last."""
        found = self.probe(count)
        for _ in range(TRIES - 1):
            if in_time(found):
                break
            self.way.pop()
            found = self.probe(count)
        return found

    def holds(self, count: int) -> bool:
        """Whether so many are in time."""
        return in_time(self.tried(count))


def hold(entrant: Entrant, seconds: float, probes: int) -> Held:
    """One turn of a contestant."""
    with staged(entrant, sessions=0) as (server, worker):
        stage = Stage(server, worker, seconds)
        count, found = FIRST, stage.tried(FIRST)
        load = min(MOST, int(LOAD * FIRST / found["core"]))
        if load > FIRST:
            count, found = load, stage.tried(load)
        cpu = count * min(1.0, found["done"]) * FULL / found["core"]
        low, high = (count, max(count + 1, int(cpu * HIGH))) if in_time(found) else (1, count)
        late = halved(low, high, probes, stage.holds)
        return Held(late, cpu, sorted(stage.way))


def memory(entrant: Entrant, counts: Sequence[int]) -> list[tuple[float, float]]:
    """MB in use, by sessions."""
    points: list[tuple[float, float]] = []
    with staged(entrant, sessions=0) as (_, worker):
        for count in counts:
            worker.ask("open", count=count - int(points[-1][0] if points else 0))
            points.append((count, worker.ask("memory")["rss"] / 1e6))
    return points


def measure(*, quick: bool) -> Result:
    seconds, rounds, probes = (1.5, 1, 3) if quick else (2.0, 3, 5)
    counts = MEMORY[:3] if quick else MEMORY
    result = Result("density", quick=quick)
    curves: dict[str, list[tuple[float, float]]] = {}
    each: dict[str, list[float]] = {}
    turns: dict[str, Callable[[], Held]] = {}
    for entrant in ENTRANTS:
        LOG.info("memory of %s", entrant.name)
        try:
            curve = memory(entrant, counts)
        except (Missing, Failed) as why:
            result.absent[entrant.name] = str(why)
            continue
        curves[entrant.name] = curve
        steps = itertools.pairwise(curve)
        each[entrant.name] = [1000 * (more - less) / (there - here) for (here, less), (there, more) in steps]
        turns[entrant.name] = partial(hold, entrant, seconds, probes)
    found = interleaved(turns, rounds, result.absent, warm_up=False)
    late = {name: [held.late for held in rounds] for name, rounds in found.items()}
    cpu = {name: [held.cpu for held in rounds] for name, rounds in found.items()}
    ways = {name: rounds[-1].way for name, rounds in found.items()}
    result.add("sessions on one core, until late", "sessions", late, RAW.name, rounds_too=True)
    result.add("sessions on one core, by CPU time", "sessions", cpu, RAW.name, rounds_too=True)
    result.add("memory of an idle session", "kB", each, RAW.name)
    result.curves["MB by sessions"] = curves
    result.curves["ms late (99 of 100) by sessions"] = {
        name: [(sessions, 1000 * delay) for sessions, delay, _ in way] for name, way in ways.items()
    }
    result.curves["share of a core by sessions"] = {
        name: [(sessions, core) for sessions, _, core in way] for name, way in ways.items()
    }
    return result
