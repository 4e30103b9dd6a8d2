"""The one clock: Unix seconds that never step back, in the running loop's time. In virtual time it is virtual."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

SAME_S: Final = 0.1  # uvloop's time is that of its last look


def loop_clock() -> Callable[[], float]:
    """A clock that agrees with the wall when it is first read, and with the running loop from there."""
    read: Callable[[], float] | None = None
    offset = 0.0

    def now() -> float:
        # A reading for each frame that comes: a third of the cost where the loop need not be asked.
        return first() if read is None else read() + offset

    def first() -> float:
        nonlocal read, offset
        system, running = time.monotonic(), _running()
        read = time.monotonic if abs(system - running) < SAME_S else _running
        offset = time.time() - read()
        return now()

    return now


def _running() -> float:
    return asyncio.get_running_loop().time()
