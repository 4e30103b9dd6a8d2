"""Voice Live's wire against the models of the vendor's own package: what they allow is read, what we write they have words for."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import pytest
import yaml
from generated import options
from hypothesis import HealthCheck, given, settings
from talking import OPEN, Talk
from voicelive_models import CLIENT, SERVER, misfits, models, objects

from voicechatengine import events as ours
from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.errors import MessageError
from voicechatengine.events import VendorMessage
from voicechatengine.messages import (
    AudioAppend,
    AudioClear,
    AudioCommit,
    Command,
    Image,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    MessageItem,
    Options,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    TextPart,
    Tool,
    ToolCallItem,
    ToolResult,
    Transcription,
    TurnDetection,
)
from voicechatengine.providers.realtime import wire
from voicechatengine.providers.realtime.server import RealtimeServer
from voicechatengine.providers.voicelive.table import VOICELIVE
from voicechatengine.session.dialect import Frame

search = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


# ------------------------------------------------------------------ what the service says

NOTHING = {
    "response.audio.done",
    "response.content_part.added",
    "response.content_part.done",
    "response.function_call_arguments.delta",
    "response.output_item.added",
}
"""What other messages tell as well."""


def meaning(message: dict[str, Any]) -> list[Any]:
    """The fields of the events that a message of an open response ``r1`` must give: a type, and values by name."""
    kind, item = message["type"], message.get("item_id")
    match kind:
        case "response.audio.delta":
            audio = base64.b64decode(message["delta"])
            audio = audio[: len(audio) // 2 * 2]
            return [(ours.AudioChunk, {"audio": audio, "item_id": item or None})] if audio else []
        case "response.text.delta" | "response.audio_transcript.delta":
            said = {"text": message["delta"], "spoken": "audio" in kind, "item_id": item or None}
            return [(ours.TextChunk, said)] if message["delta"] else []
        case "response.text.done" | "response.audio_transcript.done":
            text = message.get("text", message.get("transcript"))
            return [(ours.TextChunk, {"text": text, "spoken": "audio" in kind})] if text else []
        case "response.function_call_arguments.done":
            called = message["call_id"] or item
            if not called:
                return []
            if not message["name"]:
                return []
            return [
                (
                    ours.ToolCall,
                    {"name": message["name"], "arguments": message["arguments"], "call_id": called},
                )
            ]
        case "input_audio_buffer.speech_started":
            return [(ours.SpeechStarted, {"position_ms": message["audio_start_ms"], "item_id": item or None})]
        case "input_audio_buffer.speech_stopped":
            return [(ours.SpeechStopped, {"position_ms": message["audio_end_ms"], "item_id": item or None})]
        case "input_audio_buffer.committed":
            placed = {"item_id": item, "previous_item_id": message.get("previous_item_id") or None}
            return [(ours.ItemAdded, placed | {"kind": "speech"})] if item else []
        case "conversation.item.input_audio_transcription.completed":
            return [(ours.InputTranscript, {"text": message["transcript"].strip(), "final": True})]
        case "conversation.item.input_audio_transcription.delta":
            words = message.get("delta")
            return [(ours.InputTranscript, {"text": words.lstrip(), "final": False})] if words else []
        case "conversation.item.input_audio_transcription.failed":
            return [(ours.ErrorInfo, {"code": "transcription_failed"})]
        case "error":
            detail = message["error"]
            code = detail.get("code") or detail["type"] or "error"
            return [(ours.ErrorInfo, {"code": code})]
        case "session.created" | "session.updated":
            return [(ours.SessionUpdated, {})]
    return [(VendorMessage, {"name": kind, "raw": message})]


SPECIAL = {
    "response.created",
    "response.done",
    "response.output_item.done",
    "conversation.item.created",
}


@pytest.mark.parametrize("kind", sorted(SERVER.keys() - NOTHING - SPECIAL))
@given(data=st.data())
@search
def test_a_message_of_the_package_says_what_it_says_and_nothing_is_lost(kind: str, data: st.DataObject):
    message = data.draw(objects(SERVER[kind]))
    if "response_id" in message and kind in wire.SERVER_TYPES.keys() | wire.OTHER_TYPES:
        message["response_id"] = "r1"
    talk = Talk(VOICELIVE)
    talk.hears(OPEN)
    events = talk.hears(message)
    wanted = meaning(message)
    assert [type(event) for event in events] == [each for each, _ in wanted], events
    for event, (_, fields) in zip(events, wanted, strict=True):
        assert {name: getattr(event, name) for name in fields} == fields


@pytest.mark.parametrize("kind", sorted(NOTHING))
@given(data=st.data())
@search
def test_what_is_told_elsewhere_is_not_told_twice(kind: str, data: st.DataObject):
    message = data.draw(objects(SERVER[kind])) | {"response_id": "r1"}
    talk = Talk(VOICELIVE)
    talk.hears(OPEN)
    assert talk.hears(message) == []


@given(message=objects(SERVER["conversation.item.created"]))
@search
def test_an_item_takes_its_place_or_is_passed_on_whole(message: dict[str, Any]):
    events = Talk(VOICELIVE).hears(message)
    item = message.get("item")
    if not item:
        assert events == []
    elif item["type"] not in ("message", "function_call", "function_call_output"):
        assert events == [VendorMessage("conversation.item.created", message)]
    elif item.get("id"):
        (event,) = events
        assert isinstance(event, ours.ItemAdded)
        assert event.item_id == item["id"]
        said = item.get("role") if item.get("role") in ("user", "system") else "assistant"
        assert event.role == ("user" if item["type"] == "function_call_output" else said)


@given(message=objects(SERVER["response.done"]))
@search
def test_a_response_ends_once_with_its_words_calls_status_and_cost(message: dict[str, Any]):
    body = message["response"]
    body["id"] = "r1"
    talk = Talk(VOICELIVE)
    talk.hears(OPEN)
    events = talk.hears(message)
    end = events[-1]
    assert isinstance(end, ours.ResponseCompleted)
    assert end.metadata == body.get("metadata")
    cost = body.get("usage")
    if cost is None:
        assert end.usage is None
    else:
        assert end.usage is not None
        assert (end.usage.input_tokens, end.usage.cached_tokens, end.usage.output_audio_tokens) == (
            cost["input_tokens"],
            cost["input_token_details"]["cached_tokens"],
            cost["output_token_details"]["audio_tokens"],
        )
    names = {event.name for event in events if isinstance(event, ours.ToolCall)}
    calls = [item for item in body.get("output") or () if item["type"] == "function_call"]
    assert names == {
        item["name"] for item in calls if item["name"] and (item["call_id"] or item.get("id"))
    } or len(calls) > len({item["call_id"] or item.get("id") for item in calls})
    assert talk.hears(message) == []


@given(message=objects(SERVER["response.created"]))
@search
def test_a_response_begins(message: dict[str, Any]):
    (event,) = Talk(VOICELIVE).hears(message)
    assert isinstance(event, ours.ResponseStarted)
    assert event.response_id == (message["response"].get("id") or "resp_2")


# ------------------------------------------------------------------ what the client says

NOT_IN_THE_PACKAGE = {
    "prompt: unknown": "the reference has it for OpenAI's transcription",
    "unknown kind 'input_image'": "the package has the part, but not among those of a message",
    ".tool_choice: {": "the reference has the object for a response too",
}
"""What the service documents, and the package's models leave out."""


