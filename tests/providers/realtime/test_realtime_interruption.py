"""OpenAI's client: interruption, and what was heard."""

from __future__ import annotations

from realtime_script import Script

from voicechatengine.events import (
    Interrupted,
    ResponseCompleted,
)
from voicechatengine.messages import (
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    MessageItem,
    ResponseCancel,
    ResponseCreate,
    TextPart,
)

HELLO = ItemCreate(MessageItem("user", (TextPart("Hello"),)))


# ------------------------------------------------------------------ interruption


def test_an_interruption_is_told_at_once_and_ends_once():
    s = Script().begins().speaks(250)
    s.does(ResponseCancel())
    assert s.frame["response_id"] == "r1"
    assert s.event == Interrupted("r1", "i1", 250.0)
    again = s.does(ResponseCancel())
    assert (again.frames, again.events) == ([], [])
    assert not s.speaks(20).events, "a late chunk"
    assert not s.says("response.output_audio_transcript.done", response_id="r1", transcript="x").events
    call = {"response_id": "r1", "call_id": "c1", "name": "f", "arguments": "{}"}
    assert not s.says("response.function_call_arguments.done", **call).events
    s.done(
        status="cancelled",
        reason="client_cancelled",
        output=[{"type": "function_call", "call_id": "c1", "name": "f"}],
    )
    assert s.event == ResponseCompleted("r1", "interrupted", "client_cancelled")
    assert not s.speaks(20).events
    assert not s.done().events


def test_what_a_response_made_after_it_was_interrupted_is_taken_out_of_the_conversation():
    """The service made it before the cancel came; nobody heard of it, so the model must not think that it was said."""
    s = Script().begins().speaks(20)
    s.does(ResponseCancel())
    late = [
        {"id": "i1", "type": "message", "role": "assistant"},
        {"id": "i2", "type": "message", "role": "assistant"},
        {"id": "i3", "type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
    ]
    s.done(output=late)
    assert [(frame["type"], frame["item_id"]) for frame in s.frames] == [
        ("conversation.item.delete", "i2"),
        ("conversation.item.delete", "i3"),
    ]
    assert not s.does(ItemDelete("i2")).frames


def test_an_interruption_when_nothing_runs_sends_nothing():
    s = Script()
    assert not s.does(ResponseCancel()).frames
    assert not s.does(ResponseCancel("r7")).frames
    s.begins()
    s.done()
    assert not s.does(ResponseCancel()).frames
    assert not s.does(ResponseCancel("r1")).frames


def test_a_response_that_ended_before_the_cancel_is_interrupted_all_the_same():
    s = Script().begins().speaks(10)
    cancel = s.does(ResponseCancel()).frame
    assert s.done().event.status == "interrupted"
    assert not s.refuses("response_cancel_not_active", cancel["event_id"]).events


def test_a_cancel_ahead_of_its_response_reaches_it():
    s = Script()
    s.does(HELLO).does(ResponseCreate())
    assert s.does(ResponseCancel()).kinds == ["response.cancel"]
    assert s.does(ResponseCancel()).kinds == []
    assert s.client.snapshot().reply_owed is None
    s.begins()
    assert s.names == ["ResponseStarted", "Interrupted"]
    assert s.kinds == ["response.cancel"]
    assert not s.speaks(20).events
    assert s.done(status="cancelled").event.status == "interrupted"


def test_a_cancelled_request_that_never_begins_is_no_error():
    s = Script()
    s.does(HELLO).does(ResponseCreate())
    s.does(ResponseCancel())
    s.does(HELLO).does(ResponseCreate())
    s.waits()
    assert (s.now, s.kinds, s.events) == (1005.0, ["response.create"], [])


def test_a_cancel_drops_a_request_that_waits_for_the_service_to_answer():
    s = Script()
    s.says("input_audio_buffer.committed", item_id="u1")
    s.does(ResponseCreate())
    assert not s.does(ResponseCancel()).frames
    assert not s.waits().frames


def test_a_cancelled_response_that_does_not_end_is_ended():
    s = Script().begins().speaks(10)
    s.does(ResponseCancel())
    s.does(HELLO).does(ResponseCreate())
    s.waits()
    assert s.event == ResponseCompleted("r1", "interrupted", "client_cancelled")
    assert s.kinds == ["response.create"]


def test_the_service_interrupts():
    s = Script().begins().speaks(400)
    s.says("input_audio_buffer.speech_started", audio_start_ms=10, item_id="u2")
    s.done(status="cancelled", reason="turn_detected")
    assert s.events == [
        Interrupted("r1", "i1", 400.0),
        ResponseCompleted("r1", "interrupted", "turn_detected"),
    ]


def test_a_response_out_of_band_is_cancelled_by_its_id_alone():
    s = Script()
    s.does(ResponseCreate(out_of_band=True))
    s.begins("r1", conversation=None)
    assert not s.does(ResponseCancel()).frames
    assert s.does(ResponseCancel("r1")).kinds == ["response.cancel"]


# ------------------------------------------------------------------ what was heard


def test_a_truncation_is_clamped_to_what_was_generated():
    s = Script().begins().speaks(300)
    assert s.does(ItemTruncate("i1", 9000)).frame["audio_end_ms"] == 300
    assert s.does(ItemTruncate("i1", 120.9)).frame["audio_end_ms"] == 120
    assert s.does(ItemTruncate("i1", 200)).frame["audio_end_ms"] == 120, "the rest is gone"


def test_an_item_of_which_nothing_was_heard_is_deleted_once():
    s = Script().begins().speaks(300)
    assert s.does(ItemTruncate("i1", 0)).kinds == ["conversation.item.delete"]
    assert s.does(ItemTruncate("i1", 0)).kinds == []
    assert s.does(ItemDelete("i1")).kinds == []
    assert s.does(ItemTruncate("never seen", 500)).kinds == ["conversation.item.delete"]
    assert s.does(ItemDelete("u1")).kinds == ["conversation.item.delete"]


def test_a_written_item_is_not_truncated():
    s = Script().begins()
    s.says("response.output_text.delta", response_id="r1", item_id="i1", delta="Hi")
    assert s.does(ItemTruncate("i1", 500)).kinds == []
    assert s.does(ItemTruncate("i1", 0)).kinds == ["conversation.item.delete"]
