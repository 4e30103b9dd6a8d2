"""`voicechat providers`: what each provider can do, as a table or as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Final, TypeAlias, cast

from voicechatengine.audio.format import AudioFormat
from voicechatengine.capabilities import Capabilities
from voicechatengine.cli.exits import Exit
from voicechatengine.cli.output import painter, plain, table
from voicechatengine.cli.registry import PROVIDERS, capabilities

Value: TypeAlias = bool | float | tuple[AudioFormat | str, ...] | None
NAMES: Final = tuple(Capabilities.__annotations__)


def run(arguments: argparse.Namespace) -> Exit:
    """Shows the capabilities of every provider, or of those that are named, with no key and no connection."""
    found = capabilities(arguments.names or PROVIDERS)
    if arguments.json:
        print(json.dumps(plain(found), indent=2))
        return Exit.OK
    paint = painter(sys.stdout)
    rows = [line for name in NAMES for line in lines(name, found.values())]
    for line, style in table(("capability", *found), rows):
        paint(line, style, "\n")
    return Exit.OK


def lines(name: str, given: Iterable[Capabilities]) -> list[tuple[str, ...]]:
    """One capability of every provider: as many lines of the table as the longest list needs."""
    values = (cast("Mapping[str, Value]", capabilities).get(name) for capabilities in given)
    return list(zip_longest([name], *map(cell, values), fillvalue=""))


def cell(value: Value) -> list[str]:
    """A capability as the lines of a cell; a missing one means no."""
    match value:
        case True:
            return ["yes"]
        case None | False | ():
            return ["no"]
        case tuple():
            formats = [entry for entry in value if isinstance(entry, AudioFormat)]
            return _formats(formats) + [entry for entry in value if isinstance(entry, str)]
        case _:
            return [f"{value:g}"]


def _formats(formats: Sequence[AudioFormat]) -> list[str]:
    """Formats by their encoding, with the sample rates that there are of it."""
    rates: dict[str, set[int]] = {}
    for entry in formats:
        rates.setdefault(entry.encoding, set()).add(entry.sample_rate)
    return [
        f"{encoding} {', '.join(f'{rate / 1000:g}' for rate in sorted(found))} kHz"
        for encoding, found in rates.items()
    ]
