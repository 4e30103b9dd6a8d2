"""A pleasant sound of any length, for where a voice would be: the mock's answer. No file, no numpy, always the same bytes."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from functools import lru_cache

from voicechatengine.audio.convert import audioop, convert
from voicechatengine.audio.format import AudioFormat

NOTES = (392.0, 493.88, 587.33, 493.88)  # a broken chord of G major, in Hz
NOTE_MS = 240
FADE_MS = 12
LEVEL = 0.25  # of full scale
OVERTONE = 0.3  # of the fundamental: softer than a bare sine


def tone(audio_format: AudioFormat, ms: float, notes: Sequence[float] = NOTES) -> bytes:
    """`ms` milliseconds (down to whole samples) of `notes` (Hz) one after the other, over and over, in that format.

    It peaks at a quarter of full scale; each note and the end fade, so nothing clicks. The same arguments give the same
    bytes; a phrase is computed once.
    """
    pcm = AudioFormat("pcm16", audio_format.sample_rate)
    size = pcm.size_of(ms)
    phrase = _phrase(audio_format.sample_rate, tuple(notes))
    sound = (phrase * (size // max(1, len(phrase)) + 1))[:size]
    fade = min(pcm.size_of(FADE_MS), size)
    return convert(sound[: size - fade] + _faded_out(sound[size - fade :]), pcm, audio_format)


def _faded_out(pcm: bytes) -> bytes:
    steps = len(pcm) // 2
    return b"".join(
        audioop.mul(pcm[2 * index : 2 * index + 2], 2, 1 - (index + 1) / steps) for index in range(steps)
    )


@lru_cache(maxsize=32)
def _phrase(rate: int, notes: tuple[float, ...]) -> bytes:
    """Each note once, as PCM16 mono."""
    length = max(1, rate * NOTE_MS // 1000)
    fade = max(1, rate * FADE_MS // 1000)
    samples: list[int] = []
    for note in notes:
        step = 2 * math.pi * note / rate
        for index in range(length):
            swell = min(1.0, index / fade, (length - 1 - index) / fade)
            wave = (math.sin(step * index) + OVERTONE * math.sin(2 * step * index)) / (1 + OVERTONE)
            samples.append(round(32767 * LEVEL * swell * wave))
    return array("h", samples).tobytes()
