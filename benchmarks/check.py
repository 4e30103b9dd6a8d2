"""``make bench-check``: fails when the work of the codec or the path grew, counted in instructions and not in time.

callgrind counts the same for the same work, however busy the machine. What is compared is each ratio to the floor of the same run:
it changes little with the processor's features and the libraries' versions, so it is not more than a tenth over the committed one
(`baseline.json`) unless the library does more. ``--write`` commits a new one. Needs valgrind (``apt-get install valgrind``).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

BASELINE = Path(__file__).parent / "baseline.json"
ALLOWED = 1.10  # of the committed ratio
FLOOR = "floor"


def totals(file: Path) -> int:
    """The instructions that a process executed."""
    for line in file.read_text(errors="replace").splitlines():
        if line.startswith(("totals:", "summary:")):
            return int(line.split()[1])
    raise SystemExit(f"{file} has no total: callgrind was broken off")


def count() -> dict[str, float]:
    """Instructions of each case, for one time."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise SystemExit("valgrind is not installed: apt-get install valgrind")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        subprocess.run(
            [
                valgrind,
                "--tool=callgrind",
                "--quiet",
                f"--callgrind-out-file={directory}/%p",
                sys.executable,
                "-m",
                "benchmarks.counted",
                name,
            ],
            check=True,
            cwd=Path(__file__).resolve().parents[1],
            # Everything that could differ from run to run is fixed: the order of sets, and where memory comes from.
            env={
                **os.environ,
                "PYTHONHASHSEED": "0",
                "PYTHONMALLOC": "pymalloc",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
        )
        done: dict[str, dict[str, int]] = json.loads((directory / "done.json").read_text())
        return {
            case: (totals(directory / str(pair["many"])) - totals(directory / str(pair["few"])))
            / pair["times"]
            for case, pair in done.items()
        }


def to_floor(counts: dict[str, float]) -> dict[str, float]:
    """Each case's contestant as a multiple of the floor."""
    found: dict[str, float] = {}
    for name, instructions in counts.items():
        case, _, who = name.rpartition("/")
        if who != FLOOR:
            found[case] = instructions / counts[f"{case}/{FLOOR}"]
    return found


def grown(now: dict[str, float], before: dict[str, float]) -> list[str]:
    """What is too much, or not in both."""
    told: list[str] = []
    for case in sorted(now.keys() | before.keys()):
        if case not in now or case not in before:
            told.append(f"{case}: not in {'this run' if case not in now else 'the baseline'}")
        elif now[case] > before[case] * ALLOWED:
            told.append(f"{case}: {now[case]:.2f} times the floor, and was {before[case]:.2f}")
    return told


def python() -> str:
    """The interpreter that the figures are of: each minor version counts otherwise."""
    return ".".join(platform.python_version_tuple()[:2])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check", description=__doc__)
    parser.add_argument("--write", action="store_true", help="make this run the one to compare with")
    asked = parser.parse_args()
    kept: dict[str, Any] = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    counts = count()
    now = to_floor(counts)
    before: dict[str, float] = kept.get(python(), {})
    for case, ratio in now.items():
        under = counts[f"{case}/{FLOOR}"]
        was = f"was {before[case]:.2f}" if case in before else "new"
        print(f"{case:48} {under:10,.0f} x {ratio:6.2f}  ({was})")
    if asked.write:
        kept[python()] = {case: round(ratio, 3) for case, ratio in now.items()}
        BASELINE.write_text(json.dumps(kept, indent=1) + "\n")
        return 0
    if python() not in kept:
        print(
            f"there is no baseline for Python {python()}: python -m benchmarks.check --write", file=sys.stderr
        )
        return 1
    told = grown(now, kept[python()])
    print("\n".join(told) or "nothing grew")
    return int(bool(told))


if __name__ == "__main__":
    sys.exit(main())
