"""The endpoints' server side: what providers say, and how it looks on the wire."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.audio.wav import wav_bytes
from voicechatengine.events import AudioChunk, ErrorInfo, InputTranscript, ResponseCompleted, SpeechStarted
from voicechatengine.messages import AudioAppend, AudioCommit, ItemCreate, ResponseCreate, SessionUpdate
from voicechatengine.providers.speech.server import SpeechServer, TranscriptionServer
from voicechatengine.providers.speech.wire import form, form_type
from voicechatengine.session.dialect import Close, Frame, Restore
from voicechatengine.session.handshake import Handshake

FORM = AudioFormat()
PHONE = AudioFormat("g711_ulaw", 8000)
SOUND = tone(FORM, 500)


def listening(
    *, file: bytes | None = None, takes: AudioFormat = FORM, **fields: str
) -> tuple[TranscriptionServer, list[Any]]:
    """A server that has a request, and what it did with it."""
    given = {"model": "gpt-4o-transcribe", **fields}
    handshake = Handshake("/v1/audio/transcriptions", {}, {"content-type": form_type("edge")})
    server = TranscriptionServer(handshake, takes)
    assert server.opened(0.0) == ()
    return server, list(server.receive(form(given.items(), file or wav_bytes(FORM, SOUND), "edge"), 0.0))


def speaking(*, voices: tuple[str, ...] = (), **fields: Any) -> tuple[SpeechServer, list[Any]]:
    given = {"model": "gpt-4o-mini-tts", "input": "Hi", "voice": "coral", "response_format": "pcm", **fields}
    server = SpeechServer(FORM, voices)
    assert server.opened(0.0) == ()
    return server, list(server.receive(json.dumps(given), 0.0))


def events(outputs: Any) -> list[Any]:
    return [
        json.loads(line.removeprefix(b"data: "))
        for output in outputs
        if isinstance(output, Frame)
        for line in output.data.split(b"\n\n")
        if line
    ]


def test_a_file_becomes_audio_in_the_providers_format_and_is_committed():
    _, commands = listening(takes=PHONE, language="en", prompt="names")
    update, *appended, commit = commands
    assert isinstance(update, SessionUpdate)
    assert update.options.turn_detection is None
    assert msgspec.to_builtins(update.options.transcription) == {
        "model": None,
        "language": "en",
        "prompt": "names",
    }
    assert all(isinstance(one, AudioAppend) for one in appended)
    assert PHONE.duration_ms(sum(len(one.audio) for one in appended)) == pytest.approx(500, abs=1)
    assert isinstance(commit, AudioCommit)


def test_words_that_grow_are_deltas_and_words_that_change_are_told_in_the_end():
    server, _ = listening(stream="true")
    assert server.send(SpeechStarted(0.0), 0.0) == []
    told = events(server.send(InputTranscript("I scream"), 0.0))
    assert told == [{"type": "transcript.text.delta", "delta": "I scream"}]
    assert events(server.send(InputTranscript("Ice cream"), 0.0)) == []
    outputs = server.send(InputTranscript("Ice cream.", final=True), 0.0)
    (done,) = events(outputs)
    assert (done["type"], done["text"]) == ("transcript.text.done", "Ice cream.")
    assert outputs[-1] == Close()
    assert server.send(InputTranscript("more", final=True), 0.0) == []


def test_a_provider_that_cannot_hear_is_told_in_events_and_else_breaks_off():
    server, _ = listening(stream="true")
    (told,) = events(server.send(ErrorInfo("no_ears", "this provider hears nothing"), 0.0))
    assert told["error"]["message"] == "this provider hears nothing"
    server, _ = listening()
    assert server.send(ErrorInfo("no_ears", "this provider hears nothing"), 0.0) == [
        Close(1011, "the service failed")
    ]


def test_samples_that_are_none_break_off():
    broken = wav_bytes(AudioFormat("float32"), b"\0\0\xc0\x7f" * 4000)
    _, outputs = listening(file=broken)
    assert outputs == [Close(1011, "the service failed")]


def test_a_text_is_given_to_be_read_aloud_with_the_voice_that_there_is():
    _, (update, item, ask) = speaking(voices=("coral",), instructions="Whisper.")
    assert isinstance(update, SessionUpdate)
    assert update.options.voice == "coral"
    assert update.options.output_audio_format == FORM
    assert str(update.options.instructions).endswith("nothing else. Whisper.")
    assert isinstance(item, ItemCreate)
    assert isinstance(ask, ResponseCreate)


def test_sound_of_any_format_is_given_in_the_services():
    server, _ = speaking()
    assert server.send(SpeechStarted(0.0), 0.0) == []
    phone = tone(PHONE, 500)
    frames = [*server.send(AudioChunk(phone, PHONE), 0.0), *server.send(ResponseCompleted("r"), 0.0)]
    sound = b"".join(frame.data for frame in frames if isinstance(frame, Frame))
    assert FORM.duration_ms(len(sound)) == pytest.approx(500, abs=1)
    assert frames[-1] == Close()


@pytest.mark.parametrize(
    "failing",
    [
        ErrorInfo("no_voice", "the voice is lost"),
        ResponseCompleted("r", "failed", "the voice is lost"),
        AudioChunk(b"\0\0\xc0\x7f", AudioFormat("float32")),
    ],
)
def test_a_provider_that_fails_breaks_off_or_says_so_in_events(failing):
    server, _ = speaking()
    server.send(AudioChunk(SOUND), 0.0)
    assert server.send(failing, 0.0) == [Close(1011, "the service failed")]
    assert server.send(AudioChunk(SOUND), 0.0) == []
    server, _ = speaking(stream_format="sse")
    outputs = server.send(failing, 0.0)
    assert events(outputs)[0]["error"]["type"] == "server_error"
    assert outputs[-1] == Close()


@pytest.mark.parametrize("server", [listening()[0], speaking()[0]])
def test_a_client_that_went_away_is_told_nothing(server):
    assert server.closed(Close(1006), 0.0) == ()
    assert server.send(ErrorInfo("late", "too late"), 0.0) == []
    assert (server.deadline(), server.expired(0.0), server.snapshot()) == (None, (), Restore())
