"""The budgets, and whether they are kept: the table in `docs/performance.md`, made of the results.

``python -m benchmarks.budgets`` writes it between its marks in that page, and ends with 1 if a budget is not kept.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.result import load, markdown, number

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- budgets: made by python -m benchmarks.budgets -->\n", "<!-- end of budgets -->"

Results = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Budget:
    """What is promised: `value` takes it from the results; it is to be at most `limit`, or at least, if `least`.

    Without a limit it is no promise, but what the floor itself reaches in the same run: it bounds what is possible.
    """

    what: str
    row: str
    limit: float | None
    value: Callable[[Mapping[str, Any]], float]
    unit: str = "x"
    least: bool = False

    def kept(self, value: float) -> bool:
        if self.limit is None:
            return True
        return value >= self.limit if self.least else value <= self.limit


def figure(table: str, who: str, what: str = "median") -> Callable[[Mapping[str, Any]], float]:
    """The figure of a contestant; with `what` "ratio", to the floor."""

    def value(tables: Mapping[str, Any]) -> float:
        found = tables[table]["figures"][who]
        return float(found["ratio"]["median"] if what == "ratio" else found["median"])

    return value


def against(table: str, who: str, *others: str, most: bool = False) -> Callable[[Mapping[str, Any]], float]:
    """A contestant as a multiple of the lowest (or highest) of those others that were measured; of each round the ratio, of them the median.

    Where the rounds were not kept, it is the ratio of the medians.
    """

    def value(tables: Mapping[str, Any]) -> float:
        figures = tables[table]["figures"]
        found = [figures[name] for name in others if name in figures]
        if not found:
            raise KeyError(others)
        best = (max if most else min)(found, key=lambda each: each["median"])
        mine, theirs = (each.get("rounds", [each["median"]]) for each in (figures[who], best))
        return float(median(a / b for a, b in zip(mine, theirs, strict=True)))

    return value


DELTA = "openai: decode audio 100 ms"
BURST, SENT = "received delta of 20 ms, in bursts", "sent chunk of 20 ms"
LATE, MEMORY = "sessions on one core, until late", "memory of an idle session"
FIRST = "openai-agents (model layer)"
SLOW = ("livekit-agents", "pipecat-ai", "pydantic-ai", "openai")
AMONG = "from speech_started, among 200 sessions, 99 of 100"

BUDGETS = (
    Budget(
        "decode an audio delta of 100 ms, by base64 alone",
        "codec",
        1.8,
        figure(DELTA, "openai", "ratio"),
    ),
    Budget(
        "… by `raw msgspec`, which does nothing else", "codec", None, figure(DELTA, "raw msgspec", "ratio")
    ),
    Budget("… by `least`, which is told where the sound is", "codec", None, figure(DELTA, "least", "ratio")),
    Budget("CPU of a received delta, by the raw loop", "path", 1.6, figure(BURST, "provider", "ratio")),
    Budget("CPU of a sent chunk, by the raw loop", "path", 1.3, figure(SENT, "provider", "ratio")),
    Budget(
        "CPU of a received delta, by the best peer", "path", 1 / 3, against(BURST, "provider", FIRST, *SLOW)
    ),
    Budget(
        "CPU of a received delta, by the best of the other four",
        "path",
        1 / 6,
        against(BURST, "provider", *SLOW),
    ),
    Budget(
        "sessions on one core, by the raw loop",
        "density",
        0.85,
        figure(LATE, "provider", "ratio"),
        least=True,
    ),
    Budget(
        "… each on uvloop",
        "density",
        0.85,
        against(LATE, "provider, uvloop", "raw loop, uvloop"),
        least=True,
    ),
    Budget(
        "sessions on one core, by the best peer",
        "density",
        1.0,
        against(LATE, "provider", FIRST, *SLOW, most=True),
        least=True,
    ),
    Budget(
        "sessions on one core, by `openai`", "density", 6.0, against(LATE, "provider", "openai"), least=True
    ),
    Budget(
        "… each on uvloop",
        "density",
        6.0,
        against(LATE, "provider, uvloop", "openai, uvloop"),
        least=True,
    ),
    Budget(
        "… ours on uvloop, `openai` as it comes",
        "density",
        6.0,
        against(LATE, "provider, uvloop", "openai"),
        least=True,
    ),
    Budget(
        "… of the raw loop, which does nothing else", "density", None, against(LATE, "raw loop", "openai")
    ),
    Budget(
        "… of the raw loop, each on uvloop",
        "density",
        None,
        against(LATE, "raw loop, uvloop", "openai, uvloop"),
    ),
    Budget("memory of an idle session", "density", 200.0, figure(MEMORY, "provider"), "kB"),
    Budget(
        "barge-in to silence, 99 of 100, among 200 sessions",
        "bargein",
        5.0,
        figure(AMONG, "to the silent sink"),
        "ms",
    ),
    Budget(
        "barge-in to the cancel, 99 of 100, among 200 sessions",
        "bargein",
        5.0,
        figure(AMONG, "to the cancel on the wire"),
        "ms",
    ),
    Budget(
        "memory from hour 1 to hour 10, beside the history",
        "long",
        1.0,
        figure("growth from hour 1 to hour 10", "all but those"),
        "MB",
    ),
    Budget("import, by `asyncio` and `msgspec`", "start", 1.5, figure("import", "voicechatengine", "ratio")),
)


def table(results: Results) -> tuple[str, bool]:
    """The budgets in Markdown, and whether all that were measured are kept."""
    lines = [["what", "budget", "measured", "kept"]]
    whole = True
    for budget in BUDGETS:
        sign = "≥" if budget.least else "≤"
        promised = "" if budget.limit is None else f"{sign} {number(budget.limit)} {budget.unit}"
        try:
            value = budget.value(results[budget.row]["tables"])
        except KeyError:
            lines.append([budget.what, promised, "not measured", ""])
            continue
        whole = whole and budget.kept(value)
        kept = "" if budget.limit is None else "yes" if budget.kept(value) else "no"
        lines.append([budget.what, promised, f"{number(value)} {budget.unit}", kept])
    return markdown(lines), whole


def written(page: str, results: Results) -> str:
    """The page with the table between its marks."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{table(results)[0]}\n{END}{tail}"


def main() -> int:
    results = load()
    PAGE.write_text(written(PAGE.read_text(), results))
    text, whole = table(results)
    print(text)
    return int(not whole)


if __name__ == "__main__":
    sys.exit(main())
