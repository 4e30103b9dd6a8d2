"""What a contestant adds to a turn: from the first sound of a reply leaving the server to its being in the application's hands.

Time on the wall, on a machine that is idle but for this: the server's write, the kernel, the event loop that wakes, the package. What is
over the raw loop is the package's own. For the engine the hands are the sink's.
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
    percentile,
    staged,
)
from benchmarks.result import Result

DELTAS, MS = 5, 20


def first_sound(server: Server, worker: Process) -> float:
    """Seconds for one reply."""
    worker.ask("receive", size=DELTAS * MS * 48)
    sent = server.control("play", count=DELTAS, ms=MS)["at"]
    first: float = worker.answer()["first"]
    return first - float(sent)


def measure(*, quick: bool) -> Result:
    rounds = 20 if quick else 100
    result = Result("turn", quick=quick)
    turns: dict[str, Callable[[], float]] = {}
    with contextlib.ExitStack() as stack:
        for entrant in ENTRANTS:
            LOG.info("opening %s", entrant.name)
            try:
                server, worker = stack.enter_context(staged(entrant))
                first_sound(server, worker)
            except (Missing, Failed) as why:
                result.absent[entrant.name] = str(why)
                continue
            turns[entrant.name] = partial(first_sound, server, worker)
        found = interleaved(turns, rounds, result.absent)
    result.add("first sound of a reply", "ms", found, RAW.name, scale=1e3)
    slow = {name: [percentile(values, 99)] for name, values in found.items()}
    result.add("first sound of a reply, 99 of 100", "ms", slow, RAW.name, scale=1e3)
    return result
