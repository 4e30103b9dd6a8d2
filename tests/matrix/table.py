"""The matrix as a table for people, and its place in the README."""

from __future__ import annotations

from pathlib import Path

from .cases import CASES
from .script import STEPS

README = Path(__file__).resolve().parents[2] / "README.md"
BEGIN, END = "<!-- matrix: written by make matrix -->\n", "<!-- end of matrix -->\n"


def markdown(results: dict[str, dict[str, str]]) -> str:
    """A row a provider, a column a step."""
    head = "| provider | " + " | ".join(step.name for step in STEPS) + " |\n"
    line = "|---|" + ":-:|" * len(STEPS) + "\n"
    marks = {"yes": "✓", "no": "-"}
    rows = [
        f"| {case.title} | "
        + " | ".join(marks.get(results[case.title][step.name], "✗") for step in STEPS)
        + " |\n"
        for case in CASES
    ]
    return head + line + "".join(rows)


def kept() -> str:
    """The table that the README has."""
    return _parts()[1]


def keep(table: str) -> None:
    """Puts the table into the README."""
    before, _, after = _parts()
    README.write_text(before + table + after, encoding="utf-8")


def _parts() -> tuple[str, str, str]:
    text = README.read_text(encoding="utf-8")
    start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    return text[:start], text[start:end], text[end:]
