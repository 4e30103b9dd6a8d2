"""``make soak``: all that takes long. Ten thousand conversations with faults, ten hours of one, and mutation testing.

Ends with 1 if a law breaks, or if a fault in the source goes unnoticed and is not explained.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor

from . import long, mutants
from .laws import judge
from .replay import report
from .script import generate

PARTS = ("seeds", "hours", "mutants")
EVERY_S = 10.0  # a line of progress
SHOWN = 10  # failing seeds that are made small: it takes a while
GAP_S = 0.02
ITEM_BYTES = (
    5_000  # of memory for an item of history, in all folds and at both ends: its words, and no sound (400 kB)
)


def _one(seed: int) -> tuple[int, list[str]]:
    return seed, judge(generate(seed))


def conversations(first: int, count: int, jobs: int) -> list[int]:
    """Holds them all; the seeds that broke a law."""
    began = shown = time.monotonic()
    failed: list[int] = []
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, spawn, _quiet) as pool:
        for done, (seed, wrong) in enumerate(pool.map(_one, range(first, first + count), chunksize=8), 1):
            now = time.monotonic()
            if wrong:
                failed.append(seed)
                print(f"seed {seed}: {wrong[0]}", flush=True)
                if len(failed) <= SHOWN:
                    print(report(seed, wrong), flush=True)
            if now - shown > EVERY_S or done == count:
                shown = now
                rate = done / (now - began)
                print(
                    f"{done} of {count} conversations, {rate:.1f} a second, {len(failed)} failed", flush=True
                )
    return failed


def hours(count: float) -> list[str]:
    """One conversation of so many virtual hours; what is wrong with it."""
    print(f"{count:g} virtual hours under a limit of {long.LIMIT_S / 60:g} minutes ...", flush=True)
    found = long.hold(count, measure=True)
    growth = found.growth()
    print(
        f"{found.turns} turns, {found.heard_s:.0f} s heard, {found.hand_overs} hand-overs ({found.restored} with all"
        f" restored), longest gap {found.worst_gap_s * 1000:.1f} ms, {found.items} items of history after each"
        f" hour, and {', '.join(f'{size:.0f}' for size in growth)} bytes of memory more for each item",
        flush=True,
    )
    wrong = list(found.trouble)
    if found.worst_gap_s > GAP_S:
        wrong.append(f"a gap of {found.worst_gap_s * 1000:.1f} ms")
    if found.hand_overs < int(count * 5.5) or found.restored != found.hand_overs:
        wrong.append(f"{found.hand_overs} hand-overs, {found.restored} restored")
    wrong += [f"{size:.0f} bytes more for each item of history" for size in growth if size > ITEM_BYTES]
    return wrong


def faults(modules: list[str], sample: int, jobs: int) -> list[str]:
    """Tries each small fault in the core modules; those that no test notices and nobody explained."""
    print(f"mutation testing of {len(modules)} modules ...", flush=True)
    total = mutants.Score("in total")
    scores = mutants.prove(
        mutants.Project(), modules, sample=sample, jobs=jobs, say=lambda text: print(text, flush=True)
    )
    for score in scores:
        print(score, flush=True)
        for key in score.listed_in_vain:
            print(f"  survivors.toml has no need of {key}", flush=True)
        total.killed += score.killed
        total.explained += score.explained
        total.survived += [f"{score.module} {key}" for key in score.survived]
    print(total, flush=True)
    return total.survived


def _quiet() -> None:
    logging.disable(logging.CRITICAL)


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=10_000, help="how many")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--hours", type=float, default=10.0, help="of the one long conversation")
    modules = list(mutants.TESTS)
    text = "for mutation testing, such as session/hub.py"
    parser.add_argument(
        "--modules", nargs="+", choices=modules, default=list(mutants.WHOLE), metavar="MODULE", help=text
    )
    parser.add_argument("--sample", type=int, default=0, help="mutants of each module, 0: all of them")
    parser.add_argument("--only", choices=PARTS, help="this part alone")
    args = parser.parse_args()
    parts = PARTS if args.only is None else (args.only,)
    _quiet()
    failed = conversations(args.first, args.seeds, args.jobs) if "seeds" in parts and args.seeds else []
    wrong = hours(args.hours) if "hours" in parts and args.hours else []
    unnoticed = faults(args.modules, args.sample, args.jobs) if "mutants" in parts else []
    for seed in failed:
        print(f"FAILED seed {seed}: python -m tests.soak.replay {seed}")
    for what in wrong:
        print(f"FAILED long conversation: {what}")
    for fault in unnoticed:
        print(f"FAILED no test notices {fault}")
    if not failed and not wrong and not unnoticed:
        print("nothing is wrong")
    return 1 if failed or wrong or unnoticed else 0
