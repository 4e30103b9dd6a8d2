"""``python -m benchmarks [ROW …] [--quick]``: measures rows (default: all) and prints them.

A full run is kept in `benchmarks/results`, and the table of budgets in `docs/performance.md` made anew; a quick one only with `--keep`.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
import traceback
from collections.abc import Sequence
from importlib import import_module

from benchmarks import budgets, plot
from benchmarks.harness import LOG
from benchmarks.result import Result, shown, write

# Those that budgets are about come first, and the one that measures no time last but for the voice, which needs an extra. For each
# the seconds that it took, quick and in full, on two cores: what is left is told by them.
ROWS = {
    "path": (90, 330),
    "density": (250, 1000),
    "bargein": (25, 200),
    "codec": (20, 170),
    "start": (25, 80),
    "steps": (3, 10),
    "turn": (40, 130),
    "long": (45, 230),
    "local": (16, 40),
}


class Progress(logging.Handler):
    """What is under way, on standard error: a line each `EVERY_S` at most, with the minutes that are left."""

    EVERY_S = 5.0

    def __init__(self, rows: Sequence[str], *, quick: bool) -> None:
        super().__init__()
        self._left = {row: ROWS[row][0 if quick else 1] for row in rows}
        self._row = ""
        self._began = self._told = 0.0

    def begin(self, row: str) -> None:
        """A row begins, and the one before it is done."""
        self._left.pop(self._row, None)
        self._row, self._began, self._told = row, time.monotonic(), 0.0
        LOG.info("begins")

    def left(self, now: float) -> float:
        """Seconds until all is done, about."""
        rest = {**self._left}
        rest[self._row] = max(0, rest[self._row] - int(now - self._began))
        return sum(rest.values())

    def emit(self, record: logging.LogRecord) -> None:
        now = time.monotonic()
        if now - self._told >= self.EVERY_S:
            self._told = now
            print(
                f"[about {self.left(now) / 60:.0f} min] {self._row}: {record.getMessage()}", file=sys.stderr
            )


def show(result: Result) -> None:
    """A row's tables, on the terminal."""
    from rich.console import Console  # noqa: PLC0415 - an extra
    from rich.table import Table  # noqa: PLC0415 - likewise

    console = Console()
    for title, (head, *lines) in shown(result.as_json()["tables"]):
        table = Table(title=f"{result.row}: {title}", title_justify="left")
        for index, name in enumerate(head):
            table.add_column(name, justify="right" if index else "left")
        for line in lines:
            table.add_row(*line)
        console.print(table)
    for note in result.notes:
        console.print(note)
    for name, why in result.absent.items():
        console.print(f"{name} is not in every table: {why}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", default=list(ROWS), metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: ten minutes for all")
    parser.add_argument(
        "--keep", action=argparse.BooleanOptionalAction, help="keep the results (default: not of a quick run)"
    )
    asked = parser.parse_args()
    for row in asked.rows:
        if row not in ROWS:
            parser.error(f"there is no row {row!r}: use {', '.join(ROWS)}")
    keep = not asked.quick if asked.keep is None else asked.keep
    progress = Progress(asked.rows, quick=asked.quick)
    LOG.addHandler(progress)
    LOG.setLevel(logging.INFO)
    failed: list[str] = []
    for row in asked.rows:
        progress.begin(row)
        try:
            result: Result = import_module(f"benchmarks.{row}").measure(quick=asked.quick)
        except Exception:  # noqa: BLE001 - the rows that are still to come are worth an hour
            traceback.print_exc()
            failed.append(row)
            continue
        show(result)
        if keep:
            print(write(result))
            plot.draw(result.as_json())
    if keep:
        budgets.main()
    if failed:
        print(f"these rows failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
