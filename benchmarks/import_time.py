"""How long `import voicechatengine` takes, as a ratio to importing what it cannot do without.

Fresh interpreters, the two kinds in turn so that both see the same machine; medians. The time is taken inside the
interpreter, so its own start is in neither figure. Run: ``python benchmarks/import_time.py [runs]``
"""

from __future__ import annotations

import statistics
import subprocess
import sys

BUDGET = 1.5
OURS = "voicechatengine"
BASE = "asyncio, msgspec"


def seconds(modules: str) -> float:
    """The time that importing these modules takes in a fresh interpreter."""
    program = f"import time; a = time.perf_counter(); import {modules}; print(time.perf_counter() - a)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return float(done.stdout)


def measure(runs: int = 21) -> tuple[float, float]:
    """The medians in seconds: ours, and the base's."""
    for modules in (OURS, BASE):
        seconds(modules)  # compiles what was never compiled
    ours: list[float] = []
    base: list[float] = []
    for _ in range(runs):
        ours.append(seconds(OURS))
        base.append(seconds(BASE))
    return statistics.median(ours), statistics.median(base)


def main() -> int:
    ours, base = measure(*map(int, sys.argv[1:2]))
    ratio = ours / base
    print(f"import {OURS}: {ours * 1e3:.1f} ms")
    print(f"import {BASE}: {base * 1e3:.1f} ms")
    print(f"ratio {ratio:.2f}, budget {BUDGET}")
    return int(ratio > BUDGET)


if __name__ == "__main__":
    sys.exit(main())
