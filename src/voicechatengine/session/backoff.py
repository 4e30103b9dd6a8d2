"""When to try a lost connection again, and when to stop trying. Arithmetic on times that it is given; it waits for nothing."""

from __future__ import annotations

import random
from collections import deque

from voicechatengine.provider import Retry


class Backoff:
    """When to try again, or that it is time to give up: exponential with full jitter, within a budget."""

    def __init__(self, retry: Retry, rng: random.Random) -> None:
        self._retry = retry
        self._rng = rng
        self._drops: deque[float] = deque(maxlen=retry.drops + 1)
        self._since = 0.0
        self.attempt: int = 0

    def dropped(self, now: float) -> None:
        """A connection that worked was lost."""
        self._drops.append(now)
        self._since = now
        self.attempt = 0

    def next_delay(self, now: float, at_least: float = 0.0) -> float | None:
        """Seconds until the next attempt; None when it is time to give up."""
        retry = self._retry
        often = len(self._drops) > retry.drops and now - self._drops[0] < retry.window
        if often or self.attempt >= retry.attempts:
            return None
        delay = max(at_least, self._rng.uniform(0.0, min(retry.cap, retry.base * 2.0**self.attempt)))
        if now + delay - self._since > retry.budget:
            return None
        self.attempt += 1
        return delay
