"""The client's side of multi-context speech, as transcripts of both directions."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import pytest

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import AuthenticationError, ConnectionError, RateLimitError
from voicechatengine.events import AudioChunk, ErrorInfo, ResponseCompleted, VendorMessage
from voicechatengine.providers.elevenlabs.failures import SPEECH
from voicechatengine.providers.elevenlabs.speech import Speak, SpeechClient, Stop
from voicechatengine.providers.elevenlabs.wire import VoiceSettings
from voicechatengine.session.dialect import Close, Frame, Ready, Restore

FORM = AudioFormat(sample_rate=24_000)


def frames(outputs: Sequence[object]) -> list[dict[str, Any]]:
    return [json.loads(out.data) for out in outputs if isinstance(out, Frame)]


def sound(context_id: str, audio: bytes) -> bytes:
    return json.dumps(
        {"audio": b64encode(audio).decode(), "alignment": None, "contextId": context_id}
    ).encode()


def final(context_id: str) -> bytes:
    return json.dumps({"audio": None, "isFinal": True, "contextId": context_id}).encode()


def ready() -> SpeechClient:
    client = SpeechClient(FORM)
    client.opened(0.0)
    return client


def test_a_connection_begins_with_the_context_that_keeps_it():
    client = SpeechClient(FORM, VoiceSettings(speed=1.1))
    frame, done = client.opened(0.0)
    assert frames([frame]) == [{"text": " ", "context_id": "keep", "voice_settings": {"speed": 1.1}}]
    assert done == Ready()
    assert client.deadline() == 60.0
    assert frames(client.expired(60.0)) == [{"text": "", "context_id": "keep"}]
    assert client.deadline() == 120.0
    assert client.snapshot() == Restore()


def test_a_sentence_is_a_context_that_is_flushed_and_closed():
    assert frames(ready().send(Speak("a", " Hello there. "), 1.0)) == [
        {"text": " ", "context_id": "a"},
        {"text": "Hello there. ", "context_id": "a", "flush": True},
        {"context_id": "a", "close_context": True},
    ]


def test_its_sound_comes_in_whole_samples_and_then_its_end():
    client = ready()
    client.send(Speak("a", "Hi"), 0.0)
    assert client.receive(sound("a", b"\1\2\3"), 0.0) == [AudioChunk(b"\1\2", response_id="a")]
    assert client.receive(sound("a", b"\4"), 0.0) == [AudioChunk(b"\3\4", response_id="a")]
    assert client.receive(sound("a", b"\5"), 0.0) == []
    assert client.receive(final("a"), 0.0) == [ResponseCompleted("a")]
    assert client.receive(final("a"), 0.0) == []


def test_what_comes_of_a_sentence_that_was_stopped_is_dropped_by_its_id():
    client = ready()
    client.send(Speak("a", "Hi"), 0.0)
    assert client.send(Stop("a"), 0.0) == client.send(Stop("a"), 0.0) == []
    client.send(Speak("b", "Ho"), 0.0)
    assert client.receive(sound("a", b"\1\2"), 0.0) == []
    assert client.receive(sound("b", b"\3\4"), 0.0) == [AudioChunk(b"\3\4", response_id="b")]
    assert client.receive(final("a"), 0.0) == []
    assert client.receive(final("b"), 0.0) == [ResponseCompleted("b")]


def test_a_fifth_sentence_waits_for_the_end_of_another():
    client = ready()
    for context_id in "abcd":
        assert len(client.send(Speak(context_id, "Hi"), 0.0)) == 3
    assert client.send(Speak("e", "Hi"), 0.0) == []
    assert client.send(Speak("f", "Hi"), 0.0) == []
    client.send(Stop("a"), 0.0)
    client.send(Stop("e"), 0.0)
    assert {frame["context_id"] for frame in frames(client.receive(final("a"), 0.0))} == {"f"}


def test_sound_of_nobodys_and_an_end_of_nobodys_are_dropped():
    client = ready()
    assert client.receive(sound("x", b"\1\2"), 0.0) == []
    assert client.receive(b'{"audio": null, "isFinal": true}', 0.0) == []


def test_a_first_connection_waits_for_objections():
    client = SpeechClient(FORM, grace_s=0.3)
    assert len(frames(client.opened(1.0))) == len(client.opened(1.0)) == 1
    assert client.deadline() == 1.3
    assert client.expired(1.3) == [Ready()]
    assert client.deadline() == 61.0


KINDS = {
    "invalid_api_key": AuthenticationError,
    "quota_exceeded": RateLimitError,
    "max_active_conversations": RateLimitError,
}


@pytest.mark.parametrize("code", [*SPEECH, "brand_new_error"])
def test_each_error_of_the_service_says_what_to_do(code):
    told = json.dumps({"message": "its own words", "error": code, "code": 1008})
    (error,) = ready().receive(told, 0.0)
    assert isinstance(error, KINDS.get(code, ConnectionError))
    assert error.code == code
    assert "its own words" in error.message
    assert error.cure


def test_a_voice_that_the_model_cannot_speak_with_is_known_by_its_close_code():
    client = ready()
    (error,) = client.closed(Close(1009, "message too big"), 0.0)
    assert isinstance(error, ConnectionError)
    assert "model can speak with this voice" in str(error)
    assert client.closed(Close(1000), 0.0) == []
    assert client.deadline() is None


def test_what_is_new_is_passed_on_and_what_cannot_be_read_is_told():
    client = ready()
    assert client.receive(b'{"hello": 1}', 0.0) == [VendorMessage("speech", {"hello": 1})]
    client.send(Speak("a", "Hi"), 0.0)
    for frame in (b"<html>", "\ud800", b"[]", b"\xff", b'{"audio": "?", "contextId": "a"}'):
        (info,) = client.receive(frame, 0.0)
        assert isinstance(info, ErrorInfo)
