"""The one clock: Unix seconds that never step back, in the running loop's time. In virtual time it is virtual."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

SAME_S: Final = 0.1  # uvloop's time is that of its last look

_monotonic: Final = time.monotonic
_offset = float("-inf")  # of the wall, from the system's monotonic time


def loop_clock() -> Callable[[], float]:
    """A clock that agrees with the wall now, and with the running loop from there; before a loop runs: when it is first read."""
    try:
        return _clock()
    except RuntimeError:  # no loop runs yet
        read: Callable[[], float] | None = None

    def now() -> float:
        nonlocal read
        if read is None:
            read = _clock()
        return read()

    return now


def _clock() -> Callable[[], float]:
    global _offset  # noqa: PLW0603 - it is of the machine
    running = asyncio.get_running_loop().time()
    if abs(_monotonic() - running) < SAME_S:
        _offset = max(_offset, time.time() - _monotonic())  # it may be ahead: the machine slept
        return _system
    offset = time.time() - running
    return lambda: asyncio.get_running_loop().time() + offset


def _system() -> float:
    """Every loop but a virtual one: one function for all sessions, so that it is at hand when each of them has its turn."""
    return _monotonic() + _offset
