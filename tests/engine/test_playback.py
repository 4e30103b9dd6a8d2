"""The bookkeeping of what was generated, played and heard."""

from __future__ import annotations

import pytest

from voicechatengine import AudioError, AudioFormat
from voicechatengine.engine.playback import MAX_DROPPED, Heard, Playback

FORMAT = AudioFormat(sample_rate=1000)  # a sample is a millisecond


def ms(length: int) -> bytes:
    return bytes(2 * length)


def playing(*items: tuple[str, str, int], position: int = 0) -> Playback:
    """A playback that has handed these (response, item, ms) to its sink."""
    playback = Playback(FORMAT, position)
    for response, item, length in items:
        playback.started(response)
        playback.add(response, item, ms(length), length)
    while playback.take() is not None:
        pass
    return playback


def test_audio_comes_out_in_the_order_it_came_in():
    playback = Playback(FORMAT)
    playback.add("r", "a", b"\1\1", 1)
    playback.add("r", "b", b"\2\2", 1)
    assert [playback.take(), playback.take(), playback.take()] == [b"\1\1", b"\2\2", None]


def test_a_cut_says_how_much_of_the_item_was_heard():
    playback = playing(("r", "a", 500))
    assert playback.cut(200) == (Heard("r", "a", 200.0, 500.0),)


def test_who_hands_over_much_is_to_tell_what_was_played():
    playback = playing(("r", "a", 900))
    assert not playback.behind
    playback.add("r", "a", ms(200), 200)
    playback.take()
    assert playback.behind
    playback.hold(50)  # the rest waits here again
    assert not playback.behind
    playback.release()
    while playback.take() is not None:
        pass
    assert playback.behind
    playback.played(150)
    assert not playback.behind
    assert playback.cut(400) == (Heard("r", "a", 400.0, 1100.0),)


def test_a_cut_counts_from_the_position_the_sink_began_with():
    playback = playing(("r", "a", 500), position=4000)
    assert playback.cut(4200) == (Heard("r", "a", 200.0, 500.0),)


def test_items_heard_to_their_end_are_not_named_and_those_not_reached_are_with_nothing():
    playback = playing(("r", "a", 100), ("r", "b", 100), ("s", "c", 100))
    playback.completed("r")
    playback.completed("s")
    assert playback.cut(150) == (Heard("r", "b", 50.0, 100.0), Heard("s", "c", 0.0, 100.0))


def test_an_item_of_an_open_response_is_named_even_if_all_that_came_of_it_was_heard():
    assert playing(("r", "a", 100)).cut(100) == (Heard("r", "a", 100.0, 100.0),)


def test_an_item_whose_words_came_and_whose_sound_did_not_is_named_with_nothing():
    playback = playing(("r", "a", 100))
    playback.add("r", "b", b"")
    assert playback.cut(100)[1] == Heard("r", "b", 0.0, 0.0)


def test_what_was_heard_never_exceeds_what_was_generated():
    playback = Playback(FORMAT)
    playback.started("r")
    playback.add("r", "a", ms(101), 100)  # a resampler's rounding
    playback.take()
    assert playback.cut(101) == (Heard("r", "a", 100.0, 100.0),)


def test_audio_that_waits_is_forgotten_by_a_cut():
    playback = playing(("r", "a", 100))
    playback.add("r", "a", ms(100), 100)
    assert playback.queued
    assert playback.cut(50) == (Heard("r", "a", 50.0, 200.0),)
    assert (playback.take(), playback.queued, playback.busy) == (None, False, False)


@pytest.mark.parametrize("completed_first", [False, True])
def test_late_audio_of_a_cut_response_is_dropped_by_its_id(completed_first: bool):
    playback = playing(("r", "a", 100))
    playback.cut(50)
    if completed_first:
        playback.completed("r")
    playback.add("r", "a", ms(100), 100)
    assert not playback.takes("r")
    assert not playback.busy


def test_a_response_that_has_begun_without_sound_is_dropped_by_a_cut():
    playback = Playback(FORMAT)
    playback.started("r")
    assert playback.open_responses == ("r",)
    assert playback.cut(0) == ()
    assert not playback.takes("r")
    assert playback.open_responses == ()


def test_the_next_response_plays_from_the_sinks_position_on():
    playback = playing(("r", "a", 100))
    playback.cut(50)
    playback.started("s")
    playback.add("s", "b", ms(100), 100)
    playback.take()
    assert playback.cut(80) == (Heard("s", "b", 30.0, 100.0),)


def test_it_is_busy_until_the_sink_has_played_everything():
    playback = playing(("r", "a", 100))
    playback.played(99)
    assert playback.busy
    playback.played(100)
    assert not playback.busy


def test_an_item_of_no_response_keeps_its_count_until_another_comes():
    playback = Playback(FORMAT)
    for _ in range(2):
        playback.add(None, "a", ms(100), 100)
        playback.take()
        playback.played(100)
    assert playback.cut(150) == (Heard(None, "a", 150.0, 200.0),)
    playback.add(None, "a", ms(10), 10)
    playback.take()
    playback.played(160)
    playback.add(None, "b", ms(10), 10)
    assert playback.cut(160) == (Heard(None, "b", 0.0, 10.0),)


def test_of_interrupted_responses_only_the_latest_are_remembered():
    playback = Playback(FORMAT)
    for number in range(MAX_DROPPED + 1):
        playback.started(f"r{number}")
        playback.cut(0)
    assert playback.takes("r0")
    assert not playback.takes("r1")


def test_ten_minutes_that_nobody_plays_are_an_error():
    playback = Playback(FORMAT)
    playback.add("r", "a", ms(600_000), 600_000)
    with pytest.raises(AudioError, match="10 minutes of answer wait to be played"):
        playback.add("r", "a", ms(1), 1)


def test_what_is_held_is_kept_in_its_order_and_goes_on_where_it_was():
    """Of three items in the sink one and a half were heard; more comes while it is held."""
    playback = Playback(FORMAT)
    for item, byte in (("a", b"\1"), ("b", b"\2"), ("c", b"\3")):
        playback.add("r", item, byte * 200, 100)
        playback.take()
    playback.hold(150)
    playback.add("r", "d", b"\4" * 200, 100)
    assert (playback.take(), playback.held, playback.busy, playback.queued) == (None, True, True, True)
    playback.release()
    rest = [playback.take() for _ in range(4)]
    assert rest == [b"\2" * 100, b"\3" * 200, b"\4" * 200, None]
    playback.completed("r")
    assert playback.cut(270) == (Heard("r", "c", 70.0, 100.0), Heard("r", "d", 0.0, 100.0))


def test_what_is_held_can_be_cut():
    playback = playing(("r", "a", 500))
    playback.hold(200)
    assert playback.cut(200) == (Heard("r", "a", 200.0, 500.0),)
    assert (playback.held, playback.busy) == (False, False)
