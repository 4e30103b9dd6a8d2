"""The one clock: Unix seconds that never step back, in the running loop's time. In virtual time it is virtual."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


def loop_clock() -> Callable[[], float]:
    """A clock that agrees with the wall when it is first read, and with the running loop from there."""
    offset: float | None = None

    def now() -> float:
        nonlocal offset
        running = asyncio.get_running_loop().time()
        if offset is None:
            offset = time.time() - running
        return running + offset

    return now
