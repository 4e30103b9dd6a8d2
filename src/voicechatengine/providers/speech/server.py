"""OpenAI's audio endpoints from the service's side: a posted request in, commands out; events in, the answer's bytes out. Pure.

One dialect is one request. What it accepts is checked before, in `server_checks.py`. Sources: the types of the `openai` package
3.54.0 (`TranscriptionStreamEvent`, `Transcription`, and `SpeechCreateParams` for the two forms of a speech).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import pybase64

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.resample import Resampler
from voicechatengine.audio.wav import UNKNOWN, wav_header
from voicechatengine.errors import AudioError
from voicechatengine.events import AudioChunk, ErrorInfo, Event, InputTranscript, ResponseCompleted
from voicechatengine.messages import (
    AudioAppend,
    AudioCommit,
    Command,
    ItemCreate,
    MessageItem,
    Options,
    ResponseCreate,
    SessionUpdate,
    TextPart,
    Transcription,
)
from voicechatengine.providers.speech.server_checks import Transcribe, error, speech, transcription
from voicechatengine.providers.speech.wire import SAMPLE_RATE, SpeechRequest, encode
from voicechatengine.session.dialect import Close, Frame, Outgoing, Restore
from voicechatengine.session.handshake import Handshake

FORM: Final = AudioFormat(sample_rate=SAMPLE_RATE)
PIECE_MS: Final = 1000  # of audio in one command
TOKEN_MS: Final = 100  # of audio are about one token
TOKEN_CHARS: Final = 4
READ_ALOUD: Final = "Say the user's text aloud, word for word, and nothing else."
FAILED: Final = Close(1011, "the service failed")


class TranscriptionServer:
    """Transcribes one file through a provider that takes audio in `form`; after `overloaded_after` pieces it fails instead."""

    def __init__(
        self, handshake: Handshake, form: AudioFormat, *, overloaded_after: int | None = None
    ) -> None:
        self._handshake = handshake
        self._form = form
        self._answer = _Answer(overloaded_after)
        self._asked: Transcribe | None = None
        self._said = ""

    def opened(self, now: float, /) -> Sequence[Command | Outgoing]:
        """The service waits for the request."""
        return ()

    def receive(self, frame: bytes | str, now: float, /) -> Sequence[Command | Outgoing]:
        """The request's body, which was accepted before."""
        body = frame.encode() if isinstance(frame, str) else frame
        self._asked = asked = transcription(self._handshake, body)
        try:
            resampler = Resampler(asked.format, self._form)
            audio = resampler.feed(asked.audio) + resampler.flush()
        except AudioError as problem:
            self._fail(problem.message)
            return self._answer.take()
        step = self._form.size_of(PIECE_MS)
        told = Transcription(language=asked.language, prompt=asked.prompt)
        return [
            SessionUpdate(Options(modalities=("text",), turn_detection=None, transcription=told)),
            *(AudioAppend(audio[at : at + step]) for at in range(0, len(audio), step)),
            AudioCommit(),
        ]

    def send(self, message: Event, now: float, /) -> Sequence[Command | Outgoing]:
        """What the provider says, on the wire."""
        match message:
            case InputTranscript():
                self._words(message)
            case ErrorInfo(message=text):
                self._fail(text)
            case _:
                pass  # the endpoint has no word for it
        return self._answer.take()

    def closed(self, close: Close, now: float, /) -> Sequence[Command | Outgoing]:
        """The client went away: nothing is left to say."""
        self._answer.over = True
        return ()

    def deadline(self) -> float | None:
        """There is none."""
        return None

    def expired(self, now: float, /) -> Sequence[Command | Outgoing]:
        """Never called: there is no deadline."""
        return ()

    def snapshot(self) -> Restore:
        """A request leaves nothing behind."""
        return Restore()

    def _words(self, heard: InputTranscript) -> None:
        asked = self._asked
        assert asked is not None  # words follow the audio
        more = heard.text.removeprefix(self._said)
        if asked.streamed and more and heard.text.startswith(self._said):
            self._said = heard.text
            self._answer.event({"type": "transcript.text.delta", "delta": more})
        if not heard.final:
            return
        usage = _transcribed(asked, heard.text)
        if asked.streamed:
            self._answer.event({"type": "transcript.text.done", "text": heard.text, "usage": usage})
        elif asked.response_format == "text":
            self._answer.piece(f"{heard.text}\n".encode())
        else:
            self._answer.piece(encode({"text": heard.text, "usage": usage}))
        self._answer.end()

    def _fail(self, text: str) -> None:
        if self._asked is not None and self._asked.streamed:
            self._answer.fail_in_words(text)
        else:
            self._answer.fail()


