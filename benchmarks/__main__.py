"""``python -m benchmarks [ROW …] [--quick]``: measures rows (default: all) and prints them.

A full run is kept in `benchmarks/results`, and the table of budgets in `docs/performance.md` made anew; a quick one only with `--keep`.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from benchmarks import budgets, plot
from benchmarks.result import Result, cells, write

ROWS = ("codec", "steps", "path", "density", "bargein", "turn", "long", "start", "local")


def show(result: Result) -> None:
    """A row's tables, on the terminal."""
    from rich.console import Console  # noqa: PLC0415 - an extra
    from rich.table import Table  # noqa: PLC0415 - likewise

    console = Console()
    for title, found in result.as_json()["tables"].items():
        head, *lines = cells(found)
        table = Table(title=f"{result.row}: {title}", title_justify="left")
        for index, name in enumerate(head):
            table.add_column(name, justify="right" if index else "left")
        for line in lines:
            table.add_row(*line)
        console.print(table)
    for note in result.notes:
        console.print(note)
    for name, why in result.absent.items():
        console.print(f"{name} was not measured: {why}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", default=ROWS, metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: some minutes for all")
    parser.add_argument(
        "--keep", action=argparse.BooleanOptionalAction, help="keep the results (default: not of a quick run)"
    )
    asked = parser.parse_args()
    for row in asked.rows:
        if row not in ROWS:
            parser.error(f"there is no row {row!r}: use {', '.join(ROWS)}")
    keep = not asked.quick if asked.keep is None else asked.keep
    for row in asked.rows:
        result: Result = import_module(f"benchmarks.{row}").measure(quick=asked.quick)
        show(result)
        if keep:
            print(write(result))
            plot.draw(result)
    if keep:
        budgets.main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
