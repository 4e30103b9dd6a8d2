"""Turn detection for a provider that has none: the library's own ear, by energy. Pure: audio in, what to do out.

Audio goes on to the provider only while somebody speaks, with a little from before: what a provider without turn detection is
given is the user's turn, and silence is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from voicechatengine.audio.convert import convert
from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.vad import FRAME_MS, ONSET_MS, Vad
from voicechatengine.events import SpeechStarted, SpeechStopped
from voicechatengine.messages import AudioAppend, TurnDetection

PADDING_MS: Final = 300.0  # kept from before speech, where the session does not say
SILENCE_MS: Final = 500.0  # that ends a turn, where the session does not say

Step: TypeAlias = AudioAppend | SpeechStarted | SpeechStopped


class Ears:
    """Hears one provider's stream of audio in `form`; positions count from its beginning."""

    def __init__(self, form: AudioFormat, detection: TurnDetection) -> None:
        self.detection: TurnDetection = detection
        self._format = form
        self._mono = AudioFormat("pcm16", form.sample_rate)
        self._vad = Vad(
            form.sample_rate,
            threshold=0.5 if detection.threshold is None else detection.threshold,
            silence_ms=SILENCE_MS if detection.silence_duration_ms is None else detection.silence_duration_ms,
        )
        padding = PADDING_MS if detection.prefix_padding_ms is None else detection.prefix_padding_ms
        self._kept = form.size_of(padding + ONSET_MS + 2 * FRAME_MS)
        self._before = bytearray()  # what was heard last, while nobody spoke

    @property
    def speaking(self) -> bool:
        """Whether somebody speaks."""
        return self._vad.speaking

    def hear(self, audio: bytes) -> Iterator[Step]:
        """The next stretch of audio: what is to be told of it and sent on, in order. Raises `AudioError` for bad bytes."""
        pcm = convert(audio, self._format, self._mono)
        # In steps of a frame, so that it does not matter in what pieces audio comes.
        for at in range(0, len(pcm), self._mono.frame_bytes):
            begin = at // self._mono.block_bytes * self._format.block_bytes
            piece = audio[begin : begin + self._mono.frame_size * self._format.block_bytes]
            yield from self._frame(pcm[at : at + self._mono.frame_bytes], piece)

    def flush(self) -> bytes:
        """What was heard and not sent on; the application ends the turn, and what comes is a new one."""
        rest = bytes(self._before)
        self._before.clear()
        self._vad.reset()
        return rest

    def _frame(self, pcm: bytes, piece: bytes) -> Iterator[Step]:
        was = self._vad.speaking
        edges = self._vad.feed(pcm)
        if was:
            yield AudioAppend(piece)
        else:
            self._before += piece
        for edge in edges:
            if edge.speaking:
                yield SpeechStarted(edge.at_ms)
                before = bytes(self._before)
                self._before.clear()
                yield AudioAppend(before)
            else:
                yield SpeechStopped(edge.at_ms)
        surplus = len(self._before) - self._kept
        if surplus > 0:
            del self._before[:surplus]
