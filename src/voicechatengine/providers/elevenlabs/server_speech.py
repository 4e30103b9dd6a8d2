"""The service's side of multi-context speech: texts of contexts to a provider, one after the other, and its sound back.

The provider is asked to answer each flushed text, so it has to be one that says what it is given. One object is one connection.

Sources, read 2026-11-22: https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input
and the `elevenlabs` package 2.78.0 (`WebsocketTtsClientMessageMulti`); what its errors say: see `failures.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import pybase64
from msgspec import UNSET

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.recode import Recoder
from voicechatengine.events import AudioChunk, ErrorInfo, Event, ResponseCompleted
from voicechatengine.messages import (
    Command,
    ItemCreate,
    MessageItem,
    Options,
    ResponseCreate,
    SessionUpdate,
    TextPart,
)
from voicechatengine.providers.elevenlabs import wire
from voicechatengine.providers.elevenlabs.server_handshake import (
    keyed,
    speech_options,
    voice_exists,
)
from voicechatengine.providers.elevenlabs.settings import VOICE, flaws
from voicechatengine.session.dialect import Close, Frame, Outgoing, Restore
from voicechatengine.session.handshake import Handshake

MOST: Final = 5  # contexts at the same time
UNFLUSHED: Final = 120  # letters that make it speak without a flush
DEFAULT: Final = "default"  # the context of messages that name none
POLICY: Final = 1008
REASON: Final = 120  # letters of a close reason: it has room for 123 bytes


class _Context:
    """One context: text that is not yet spoken, pieces that are, and whether it was closed."""

    def __init__(self, context_id: str) -> None:
        self.id = context_id
        self.text = ""
        self.pending = 0
        self.closed = False


class SpeechServer:
    """A `ServerDialect` for one connection over a provider whose audio is `audio` unless it says otherwise."""

    def __init__(self, handshake: Handshake, *, audio: AudioFormat) -> None:
        self._keyed = keyed(handshake)
        self._options = speech_options(handshake)
        self._hasty = handshake.query.get("auto_mode", "").lower() == "true"
        self._audio = audio
        self._settings: Any = UNSET
        self._looked = False  # at key and voice
        self._over = False
        self._closing = False
        self._contexts: dict[str, _Context] = {}
        self._ending = 0  # contexts that were closed and still sound
        self._jobs: deque[tuple[_Context, str]] = deque()  # the first one is being spoken
        self._recode: Recoder | None = None
        self._source = audio
        self._idle_at: float | None = None

    def opened(self, now: float, /) -> Sequence[Command | Outgoing]:
        """See `Dialect.opened`. Nothing is said: key and voice are looked at with the first message."""
        self._idle_at = now + self._options.idle_s
        options = Options(
            output_audio_format=self._options.form,
            modalities=("audio",),
            turn_detection=None,
            transcription=None,
            language=self._options.language or UNSET,
        )
        return [SessionUpdate(options)]

    def send(self, message: Event, now: float, /) -> Sequence[Command | Outgoing]:
        """See `Dialect.send`: what the provider tells."""
        if self._over or not self._jobs:
            return []
        context = self._jobs[0][0]
        match message:
            case AudioChunk(audio=audio, format=form):
                return self._sound(context, audio, form or self._audio)
            case ResponseCompleted():
                self._recode = None
                self._jobs.popleft()
                context.pending -= 1
                return [*self._ended(context), *self._next()]
            case ErrorInfo():
                return self._fail("system_busy", message.message)
            case _:
                return []

    def receive(self, frame: bytes | str, now: float, /) -> Sequence[Command | Outgoing]:
        """See `Dialect.receive`."""
        if self._over:
            return []
        try:
            message = wire.decode_text(frame)
        except (ValueError, RecursionError):
            return self._fail(
                "invalid_input_message",
                "Could not parse input message, make sure it is a json and follows the schema outlined in protocol.",
            )
        self._idle_at = now + self._options.idle_s
        refused = self._look(message)
        if refused is not None:
            return self._fail(*refused)
        if message.close_socket is True:
            return self._close_socket()
        context_id = message.context_id or DEFAULT
        if message.close_context is True:
            return self._close(self._contexts.pop(context_id, None))
        return self._say(context_id, message)

    def closed(self, close: Close, now: float, /) -> Sequence[Command | Outgoing]:
        """See `Dialect.closed`."""
        self._over, self._idle_at = True, None
        return []

    def deadline(self) -> float | None:
        """See `Dialect.deadline`."""
        return self._idle_at

    def expired(self, now: float, /) -> Sequence[Command | Outgoing]:
        """See `Dialect.expired`: nothing was said for too long."""
        return self._fail(
            "input_timeout_exceeded",
            f"Have not received a new text input within the timeout of {self._options.idle_s:g} seconds."
            " Streaming input terminated.",
        )

    def snapshot(self) -> Restore:
        """See `Dialect.snapshot`: a server keeps nothing."""
        return Restore()

    # -- from the client

    def _look(self, message: wire.ToSpeech) -> tuple[str, str] | None:
        """What is wrong with key, voice or settings: an error's name and text."""
        if not self._looked:
            self._looked = True
            key = message.xi_api_key or ""
            if not self._keyed and (not key or key.endswith("invalid")):
                return "invalid_api_key", "Invalid API key"
            if not voice_exists(self._options.voice):
                return (
                    "voice_id_does_not_exist",
                    f"A voice with voice_id {self._options.voice} does not exist.",
                )
        settings = message.voice_settings
        if settings is UNSET or settings is None:
            return None
        for name, wrong in flaws(_set(settings), VOICE):
            return "invalid_voice_settings", f"{name} {wrong}"
        if self._settings is UNSET:
            self._settings = settings
        if settings != self._settings:
            return (
                "voice_settings_changed",
                "voice_settings field must be provided in the first message and then either be not provided or not change.",
            )
        return None

    def _say(self, context_id: str, message: wire.ToSpeech) -> list[Command | Outgoing]:
        text = message.text or ""
        context = self._contexts.get(context_id)
        if context is None:
            if not text:
                return []  # kept alive, but not there
            if len(self._contexts) + self._ending >= MOST:
                return self._fail(
                    "max_active_conversations",
                    f"Maximum simultaneous contexts per WebSocket connection exceeded ({MOST})."
                    " Please close an existing context before opening a new one.",
                )
            context = self._contexts[context_id] = _Context(context_id)
        context.text += text
        if message.flush is True or self._hasty or len(context.text) >= UNFLUSHED:
            return self._flush(context)
        return []

    def _flush(self, context: _Context) -> list[Command | Outgoing]:
        text, context.text = context.text.strip(), ""
        if not text:
            return []
        context.pending += 1
        self._jobs.append((context, text))
        return self._next() if len(self._jobs) == 1 else []

    def _close(self, context: _Context | None) -> list[Command | Outgoing]:
        """What was flushed is still spoken, what was not is forgotten."""
        if context is None:
            return []
        context.closed = True
        self._ending += 1
        return self._ended(context)

    def _close_socket(self) -> list[Command | Outgoing]:
        self._closing = True
        outputs: list[Command | Outgoing] = []
        for context in list(self._contexts.values()):
            outputs += self._flush(context)
            outputs += self._close(self._contexts.pop(context.id))
        return outputs if self._ending else [*outputs, Close(1000)]

    # -- from the provider

    def _next(self) -> list[Command | Outgoing]:
        if not self._jobs:
            return []
        item = MessageItem("user", (TextPart(self._jobs[0][1]),))
        return [ItemCreate(item), ResponseCreate(modalities=("audio",))]

    def _sound(self, context: _Context, audio: bytes, source: AudioFormat) -> list[Command | Outgoing]:
        if self._recode is None or not source.same_sound(self._source):
            self._recode, self._source = Recoder(source, self._options.form), source
        text = pybase64.b64encode_as_string(self._recode(audio))
        return [Frame(wire.encode(wire.AudioOutput(text, context_id=context.id)))]

    def _ended(self, context: _Context) -> list[Command | Outgoing]:
        if not context.closed or context.pending:
            return []
        self._ending -= 1
        final: list[Command | Outgoing] = [Frame(wire.encode(wire.FinalOutput(context_id=context.id)))]
        return [*final, Close(1000)] if self._closing and not self._ending else final

    def _fail(self, code: str, text: str) -> list[Command | Outgoing]:
        """Every error ends the connection, with its words as the reason."""
        self._over, self._idle_at = True, None
        return [Frame(wire.encode(wire.SpeechError(text, code, POLICY))), Close(POLICY, text[:REASON])]


def _set(settings: wire.VoiceSettings) -> dict[str, Any]:
    """The settings that are given."""
    return {
        name: value
        for name, value in msgspec.structs.asdict(settings).items()
        if value is not UNSET and value is not None
    }
