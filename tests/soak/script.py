"""A conversation as data: what the user does step by step, and what goes wrong at which step. From one integer, or pasted.

Steps, each a tuple:
    ("text", words)                     a written turn, answered in so many words
    ("speak", ms)                       a spoken turn (by hand: between start_turn and end_turn)
    ("double", ms, gap_ms, ms)          two spoken turns, the second soon after the first
    ("tools", calls, ms)                a written turn; so many parallel calls, of which each takes so long
    ("barge", words, after_ms, ms)      speech of `ms` when so much of a reply was heard
    ("interrupt", words, after_ms)      interrupt() at that point
    ("stop_tools", calls, ms, after_ms) interrupt() while tools run
    ("update", n)                       new instructions
    ("pause", ms)

Faults, each ``(step, kind, n)``, armed when the step begins; -1 is before connect(). `n` counts frames from then on:
    drop_sent, drop_received   the connection is cut after n frames to, or from, the client
    close                      the service closes it properly after n frames to the client
    delay                      each frame to the client is held back n ms during this step
    duplicate                  the n-th frame to the client that is no audio and no text comes twice
    dial                       a connection takes n ms to be made, from now on
    words                      the words of what the user said come n ms late
    late                       when the client closes a connection, its frames go on coming for n ms
    error, garbage             the service says that something failed, or nonsense, after n frames to the client
    rate                       the next n requests for a reply are refused
    refuse, limit              the next n handshakes fail, or are refused with 429
    slow                       a subscriber of events that reads one in n ms
"""

from __future__ import annotations

import random
from typing import NamedTuple

Step = tuple[str | int, ...]
Fault = tuple[int, str, int]

CUTS = ("drop_sent", "drop_received", "close")


class Script(NamedTuple):
    """One conversation. `limit_s` is the vendor's limit of a session (None: an hour); `manual`: push to talk."""

    seed: int
    steps: tuple[Step, ...]
    faults: tuple[Fault, ...] = ()
    manual: bool = False
    limit_s: float | None = None
    muted: bool = True  # the microphone gives nothing while nobody speaks, which is quick; else silence

    def __str__(self) -> str:
        lines = [f"Script(\n    seed={self.seed},\n    steps=("]
        lines += [f"        {step!r}," for step in self.steps]
        lines.append("    ),")
        if self.faults:
            lines += ["    faults=(", *(f"        {fault!r}," for fault in self.faults), "    ),"]
        for name in ("manual", "limit_s", "muted"):
            if getattr(self, name) != self._field_defaults[name]:
                lines.append(f"    {name}={getattr(self, name)!r},")
        return "\n".join([*lines, ")"])


def generate(seed: int) -> Script:
    """The script of this seed, always the same."""
    rng = random.Random(f"soak {seed}")
    steps = tuple(_step(rng) for _ in range(rng.randint(2, 7)))
    manual = rng.random() < 0.3
    limit = rng.choice((None, None, 61.0, 64.0, 70.0, 63.0 + rng.random() * 20))
    # Every step index is hit by something sooner or later; some conversations have no fault at all.
    faults = tuple(sorted(_fault(rng, len(steps)) for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 4)))))
    # A session that lasts no longer than it takes to open one is nobody's limit.
    if limit is not None and any(kind == "delay" for _, kind, _ in faults):
        limit += 30
    return Script(seed, steps, faults, manual, limit, rng.random() < 0.8)


def _step(rng: random.Random) -> Step:
    words, ms = rng.randint(1, 10), rng.randrange(200, 1_600, 20)
    after = rng.randrange(0, 2_500, 10)
    kinds: tuple[Step, ...] = (
        ("text", words),
        ("speak", ms),
        ("speak", rng.choice((ms, ms, ms * 4))),
        ("double", ms, rng.randrange(0, 1_500, 20), rng.randrange(200, 1_600, 20)),
        ("tools", rng.randint(1, 3), rng.choice((0, 0, 100, 700, 2_000))),
        ("barge", words + 3, after, ms),
        ("interrupt", words + 3, after),
        ("stop_tools", rng.randint(1, 3), 2_000, rng.randrange(0, 2_500, 50)),
        ("update", rng.randint(1, 99)),
        ("pause", rng.randrange(0, 9_000, 100)),
    )
    return rng.choice(kinds)


def _fault(rng: random.Random, steps: int) -> Fault:
    at = rng.randrange(-1, steps)
    few, many = rng.randint(1, 12), rng.randint(1, 90)
    kinds: tuple[tuple[str, int], ...] = (
        ("drop_sent", rng.choice((few, many))),
        ("drop_sent", rng.choice((few, many))),
        ("drop_received", rng.choice((few, many))),
        ("drop_received", rng.choice((few, many, 2 * many))),
        ("drop_sent", few),
        ("close", rng.choice((few, many))),
        ("delay", rng.randint(1, 60)),  # of a whole reply it makes a second
        ("duplicate", few),
        ("late", rng.randint(10, 1_500)),
        ("dial", rng.randint(50, 2_000)),
        ("words", rng.choice((300, 1_500, 6_000))),
        ("error", few),
        ("garbage", few),
        ("rate", rng.randint(1, 2)),
        ("refuse", rng.randint(1, 4)),
        ("limit", rng.randint(1, 2)),
        ("slow", rng.randint(20, 2_000)),
    )
    kind, n = rng.choice(kinds)
    if kind in ("refuse", "limit"):
        at = max(at, 0)  # the first handshake is nobody's promise
    return (at, kind, n)
