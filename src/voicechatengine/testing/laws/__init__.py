"""The laws of the contract, with no test framework: each is one async function of a subject.

`check_provider(factory)` holds all of them against what the factory gives, and says what came of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from voicechatengine.testing.laws import (
    cancellation,
    capability,
    cleanup,
    concurrency,
    failures,
    interruption,
    life_cycle,
    order,
    overflow,
    sending,
    subscriptions,
    tools,
    updates,
)
from voicechatengine.testing.laws.dialect import DIALECT
from voicechatengine.testing.laws.far_end import FarEnd
from voicechatengine.testing.laws.provider_laws import PROVIDER
from voicechatengine.testing.laws.report import Report, Verdict
from voicechatengine.testing.laws.run import STUCK_S, judge, judge_one
from voicechatengine.testing.laws.subject import Case, Factory, Subject
from voicechatengine.testing.laws.table import Law, NotApplicable, Violation
from voicechatengine.testing.laws.wire import DialectSubject

TOPICS: Final = (
    life_cycle, subscriptions, order, sending, interruption, capability, updates, tools, cancellation, cleanup, failures,
    overflow, concurrency,
)  # fmt: skip
"""The modules that fill the table."""

PROVIDER_LAWS: Final[tuple[Law[Subject], ...]] = tuple(
    law for topic in TOPICS for law in PROVIDER.all() if law.check.__module__ == topic.__name__
)
"""Every law of `Provider`, topic by topic."""


DIALECT_LAWS: Final[tuple[Law[DialectSubject], ...]] = DIALECT.all()
"""Every law of dialects, client side."""


def check_provider(
    factory: Factory,
    *,
    laws: Iterable[str] | None = None,
    live: bool = False,
    secret: str | None = None,
    stuck_s: float = STUCK_S,
) -> Report:
    """Holds the laws (or those of these names) against the provider that the factory gives, each against a new one.

    In virtual time, unless it is `live`: a provider that does real I/O. `secret` is the key that it was given. A law that is
    stuck for `stuck_s` seconds of real time is broken. Call it where no event loop runs. Raises `KeyError` for an unknown law.
    """
    chosen = PROVIDER_LAWS if laws is None else [PROVIDER.named(name) for name in laws]
    return judge(chosen, lambda: Subject(factory, live=live, secret=secret), stuck_s=stuck_s)


def check_dialect(subject: DialectSubject, *, laws: Iterable[str] | None = None) -> Report:
    """Holds the laws of dialects (or those of these names) against what the subject makes. Raises `KeyError` for an unknown law."""
    chosen = DIALECT_LAWS if laws is None else [DIALECT.named(name) for name in laws]
    return judge(chosen, subject.fresh)


__all__ = [
    "DIALECT_LAWS",
    "PROVIDER_LAWS",
    "Case",
    "DialectSubject",
    "Factory",
    "FarEnd",
    "Law",
    "NotApplicable",
    "Report",
    "Subject",
    "Verdict",
    "Violation",
    "check_dialect",
    "check_provider",
    "judge",
    "judge_one",
]
