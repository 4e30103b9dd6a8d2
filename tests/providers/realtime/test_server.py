"""The server's side of OpenAI's wire: the session, what cannot be read, the laws, and the handshake."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from server_talk import START, Talk, error, quiet, tone, types

from voicechatengine.events import (
    AudioChunk,
    ItemAdded,
    ResponseCompleted,
    ResponseStarted,
    SessionCreated,
    SpeechStarted,
    TextChunk,
)
from voicechatengine.messages import (
    SessionUpdate,
    Tool,
)
from voicechatengine.providers.realtime import wire
from voicechatengine.providers.realtime.server import LIMITS
from voicechatengine.providers.realtime.server_handshake import rate_limited, refuse
from voicechatengine.session.dialect import Close
from voicechatengine.session.handshake import Handshake

# ------------------------------------------------------------------ the session


def test_a_session_begins_with_its_id_and_its_end():
    session = Talk(model="gpt-realtime-2.1").greeting[0]["session"]
    assert (session["model"], session["expires_at"]) == ("gpt-realtime-2.1", int(START) + 3600)
    assert session["id"].startswith("sess_")


def test_each_update_is_answered_and_tells_the_provider_what_changed():
    talk = Talk()
    tool = {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}}
    (frame,) = talk.update(
        instructions="Be brief.",
        tools=[tool],
        output_modalities=["text"],
        max_output_tokens=100,
        tool_choice={"type": "function", "name": "f"},
        audio={"input": {"transcription": {"model": "whisper-1"}}, "output": {"voice": "cedar"}},
    )
    assert frame["type"] == "session.updated"
    assert frame["session"]["tools"] == [tool]
    (asked,) = talk.asked()
    assert isinstance(asked, SessionUpdate)
    assert asked.options.instructions == "Be brief."
    assert asked.options.tools == (Tool("f", "d", {"type": "object"}),)
    assert (asked.options.voice, asked.options.modalities, asked.options.max_tokens) == (
        "cedar",
        ("text",),
        100,
    )
    assert asked.options.tool_choice == "f"
    assert types(talk.update()) == ["session.updated"]
    assert talk.asked() == []


def test_an_update_goes_as_deep_as_it_names():
    talk = Talk()
    talk.update(audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}}})
    (frame,) = talk.update(
        audio={"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 900}}}
    )
    detection = frame["session"]["audio"]["input"]["turn_detection"]
    assert (detection["threshold"], detection["silence_duration_ms"], detection["prefix_padding_ms"]) == (
        0.7,
        900,
        300,
    )
    assert frame["session"]["audio"]["output"]["voice"] == "alloy"


def test_another_kind_of_turn_detection_or_format_begins_with_its_own_defaults():
    talk = Talk()
    (frame,) = talk.update(
        audio={"input": {"turn_detection": {"type": "semantic_vad"}, "format": {"type": "audio/pcmu"}}}
    )
    audio_in = frame["session"]["audio"]["input"]
    assert audio_in["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }
    assert audio_in["format"] == {"type": "audio/pcmu"}
    (frame,) = talk.update(audio={"input": {"turn_detection": None, "format": {"type": "audio/pcm"}}})
    assert frame["session"]["audio"]["input"]["turn_detection"] is None
    assert frame["session"]["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}


def test_what_is_whole_is_replaced_whole():
    talk = Talk()
    talk.update(audio={"output": {"voice": {"id": "voice_1"}}}, tracing={"workflow_name": "w"})
    (frame,) = talk.update(tracing={"group_id": "g"}, audio={"output": {"voice": "ash"}})
    assert frame["session"]["tracing"] == {"group_id": "g"}
    assert frame["session"]["audio"]["output"]["voice"] == "ash"


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({}, "missing_required_parameter", "session.type"),
        ({"type": "transcription"}, "invalid_value", "session.type"),
        ({"type": "realtime", "temperature": 0.8}, "unknown_parameter", "session.temperature"),
        ({"type": "realtime", "model": "gpt-4"}, "invalid_value", "session.model"),
        ({"type": "realtime", "instructions": 1}, "invalid_type", "session.instructions"),
        (
            {"type": "realtime", "output_modalities": ["text", "audio"]},
            "invalid_value",
            "session.output_modalities",
        ),
        (
            {"type": "realtime", "max_output_tokens": 0},
            "integer_below_min_value",
            "session.max_output_tokens",
        ),
        (
            {"type": "realtime", "max_output_tokens": 5000},
            "integer_above_max_value",
            "session.max_output_tokens",
        ),
        (
            {"type": "realtime", "audio": {"output": {"voice": "bob"}}},
            "invalid_value",
            "session.audio.output.voice",
        ),
        (
            {"type": "realtime", "audio": {"output": {"speed": 2.0}}},
            "decimal_above_max_value",
            "session.audio.output.speed",
        ),
        (
            {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}},
            "invalid_value",
            "session.audio.input.format.rate",
        ),
        (
            {"type": "realtime", "audio": {"input": {"format": {"type": "audio/opus"}}}},
            "invalid_value",
            "session.audio.input.format.type",
        ),
        (
            {
                "type": "realtime",
                "audio": {"input": {"turn_detection": {"type": "server_vad", "eagerness": "low"}}},
            },
            "unknown_parameter",
            "session.audio.input.turn_detection.eagerness",
        ),
        (
            {"type": "realtime", "tools": [{"type": "function"}]},
            "missing_required_parameter",
            "session.tools[0].name",
        ),
    ],
)
def test_a_session_that_the_service_would_not_take_changes_nothing(
    session: dict[str, Any], code: str, param: str
):
    talk = Talk()
    frames = talk.say("session.update", session=session, event_id="mine")
    assert error(frames) == (code, param)
    assert frames[0]["error"]["type"] == "invalid_request_error"
    assert frames[0]["error"]["event_id"] == "mine"
    assert talk.asked() == []
    before, after = talk.greeting[0]["session"], talk.update()[0]["session"]
    assert before == after


def test_null_is_a_value_only_where_it_switches_something_off():
    """Clients write out what they leave alone."""
    talk = Talk()
    off: dict[str, Any] = {
        "turn_detection": None,
        "transcription": None,
        "noise_reduction": None,
        "format": None,
    }
    (frame,) = talk.update(
        instructions=None, tools=None, tracing=None, audio={"input": off, "output": {"voice": None}}
    )
    before, after = talk.greeting[0]["session"], frame["session"]
    assert after["audio"]["input"]["turn_detection"] is None
    before["audio"]["input"]["turn_detection"] = None
    assert before == after
    nulls = {"instructions": None, "conversation": None, "metadata": None, "input": None, "audio": None}
    assert types(talk.say("response.create", response=nulls)) == ["response.created"]
    assert talk.asked()[0]["input"] is None


def test_the_words_of_a_refusal_are_the_services():
    talk = Talk()
    both = talk.update(output_modalities=["text", "audio"])[0]["error"]["message"]
    assert (
        both == "Invalid modalities: ['text', 'audio']. Supported combinations are: ['text'] and ['audio']."
    )
    assert talk.update(temperature=1)[0]["error"]["message"] == "Unknown parameter: 'session.temperature'."


def test_the_voice_cannot_change_once_it_was_heard():
    talk = Talk()
    talk.begin()
    talk.tell(AudioChunk(bytes(480), response_id="r1"), ResponseCompleted("r1"))
    frames = talk.update(audio={"output": {"voice": "cedar"}})
    assert error(frames) == ("cannot_update_voice", None)
    assert types(talk.update(audio={"output": {"voice": "alloy"}})) == ["session.updated"]


def test_a_session_ends_at_its_limit():
    talk = Talk(expires_after_s=60)
    assert talk.wait(59) == []
    frames = talk.wait(1)
    assert error(frames) == ("session_expired", None)
    assert talk.closes == [Close(1001, "Your session hit the maximum duration of 60 minutes.")]
    assert talk.say("response.create") == []
    assert talk.tell(ResponseStarted("r1")) == []
    assert talk.server.deadline() is None


def test_a_model_that_does_not_exist_is_told_and_the_connection_closed():
    talk = Talk(model="whisper-9")
    assert error(talk.greeting) == ("model_not_found", None)
    assert talk.closes == [Close(4004, "invalid_request_error.model_not_found")]


# ------------------------------------------------------------------ what cannot be read


@pytest.mark.parametrize(
    ("frame", "code", "param"),
    [
        ("no json", "invalid_json", None),
        (b"\xff\xfe", "invalid_json", None),
        ("[1]", "invalid_type", None),
        ('{"no": "type"}', "missing_required_parameter", "type"),
        ('{"type": "session.destroy"}', "invalid_value", "type"),
        ('{"type": ["session.update"]}', "invalid_value", "type"),
        ('{"type": "session.update"}', "missing_required_parameter", "session"),
        ('{"type": "session.update", "session": 1}', "invalid_type", "session"),
        ('{"type": "input_audio_buffer.append", "audio": "%%"}', "invalid_value", "audio"),
        ('{"type": "input_audio_buffer.append", "audio": "AAAA"}', "invalid_value", "audio"),
        ('{"type": "output_audio_buffer.clear"}', "invalid_value", "type"),
    ],
)
def test_a_frame_that_is_none_is_answered_by_an_error(frame: bytes | str, code: str, param: str | None):
    talk = Talk()
    assert error(talk.raw(frame)) == (code, param)
    assert talk.closes == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(
    st.sampled_from(
        ["session", "audio", "item", "item_id", "response", "previous_item_id", "audio_end_ms", "event_id"]
    ),
    JSON
    | st.fixed_dictionaries({"type": st.sampled_from(["realtime", "message", "function_call"])}, optional={
        "role": JSON, "content": JSON, "audio": JSON, "tools": JSON, "id": JSON, "name": JSON, "input": JSON,
        "turn_detection": JSON, "tool_choice": JSON, "metadata": JSON, "arguments": JSON, "conversation": JSON,
    }),
    max_size=4,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.binary(max_size=30)
        | st.text(max_size=30)
        | st.builds(
            lambda kind, fields: json.dumps({**fields, "type": kind}),
            st.sampled_from(sorted(wire.CLIENT_TYPES)),
            FIELDS,
        ),
        max_size=6,
    )
)
def test_any_frames_are_answered_in_the_vendors_own_messages(frames: list[bytes | str]):
    """`Talk` validates each answer; nothing raises, and only the service's own reasons close a session."""
    talk = Talk()
    for frame in frames:
        talk.raw(frame)
    assert talk.closes == []
    assert types(talk.update()) == ["session.updated"]


