"""Flux from the service's side: audio in, news of turns out. One connection's state. Pure.

It hears by the energy of the audio when somebody speaks, and commits what they said to the provider, whose transcript is what the
turn says. So it works over any provider that transcribes what is committed by hand.
Source: https://developers.deepgram.com/docs/flux/state (read 2026-11-22).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import UNSET

from voicechatengine.audio.convert import to_pcm16
from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.recode import Recoder
from voicechatengine.audio.vad import Edge, Vad
from voicechatengine.errors import AudioError
from voicechatengine.events import ErrorInfo, Event, InputTranscript
from voicechatengine.messages import (
    AudioAppend,
    AudioCommit,
    Command,
    Options,
    SessionUpdate,
    Transcription,
)
from voicechatengine.providers.deepgram import wire
from voicechatengine.providers.deepgram.server_handshake import UUID, audio_format, hexed, threshold
from voicechatengine.session.dialect import Close, Frame, Ids, Outgoing, Restore

RATE: Final = 16_000
SILENCE_MS: Final = 400.0  # that ends a turn
CERTAIN: Final = 0.95
DOUBTFUL: Final = 0.1

_Event: TypeAlias = Literal["StartOfTurn", "Update", "EagerEndOfTurn", "TurnResumed", "EndOfTurn"]
_Out: TypeAlias = list[Command | Outgoing]


class _Turn:
    """One turn: where it begins and ends (s, None: not yet), and who ended it."""

    def __init__(self, since: float) -> None:
        self.since = since
        self.until: float | None = None
        self.trigger: Literal["model", "manual"] = "model"
        self.text = ""


class FluxServer:
    """Serves one connection over a provider that takes audio in `audio`; the handshake's `query` was accepted before."""

    def __init__(
        self, ids: Ids, query: Mapping[str, str], audio: AudioFormat, *, expires_after_s: float | None = None
    ) -> None:
        self._request_id = hexed(ids, UUID)
        self._form = audio_format(query, rate=RATE)
        self._recode = Recoder(self._form, audio)
        self._vad = Vad(self._form.sample_rate, silence_ms=SILENCE_MS)
        self._thresholds = {name: float(query[name]) for name in wire.THRESHOLDS if name in query}
        self._expires_after_s = expires_after_s
        self._expires: float | None = None
        self._sequence = 0
        self._index = 0
        self._waiting: deque[_Turn] = deque()  # for their words
        self._open: _Turn | None = None
        self._closing = False

    def opened(self, now: float, /) -> Sequence[Command | Outgoing]:
        """The service greets."""
        if self._expires_after_s is not None:
            self._expires = now + self._expires_after_s
        connected = wire.ListeningConnected(self._request_id, self._next())
        by_hand = Options(transcription=Transcription(), turn_detection=None)
        return [self._say(connected), SessionUpdate(by_hand)]

    def receive(self, frame: bytes | str, now: float, /) -> Sequence[Command | Outgoing]:
        """Audio is binary, all else text."""
        if isinstance(frame, bytes):
            return self._hear(frame)
        try:
            message = wire.to_listening(frame)
        except (ValueError, RecursionError):
            message = None
        match message:
            case wire.ForceEndTurn():
                return self._force()
            case wire.CloseStream():
                return self._close()
            case wire.ConfigureListening():
                return self._configure(message)
            case _:
                return self._fail("UNPARSABLE_CLIENT_MESSAGE", "Could not parse the message.")

    def send(self, message: Event, now: float, /) -> Sequence[Command | Outgoing]:
        """What the provider heard, on the wire."""
        match message:
            case InputTranscript(text=text, final=final):
                return self._transcript(text, final=final)
            case ErrorInfo(recoverable=False, message=text):
                return self._fail("INTERNAL_SERVER_ERROR", text)
            case ErrorInfo(command="audio_commit"):
                return self._transcript("", final=True)
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
        return self._fail("SESSION_EXPIRED", "The maximum session duration was reached.")

    def snapshot(self) -> Restore:
        """A connection leaves nothing behind."""
        return Restore()

    # -- what the client says

    def _hear(self, frame: bytes) -> Sequence[Command | Outgoing]:
        try:
            self._form.check(frame)
            audio, edges = self._recode(frame), self._vad.feed(to_pcm16(frame, self._form))
        except AudioError as error:
            return self._fail("DATA-0000", error.message)
        out: _Out = [AudioAppend(audio)] if audio else []
        for edge in edges:
            out += self._edge(edge)
        return out

    def _edge(self, edge: Edge) -> _Out:
        at = edge.at_ms / 1000
        if edge.speaking:
            if self._open is not None:  # a pause in a turn that only the client ends
                self._open.until = None
                return []
            self._open = _Turn(at)
            return [] if self._waiting else [self._info(self._open, "StartOfTurn", DOUBTFUL)]
        if self._open is not None:
            self._open.until = at
        by_hand = self._thresholds.get("eot_threshold", wire.EOT_THRESHOLD) >= 1
        return [] if by_hand else self._commit()

    def _commit(self) -> _Out:
        """The open turn is over: its words are wanted."""
        turn, self._open = self._open, None
        if turn is None:
            return []
        self._waiting.append(turn)
        return [AudioCommit()]

    def _force(self) -> Sequence[Command | Outgoing]:
        """Without a turn nothing happens."""
        if self._open is not None:
            self._open.trigger = "manual"
        self._vad.reset()
        return self._commit()

    def _close(self) -> Sequence[Command | Outgoing]:
        out = self._commit()
        self._closing = True
        return out if self._waiting else [Close(1000)]

    def _configure(self, message: wire.ConfigureListening) -> Sequence[Command | Outgoing]:
        asked = message.thresholds or wire.Thresholds()
        given = {name: value for name in wire.THRESHOLDS if (value := getattr(asked, name)) is not UNSET}
        problem = next((flaw for name, value in given.items() if (flaw := threshold(name, value))), None)
        if problem is not None:
            failure = wire.ConfigureFailure(self._request_id, self._next(), "INVALID_CONFIGURATION", problem)
            return [self._say(failure)]
        self._thresholds |= given
        keyterms = [] if message.keyterms is UNSET else message.keyterms
        hints = None if message.language_hints is UNSET else message.language_hints
        held = wire.Thresholds(**self._thresholds)
        done = wire.ConfigureSuccess(self._request_id, self._next(), held, keyterms, hints)
        return [self._say(done)]

    # -- what the provider says

    def _transcript(self, text: str, *, final: bool) -> Sequence[Command | Outgoing]:
        turn = self._waiting[0] if self._waiting else self._open
        if turn is None:
            return ()
        turn.text = text
        if not final:
            return [self._info(turn, "Update", DOUBTFUL)]
        if not self._waiting:
            return ()  # of a turn that the provider ended by itself: it goes on here
        self._waiting.popleft()
        out: _Out = []
        eager = self._thresholds.get("eager_eot_threshold")
        if eager is not None and turn.trigger == "model" and text:
            out.append(self._info(turn, "EagerEndOfTurn", eager))
        out.append(self._info(turn, "EndOfTurn", CERTAIN))
        self._index += 1
        later = self._waiting[0] if self._waiting else self._open
        if later is not None:
            out.append(self._info(later, "StartOfTurn", DOUBTFUL))
        return [*out, Close(1000)] if self._closing and later is None else out

    # -- writing

    def _info(self, turn: _Turn, event: _Event, confidence: float) -> Frame:
        heard_s = self._vad.position_ms / 1000
        until = heard_s if turn.until is None else turn.until
        info = wire.TurnInfo(
            event=event,
            turn_index=self._index,
            request_id=self._request_id,
            sequence_id=self._next(),
            audio_window_start=turn.since,
            audio_window_end=heard_s,
            transcript=turn.text,
            words=_words(turn.text, turn.since, max(turn.since, until)),
            end_of_turn_confidence=confidence,
            trigger=turn.trigger if event == "EndOfTurn" else UNSET,
        )
        return self._say(info)

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence - 1

    def _fail(self, code: str, description: str) -> list[Command | Outgoing]:
        return [self._say(wire.ListeningError(self._next(), code, description)), Close(1011, code)]

    @staticmethod
    def _say(message: wire.FromListening) -> Frame:
        return Frame(wire.encode(message))


def _words(text: str, since: float, until: float) -> list[wire.Word]:
    """The words, evenly over the time of the turn."""
    words = text.split()
    step = (until - since) / max(1, len(words))
    return [
        wire.Word(word, CERTAIN, round(since + step * index, 3), round(since + step * (index + 1), 3))
        for index, word in enumerate(words)
    ]