def unfit(frame: dict[str, Any]) -> Iterator[str]:
    """What the package has no word for in a client's message, but for what the service's reference has."""
    for misfit in misfits(frame, CLIENT[frame["type"]], frame["type"]):
        if not any(known in misfit for known in NOT_IN_THE_PACKAGE):
            yield misfit


@given(wanted=options(VOICELIVE))
@search
def test_the_package_has_words_for_every_session(wanted: Options):
    (update,) = Talk(VOICELIVE, wanted).frames
    assert update["type"] == "session.update"
    assert list(unfit(update)) == []


@pytest.mark.parametrize(
    "command",
    [
        AudioAppend(b"\1\2" * 2400),
        AudioClear(),
        ItemCreate(MessageItem("user", (TextPart("hello"),))),
        ItemCreate(MessageItem("system", (TextPart("be brief"),), "item_of_ours")),
        ItemCreate(MessageItem("assistant", (TextPart("hi"),)), "root"),
        ItemCreate(ToolCallItem("c1", "f", "{}")),
        ToolResult("c1", "foggy"),
        Image(b"\x89PNG", "image/png"),
        ItemDelete("i1"),
        ItemTruncate("i1", 0),
        ResponseCreate(),
        ResponseCreate(modalities=("text",), instructions="briefly", max_tokens=9, metadata={"a": "b"}),
        ResponseCreate(out_of_band=True, input=(MessageItem("user", (TextPart("hello"),)),)),
        ResponseCreate(tools=(Tool("f", "does", {"type": "object"}),), tool_choice="f"),
        SessionUpdate(Options(voice="de-DE-KatjaNeural", turn_detection=TurnDetection("semantic_vad"))),
    ],
    ids=lambda command: type(command).__name__,
)
def test_the_package_has_words_for_every_command(command: Command):
    talk = Talk(VOICELIVE)
    talk.frames.clear()
    talk.does(command)
    assert talk.frames
    for frame in talk.frames:
        assert list(unfit(frame)) == []


