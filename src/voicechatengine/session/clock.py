"""The one clock: Unix seconds that never step back, in the running loop's time. In virtual time it is virtual."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


def loop_clock() -> Callable[[], float]:
    """A clock that agrees with the wall when it is first read, and with the running loop from there."""
    offset: float | None = None
    plain = False  # the loop's time is the monotonic clock

    def now() -> float:
        nonlocal offset, plain
        # Three readings for each frame that comes: a third of the cost where the loop need not be asked.
        if plain and offset is not None:
            return time.monotonic() + offset
        loop = asyncio.get_running_loop()
        running = loop.time()
        if offset is None:
            offset = time.time() - running
            plain = type(loop).time is asyncio.BaseEventLoop.time
        return running + offset

    return now
