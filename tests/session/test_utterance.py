"""What is said again after a cut: all of the utterance that is not committed, nothing that is."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechatengine import AudioFormat
from voicechatengine.conversation import Conversation
from voicechatengine.events import InputTranscript, ItemAdded, SpeechStarted, SpeechStopped
from voicechatengine.messages import (
    ActivityEnd,
    AudioAppend,
    AudioClear,
    AudioCommit,
    Options,
    ResponseCreate,
)
from voicechatengine.session.dialect import Restore
from voicechatengine.session.outage import take_stock
from voicechatengine.session.utterance import LONGEST_MS, TAIL_MS, Utterance

FORMAT = AudioFormat(sample_rate=8_000)


def ms(n: int) -> bytes:
    """One millisecond that says which one it is."""
    return n.to_bytes(2, "little") * 8


def speak(utterance: Utterance, start: int, stop: int, step: int = 20) -> None:
    for begin in range(start, stop, step):
        utterance.sent(AudioAppend(b"".join(map(ms, range(begin, min(begin + step, stop))))))


def span(audio: bytes) -> tuple[int, int] | None:
    """The first and last millisecond (inclusive) of a stretch made by `speak`."""
    if not audio:
        return None
    return int.from_bytes(audio[:2], "little"), int.from_bytes(audio[-2:], "little")


def test_while_nobody_speaks_only_a_tail_is_kept():
    utterance = Utterance(FORMAT, manual=False)
    speak(utterance, 0, 10_000)
    assert span(utterance.audio()) == (10_000 - int(TAIL_MS), 9_999)


def test_speech_is_kept_from_where_it_began():
    utterance = Utterance(FORMAT, manual=False)
    speak(utterance, 0, 3_000)
    utterance.received(SpeechStarted(2_345, "u"))
    speak(utterance, 3_000, 9_000)
    assert span(utterance.audio()) == (2_345, 8_999)
    assert utterance.item_id == "u"


def test_speech_that_began_nobody_knows_when_is_kept_from_the_tail_on():
    utterance = Utterance(FORMAT, manual=False)
    speak(utterance, 0, int(TAIL_MS) + 100)
    utterance.received(SpeechStarted(None, "u"))
    speak(utterance, int(TAIL_MS) + 100, 9_000)
    assert span(utterance.audio()) == (100, 8_999)


SILENCE_MS, SHORT = 60_000, FORMAT.size_of(2 * TAIL_MS)


def held(utterance: Utterance, start: int) -> int:
    """Bytes that a minute of more audio leaves in memory."""
    tracemalloc.start()
    try:
        speak(utterance, start, start + SILENCE_MS)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_a_silent_microphone_fills_no_memory():
    assert held(Utterance(FORMAT, manual=False), 0) < SHORT


@pytest.mark.parametrize("end", [SpeechStopped(None, "u"), AudioClear()])
def test_once_speech_is_over_silence_fills_no_memory(end: SpeechStopped | AudioClear):
    utterance = Utterance(FORMAT, manual=False)
    utterance.received(SpeechStarted(0, "u"))
    speak(utterance, 0, 1_000)
    if isinstance(end, AudioClear):
        utterance.sent(end)
    else:
        utterance.received(end)
    assert held(utterance, 1_000) < SHORT


def test_turns_that_are_too_long_ago_are_no_part_of_what_is_said_again():
    utterance = Utterance(FORMAT, manual=True)
    speak(utterance, 0, 5_000)
    utterance.sent(AudioCommit())
    utterance.sent(AudioAppend(bytes(FORMAT.size_of(LONGEST_MS))))
    utterance.sent(AudioCommit())
    assert utterance.turns() == (FORMAT.size_of(LONGEST_MS),)


def test_committed_speech_is_gone_and_what_follows_it_stays():
    utterance = Utterance(FORMAT, manual=False)
    speak(utterance, 0, 3_000)
    utterance.received(SpeechStarted(1_500, "u"))
    utterance.received(SpeechStopped(2_500, "u"))
    assert span(utterance.audio()) == (1_500, 2_999)
    utterance.received(ItemAdded("u", "user", kind="speech"))
    assert span(utterance.audio()) == (2_500, 2_999)
    assert utterance.item_id is None


def test_a_manual_turn_is_kept_until_the_vendor_confirms_it():
    utterance = Utterance(FORMAT, manual=True)
    speak(utterance, 0, 6_000)
    for end in (AudioCommit(), ActivityEnd()):
        utterance.sent(end)
    assert utterance.commit_due
    speak(utterance, 6_000, 7_000)
    assert span(utterance.audio()) == (0, 6_999)
    utterance.received(ItemAdded("u", "user", kind="speech"))
    assert span(utterance.audio()) == (6_000, 6_999)
    assert not utterance.commit_due


def test_a_vendor_without_positions_commits_all_that_was_sent():
    utterance = Utterance(FORMAT, manual=False)
    speak(utterance, 0, 1_000)
    utterance.received(SpeechStarted())
    utterance.received(SpeechStopped())
    utterance.received(ItemAdded("u", "user", kind="speech"))
    assert utterance.audio() == b""


def test_cleared_audio_is_not_said_again():
    utterance = Utterance(FORMAT, manual=True)
    speak(utterance, 0, 500)
    utterance.sent(AudioClear())
    assert utterance.audio() == b""


def test_a_very_long_utterance_is_bounded_and_says_what_it_lost():
    utterance = Utterance(FORMAT, manual=True)
    for _ in range(130):
        utterance.append(FORMAT.silence(1000))
    assert FORMAT.duration_ms(len(utterance.audio())) == LONGEST_MS
    assert utterance.trimmed_ms == 10_000


@given(st.lists(st.integers(1, 400), max_size=30), st.integers(0, 5_000), st.integers(0, 5_000))
def test_how_audio_is_split_changes_nothing(sizes, start, length):
    whole, split = (Utterance(FORMAT, manual=False) for _ in range(2))
    whole.received(SpeechStarted(0))
    split.received(SpeechStarted(0))
    total = sum(sizes)
    speak(whole, 0, total, max(total, 1))
    at = 0
    for size in sizes:
        speak(split, at, at + size, size)
        at += size
    for utterance in (whole, split):
        utterance.received(SpeechStopped(min(start + length, total), "u"))
        utterance.received(ItemAdded("u", "user", kind="speech"))
    assert whole.audio() == split.audio()


def test_an_outage_takes_back_the_item_of_speech_not_committed_and_says_it_again():
    conversation, utterance = Conversation(FORMAT), Utterance(FORMAT, manual=False)
    speak(utterance, 0, 1_000)
    for event in (SpeechStarted(200, "u1"),):
        conversation.apply(event)
        utterance.received(event)
    outage = take_stock(Restore(), Options(voice="ash"), conversation, utterance)
    assert outage.missing == ()
    assert outage.restore.reconnect
    assert outage.restore.options.voice == "ash"
    assert [type(command) for command in outage.commands()] == [AudioAppend]


def test_a_reply_owed_to_words_that_nobody_knows_is_missing_and_one_to_known_words_is_asked_for():
    for known in (True, False):
        conversation, utterance = Conversation(FORMAT), Utterance(FORMAT, manual=False)
        conversation.apply(ItemAdded("u1", "user", kind="speech"))
        if known:
            conversation.apply(InputTranscript("hello", True, "u1"))
        outage = take_stock(
            Restore(reply_owed=ResponseCreate(), lost=("x",)), Options(), conversation, utterance
        )
        assert outage.commands() == ([ResponseCreate()] if known else [])
        assert outage.missing == (
            ("x",) if known else ("x", "the words of u1", "the reply to words that are not known")
        )


def test_words_of_which_a_part_came_are_missing_too_and_no_words_are_missing_twice():
    conversation = Conversation(FORMAT)
    conversation.apply(ItemAdded("u1", "user", kind="speech"))
    conversation.apply(InputTranscript("good", False, "u1"))
    assert conversation.wordless() == ("u1",)
    first, second = (
        take_stock(Restore(), Options(), conversation, Utterance(FORMAT, manual=False)) for _ in range(2)
    )
    assert first.missing == ("the words of u1",)
    assert second.missing == ()
    assert [item.id for item in second.restore.history] == ["u1"]


def test_a_manual_turn_that_was_not_confirmed_is_said_committed_and_answered_anew():
    conversation, utterance = Conversation(FORMAT), Utterance(FORMAT, manual=True)
    for _ in range(180):
        utterance.append(FORMAT.silence(1000))
    utterance.sent(ActivityEnd())
    outage = take_stock(Restore(reply_owed=ResponseCreate()), Options(), conversation, utterance)
    assert [type(command) for command in outage.commands()] == [
        AudioAppend,
        AudioCommit,
        ResponseCreate,
    ]
    assert outage.missing == ("the first 60.0 s of a long utterance",)


def test_two_turns_that_were_not_confirmed_are_two_turns_again_and_what_was_begun_goes_on():
    """Cut twice in a row: the second time, what was said again stands before what the user has said since."""
    utterance = Utterance(FORMAT, manual=True)
    speak(utterance, 0, 1_000)
    utterance.sent(AudioCommit())
    speak(utterance, 1_000, 1_600)
    utterance.sent(ActivityEnd())
    speak(utterance, 1_600, 1_700)
    for confirmed in (0, 1):
        again = Utterance(FORMAT, manual=True)
        outage = take_stock(Restore(), Options(), Conversation(FORMAT), utterance)
        said = [span(c.audio) if isinstance(c, AudioAppend) else c for c in outage.commands()]
        expected = [(0, 999), AudioCommit(), (1_000, 1_599), AudioCommit(), (1_600, 1_699)]
        assert said == expected[2 * confirmed :]
        for command in outage.commands():
            again.sent_late(command)
        again.received(ItemAdded("u", "user", kind="speech"))
        utterance = again


def test_what_was_sent_all_at_once_is_kept_until_speech_in_it_can_be_reported():
    utterance = Utterance(FORMAT, manual=False)
    utterance.sent_late(AudioAppend(FORMAT.silence(1_500)))
    for start in range(0, 1_000, 20):
        utterance.sent_late(AudioAppend(b"".join(map(ms, range(start, start + 20)))))
    speak(utterance, 1_000, 1_500)
    assert FORMAT.duration_ms(len(utterance.audio())) == 3_000
    utterance.received(SpeechStarted(1_500, "u"))
    assert span(utterance.audio()) == (0, 1_499)


def test_a_long_chunk_is_cut_and_not_dropped_as_a_whole():
    utterance = Utterance(FORMAT, manual=False)
    utterance.append(b"".join(map(ms, range(3_000))))
    assert span(utterance.audio()) == (1_000, 2_999)


def test_quiet_is_while_no_speech_is_reported_and_by_hand_before_anything_was_said():
    detected, by_hand = Utterance(FORMAT, manual=False), Utterance(FORMAT, manual=True)
    for utterance in (detected, by_hand):
        assert utterance.quiet
        speak(utterance, 0, 1_000)
    assert detected.quiet
    assert not by_hand.quiet
    detected.received(SpeechStarted(500))
    assert not detected.quiet
    detected.received(SpeechStopped(900))
    assert detected.quiet
    by_hand.sent(AudioCommit())
    by_hand.received(ItemAdded("u", "user", kind="speech"))
    assert by_hand.quiet


def test_after_a_clear_nobody_speaks_and_no_turn_is_due():
    detected, by_hand = Utterance(FORMAT, manual=False), Utterance(FORMAT, manual=True)
    for utterance in (detected, by_hand):
        speak(utterance, 0, 1_000)
    detected.received(SpeechStarted(500, "u"))
    by_hand.sent(AudioCommit())
    for utterance in (detected, by_hand):
        utterance.sent(AudioClear())
        assert utterance.quiet
        assert not utterance.commit_due


def test_the_end_of_a_turn_in_which_nothing_was_said_is_not_said_again():
    utterance = Utterance(FORMAT, manual=True)
    utterance.sent(AudioCommit())
    assert utterance.commit_due
    assert utterance.turns() == ()


def test_speech_that_begins_and_ends_within_one_chunk_is_cut_at_both_ends():
    utterance = Utterance(FORMAT, manual=False)
    speak(utterance, 0, 3_000, 500)
    utterance.received(SpeechStarted(2_345, "u"))
    assert span(utterance.audio()) == (2_345, 2_999)
    utterance.received(SpeechStopped(2_352, "u"))
    utterance.received(ItemAdded("u", "user", kind="speech"))
    assert span(utterance.audio()) == (2_352, 2_999)


def test_after_speech_only_a_tail_is_kept_again_also_where_much_was_sent_at_once():
    utterance = Utterance(FORMAT, manual=False)
    utterance.sent_late(AudioAppend(FORMAT.silence(3_000)))
    utterance.received(SpeechStarted(2_000, "u"))
    utterance.received(SpeechStopped(3_000, "u"))
    utterance.received(ItemAdded("u", "user", kind="speech"))
    speak(utterance, 0, 6_000)
    assert span(utterance.audio()) == (6_000 - int(TAIL_MS), 5_999)