def test_a_whole_turn_is_written_in_the_packages_words():
    talk = Talk(VOICELIVE)
    talk.does(AudioAppend(b"\1\2" * 4800))
    talk.does(AudioCommit())
    talk.does(ResponseCreate())
    talk.hears(OPEN)
    heard = base64.b64encode(b"\1\2" * 24000).decode()
    place = {"response_id": "r1", "item_id": "i1", "output_index": 0, "content_index": 0}
    talk.hears({"type": "response.audio.delta", "event_id": "e", "delta": heard, **place})
    talk.does(ResponseCancel())
    talk.does(ItemTruncate("i1", 400))
    kinds = [frame["type"] for frame in talk.frames]
    assert kinds[-3:] == ["response.create", "response.cancel", "conversation.item.truncate"]
    for frame in talk.frames:
        assert list(unfit(frame)) == []


def test_a_reply_beside_the_conversation_is_not_committed_to_it():
    talk = Talk(VOICELIVE)
    talk.does(ResponseCreate(out_of_band=True))
    assert talk.frames[-1]["response"] == {"commit": False, "cancel_previous": False}


# ------------------------------------------------------------------ what the simulated service says


def recorded(shared: Any, direction: str) -> list[dict[str, Any]]:
    text = (shared / "wire" / "voicelive" / "text_in_audio_out.yaml").read_text()
    return [
        each["data"] for each in yaml.safe_load(text)["interactions"] if each.get("direction") == direction
    ]


def told(messages: list[dict[str, Any]]) -> set[str]:
    return {
        misfit.split(":")[0] for message in messages for misfit in misfits(message, SERVER[message["type"]])
    }


