"""The user's audio in a mock session until it is part of a turn, and where in it somebody speaks. Pure, and bounded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from voicechatengine.audio.convert import convert
from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.vad import Edge, Vad
from voicechatengine.messages import TurnDetection
from voicechatengine.providers.mock.turn import KEPT_S

PADDING_MS: Final = 300  # of audio that is kept from before speech, where turn detection says nothing
KNOWN_LATE_MS: Final = 100  # speech is known 60 ms after it began, and up to 20 ms wait for their frame


class Ear:
    """Hears one session's input. `position_ms` is where in it the audio that was heard ends."""

    def __init__(self) -> None:
        self.position_ms: float = 0.0
        self._audio = bytearray()
        self._vad: Vad | None = None

    def __bool__(self) -> bool:
        """Whether there is audio that is not yet part of a turn."""
        return bool(self._audio)

    def hear(self, audio: bytes, form: AudioFormat, detection: TurnDetection | None) -> Iterator[Edge]:
        """The edges of speech in the next stretch, in order; at each of them, `take` gives the audio up to there.

        Raises `AudioError` for float32 that is not a number; nothing is heard then.
        """
        mono = AudioFormat("pcm16", form.sample_rate)
        pcm = convert(audio, form, mono)
        if detection is None:
            self._add(audio, form)
            self._keep(KEPT_S * 1000, form)
            return
        if self._vad is None:
            self._vad = _vad(detection, form.sample_rate, self.position_ms)
        padding = PADDING_MS if detection.prefix_padding_ms is None else detection.prefix_padding_ms
        # In steps of a frame, so that it does not matter in what pieces audio comes.
        for frame in range(0, len(pcm), mono.frame_bytes):
            at = frame // mono.block_bytes * form.block_bytes
            self._add(audio[at : at + mono.frame_size * form.block_bytes], form)
            for edge in self._vad.feed(pcm[frame : frame + mono.frame_bytes]):
                if edge.speaking:
                    self._keep(self.position_ms - edge.at_ms + padding, form)
                yield edge
            self._keep(KEPT_S * 1000 if self._vad.speaking else padding + KNOWN_LATE_MS, form)

    def take(self) -> bytes:
        """The audio that is not yet part of a turn; it is now, and an utterance that had begun is over."""
        audio = bytes(self._audio)
        self.forget()
        return audio

    def forget(self) -> None:
        """Drops that audio."""
        self._audio.clear()
        if self._vad is not None:
            self._vad.reset()

    def retune(self) -> None:
        """The format or the turn detection changes: what is heard next begins anew."""
        self._audio.clear()
        self._vad = None

    def _add(self, audio: bytes, form: AudioFormat) -> None:
        self._audio += audio
        self.position_ms += form.duration_ms(len(audio))

    def _keep(self, ms: float, form: AudioFormat) -> None:
        surplus = len(self._audio) - form.size_of(ms)
        if surplus > 0:
            del self._audio[:surplus]


def _vad(detection: TurnDetection, rate: int, position_ms: float) -> Vad:
    return Vad(
        rate,
        threshold=0.5 if detection.threshold is None else detection.threshold,
        silence_ms=500 if detection.silence_duration_ms is None else detection.silence_duration_ms,
        position_ms=position_ms,
    )
