"""Streaming text as whole sentences, so that speech can begin with the first. Pure: text in, sentences out.

Joined, the sentences are the text, white space and all, and it does not matter in what pieces it came. Where it is doubtful
whether a sentence is over, it is not: speech that begins a little later sounds better than one that is cut in two.
"""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 300  # characters of a sentence: some 20 s of speech

_MARK = re.compile(
    r"(?P<mark>[.!?…]+)(?P<closed>[\"'”’»)\]}*_]*)[^\S\n]+(?=(?P<next>\S))"  # noqa: RUF001 - closing quotes
    r"|(?P<wide>[。！？]+[」』”]*)(?=[^。！？」』”])|\n"  # noqa: RUF001 - marks of other scripts
)
_WORD = re.compile(r"[\w.&'@:/-]*$")
_SPACE = re.compile(r"\s")
_COMMA = re.compile(r"[,;:—](?=\s)")

_DOTTED = re.compile(r"(?:[a-z]\.)+[a-z]")  # e.g., U.S., p.m.
_TITLE = re.compile(
    "mr|mrs|ms|mx|dr|prof|st|sr|jr|rev|hon|pres|gov|sen|rep|gen|col|maj|capt|lt|sgt|mt|messrs|mme|mlle|vs|cf|approx|ca|al"
    "|dept|est|ave|blvd|viz|resp|incl|excl|tel|ext|bzw|usw"
)
"""What is written with a full stop and goes on."""

_COUNTED = re.compile("nos?|vol|figs?|pp?|art|sec|ch|eq|op|nr|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec")
"""What is written with a full stop before a number."""


class Sentences:
    """Text as it comes; `feed` gives the sentences that are whole now, `flush` what is left."""

    def __init__(self) -> None:
        self._text = ""

    def feed(self, text: str) -> list[str]:
        """The next piece of text, and the sentences that it ends. White space between two goes with the second."""
        self._text += text
        found: list[str] = []
        while (end := _end(self._text)) is not None:
            found.append(self._text[:end])
            self._text = self._text[end:]
        return found

    def flush(self) -> str:
        """What has no end yet, perhaps empty; the next `feed` begins anew."""
        rest, self._text = self._text, ""
        return rest


def _end(text: str) -> int | None:
    """Where the first sentence ends; None while that is not known."""
    # Only what is decided within so many characters counts, so that it does not matter in what pieces the text comes.
    near = text[: LONGEST + 1]
    for match in _MARK.finditer(near):
        if match["wide"]:
            return match.end()
        if match["mark"] is None:
            if near[: match.start()].strip():
                return match.end()
        elif _ends(near[: match.start()], match["mark"], match["next"]) and not _open(near[: match.end()]):
            return match.end("closed")
    return _cut(near) if len(text) > LONGEST else None


def _ends(before: str, mark: str, after: str) -> bool:
    """Whether a mark between these two is the end of a sentence."""
    if after.islower() or "…" in mark or ".." in mark:
        return False
    if mark != ".":
        return True
    found = _WORD.search(before)
    word = found[0] if found is not None else ""
    if before.strip().isdigit() or (len(word) == 1 and word.isupper() and word != "I"):
        return False  # the number of a list, or an initial
    plain = word.lower()
    return not (
        _TITLE.fullmatch(plain) or _DOTTED.fullmatch(plain) or (after.isdigit() and _COUNTED.fullmatch(plain))
    )


def _open(text: str) -> bool:
    """Whether a bracket or a quotation is open at the end of the text."""
    depth = 0
    for char in text:
        if char in "([{“«":
            depth += 1
        elif char in ")]}”»":
            depth = max(0, depth - 1)
    return depth > 0 or text.count('"') % 2 == 1


def _cut(near: str) -> int:
    """Where a sentence that is too long is cut: behind its last comma, or its last word."""
    for pattern, earliest in ((_COMMA, LONGEST // 2), (_SPACE, 1)):
        places = [match.end() for match in pattern.finditer(near, 0, LONGEST)]
        if places and places[-1] >= earliest and near[: places[-1]].strip():
            return places[-1]
    return LONGEST