def simulated(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    count = itertools.count(1)
    server = RealtimeServer(lambda word: f"{word}_{next(count)}", differences=VOICELIVE, model="gpt-realtime")
    frames = list(server.opened(1000.0))
    for message in said:
        frames += server.receive(json.dumps(message), 1000.0)
    token = next(out for out in frames if isinstance(out, ResponseCreate)).metadata
    for event in (
        ours.ResponseStarted("x", token),
        ours.TextChunk("Hola", spoken=True, response_id="x", item_id="y"),
        ours.AudioChunk(b"\1\2" * 100, response_id="x", item_id="y"),
        ours.ResponseCompleted("x", usage=ours.Usage(1, 2, 3)),
    ):
        frames += server.send(event, 1000.0)
    return [json.loads(frame.data) for frame in frames if isinstance(frame, Frame)]


def test_the_simulated_service_says_what_the_recorded_one_said(shared):
    theirs = recorded(shared, "received")
    written = simulated(recorded(shared, "sent"))

    def steps(messages: list[dict[str, Any]]) -> list[str]:
        kinds = [message["type"] for message in messages]
        return [kind for kind, _ in itertools.groupby(kinds)]

    assert steps(written) == steps(theirs)
    for mine, real in zip(written[:3], theirs[:3], strict=True):
        assert mine["type"] == real["type"]
        body = "session" if "session" in real else "item"
        assert real[body].keys() - mine[body].keys() <= {"object"}, mine[body]
    done, real_done = written[-1]["response"], theirs[-1]["response"]
    assert real_done.keys() - done.keys() == {"temperature"}
    assert (done["modalities"], done["voice"], done["output_audio_format"]) == (
        real_done["modalities"],
        real_done["voice"],
        real_done["output_audio_format"],
    )
    assert told(written) <= told(theirs)


# ------------------------------------------------------------------ settings


def opened(**fields: Any) -> dict[str, Any]:
    return Talk(VOICELIVE, Options(**fields)).frames[0]["session"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("alloy", {"type": "openai", "name": "alloy"}),
        ("ava", {"type": "azure-realtime-native", "name": "ava"}),
        ("en-US-AvaNeural", {"type": "azure-standard", "name": "en-US-AvaNeural"}),
        (
            "en-US-Ava:DragonHDLatestNeural",
            {"type": "azure-standard", "name": "en-US-Ava:DragonHDLatestNeural"},
        ),
        (
            "zh-CN-liaoning-XiaobeiNeural",
            {"type": "azure-standard", "name": "zh-CN-liaoning-XiaobeiNeural"},
        ),
    ],
)
def test_a_voice_is_told_by_its_name(name: str, said: dict[str, str]):
    assert opened(voice=name)["voice"] == said


@pytest.mark.parametrize("name", ["Ava", "AvaNeural", "en-US", "en_US_AvaNeural", ""])
def test_what_is_no_voices_name_is_refused_with_names_that_are(name: str):
    with pytest.raises(MessageError, match=r"use alloy, .* or an object as vendor=") as refused:
        Talk(VOICELIVE, Options(voice=name))
    assert refused.value.field == "voice"


def test_the_samplings_of_both_directions_are_said_in_the_services_words():
    for rate, word in ((8_000, "pcm16_8000hz"), (16_000, "pcm16_16000hz"), (24_000, "pcm16")):
        form = {"sample_rate": rate}
        session = opened(input_audio_format=AudioFormat(**form), output_audio_format=AudioFormat(**form))
        assert (session["input_audio_format"], session["input_audio_sampling_rate"]) == ("pcm16", rate)
        assert session["output_audio_format"] == word
    telephone = opened(input_audio_format=AudioFormat("g711_ulaw", 8000))
    assert (telephone["input_audio_format"], telephone["input_audio_sampling_rate"]) == ("g711_ulaw", 8000)


