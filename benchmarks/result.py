"""What a row found, as JSON and as tables; and all rows together, as the page `benchmarks/results/README.md`.

A result is a set of tables; each has a unit, a floor, and for each contestant the median, the quartiles and the ratio to the floor. A
table without a floor has no ratios. Tables whose titles are "who: what" are shown together, one for each "what". Curves are for plots.
It measures nothing.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.harness import Figure, Rounds, ratios

RESULTS = Path(__file__).parent / "results"
PACKAGES = (
    "aiohttp",
    "msgspec",
    "pybase64",
    "uvloop",
    "openai",
    "openai-agents",
    "google-genai",
    "pydantic-ai-slim",
    "livekit-agents",
    "livekit-plugins-openai",
    "pipecat-ai",
)


@dataclass
class Table:
    """The figures of one thing that was measured."""

    unit: str
    floor: str | None
    figures: dict[str, Figure]
    ratios: dict[str, Figure]
    rounds: dict[str, list[float]]
    """By contestant, where any two are to be compared round by round; else none."""

    def as_json(self) -> dict[str, Any]:
        return {
            "unit": self.unit,
            "floor": self.floor,
            "figures": {
                name: figure.as_json()
                | ({"ratio": self.ratios[name].as_json()} if self.floor else {})
                | ({"rounds": self.rounds[name]} if self.rounds else {})
                for name, figure in self.figures.items()
            },
        }


@dataclass
class Result:
    """A row. `absent` says of a contestant why it is not in the tables, `notes` what the figures do not."""

    row: str
    quick: bool
    absent: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    tables: dict[str, Table] = field(default_factory=dict)
    curves: dict[str, dict[str, list[tuple[float, float]]]] = field(default_factory=dict)

    def add(
        self,
        title: str,
        unit: str,
        rounds: Rounds,
        floor: str | None = None,
        *,
        scale: float = 1.0,
        rounds_too: bool = False,
    ) -> None:
        """A table of all rounds; figures are multiplied by `scale`. Without ratios, if the floor did not live to the end."""
        if not rounds:
            return
        scaled = {name: [each * scale for each in values] for name, values in rounds.items()}
        under = floor if floor in rounds else None
        self.tables[title] = Table(
            unit,
            under,
            {name: Figure.of(values) for name, values in scaled.items()},
            ratios(rounds, under) if under else {},
            scaled if rounds_too else {},
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "row": self.row,
            "quick": self.quick,
            "machine": machine(),
            "packages": dict(installed()),
            "absent": self.absent,
            "notes": self.notes,
            "tables": {title: table.as_json() for title, table in self.tables.items()},
            "curves": self.curves,
        }


def machine() -> dict[str, Any]:
    """What it ran on."""
    names = [line for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "cpu": names[0].partition(":")[2].strip() if names else platform.processor(),
        "cores": os.cpu_count(),
    }


def installed() -> Iterator[tuple[str, str]]:
    """The versions of what was compared."""
    for name in PACKAGES:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            yield name, "not installed"


def write(result: Result) -> Path:
    """Keeps a result, and makes the page anew."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{result.row}.json"
    path.write_text(json.dumps(result.as_json(), indent=1, ensure_ascii=False) + "\n")
    (RESULTS / "README.md").write_text(page(load()))
    return path


def load() -> dict[str, dict[str, Any]]:
    """All results that were kept, by row."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}


def number(value: float) -> str:
    """Three digits that count."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if abs(value) < 0.1 else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def cells(table: dict[str, Any]) -> list[list[str]]:
    """The rows of a table, as text; the first is its head."""
    head = ["", table["unit"], "spread"] + (["ratio"] if table["floor"] else [])
    lines = [head]
    for name, figure in table["figures"].items():
        alone = figure["low"] == figure["high"]  # a figure of all rounds together, such as a percentile
        spread = "" if alone else f"{number(figure['low'])} to {number(figure['high'])}"
        line = [name, number(figure["median"]), spread]
        if table["floor"]:
            line.append(f"{figure['ratio']['median']:.2f}")
        lines.append(line)
    return lines


def compared(tables: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Tables of the same thing, one line for who it is about, who has the table's name; of the others the ratio alone."""
    first = next(iter(tables.values()))
    others = dict.fromkeys(
        name
        for who, table in tables.items()
        for name in table["figures"]
        if name not in (who, table["floor"])
    )
    lines = [["", first["floor"], first["unit"], "spread", "ratio", *(f"ratio of {name}" for name in others)]]
    for who, table in tables.items():
        figures = table["figures"]
        floor, own = cells({**table, "figures": {name: figures[name] for name in (table["floor"], who)}})[1:]
        rest = (f"{figures[name]['ratio']['median']:.2f}" if name in figures else "" for name in others)
        lines.append([who, floor[1], *own[1:], *rest])
    return lines


def shown(tables: dict[str, dict[str, Any]]) -> Iterator[tuple[str, list[list[str]]]]:
    """What is shown of a row: titles, each with the rows of its table."""
    together: dict[str, dict[str, dict[str, Any]]] = {}
    for title, table in tables.items():
        who, _, what = title.rpartition(": ")
        together.setdefault(what, {})[who] = table
    for what, found in together.items():
        yield what, cells(found[""]) if "" in found else compared(found)


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; all columns but the first hold figures."""
    head, *rest = lines
    rule = ["---", *("--:" for _ in head[1:])]
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *rest)) + "\n"


def page(results: dict[str, dict[str, Any]]) -> str:
    """Everything that was found, as one page."""
    parts = ["# Results of the benchmarks\n", "Made by `make bench`; `docs/performance.md` explains them.\n"]
    for row, result in results.items():
        parts.append(f"## {row}\n")
        kept = result["machine"]
        rounds = "a quick run" if result["quick"] else "a full run"
        parts.append(f"{kept['cpu']}, {kept['cores']} cores, Python {kept['python']}; {rounds}.\n")
        parts += [f"{note}\n" for note in result["notes"]]
        parts += [f"{name} is not in every table: {why}\n" for name, why in result["absent"].items()]
        if result["tables"]:
            parts.append(f"![{row}]({row}.png)\n")
        for title, lines in shown(result["tables"]):
            parts += [f"### {title}\n", markdown(lines)]
    return "\n".join(parts)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
