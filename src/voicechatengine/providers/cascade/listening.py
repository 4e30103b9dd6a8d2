"""The user's audio in a cascade: cut into utterances by the turn detector or by hand, and given to the recogniser.

It tells what it finds through one callable, and holds a bounded stretch of audio. It knows no replies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal, NamedTuple

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.resample import Resampler
from voicechatengine.messages import TurnDetection
from voicechatengine.providers.cascade.parts import Turn, TurnDetector
from voicechatengine.providers.cascade.utterance import Utterance

PADDING_MS: Final = 300.0  # of audio from before speech, where the session does not say
KNOWN_LATE_MS: Final = 1_000.0  # after which speech is known to have begun, at most
LONGEST_MS: Final = 600_000.0  # of one turn

Border = Literal["began", "likely_end", "resumed", "ended", "too_long"]


class Found(NamedTuple):
    """A border of an utterance, at a position (ms) of the session's audio."""

    kind: Border
    at_ms: float
    utterance: Utterance


class Listening:
    """Hears one session's audio in `form`. `begin` makes an utterance; `heard` is what the recogniser takes.

    Without `detection` all audio is part of a turn, until `take`. `before` is what listened to the same session until now.
    """

    def __init__(
        self,
        form: AudioFormat,
        heard: AudioFormat,
        turns: TurnDetector | None,
        detection: TurnDetection | None,
        begin: Callable[[], Utterance],
        *,
        before: Listening | None = None,
    ) -> None:
        self._form = form
        self._heard = heard
        self._turns = turns if detection is not None else None
        self._begin = begin
        self._to_words = Resampler(form, heard)
        self._to_turns = None if self._turns is None else Resampler(form, self._turns.format)
        padding = detection.prefix_padding_ms if detection is not None else None
        self._padding_ms = PADDING_MS if padding is None else float(padding)
        self._before = bytearray()  # what was heard last, while nobody spoke
        self._full = False
        self.position_ms: float = 0.0 if before is None else before.position_ms
        self._unturned_ms: float = 0.0 if before is None else before.unturned_ms
        self.utterance: Utterance | None = None

    @property
    def unturned_ms(self) -> float:
        """How much of the session's audio the turn detector was not given."""
        return self._unturned_ms

    def hear(self, audio: bytes) -> Iterator[Found]:
        """The next frame of audio. Raises what the turn detector raises."""
        self.position_ms += self._form.duration_ms(len(audio))
        piece = self._to_words.feed(audio)
        if self._turns is None or self._to_turns is None:
            self._unturned_ms += self._form.duration_ms(len(audio))
            if self.utterance is None:
                self.utterance = self._begin()
            yield from self._put(self.utterance, piece)
            return
        if self.utterance is not None:
            yield from self._put(self.utterance, piece)
        else:
            self._before += piece
        for turn in self._turns.hear(self._to_turns.feed(audio)):
            yield from self._border(turn)
        surplus = len(self._before) - self._heard.size_of(self._padding_ms + KNOWN_LATE_MS)
        if surplus > 0:
            del self._before[: surplus - surplus % self._heard.block_bytes]

    def take(self) -> Utterance | None:
        """The utterance that is being spoken; it is a turn now, and what comes is another."""
        utterance, self.utterance = self.utterance, None
        if utterance is not None:
            utterance.put(self._to_words.flush())
        self._before.clear()
        if self._turns is not None:
            self._turns.reset()
        return utterance

    def _put(self, utterance: Utterance, piece: bytes) -> Sequence[Found]:
        if utterance.size <= self._heard.size_of(LONGEST_MS):
            self._full = False
            utterance.put(piece)
            return ()
        if self._full:
            return ()
        self._full = True
        return (Found("too_long", self.position_ms, utterance),)

    def _border(self, turn: Turn) -> Iterator[Found]:
        at_ms = max(0.0, turn.at_ms + self._unturned_ms)
        if turn.kind == "began" and self.utterance is None:
            utterance = self.utterance = self._begin()
            kept = self._heard.size_of(max(0.0, self.position_ms - at_ms) + self._padding_ms)
            utterance.put(bytes(self._before[max(0, len(self._before) - kept) :]))
            self._before.clear()
            yield Found("began", at_ms, utterance)
        elif self.utterance is not None and turn.kind != "began":
            utterance = self.utterance
            if turn.kind == "likely_end":
                utterance.pause()
            elif turn.kind == "resumed":
                utterance.resume()
            else:
                self.utterance = None
            yield Found(turn.kind, at_ms, utterance)