VENDORS = {
    "auto_truncate": {"turn_detection": {"auto_truncate": True}},
    "variant": {"turn_detection": {"type": "azure_semantic_vad_multilingual", "languages": ["en", "de"]}},
    "end of utterance": {
        "turn_detection": {
            "end_of_utterance_detection": {"model": "semantic_detection_v1", "threshold_level": "low"}
        }
    },
    "noise": {"input_audio_noise_reduction": {"type": "azure_deep_noise_suppression"}},
    "echo": {"input_audio_echo_cancellation": {"type": "server_echo_cancellation"}},
    "voice": {"voice": {"type": "azure-custom", "name": "mine", "endpoint_id": "e", "style": "calm"}},
    "words": {"output_audio_timestamp_types": ["word"]},
    "faces": {"modalities": ["text", "audio", "animation"], "animation": {"outputs": ["viseme_id"]}},
    "temperature": {"temperature": 0.7},
    "waiting": {"interim_response": {"type": "static_interim_response", "texts": ["One moment."]}},
    "phrases": {"input_audio_transcription": {"phrase_list": ["Ada"], "custom_speech": {"en-US": "id"}}},
}


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=list(VENDORS))
def test_the_services_own_options_go_out_fit_the_package_and_are_taken(vendor: dict[str, Any]):
    semantic = TurnDetection("semantic_vad", silence_duration_ms=300)
    talk = Talk(VOICELIVE, Options(turn_detection=semantic, transcription=Transcription(), vendor=vendor))
    (update,) = talk.frames
    for name, value in vendor.items():
        said = update["session"][name]
        assert value.items() <= said.items() if isinstance(value, dict) else said == value
    assert list(unfit(update)) == []
    server = RealtimeServer(iter_ids(), differences=VOICELIVE, model="gpt-realtime")
    server.opened(1000.0)
    (told_back,) = [
        json.loads(out.data) for out in server.receive(json.dumps(update), 1000.0) if isinstance(out, Frame)
    ]
    assert told_back["type"] == "session.updated", told_back
    for name, value in vendor.items():
        reported = told_back["session"][name]
        if isinstance(value, dict):
            assert value.items() <= reported.items()
        elif name != "modalities":  # the simulated service has no face
            assert reported == value


def iter_ids():
    count = itertools.count(1)
    return lambda word: f"{word}_{next(count)}"


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"voice": "nobody"}, "invalid_value", "session.voice"),
        ({"voice": {"type": "azure-standard", "name": "Ava"}}, "invalid_value", "session.voice.name"),
        ({"voice": {"type": "azure-custom", "name": "x"}}, "missing_required_parameter", "session.voice.endpoint_id"),
        ({"input_audio_format": "mp3"}, "invalid_value", "session.input_audio_format"),
        ({"input_audio_sampling_rate": 44100}, "invalid_value", "session.input_audio_sampling_rate"),
        ({"turn_detection": {"type": "server_vad", "eagerness": "low"}}, "unknown_parameter", "session.turn_detection.eagerness"),
        ({"turn_detection": {"type": "server_vad", "threshold": 2}}, "decimal_above_max_value", "session.turn_detection.threshold"),
        ({"input_audio_noise_reduction": {"type": "loud"}}, "invalid_value", "session.input_audio_noise_reduction.type"),
        ({"tracing": "auto"}, "unknown_parameter", "session.tracing"),
        ({"temperature": 3}, "decimal_above_max_value", "session.temperature"),
    ],
)  # fmt: skip
def test_the_simulated_service_refuses_in_its_own_places(session: dict[str, Any], code: str, param: str):
    server = RealtimeServer(iter_ids(), differences=VOICELIVE, model="gpt-realtime")
    server.opened(1000.0)
    update = {"type": "session.update", "event_id": "mine", "session": session}
    (frame,) = server.receive(json.dumps(update), 1000.0)
    assert isinstance(frame, Frame)
    error = json.loads(frame.data)["error"]
    assert (error["code"], error["param"], error["event_id"]) == (code, param, "mine")
    (told_of,) = Talk(VOICELIVE).hears(json.loads(frame.data))
    assert isinstance(told_of, ours.ErrorInfo)
    assert told_of.code == code
    assert param in told_of.message


def test_what_was_said_of_words_and_faces_reaches_the_application_as_it_came():
    place = {"response_id": "r1", "item_id": "i1", "output_index": 0, "content_index": 0}
    for message in (
        {"type": "response.audio_timestamp.delta", "audio_offset_ms": 0, "audio_duration_ms": 90, "text": "Hi", "timestamp_type": "word", **place},
        {"type": "response.animation_viseme.delta", "audio_offset_ms": 0, "viseme_id": 4, **place},
        {"type": "warning", "event_id": "e", "warning": {"message": "soon gone", "code": "deprecated"}},
    ):  # fmt: skip
        assert models.ServerEvent._deserialize(message, []).type == message["type"]
        assert Talk(VOICELIVE).hears(message) == [VendorMessage(message["type"], message)]


