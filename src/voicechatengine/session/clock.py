"""The one clock: Unix seconds that never step back, in the running loop's time. In virtual time it is virtual."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

SAME_S: Final = 0.1  # uvloop's time is that of its last look


def loop_clock() -> Callable[[], float]:
    """A clock that agrees with the wall when it is first read, and with the running loop from there."""
    offset: float | None = None
    monotonic = False  # the loop's time is the system's monotonic clock

    def now() -> float:
        nonlocal offset, monotonic
        # A reading for each frame that comes: a third of the cost where the loop need not be asked.
        if monotonic and offset is not None:
            return time.monotonic() + offset
        running = asyncio.get_running_loop().time()
        if offset is None:
            system = time.monotonic()
            monotonic = abs(system - running) < SAME_S
            running = system if monotonic else running
            offset = time.time() - running
        return running + offset

    return now
