"""The strategies give what they say: values that fit, frames that break, audio in whole samples."""

from __future__ import annotations

import json

import hypothesis.strategies as st
from hypothesis import given, settings

from voicechatengine import AudioFormat, MockConfig
from voicechatengine.events import EVENT_TYPES
from voicechatengine.messages import COMMANDS, MESSAGE_TYPES, Options, command
from voicechatengine.testing import strategies

QUICK = settings(max_examples=40, deadline=None, derandomize=True, database=None)
FRAMES = [json.dumps({"type": "a", "b": 1}), b"no JSON"]
FORM = AudioFormat("pcm16", 8_000, 2)


@QUICK
@given(strategies.commands())
def test_a_command_is_one_that_send_message_takes(drawn):
    assert command(MESSAGE_TYPES[type(drawn)], drawn) == drawn


@QUICK
@given(strategies.events())
def test_an_event_is_one_of_the_librarys(drawn):
    assert type(drawn) in EVENT_TYPES


@QUICK
@given(strategies.audio(FORM), st.data())
def test_audio_is_whole_samples_and_cuts_lie_between_them(drawn, data):
    FORM.check(drawn)
    assert FORM.duration_ms(len(drawn)) <= 100
    places = data.draw(strategies.cuts(4_000, block=FORM.block_bytes))
    assert places == sorted(set(places))
    assert all(place % FORM.block_bytes == 0 and 0 < place < 4_000 for place in places)


@QUICK
@given(strategies.replies(), strategies.options(), strategies.faults())
def test_replies_options_and_faults_can_be_used(reply, options, faults):
    assert MockConfig(script=[reply]).script == [reply]
    assert isinstance(options, Options)
    assert options.changes()
    assert faults.connections == 1


@QUICK
@given(strategies.vendor_messages(FRAMES), strategies.garbage())
def test_frames_are_text_or_bytes(message, garbage):
    assert isinstance(message, (str, bytes))
    assert isinstance(garbage, (str, bytes))


@QUICK
@given(strategies.schedules(), strategies.words(), strategies.json_values())
def test_schedules_are_waits_and_words_are_words(schedule, words, value):
    assert all(wait >= 0 for wait in schedule)
    assert words.strip() == words != ""
    assert json.loads(json.dumps(value)) == value


def test_every_strategy_is_tested_here_or_used_by_one_that_is():
    assert set(strategies.__all__) == {
        "audio", "commands", "cuts", "events", "faults", "garbage", "ids", "items", "json_values", "options",
        "replies", "schedules", "vendor_messages", "words",
    }  # fmt: skip


def test_every_event_and_nearly_every_command_can_come():
    """SESSION_CREATE is for before connect()."""
    drawn: set[type] = set()

    @settings(max_examples=400, deadline=None, derandomize=True, database=None)
    @given(strategies.events(), strategies.commands())
    def draw(event, said):
        drawn.update((type(event), type(said)))

    draw()
    assert {*EVENT_TYPES, *COMMANDS.values()} - drawn <= {COMMANDS["session_create"]}
