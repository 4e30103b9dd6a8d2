"""OpenAI's client: words, calls, items and the end of a response."""

from __future__ import annotations

import pytest
from realtime_script import Script

from voicechatengine.errors import AudioError, MessageError
from voicechatengine.events import (
    ErrorInfo,
    Interrupted,
    ResponseCompleted,
    ResponseStarted,
    TextChunk,
    ToolCall,
    Usage,
    VendorMessage,
)
from voicechatengine.messages import (
    AudioPart,
    Image,
    ImagePart,
    ItemCreate,
    MessageItem,
    ResponseCreate,
    TextPart,
    ToolCallItem,
    ToolResult,
    ToolResultItem,
)

HELLO = ItemCreate(MessageItem("user", (TextPart("Hello"),)))


def text(role, words, id=""):  # noqa: A002 - the item's own word
    return MessageItem(role, (TextPart(words),), id=id)


# ------------------------------------------------------------------ words and calls


def test_words_are_written_or_spoken():
    s = Script().begins()
    s.says("response.output_text.delta", response_id="r1", item_id="i1", delta="Hi")
    assert s.event == TextChunk("Hi", False, "r1", "i1")
    s.says("response.output_audio_transcript.delta", response_id="r1", item_id="i2", delta=" you")
    assert s.event == TextChunk(" you", True, "r1", "i2")


@pytest.mark.parametrize("name", ["response.output_text.done", "response.text.done"])
def test_words_that_came_only_whole_are_told_once(name):
    s = Script().begins()
    whole = {"response_id": "r1", "item_id": "i1", "text": "Hi"}
    assert s.says(name, **whole).event == TextChunk("Hi", False, "r1", "i1")
    assert not s.says(name, **whole).events
    item = {
        "id": "i1",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Hi"}],
    }
    assert not s.says("response.output_item.done", response_id="r1", item=item).events
    assert s.done(output=[item]).names == ["ResponseCompleted"]


def test_words_that_came_only_with_their_item_are_told():
    spoken = {
        "id": "i1",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_audio", "transcript": "Hi"}],
    }
    s = Script().begins()
    assert s.says("response.output_item.done", response_id="r1", item=spoken).event == TextChunk(
        "Hi", True, "r1", "i1"
    )
    s = Script().begins()
    assert s.done(output=[spoken]).events[0] == TextChunk("Hi", True, "r1", "i1")


def test_the_betas_names_mean_the_same():
    s = Script().begins()
    s.says("response.audio.delta", response_id="r1", item_id="i1", delta="AQI=")
    assert s.event.audio == b"\1\2"
    assert s.says("response.audio_transcript.delta", response_id="r1", item_id="i1", delta="Hi").event.spoken
    assert not s.says(
        "response.audio_transcript.done", response_id="r1", item_id="i1", transcript="Hi"
    ).events
    assert not s.says("response.text.delta", response_id="r1", item_id="i2", delta="Hi").event.spoken
    assert not s.says("response.audio.done", response_id="r1", item_id="i1").events


CALL = {"id": "f1", "type": "function_call", "call_id": "c1", "name": "lights", "arguments": '{"on": true}'}
TOLD = ToolCall("c1", "lights", '{"on": true}', {"on": True}, "r1", "f1")


def test_a_call_is_told_once_wherever_it_is_whole_first():
    arguments = {"response_id": "r1", "item_id": "f1", "call_id": "c1", "arguments": CALL["arguments"]}
    done = "response.function_call_arguments.done"
    s = Script().begins()
    assert s.says(done, name="lights", **arguments).event == TOLD
    assert not s.says("response.output_item.done", response_id="r1", item=CALL).events
    assert s.done(output=[CALL]).event == ResponseCompleted("r1", tool_calls=1)
    s = Script().begins()
    assert s.says("response.output_item.done", response_id="r1", item=CALL).event == TOLD
    s = Script().begins()
    assert s.done(output=[CALL]).events == [TOLD, ResponseCompleted("r1", tool_calls=1)]
    s = Script().begins()
    s.says("response.output_item.added", response_id="r1", item=CALL | {"arguments": ""})
    assert s.says(done, **arguments).event == TOLD, "the name came with the item"
    s = Script().begins()
    assert not s.says(done, **arguments).events, "the name is still to come"
    assert s.says("response.output_item.done", response_id="r1", item=CALL).event == TOLD


