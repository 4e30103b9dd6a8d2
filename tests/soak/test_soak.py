"""A sample of the soak (`make soak` runs all of it), and that the harness itself sees what is wrong."""

from __future__ import annotations

import pytest

from voicechatengine.errors import ConnectionError
from voicechatengine.events import ErrorInfo
from voicechatengine.testing import run_virtual

from . import long, marks
from .laws import broken, judge
from .script import Script, generate
from .shrink import shrink
from .talk import hold

SAMPLE = 120
BATCH = 20


@pytest.mark.parametrize("first", range(0, SAMPLE, BATCH))
def test_seeded_conversations_with_faults_keep_the_laws(first):
    found = {seed: wrong for seed in range(first, first + BATCH) if (wrong := judge(generate(seed)))}
    assert not found, "\n".join(
        f"python -m tests.soak.replay {seed}: {wrong}" for seed, wrong in found.items()
    )


def test_an_hour_under_a_limit_of_ten_minutes_has_no_gap_and_loses_nothing():
    found = long.hold(1)
    assert found.trouble == []
    assert found.hand_overs >= 6
    assert found.restored == found.hand_overs
    assert found.worst_gap_s <= marks.FRAME_MS / 1000
    assert found.heard_s > 2_000


def _second_call(e):
    e.executed.append(e.executed[0])


def _lost_speech(e):
    e.spoken.append((e.spoken[-1][1] + 1, e.spoken[-1][1] + 9))


def _sent_twice(e):
    e.line.wires[0].audio += bytes(e.line.wires[0].audio)


def _sent_again(e):
    e.line.wires[1].audio[:0] = bytes(e.line.wires[0].audio)


def _unheard_words(e):
    e.ear.stream = e.ear.stream[: len(e.ear.stream) // 2]


def _heard_twice(e):
    e.ear.stream += bytes(e.ear.stream)


def _forgotten(e):
    e.history = e.history[1:]


def _out_of_order(e):
    e.history = e.history[::-1]


def _unknown_words(e):
    e.words.clear()


def _told_error(e):
    e.errors.append(ErrorInfo("internal", "oh"))


def _failed(e):
    e.failure = ConnectionError("gone")


SPOILT = {
    _second_call: "was done 2 times",
    _lost_speech: "were lost",
    _sent_twice: "were sent twice",
    _sent_again: "were committed before, and sent again",
    _unheard_words: "words of 5 were heard",
    _heard_twice: "in two pieces",
    _forgotten: "0 times in the history",
    _out_of_order: "out of order",
    _unknown_words: "are not known, and nobody was told",
    _told_error: "error event internal",
    _failed: "it failed",
}


@pytest.mark.parametrize("spoil", SPOILT)
def test_the_laws_see_what_is_wrong(spoil):
    """A conversation keeps them all; spoilt in one way, it breaks the one that is about that."""
    steps = (("text", 5), ("speak", 400), ("tools", 1, 0), ("pause", 4_000), ("text", 5))
    evidence = run_virtual(hold(Script(0, steps, limit_s=70.0)))
    assert broken(evidence) == []
    assert len(evidence.line.wires) > 1
    spoil(evidence)
    assert any(SPOILT[spoil] in what for what in broken(evidence))


def test_a_failing_script_is_made_as_small_as_it_can_be():
    script = Script(
        0,
        (("pause", 1), ("text", 5), ("speak", 200)),
        ((-1, "late", 1), (1, "rate", 1), (2, "error", 1)),
        True,
        61.0,
    )
    small = shrink(
        script, lambda each: ("text", 5) in each.steps and any(k == "rate" for _, k, _ in each.faults)
    )
    assert small == Script(0, (("text", 5),), ((0, "rate", 1),))
    assert eval(str(small)) == small


def test_a_seed_always_gives_the_same_script():
    assert generate(7) == generate(7)
    assert generate(7) != generate(8)


def test_marked_sound_is_read_back_to_the_millisecond():
    audio = marks.SILENCE + marks.speech(1) + marks.speech(70_000) + marks.SILENCE
    assert marks.numbers(marks.heard_in(audio)) == [1, 70_000]
    assert marks.numbers(marks.heard_in(audio[marks.FORMAT.size_of(39) :])) == [1, 70_000]
    assert marks.numbers(marks.heard_in(audio[: marks.FORMAT.size_of(41)])) == [1, 70_000]
