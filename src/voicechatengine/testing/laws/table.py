"""What a law is, and the tables in which they stand. Knows no provider, no dialect and no test framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeAlias, TypeVar

import msgspec

S = TypeVar("S")

DOCS: Final = "docs/testing.md"


class Violation(AssertionError):  # noqa: N818 - it is the word for what it is; test runners take it for a failed test
    """A law was broken: what it expected, what came, and all that was said until then."""

    def __init__(self, expected: str, came: str, exchange: str = "") -> None:
        self.expected = expected
        self.came = came
        self.exchange = exchange
        super().__init__(f"expected: {expected}\ncame: {came}" + (f"\n{exchange}" if exchange else ""))


class NotApplicable(Exception):  # noqa: N818 - no error: the law says that it is not about this provider
    """A law has nothing to say about this provider, for this reason."""


class Law(msgspec.Struct, Generic[S], frozen=True):
    """One law: a name that stays, the topic that it belongs to, what it demands, where that is explained, and its check.

    `check` is a plain async function; it returns where the law holds, and raises `Violation` or `NotApplicable`.
    """

    name: str
    topic: str
    demands: str
    docs: str
    check: Callable[[S], Awaitable[None]]


Check: TypeAlias = Callable[[S], Awaitable[None]]


class Laws(Generic[S]):
    """A table of laws by their names, in the order in which they were written."""

    def __init__(self) -> None:
        self._laws: dict[str, Law[S]] = {}

    def topic(
        self, topic: str, *, docs: str | None = None
    ) -> Callable[[str], Callable[[Check[S]], Check[S]]]:
        """A decorator for the laws of one topic; it takes what the law demands, and names it as the function."""
        place = docs or f"{DOCS}#{topic.replace(' ', '-')}"

        def law(demands: str) -> Callable[[Check[S]], Check[S]]:
            def register(check: Check[S]) -> Check[S]:
                name: str = getattr(check, "__name__", "")
                assert name not in self._laws, f"two laws are called {name}"
                self._laws[name] = Law(name, topic, demands, place, check)
                return check

            return register

        return law

    def all(self) -> tuple[Law[S], ...]:
        """Every law."""
        return tuple(self._laws.values())

    def named(self, name: str) -> Law[S]:
        """The law of that name; raises `KeyError`."""
        return self._laws[name]


__all__ = ["Check", "Law", "Laws", "NotApplicable", "Violation"]
