"""What speech over a reply means, as a transcript of events and times."""

from __future__ import annotations

from typing import Any

import pytest

from voicechatengine import InputTranscript, MessageError, ResponseStarted, SpeechStarted, SpeechStopped
from voicechatengine.engine.bargein import BargeIn, Doubt, Verdict
from voicechatengine.events import Event

HOLD, RESUME, CUT, WAIT = Verdict.HOLD, Verdict.RESUME, Verdict.CUT, Verdict.WAIT

ON, OFF = SpeechStarted(), SpeechStopped()
WORDS = InputTranscript("Stop", final=True)
NOISE = InputTranscript(" ", final=True)
REPLY = ResponseStarted("r")

AT_ONCE = BargeIn()
SHORT = BargeIn(min_speech_ms=500)
KEEP = BargeIn(resume_ms=1000)
BOTH = BargeIn(min_speech_ms=500, resume_ms=1000)

# Settings, the steps (seconds, an event or None for time that passes), and what each of them means.
CASES: dict[str, tuple[BargeIn, list[tuple[float, Event | None, Verdict]]]] = {
    "at once": (AT_ONCE, [(0, ON, CUT), (1, OFF, WAIT), (2, WORDS, WAIT)]),
    "short speech is none": (SHORT, [(0, ON, WAIT), (0.3, OFF, RESUME), (9, None, WAIT)]),
    "long speech is": (SHORT, [(0, ON, WAIT), (0.4, None, WAIT), (0.5, None, CUT), (0.6, OFF, WAIT)]),
    "short speech with words is still short": (
        SHORT,
        [(0, ON, WAIT), (0.2, WORDS, WAIT), (0.3, OFF, RESUME)],
    ),
    "two short ones": (SHORT, [(0, ON, WAIT), (0.3, OFF, RESUME), (0.4, ON, WAIT), (0.9, None, CUT)]),
    "words make it certain": (KEEP, [(0, ON, HOLD), (0.4, WORDS, CUT)]),
    "words after it": (KEEP, [(0, ON, HOLD), (1, OFF, WAIT), (1.9, WORDS, CUT)]),
    "no words": (
        KEEP,
        [(0, ON, HOLD), (1, OFF, WAIT), (1.5, NOISE, WAIT), (1.9, None, WAIT), (2, None, RESUME)],
    ),
    "speech again": (
        KEEP,
        [(0, ON, HOLD), (1, OFF, WAIT), (1.9, ON, WAIT), (5, None, WAIT), (6, WORDS, CUT)],
    ),
    "an answer": (KEEP, [(0, ON, HOLD), (0.1, REPLY, WAIT), (1, OFF, WAIT), (1.2, REPLY, CUT)]),
    "an answer beside it": (
        KEEP,
        [
            (0, ON, HOLD),
            (1, OFF, WAIT),
            (1.2, ResponseStarted("r", out_of_band=True), WAIT),
            (2, None, RESUME),
        ],
    ),
    "without an end": (KEEP, [(0, ON, HOLD), (29, None, WAIT), (30, None, CUT)]),
    "again and again": (
        KEEP,
        [(0, ON, HOLD), *[(n, ON, WAIT) for n in range(1, 30)], (29.9, OFF, WAIT), (30, None, CUT)],
    ),
    "short, and kept": (BOTH, [(0, ON, HOLD), (0.3, OFF, RESUME)]),
    "early words, then long enough": (
        BOTH,
        [(0, ON, HOLD), (0.2, WORDS, WAIT), (0.4, None, WAIT), (0.5, None, CUT)],
    ),
    "early words, and short": (BOTH, [(0, ON, HOLD), (0.2, WORDS, WAIT), (0.4, OFF, RESUME)]),
    "long, then words": (BOTH, [(0, ON, HOLD), (0.8, OFF, WAIT), (1, WORDS, CUT)]),
    "short by its place in the audio, though it was told late": (
        BOTH,
        [(0, SpeechStarted(1000), HOLD), (0.9, SpeechStopped(1200), RESUME)],
    ),
    "long by its place in the audio": (
        BOTH,
        [(0, SpeechStarted(1000), HOLD), (0.1, SpeechStopped(1600), WAIT), (0.3, WORDS, CUT)],
    ),
    "words of an earlier turn": (
        KEEP,
        [
            (0, SpeechStarted(item_id="b"), HOLD),
            (0.1, InputTranscript("late", item_id="a"), WAIT),
            (0.2, InputTranscript("Stop", item_id="b"), CUT),
        ],
    ),
    "an end without a beginning": (KEEP, [(0, OFF, WAIT), (1, WORDS, WAIT), (2, None, WAIT)]),
}


@pytest.mark.parametrize(("settings", "steps"), CASES.values(), ids=CASES)
def test_speech_over_a_reply(settings: BargeIn, steps: list[tuple[float, Event | None, Verdict]]):
    doubt = Doubt(settings)
    found = [doubt.expired(when) if event is None else doubt.apply(event, when) for when, event, _ in steps]
    assert [verdict for *_, verdict in steps] == found


def test_the_deadline_is_that_of_the_next_change():
    doubt = Doubt(BOTH)
    assert (bool(doubt), doubt.deadline()) == (False, None)
    doubt.apply(ON, 10)
    assert (bool(doubt), doubt.deadline()) == (True, 40)
    doubt.apply(WORDS, 10.1)
    assert doubt.deadline() == 10.5
    doubt.forget()
    assert (bool(doubt), doubt.deadline()) == (False, None)
    doubt.apply(ON, 20)
    doubt.apply(OFF, 20.6)
    assert doubt.deadline() == 21.6


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"min_speech_ms": -1}, "min_speech_ms"),
        ({"resume_ms": float("inf")}, "resume_ms"),
        ({"min_speech_ms": float("nan")}, "min_speech_ms"),
    ],
)
def test_settings_that_are_no_times_are_refused(settings: dict[str, Any], field: str):
    with pytest.raises(MessageError) as caught:
        BargeIn(**settings)
    assert caught.value.field == field
