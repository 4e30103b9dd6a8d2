"""OpenAI's client: which replies are asked for, held, dropped and made again."""

from __future__ import annotations

import pytest
from realtime_script import MANUAL, Script

from voicechatengine.errors import MessageError
from voicechatengine.events import (
    ErrorInfo,
    ResponseStarted,
)
from voicechatengine.messages import (
    ItemCreate,
    MessageItem,
    Options,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    TextPart,
    Tool,
    ToolResult,
    TurnDetection,
)

HELLO = ItemCreate(MessageItem("user", (TextPart("Hello"),)))
ACTIVE = "conversation_already_has_active_response"


def text(role, words, id=""):  # noqa: A002 - the item's own word
    return MessageItem(role, (TextPart(words),), id=id)


def test_a_reply_is_asked_for_with_its_parameters():
    s = Script()
    command = ResponseCreate(
        modalities=("audio", "text"),
        instructions="Sum up.",
        out_of_band=True,
        input=(text("user", "Hi", "item_1"),),
        tools=(Tool("f"),),
        tool_choice="none",
        max_tokens=100,
        metadata={"topic": "sum"},
        vendor={"reasoning": {"effort": "low"}},
    )
    content = [{"type": "input_text", "text": "Hi"}]
    assert s.does(command).frame["response"] == {
        "conversation": "none",
        "output_modalities": ["audio"],
        "instructions": "Sum up.",
        "input": [{"id": "item_1", "type": "message", "role": "user", "content": content}],
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}],
        "tool_choice": "none",
        "max_output_tokens": 100,
        "metadata": {"topic": "sum"},
        "reasoning": {"effort": "low"},
    }
    s.begins("r1", conversation=None, metadata={"topic": "sum"})
    assert s.event == ResponseStarted("r1", {"topic": "sum"}, out_of_band=True)


def test_metadata_has_limits():
    with pytest.raises(MessageError) as refused:
        Script().does(ResponseCreate(metadata={"k": "v" * 513}))
    assert refused.value.field == "metadata"


def test_a_request_is_held_while_a_response_runs_and_made_when_it_ends():
    s = Script().begins()
    assert not s.does(HELLO).does(ResponseCreate()).frames
    s.done()
    assert s.kinds == ["response.create"]


def test_a_server_side_cancel_drops_a_held_request():
    s = Script().begins()
    s.does(HELLO).does(ResponseCreate())
    s.done(status="cancelled", reason="turn_detected")
    assert s.kinds == []
    assert s.names == ["Interrupted", "ResponseCompleted"]


def test_a_server_side_cancel_keeps_it_where_the_service_answers_no_speech():
    s = Script(Options(turn_detection=TurnDetection(create_response=False))).begins()
    s.does(HELLO).does(ResponseCreate())
    assert s.done(status="cancelled", reason="turn_detected").kinds == ["response.create"]


def test_a_client_side_cancel_sends_it():
    s = Script().begins()
    s.does(HELLO).does(ResponseCreate())
    s.does(ResponseCancel())
    assert s.done(status="cancelled", reason="client_cancelled").kinds == ["response.create"]


def test_a_request_on_its_way_is_not_made_twice():
    s = Script()
    s.does(HELLO)
    assert s.does(ResponseCreate()).kinds == ["response.create"]
    assert s.does(ResponseCreate()).kinds == []
    s.begins()
    assert s.done().kinds == []


def test_a_request_for_new_items_is_made_after_the_one_on_its_way():
    s = Script()
    s.does(HELLO).does(ResponseCreate())
    assert s.does(ToolResult("call_1", "42")).does(ResponseCreate()).kinds == []
    s.begins()
    assert s.done().kinds == ["response.create"]


def test_equal_requests_that_wait_are_one():
    s = Script().begins()
    s.does(ResponseCreate()).does(HELLO).does(ResponseCreate())
    assert s.done().kinds == ["response.create"]
    s.begins("r2")
    assert s.done("r2").kinds == []


def test_no_reply_is_asked_for_where_the_service_is_about_to_answer():
    s = Script()
    s.says("input_audio_buffer.speech_started", item_id="u1")
    s.says("input_audio_buffer.speech_stopped", item_id="u1")
    s.says("input_audio_buffer.committed", item_id="u1")
    assert s.does(ResponseCreate()).kinds == []
    s.begins()
    assert s.done().kinds == []


