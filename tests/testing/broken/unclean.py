"""A dialect that looks at the clock. It is right in all else."""

from __future__ import annotations

import time

from toy_wire import ToyClient


class LooksAtTheClock(ToyClient):
    """Time is not an argument."""

    def deadline(self) -> float | None:
        return None if self.due is None else self.due + time.time() * 0
