"""A row as a picture beside its JSON: bars of its tables, and its curves. Without matplotlib (the extra `plot`) there is none, and that is
said. ``python -m benchmarks.plot`` draws all rows anew from what was kept.

A bar is the ratio to the floor, or the figure where there is none; its whisker spans the quartiles. Tables whose titles are "who: what"
share a panel: a bar for who it is about, a mark for each other. It knows nothing of what the figures mean but who is ours.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.result import RESULTS, load, number

COLUMNS = 3
INCHES = 4.6  # of a panel's width
BAR, FRAME, CURVES = 0.2, 0.95, 3.4  # inches of height: of a bar, around them, of a panel of curves
DPI = 80
WIDE = 20  # times the least: what spans more has a logarithmic scale
OURS = ("provider", "engine", "voicechatengine")
FLOORS, OWN, OTHERS = "#9a9a9a", "#1f5fa8", "#d9822b"
MARKS = "oxD+"
TITLE = 52  # characters of a line
ROOM = 0.75  # of the longest bar, behind it: for words


class Bar(NamedTuple):
    """One figure of a panel, with the others' at its side."""

    name: str
    value: float
    low: float
    high: float
    label: str
    colour: str
    marks: Mapping[str, float] = {}


class Panel(NamedTuple):
    """The bars of one table, or of those that belong together."""

    title: str
    bars: list[Bar]
    line: float | None  # where the floor is


def colour(name: str, floor: str | None) -> str:
    """Whose figure it is, at a glance."""
    if floor is None or name.startswith(OURS):
        return OWN
    return FLOORS if name == floor or is_bound(name) else OTHERS


def is_bound(name: str) -> bool:
    """Whether it shows what is possible, and is nobody's product."""
    return name.startswith("raw ") or name == "least"


def plain(title: str, table: Mapping[str, Any]) -> Panel:
    """A table, a bar for each contestant."""
    floor, unit = table["floor"], table["unit"]
    bars: list[Bar] = []
    for name, figure in table["figures"].items():
        shown = figure["ratio"] if floor else figure
        value = f"{number(figure['median'])} {unit}"
        label = f"{number(shown['median'])} x  ({value})" if floor else value
        bars.append(Bar(name, shown["median"], shown["low"], shown["high"], label, colour(name, floor)))
    better = "more" if unit == "sessions" else "less"
    told = f"ratio to {floor}" if floor else unit
    return Panel(f"{title}\n{told}, {better} is better", bars, 1.0 if floor else None)


def together(title: str, tables: Mapping[str, Mapping[str, Any]]) -> Panel:
    """Tables of the same thing, a bar for who each is about."""
    bars: list[Bar] = []
    for who, table in tables.items():
        ratios = {name: figure["ratio"] for name, figure in table["figures"].items()}
        own = ratios[who]
        marks = {name: ratio["median"] for name, ratio in ratios.items() if name not in (who, table["floor"])}
        bars.append(
            Bar(who, own["median"], own["low"], own["high"], f"{number(own['median'])} x", OWN, marks)
        )
    return Panel(f"{title}\nratio to the floor, less is better", bars, 1.0)


def panels(tables: Mapping[str, Mapping[str, Any]]) -> list[Panel]:
    """What is drawn of a row's tables."""
    parts: dict[str, dict[str, Mapping[str, Any]]] = {}
    for title, table in tables.items():
        who, _, what = title.rpartition(": ")
        parts.setdefault(what, {})[who] = table
    return [plain(what, found[""]) if "" in found else together(what, found) for what, found in parts.items()]


def logarithmic(values: Sequence[float]) -> bool:
    """Whether they span so much that the small ones could not be seen."""
    return min(values) > 0 and max(values) > WIDE * min(values)


def heights(found: Sequence[Panel], curves: int) -> list[float]:
    """Inches of each line of panels."""
    lines = [found[at : at + COLUMNS] for at in range(0, len(found), COLUMNS)]
    return [FRAME + BAR * max(len(panel.bars) for panel in line) for line in lines] + [CURVES] * curves


