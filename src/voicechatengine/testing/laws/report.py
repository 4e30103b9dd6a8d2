"""What came of holding laws against a subject: a verdict a law. Pure values, and the text that people read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

Outcome = Literal["passed", "failed", "not applicable"]


class Verdict(msgspec.Struct, frozen=True):
    """One law's outcome. `why` says what was expected and what came, or why the law does not apply."""

    law: str
    topic: str
    outcome: Outcome
    demands: str
    docs: str
    why: str = ""
    exchange: str = ""

    def __str__(self) -> str:
        text = f"{self.law} ({self.topic}): {self.outcome}"
        if self.outcome == "passed":
            return text
        if self.outcome == "not applicable":
            return f"{text}: {self.why}"
        said = (
            f"\n\nwhat was said (seconds, → call, ← event, ✗ error):\n{self.exchange}"
            if self.exchange
            else ""
        )
        return f"{text}\nthe law: {self.demands}\n{self.why}\nexplained in: {self.docs}{said}"


class Report(msgspec.Struct, frozen=True):
    """The verdicts on one subject, in the order of the laws."""

    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        """Whether no law was broken."""
        return not self.failed

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The broken laws."""
        return self.of("failed")

    def of(self, outcome: Outcome) -> tuple[Verdict, ...]:
        """The verdicts of one outcome."""
        return tuple(verdict for verdict in self.verdicts if verdict.outcome == outcome)

    def __getitem__(self, law: str) -> Verdict:
        for verdict in self.verdicts:
            if verdict.law == law:
                return verdict
        raise KeyError(law)

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self.verdicts)

    def __str__(self) -> str:
        counts = ", ".join(f"{len(self.of(each))} {each}" for each in ("passed", "failed", "not applicable"))
        return "\n\n".join([*map(str, self.failed), counts])