class SpeechServer:
    """Has one text spoken by a provider, whose audio is in `form` where it says nothing else. `voices` are those that the provider
    knows: another one is not passed on. After `overloaded_after` pieces the service fails instead.
    """

    def __init__(
        self, form: AudioFormat, voices: Sequence[str] = (), *, overloaded_after: int | None = None
    ) -> None:
        self._form = form
        self._voices = voices
        self._answer = _Answer(overloaded_after)
        self._asked: SpeechRequest | None = None
        self._resampler: Resampler | None = None
        self._begun = False
        self._size = 0

    def opened(self, now: float, /) -> Sequence[Command | Outgoing]:
        """The service waits for the request."""
        return ()

    def receive(self, frame: bytes | str, now: float, /) -> Sequence[Command | Outgoing]:
        """The request's body, which was accepted before."""
        self._asked = asked = speech(frame.encode() if isinstance(frame, str) else frame)
        instructions = f"{READ_ALOUD} {asked.instructions or ''}".strip()
        options = Options(
            modalities=("audio",), instructions=instructions, output_audio_format=FORM, turn_detection=None
        )
        if asked.voice in self._voices:
            options = msgspec.structs.replace(options, voice=str(asked.voice))
        text = MessageItem("user", (TextPart(asked.input),))
        return [SessionUpdate(options), ItemCreate(text), ResponseCreate()]

    def send(self, message: Event, now: float, /) -> Sequence[Command | Outgoing]:
        """What the provider says, on the wire."""
        match message:
            case AudioChunk(audio=audio):
                self._sound(audio, message.format or self._form)
            case ResponseCompleted(status="completed" | "incomplete"):
                self._finish()
            case ResponseCompleted(reason=reason):
                self._fail(reason or "the speech failed")
            case ErrorInfo(message=text):
                self._fail(text)
            case _:
                pass  # the endpoint has no word for it
        return self._answer.take()

    def closed(self, close: Close, now: float, /) -> Sequence[Command | Outgoing]:
        """The client went away: nothing is left to say."""
        self._answer.over = True
        return ()

    def deadline(self) -> float | None:
        """There is none."""
        return None

    def expired(self, now: float, /) -> Sequence[Command | Outgoing]:
        """Never called: there is no deadline."""
        return ()

    def snapshot(self) -> Restore:
        """A request leaves nothing behind."""
        return Restore()

    @property
    def _in_events(self) -> bool:
        return self._asked is not None and self._asked.stream_format == "sse"

    def _sound(self, audio: bytes, form: AudioFormat) -> None:
        try:
            if self._resampler is None or not self._resampler.source.same_sound(form):
                self._resampler = Resampler(form, FORM)
            self._write(self._resampler.feed(audio))
        except AudioError as problem:
            self._fail(problem.message)

    def _write(self, audio: bytes) -> None:
        if not self._begun and self._asked is not None and self._asked.response_format == "wav":
            audio = wav_header(FORM, UNKNOWN) + audio
        if not audio:
            return
        self._begun = True
        self._size += len(audio)
        if self._in_events:
            self._answer.event({"type": "speech.audio.delta", "audio": pybase64.b64encode(audio).decode()})
        else:
            self._answer.piece(audio)

    def _finish(self) -> None:
        if self._resampler is not None:
            self._write(self._resampler.flush())
        if self._in_events:
            assert self._asked is not None
            read = -(-len(self._asked.input) // TOKEN_CHARS)
            usage = _counted(read, int(FORM.duration_ms(self._size) / TOKEN_MS))
            self._answer.event({"type": "speech.audio.done", "usage": usage})
        self._answer.end()

    def _fail(self, text: str) -> None:
        if self._in_events:
            self._answer.fail_in_words(text)
        else:
            self._answer.fail()


class _Answer:
    """What is said on the wire, until it is over."""

    def __init__(self, overloaded_after: int | None) -> None:
        self.over = False
        self._left = overloaded_after
        self._out: list[Command | Outgoing] = []

    def take(self) -> list[Command | Outgoing]:
        out, self._out = self._out, []
        return out

    def event(self, told: dict[str, Any]) -> None:
        if self._strained():
            self.fail_in_words("The server is overloaded.")
        self._put(b"data: %s\n\n" % encode(told))

    def piece(self, data: bytes) -> None:
        if self._strained():
            self.fail()
        self._put(data)

    def end(self) -> None:
        if not self.over:
            self.over = True
            self._out.append(Close())

    def fail_in_words(self, text: str) -> None:
        self._put(b"data: %s\n\n" % encode({"error": error(text, kind="server_error")}))
        self.end()

    def fail(self) -> None:
        """Plain bytes have no word for it: the connection breaks off."""
        if not self.over:
            self.over = True
            self._out.append(FAILED)

    def _put(self, data: bytes) -> None:
        if not self.over:
            self._out.append(Frame(data, binary=True))

    def _strained(self) -> bool:
        if self._left is None:
            return False
        self._left -= 1
        return self._left < 0


def _transcribed(asked: Transcribe, text: str) -> dict[str, Any]:
    heard = int(asked.format.duration_ms(len(asked.audio)) / TOKEN_MS)
    read = len(asked.prompt or "") // TOKEN_CHARS
    details = {"audio_tokens": heard, "text_tokens": read}
    counted = _counted(heard + read, -(-len(text) // TOKEN_CHARS))
    return {"type": "tokens", **counted, "input_token_details": details}


def _counted(read: int, written: int) -> dict[str, Any]:
    return {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
