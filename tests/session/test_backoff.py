"""When to try again, and when to stop."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from voicechatengine import Retry
from voicechatengine.session.backoff import Backoff


class Longest(random.Random):
    """Chance that always chooses the longest wait."""

    def uniform(self, a: float, b: float) -> float:
        return b


@given(st.integers(), st.integers(0, 12), st.floats(0.01, 2), st.floats(2, 30))
def test_delays_grow_within_their_jitter_and_attempts_end(seed, attempts, base, cap):
    backoff = Backoff(Retry(attempts=attempts, base=base, cap=cap, budget=1e9), random.Random(seed))
    backoff.dropped(0)
    for n in range(attempts):
        delay = backoff.next_delay(0)
        assert delay is not None
        assert 0 <= delay <= min(cap, base * 2**n)
    assert backoff.next_delay(0) is None


def test_the_longest_waits_double_up_to_the_cap():
    backoff = Backoff(Retry(attempts=5, base=0.5, cap=3.0, budget=1e9), Longest())
    assert backoff.attempt == 0
    backoff.dropped(0)
    assert [backoff.next_delay(0) for _ in range(6)] == [0.5, 1.0, 2.0, 3.0, 3.0, None]
    assert backoff.attempt == 5


def test_a_success_begins_the_count_anew():
    backoff = Backoff(Retry(attempts=1), random.Random(0))
    backoff.dropped(0)
    assert backoff.next_delay(0) is not None
    assert backoff.next_delay(1) is None
    backoff.dropped(50)
    assert backoff.next_delay(50) is not None
    assert backoff.attempt == 1


def test_the_budget_counts_from_the_loss_and_includes_the_wait_that_the_vendor_asks_for():
    backoff = Backoff(Retry(budget=60), random.Random(0))
    backoff.dropped(1000)
    assert backoff.next_delay(1010, at_least=30) == 30
    assert backoff.next_delay(1030, at_least=30) == 30
    assert backoff.next_delay(1035, at_least=30) is None


def test_drops_that_come_too_often_end_it_and_rare_ones_never():
    often, rare = (Backoff(Retry(drops=3, window=100), random.Random(0)) for _ in range(2))
    for n in range(4):
        often.dropped(n * 10)
        rare.dropped(n * 60)
    assert often.next_delay(30) is None
    assert rare.next_delay(180) is not None


def test_only_the_last_drops_count_and_only_those_within_the_window():
    """One long ago neither hides that the later ones were too many, nor makes them so."""
    many, few = (Backoff(Retry(drops=3, window=100), random.Random(0)) for _ in range(2))
    for at in (0, 200, 210, 220, 230):
        many.dropped(at)
    for at in (0, 90, 95, 100):
        few.dropped(at)
    assert many.next_delay(230) is None
    assert few.next_delay(100) is not None
