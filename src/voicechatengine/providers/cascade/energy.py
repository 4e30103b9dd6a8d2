"""`EnergyTurns`: turn detection by the energy of the audio, with no dependency. It hears levels, and no words."""

from __future__ import annotations

from typing import Final

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.vad import Vad
from voicechatengine.errors import MessageError
from voicechatengine.messages import TurnDetection
from voicechatengine.providers.cascade.parts import Turn

SILENCE_MS: Final = 500.0
LIKELY_MS: Final = 200.0
THRESHOLD: Final = 0.5


class EnergyTurns:
    """Finds turns in mono PCM16 of `sample_rate` Hz.

    `silence_ms` of quiet end a turn; after `likely_ms` of it the end is announced as likely. `threshold` 0..1 is how loud
    speech has to be at least (see `audio.vad.Vad`). Raises `MessageError` for what is no time or no threshold.
    """

    def __init__(
        self,
        sample_rate: int = 16_000,
        *,
        silence_ms: float = SILENCE_MS,
        likely_ms: float = LIKELY_MS,
        threshold: float = THRESHOLD,
    ) -> None:
        for name, value, high in (
            ("silence_ms", silence_ms, float("inf")),
            ("likely_ms", likely_ms, float("inf")),
            ("threshold", threshold, 1.0),
        ):
            if not 0 <= value <= high:
                raise MessageError(
                    f"EnergyTurns: {name} is {value!r}", field=name, cure=f"give a number from 0 to {high}"
                )
        self._format = AudioFormat(sample_rate=sample_rate)
        self._likely_ms = likely_ms
        self._usual = (threshold, silence_ms)
        self._silence_ms = silence_ms
        self._vad = Vad(sample_rate, threshold=threshold)
        self._open = False
        self._ended_at: float | None = None  # where the pause begins that may be the end
        self._quiet_ms = 0.0

    @property
    def format(self) -> AudioFormat:
        """What `hear` takes."""
        return self._format

    async def open(self) -> None:
        """Begins a new stream."""
        if not self._open:
            self._open = True
            self._vad = Vad(self._format.sample_rate)
            self._set(*self._usual)
            self.reset()

    async def close(self) -> None:
        """There is nothing to free."""
        self._open = False

    @property
    def settings(self) -> tuple[str, ...]:
        """What `tune` takes."""
        return ("threshold", "silence_duration_ms")

    def tune(self, detection: TurnDetection) -> None:
        """Takes `threshold` and `silence_duration_ms`; None is what the detector was made with."""
        threshold, silence_ms = self._usual
        self._set(
            threshold if detection.threshold is None else detection.threshold,
            silence_ms if detection.silence_duration_ms is None else detection.silence_duration_ms,
        )

    def hear(self, audio: bytes) -> list[Turn]:
        """The borders that are certain now, in order."""
        turns: list[Turn] = []
        size = self._format.frame_bytes
        for start in range(0, len(audio), size):
            turns += self._frame(audio[start : start + size])
        return turns

    def reset(self) -> None:
        """Forgets a turn that has begun."""
        self._vad.reset()
        self._ended_at = None
        self._quiet_ms = 0.0

    def _set(self, threshold: float, silence_ms: float) -> None:
        self._silence_ms = silence_ms
        self._vad.threshold = threshold
        # The ear reports each pause as soon as it may be an end; whether it was one is decided here.
        self._vad.silence_ms = min(self._likely_ms, silence_ms)

    def _frame(self, piece: bytes) -> list[Turn]:
        before = self._vad.position_ms
        edges = self._vad.feed(piece)
        turns: list[Turn] = []
        if self._ended_at is not None:
            self._quiet_ms += self._vad.position_ms - before
        for edge in edges:
            if edge.speaking:
                turns.append(Turn("began" if self._ended_at is None else "resumed", edge.at_ms))
                self._ended_at = None
            else:
                turns.append(Turn("likely_end", edge.at_ms))
                self._ended_at = edge.at_ms
                self._quiet_ms = self._vad.position_ms - edge.at_ms
        if self._ended_at is not None and self._quiet_ms >= self._silence_ms:
            turns.append(Turn("ended", self._ended_at))
            self._ended_at = None
        return turns
