"""The server's side of OpenAI's wire: responses."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from server_talk import SPOKEN, Talk, error, only, tone, types, user

from voicechatengine.audio.format import AudioFormat
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    InputTranscript,
    RateLimit,
    RateLimits,
    ResponseCompleted,
    ResponseStarted,
    TextChunk,
    ToolCall,
    Usage,
)
from voicechatengine.messages import (
    MessageItem,
    ResponseCancel,
    ResponseCreate,
    TextPart,
    Tool,
)
from voicechatengine.providers.realtime.server import LIMITS
from voicechatengine.session.dialect import Close


def test_a_spoken_response_comes_in_the_services_order():
    talk = Talk()
    frames = talk.say("response.create")
    assert types(frames) == ["response.created"]
    (asked,) = talk.asked()
    assert isinstance(asked, ResponseCreate)
    frames = talk.tell(
        ResponseStarted("r1", metadata=asked.metadata),
        TextChunk("Hi", spoken=True, response_id="r1", item_id="p"),
        AudioChunk(tone(10), response_id="r1", item_id="p"),
        ResponseCompleted("r1", usage=Usage(input_tokens=3, output_tokens=4, total_tokens=7)),
    )
    assert types(frames) == SPOKEN
    done = frames[-1]["response"]
    assert done["output"][0]["content"] == [{"type": "output_audio", "transcript": "Hi"}]
    assert (done["status"], done["metadata"], done["usage"]["total_tokens"]) == ("completed", None, 7)
    assert base64.b64decode(only(frames, "response.output_audio.delta")["delta"]) == tone(10)


def test_metadata_comes_back_and_the_servers_own_mark_does_not():
    talk = Talk()
    frames = talk.begin(metadata={"topic": "a"}) + talk.tell(ResponseCompleted("r1"))
    assert only(frames, "response.created")["response"]["metadata"] == {"topic": "a"}
    assert only(frames, "response.done")["response"]["metadata"] == {"topic": "a"}


def test_a_response_is_asked_for_as_the_client_says():
    talk = Talk()
    talk.say("conversation.item.create", item=user("before", id="old"))
    talk.asked()
    frames = talk.say(
        "response.create",
        response={
            "output_modalities": ["text"],
            "instructions": "i",
            "tools": [{"type": "function", "name": "f"}, {"type": "mcp", "server_label": "m"}],
            "tool_choice": "required",
            "max_output_tokens": 9,
            "audio": {"output": {"voice": "echo", "format": {"type": "audio/pcmu"}}},
            "input": [user("given"), {"type": "item_reference", "id": "old"}],
            "metadata": {str(n): "x" for n in range(16)},
        },
    )
    response = frames[0]["response"]
    assert (response["output_modalities"], response["max_output_tokens"]) == (["text"], 9)
    assert response["audio"]["output"] == {"format": {"type": "audio/pcmu"}, "voice": "echo"}
    (asked,) = talk.asked()
    assert isinstance(asked, ResponseCreate)
    assert (asked.modalities, asked.instructions, asked.tool_choice) == (("text",), "i", "required")
    assert (asked.max_tokens, asked.tools) == (9, (Tool("f"),))
    assert [item.text for item in asked.input or () if isinstance(item, MessageItem)] == ["given", "before"]
    assert asked.metadata == {str(n): "x" for n in range(16)}


@pytest.mark.parametrize(
    ("response", "code", "param"),
    [
        ({"modalities": ["text"]}, "unknown_parameter", "response.modalities"),
        ({"conversation": "mine"}, "invalid_value", "response.conversation"),
        ({"output_modalities": ["video"]}, "invalid_value", "response.output_modalities"),
        ({"metadata": {"a": 1}}, "invalid_type", "response.metadata[...]"),
        ({"input": [{"type": "message"}]}, "missing_required_parameter", "response.input[0].role"),
        ({"input": [{"type": 1}]}, "invalid_type", "response.input[0]"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "item_retrieve_invalid_item_id", None),
    ],
)
def test_a_response_that_the_service_would_not_make_is_refused(
    response: dict[str, Any], code: str, param: str | None
):
    talk = Talk()
    assert error(talk.say("response.create", response=response)) == (code, param)
    assert talk.asked() == []
    assert types(talk.say("response.create")) == ["response.created"]


def test_one_response_of_the_conversation_at_a_time_and_others_beside_it():
    talk = Talk()
    talk.begin("r1")
    assert error(talk.say("response.create"))[0] == "conversation_already_has_active_response"
    beside = talk.say("response.create", response={"conversation": "none"})
    assert beside[0]["response"]["conversation_id"] is None
    frames = talk.tell(
        ResponseStarted("r2", out_of_band=True),
        TextChunk("x", response_id="r2"),
        TextChunk("y", response_id="r1"),
        ResponseCompleted("r2"),
    )
    assert [kind for kind in types(frames) if kind.startswith("conversation")] == ["conversation.item.added"]
    assert only(frames, "response.done")["response"]["id"] == beside[0]["response"]["id"]
    assert types(talk.tell(ResponseCompleted("r1")))[-1] == "response.done"
    assert types(talk.say("response.create")) == ["response.created"]


def test_a_cancelled_response_ends_at_once_and_nothing_of_it_comes_after():
    talk = Talk()
    talk.begin()
    talk.tell(TextChunk("Hel", spoken=True, response_id="r1"), AudioChunk(tone(10), response_id="r1"))
    talk.asked()
    frames = talk.say("response.cancel")
    assert types(frames) == SPOKEN[5:]
    assert frames[-1]["response"]["status"] == "cancelled"
    assert frames[-1]["response"]["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert only(frames, "response.output_item.done")["item"]["status"] == "incomplete"
    assert talk.asked() == [ResponseCancel("r1")]
    assert talk.tell(TextChunk("lo", response_id="r1"), ResponseCompleted("r1", "interrupted")) == []


def test_cancelling_nothing_is_an_error_that_harms_nothing():
    talk = Talk()
    frames = talk.say("response.cancel", event_id="e")
    assert error(frames) == ("response_cancel_not_active", None)
    assert frames[0]["error"]["event_id"] == "e"
    assert error(talk.say("response.cancel", response_id="resp_x"))[0] == "response_cancel_not_active"


def test_a_response_cancelled_before_the_provider_began_it_never_speaks():
    talk = Talk()
    talk.say("response.create")
    (first,) = talk.asked()
    assert types(talk.say("response.cancel")) == ["response.done"]
    assert talk.asked() == [ResponseCancel()]
    talk.say("response.create")
    (second,) = talk.asked()
    assert isinstance(first, ResponseCreate)
    assert isinstance(second, ResponseCreate)
    frames = talk.tell(ResponseStarted("r1", metadata=first.metadata), TextChunk("late", response_id="r1"))
    assert (frames, talk.asked()) == ([], [ResponseCancel("r1")])
    frames = talk.tell(ResponseStarted("r2", metadata=second.metadata), TextChunk("now", response_id="r2"))
    assert frames[0]["type"] == "response.output_item.added"


def test_a_response_beside_is_cancelled_by_its_id_alone():
    talk = Talk()
    talk.begin("r1")
    beside = talk.say("response.create", response={"conversation": "none"})[0]["response"]["id"]
    talk.asked()
    frames = talk.say("response.cancel", response_id=beside)
    assert frames[0]["response"]["id"] == beside
    assert talk.asked() == []
    assert talk.tell(ResponseStarted("r2", out_of_band=True)) == []
    assert talk.asked() == [ResponseCancel("r2")]


def test_a_provider_that_speaks_of_its_own_accord_has_a_response():
    talk = Talk()
    frames = talk.tell(ResponseStarted("r9"), TextChunk("x", response_id="r9"), ResponseCompleted("r9"))
    assert types(frames)[0] == "response.created"
    assert types(frames)[-1] == "response.done"


def test_a_provider_that_breaks_in_on_its_own_reply_is_not_heard():
    talk = Talk()
    talk.begin("r1")
    frames = talk.tell(
        ResponseStarted("r2", metadata={"wire_response_id": "?"}), TextChunk("x", response_id="r2")
    )
    assert frames == []
    assert talk.tell(AudioChunk(b"", response_id="r2"), ToolCall("c", "f", "{}", response_id="r2")) == []


def test_a_call_is_written_in_pieces_after_the_words_before_it():
    talk = Talk()
    talk.begin()
    frames = talk.tell(
        TextChunk("One moment.", response_id="r1", item_id="m"),
        ToolCall("call_1", "f", '{"a": "long enough"}', response_id="r1", item_id="c"),
        ResponseCompleted("r1", tool_calls=1),
    )
    deltas = [f["delta"] for f in frames if f["type"] == "response.function_call_arguments.delta"]
    assert len(deltas) > 1
    assert "".join(deltas) == '{"a": "long enough"}'
    done = only(frames, "response.function_call_arguments.done")
    assert (done["name"], done["call_id"], done["output_index"]) == ("f", "call_1", 1)
    assert [item["type"] for item in frames[-1]["response"]["output"]] == ["message", "function_call"]
    result = talk.say(
        "conversation.item.create", item={"type": "function_call_output", "call_id": "call_1", "output": "9"}
    )
    assert result[0]["previous_item_id"] == done["item_id"]


def test_words_beside_speech_are_a_part_of_their_own_and_another_item_is_another_item():
    talk = Talk()
    talk.begin()
    frames = talk.tell(
        TextChunk("spoken", spoken=True, response_id="r1", item_id="a"),
        TextChunk("written", response_id="r1", item_id="a"),
        TextChunk("next", response_id="r1", item_id="b"),
        ResponseCompleted("r1"),
    )
    output = frames[-1]["response"]["output"]
    assert [[part["type"] for part in item["content"]] for item in output] == [
        ["output_audio", "output_text"],
        ["output_text"],
    ]
    added = [f for f in frames if f["type"] == "response.content_part.added"]
    assert [(f["output_index"], f["content_index"]) for f in added] == [(0, 0), (0, 1), (1, 0)]


@pytest.mark.parametrize(
    ("ended", "status", "details"),
    [
        (
            ResponseCompleted("r1", "incomplete", "max_output_tokens"),
            "incomplete",
            {"type": "incomplete", "reason": "max_output_tokens"},
        ),
        (
            ResponseCompleted("r1", "incomplete", "content_filter"),
            "incomplete",
            {"type": "incomplete", "reason": "content_filter"},
        ),
        (
            ResponseCompleted("r1", "interrupted"),
            "cancelled",
            {"type": "cancelled", "reason": "client_cancelled"},
        ),
        (
            ResponseCompleted("r1", "failed", "out of order"),
            "failed",
            {
                "type": "failed",
                "error": {"type": "server_error", "code": "server_error", "message": "out of order"},
            },
        ),
    ],
)
def test_a_response_ends_as_the_provider_ends_it(
    ended: ResponseCompleted, status: str, details: dict[str, Any]
):
    talk = Talk()
    talk.begin()
    (frame,) = talk.tell(ended)
    assert (frame["response"]["status"], frame["response"]["status_details"]) == (status, details)


def test_limits_are_told_when_a_response_begins_and_when_the_provider_tells_its_own():
    talk = Talk(limits=LIMITS)
    assert types(talk.say("response.create")) == ["response.created", "rate_limits.updated"]
    (frame,) = talk.tell(RateLimits((RateLimit("tokens", 10, 5, 1.5),)))
    assert frame["rate_limits"] == [{"name": "tokens", "limit": 10, "remaining": 5, "reset_seconds": 1.5}]


def test_the_first_responses_can_be_refused_for_their_rate():
    talk = Talk(rate_limited=1)
    assert error(talk.say("response.create")) == ("rate_limit_exceeded", None)
    assert types(talk.say("response.create")) == ["response.created"]


def test_an_error_of_the_provider_is_told_and_ends_what_it_was_asked_for():
    talk = Talk()
    talk.say("response.create")
    frames = talk.tell(ErrorInfo("broken", "no answer today", command="response_create"))
    assert types(frames) == ["error", "response.done"]
    assert frames[0]["error"]["type"] == "server_error"
    assert frames[1]["response"]["status"] == "failed"
    talk.tell(ErrorInfo("fatal", "gone", recoverable=False))
    assert talk.closes == [Close(1011, "server_error")]


def test_an_item_deleted_while_it_is_spoken_is_not_told_as_done():
    talk = Talk()
    talk.begin()
    added = only(talk.tell(TextChunk("x", response_id="r1")), "conversation.item.added")
    talk.say("conversation.item.delete", item_id=added["item"]["id"])
    assert "conversation.item.done" not in types(talk.tell(ResponseCompleted("r1")))


def test_audio_is_written_in_the_sessions_format():
    talk = Talk(audio=AudioFormat("pcm16", 16_000))
    talk.update(audio={"output": {"format": {"type": "audio/pcma"}}})
    talk.begin()
    sound = tone(100, 16_000)
    frames = talk.tell(
        AudioChunk(sound, response_id="r1"),
        AudioChunk(tone(100), response_id="r1", format=AudioFormat()),
    )
    sizes = [len(base64.b64decode(f["delta"])) for f in frames if f["type"] == "response.output_audio.delta"]
    assert sizes == [pytest.approx(800, abs=2), pytest.approx(800, abs=2)]


def test_an_own_input_refers_to_speech_by_its_words():
    talk = Talk()
    talk.update(audio={"input": {"transcription": {"model": "whisper-1"}, "turn_detection": None}})
    talk.hear(tone(200))
    heard = talk.say("input_audio_buffer.commit")[0]["item_id"]
    talk.tell(InputTranscript("What time is it?", True, "u"))
    talk.begin()
    talk.tell(TextChunk("Noon.", spoken=True, response_id="r1"))
    said = talk.tell(ResponseCompleted("r1"))[-1]["response"]["output"][0]["id"]
    talk.asked()
    references = [{"type": "item_reference", "id": item_id} for item_id in (heard, said)]
    talk.say("response.create", response={"input": references, "conversation": "none"})
    (asked,) = talk.asked()
    assert isinstance(asked, ResponseCreate)
    assert asked.input == (
        MessageItem("user", (TextPart("What time is it?", spoken=True),), heard),
        MessageItem("assistant", (TextPart("Noon.", spoken=True),), said),
    )