def test_it_is_asked_for_if_the_service_does_not_answer_after_all():
    s = Script()
    s.says("input_audio_buffer.committed", item_id="u1")
    s.does(ResponseCreate())
    assert s.waits().kinds == ["response.create"]
    s = Script()
    s.says("input_audio_buffer.speech_started", item_id="u1")
    assert s.client.deadline() is None
    s.does(ResponseCreate())
    assert s.says("input_audio_buffer.cleared").kinds == ["response.create"]
    s = Script()
    s.says("input_audio_buffer.speech_started", item_id="u1")
    s.does(ResponseCreate())
    assert s.does(SessionUpdate(MANUAL)).kinds == ["session.update", "response.create"]


def test_a_text_turn_is_asked_for_even_then():
    s = Script()
    s.says("input_audio_buffer.committed", item_id="u1")
    s.does(HELLO)
    assert s.does(ResponseCreate()).kinds == ["response.create"]


def test_a_request_out_of_band_waits_for_nothing():
    s = Script().begins()
    assert s.does(ResponseCreate(out_of_band=True)).kinds == ["response.create"]
    assert s.begins("r2", conversation=None).event.out_of_band
    assert s.speaks(10, "r1").event.item_id != "r2"
    s.done("r2")
    assert s.event.response_id == "r2"
    s.does(HELLO)
    assert s.does(ResponseCreate()).kinds == [], "r1 still runs"


def test_a_response_that_names_no_conversation_is_the_one_that_was_asked_for():
    s = Script()
    s.does(HELLO).does(ResponseCreate())
    s.does(ResponseCreate(out_of_band=True))
    s.says("response.created", response={"id": "r1"})
    assert not s.event.out_of_band
    s.says("response.created", response={"id": "r2"})
    assert s.event.out_of_band


def test_too_many_waiting_requests_are_refused():
    s = Script().begins()
    for index in range(16):
        s.does(ResponseCreate(instructions=str(index)))
    with pytest.raises(MessageError):
        s.does(ResponseCreate(instructions="one more"))
    assert s.does(ResponseCreate(out_of_band=True)).kinds == ["response.create"]


def test_a_request_that_came_too_early_is_made_again():
    s = Script()
    s.does(HELLO)
    asked = s.does(ResponseCreate()).frame
    s.begins("vad")
    assert not s.refuses(ACTIVE, asked["event_id"]).events
    assert s.done("vad").kinds == ["response.create"]


def test_a_request_that_the_running_response_meets_is_not_made_again():
    s = Script()
    asked = s.does(ResponseCreate()).frame
    s.begins("vad")
    assert not s.refuses(ACTIVE, asked["event_id"]).events
    assert s.done("vad").kinds == []


@pytest.mark.parametrize("with_id", [True, False])
def test_a_refusal_for_a_response_that_nobody_saw_is_tried_again_after_a_pause(with_id):
    s = Script()
    asked = s.does(ResponseCreate()).frame
    s.refuses(ACTIVE, asked["event_id"] if with_id else None)
    assert (s.events, s.frames) == ([], [])
    assert s.waits(0.5).kinds == []
    assert s.waits().kinds == ["response.create"]


def test_a_request_that_was_refused_is_over():
    s = Script()
    asked = s.does(ResponseCreate(max_tokens=5)).frame
    s.does(HELLO).does(ResponseCreate())
    s.refuses("invalid_value", asked["event_id"], param="response.max_output_tokens")
    assert s.event == ErrorInfo(
        "invalid_value", "no (at response.max_output_tokens)", command="response_create"
    )
    assert s.kinds == ["response.create"]


def test_a_reply_that_does_not_begin_is_an_error():
    s = Script(patience=20)
    s.does(HELLO).does(ResponseCreate())
    s.waits()
    assert (s.now, s.event.code, s.event.command) == (1020.0, "response_timeout", "response_create")
    assert s.client.deadline() is None
    assert s.client.snapshot().reply_owed is None
    assert s.does(ResponseCreate()).kinds == ["response.create"]
