"""The client's side of multi-context speech: a sentence is a context, its sound comes back under its id. One connection's state.

A context is flushed and closed with its sentence, so that the service says when it ends. What is not wanted any more is dropped
by its id: the service finishes what was flushed. A context of its own keeps the connection alive between sentences.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec
import pybase64
from msgspec import UNSET

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import ConnectionError
from voicechatengine.events import AudioChunk, ErrorInfo, ResponseCompleted, VendorMessage
from voicechatengine.providers.elevenlabs import wire
from voicechatengine.providers.elevenlabs.failures import SPEECH, ended, failed
from voicechatengine.session.dialect import Close, Frame, Outgoing, Ready, Restore

KEPT: Final = "keep"
"""The id of the context that is only kept alive."""

KEEP_ALIVE_S: Final = 60.0  # a third of the `inactivity_timeout` that the connection asks for
MOST: Final = 4  # contexts beside it: the service refuses a sixth, and ends the connection for it


class Speak(msgspec.Struct, frozen=True):
    """Say a sentence, as the context of that id."""

    context_id: str
    text: str


class Stop(msgspec.Struct, frozen=True):
    """Nothing more of that context is wanted; harmless when it has ended."""

    context_id: str


ToSpeech: TypeAlias = Speak | Stop
FromSpeech: TypeAlias = AudioChunk | ResponseCompleted | VendorMessage | ErrorInfo | Ready | ConnectionError
"""Sound and end of a context; its id is the response's."""


class SpeechClient:
    """A `Dialect` of one connection that gives audio in `form`.

    The service accepts a handshake before it looks at key and voice, and says nothing where both are good: `grace_s` is how
    long its objections are waited for.
    """

    def __init__(
        self, form: AudioFormat, settings: wire.VoiceSettings | None = None, grace_s: float = 0.0
    ) -> None:
        self._form = form
        self._settings = settings or UNSET
        self._grace_s = grace_s
        self._ready_at: float | None = None
        self._next: float | None = None
        self._waiting: deque[Speak] = deque()
        self._open: dict[str, bytes] = {}  # by id: the part of a sample that waits for its rest
        self._unwanted: set[str] = set()  # of those that are open

    def opened(self, now: float, /) -> Sequence[FromSpeech | Outgoing]:
        """See `Dialect.opened`."""
        frame = self._frame(now, self._first(KEPT))
        if not self._grace_s:
            return [frame, Ready()]
        self._ready_at = now + self._grace_s
        return [frame]

    def send(self, message: ToSpeech, now: float, /) -> Sequence[FromSpeech | Outgoing]:
        """See `Dialect.send`."""
        match message:
            case Speak():
                self._waiting.append(message)
                return self._begin(now)
            case Stop(context_id=context_id):
                self._waiting = deque(one for one in self._waiting if one.context_id != context_id)
                if context_id in self._open:
                    self._unwanted.add(context_id)
                return []

    def receive(self, frame: bytes | str, now: float, /) -> Sequence[FromSpeech | Outgoing]:
        """See `Dialect.receive`."""
        try:
            message = wire.decode_speech(frame)
            raw = None if message.audio or message.is_final else wire.decode_object(frame)
        except (ValueError, RecursionError):  # no JSON, or not of that form
            return [_nonsense()]
        if message.error is not None:
            return [failed(SPEECH, message.error, message.message or "")]
        outputs: list[FromSpeech | Outgoing] = []
        context_id = message.context_id or ""
        if message.audio:
            outputs += self._sound(context_id, message.audio)
        if message.is_final and context_id in self._open:
            del self._open[context_id]
            if context_id not in self._unwanted:
                outputs.append(ResponseCompleted(context_id))
            self._unwanted.discard(context_id)
            outputs += self._begin(now)
        return outputs if raw is None else [VendorMessage("speech", raw)]

    def closed(self, close: Close, now: float, /) -> Sequence[FromSpeech | Outgoing]:
        """See `Dialect.closed`."""
        self._ready_at = self._next = None
        error = ended(close)
        return [] if error is None else [error]

    def deadline(self) -> float | None:
        """See `Dialect.deadline`."""
        return self._next if self._ready_at is None else self._ready_at

    def expired(self, now: float, /) -> Sequence[FromSpeech | Outgoing]:
        """See `Dialect.expired`: nobody objected, or it was quiet for long."""
        if self._ready_at is not None:
            self._ready_at = None
            return [Ready()]
        return [self._frame(now, wire.ToSpeech(text="", context_id=KEPT))]

    def snapshot(self) -> Restore:
        """See `Dialect.snapshot`: a connection leaves nothing to the next one."""
        return Restore()

    # -- to the service

    def _begin(self, now: float) -> list[FromSpeech | Outgoing]:
        """Says what waits, as far as there is a context for it."""
        frames: list[FromSpeech | Outgoing] = []
        while self._waiting and len(self._open) < MOST:
            message = self._waiting.popleft()
            context_id = message.context_id
            self._open[context_id] = b""
            frames += [
                self._frame(now, self._first(context_id)),
                self._frame(
                    now, wire.ToSpeech(text=f"{message.text.strip()} ", context_id=context_id, flush=True)
                ),
                self._frame(now, wire.ToSpeech(context_id=context_id, close_context=True)),
            ]
        return frames

    def _first(self, context_id: str) -> wire.ToSpeech:
        """What opens a context. The settings are the same for all: the service takes no others on one connection."""
        return wire.ToSpeech(text=" ", context_id=context_id, voice_settings=self._settings)

    def _frame(self, now: float, message: wire.ToSpeech) -> Frame:
        self._next = now + KEEP_ALIVE_S
        return Frame(wire.encode(message))

    # -- from the service

    def _sound(self, context_id: str, text: str) -> list[FromSpeech | Outgoing]:
        if context_id not in self._open or context_id in self._unwanted:
            return []
        try:
            audio = self._open[context_id] + pybase64.b64decode(text, None, True)
        except ValueError:
            return [_nonsense()]
        whole = len(audio) - len(audio) % self._form.block_bytes
        self._open[context_id] = audio[whole:]
        return [AudioChunk(audio[:whole], response_id=context_id)] if whole else []


def _nonsense() -> ErrorInfo:
    return ErrorInfo("protocol_error", "ElevenLabs sent what cannot be read")
