"""Turns where the wire has none: replies and the user's turns, derived from sound, words and time."""

from __future__ import annotations

import base64

import pytest
from live_script import Script

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.events import (
    AudioChunk,
    InputTranscript,
    Interrupted,
    ItemAdded,
    ResponseCompleted,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TextChunk,
)
from voicechatengine.messages import AudioAppend, Options, ResponseCancel, ResponseCreate

# ------------------------------------------------------------------ replies


def test_silence_alone_is_no_reply():
    assert Script().is_silent(3000).events == []


def test_a_reply_begins_with_the_first_sound_and_ends_after_the_gap():
    script = Script()
    script.is_silent(500)
    assert script.speaks(300).names == ["ResponseStarted", "ItemAdded", "AudioChunk"]
    assert script.is_silent(700).names == ["AudioChunk"]
    done = script.is_silent(100).only(ResponseCompleted)
    assert (done.status, done.reason, done.tool_calls) == ("completed", None, 0)
    assert script.is_silent(1000).events == []


def test_a_pause_that_is_shorter_than_the_gap_belongs_to_the_reply():
    script = Script()
    script.speaks(200)
    script.is_silent(700)
    assert script.speaks(200).names == ["AudioChunk"]
    assert script.is_silent(800).names == ["AudioChunk", "ResponseCompleted"]


def test_noise_below_the_level_is_silence():
    script = Script()
    hiss = b"\x0a\x00\xf6\xff" * 1200
    script.says("session.output_audio.delta", delta=base64.b64encode(hiss).decode())
    assert script.events == []


@pytest.mark.parametrize("encoding", ["g711_ulaw", "g711_alaw"])
def test_silence_is_known_in_telephone_sound_too(encoding):
    form = AudioFormat(encoding, 8000)
    script = Script(Options(input_audio_format=form))
    assert script.is_silent(500).events == []
    script.speaks(100)
    assert script.events[0] == ResponseStarted("resp_2")
    assert script.is_silent(800).names == ["AudioChunk", "ResponseCompleted"]


def test_a_long_stretch_of_output_is_looked_at_piece_by_piece():
    script = Script()

    audio = (
        script.form.silence(500) + tone(script.form, 400) + script.form.silence(1500) + tone(script.form, 300)
    )
    script.says("session.output_audio.delta", delta=base64.b64encode(audio).decode())
    assert script.names == [
        "ResponseStarted", "ItemAdded", "AudioChunk", "ResponseCompleted", "ResponseStarted", "ItemAdded", "AudioChunk",
    ]  # fmt: skip


def test_a_part_of_a_sample_waits_for_its_rest():
    script = Script()
    loud = b"\x00\x20" * 200

    for piece in (loud[:101], loud[101:]):
        script.says("session.output_audio.delta", delta=base64.b64encode(piece).decode())
    assert len(script.only(AudioChunk).audio) == 300


def test_words_are_spoken_ones_with_their_place_in_the_reply():
    script = Script()
    script.is_silent(1000)
    script.sounds(100)
    assert script.words("Hello", 1000, 1100).only(TextChunk).start_ms == 0
    chunk = script.words(" there", 1250, 1300).only(TextChunk)
    assert (chunk.text, chunk.spoken, chunk.start_ms) == (" there", True, 250)


def test_words_that_come_before_their_sound_begin_the_reply():
    script = Script()
    assert script.words("Well", 0).names == ["ResponseStarted", "ItemAdded", "TextChunk"]
    assert script.speaks(100).names == ["AudioChunk"]


def test_without_any_sound_the_times_of_words_tell_replies_apart():
    script = Script()
    script.words("One", 0, 300)
    assert script.words(" two", 1000, 1200).names == ["TextChunk"]
    assert script.words("Next", 2000, 2100).names == [
        "ResponseCompleted",
        "ResponseStarted",
        "ItemAdded",
        "TextChunk",
    ]
    assert script.waits(0.79).events == []
    assert script.waits(0.02).names == ["ResponseCompleted"]


