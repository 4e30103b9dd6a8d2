"""The client's side of Flux: audio goes out, and where turns begin and end and what is said in them comes in. One connection's state.

Source: https://developers.deepgram.com/docs/flux/state (read 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import ConnectionError, DeadlineError
from voicechatengine.providers.deepgram import wire
from voicechatengine.providers.deepgram.config import DeepgramConfig
from voicechatengine.providers.deepgram.failures import failed, nonsense
from voicechatengine.session.dialect import Close, Frame, Outgoing, Ready, Restore

CHUNK_MS: Final = 80
"""Of audio in one frame (https://developers.deepgram.com/docs/flux/quickstart: strongly recommended)."""

SILENT_S: Final = 2.0
"""For a turn to be told of after the end of audio. Flux says nothing of the end of a turn that never began."""

Kind: TypeAlias = Literal["began", "words", "likely_end", "resumed", "ended"]

_KINDS: Final[dict[str, Kind]] = {
    "StartOfTurn": "began",
    "Update": "words",
    "EagerEndOfTurn": "likely_end",
    "TurnResumed": "resumed",
    "EndOfTurn": "ended",
}


class Audio(msgspec.Struct, frozen=True):
    """More of what is heard."""

    audio: bytes


class By(msgspec.Struct, frozen=True):
    """Who ends turns from now on: Flux, or `Finish` alone where `hand` is true."""

    hand: bool


class Hint(msgspec.Struct, frozen=True):
    """The language that is spoken (ISO 639)."""

    language: str


class Finish(msgspec.Struct, frozen=True):
    """The turn is over: its last words are wanted. Answered by `ended`, or by `Nothing`; not at all if not `wanted`."""

    wanted: bool = True


ToFlux: TypeAlias = Audio | By | Hint | Finish


class News(msgspec.Struct, frozen=True):
    """Of a turn: what happened, all its words so far, and where: `ago_ms` before the end of the audio that was given."""

    kind: Kind
    turn: int
    text: str
    ago_ms: float


class Nothing(msgspec.Struct, frozen=True):
    """The answer to `Finish` where nobody has spoken."""


FromFlux: TypeAlias = News | Nothing | Ready | ConnectionError


class FluxClient:
    """A `Dialect` of one connection."""

    def __init__(self, config: DeepgramConfig) -> None:
        self._config = config
        self._form: AudioFormat = config.input_format
        self._chunk = self._form.size_of(CHUNK_MS)
        self._buffer = bytearray()
        self._given = 0  # bytes of audio so far
        self._by_hand = False
        self._hint: str | None = None
        self._turn: int | None = None  # that is open
        self._unwanted_to = -1.0  # seconds of audio: a turn that began before is of no interest
        self._unwanted: int | None = None
        self._finishing = 0  # answers to `Finish` that are due
        self._due: float | None = None

    def opened(self, now: float, /) -> Sequence[FromFlux | Outgoing]:
        """See `Dialect.opened`: the service speaks first."""
        return ()

    def send(self, message: ToFlux, now: float, /) -> Sequence[FromFlux | Outgoing]:
        """See `Dialect.send`. Raises `AudioError` for what is not audio of the format."""
        match message:
            case Audio(audio=audio):
                self._form.check(audio)
                self._given += len(audio)
                self._buffer += audio
                return self._frames(self._chunk)
            case By(hand=hand):
                return self._by(hand=hand)
            case Hint(language=language):
                changed, self._hint = language != self._hint, language
                return [_said(wire.ConfigureListening(language_hints=[language]))] if changed else []
            case Finish(wanted=wanted):
                return self._finish(now, wanted=wanted)

    def receive(self, frame: bytes | str, now: float, /) -> Sequence[FromFlux | Outgoing]:
        """See `Dialect.receive`."""
        try:
            message = wire.from_listening(frame)
        except (ValueError, RecursionError):
            return [nonsense()]
        match message:
            case wire.ListeningConnected():
                return [Ready()]
            case wire.TurnInfo():
                return self._news(message, now)
            case wire.ConfigureFailure():
                return [failed("CONFIGURE", message.description or message.code or "it does not say why")]
            case wire.ListeningError():
                return [failed(message.code, message.description)]
            case _:
                return ()  # a warning, or what is new: there is nobody who could do something about it

    def closed(self, close: Close, now: float, /) -> Sequence[FromFlux | Outgoing]:
        """See `Dialect.closed`."""
        self._due = None
        return ()

    def deadline(self) -> float | None:
        """See `Dialect.deadline`."""
        return self._due

    def expired(self, now: float, /) -> Sequence[FromFlux | Outgoing]:
        """See `Dialect.expired`: the answer to `Finish` does not come."""
        self._finishing, self._due = 0, None
        if self._turn is None:
            return [Nothing()]
        seconds = self._config.timeouts.response
        return [
            DeadlineError(
                f"Deepgram did not end a turn within {seconds:g} s", cure="say it again", code="timeout"
            )
        ]

    def snapshot(self) -> Restore:
        """See `Dialect.snapshot`: a connection leaves nothing to the next one."""
        return Restore()

    # -- to the service

    def _frames(self, size: int) -> list[FromFlux | Outgoing]:
        """The audio that waits, in pieces of `size`; a smaller rest stays."""
        frames: list[FromFlux | Outgoing] = []
        while len(self._buffer) >= size > 0:
            frames.append(Frame(bytes(self._buffer[:size]), binary=True))
            del self._buffer[:size]
        return frames

    def _by(self, *, hand: bool) -> list[FromFlux | Outgoing]:
        if hand == self._by_hand:
            return []
        self._by_hand = hand
        config = self._config
        threshold: float = config.eot_threshold or wire.EOT_THRESHOLD
        timeout: float = config.eot_timeout_ms or wire.EOT_TIMEOUT_MS
        if hand:  # https://developers.deepgram.com/docs/flux/own-turn-detection (read 2026-11-22)
            threshold, timeout = wire.THRESHOLDS["eot_threshold"][1], wire.THRESHOLDS["eot_timeout_ms"][1]
        return [_said(wire.ConfigureListening(wire.Thresholds(threshold, eot_timeout_ms=timeout)))]

    def _finish(self, now: float, *, wanted: bool) -> list[FromFlux | Outgoing]:
        frames = self._frames(len(self._buffer))
        frames.append(_said(wire.ForceEndTurn()))
        self._finishing += wanted
        self._wait(now)
        if not wanted:
            self._unwanted_to = self._seconds()
            self._unwanted, self._turn = self._turn, None
        return frames

    def _wait(self, now: float) -> None:
        self._due = None
        if self._finishing:
            self._due = now + (SILENT_S if self._turn is None else self._config.timeouts.response)

    def _seconds(self) -> float:
        return self._form.duration_ms(self._given) / 1000

    # -- from the service

    def _news(self, info: wire.TurnInfo, now: float) -> list[FromFlux | Outgoing]:
        kind = _KINDS.get(info.event)
        at = _place(info, kind)
        if kind == "began" and at < self._unwanted_to:
            self._unwanted = info.turn_index
        if kind is None or info.turn_index == self._unwanted:
            return []
        if kind == "ended":
            self._turn, self._finishing = None, max(0, self._finishing - 1)
            self._wait(now)
        elif self._turn != info.turn_index:
            self._turn = info.turn_index
            self._wait(now)
        return [News(kind, info.turn_index, info.transcript, max(0.0, self._seconds() - at) * 1000)]


def _place(info: wire.TurnInfo, kind: Kind | None) -> float:
    """Where in the audio it happened (s): at a word, where the words tell, else where the audio ends that was looked at."""
    word = info.words[0] if info.words and kind == "began" else None
    if info.words and kind in ("likely_end", "ended"):
        word = info.words[-1]
        return info.audio_window_end if word.end is None else word.end
    return info.audio_window_end if word is None or word.start is None else word.start


def _said(message: wire.ToListening) -> Frame:
    return Frame(wire.encode(message))
