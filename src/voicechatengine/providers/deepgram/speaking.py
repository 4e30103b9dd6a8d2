"""The client's side of speech, of Flux and of Aura: sentences go out, their sound comes in. One connection's state.

A sentence is one turn of Flux's, one flush of Aura's. No frame of sound says which sentence it belongs to, so there is one at a time:
after a stop, sound is dropped and the next sentence waits until the service says that the last one is over, by its answer to the
stop or by the end of the sentence where it was not stopped in time.
Sources, read 2026-11-22: https://developers.deepgram.com/docs/flux-tts/state,
https://developers.deepgram.com/docs/flux-tts/interrupt-handling, https://developers.deepgram.com/docs/tts-ws-clear.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec
from msgspec import UNSET

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import ConnectionError, DeadlineError
from voicechatengine.providers.deepgram import wire
from voicechatengine.providers.deepgram.failures import failed, nonsense
from voicechatengine.session.dialect import Close, Frame, Outgoing, Ready, Restore

STOP_S: Final = 5.0
"""For the service to stop; it is asked to within a fraction of a second."""


class Say(msgspec.Struct, frozen=True):
    """A sentence."""

    text: str


class Stop(msgspec.Struct, frozen=True):
    """The rest of the sentence is not wanted; `taken_ms` of it was. Harmless when it has ended."""

    taken_ms: float = 0.0


ToSpeech: TypeAlias = Say | Stop


class Sound(msgspec.Struct, frozen=True):
    """More of a sentence's audio, in whole samples."""

    audio: bytes


class Said(msgspec.Struct, frozen=True):
    """A sentence is whole."""


class Cut(msgspec.Struct, frozen=True):
    """What Flux says of a sentence that was stopped: which of its words were in the audio that was taken, and which were not
    (None where it does not know).
    """

    spoken: str | None
    remaining: str | None


FromSpeech: TypeAlias = Sound | Said | Cut | Ready | ConnectionError


class _Sentence:
    """The one that is on its way. `began_ms` is where in the connection's audio it begins, once it has."""

    def __init__(self) -> None:
        self.began_ms: float | None = None
        self.speech_id: str | None = None
        self.wanted = True
        self.ignored = False  # the stop did nothing


