"""Sentences: what ends one, what does not, and that nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicechatengine.providers.cascade.sentences import LONGEST, Sentences


def split(*pieces: str) -> list[str]:
    sentences = Sentences()
    found = [sentence for piece in pieces for sentence in sentences.feed(piece)]
    rest = sentences.flush()
    assert sentences.flush() == ""
    return [*found, rest] if rest else found


ONE = (
    "Dr. Watson met Mr. Holmes at St. James.",
    "It costs 3.14 dollars, or 1.000,50 euros.",
    "See No. 5 and fig. 2 on p. 7 of vol. 3.",
    "J. R. R. Tolkien wrote it.",
    "Take fruit, e.g. apples, i.e. the red ones.",
    "The U.S. Army left at 5 p.m. on Jan. 5.",
    "Look at https://example.org/a.b?c=d. and go on",
    "Look at www.example.org/?q=1 Now",
    "Write to Jane.Doe@example.co.uk Today",
    "Well... I do not know",
    "Well… I do not know",
    'He said "Stop. Go away. Now" and left.',
    "He said “Stop. Go away” and left.",
    "It rained (as always! Every day) in May.",
    "What?! no way.",
    '"Stop!" she said.',
    "1. Wash your hands.",
    "Version 2.0.1 is out",
    "no end at all",
    "   ",
    "",
)


@pytest.mark.parametrize("text", ONE)
def test_this_is_one_sentence(text):
    """Abbreviations, numbers, initials, addresses, ellipses, quotes and brackets end none."""
    assert split(text) == ([text] if text else [])


@pytest.mark.parametrize(
    "sentences",
    [
        ["It is noon.", " Are you hungry?", " Let us eat!", " Now."],
        ["So do I.", " And you?"],
        ["No.", " I will not."],
        ["It was 1999.", " Then it was over."],
        ['She said "go."', " Then she went."],
        ["It rained (a lot.)", " Then it stopped."],
        ["A heading\n", "- one\n", "- two"],
        ["One.\n", "\nTwo."],
        ["今日は晴れです。", "明日も晴れです。", "はい"],
        ["Is it 5?", " 6 is better."],
        ["a) yes.", " Good."],
    ],
)
def test_these_are_several(sentences):
    """A mark, then white space, then what may begin a sentence; or a new line; or a wide mark."""
    assert split("".join(sentences)) == sentences


def test_a_sentence_is_given_as_soon_as_it_is_certain():
    """The first sign of the next sentence is enough."""
    sentences = Sentences()
    assert sentences.feed("It is noon. ") == []
    assert sentences.feed("A") == ["It is noon."]


def test_a_very_long_sentence_is_cut_at_a_comma_or_a_space_or_anywhere():
    """Nobody waits for a sentence of a page."""
    comma = "a" * 200 + ", " + "b" * 50 + " " + "c" * 100
    assert split(comma)[0] == "a" * 200 + ","
    space = "a" * 100 + " " + "b" * 250
    assert split(space)[0] == "a" * 100 + " "
    assert [len(piece) for piece in split("x" * (LONGEST * 2 + 5))] == [LONGEST, LONGEST, 5]


TEXTS = st.lists(
    st.sampled_from(
        [
            "Hello",
            " ",
            ". ",
            "! ",
            "? ",
            "...",
            "\n",
            "Mr.",
            "e.g. ",
            "3.5",
            '"',
            "(",
            ")",
            "a",
            "B",
            "。",
            ", ",
            "x" * 90,
        ]
    ),
    max_size=60,
).map("".join) | st.text(max_size=400)


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.data())
def test_nothing_is_lost_and_the_pieces_do_not_matter(text, data):
    """Joined, the sentences are the text; cut anywhere, the same sentences come; none is too long."""
    whole = split(text)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert "".join(whole) == text
    assert split(*pieces) == whole
    assert split(*text) == whole
    assert all(len(sentence) <= LONGEST for sentence in whole)
