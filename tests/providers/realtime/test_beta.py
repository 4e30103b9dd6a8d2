"""The beta's table against the beta's types in OpenAI's own package: what they allow is read, what we write validates."""

from __future__ import annotations

import json
from typing import Any, get_args

import hypothesis.strategies as st
import pytest
from generated import options
from hypothesis import HealthCheck, given, settings
from openai.types.beta.realtime import RealtimeClientEvent, RealtimeServerEvent
from pydantic import BaseModel, TypeAdapter
from talking import OPEN, Talk
from test_realtime_fuzz import from_schema

from voicechatengine import events as ours
from voicechatengine.errors import MessageError
from voicechatengine.messages import (
    AudioAppend,
    AudioClear,
    Command,
    Image,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    MessageItem,
    Options,
    ResponseCreate,
    SessionUpdate,
    TextPart,
    Tool,
    ToolCallItem,
    ToolResult,
    TurnDetection,
)
from voicechatengine.providers.realtime import beta
from voicechatengine.providers.realtime.beta import BETA
from voicechatengine.providers.realtime.server import RealtimeServer
from voicechatengine.session.dialect import Frame

search = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def members(union: Any) -> dict[str, type[BaseModel]]:
    kinds = get_args(get_args(union)[0])
    return {get_args(kind.model_fields["type"].annotation)[0]: kind for kind in kinds}


SERVER, CLIENT = members(RealtimeServerEvent), members(RealtimeClientEvent)


def objects(kind: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    schema = TypeAdapter(kind).json_schema()
    return from_schema(schema, schema.get("$defs", {}))


def unknown(model: Any, place: str = "") -> list[str]:
    """The fields that the package has no word for, however deep; it keeps them without a word."""
    if isinstance(model, list):
        return [name for each in model for name in unknown(each, place)]
    if not isinstance(model, BaseModel):
        return []
    found = [f"{place}.{name}" for name in model.model_extra or {}]
    return found + [
        name
        for field in type(model).model_fields
        for name in unknown(getattr(model, field), f"{place}.{field}")
    ]


# ------------------------------------------------------------------ what a service says


@pytest.mark.parametrize("kind", sorted(SERVER))
@given(data=st.data())
@search
def test_a_message_of_the_beta_is_no_surprise(kind: str, data: st.DataObject):
    talk = Talk(BETA)
    talk.hears(OPEN)
    message = data.draw(objects(SERVER[kind]))
    events = talk.hears(message)
    assert [event for event in events if getattr(event, "code", "") == "invalid_message"] == []
    passed_on = [event for event in events if isinstance(event, ours.VendorMessage)]
    assert all(event.raw == message for event in passed_on)


PLACE = {"event_id": "e", "response_id": "r1", "item_id": "i1", "output_index": 0, "content_index": 0}


@pytest.mark.parametrize(
    ("kind", "fields", "event"),
    [
        ("response.text.delta", {"delta": "a"}, ours.TextChunk("a", spoken=False, response_id="r1", item_id="i1")),
        ("response.text.done", {"text": "a"}, ours.TextChunk("a", spoken=False, response_id="r1", item_id="i1")),
        ("response.audio_transcript.delta", {"delta": "a"}, ours.TextChunk("a", spoken=True, response_id="r1", item_id="i1")),
        ("response.audio_transcript.done", {"transcript": "a"}, ours.TextChunk("a", spoken=True, response_id="r1", item_id="i1")),
        ("response.audio.delta", {"delta": "AAAA"}, ours.AudioChunk(b"\0\0", response_id="r1", item_id="i1")),
    ],
)  # fmt: skip
def test_the_older_names_say_the_same(kind: str, fields: dict[str, str], event: ours.Event):
    talk = Talk(BETA)
    talk.hears(OPEN)
    assert talk.hears({"type": kind, **PLACE, **fields}) == [event]


def test_an_item_that_was_created_has_its_place():
    item = {
        "id": "i2",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "audio", "transcript": "Hi"}],
    }
    message = {"type": "conversation.item.created", "event_id": "e", "previous_item_id": "i1", "item": item}
    assert Talk(BETA).hears(message) == [ours.ItemAdded("i2", "assistant", "i1", "message")]


# ------------------------------------------------------------------ what the client says


def check(frame: dict[str, Any]) -> None:
    assert unknown(CLIENT[frame["type"]].model_validate(frame)) == []


