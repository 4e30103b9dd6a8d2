"""Makes a failing script as small as it can be and still fail: steps, faults and settings are dropped one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .script import Script


def shrink(script: Script, fails: Callable[[Script], bool]) -> Script:
    """The smallest script that `fails`, greedily: each one that is tried is a little less than the last that failed."""
    while True:
        for smaller in _smaller(script):
            if fails(smaller):
                script = smaller
                break
        else:
            return script


def _smaller(script: Script) -> Iterator[Script]:
    for index in range(len(script.faults)):
        yield script._replace(faults=script.faults[:index] + script.faults[index + 1 :])
    for index in reversed(range(len(script.steps))):
        # Faults of later steps move with them; those of the step itself go to the one that takes its place.
        faults = tuple((at - (at > index), kind, n) for at, kind, n in script.faults)
        last = len(script.steps) - 2
        faults = tuple((min(at, last), kind, n) for at, kind, n in faults)
        yield script._replace(steps=script.steps[:index] + script.steps[index + 1 :], faults=faults)
    for name in ("limit_s", "manual", "muted"):
        default = Script._field_defaults[name]
        if getattr(script, name) != default:
            yield script._replace(**{name: default})
