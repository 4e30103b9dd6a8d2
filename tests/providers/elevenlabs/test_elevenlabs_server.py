"""The service's side of both websockets: what it accepts, what it refuses, and in which words."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    InputTranscript,
    ResponseCompleted,
    ResponseStarted,
    TextChunk,
)
from voicechatengine.messages import AudioAppend, AudioCommit, ItemCreate, ResponseCreate, SessionUpdate
from voicechatengine.providers.elevenlabs.server_handshake import rate_limited, refuse
from voicechatengine.providers.elevenlabs.server_scribe import ScribeServer
from voicechatengine.providers.elevenlabs.server_speech import SpeechServer
from voicechatengine.session.dialect import Close, Frame, Restore
from voicechatengine.session.handshake import Handshake

LISTEN = "/v1/speech-to-text/realtime"
VOICE = "JBFqnCBsd6RMkjVDRZzb"
SPEAK = f"/v1/text-to-speech/{VOICE}/multi-stream-input"
FORM = AudioFormat(sample_rate=16_000)
KEY = {"xi-api-key": "k"}
SPEECH = tone(FORM, 1_000)


def scribe(*, changeable: Sequence[str] = ("input_audio_format",), **query: str) -> ScribeServer:
    handshake = Handshake(LISTEN, {"model_id": "scribe_v2_realtime", **query}, KEY)
    return ScribeServer(handshake, lambda word: f"{word}_1", audio=AudioFormat(), changeable=changeable)


def opened(**query: str) -> ScribeServer:
    server = scribe(**query)
    server.opened(0.0)
    return server


def speech(path: str = SPEAK, headers: dict[str, str] = KEY, **query: str) -> SpeechServer:
    server = SpeechServer(
        Handshake(path, {"output_format": "pcm_16000", **query}, headers), audio=AudioFormat()
    )
    (update,) = server.opened(0.0)
    assert isinstance(update, SessionUpdate)
    return server


def chunk(audio: bytes, **fields: Any) -> bytes:
    message = {
        "message_type": "input_audio_chunk",
        "audio_base_64": b64encode(audio).decode(),
        "commit": False,
        "sample_rate": 16_000,
    }
    return json.dumps(message | fields).encode()


def text(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def told(outputs: Sequence[object]) -> list[dict[str, Any]]:
    return [json.loads(out.data) for out in outputs if isinstance(out, Frame)]


def failure(outputs: Sequence[object]) -> tuple[str, Close]:
    """The name of an error, and how the connection is closed for it."""
    frame, close = outputs
    assert isinstance(close, Close)
    (message,) = told([frame])
    return message.get("message_type") or message["error"], close


# ------------------------------------------------------------------ the handshake


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("/v1/speech-to-text", {}, 404, "not_found"),
        (SPEAK, {"model_id": "eleven_v3"}, 400, "unsupported_model"),
        (SPEAK, {"output_format": "mp3_44100_128"}, 400, "invalid_parameters"),
        (SPEAK, {"inactivity_timeout": "500"}, 400, "invalid_parameters"),
        (SPEAK, {"seed": "x"}, 400, "invalid_parameters"),
        (SPEAK, {"apply_text_normalization": "perhaps"}, 400, "invalid_parameters"),
    ],
)
def test_a_handshake_that_does_not_fit_is_refused(path, query, status, code):
    refusal = refuse(Handshake(path, query, KEY))
    assert refusal is not None
    assert (refusal.status, json.loads(refusal.body)["detail"]["code"]) == (status, code)


def test_the_one_key_that_is_accepted_is_looked_at_in_the_handshake():
    assert refuse(Handshake(LISTEN, {}, KEY), "k") is None
    refusal = refuse(Handshake(SPEAK, {}, KEY), "other")
    assert refusal is not None
    assert refusal.status == 401
    assert refuse(Handshake(SPEAK, {}, {}), "other") is None  # it is told inside that there is none


def test_who_comes_too_often_is_told_when_to_come_back():
    assert rate_limited(1.5).headers == {"Retry-After": "1.5"}


# ------------------------------------------------------------------ Scribe


def test_a_session_begins_with_what_it_was_opened_with():
    update, frame = scribe(
        language_code="en", commit_strategy="vad", vad_silence_threshold_secs="0.5", no_verbatim="true"
    ).opened(0.0)
    assert isinstance(update, SessionUpdate)
    changes = update.options.changes()
    assert changes["input_audio_format"] == FORM
    assert changes["turn_detection"].silence_duration_ms == 500
    assert changes["transcription"].language == "en"
    (started,) = told([frame])
    assert (started["message_type"], started["session_id"]) == ("session_started", "sess_1")
    assert started["config"]["no_verbatim"] is True
    assert started["config"]["commit_strategy"] == "vad"


@pytest.mark.parametrize(
    "query",
    [
        {"model_id": "scribe_v1"},
        {"audio_format": "mp3"},
        {"commit_strategy": "turns"},
        {"vad_threshold": "0.95"},
        {"include_timestamps": "maybe"},
        {"min_speech_duration_ms": "fast"},
    ],
)
def test_options_that_do_not_fit_end_the_session_before_it_begins(query):
    server = scribe(**query)
    kind, close = failure(server.opened(0.0))
    assert (kind, close.code, close.reason) == ("invalid_request", 1000, "invalid_request")
    assert server.receive(chunk(SPEECH), 0.0) == []
    assert server.send(InputTranscript("x"), 0.0) == []


@pytest.mark.parametrize("headers", [{}, {"xi-api-key": "invalid"}])
def test_a_key_is_looked_at_once_the_websocket_is_open(headers):
    handshake = Handshake(LISTEN, {"model_id": "scribe_v2_realtime"}, headers)
    server = ScribeServer(handshake, str, audio=FORM)
    assert failure(server.opened(0.0))[0] == "auth_error"


def test_a_token_is_as_good_as_a_key():
    handshake = Handshake(LISTEN, {"model_id": "scribe_v2_realtime", "token": "t"}, {})
    (_, frame) = ScribeServer(handshake, str, audio=FORM).opened(0.0)
    assert told([frame])[0]["message_type"] == "session_started"


def test_audio_goes_to_the_provider_and_a_commit_asks_for_words():
    server = opened()
    assert server.receive(chunk(SPEECH), 0.0) == [AudioAppend(SPEECH)]
    assert server.receive(chunk(b"", commit=True, previous_text=None), 0.0) == [AudioCommit()]
    assert told(server.send(InputTranscript("He"), 0.0)) == [
        {"message_type": "partial_transcript", "text": "He"}
    ]
    assert told(server.send(InputTranscript("Hello.", final=True), 0.0)) == [
        {"message_type": "committed_transcript", "text": "Hello."},
        {"message_type": "partial_transcript", "text": "Hello."},
    ]
    assert len(told(server.send(InputTranscript("", final=True), 0.0))) == 1
    assert server.send(TextChunk("no matter"), 0.0) == []
    assert server.send(ErrorInfo("audio_commit_empty", "no matter"), 0.0) == []
    assert server.snapshot() == Restore()


def test_a_provider_of_another_format_hears_its_own():
    server = opened(changeable=(), audio_format="ulaw_8000")
    (command,) = server.receive(chunk(b"\xff" * 800, sample_rate=8000), 0.0)
    assert isinstance(command, AudioAppend)
    assert len(command.audio) == pytest.approx(4800, abs=12)  # 100 ms at 24 kHz


def test_with_its_own_turn_detection_it_asks_for_nothing():
    server = opened(commit_strategy="vad")
    assert server.receive(chunk(SPEECH, commit=True), 0.0) == [AudioAppend(SPEECH)]


def test_it_commits_by_itself_when_speech_becomes_too_long():
    server = opened()
    outputs = [out for _ in range(36) for out in server.receive(chunk(SPEECH), 0.0)]
    assert outputs[-1] == AudioCommit()
    assert outputs.count(AudioCommit()) == 1


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (b"<html>", "input_error"),
        (b"{}", "input_error"),
        (chunk(b"abc"), "input_error"),
        (chunk(b"", audio_base_64="?"), "input_error"),
        (chunk(SPEECH, sample_rate=8000), "input_error"),
        (chunk(SPEECH * 11), "chunk_size_exceeded"),
        (chunk(SPEECH[:3200], commit=True), "commit_throttled"),
    ],
)
def test_what_does_not_fit_ends_the_session_with_its_name(frame, kind):
    outputs = [out for out in opened().receive(frame, 0.0) if not isinstance(out, AudioAppend)]
    assert failure(outputs) == (kind, Close(1000, kind))


def test_a_context_that_comes_late_is_refused():
    server = opened()
    assert server.receive(chunk(SPEECH, previous_text="Hi"), 0.0)
    assert failure(server.receive(chunk(SPEECH, previous_text="Hi"), 0.0))[0] == "input_error"


def test_a_provider_that_fails_ends_the_session():
    assert failure(opened().send(ErrorInfo("x", "broken"), 0.0))[0] == "transcriber_error"


def test_it_hangs_up_on_silence_and_on_old_age():
    server = opened()
    assert server.deadline() == 15.5
    server.receive(chunk(SPEECH), 10.0)
    assert server.deadline() == 25.5
    assert server.expired(25.5) == [Close(1000)]
    assert server.deadline() is None
    handshake = Handshake(LISTEN, {"model_id": "scribe_v2_realtime"}, KEY)
    old = ScribeServer(handshake, str, audio=FORM, expires_after_s=3.0)
    old.opened(1.0)
    assert old.deadline() == 4.0
    assert failure(old.expired(4.0))[0] == "session_time_limit_exceeded"
    old.closed(Close(), 4.0)
    assert old.deadline() is None


# ------------------------------------------------------------------ speech


def asked_to_say(outputs: Sequence[object]) -> str:
    create, response = outputs
    assert isinstance(create, ItemCreate)
    assert isinstance(response, ResponseCreate)
    return getattr(create.item, "text")  # noqa: B009 - of one of the kinds of item


def begun(**query: str) -> SpeechServer:
    server = speech(**query)
    assert server.receive(text(text=" ", context_id="a"), 0.0) == []
    return server


def test_a_sentence_is_spoken_and_its_context_ends():
    server = begun()
    said = server.receive(text(text="Hello. ", context_id="a", flush=True), 0.0)
    assert asked_to_say(said) == "Hello."
    assert server.receive(text(context_id="a", close_context=True), 0.0) == []
    assert server.send(ResponseStarted("r"), 0.0) == []
    (message,) = told(server.send(AudioChunk(SPEECH, FORM, "r"), 0.0))
    assert b64decode(message.pop("audio")) == SPEECH
    assert message == {"alignment": None, "normalizedAlignment": None, "contextId": "a"}
    assert told(server.send(ResponseCompleted("r"), 0.0)) == [{"isFinal": True, "contextId": "a"}]
    assert server.send(AudioChunk(SPEECH, FORM, "r"), 0.0) == []
    assert server.snapshot() == Restore()


def test_sound_of_another_format_is_made_the_clients():
    server = begun()
    server.receive(text(text="Hi ", context_id="a", flush=True), 0.0)
    (message,) = told(server.send(AudioChunk(AudioFormat().silence(300), None, "r"), 0.0))
    assert len(b64decode(message["audio"])) == pytest.approx(9600, abs=4)


def test_sentences_are_spoken_one_after_the_other():
    server = begun()
    server.receive(text(text="One. ", context_id="a", flush=True), 0.0)
    assert server.receive(text(text="Two. ", context_id="b", flush=True), 0.0) == []
    assert asked_to_say(server.send(ResponseCompleted("r"), 0.0)) == "Two."


def test_what_was_not_flushed_is_forgotten_when_its_context_is_closed():
    server = begun()
    assert server.receive(text(text="One. ", context_id="a"), 0.0) == []
    assert told(server.receive(text(context_id="a", close_context=True), 0.0)) == [
        {"isFinal": True, "contextId": "a"}
    ]
    assert server.receive(text(context_id="a", close_context=True), 0.0) == []
    assert server.receive(text(context_id="a", text=""), 0.0) == []


def test_text_is_spoken_without_a_flush_when_there_is_enough_or_in_a_hurry():
    assert asked_to_say(begun().receive(text(text="x" * 120, context_id="a"), 0.0))
    assert asked_to_say(begun(auto_mode="true").receive(text(text="One. "), 0.0)) == "One."


def test_closing_the_socket_says_first_what_is_left():
    server = begun()
    server.receive(text(text="One. ", context_id="a"), 0.0)
    assert asked_to_say(server.receive(text(close_socket=True), 0.0)) == "One."
    final, close = server.send(ResponseCompleted("r"), 0.0)
    assert told([final]) == [{"isFinal": True, "contextId": "a"}]
    assert close == Close(1000)
    assert begun().receive(text(context_id="a", close_context=True), 0.0)
    assert speech().receive(text(close_socket=True), 0.0) == [Close(1000)]


def test_a_sixth_context_is_one_too_many_also_while_closed_ones_sound():
    server = begun()
    for context_id in "bcde":
        server.receive(text(text=" ", context_id=context_id), 0.0)
    server.receive(text(text="One. ", context_id="a", flush=True), 0.0)
    server.receive(text(context_id="a", close_context=True), 0.0)
    code, close = failure(server.receive(text(text=" ", context_id="f"), 0.0))
    assert (code, close.code) == ("max_active_conversations", 1008)


@pytest.mark.parametrize(
    ("path", "headers", "first", "code"),
    [
        (SPEAK, {}, {"text": " "}, "invalid_api_key"),
        (SPEAK, {"xi-api-key": "invalid"}, {"text": " "}, "invalid_api_key"),
        (SPEAK, {}, {"text": " ", "xi_api_key": "invalid"}, "invalid_api_key"),
        (SPEAK.replace(VOICE, "nobody"), KEY, {"text": " "}, "voice_id_does_not_exist"),
        (SPEAK, KEY, {"text": 1}, "invalid_input_message"),
        (SPEAK, KEY, {"text": " ", "voice_settings": {"speed": 3}}, "invalid_voice_settings"),
        (SPEAK, KEY, {"text": " ", "voice_settings": {"pitch": 3}}, "invalid_input_message"),
    ],
)
def test_key_voice_and_settings_are_looked_at_with_the_first_message(path, headers, first, code):
    server = speech(path, headers)
    found, close = failure(server.receive(text(**first), 0.0))
    assert (found, close.code) == (code, 1008)
    assert len(close.reason.encode()) <= 123
    assert server.receive(text(text=" "), 0.0) == []
    assert server.send(ErrorInfo("x", "late"), 0.0) == []


def test_a_key_may_come_in_the_first_message():
    assert speech(headers={}).receive(text(text=" ", xi_api_key="k"), 0.0) == []


def test_settings_must_stay_as_they_were():
    server = speech()
    settings = {"stability": 0.5}
    assert server.receive(text(text=" ", context_id="a", voice_settings=settings), 0.0) == []
    assert server.receive(text(text=" ", context_id="b", voice_settings=settings), 0.0) == []
    settings = {"stability": 0.6}
    outputs = server.receive(text(text=" ", context_id="c", voice_settings=settings), 0.0)
    assert "must be provided in the first message" in told(outputs)[0]["message"]


def test_it_hangs_up_when_no_text_comes():
    server = begun(inactivity_timeout="30")
    server.receive(text(text="", context_id="a"), 10.0)
    assert server.deadline() == 40.0
    assert failure(server.expired(40.0))[0] == "input_timeout_exceeded"
    server.closed(Close(), 41.0)
    assert server.deadline() is None


def test_a_provider_that_fails_ends_the_connection():
    server = begun()
    server.receive(text(text="One. ", context_id="a", flush=True), 0.0)
    assert failure(server.send(ErrorInfo("x", "broken"), 0.0))[0] == "system_busy"


def test_a_refusal_is_json():
    refusal = refuse(Handshake("/nowhere"))
    assert refusal is not None
    assert msgspec.json.decode(refusal.body)["detail"]["message"] == "Not Found"
