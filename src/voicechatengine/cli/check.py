"""`voicechat check`: the laws of the contract held against a provider, as a table of what failed and why, or as JSON.

A provider that has a simulator here is held against that one, in memory: no key, no network. `--live` takes the real service.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import sys
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from voicechatengine.cli.exits import Exit, UsageError
from voicechatengine.cli.output import painter
from voicechatengine.cli.registry import PROVIDERS, load, make
from voicechatengine.provider import Provider
from voicechatengine.simulators import SIMULATORS

if TYPE_CHECKING:
    from voicechatengine.testing.laws import Factory, Report, Verdict
    from voicechatengine.testing.laws.report import Outcome

KEY: Final = "kit-0123456789abcdef0123456789"
"""What a provider over a simulator is given as its key. It must show nowhere."""

SIMULATOR: Final = "simulator"
LAST: Final = 12  # lines of an exchange, where all laws are shown
STYLES: Final[dict[Outcome, str]] = {"passed": "green", "failed": "bold red", "not applicable": "dim"}


def run(arguments: argparse.Namespace) -> Exit:
    """Holds the laws, and says what came of it."""
    from voicechatengine.testing.laws import PROVIDER_LAWS, check_provider  # noqa: PLC0415 - only this command needs them

    names = [law.name for law in PROVIDER_LAWS]
    unknown = [name for name in arguments.law or () if name not in names]
    if unknown:
        raise UsageError(f"there is no law {unknown[0]!r}: see docs/testing.md for their names")
    factory, secret = subject(arguments.provider, live=arguments.live, url=arguments.url)
    logging.getLogger("voicechatengine").setLevel(logging.CRITICAL)  # what goes wrong is in the report
    report = check_provider(factory, laws=arguments.law, live=arguments.live, secret=secret)
    if arguments.json:
        found = {
            "provider": arguments.provider,
            "passed": report.passed,
            "laws": msgspec.to_builtins(report.verdicts),
        }
        print(json.dumps(found, ensure_ascii=False))
    else:
        paint = painter(sys.stdout)
        for line, style in lines(report, short=not arguments.law):
            paint(line, style, "\n")
    return Exit.OK if report.passed else Exit.FAILED


def subject(name: str, *, live: bool, url: str | None) -> tuple[Factory, str | None]:
    """The factory that a name stands for, and the key that its providers are given (None: not known here)."""
    options: dict[str, Any] = {} if url in (None, SIMULATOR) else {"url": url}
    if ":" in name:
        return partial(load(name), **options), None
    if live and url != SIMULATOR:
        make(name, options)  # what is wrong with the name or the options is told once, and not by each law
        return lambda: make(name, options), None
    from voicechatengine.testing.far_ends import SimulatedFarEnd, mock_subject, simulated  # noqa: PLC0415 - see above

    if name == "mock":
        return mock_subject, None
    entry = PROVIDERS.get(name)
    if entry is None or name not in SIMULATORS:
        raise UsageError(f"there is no simulator of {name!r} here: give --live, and a key where it needs one")
    module = importlib.import_module(entry.module)

    def over(far: SimulatedFarEnd) -> Provider:
        simulated = far.simulator.vendor
        scheme, line = (
            ("ws", {"connector": far.connector}) if simulated.http is None else ("http", {"http": far.http()})
        )
        config = getattr(module, entry.config)(api_key=KEY, url=f"{scheme}://simulator{simulated.path}")
        return cast("Provider", getattr(module, entry.provider)(config, **line))

    return simulated(name, over), KEY


def lines(report: Report, *, short: bool) -> Iterable[tuple[str, str]]:
    """The report, line by line, each with its style: a table of all laws, then each that failed with all that is known."""
    verdicts = list(report)
    width = max(len(verdict.law) for verdict in verdicts)
    topic = ""
    for verdict in verdicts:
        if verdict.topic != topic:
            topic = verdict.topic
            yield topic, "bold"
        why = f"  {verdict.why}" if verdict.outcome == "not applicable" else ""
        yield f"  {verdict.law.ljust(width)}  {verdict.outcome}{why}", STYLES[verdict.outcome]
    for verdict in report.failed:
        yield "", ""
        for line in (brief(verdict) if short else str(verdict)).splitlines():
            yield line, ""
    yield "", ""
    summary = ", ".join(f"{len(report.of(outcome))} {outcome}" for outcome in STYLES)
    yield summary, "bold green" if report.passed else "bold red"
    if report.failed and short:
        yield f"the whole exchange of one: voicechat check … --law {report.failed[0].law}", ""


def brief(verdict: Verdict) -> str:
    """A verdict with the end of what was said."""
    said = verdict.exchange.splitlines()
    if len(said) <= LAST:
        return str(verdict)
    shown = "\n".join([f"… {len(said) - LAST} lines", *said[-LAST:]])
    return str(msgspec.structs.replace(verdict, exchange=shown))
