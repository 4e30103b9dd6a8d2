"""The client of Flux's and Aura's speech, read like a transcript."""

from __future__ import annotations

import json
from typing import Any

import pytest

from voicechatengine import AudioFormat, ConnectionError, DeadlineError
from voicechatengine.errors import ProtocolError
from voicechatengine.providers.deepgram.speaking import STOP_S, Cut, Said, Say, Sound, SpeechClient, Stop
from voicechatengine.session.dialect import Close, Frame, Ready, Restore

FORM = AudioFormat(sample_rate=8_000)
SECOND = bytes(16_000)


def said(outputs: Any) -> list[Any]:
    return [json.loads(out.data) for out in outputs if isinstance(out, Frame)]


def flux() -> SpeechClient:
    client = SpeechClient(FORM, aura=False)
    assert list(client.opened(0.0)) == []
    assert list(client.receive('{"type":"Connected","request_id":"r"}', 0.0)) == [Ready()]
    return client


def started(client: SpeechClient, speech_id: str) -> None:
    assert list(client.receive(json.dumps({"type": "SpeechStarted", "speech_id": speech_id}), 0.0)) == []


def done(client: SpeechClient, speech_id: str) -> list[Any]:
    return list(client.receive(json.dumps({"type": "SpeechMetadata", "speech_id": speech_id}), 0.0))


def interrupted(client: SpeechClient, speech_id: str, at_ms: int, **texts: str) -> list[Any]:
    message = {"type": "SpeechInterrupted", "audio_played_ms": at_ms, "metadata": {"speech_id": speech_id}}
    return list(client.receive(json.dumps({**message, **texts}), 0.0))


def offset(at_ms: int) -> dict[str, Any]:
    return {"type": "Interrupt", "playback_offset": {"type": "time_ms", "value": at_ms}}


def test_a_sentence_is_a_turn_and_its_sound_comes_in_whole_samples():
    client = flux()
    assert said(client.send(Say("Hello."), 0.0)) == [{"type": "Speak", "text": "Hello."}, {"type": "Flush"}]
    started(client, "a")
    assert list(client.receive(b"abc", 0.0)) == [Sound(b"ab")]
    assert list(client.receive(b"d", 0.0)) == [Sound(b"cd")]
    assert list(client.receive(b"e", 0.0)) == []
    assert list(client.receive('{"type":"Flushed","speech_id":"a"}', 0.0)) == []
    assert done(client, "a") == [Said()]
    assert list(client.receive(b"late", 0.0)) == []
    assert done(client, "a") == []


def test_a_stop_says_how_much_was_taken_and_the_rest_is_dropped():
    client = flux()
    client.send(Say("One."), 0.0)
    started(client, "a")
    client.receive(SECOND, 0.0)
    done(client, "a")
    client.send(Say("Two three."), 0.0)
    started(client, "b")
    client.receive(SECOND, 0.0)
    assert said(client.send(Stop(250.0), 0.0)) == [offset(1_250)]
    assert said(client.send(Stop(250.0), 0.0)) == []
    assert list(client.send(Say("Four."), 0.0)) == []
    assert list(client.receive(SECOND, 0.0)) == []
    cut, *then = interrupted(client, "b", 1_250, text_spoken="Two ", text_remaining="three.")
    assert cut == Cut("Two ", "three.")
    assert said(then) == [{"type": "Speak", "text": "Four."}, {"type": "Flush"}]
    started(client, "c")
    assert list(client.receive(b"ab", 0.0)) == [Sound(b"ab")]
    assert said(client.send(Stop(100.0), 0.0)) == [offset(1_350)]


def test_a_sentence_that_ended_just_before_it_was_stopped_takes_no_other_with_it():
    client = flux()
    client.send(Say("One."), 0.0)
    started(client, "a")
    client.receive(SECOND, 0.0)
    client.send(Stop(10.0), 0.0)
    client.send(Say("Two."), 0.0)
    assert said(done(client, "a"))[0] == {"type": "Speak", "text": "Two."}
    client.send(Stop(0.0), 0.0)
    assert interrupted(client, "a", 10) == [Cut(None, None)]
    client.send(Say("Three."), 0.0)
    started(client, "b")
    assert list(client.receive(SECOND, 0.0)) == []
    assert said(done(client, "b"))[0] == {"type": "Speak", "text": "Three."}
    started(client, "c")
    assert interrupted(client, "b", 10) == [Cut(None, None)]
    assert list(client.receive(b"ab", 0.0)) == [Sound(b"ab")]