def test_words_without_times_are_told_as_well():
    script = Script()
    script.says("session.output_transcript.delta", delta="Hm")
    assert script.only(TextChunk).start_ms is None
    assert script.says("session.output_transcript.delta", delta="").events == []


def test_a_line_that_stalls_does_not_end_a_reply_at_once():
    script = Script()
    script.speaks(200)
    assert script.waits(1.5).names == []
    assert script.speaks(100).names == ["AudioChunk"]
    assert script.waits(2.1).names == ["ResponseCompleted"]


def test_a_reply_that_runs_fails_with_the_connection():
    script = Script()
    script.speaks(100)
    done = script.ends().only(ResponseCompleted)
    assert (done.status, done.reason) == ("failed", "connection_lost")
    assert Script().ends().events == []


# ------------------------------------------------------------------ interruption


def test_an_interruption_is_told_at_once_and_the_rest_is_dropped():
    script = Script()
    script.speaks(300)
    script.words("A long story", 0)
    script.does(ResponseCancel())
    assert script.names == ["Interrupted", "ResponseCompleted"]
    assert script.events[0] == Interrupted("resp_2", "item_3", 300.0)
    assert script.only(ResponseCompleted).status == "interrupted"
    assert script.types == [], "the wire has no word for it"
    assert script.speaks(2000).events == script.words(" goes on").events == []
    assert script.is_silent(700).events == []
    assert script.speaks(100).events == [], "a pause, and the same reply"
    assert script.is_silent(800).events == []
    assert script.speaks(100).names == ["ResponseStarted", "ItemAdded", "AudioChunk"]


def test_interrupting_twice_equals_once_and_is_safe_when_idle():
    script = Script()
    assert script.does(ResponseCancel()).events == []
    script.speaks(100)
    assert script.does(ResponseCancel("resp_9")).events == []
    assert script.does(ResponseCancel("resp_2")).names == ["Interrupted", "ResponseCompleted"]
    assert script.does(ResponseCancel()).events == []


def test_after_the_user_spoke_a_short_silence_is_enough_for_the_answer():
    script = Script()
    script.speaks(300)
    script.does(ResponseCancel())
    script.speaks(200)
    script.hears("Stop.", 300, 500)
    assert script.is_silent(300).events == []
    assert "ResponseStarted" in script.speaks(100).names


def test_an_interruption_by_speech_counts_what_is_being_said():
    script = Script()
    script.speaks(300)
    script.hears("No", 250, 300)
    script.does(ResponseCancel())
    script.is_silent(300)
    assert "ResponseStarted" in script.speaks(100).names


def test_what_is_muted_is_so_no_longer_when_nothing_comes():
    script = Script()
    script.speaks(100)
    script.does(ResponseCancel())
    script.waits(2.1)
    assert script.speaks(100).names == ["ResponseStarted", "ItemAdded", "AudioChunk"]


def test_a_reply_that_was_asked_for_and_interrupted_before_it_began_is_stopped_when_it_begins():
    script = Script()
    script.does(ResponseCreate())
    assert script.does(ResponseCancel()).events == []
    script.now += 1
    script.sounds()
    assert script.names == ["ResponseStarted", "Interrupted", "ResponseCompleted"]
    assert script.speaks(500).events == []
    script.is_silent(800)
    assert "ResponseStarted" in script.speaks(100).names


def test_an_interruption_while_the_user_speaks_does_not_stop_the_answer():
    script = Script()
    script.hears("And", 0, 100)
    script.does(ResponseCreate())
    script.does(ResponseCancel())
    assert "Interrupted" not in script.speaks(100).names


# ------------------------------------------------------------------ the user


