"""Deepgram's side: whom it lets in, and what it answers, read like a transcript."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import pytest

from voicechatengine import AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    InputTranscript,
    ResponseCompleted,
    ResponseStarted,
    SpeechStarted,
    TextChunk,
)
from voicechatengine.messages import (
    AudioAppend,
    ItemCreate,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
)
from voicechatengine.providers.deepgram.server_handshake import rate_limited, refuse
from voicechatengine.providers.deepgram.server_listening import FluxServer
from voicechatengine.providers.deepgram.server_speech import SpeechServer
from voicechatengine.session.dialect import Close, Frame, Restore
from voicechatengine.session.handshake import Handshake

FORM = AudioFormat(sample_rate=16_000)
LISTEN = {"model": "flux-general-en"}
SPEAK = {"model": "flux-haley-en"}
SECOND = bytes(48_000)  # at 24 kHz


def ids() -> Callable[[str], str]:
    numbers = count()
    return lambda word: f"{word}_{next(numbers):021}"


def shown(outputs: Sequence[Any]) -> list[Any]:
    """Frames as what they hold (sound as its length), commands as they are."""
    return [
        out if not isinstance(out, Frame) else len(out.data) if out.binary else json.loads(out.data)
        for out in outputs
    ]


def types(outputs: Sequence[Any]) -> list[Any]:
    """The types of messages, `event` of turns, and of commands."""
    return [
        one.get("event", one["type"])
        if isinstance(one, dict)
        else one
        if isinstance(one, int)
        else type(one).__name__
        for one in shown(outputs)
    ]


# ------------------------------------------------------------------ handshakes


def at(path: str, key: str | None = "Token k", **query: str) -> Handshake:
    return Handshake(path, query, {} if key is None else {"authorization": key})


@pytest.mark.parametrize(
    "handshake",
    [
        at("/v2/listen", **LISTEN),
        at("/v2/listen", "Bearer k", model="flux-general-multi", language_hint="de", encoding="mulaw"),
        at(
            "/v2/listen",
            "token k",
            **LISTEN,
            eot_threshold="1.0",
            eot_timeout_ms="60000",
            sample_rate="44100",
        ),
        at("/v2/speak", **SPEAK, speed="1.05", encoding="alaw", sample_rate="8000", expressivity="1"),
        at("/v1/speak"),
        at("/v1/speak", model="aura-2-thalia-en", sample_rate="48000"),
    ],
)
def test_who_asks_well_is_let_in(handshake):
    assert refuse(handshake, None) is None
    assert refuse(handshake, "k") is None


@pytest.mark.parametrize(
    ("handshake", "status", "words"),
    [
        (at("/v1/listen"), 404, "not found"),
        (at("/v2/listen", None, **LISTEN), 401, "Invalid credentials"),
        (at("/v2/listen", "Basic k", **LISTEN), 401, "Invalid credentials"),
        (at("/v2/listen", "Token my-invalid", **LISTEN), 401, "Invalid credentials"),
        (at("/v2/listen", "Token another", **LISTEN), 401, "Invalid credentials"),
        (at("/v2/listen"), 400, "No such model"),
        (at("/v2/listen", model="nova-3"), 400, "No such model"),
        (at("/v2/listen", **LISTEN, language_hint="en"), 400, "language_hint"),
        (at("/v2/listen", **LISTEN, eot_threshold="2"), 400, "between 0.5 and 1.0"),
        (at("/v2/listen", **LISTEN, eager_eot_threshold="x"), 400, "not a number"),
        (at("/v2/listen", **LISTEN, encoding="mp3"), 400, "Unsupported encoding: mp3"),
        (at("/v2/listen", **LISTEN, sample_rate="1.5"), 400, "sample_rate"),
        (at("/v2/listen", **LISTEN, interim_results="true"), 400, "Unknown query parameter: interim_results"),
        (at("/v2/speak"), 400, "No such model"),
        (at("/v2/speak", model="aura-2-thalia-en"), 400, "/v1/speak"),
        (at("/v2/speak", **SPEAK, speed="2"), 400, "SPEED_OUT_OF_RANGE"),
        (at("/v2/speak", **SPEAK, speed="1.01"), 400, "SPEED_INCREMENT_INVALID"),
        (at("/v2/speak", **SPEAK, speed="fast"), 400, "speed is not a number"),
        (at("/v2/speak", **SPEAK, encoding="mulaw", sample_rate="24000"), 400, "24000 is not supported"),
        (at("/v1/speak", model="flux-haley-en"), 400, "No such model"),
    ],
)
def test_who_is_not_let_in_is_told_why(handshake, status, words):
    refusal = refuse(handshake, "k")
    assert refusal is not None
    assert refusal.status == status
    assert words in json.loads(refusal.body)["err_msg"]


def test_a_client_that_is_to_wait_is_told_how_long():
    refusal = rate_limited(2.5)
    assert (refusal.status, refusal.headers) == (429, {"Retry-After": "2.5"})


# ------------------------------------------------------------------ listening


def listening(**query: str) -> FluxServer:
    server = FluxServer(ids(), {**LISTEN, **query}, FORM)
    connected, update = shown(server.opened(0.0))
    assert connected == {"type": "Connected", "request_id": connected["request_id"], "sequence_id": 0}
    assert [len(part) for part in connected["request_id"].split("-")] == [8, 4, 4, 4, 12]
    assert isinstance(update, SessionUpdate)
    assert update.options.turn_detection is None
    return server


def test_a_turn_goes_to_the_provider_and_its_words_come_back():
    server = listening()
    append, info = shown(server.receive(FORM.silence(500) + tone(FORM, 500), 0.0))
    assert isinstance(append, AudioAppend)
    assert info == {
        "type": "TurnInfo",
        "event": "StartOfTurn",
        "turn_index": 0,
        "request_id": info["request_id"],
        "sequence_id": 1,
        "audio_window_start": 0.5,
        "audio_window_end": 1.0,
        "transcript": "",
        "words": [],
        "end_of_turn_confidence": 0.1,
    }
    assert types(server.send(SpeechStarted(), 0.0)) == []
    assert types(server.receive(FORM.silence(500), 0.0)) == ["AudioAppend", "AudioCommit"]
    (update,) = shown(server.send(InputTranscript("Hello"), 0.0))
    assert (update["event"], update["transcript"]) == ("Update", "Hello")
    (end,) = shown(server.send(InputTranscript("Hello there", final=True), 0.0))
    assert (end["event"], end["transcript"], end["trigger"]) == ("EndOfTurn", "Hello there", "model")
    assert [(word["word"], word["start"], word["end"]) for word in end["words"]] == [
        ("Hello", 0.5, 0.75),
        ("there", 0.75, 1.0),
    ]
    assert types(server.send(InputTranscript("late", final=True), 0.0)) == []


def test_a_likely_end_is_told_where_it_was_asked_for():
    server = listening(eager_eot_threshold="0.5")
    server.receive(tone(FORM, 500) + FORM.silence(500), 0.0)
    assert types(server.send(InputTranscript("Hi", final=True), 0.0)) == ["EagerEndOfTurn", "EndOfTurn"]


def test_a_turn_waits_for_the_words_of_the_one_before():
    server = listening()
    assert types(server.receive(tone(FORM, 500) + FORM.silence(500) + tone(FORM, 500), 0.0)) == [
        "AudioAppend",
        "StartOfTurn",
        "AudioCommit",
    ]
    assert types(server.send(InputTranscript("one", final=True), 0.0)) == ["EndOfTurn", "StartOfTurn"]
    assert types(server.receive('{"type":"ForceEndTurn"}', 0.0)) == ["AudioCommit"]
    (end,) = shown(server.send(ErrorInfo("empty", "nothing", command="audio_commit"), 0.0))
    assert (end["event"], end["turn_index"], end["transcript"], end["trigger"]) == (
        "EndOfTurn",
        1,
        "",
        "manual",
    )
    assert types(server.receive('{"type":"ForceEndTurn"}', 0.0)) == []


def test_the_client_can_end_turns_alone():
    server = listening()
    manual = (
        '{"type":"Configure","thresholds":{"eot_threshold":1.0},"keyterms":["a"],"language_hints":["en"]}'
    )
    (done,) = shown(server.receive(manual, 0.0))
    assert done["type"] == "ConfigureSuccess"
    assert (done["thresholds"], done["keyterms"]) == ({"eot_threshold": 1.0}, ["a"])
    audio = tone(FORM, 500) + FORM.silence(500) + tone(FORM, 500)
    assert types(server.receive(audio, 0.0)) == ["AudioAppend", "StartOfTurn"]
    assert types(server.send(InputTranscript("of the provider's own", final=True), 0.0)) == []
    (failure,) = shown(server.receive('{"type":"Configure","thresholds":{"eot_threshold":2.0}}', 0.0))
    assert failure["type"] == "ConfigureFailure"
    assert "between" in failure["description"]


def test_a_stream_that_is_closed_is_heard_to_its_end():
    server = listening()
    server.receive(tone(FORM, 500), 0.0)
    assert types(server.receive('{"type":"CloseStream"}', 0.0)) == ["AudioCommit"]
    assert types(server.send(InputTranscript("Hi", final=True), 0.0)) == ["EndOfTurn", "Close"]
    assert types(listening().receive('{"type":"CloseStream"}', 0.0)) == ["Close"]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"abc", "DATA-0000"),
        ("{", "UNPARSABLE_CLIENT_MESSAGE"),
        ('{"type":"Speak"}', "UNPARSABLE_CLIENT_MESSAGE"),
    ],
)
def test_what_flux_cannot_read_ends_the_connection(frame, code):
    error, close = shown(listening().receive(frame, 0.0))
    assert (error["type"], error["code"], close) == ("Error", code, Close(1011, code))


def test_a_provider_that_fails_ends_the_connection():
    (error, close) = shown(listening().send(ErrorInfo("gone", "It is gone.", recoverable=False), 0.0))
    assert (error["code"], close.code) == ("INTERNAL_SERVER_ERROR", 1011)


# ------------------------------------------------------------------ speaking


def speaking(query: dict[str, str] = SPEAK, *, aura: bool = False) -> SpeechServer:
    server = SpeechServer(ids(), query, AudioFormat(), aura=aura)
    greeting, _ = shown(server.opened(0.0))
    assert greeting["type"] == ("Metadata" if aura else "Connected")
    assert greeting["model_name"] == query["model"]
    return server


def speak(server: SpeechServer, text: str) -> list[Any]:
    assert list(server.receive(json.dumps({"type": "Speak", "text": text}), 0.0)) == []
    return shown(server.receive('{"type":"Flush"}', 0.0))


def began(server: SpeechServer, text: str) -> dict[str, Any]:
    """A turn of which a second sounds."""
    started, item, create = speak(server, text)
    assert isinstance(item, ItemCreate)
    assert isinstance(create, ResponseCreate)
    assert list(server.send(ResponseStarted("r"), 0.0)) == []
    assert list(server.send(TextChunk(text, spoken=True), 0.0)) == []
    assert shown(server.send(AudioChunk(SECOND), 0.0)) == [48_000]
    return started


def test_a_turn_is_said():
    server = speaking()
    started = began(server, "Hello.")
    assert started["speech_id"].startswith("dg_sp_")
    flushed, metadata = shown(server.send(ResponseCompleted("r"), 0.0))
    assert flushed == {"type": "Flushed", "speech_id": started["speech_id"]}
    assert metadata == {
        "type": "SpeechMetadata",
        "speech_id": started["speech_id"],
        "audio_duration_ms": 1_000,
        "input_character_count": 6,
        "billable_character_count": 6,
        "controls_applied": {"pronunciations_applied": 0, "breaks_applied": 0, "pronunciation_warnings": 0},
    }
    assert list(server.send(ResponseCompleted("r"), 0.0)) == []


def test_turns_wait_for_each_other_and_the_end_for_all_of_them():
    server = speaking()
    began(server, "One.")
    assert list(server.receive('{"type":"Close"}', 0.0)) == []
    server = speaking()
    began(server, "One.")
    assert speak(server, "Two.") == []
    assert types(server.send(ResponseCompleted("r"), 0.0)) == [
        "Flushed",
        "SpeechMetadata",
        "SpeechStarted",
        "ItemCreate",
        "ResponseCreate",
    ]
    server.receive('{"type":"Speak","text":"Three."}', 0.0)
    assert types(server.receive('{"type":"Close"}', 0.0)) == []
    assert types(server.send(ResponseCompleted("r"), 0.0))[-1] == "ResponseCreate"
    *_, total, close = shown(server.send(ResponseCompleted("r"), 0.0))
    assert total == {
        "type": "SessionMetadata",
        "total_audio_duration_ms": 1_000,
        "total_input_character_count": 14,
        "total_billable_character_count": 14,
    }
    assert close == Close(1000)
    assert types(speaking().receive('{"type":"Close"}', 0.0)) == ["SessionMetadata", "Close"]


def test_an_interruption_says_what_was_heard():
    server = speaking()
    interrupt = '{"type":"Interrupt","playback_offset":{"type":"time_ms","value":%d}}'
    assert shown(server.receive(interrupt % 10, 0.0))[0]["code"] == "NO_AUDIO_GENERATED"
    began(server, "Hello there, my friend.")
    (cancel,) = server.receive(interrupt % 250, 0.0)
    assert cancel == ResponseCancel("r")
    assert shown(server.receive(interrupt % 300, 0.0))[0]["code"] == "INTERRUPT_IN_PROGRESS"
    assert list(server.send(AudioChunk(SECOND), 0.0)) == []
    (told,) = shown(server.send(ResponseCompleted("r", "interrupted"), 0.0))
    assert (told["type"], told["audio_played_ms"]) == ("SpeechInterrupted", 250)
    assert (told["text_spoken"], told["text_remaining"]) == ("Hello ", "there, my friend.")
    assert told["metadata"]["audio_duration_ms"] == 1_000
    assert shown(server.receive(interrupt % 260, 0.0))[0]["code"] == "NO_ACTIVE_SPEECH"
    began(server, "Again.")
    assert shown(server.receive(interrupt % 250, 0.0))[0]["code"] == "INVALID_INTERRUPT_OFFSET"
    server.receive('{"type":"Interrupt"}', 0.0)
    (told,) = shown(server.send(ResponseCompleted("r", "interrupted"), 0.0))
    assert told["audio_played_ms"] == 1_250
    assert "text_spoken" not in told


def test_an_interruption_before_the_provider_began_is_done_when_it_does():
    server = speaking()
    began(server, "One.")
    server.send(ResponseCompleted("r"), 0.0)
    speak(server, "Two.")
    assert list(server.receive('{"type":"Interrupt"}', 0.0)) == []
    assert list(server.send(ResponseStarted("s"), 0.0)) == [ResponseCancel("s")]


def test_text_without_words_is_over_at_once():
    assert types(speak(speaking(), "… !")) == ["SpeechStarted", "Warning", "Flushed", "SpeechMetadata"]
    assert shown(speaking().receive('{"type":"Flush"}', 0.0))[0]["code"] == "NO_ACTIVE_SPEECH"


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ({"speed": 1.1}, {"type": "ConfigureSuccess", "applied": {"speed": 1.1}}),
        ({}, {"type": "ConfigureSuccess", "applied": {}}),
        (
            {"speed": 9.0},
            {
                "type": "ConfigureFailure",
                "code": "SPEED_OUT_OF_RANGE",
                "description": "The speed cannot be set.",
                "field": "speed",
                "value": 9.0,
            },
        ),
    ],
)
def test_the_speed_can_be_set(message, answer):
    assert shown(speaking().receive(json.dumps({"type": "Configure", **message}), 0.0)) == [answer]


def test_aura_flushes_and_clears():
    server = speaking({"model": "aura-2-thalia-en"}, aura=True)
    assert types(speak(server, "One.")) == ["ItemCreate", "ResponseCreate"]
    other = AudioFormat(sample_rate=48_000)
    assert types(server.send(AudioChunk(bytes(9_600), other), 0.0)) == [pytest.approx(4_800, abs=2)]
    assert shown(server.send(ResponseCompleted("r"), 0.0)) == [{"type": "Flushed", "sequence_id": 0}]
    assert shown(server.receive('{"type":"Clear"}', 0.0)) == [{"type": "Cleared", "sequence_id": 1}]
    speak(server, "Two.")
    server.send(ResponseStarted("r"), 0.0)
    assert list(server.receive('{"type":"Clear"}', 0.0)) == [ResponseCancel("r")]
    done = server.send(ResponseCompleted("r", "interrupted"), 0.0)
    assert shown(done) == [{"type": "Cleared", "sequence_id": 2}]
    assert types(server.receive('{"type":"Close"}', 0.0)) == ["Close"]


@pytest.mark.parametrize("frame", [b"sound", "{", '{"type":"ForceEndTurn"}'])
def test_what_speech_cannot_read_ends_the_connection(frame):
    error, close = shown(speaking().receive(frame, 0.0))
    assert (error["code"], close) == ("MESSAGE-0000", Close(1011, "MESSAGE-0000"))


@pytest.mark.parametrize(
    "event",
    [
        ResponseCompleted("r", "failed", "it broke"),
        ErrorInfo("gone", "It is gone.", recoverable=False),
        ErrorInfo("refused", "Not that.", command="item_create"),
    ],
)
def test_a_provider_that_fails_ends_the_speech(event):
    server = speaking()
    began(server, "Hello.")
    assert types(server.send(ErrorInfo("hm", "It goes on."), 0.0)) == []
    assert types(server.send(event, 0.0)) == ["Error", "Close"]


@pytest.mark.parametrize(
    "server",
    [
        FluxServer(ids(), LISTEN, FORM, expires_after_s=5.0),
        SpeechServer(ids(), SPEAK, FORM, aura=False, expires_after_s=5.0),
    ],
)
def test_a_session_expires_where_it_is_told_to(server):
    server.opened(1.0)
    assert server.deadline() == 6.0
    error, close = shown(server.expired(6.0))
    assert "maximum session duration" in error["description"]
    assert close.code == 1011
    assert list(server.closed(Close(), 6.0)) == []
    assert server.deadline() is None
    assert server.snapshot() == Restore()