def _bars(axes: Any, panel: Panel, marks: Mapping[str, str]) -> None:
    values = [value for bar in panel.bars for value in (bar.value, *bar.marks.values())]
    wide = logarithmic(values if panel.line is None else [*values, panel.line])
    most = max([*values, *(bar.high for bar in panel.bars)])
    left = min(*values, 1.0) / 2 if wide else min(0.0, *values)
    axes.set_xscale("log" if wide else "linear")

    def words(text: str, at: float, place: int, shade: str = "black") -> None:
        axes.annotate(
            text, (at, place), xytext=(5, 0), textcoords="offset points", va="center", fontsize=7, color=shade
        )

    marked = any(bar.marks for bar in panel.bars)
    for place, bar in enumerate(panel.bars):
        whisker = [[max(0.0, bar.value - bar.low)], [max(0.0, bar.high - bar.value)]]
        axes.barh(place, bar.value, color=bar.colour, xerr=whisker, error_kw={"elinewidth": 1, "capsize": 2})
        end = max(bar.high, bar.value)
        if marked:  # behind the bar stand the marks
            words(bar.label, left, place, "white")
        else:
            words(bar.label, end, place)
        for name, at in bar.marks.items():
            shade = "black" if is_bound(name) else OTHERS
            axes.plot(at, place, marks[name], color=shade, markersize=4, label=name)
            if at > end:
                words(f"{number(at)} x", at, place)
    if panel.line is not None:
        axes.axvline(panel.line, color="black", linewidth=0.7, linestyle=":", zorder=0)
    axes.set_xlim(left, most * (most / left) ** ROOM if wide else most + (most - left) * ROOM)
    axes.set_yticks(range(len(panel.bars)), [bar.name for bar in panel.bars])
    axes.invert_yaxis()
    axes.set_title("\n".join(textwrap.fill(line, TITLE) for line in panel.title.split("\n")), fontsize=8)
    axes.tick_params(labelsize=7)


def _curves(axes: Any, title: str, curves: Mapping[str, Sequence[Sequence[float]]]) -> None:
    if logarithmic([value for points in curves.values() for _, value in points]):
        axes.set_yscale("log")
    bases = list(dict.fromkeys(name.partition(",")[0] for name in curves))
    for name, points in curves.items():
        base, _, variant = name.partition(",")
        style = "--" if variant else "-"
        at = f"C{bases.index(base) % 10}"
        axes.plot(*zip(*points, strict=True), marker=".", linestyle=style, color=at, label=name)
    axes.set_title(title, fontsize=8)
    axes.tick_params(labelsize=7)
    axes.grid(visible=True, alpha=0.3)


def draw(result: Mapping[str, Any]) -> None:
    """Draws a row, given as its JSON."""
    found, curves = panels(result["tables"]), result["curves"]
    if not found:
        return
    try:
        import matplotlib as mpl  # noqa: PLC0415 - an extra
    except ImportError:
        print("no plot: matplotlib is not installed")
        return
    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - an extra

    columns = min(COLUMNS, max(len(found), len(curves)))
    high = heights(found, math.ceil(len(curves) / COLUMNS))
    pages: Any = plt  # its types are in part unknown
    figure, grid = pages.subplots(
        len(high),
        columns,
        figsize=(INCHES * columns, sum(high)),
        height_ratios=high,
        squeeze=False,
        layout="constrained",
    )
    cells = [axes for line in grid for axes in line]
    names = dict.fromkeys(name for panel in found for bar in panel.bars for name in bar.marks)
    marks = dict(zip(names, MARKS, strict=False))
    for axes, panel in zip(cells, found, strict=False):
        _bars(axes, panel, marks)
    below = math.ceil(len(found) / COLUMNS) * columns
    for axes, (title, lines) in zip(cells[below:], curves.items(), strict=False):
        _curves(axes, title, lines)
    for axes in (*cells[len(found) : below], *cells[below + len(curves) :]):
        axes.set_axis_off()
    told = {
        label: handle
        for axes in cells
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if told:
        figure.legend(told.values(), told.keys(), loc="outside lower center", ncols=4, fontsize=7)
    figure.savefig(RESULTS / f"{result['row']}.png", dpi=DPI)
    pages.close(figure)


if __name__ == "__main__":
    for each in load().values():
        draw(each)
