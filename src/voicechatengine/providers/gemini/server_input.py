"""The user's audio as Gemini's service hears it: where speech is in it, and what is passed on.

With automatic detection only speech is passed on (with what came just before); with manual detection, what comes between the two
marks. Pure: positions are milliseconds of all audio of the connection, and nothing longer than the padding is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

import msgspec

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.recode import Recoder
from voicechatengine.audio.vad import ONSET_MS, Vad

HEARD: Final = AudioFormat(sample_rate=16_000)
SLICE_BYTES: Final = HEARD.frame_bytes


class Edge(msgspec.Struct, frozen=True):
    """Speech began or ended, at `ms`."""

    began: bool
    ms: float


class Ear:
    """Hears PCM16 of any rate. `threshold`, `silence_ms` and `padding_ms` are for automatic detection."""

    def __init__(self, *, threshold: float, silence_ms: float, padding_ms: float) -> None:
        self.position_ms: float = 0.0
        self._vad = Vad(HEARD.sample_rate, threshold=threshold, silence_ms=silence_ms)
        self._padding: deque[bytes] = deque(maxlen=max(1, int((padding_ms + ONSET_MS) / HEARD.frame_ms)))
        self._recoders: dict[int, Recoder] = {}
        self._rest = b""

    @property
    def speaking(self) -> bool:
        """Whether somebody speaks."""
        return self._vad.speaking

    def heard(self, audio: bytes, rate: int) -> bytes:
        """Audio at the rate at which the service hears. Raises `AudioError`."""
        form = AudioFormat(sample_rate=rate)
        form.check(audio)
        if rate not in self._recoders:
            self._recoders = {rate: Recoder(form, HEARD)}
        pcm = self._recoders[rate](audio)
        self.position_ms += HEARD.duration_ms(len(pcm))
        return pcm

    def feed(self, pcm: bytes) -> Iterator[bytes | Edge]:
        """The next stretch: what of it is speech, with the edges between. To be read to its end."""
        audio = self._rest + pcm
        whole = len(audio) - len(audio) % SLICE_BYTES
        self._rest = audio[whole:]
        for start in range(0, whole, SLICE_BYTES):
            piece = audio[start : start + SLICE_BYTES]
            before = self._vad.speaking
            edges = self._vad.feed(piece)
            if not before:
                self._padding.append(piece)
            if edges and edges[0].speaking:
                yield Edge(began=True, ms=edges[0].at_ms)
                yield b"".join(self._padding)
                self._padding.clear()
            elif before:
                yield piece
                if edges:
                    yield Edge(began=False, ms=edges[0].at_ms)

    def pause(self) -> None:
        """The microphone is off: an utterance that has begun is over."""
        self._vad.reset()
        self._padding.clear()
        self._rest = b""
