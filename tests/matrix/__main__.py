"""``python -m tests.matrix``, which is what ``make matrix`` runs: prints the matrix, and writes it into the README."""

from __future__ import annotations

import sys

from voicechatengine.testing import run_virtual

from .cases import CASES
from .script import run
from .table import keep, markdown

results = {case.title: run_virtual(run(case)) for case in CASES}
for title, steps in results.items():
    for name, result in steps.items():
        if result not in ("yes", "no"):
            print(f"{title}, {name}: {result}", file=sys.stderr)
table = markdown(results)
print(table, end="")
keep(table)