@given(wanted=options(BETA).filter(lambda each: each.tool_choice != "f"))
@search
def test_the_package_has_words_for_every_session(wanted: Options):
    """But for one function as the choice: the package documents that in the words of chat completions."""
    (update,) = Talk(BETA, wanted).frames
    check(update)


@pytest.mark.parametrize(
    "command",
    [
        AudioAppend(b"\1\2" * 2400),
        AudioClear(),
        ItemCreate(MessageItem("user", (TextPart("hello"),))),
        ItemCreate(MessageItem("assistant", (TextPart("hi"),), "item_of_ours"), "root"),
        ItemCreate(ToolCallItem("c1", "f", "{}")),
        ToolResult("c1", "foggy"),
        ItemDelete("i1"),
        ItemTruncate("i1", 0),
        ResponseCreate(),
        ResponseCreate(modalities=("text",), instructions="briefly", max_tokens=9, metadata={"a": "b"}),
        ResponseCreate(out_of_band=True, input=(MessageItem("user", (TextPart("hello"),)),)),
        ResponseCreate(tools=(Tool("f", "does", {"type": "object"}),), tool_choice="required"),
        SessionUpdate(Options(voice="echo", turn_detection=TurnDetection("semantic_vad", eagerness="low"))),
    ],
    ids=lambda command: type(command).__name__,
)
def test_the_package_has_words_for_every_command(command: Command):
    talk = Talk(BETA)
    talk.frames.clear()
    talk.does(command)
    assert talk.frames
    for frame in talk.frames:
        check(frame)


def test_what_the_beta_lacks_is_refused_before_it_is_sent():
    talk = Talk(BETA)
    sent = len(talk.frames)
    with pytest.raises(MessageError, match="the service takes no pictures"):
        talk.does(Image(b"\x89PNG", "image/png"))
    with pytest.raises(MessageError, match="idle_timeout_ms is no setting of the service"):
        talk.does(SessionUpdate(Options(turn_detection=TurnDetection(idle_timeout_ms=900))))
    assert len(talk.frames) == sent


# ------------------------------------------------------------------ words for values


def test_a_format_is_a_word_and_an_unknown_word_is_left_to_be_refused():
    assert beta.format_word({"type": "audio/pcm", "rate": 24000}) == "pcm16"
    assert beta.format_word({"type": "audio/pcmu"}) == "g711_ulaw"
    assert beta.format_of("g711_alaw") == {"type": "audio/pcma"}
    assert beta.format_of("mp3") == {"type": "mp3"}


def answers(*sessions: dict[str, Any]) -> list[dict[str, Any]]:
    numbers = iter(range(99))
    server = RealtimeServer(lambda word: f"{word}_{next(numbers)}", differences=BETA, model="gpt-realtime")
    server.opened(1.0)
    frames = [
        frame
        for session in sessions
        for frame in server.receive(json.dumps({"type": "session.update", "session": session}), 1.0)
    ]
    return [json.loads(frame.data) for frame in frames if isinstance(frame, Frame)]


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"input_audio_format": "mp3"}, "invalid_value", "session.input_audio_format"),
        ({"output_audio_format": 5}, "invalid_type", "session.output_audio_format"),
        ({"modalities": ["video"]}, "invalid_value", "session.modalities"),
        ({"modalities": ["audio", "video"]}, "invalid_value", "session.modalities"),
        ({"modalities": "audio"}, "invalid_type", "session.modalities"),
        ({"voice": "cedar"}, "invalid_value", "session.voice"),
        ({"max_response_output_tokens": 0}, "integer_below_min_value", "session.max_response_output_tokens"),
        ({"turn_detection": {"type": "server_vad", "eagerness": "low"}}, "unknown_parameter", "session.turn_detection.eagerness"),
    ],
)  # fmt: skip
def test_the_simulated_service_names_mistakes_in_the_betas_places(
    session: dict[str, Any], code: str, param: str
):
    (answer,) = answers(session)
    assert (answer["error"]["code"], answer["error"]["param"]) == (code, param)


def test_nulls_and_absent_formats_change_nothing():
    first, second = answers(
        {"input_audio_format": "g711_ulaw"}, {"input_audio_format": None, "modalities": None}
    )
    assert first["session"]["input_audio_format"] == second["session"]["input_audio_format"] == "g711_ulaw"
    assert second["session"]["modalities"] == ["text", "audio"]


def test_a_session_has_no_field_that_the_beta_had_not():
    (answer,) = answers({"instructions": "Be brief."})
    read = SERVER["session.updated"].model_validate(answer)
    assert set(unknown(read)) == {".session.object", ".session.expires_at"}  # which the service wrote, too
