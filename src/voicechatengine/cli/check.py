"""`voicechat check`: the laws of the contract held against a provider, as a table that grows law by law, or as JSON.

A provider that has a simulator here is held against that one, in memory: no key, no network. `--live` takes the real service.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import json
import logging
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from voicechatengine.cli.exits import Exit, UsageError
from voicechatengine.cli.output import Paint, painter
from voicechatengine.cli.registry import SIMULATOR, entry_of, load, make, simulated
from voicechatengine.provider import Provider

if TYPE_CHECKING:
    from voicechatengine.testing.far_ends import SimulatedFarEnd
    from voicechatengine.testing.laws import Factory, Law, Report, Subject, Verdict
    from voicechatengine.testing.laws.report import Outcome

KEY: Final = "kit-0123456789abcdef0123456789"
"""What a provider over a simulator is given as its key. It must show nowhere."""

LAST: Final = 12  # lines of an exchange, where all laws are shown
STYLES: Final[dict[Outcome, str]] = {"passed": "green", "failed": "bold red", "not applicable": "dim"}


def run(arguments: argparse.Namespace) -> Exit:
    """Holds the laws, and says what came of it."""
    from voicechatengine.testing.laws import PROVIDER_LAWS, Report, check_provider  # noqa: PLC0415 - only this command needs them

    known = {law.name: law for law in PROVIDER_LAWS}
    unknown = [name for name in arguments.law or () if name not in known]
    if unknown:
        raise UsageError(f"there is no law {unknown[0]!r}: see docs/testing.md for their names")
    laws = [known[name] for name in arguments.law or known]
    factory, secret = subject(arguments.provider, live=arguments.live, url=arguments.url)

    def hold(law: Law[Subject]) -> Verdict:
        with _quiet():
            return check_provider(factory, laws=[law.name], live=arguments.live, secret=secret)[law.name]

    if arguments.json:
        report = Report(tuple(map(hold, laws)))
        found = {
            "provider": arguments.provider,
            "passed": report.passed,
            "laws": msgspec.to_builtins(report.verdicts),
        }
        print(json.dumps(found, ensure_ascii=False))
    else:
        paint = painter(sys.stdout)
        report = Report(tuple(told(laws, hold, paint)))
        for line, style in summary(report, short=not arguments.law):
            paint(line, style, "\n")
    return Exit.OK if report.passed else Exit.FAILED


def subject(name: str, *, live: bool, url: str | None) -> tuple[Factory, str | None]:
    """The factory that a name stands for, and the key that its providers are given (None: not known here)."""
    options: dict[str, Any] = {} if url in (None, SIMULATOR) else {"url": url}
    if url == SIMULATOR:
        simulated(name)
    elif ":" in name:
        return partial(load(name), **options), None
    elif live:
        # What is wrong with the name, the options, the key or the address is told once, and not by each law.
        asyncio.run(_reached(make(name, options)))
        return lambda: make(name, options), None
    elif url is not None:
        make(name, options)
        raise UsageError("--url leads to a real service: give --live too, or leave it out for a simulator")
    from voicechatengine.testing import far_ends  # noqa: PLC0415 - see above

    if name == "mock":
        return far_ends.mock_subject, None
    if entry_of(name).local:
        raise UsageError(f"there is no simulator for {name}: give --live, for it does real work")
    entry = simulated(name)
    module = importlib.import_module(entry.module)

    def over(far: SimulatedFarEnd) -> Provider:
        vendor = far.simulator.vendor
        scheme, line = (
            ("ws", {"connector": far.connector}) if vendor.http is None else ("http", {"http": far.http()})
        )
        config = getattr(module, entry.config)(api_key=KEY, url=f"{scheme}://simulator{vendor.path}")
        return cast("Provider", getattr(module, entry.provider)(config, **line))

    return far_ends.simulated(name, over), KEY


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """Nothing is logged, by the library or by a provider of one's own: what goes wrong is in the report."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


async def _reached(provider: Provider) -> None:
    """Raises why no session can be opened."""
    try:
        await provider.connect()
    finally:
        await provider.disconnect()


def told(
    laws: Sequence[Law[Subject]], hold: Callable[[Law[Subject]], Verdict], paint: Paint
) -> Iterator[Verdict]:
    """Holds the laws one by one: each is a line that begins before it is held and ends with what came of it."""
    width = max(len(law.name) for law in laws)
    topic = ""
    for law in laws:
        if law.topic != topic:
            topic = law.topic
            paint(topic, "bold", "\n")
        paint(f"  {law.name.ljust(width)}  ", "", "")
        verdict = hold(law)
        why = f"  {verdict.why}" if verdict.outcome == "not applicable" else ""
        paint(f"{verdict.outcome}{why}", STYLES[verdict.outcome], "\n")
        yield verdict


def summary(report: Report, *, short: bool) -> Iterable[tuple[str, str]]:
    """The end of the report, line by line, each with its style: each law that failed with all that is known, and the figures."""
    for verdict in report.failed:
        yield "", ""
        for line in (brief(verdict) if short else str(verdict)).splitlines():
            yield line, ""
    yield "", ""
    figures = ", ".join(f"{len(report.of(outcome))} {outcome}" for outcome in STYLES)
    yield figures, "bold green" if report.passed else "bold red"
    if report.failed and short:
        yield f"the whole exchange of one: voicechat check … --law {report.failed[0].law}", ""


def brief(verdict: Verdict) -> str:
    """A verdict with the end of what was said."""
    said = verdict.exchange.splitlines()
    if len(said) <= LAST:
        return str(verdict)
    shown = "\n".join([f"… {len(said) - LAST} lines", *said[-LAST:]])
    return str(msgspec.structs.replace(verdict, exchange=shown))
