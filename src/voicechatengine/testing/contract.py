"""The laws as pytest classes: who writes a provider subclasses one, gives a factory, and has a test for each law.

This is the one module of the kit, beside the plugin, that imports pytest. Laws that do not apply are skipped, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, Final, TypeVar

import pytest

from voicechatengine.testing.laws import (
    DIALECT_LAWS,
    PROVIDER_LAWS,
    DialectSubject,
    Law,
    Subject,
    Verdict,
    judge_one,
)
from voicechatengine.testing.laws.subject import Made

F = TypeVar("F", bound=Callable[..., Any])

META: Final = "test_no_law_is_left_out"
_REASON: Final = "__reason_for_overriding_a_law__"


def overridden(*, reason: str) -> Callable[[F], F]:
    """Says why a test of the contract is replaced by one's own, or left out. Without it, the contract fails."""
    if not reason.strip():
        raise ValueError("say why the law is overridden")

    def mark(test: F) -> F:
        setattr(test, _REASON, reason)
        return test

    return mark


class _Contract:
    """What both contracts have: a test a law, and one that looks whether all of them are there."""

    laws: ClassVar[tuple[Law[Any], ...]] = ()
    standard: ClassVar[dict[str, object]] = {}

    def __init_subclass__(cls, **more: object) -> None:
        super().__init_subclass__(**more)
        if META in vars(cls) and cls.__module__ != __name__:
            raise TypeError(f"{cls.__name__} overrides {META}: that is what it is there to prevent")

    def test_no_law_is_left_out(self) -> None:
        """Each law has its test, or a test of one's own that says why it is another."""
        for name, standard in self.standard.items():
            found = getattr(type(self), name, None)
            if found is standard:
                continue
            if found is None:
                pytest.fail(
                    f"{name} was deleted: mark a test of that name with @overridden(reason=…)", pytrace=False
                )
            if not getattr(found, _REASON, ""):
                pytest.fail(f"{name} was overridden: say why, with @overridden(reason=…)", pytrace=False)


class ProviderContract(_Contract):
    """A provider's whole suite: subclass it, and give a `factory`. `live`: it does real I/O; `secret`: the key it was given."""

    live: ClassVar[bool] = False
    secret: ClassVar[str | None] = None

    def factory(self) -> Made | AbstractAsyncContextManager[Made]:
        """A new provider, not connected; with its far end as a pair, if it has one; or an async context manager of either."""
        raise NotImplementedError("give a factory of the provider")


class DialectContract(_Contract):
    """A dialect's whole suite: subclass it, and say what its `subject` is."""

    def subject(self) -> DialectSubject:
        """The dialects of both sides, what a session begins with, and frames that the vendor sends."""
        raise NotImplementedError("give the subject: DialectSubject(client, server)")


def _told(verdict: Verdict) -> None:
    if verdict.outcome == "failed":
        pytest.fail(str(verdict), pytrace=False)
    if verdict.outcome == "not applicable":
        pytest.skip(f"not applicable: {verdict.why}")


def _provider_test(law: Law[Subject]) -> Callable[[ProviderContract], None]:
    def test(self: ProviderContract) -> None:
        _told(judge_one(law, Subject(self.factory, live=self.live, secret=self.secret)))

    return test


def _dialect_test(law: Law[DialectSubject]) -> Callable[[DialectContract], None]:
    def test(self: DialectContract) -> None:
        _told(judge_one(law, self.subject()))

    return test


def _fill(contract: type[_Contract], tests: dict[str, tuple[Law[Any], Callable[..., None]]]) -> None:
    for name, (law, test) in tests.items():
        test.__name__, test.__doc__ = name, law.demands
        test.__qualname__ = f"{contract.__qualname__}.{name}"
        setattr(contract, name, test)
    contract.laws = tuple(law for law, _ in tests.values())
    contract.standard = {name: test for name, (_, test) in tests.items()}


_fill(ProviderContract, {f"test_{law.name}": (law, _provider_test(law)) for law in PROVIDER_LAWS})
_fill(DialectContract, {f"test_{law.name}": (law, _dialect_test(law)) for law in DIALECT_LAWS})

__all__ = ["DialectContract", "ProviderContract", "overridden"]