def test_a_frame_nested_without_end_is_answered():
    talk = Talk()
    assert types(talk.raw('{"type":"session.update","session":' + "[" * 100_000)) == ["error"]


# ------------------------------------------------------------------ laws


def test_the_same_inputs_give_the_same_outputs():
    def run() -> list[dict[str, Any]]:
        talk = Talk(limits=LIMITS)
        frames = talk.hear(tone(300) + quiet(500))
        return frames + talk.tell(
            ResponseStarted("r1"), TextChunk("x", response_id="r1"), ResponseCompleted("r1")
        )

    assert run() == run()


def test_what_the_wire_has_no_word_for_is_not_passed_on():
    assert Talk().tell(SessionCreated("s"), ItemAdded("x", "assistant"), SpeechStarted(1.0)) == []


def test_a_closed_session_says_nothing_more():
    talk = Talk()
    talk.begin()
    assert talk.server.closed(Close(1006), talk.now) == ()
    assert talk.server.deadline() is None
    assert talk.tell(TextChunk("x", response_id="r1")) == []


def test_a_snapshot_has_the_options():
    talk = Talk()
    talk.update(instructions="brief")
    assert talk.server.snapshot().options.instructions == "brief"


# ------------------------------------------------------------------ the handshake


@pytest.mark.parametrize(
    ("path", "key", "status", "code"),
    [
        ("/v1/realtime", "Bearer sk-1", None, None),
        ("/v1/realtime/", "bearer sk-1", None, None),
        ("/v1/chat", "Bearer sk-1", 404, None),
        ("/v1/realtime", "", 401, None),
        ("/v1/realtime", "Bearer ", 401, None),
        ("/v1/realtime", "Basic x", 401, None),
        ("/v1/realtime", "Bearer sk-invalid", 401, "invalid_api_key"),
        ("/v1/realtime", "Bearer sk-2", 401, "invalid_api_key"),
    ],
)
def test_a_handshake_is_refused_as_the_service_refuses_it(
    path: str, key: str, status: int | None, code: str | None
):
    refusal = refuse(Handshake(path, {}, {"authorization": key}), "sk-1")
    assert status == (None if refusal is None else refusal.status)
    if refusal is not None:
        assert code == json.loads(refusal.body)["error"]["code"]
        assert b"sk-" not in refusal.body


def test_too_many_handshakes_are_told_when_to_come_again():
    refusal = rate_limited(2.5)
    assert (refusal.status, refusal.headers) == (429, {"Retry-After": "2.5"})
    assert json.loads(refusal.body)["error"]["code"] == "rate_limit_exceeded"


def test_a_handshake_does_not_show_its_key():
    assert "sk-secret" not in repr(Handshake("/", {"a": "b"}, {"authorization": "Bearer sk-secret"}))
