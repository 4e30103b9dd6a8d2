"""Whether something is still to come once the input has ended."""

from __future__ import annotations

import pytest

from voicechatengine import (
    AudioChunk,
    ConnectionState,
    EventData,
    ResponseCompleted,
    ResponseStarted,
    SessionExpiring,
    SpeechStarted,
    SpeechStopped,
    StateChanged,
    TextChunk,
    ToolCall,
)
from voicechatengine.engine.floor import SETTLE_S, Floor

GRACE = 5.0


def floor(*events: EventData) -> Floor:
    """After these events, a second apart from 1 on."""
    result = Floor(0.0, GRACE)
    for now, data in enumerate(events, 1):
        result.apply(data, float(now))
    return result


ANSWER = ResponseStarted("r"), TextChunk("x", response_id="r"), ResponseCompleted("r")


def test_a_first_reply_is_waited_for():
    assert floor().quiet_at() == GRACE


def test_after_a_reply_a_moment_is_enough():
    assert floor(*ANSWER).quiet_at() == 3 + SETTLE_S


@pytest.mark.parametrize(
    "event", [SpeechStarted(), SpeechStopped(), ToolCall("c", "f", "{}", response_id="r")]
)
def test_speech_and_tool_calls_make_another_reply_due(event: EventData):
    assert floor(*ANSWER, event).quiet_at() == 4 + GRACE


def test_a_request_makes_a_reply_due():
    asked = floor(*ANSWER)
    asked.asked(7.0)
    assert asked.quiet_at() == 7 + GRACE


def test_the_end_of_the_input_begins_the_wait_anew():
    ended = floor(*ANSWER)
    ended.ended(7.0)
    assert ended.quiet_at() == 7 + SETTLE_S


def test_a_reply_is_being_made_from_its_start_to_its_completion():
    assert floor(*ANSWER[:2]).answering
    assert not floor(*ANSWER).answering


def test_where_there_are_no_responses_sound_is_the_reply():
    assert floor(AudioChunk(b"")).quiet_at() == 1 + SETTLE_S


def test_a_connection_that_comes_back_is_known():
    lost = StateChanged(ConnectionState.RECONNECTING, ConnectionState.CONNECTED)
    back = StateChanged(ConnectionState.CONNECTED, ConnectionState.RECONNECTING)
    assert floor(lost).reconnecting
    assert not floor(lost, back).reconnecting


def test_other_events_change_nothing():
    assert floor(SessionExpiring(1.0)).quiet_at() == GRACE
