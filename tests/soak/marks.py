"""Sound that says what it is: each 20 ms of the user's speech its number, each 20 ms of a reply the reply's and its place.

Loud enough for voice detection by energy. Silence says nothing.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable

from voicechatengine import AudioFormat

FORMAT = AudioFormat()
FRAME_MS = 20
FRAME_SAMPLES = FORMAT.frame_size
SILENCE = FORMAT.silence(FRAME_MS)
CHAR_MS = 40  # of a reply's speech
BASE = 0x2000


def speech(number: int) -> bytes:
    """20 ms of the user's voice, the `number`-th of all that is spoken (from 1)."""
    return struct.pack("<hh", BASE + (number & 0xFFF), -BASE - (number >> 12)) * (FRAME_SAMPLES // 2)


def heard_in(audio: bytes) -> list[int]:
    """The numbers of the speech in a stretch, one for each 20 ms, cut pieces (of a millisecond at least) too; 0 for silence."""
    samples = array("h", audio)
    found: list[int] = []
    for at in range(0, len(samples) - 1, FRAME_SAMPLES // 20):
        # A millisecond holds whole pairs; what was cut elsewhere shows as a number that nobody spoke.
        high, low = samples[at], samples[at + 1]
        number = (high - BASE) + ((-low - BASE) << 12) if high or low else 0
        if not found or found[-1] != number:
            found.append(number)
    return found


def numbers(found: Iterable[int]) -> list[int]:
    """Speech alone."""
    return [number for number in found if number]


def reply_words(reply: int, count: int) -> str:
    """The words of a reply: each says which it is, all are of the same length."""
    return " ".join(f"r{reply:04d}w{index:02d}" for index in range(count))


WORD_MS = CHAR_MS * len("r0000w00 ")


def reply_audio(reply: int, count: int) -> bytes:
    """The sound of those words."""
    frames = count * WORD_MS // FRAME_MS
    return b"".join(
        struct.pack("<hh", BASE + reply, -BASE - frame) * (FRAME_SAMPLES // 2) for frame in range(frames)
    )


def reply_of(audio: bytes) -> int | None:
    """Whose sound it is, by its first sample; None where that is no beginning of a pair."""
    (sample,) = struct.unpack_from("<h", audio)
    return sample - BASE if sample >= BASE else None


def common(a: memoryview, b: memoryview) -> int:
    """How many bytes of two stretches are the same, from their beginning."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[:middle] == b[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
