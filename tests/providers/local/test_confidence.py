"""The shipped grammar by voices that it was not fitted to word by word, and speech that is in no grammar."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files

import pytest

from spoken_words import HEARD, found_of, freely, in_noise, spoken
from voicechatengine.messages import MessageItem, TextPart
from voicechatengine.providers.cascade.parts import Request
from voicechatengine.providers.local.responder import answer
from voicechatengine.providers.local.sphinx_worker import Recogniser

for package in ("pocketsphinx", "espeakng_loader"):
    pytest.importorskip(package, reason=f"the extra local is not installed: {package}")
pytestmark = pytest.mark.realtime

COMMANDS = (
    "what time is it", "what day is it today", "what is the date", "tell me a joke", "what can you do for me", "help", "good morning",
    "what is your name", "turn the radio off", "what is twelve plus thirty four", "how many minutes are in three hours",
    "convert ten miles to kilometers", "stop", "thank you very much", "my name is laura", "never mind",
)  # fmt: skip
OTHER = (
    "what is the capital of france", "play some jazz music please", "i would like to order a large pizza",
    "the quick brown fox jumps over the lazy dog", "it was a dark and stormy night",
)  # fmt: skip
VOICES = ("en-us+edward", "en-us+f2")


def shipped() -> Recogniser:
    return Recogniser(files("voicechatengine.providers.local").joinpath("responder.gram").read_text("utf-8"))


def recognised(recogniser: Recogniser, audio: bytes) -> str:
    recogniser.begin()
    for start in range(0, len(audio), HEARD.frame_bytes):
        recogniser.hear(audio[start : start + HEARD.frame_bytes])
    return recogniser.end()


def answered(words: str) -> str:
    request = Request((MessageItem("user", (TextPart(words),)),))
    return answer(words, request, datetime(2026, 11, 22, tzinfo=UTC))


async def test_what_a_person_would_ask_the_responder_is_recognised_in_more_than_one_voice() -> None:
    """Word for word, five of six at least, also in some noise."""
    wrong: list[tuple[str, str, str]] = []
    for voice, noise in zip(VOICES, (0, 60), strict=True):
        recogniser = shipped()
        for command in COMMANDS[:: 4 if noise else 2]:
            heard = recognised(recogniser, in_noise(await spoken(command, voice), noise))
            if heard != command:
                wrong.append((voice, command, heard))
    assert len(wrong) <= 2, wrong


async def test_speech_that_is_in_no_grammar_becomes_no_command() -> None:
    """It is told as what the free language model heard; a third at most sounds like a command all the same (without the check all does)."""
    taken: list[tuple[str, str, str]] = []
    for voice in VOICES:
        recogniser = shipped()
        for sentence in OTHER[::2]:
            heard = recognised(recogniser, await spoken(sentence, voice))
            if not answered(heard).startswith(("I heard:", "Sorry")):
                taken.append((voice, sentence, heard))
    assert len(taken) <= 2, taken


@pytest.mark.parametrize("command", COMMANDS)
def test_whatever_the_grammar_names_has_an_answer(command: str) -> None:
    assert not answered(command).startswith(("I heard:", "Sorry")), command


async def test_a_recogniser_that_knows_no_grammar_understands_the_default_voice() -> None:
    """Of all that it says in answers, three words of four at least; a sentence that was not said is not found."""
    said = (
        "Hello. I can tell you the time and the date, do sums, convert units, and tell a joke.",
        "Why did the computer go to the doctor? It had caught a virus.",
        "I cannot see the weather: no tool for it was given to me.",
    )
    heard = [freely(await spoken(text, rate=150)) for text in said]
    shares = [found_of(text, words) for text, words in zip(said, heard, strict=True)]
    assert sum(shares) / len(shares) >= 0.75, (shares, heard)
    others = [found_of(text, words) for text, words in zip(said, heard[1:] + heard[:1], strict=True)]
    assert max(others) <= 0.25, others
