"""The service's side of Scribe realtime: a client's audio to commands, transcripts of any provider to messages. One connection.

What the service does beyond its documents is done here too (see `scribe.py`): it ends the session for a commit of less than 0.3 s,
and after 15 s without audio, commits by itself after 36 s, and repeats a transcript as a partial one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pybase64

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.recode import Recoder
from voicechatengine.errors import AudioError
from voicechatengine.events import ErrorInfo, Event, InputTranscript
from voicechatengine.messages import (
    AudioAppend,
    AudioCommit,
    Command,
    Options,
    SessionUpdate,
    Transcription,
    TurnDetection,
)
from voicechatengine.providers.elevenlabs import wire
from voicechatengine.providers.elevenlabs.server_handshake import keyed, scribe_config
from voicechatengine.providers.elevenlabs.settings import INPUT
from voicechatengine.session.dialect import Close, Frame, Ids, Outgoing, Restore
from voicechatengine.session.handshake import Handshake

LEAST_COMMIT_MS: Final = 300
MOST_UNCOMMITTED_MS: Final = 35_800
SILENCE_S: Final = 15.5
MOST_CHUNK_S: Final = 10.0


class ScribeServer:
    """A `ServerDialect` for one session over a provider that takes `audio` unless it can be told otherwise (`changeable`: the
    options that it can). `expires_after_s` is the session's longest life.
    """

    def __init__(
        self,
        handshake: Handshake,
        ids: Ids,
        *,
        audio: AudioFormat,
        changeable: Sequence[str] = (),
        expires_after_s: float | None = None,
    ) -> None:
        self._keyed = keyed(handshake)
        self._config = scribe_config(handshake.query)
        self._ids = ids
        self._audio = audio
        self._changeable = changeable
        self._expires_after_s = expires_after_s
        self._form = audio
        self._recode = Recoder(audio, audio)
        self._manual = True
        self._over = False
        self._begun = False  # audio came
        self._uncommitted_ms = 0.0
        self._silent_at: float | None = None
        self._expires_at: float | None = None

    def opened(self, now: float, /) -> Sequence[Command | Outgoing]:
        """See `Dialect.opened`."""
        config = self._config
        if not self._keyed:
            return self._fail("auth_error", "You must be authenticated to use this endpoint.")
        if isinstance(config, str):
            return self._fail("invalid_request", config)
        self._form = INPUT[config.audio_format or ""]
        self._manual = config.commit_strategy != "vad"
        accepts = "input_audio_format" in self._changeable
        self._recode = Recoder(self._form, self._form if accepts else self._audio)
        self._silent_at = now + SILENCE_S
        self._expires_at = None if self._expires_after_s is None else now + self._expires_after_s
        silence = config.vad_silence_threshold_secs
        detection = TurnDetection(
            threshold=config.vad_threshold,
            silence_duration_ms=None if silence is None else int(silence * 1000),
            create_response=False,
            interrupt_response=False,
        )
        options = Options(
            input_audio_format=self._form,
            turn_detection=None if self._manual else detection,
            transcription=Transcription(language=config.language_code),
        )
        started = wire.SessionStarted(self._ids("sess"), config)
        return [SessionUpdate(options), Frame(wire.encode(started))]

    def send(self, message: Event, now: float, /) -> Sequence[Command | Outgoing]:
        """See `Dialect.send`: what the provider tells."""
        if self._over:
            return []
        match message:
            case InputTranscript(text=text, final=False):
                return [Frame(wire.encode(wire.PartialTranscript(text)))]
            case InputTranscript(text=text):
                frames = [Frame(wire.encode(wire.CommittedTranscript(text)))]
                if text:  # said again, as the service does
                    frames.append(Frame(wire.encode(wire.PartialTranscript(text))))
                return frames
            case ErrorInfo(code=code) if code != "audio_commit_empty":
                return self._fail("transcriber_error", message.message)
            case _:
                return []

    def receive(self, frame: bytes | str, now: float, /) -> Sequence[Command | Outgoing]:
        """See `Dialect.receive`."""
        if self._over:
            return []
        try:
            chunk = wire.decode_chunk(frame)
            audio = pybase64.b64decode(chunk.audio_base_64, None, True)
            self._form.check(audio)
        except (
            ValueError,
            RecursionError,
            AudioError,
        ) as error:  # no JSON, a field that does not fit, no base64, half a sample
            return self._fail("input_error", f"Invalid input: {error}")
        if chunk.sample_rate != self._form.sample_rate:
            return self._fail(
                "input_error", f"sample_rate {chunk.sample_rate} is not that of the session's audio_format"
            )
        if chunk.previous_text and self._begun:
            return self._fail("input_error", "previous_text can only be sent with the first audio chunk")
        ms = self._form.duration_ms(len(audio))
        if ms > MOST_CHUNK_S * 1000:
            return self._fail("chunk_size_exceeded", f"{ms / 1000:.1f}s of audio in one chunk are too much")
        return self._hear(audio, ms, now, commit=chunk.commit)

    def closed(self, close: Close, now: float, /) -> Sequence[Command | Outgoing]:
        """See `Dialect.closed`."""
        self._silent_at = self._expires_at = None
        return []

    def deadline(self) -> float | None:
        """See `Dialect.deadline`."""
        return min((at for at in (self._silent_at, self._expires_at) if at is not None), default=None)

    def expired(self, now: float, /) -> Sequence[Command | Outgoing]:
        """See `Dialect.expired`: the session is too old, or nobody speaks."""
        if self._expires_at is not None and now >= self._expires_at:
            return self._fail("session_time_limit_exceeded", "Session time limit exceeded.")
        self._over, self._silent_at = True, None
        return [Close(1000)]

    def snapshot(self) -> Restore:
        """See `Dialect.snapshot`: a server keeps nothing."""
        return Restore()

    def _hear(self, audio: bytes, ms: float, now: float, *, commit: bool) -> list[Command | Outgoing]:
        self._silent_at = now + SILENCE_S
        self._begun = self._begun or bool(audio)
        self._uncommitted_ms += ms
        commands: list[Command | Outgoing] = [AudioAppend(self._recode(audio))] if audio else []
        if not self._manual:
            return commands
        if commit and self._uncommitted_ms < LEAST_COMMIT_MS:
            return [*commands, *self._throttled()]
        if commit or self._uncommitted_ms >= MOST_UNCOMMITTED_MS:
            self._uncommitted_ms = 0.0
            commands.append(AudioCommit())
        return commands

    def _throttled(self) -> list[Command | Outgoing]:
        return self._fail(
            "commit_throttled",
            f"Commit request ignored: only {self._uncommitted_ms / 1000:.2f}s of uncommitted audio."
            " You need at least 0.3s of uncommitted audio before committing.",
        )

    def _fail(self, kind: str, text: str) -> list[Command | Outgoing]:
        """Every error ends the session, with its name as the reason."""
        self._over = True
        self._silent_at = self._expires_at = None
        return [Frame(wire.encode(wire.ScribeError(kind, text))), Close(1000, kind)]