def test_a_call_whose_name_never_comes_is_an_error():
    s = Script().begins()
    s.says("response.function_call_arguments.done", response_id="r1", call_id="c1", arguments="{}")
    assert [event.code for event in s.done().events if isinstance(event, ErrorInfo)] == [
        "tool_call_without_name"
    ]


@pytest.mark.parametrize(
    ("arguments", "parsed"),
    [("", {}), (" ", {}), ("{}", {}), ("[1]", None), ("{", None), ("[" * 100_000, None)],
)
def test_arguments_are_parsed_leniently(arguments, parsed):
    s = Script().begins()
    call = {"response_id": "r1", "call_id": "c1", "name": "f", "arguments": arguments}
    assert s.says("response.function_call_arguments.done", **call).event.parsed == parsed


def test_a_call_is_pending_until_it_has_its_one_result():
    s = Script().begins().done(output=[CALL])
    assert s.client.snapshot().pending_calls == ("c1",)
    s.does(ToolResult("c1", "fine"))
    assert s.frame["item"] | {"id": ""} == {
        "id": "",
        "type": "function_call_output",
        "call_id": "c1",
        "output": "fine",
    }
    assert s.client.snapshot().pending_calls == ()
    with pytest.raises(MessageError) as refused:
        s.does(ToolResult("c1", "fine"))
    assert refused.value.field == "call_id"
    assert (
        s.does(ToolResult("c2", "no light", is_error=True)).frame["item"]["output"] == '{"error":"no light"}'
    )
    s.does(ItemCreate(ToolCallItem("c3", "f", "{}")))
    assert s.client.snapshot().pending_calls == ("c3",)
    s.does(ItemCreate(ToolResultItem("c3", "fine")))
    assert s.client.snapshot().pending_calls == ()


# ------------------------------------------------------------------ items


def test_items_keep_their_id_and_place():
    s = Script()
    s.does(ItemCreate(text("assistant", "Hi", "item_x"), "root"))
    assert s.frame["previous_item_id"] == "root"
    content = [{"type": "output_text", "text": "Hi"}]
    assert s.frame["item"] == {"id": "item_x", "type": "message", "role": "assistant", "content": content}


def test_a_picture_is_a_data_uri():
    s = Script()
    s.does(Image(b"jpg", "image/jpeg", "low"))
    assert s.frame["item"]["content"] == [
        {"type": "input_image", "image_url": "data:image/jpeg;base64,anBn", "detail": "low"}
    ]
    with pytest.raises(MessageError) as refused:
        s.does(Image(b"gif", "image/gif"))
    assert refused.value.field == "mime_type"


def test_speech_can_be_an_item_of_the_user_only():
    s = Script()
    s.does(ItemCreate(MessageItem("user", (AudioPart(b"\0\1", "Hi"),))))
    assert s.frame["item"]["content"] == [{"type": "input_audio", "audio": "AAE=", "transcript": "Hi"}]
    for part in (AudioPart(b"\0\1"), ImagePart(b"png")):
        with pytest.raises(MessageError) as refused:
            s.does(ItemCreate(MessageItem("assistant", (part,))))
        assert refused.value.field == "item.content"
    with pytest.raises(AudioError):
        s.does(ItemCreate(MessageItem("user", (AudioPart(b"\0"),))))
    with pytest.raises(MessageError):
        s.does(ItemCreate(MessageItem("user", ())))


# ------------------------------------------------------------------ the end of a response