def test_what_could_not_be_stopped_before_it_began_is_stopped_then():
    client = flux()
    client.send(Say("One."), 0.0)
    assert said(client.send(Stop(), 0.0)) == [{"type": "Interrupt"}]
    client.send(Say("Two."), 0.0)
    assert list(client.receive('{"type":"Warning","code":"NO_AUDIO_GENERATED","description":"d"}', 0.0)) == []
    started(client, "a")
    assert said(client.receive(SECOND, 0.0)) == [{"type": "Interrupt"}]
    assert list(client.receive(SECOND, 0.0)) == []
    cut, *then = interrupted(client, "a", 2_000)
    assert cut == Cut(None, None)
    assert said(then)[0] == {"type": "Speak", "text": "Two."}
    started(client, "b")
    assert list(client.receive(b"ab", 0.0)) == [Sound(b"ab")]
    assert done(client, "b") == [Said()]
    assert said(client.send(Stop(), 0.0)) == []


def test_a_sentence_that_waits_is_taken_back_before_it_is_said():
    client = flux()
    client.send(Say("One."), 0.0)
    started(client, "a")
    client.send(Stop(), 0.0)
    assert list(client.send(Say("Two."), 0.0)) == []
    assert list(client.send(Stop(), 0.0)) == []
    assert done(client, "a") == []


def test_a_service_that_does_not_stop_loses_the_connection():
    client = flux()
    client.send(Say("One."), 0.0)
    client.send(Stop(), 1.0)
    assert client.deadline() == 1.0 + STOP_S
    (error,) = client.expired(6.0)
    assert isinstance(error, DeadlineError)
    assert client.deadline() is None


def test_aura_is_cleared():
    client = SpeechClient(FORM, aura=True)
    assert list(client.opened(0.0)) == [Ready()]
    client.send(Say("One."), 0.0)
    assert list(client.receive(b"ab", 0.0)) == [Sound(b"ab")]
    assert list(client.receive('{"type":"Flushed","sequence_id":0}', 0.0)) == [Said()]
    client.send(Say("Two."), 0.0)
    assert said(client.send(Stop(5.0), 0.0)) == [{"type": "Clear"}]
    client.send(Say("Three."), 0.0)
    assert list(client.receive(b"ab", 0.0)) == []
    cleared = client.receive('{"type":"Cleared","sequence_id":1}', 0.0)
    assert said(cleared) == [{"type": "Speak", "text": "Three."}, {"type": "Flush"}]
    assert list(client.receive(b"cd", 0.0)) == [Sound(b"cd")]
    assert list(client.receive('{"type":"Metadata","request_id":"r"}', 0.0)) == []


@pytest.mark.parametrize(
    ("frame", "kind", "cure"),
    [
        ('{"type":"Error","code":"DATA-0002","description":"A pause."}', ConnectionError, "change the text"),
        ('{"type":"Error","code":"NET-0000","description":"Gone."}', ConnectionError, "say it again"),
        ("<html>", ProtocolError, "check that the url"),
        ('{"type":"SpeechStarted","speech_id":3}', ProtocolError, "check that the url"),
    ],
)
def test_what_ends_the_connection_says_what_to_change(frame, kind, cure):
    (error,) = flux().receive(frame, 0.0)
    assert isinstance(error, kind)
    assert error.cure.startswith(cure)


def test_nothing_is_left():
    client = flux()
    started(client, "of nothing")
    client.send(Say("One."), 0.0)
    client.send(Stop(), 0.0)
    assert list(client.closed(Close(), 0.0)) == []
    assert client.deadline() is None
    assert client.snapshot() == Restore()