def test_the_services_own_settings_survive_a_change_of_what_they_are_part_of():
    own = {"turn_detection": {"auto_truncate": True}, "input_audio_transcription": {"phrase_list": ["Ada"]}}
    talk = Talk(VOICELIVE, Options(turn_detection=TurnDetection(), transcription=Transcription(), vendor=own))
    talk.does(SessionUpdate(Options(turn_detection=TurnDetection(threshold=0.7))))
    assert talk.frames[-1]["session"] == {
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.7,
            "create_response": True,
            "interrupt_response": True,
            "auto_truncate": True,
        }
    }
    talk.does(SessionUpdate(Options(transcription=Transcription(language="de"), instructions="Kurz.")))
    assert talk.frames[-1]["session"] == {
        "instructions": "Kurz.",
        "input_audio_transcription": {"model": "azure-speech", "language": "de", "phrase_list": ["Ada"]},
    }
    talk.does(SessionUpdate(Options(turn_detection=None, vendor={"temperature": 0.5})))
    assert talk.frames[-1]["session"] == {"turn_detection": None, "temperature": 0.5}
    talk.does(
        SessionUpdate(
            Options(
                turn_detection=TurnDetection("semantic_vad"),
                vendor={"turn_detection": {"auto_truncate": False}},
            )
        )
    )
    assert talk.frames[-1]["session"]["turn_detection"]["auto_truncate"] is False


def test_what_was_not_heard_is_taken_back_by_the_service_where_it_is_asked_to():
    """The simulated service plays a reply in real time, as the documents say of the real one."""
    numbers = iter_ids()
    server = RealtimeServer(numbers, differences=VOICELIVE, model="gpt-realtime")
    server.opened(1000.0)

    def said(outputs: Any) -> list[dict[str, Any]]:
        return [json.loads(out.data) for out in outputs if isinstance(out, Frame)]

    def told_by_client(now: float, kind: str, **fields: Any) -> Any:
        return server.receive(json.dumps({"type": kind, **fields}), now)

    turn = {"type": "azure_semantic_vad", "auto_truncate": True, "silence_duration_ms": 300}
    told_by_client(1000.0, "session.update", session={"turn_detection": turn})
    asked = told_by_client(1000.0, "response.create")
    token = next(out for out in asked if isinstance(out, ResponseCreate)).metadata
    for event in (
        ours.ResponseStarted("x", token),
        ours.AudioChunk(b"\1\2" * 48_000, response_id="x", item_id="y"),
        ours.ResponseCompleted("x"),
    ):
        server.send(event, 1000.0)
    loud = base64.b64encode(tone(AudioFormat(), 400)).decode()
    outputs = told_by_client(1000.7, "input_audio_buffer.append", audio=loud)
    frames = said(outputs)
    assert [frame["type"] for frame in frames] == [
        "input_audio_buffer.speech_started",
        "conversation.item.truncated",
    ]
    assert frames[1]["audio_end_ms"] == pytest.approx(700, abs=1)
    assert [out.heard_ms for out in outputs if isinstance(out, ItemTruncate)] == [frames[1]["audio_end_ms"]]


def test_an_item_that_the_service_has_cut_is_not_cut_beyond_that():
    talk = Talk(VOICELIVE)
    talk.hears(OPEN)
    heard = base64.b64encode(b"\1\2" * 24_000).decode()
    place = {"response_id": "r1", "item_id": "i1", "output_index": 0, "content_index": 0}
    talk.hears({"type": "response.audio.delta", "event_id": "e", "delta": heard, **place})
    cut = {
        "type": "conversation.item.truncated",
        "event_id": "e",
        "item_id": "i1",
        "content_index": 0,
        "audio_end_ms": 300,
    }
    assert talk.hears(cut) == [VendorMessage("conversation.item.truncated", cut)]
    talk.does(ItemTruncate("i1", 800))
    assert talk.frames[-1]["audio_end_ms"] == 300
