"""The client's side of speech, of Flux and of Aura: sentences go out, their sound comes in. One connection's state.

A sentence is one turn of Flux's, one flush of Aura's; they come back in their order, and no frame of sound says which one it
belongs to. So what is not wanted any more is dropped until the service says that it is over: by its answer to the stop, or by the
end of the sentence where it was not stopped in time.
Sources, read 2026-11-22: https://developers.deepgram.com/docs/flux-tts/state,
https://developers.deepgram.com/docs/flux-tts/interrupt-handling, https://developers.deepgram.com/docs/tts-ws-clear.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TypeAlias

import msgspec
from msgspec import UNSET

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import ConnectionError
from voicechatengine.providers.deepgram import wire
from voicechatengine.providers.deepgram.failures import failed, nonsense
from voicechatengine.session.dialect import Close, Frame, Outgoing, Ready, Restore


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
    """One that is on its way. `began_ms` is where in the connection's audio it begins, once it has."""

    def __init__(self) -> None:
        self.began_ms: float | None = None
        self.speech_id: str | None = None
        self.wanted = True


class SpeechClient:
    """A `Dialect` of one connection that gives audio in `form`; with `aura` it is the older socket's."""

    def __init__(self, form: AudioFormat, *, aura: bool) -> None:
        self._form = form
        self._aura = aura
        self._read = wire.from_aura if aura else wire.from_speech
        self._sentences: deque[_Sentence] = deque()
        self._rest: bytes = b""  # of a sample
        self._made_ms = 0.0  # the connection's audio so far, as the service counts it
        self._base_ms = 0.0  # where the last interruption was: another must be behind it
        self._over: str | None = None  # the last turn that ended

    def opened(self, now: float, /) -> Sequence[FromSpeech | Outgoing]:
        """See `Dialect.opened`: Flux speaks first; of Aura that is not promised."""
        return [Ready()] if self._aura else ()

    def send(self, message: ToSpeech, now: float, /) -> Sequence[FromSpeech | Outgoing]:
        """See `Dialect.send`."""
        match message:
            case Say(text=text):
                self._sentences.append(_Sentence())
                return [_said(wire.Speak(text)), _said(wire.Flush())]
            case Stop(taken_ms=taken_ms):
                return self._stop(taken_ms)

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
        return ()

    def deadline(self) -> float | None:
        """There is none: the wire has no message that keeps it alive, and a connection that was closed is opened anew."""
        return None

    def expired(self, now: float, /) -> Sequence[FromSpeech | Outgoing]:
        """Never called: there is no deadline."""
        return ()

    def snapshot(self) -> Restore:
        """See `Dialect.snapshot`: a connection leaves nothing to the next one."""
        return Restore()

    def _stop(self, taken_ms: float) -> list[FromSpeech | Outgoing]:
        sentence = self._sentences[-1] if self._sentences else None
        if sentence is None or not sentence.wanted:
            return []
        sentence.wanted = False
        if self._aura:
            return [_said(wire.Clear())]
        # The service counts from the first sound of the connection, and refuses what is not behind the last interruption.
        began_ms = self._made_ms if sentence.began_ms is None else sentence.began_ms
        at = round(began_ms + taken_ms)
        return [_said(wire.Interrupt(wire.Offset(at) if at > self._base_ms else UNSET))]

    def _told(self, message: wire.FromSpeech | wire.FromAura | None) -> Sequence[FromSpeech | Outgoing]:
        match message:
            case wire.SpeechConnected():
                return [Ready()]
            case wire.SpeechStarted(speech_id=speech_id):
                if self._sentences:
                    self._sentences[0].speech_id = speech_id
            case wire.SpeechInterrupted():
                return self._cut(message)
            case wire.AuraCleared():
                while self._sentences and not self._sentences[0].wanted:
                    self._sentences.popleft()
            case wire.SpeechError():
                return [failed(message.code, message.description)]
            case _:
                pass  # a warning of what was done all the same, or what is new
        return ()

    def _sound(self, audio: bytes) -> Sequence[FromSpeech | Outgoing]:
        sentence = self._sentences[0] if self._sentences else None
        if sentence is None:
            return ()
        if sentence.began_ms is None:
            sentence.began_ms = self._made_ms
        audio = self._rest + audio
        whole = len(audio) - len(audio) % self._form.block_bytes
        self._rest = audio[whole:]
        self._made_ms += self._form.duration_ms(whole)
        return [Sound(audio[:whole])] if whole and sentence.wanted else ()

    def _ended(self) -> Sequence[FromSpeech | Outgoing]:
        if not self._sentences:
            return ()
        sentence = self._sentences.popleft()
        self._over = sentence.speech_id
        self._rest = b""
        return [Said()] if sentence.wanted else ()

    def _cut(self, message: wire.SpeechInterrupted) -> list[FromSpeech | Outgoing]:
        """The sentence may have ended by itself just before: then this one is not it."""
        self._made_ms = self._base_ms = float(message.audio_played_ms)
        front = self._sentences[0] if self._sentences else None
        if front is not None and not front.wanted and message.metadata.speech_id != self._over:
            self._sentences.popleft()
            self._over = front.speech_id
            self._rest = b""
        spoken, remaining = message.text_spoken, message.text_remaining
        return [Cut(None if spoken is UNSET else spoken, None if remaining is UNSET else remaining)]


def _said(message: wire.ToSpeech | wire.ToAura) -> Frame:
    return Frame(wire.encode(message))
