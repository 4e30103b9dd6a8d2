"""Speech from the service's side: text in, the sound of what the provider answers to it out. One connection's state.

A turn is text up to its flush; it goes to the provider as the user's words, and what the provider says to them is the sound of it:
the provider that the simulator has by itself says them again. Turns wait for each other.
Sources, read 2026-11-22: https://developers.deepgram.com/docs/flux-tts/state, https://developers.deepgram.com/docs/flux-tts/client-messages,
https://developers.deepgram.com/docs/tts-websocket.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import UNSET

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.recode import Recoder
from voicechatengine.events import AudioChunk, ErrorInfo, Event, ResponseCompleted, ResponseStarted, TextChunk
from voicechatengine.messages import (
    Command,
    ItemCreate,
    MessageItem,
    Options,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    TextPart,
)
from voicechatengine.providers.deepgram import wire
from voicechatengine.providers.deepgram.server_handshake import UUID, audio_format, hexed, speed
from voicechatengine.session.dialect import Close, Frame, Ids, Outgoing, Restore

RATE: Final = 24_000
SPEECH_ID: Final = 12
VERSION: Final = "2026-11-22"


class _Turn:
    """A turn that is being said: how long it sounds so far, how many letters of it were said, and the provider's id for it."""

    def __init__(self, text: str, speech_id: str, began_ms: float) -> None:
        self.text = text
        self.speech_id = speech_id
        self.began_ms = began_ms
        self.ms = 0.0
        self.letters = 0
        self.response_id: str | None = None
        self.cut: wire.Interrupt | wire.Clear | None = None