def test_a_response_ends_with_its_cost():
    usage = {
        "total_tokens": 40,
        "input_tokens": 16,
        "output_tokens": 24,
        "input_token_details": {"text_tokens": 10, "audio_tokens": 5, "image_tokens": 1, "cached_tokens": 3},
        "output_token_details": {"text_tokens": 9, "audio_tokens": 15},
    }
    s = Script().begins()
    s.done(usage=usage, metadata={"topic": "x"})
    cost = Usage(16, 24, 40, 3, 10, 5, 1, 9, 15)
    assert s.event == ResponseCompleted("r1", usage=cost, metadata={"topic": "x"})


def test_a_response_that_fails_says_why():
    s = Script().begins()
    details = {"type": "failed", "error": {"code": "insufficient_quota", "message": "You have no credit."}}
    s.says("response.done", response={"id": "r1", "status": "failed", "status_details": details})
    assert s.events == [
        ErrorInfo("insufficient_quota", "You have no credit.", recoverable=False),
        ResponseCompleted("r1", "failed", "insufficient_quota"),
    ]
    s = Script().begins()
    s.done(status="incomplete", reason="max_output_tokens")
    assert s.event == ResponseCompleted("r1", "incomplete", "max_output_tokens")
    assert Script().begins().done(status="failed").events[0].code == "response_failed"


def test_a_late_end_of_a_superseded_response_does_not_close_the_new_one():
    s = Script().begins("r1").begins("r2")
    assert s.done("r1").event.response_id == "r1"
    assert s.speaks(10, "r2").event.response_id == "r2"
    s.does(HELLO)
    assert s.does(ResponseCreate()).kinds == [], "r2 still runs"
    assert s.done("r2").kinds == ["response.create"]


def test_an_older_response_that_never_ended_ends_with_the_newer_one():
    s = Script().begins("r1").begins("r2")
    s.done("r2")
    assert s.events == [
        ResponseCompleted("r2"),
        Interrupted("r1"),
        ResponseCompleted("r1", "interrupted", "superseded"),
    ]


def test_a_server_that_ends_no_response_fills_no_memory():
    s = Script()
    for index in range(100):
        s.begins(f"r{index}")
    assert len(s.grammar.open_responses) == 32


@pytest.mark.parametrize(
    "body",
    [
        {"id": "r1", "status": "completed", "usage": "free"},
        {"id": "r1", "output": 7},
        {"status": "completed", "metadata": []},
        "broken",
    ],
)
def test_a_malformed_end_still_ends_the_response(body):
    s = Script().begins("r1")
    s.does(HELLO).does(ResponseCreate())
    s.says("response.done", response=body)
    assert [type(event) for event in s.events] == [ErrorInfo, ResponseCompleted]
    assert s.events[1].response_id == "r1"
    assert s.kinds == ["response.create"]


def test_a_response_that_nobody_announced_begins_with_what_comes_of_it():
    s = Script()
    assert next(type(event) for event in s.speaks(10, "r1").events) is ResponseStarted
    assert len(s.speaks(10, "r1").events) == 1
    s = Script()
    s.says("response.output_audio_transcript.delta", delta="Hi")
    assert s.names == ["ResponseStarted", "TextChunk"]
    s.says("response.output_audio_transcript.delta", delta=" you")
    assert s.names == ["TextChunk"]
    s.says("response.done", response={})
    assert s.names == ["ResponseCompleted"]
    s = Script()
    assert s.done("r9").names == ["ResponseStarted", "ResponseCompleted"]


def test_a_response_announced_twice_begins_once():
    s = Script().begins()
    assert not s.begins().events
    s.done()
    assert isinstance(s.begins().event, VendorMessage)


def test_a_broken_beginning_begins_all_the_same():
    s = Script(opened=False)
    s.says("session.created", event_id=7, session={"id": "sess_7"})
    assert s.names == ["ErrorInfo", "SessionCreated"]
    assert s.events[1].session_id == "sess_7"
    s.says("response.created", response={"id": "r1", "output": "none"})
    assert s.events[1] == ResponseStarted("r1")
