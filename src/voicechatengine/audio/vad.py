"""Voice activity by energy: where in a stream of audio somebody speaks. Pure: bytes in, edges out.

It compares the level of each 20 ms with a threshold that rises with the noise of the room, and asks for a little loudness to
begin and a stretch of quiet to end. It knows levels only: music, a cough or a dog is speech to it. It neither keeps audio nor
reads a clock; positions count the audio that it was fed.
"""

from __future__ import annotations

import audioop
from collections import deque
from typing import Final

import msgspec

from voicechatengine.audio.format import AudioFormat

FRAME_MS: Final = 20
ONSET_MS: Final = 60  # a click is shorter, a syllable is longer
NOISE_WINDOW_MS: Final = 4_000  # nobody speaks for so long without a gap of one frame
OVER_NOISE: Final = 4.0  # 12 dB: speech stands out of its room by more
HYSTERESIS: Final = 0.5  # 6 dB: the end of a word is softer than its beginning
LOUDEST_NOISE: Final = 1_640.0  # -26 dBFS: beyond it, a room is no longer given the benefit of the doubt


class Edge(msgspec.Struct, frozen=True):
    """Speech began (`speaking`) or ended at `at_ms`, in milliseconds of audio since the stream began.

    An edge is known later than it is: a beginning after 60 ms, an end after the detector's `silence_ms`.
    """

    speaking: bool
    at_ms: float


class Vad:
    """Finds speech in a mono PCM16 stream of `sample_rate` Hz.

    `threshold` 0..1 is how loud speech has to be at least: from -60 dBFS (0) over -40 dBFS (0.5) to -20 dBFS (1). `silence_ms`
    of quiet end an utterance. Both may be changed at any time. `position_ms` is where in its session the stream begins.
    """

    def __init__(
        self,
        sample_rate: int = 24_000,
        *,
        threshold: float = 0.5,
        silence_ms: float = 500,
        position_ms: float = 0.0,
    ) -> None:
        self.threshold = threshold
        self.silence_ms = silence_ms
        self._format = AudioFormat(sample_rate=sample_rate, frame_size=sample_rate * FRAME_MS // 1000)
        self._start_ms = position_ms
        self._frames = 0
        self._rest = b""
        self._speaking = False
        self._loud = 0  # frames in a row that are loud, before speech
        self._quiet = 0  # frames in a row that are not, within speech
        self._levels: deque[int] = deque([0], maxlen=NOISE_WINDOW_MS // FRAME_MS)

    @property
    def speaking(self) -> bool:
        """Whether somebody speaks at this position."""
        return self._speaking

    @property
    def position_ms(self) -> float:
        """How far the stream was heard, in milliseconds; up to 20 ms of it wait for the rest of their frame."""
        return self._start_ms + self._frames * FRAME_MS

    def feed(self, pcm16: bytes) -> list[Edge]:
        """Hears the next stretch, of any length, and gives the edges that are certain now, in order."""
        size = self._format.frame_bytes
        audio = self._rest + pcm16
        whole = len(audio) - len(audio) % size
        self._rest = audio[whole:]
        edges: list[Edge] = []
        for start in range(0, whole, size):
            edge = self._hear(audioop.rms(audio[start : start + size], 2))
            if edge is not None:
                edges.append(edge)
        return edges

    def reset(self) -> None:
        """Forgets an utterance that has begun, without an edge; the position and the room's noise are kept."""
        self._speaking = False
        self._loud = self._quiet = 0

    def _hear(self, level: int) -> Edge | None:
        self._frames += 1
        self._levels.append(level)
        # Until the window is full nothing is known of the room, so that a stream may begin with speech.
        full = len(self._levels) == self._levels.maxlen
        noise = min(min(self._levels) * OVER_NOISE, LOUDEST_NOISE) if full else 0.0
        needed: float = max(32_768 * 10 ** (2 * self.threshold - 3), noise)
        if not self._speaking:
            self._loud = self._loud + 1 if level > needed else 0
            if self._loud * FRAME_MS < ONSET_MS:
                return None
            self._speaking, self._quiet = True, 0
            return Edge(speaking=True, at_ms=self.position_ms - self._loud * FRAME_MS)
        self._quiet = 0 if level > needed * HYSTERESIS else self._quiet + 1
        if not self._quiet or self._quiet * FRAME_MS < self.silence_ms:
            return None
        self._speaking, self._loud = False, 0
        return Edge(speaking=False, at_ms=self.position_ms - self._quiet * FRAME_MS)
