"""The client's side of Scribe realtime, as transcripts of both directions."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

import pytest

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.errors import (
    AudioError,
    AuthenticationError,
    ConnectionError,
    RateLimitError,
    SessionExpiredError,
)
from voicechatengine.events import ErrorInfo, InputTranscript, VendorMessage
from voicechatengine.messages import AudioAppend, AudioClear, AudioCommit
from voicechatengine.providers.elevenlabs.failures import SCRIBE
from voicechatengine.providers.elevenlabs.scribe import ScribeClient
from voicechatengine.session.dialect import Close, Frame, Ready, Restore

FORM = AudioFormat(sample_rate=16_000)
SPEECH = tone(FORM, 1_000)


def says(message_type: str, **fields: Any) -> bytes:
    return json.dumps({"message_type": message_type, **fields}).encode()


def sent(outputs: Sequence[object]) -> list[dict[str, Any]]:
    return [json.loads(out.data) for out in outputs if isinstance(out, Frame)]


def audio(messages: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(b64decode(message["audio_base_64"]) for message in messages)


def ready(prompt: str | None = None) -> ScribeClient:
    client = ScribeClient(FORM, prompt)
    assert client.opened(0.0) == ()
    assert client.receive(says("session_started", session_id="s", config={}), 0.0) == [Ready()]
    return client


def test_an_utterance_is_sent_in_pieces_and_its_end_commits():
    client = ready()
    messages: list[dict[str, Any]] = []
    for start in range(0, len(SPEECH), FORM.frame_bytes):
        messages += sent(client.send(AudioAppend(SPEECH[start : start + FORM.frame_bytes]), 1.0))
    messages += sent(client.send(AudioCommit(), 2.0))
    assert audio(messages) == SPEECH
    assert [message["commit"] for message in messages] == [False] * 10 + [True]
    assert messages[0] == {
        "message_type": "input_audio_chunk",
        "audio_base_64": messages[0]["audio_base_64"],
        "commit": False,
        "sample_rate": 16_000,
    }


def test_a_long_piece_is_sent_in_chunks_of_a_second():
    messages = sent(ready().send(AudioAppend(SPEECH * 3), 0.0))
    assert [FORM.duration_ms(len(audio([message]))) for message in messages] == [1000.0] * 3


def test_words_come_while_they_are_spoken_and_once_in_the_end():
    client = ready()
    client.send(AudioAppend(SPEECH), 0.0)
    assert client.receive(says("partial_transcript", text="Hel"), 0.5) == [InputTranscript("Hel")]
    client.send(AudioCommit(), 1.0)
    assert client.receive(says("partial_transcript", text="Hello"), 1.1) == [InputTranscript("Hello")]
    assert client.receive(says("committed_transcript", text=" Hello. "), 1.2) == [
        InputTranscript("Hello.", final=True)
    ]


def test_what_is_said_again_after_a_transcript_is_not_the_next_utterance():
    client = ready()
    for _ in range(2):
        client.send(AudioAppend(SPEECH), 0.0)
        client.send(AudioCommit(), 0.0)
        client.receive(says("committed_transcript", text="Yes."), 0.0)
        client.send(AudioAppend(SPEECH), 0.0)
        assert client.receive(says("partial_transcript", text="Yes."), 0.0) == []
        assert client.receive(says("partial_transcript", text="Yes."), 0.0) == [InputTranscript("Yes.")]
        client.send(AudioClear(), 0.0)
        client.receive(says("committed_transcript", text=""), 0.0)


def test_an_utterance_that_is_too_short_is_filled_up_with_silence():
    client = ready()
    (message,) = sent([*client.send(AudioAppend(SPEECH[:640]), 0.0), *client.send(AudioCommit(), 0.0)])
    assert FORM.duration_ms(len(audio([message]))) == 350.0
    assert audio([message]).startswith(SPEECH[:640])


def test_an_utterance_of_no_audio_has_no_words_and_is_not_asked_for():
    assert ready().send(AudioCommit(), 0.0) == [InputTranscript("", final=True)]


def test_an_utterance_that_is_not_wanted_leaves_nothing_to_the_next_one():
    client = ready()
    client.send(AudioAppend(SPEECH), 0.0)
    assert [message["commit"] for message in sent(client.send(AudioClear(), 0.0))] == [True]
    client.send(AudioAppend(SPEECH), 0.0)
    assert client.receive(says("partial_transcript", text="old"), 0.0) == []
    client.send(AudioCommit(), 0.0)
    assert client.receive(says("committed_transcript", text="old"), 0.0) == []
    assert client.receive(says("committed_transcript", text="new"), 0.0) == [
        InputTranscript("new", final=True)
    ]


def test_forgetting_twice_is_forgetting_once():
    client = ready()
    client.send(AudioAppend(SPEECH), 0.0)
    client.send(AudioCommit(), 0.0)
    assert client.send(AudioClear(), 0.0) == client.send(AudioClear(), 0.0) == []
    assert client.receive(says("committed_transcript", text="old"), 0.0) == []


def test_words_that_nobody_asked_for_are_nobodys():
    client = ready()
    assert client.receive(says("partial_transcript", text="ghost"), 0.0) == []


def test_a_long_speech_is_split_at_a_pause_and_its_words_are_joined():
    client = ready()
    commits = 0
    for _ in range(21):
        commits += sum(m["commit"] for m in sent(client.send(AudioAppend(SPEECH), 0.0)))
    assert commits == 0
    assert [m["commit"] for m in sent(client.send(AudioAppend(FORM.silence(200)), 0.0))] == [False, True]
    assert client.receive(says("committed_transcript", text="First."), 0.0) == [InputTranscript("First.")]
    client.send(AudioAppend(SPEECH), 0.0)
    assert client.receive(says("partial_transcript", text="sec"), 0.0) == [InputTranscript("First. sec")]
    client.send(AudioCommit(), 0.0)
    assert client.receive(says("committed_transcript", text="Second."), 0.0) == [
        InputTranscript("First. Second.", final=True)
    ]


def test_a_speech_without_a_pause_is_split_after_30_seconds_and_can_end_right_there():
    client = ready()
    commits = [m["commit"] for m in sent(client.send(AudioAppend(SPEECH * 30), 0.0))]
    assert commits == [False] * 30 + [True]
    assert client.send(AudioCommit(), 0.0) == []
    assert client.receive(says("committed_transcript", text="All."), 0.0) == [
        InputTranscript("All.", final=True)
    ]


def test_a_speech_whose_split_was_answered_ends_without_asking_again():
    client = ready()
    client.send(AudioAppend(SPEECH * 30), 0.0)
    client.receive(says("committed_transcript", text="All."), 0.0)
    assert client.send(AudioCommit(), 0.0) == [InputTranscript("All.", final=True)]


def test_a_commit_of_the_services_own_is_a_part_of_the_utterance():
    client = ready()
    client.send(AudioAppend(SPEECH), 0.0)
    assert client.receive(says("committed_transcript", text="One."), 0.0) == [InputTranscript("One.")]
    client.send(AudioCommit(), 0.0)
    assert client.receive(says("committed_transcript", text="Two."), 0.0) == [
        InputTranscript("One. Two.", final=True)
    ]


def test_a_little_silence_keeps_the_connection():
    client = ready()
    assert client.deadline() == 5.0
    client.send(AudioAppend(SPEECH), 3.0)
    assert client.deadline() == 8.0
    (message,) = sent(client.expired(8.0))
    assert audio([message]) == FORM.silence(20)
    assert client.deadline() == 13.0
    assert client.closed(Close(), 14.0) == ()
    assert client.deadline() is None
    assert client.snapshot() == Restore()


def test_the_prompt_goes_along_with_the_first_audio_alone():
    client = ready("Terms: Ada")
    first, second = sent(client.send(AudioAppend(SPEECH * 2), 0.0))
    assert first["previous_text"] == "Terms: Ada"
    assert "previous_text" not in second


def test_half_a_sample_is_refused_and_nothing_changes():
    client = ready()
    with pytest.raises(AudioError):
        client.send(AudioAppend(b"abc"), 0.0)
    assert client.send(AudioCommit(), 0.0) == [InputTranscript("", final=True)]


KINDS = {
    "auth_error": AuthenticationError,
    "quota_exceeded": RateLimitError,
    "session_time_limit_exceeded": SessionExpiredError,
}


@pytest.mark.parametrize("kind", [*SCRIBE, "brand_new_error"])
def test_each_error_of_the_service_says_what_to_do(kind):
    (error,) = ready().receive(says(kind, error="its own words"), 0.0)
    assert isinstance(error, KINDS.get(kind, ConnectionError))
    assert error.code == kind
    assert "its own words" in error.message
    assert error.cure


def test_what_is_new_is_passed_on_and_what_cannot_be_read_is_told():
    client = ready()
    (new,) = client.receive(says("warning", warning="slow today"), 0.0)
    assert new == VendorMessage("warning", {"message_type": "warning", "warning": "slow today"})
    for frame in (b"<html>", "\ud800", b"[]", b"\xff"):
        (info,) = client.receive(frame, 0.0)
        assert isinstance(info, ErrorInfo)