def test_a_turn_of_the_user_begins_with_the_first_words_and_ends_after_the_gap():
    script = Script()
    script.does(AudioAppend(script.form.silence(2000)))
    script.hears(" What", 500, 700)
    assert script.events == [
        SpeechStarted(500.0, "item_2"),
        InputTranscript("What", final=False, item_id="item_2"),
    ]
    script.now += 0.5
    assert script.hears(" time", 900, 1200).events == [
        InputTranscript("What time", final=False, item_id="item_2")
    ]
    assert script.waits(0.79).events == []
    script.waits(0.02)
    assert script.events == [
        SpeechStopped(1200.0, "item_2"),
        ItemAdded("item_2", "user", None, "speech"),
        InputTranscript("What time", final=True, item_id="item_2"),
    ]


def test_words_that_begin_the_gap_later_are_another_turn():
    script = Script()
    script.hears("One.", 0, 500)
    assert script.hears("Two.", 1299, 1400).names == ["InputTranscript"]
    assert script.hears("Three.", 2200, 2300).names == [
        "SpeechStopped", "ItemAdded", "InputTranscript", "SpeechStarted", "InputTranscript",
    ]  # fmt: skip


def test_a_turn_is_over_when_the_model_answers():
    script = Script()
    script.is_silent(1000)
    script.hears("Hello?", 300, 800)
    script.speaks(100)
    assert script.names == [
        "SpeechStopped", "ItemAdded", "InputTranscript", "ResponseStarted", "ItemAdded", "AudioChunk",
    ]  # fmt: skip
    user, assistant = [event for event in script.events if isinstance(event, ItemAdded)]
    assert assistant.previous_item_id == user.item_id


def test_words_that_come_late_are_no_new_turn_and_interrupt_nothing():
    script = Script()
    script.is_silent(1000)
    script.hears("Hello", 300, 600)
    script.speaks(200)
    script.hears(" there", 700, 900)
    assert script.events == [InputTranscript("Hello there", final=True, item_id="item_2")]
    assert script.hears("Wait!", 1150, 1200).names == ["SpeechStarted", "InputTranscript"]


def test_speech_over_a_reply_keeps_its_place_in_the_conversation():
    script = Script()
    script.is_silent(500)
    script.speaks(500)
    script.hears("Yes", 700, 900)
    added = script.waits(1).only(ItemAdded)
    assert (added.role, added.kind, added.previous_item_id) == ("user", "speech", "item_3")


def test_words_without_times_make_a_turn():
    script = Script()
    script.says("session.input_transcript.delta", delta="Hi")
    assert script.events[0] == SpeechStarted(None, "item_2")
    assert script.says("session.input_transcript.delta", delta=" there").names == ["InputTranscript"]
    assert script.says("session.input_transcript.delta", delta="").events == []


def test_a_timeline_that_runs_ahead_of_the_audio_gives_no_positions():
    script = Script()
    script.does(AudioAppend(script.form.silence(500)))
    assert script.hears("Hi", 5000, 5200).only(SpeechStarted).position_ms is None
    script.waits(1)
    assert script.hears("Ho", 100, 200).only(SpeechStarted).position_ms is None


def test_silence_of_ours_does_not_count_as_the_applications_audio():
    script = Script()
    script.does(AudioAppend(script.form.silence(1000)))
    script.does(ResponseCreate())
    script.waits(2.25)
    fills = len([frame for frame in script.frames if frame["type"] == "session.input_audio.append"])
    assert fills == 20
    script.does(AudioAppend(script.form.silence(1000)))
    assert script.hears("Hi", 1000 + 2000 + 500, 3800).only(SpeechStarted).position_ms == 1500.0


def test_of_very_many_silences_the_oldest_are_kept_as_a_sum():
    script = Script()
    for _ in range(40):
        script.does(ResponseCreate(instructions="Speak."))
        script.does(AudioAppend(script.form.silence(100)))
        script.waits(0.3)
        script.does(ResponseCancel())
    given, filled = 40 * 100, 40 * 100
    assert script.hears("Hi", given + filled, given + filled).only(SpeechStarted).position_ms == given
