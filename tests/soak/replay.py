"""Replays one conversation: ``python -m tests.soak.replay SEED``. Says what is wrong with it, and prints the smallest script."""

from __future__ import annotations

import argparse
import logging
import sys

from .laws import judge
from .script import Script, generate
from .shrink import shrink


def report(seed: int, wrong: list[str]) -> str:
    """What to print of a failing seed: the laws that it breaks, and a script to paste into a regression test."""
    law = wrong[0].split(":")[0].split(" ")[0]

    def fails(script: Script) -> bool:
        return any(what.startswith(law) for what in judge(script))

    small = shrink(generate(seed), fails)
    found = "\n".join(f"  {what}" for what in judge(small))
    return f"{small}\nbreaks:\n{found}"


def main() -> int:
    """0: nothing is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--whole", action="store_true", help="do not look for a smaller script")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    script = generate(args.seed)
    wrong = judge(script)
    if not wrong:
        print(f"seed {args.seed}: nothing is wrong")
        return 0
    print(f"{script}\nbreaks:")
    print("\n".join(f"  {what}" for what in wrong))
    if not args.whole:
        print(f"the smallest that does so too:\n{report(args.seed, wrong)}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