class SpeechServer:
    """Serves one connection over a provider that speaks in `audio`; the handshake's `query` was accepted before. With `aura` it is
    the older socket.
    """

    def __init__(
        self,
        ids: Ids,
        query: Mapping[str, str],
        audio: AudioFormat,
        *,
        aura: bool,
        expires_after_s: float | None = None,
    ) -> None:
        self._ids = ids
        self._aura = aura
        self._read = wire.to_aura if aura else wire.to_speech
        self._model = query.get("model", "aura-asteria-en")
        self._form = audio_format(query, rate=RATE)
        self._source = audio
        self._recode = Recoder(audio, self._form)
        self._expires_after_s = expires_after_s
        self._expires: float | None = None
        self._text = ""
        self._pending: deque[str] = deque()
        self._turn: _Turn | None = None
        self._made_ms = 0.0
        self._base_ms = -1.0  # where the last interruption was
        self._sequence = 0
        self._total = [0, 0]  # characters, and those that cost
        self._closing = False

    def opened(self, now: float, /) -> Sequence[Command | Outgoing]:
        """The service greets."""
        if self._expires_after_s is not None:
            self._expires = now + self._expires_after_s
        request_id, model_id = hexed(self._ids, UUID), hexed(self._ids, UUID)
        greeting: wire.FromSpeech | wire.FromAura
        if self._aura:
            greeting = wire.AuraMetadata(request_id, self._model, VERSION, model_id)
        else:
            greeting = wire.SpeechConnected(request_id, self._model, VERSION, [model_id])
        return [_say(greeting), SessionUpdate(Options(modalities=("audio",)))]

    def receive(self, frame: bytes | str, now: float, /) -> Sequence[Command | Outgoing]:
        """All of it is text."""
        try:
            message = self._read(frame) if isinstance(frame, str) else None
        except (ValueError, RecursionError):
            message = None
        match message:
            case wire.Speak(text=text):
                self._text += text
                return ()
            case wire.Flush():
                return self._flush()
            case wire.Interrupt() | wire.Clear():
                return self._stop(message)
            case wire.ConfigureSpeech():
                return [_say(_configured(message))]
            case wire.CloseSpeech():
                self._closing = True
                return self._flush() if self._text else self._bye()
            case _:
                return self._fail("MESSAGE-0000", "Could not parse the message.")

    def send(self, message: Event, now: float, /) -> Sequence[Command | Outgoing]:
        """What the provider says, on the wire."""
        turn = self._turn
        if turn is None:
            return ()
        match message:
            case ResponseStarted(response_id=response_id):
                turn.response_id = response_id
                return () if turn.cut is None else [ResponseCancel(response_id)]
            case TextChunk(text=text, spoken=True):
                turn.letters += len(text)
                return ()
            case AudioChunk(audio=audio, format=form):
                return self._sound(turn, audio, form)
            case ResponseCompleted():
                return self._end(turn, message)
            case ErrorInfo(recoverable=recoverable, command=command, message=text):
                refused = command in ("item_create", "response_create")
                return self._fail("NET-0000", text) if refused or not recoverable else ()
            case _:
                return ()

    def closed(self, close: Close, now: float, /) -> Sequence[Command | Outgoing]:
        """The client went away: nothing is left to say."""
        self._expires = None
        return ()

    def deadline(self) -> float | None:
        """When the session expires, if it was told to."""
        return self._expires

    def expired(self, now: float, /) -> Sequence[Command | Outgoing]:
        """The session is over."""
        self._expires = None
        return self._fail("NET-0001", "The maximum session duration was reached.")

    def snapshot(self) -> Restore:
        """A connection leaves nothing behind."""
        return Restore()

    # -- what the client says

    def _flush(self) -> Sequence[Command | Outgoing]:
        text, self._text = self._text, ""
        if not text and not self._aura:
            return [_warning("NO_ACTIVE_SPEECH", "There is no active speech.")]
        self._pending.append(text)
        return self._begin()

    def _begin(self) -> list[Command | Outgoing]:
        """The next turn, if none is being said."""
        out: list[Command | Outgoing] = []
        while self._turn is None and self._pending:
            text = self._pending.popleft()
            turn = self._turn = _Turn(text, f"dg_sp_{hexed(self._ids, SPEECH_ID)}", self._made_ms)
            if not self._aura:
                out.append(_say(wire.SpeechStarted(turn.speech_id)))
            if any(char.isalnum() for char in text):
                return [*out, ItemCreate(MessageItem("user", (TextPart(text),))), ResponseCreate()]
            if not self._aura:
                out.append(_warning("NO_SYNTHESIZABLE_TEXT", "The text of the turn holds no words."))
            out += self._over(turn)
        return [*out, *self._bye()] if self._closing and self._turn is None else out

    def _stop(self, message: wire.Interrupt | wire.Clear) -> Sequence[Command | Outgoing]:
        turn = self._turn
        if isinstance(message, wire.Interrupt):
            offset = message.playback_offset
            if not self._made_ms:
                return [_warning("NO_AUDIO_GENERATED", "No audio has been generated yet.")]
            if turn is not None and turn.cut is not None:
                return [_warning("INTERRUPT_IN_PROGRESS", "An interrupt is being processed.")]
            if offset is not UNSET and offset.value <= self._base_ms:
                return [_warning("INVALID_INTERRUPT_OFFSET", "The offset does not advance.")]
        self._text = ""
        self._pending.clear()
        if turn is None:
            if self._aura:
                return [self._cleared()]
            return [_warning("NO_ACTIVE_SPEECH", "There is no active speech.")]
        turn.cut = message
        return [] if turn.response_id is None else [ResponseCancel(turn.response_id)]

    # -- what the provider says

    def _sound(self, turn: _Turn, audio: bytes, form: AudioFormat | None) -> Sequence[Command | Outgoing]:
        if turn.cut is not None:
            return ()
        if form is not None and not form.same_sound(self._source):
            self._source, self._recode = form, Recoder(form, self._form)
        sound = self._recode(audio)
        turn.ms += self._form.duration_ms(len(sound))
        self._made_ms = turn.began_ms + turn.ms
        return [Frame(sound, binary=True)] if sound else ()

    def _end(self, turn: _Turn, done: ResponseCompleted) -> Sequence[Command | Outgoing]:
        if done.status == "failed" and turn.cut is None:
            return self._fail("NET-0000", done.reason or "Synthesis failed.")
        if isinstance(turn.cut, wire.Clear):
            self._turn = None
            return [self._cleared(), *self._begin()]
        out = self._over(turn) if turn.cut is None else [self._interrupted(turn, turn.cut)]
        return [*out, *self._begin()]

    def _over(self, turn: _Turn) -> list[Command | Outgoing]:
        """A turn has been said."""
        self._turn = None
        if self._aura:
            self._sequence += 1
            return [_say(wire.AuraFlushed(self._sequence - 1))]
        spent = self._cost(turn)
        metadata = wire.SpeechMetadata(
            spent.speech_id, spent.audio_duration_ms, len(turn.text), len(turn.text)
        )
        return [_say(wire.SpeechFlushed(turn.speech_id)), _say(metadata)]

    def _interrupted(self, turn: _Turn, asked: wire.Interrupt) -> Frame:
        self._turn = None
        cost = self._cost(turn)
        offset = asked.playback_offset
        if offset is UNSET:
            self._base_ms = self._made_ms
            return _say(wire.SpeechInterrupted(round(self._made_ms), UNSET, UNSET, cost))
        self._base_ms = self._made_ms = float(offset.value)
        share = (offset.value - turn.began_ms) / turn.ms if turn.ms else 0.0
        at = _between_words(turn.text, round(turn.letters * share))
        return _say(wire.SpeechInterrupted(offset.value, turn.text[:at], turn.text[at:], cost))

    def _cost(self, turn: _Turn) -> wire.Interruption:
        self._total[0] += len(turn.text)
        self._total[1] += len(turn.text)
        return wire.Interruption(turn.speech_id, round(turn.ms), len(turn.text), len(turn.text))

    def _cleared(self) -> Frame:
        self._sequence += 1
        return _say(wire.AuraCleared(self._sequence - 1))

    def _bye(self) -> list[Command | Outgoing]:
        """The last words, once everything is said."""
        if self._turn is not None:
            return []
        metadata = wire.SessionMetadata(round(self._made_ms), *self._total)
        return [*([] if self._aura else [_say(metadata)]), Close(1000)]

    def _fail(self, code: str, description: str) -> list[Command | Outgoing]:
        return [_say(wire.SpeechError(code, description)), Close(1011, code)]


def _between_words(text: str, letters: int) -> int:
    """Where a text is to be cut of which so many letters were spoken: a word that was begun counts."""
    at = min(len(text), max(0, letters))
    while 0 < at < len(text) and not text[at - 1].isspace():
        at += 1
    return at


def _configured(message: wire.ConfigureSpeech) -> wire.SpeechConfigured | wire.SpeechNotConfigured:
    if message.speed is UNSET:
        return wire.SpeechConfigured()
    code = speed(message.speed)
    if code is None:
        return wire.SpeechConfigured(wire.SpeedSet(message.speed))
    return wire.SpeechNotConfigured(code, "The speed cannot be set.", "speed", message.speed)


def _warning(code: str, description: str) -> Frame:
    return _say(wire.SpeechWarning(code, description))


def _say(message: wire.FromSpeech | wire.FromAura) -> Frame:
    return Frame(wire.encode(message))