class SpeechClient:
    """A `Dialect` of one connection that gives audio in `form`; with `aura` it is the older socket's."""

    def __init__(self, form: AudioFormat, *, aura: bool) -> None:
        self._form = form
        self._aura = aura
        self._read = wire.from_aura if aura else wire.from_speech
        self._sentence: _Sentence | None = None
        self._held: deque[str] = deque()  # sentences that wait for the end of it
        self._rest: bytes = b""  # of a sample
        self._made_ms = 0.0  # the connection's audio so far, as the service counts it
        self._base_ms = 0.0  # where the last interruption was: another must be behind it
        self._over: str | None = None  # the last turn that ended
        self._due: float | None = None

    def opened(self, now: float, /) -> Sequence[FromSpeech | Outgoing]:
        """See `Dialect.opened`: Flux speaks first; of Aura that is not promised."""
        return [Ready()] if self._aura else ()

    def send(self, message: ToSpeech, now: float, /) -> Sequence[FromSpeech | Outgoing]:
        """See `Dialect.send`."""
        match message:
            case Say(text=text):
                self._held.append(text)
                return self._next()
            case Stop(taken_ms=taken_ms):
                return self._stop(taken_ms, now)

    def receive(self, frame: bytes | str, now: float, /) -> Sequence[FromSpeech | Outgoing]:
        """See `Dialect.receive`: sound is binary, all else text."""
        if isinstance(frame, bytes):
            return self._sound(frame)
        try:
            message = self._read(frame)
        except (ValueError, RecursionError):
            return [nonsense()]
        if isinstance(message, wire.SpeechMetadata | wire.AuraFlushed):
            return self._ended()
        return self._told(message)

    def closed(self, close: Close, now: float, /) -> Sequence[FromSpeech | Outgoing]:
        """See `Dialect.closed`."""
        self._due = None
        return ()

    def deadline(self) -> float | None:
        """See `Dialect.deadline`. Nothing keeps the connection alive: the wire has no message for it, and one that was closed
        is opened anew.
        """
        return self._due

    def expired(self, now: float, /) -> Sequence[FromSpeech | Outgoing]:
        """See `Dialect.expired`: the service goes on with what nobody wants."""
        self._due = None
        return [
            DeadlineError(f"Deepgram did not stop within {STOP_S:g} s", cure="say it again", code="timeout")
        ]

    def snapshot(self) -> Restore:
        """See `Dialect.snapshot`: a connection leaves nothing to the next one."""
        return Restore()

    # -- to the service

    def _next(self) -> list[FromSpeech | Outgoing]:
        if self._sentence is not None or not self._held:
            return []
        self._sentence, self._rest = _Sentence(), b""
        return [_said(wire.Speak(self._held.popleft())), _said(wire.Flush())]

    def _stop(self, taken_ms: float, now: float) -> list[FromSpeech | Outgoing]:
        sentence = self._sentence
        if self._held:
            self._held.pop()
            return []
        if sentence is None or not sentence.wanted:
            return []
        sentence.wanted = False
        self._due = now + STOP_S
        if self._aura:
            return [_said(wire.Clear())]
        began_ms = self._made_ms if sentence.began_ms is None else sentence.began_ms
        return [self._interrupt(began_ms + taken_ms)]

    def _interrupt(self, at_ms: float) -> Frame:
        """The service counts from the first sound of the connection, and refuses what is not behind the last interruption."""
        at = round(at_ms)
        return _said(wire.Interrupt(wire.Offset(at) if at > self._base_ms else UNSET))

    # -- from the service

    def _told(self, message: wire.FromSpeech | wire.FromAura | None) -> Sequence[FromSpeech | Outgoing]:
        sentence = self._sentence
        match message:
            case wire.SpeechConnected():
                return [Ready()]
            case wire.SpeechError():
                return [failed(message.code, message.description)]
            case wire.SpeechInterrupted():
                return self._cut(message)
            case wire.AuraCleared() if sentence is not None and not sentence.wanted:
                return self._ended()
            case wire.SpeechStarted(speech_id=speech_id) if sentence is not None:
                sentence.speech_id = speech_id
            case wire.SpeechWarning(code=code) if sentence is not None:
                sentence.ignored = not sentence.wanted and code in wire.IGNORED
            case _:
                pass  # what nobody could do anything about, or what is new
        return ()

    def _sound(self, audio: bytes) -> Sequence[FromSpeech | Outgoing]:
        sentence = self._sentence
        if sentence is None:
            return ()
        if sentence.began_ms is None:
            sentence.began_ms = self._made_ms
        audio = self._rest + audio
        whole = len(audio) - len(audio) % self._form.block_bytes
        self._rest = audio[whole:]
        self._made_ms += self._form.duration_ms(whole)
        if sentence.ignored:  # it could not be stopped before it had begun
            sentence.ignored = False
            return [self._interrupt(sentence.began_ms)]
        return [Sound(audio[:whole])] if whole and sentence.wanted else ()

    def _ended(self) -> list[FromSpeech | Outgoing]:
        sentence, self._sentence, self._due = self._sentence, None, None
        if sentence is None:
            return []
        self._over = sentence.speech_id
        return [Said(), *self._next()] if sentence.wanted else self._next()

    def _cut(self, message: wire.SpeechInterrupted) -> list[FromSpeech | Outgoing]:
        """The sentence may have ended by itself just before: then this one is not it."""
        self._made_ms = self._base_ms = float(message.audio_played_ms)
        spoken, remaining = message.text_spoken, message.text_remaining
        cut = Cut(None if spoken is UNSET else spoken, None if remaining is UNSET else remaining)
        sentence = self._sentence
        if sentence is None or sentence.wanted or message.metadata.speech_id == self._over:
            return [cut]
        return [cut, *self._ended()]


def _said(message: wire.ToSpeech | wire.ToAura) -> Frame:
    return Frame(wire.encode(message))
