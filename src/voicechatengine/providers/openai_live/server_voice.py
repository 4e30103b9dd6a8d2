"""The ears and the mouth of a simulated model: where in a client's audio somebody speaks, and one output without a gap. Pure.

It knows positions and bytes, no message and no clock.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from voicechatengine.audio.convert import to_pcm16
from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.vad import Vad

FRAME_MS: Final = 80  # of output in one message; no document says
PADDING_MS: Final = 300.0  # of what came before speech
SILENCE_MS: Final = 500.0  # that ends an utterance
SLICE_MS: Final = 20.0
BREATH_MS: Final = 1_000.0  # between two utterances
_LETTER_MS: Final = 60.0  # of speech, where nothing says how long some words take


class Said(msgspec.Struct, frozen=True):
    """Words, and how much of the output they take, in ms."""

    text: str
    length_ms: float


class Mouth:
    """The model's output in `form`: what it was given to say, and silence where that is nothing."""

    def __init__(self, form: AudioFormat) -> None:
        self._form = form
        self._audio = bytearray()
        self._words: deque[tuple[int, str]] = deque()  # where in `_audio` they begin
        self.position_ms: float = 0.0

    @property
    def idle(self) -> bool:
        """Whether there is nothing to say."""
        return not self._audio and not self._words

    def say(self, audio: bytes) -> None:
        """More sound, in the output's format."""
        self._audio += audio

    def breathe(self) -> None:
        """What comes next is another utterance."""
        if not self.idle:
            self._audio += self._form.silence(BREATH_MS)

    def words(self, text: str) -> None:
        """The words of the sound that comes next."""
        self._words.append((len(self._audio), text))

    def stop(self) -> None:
        """Falls silent."""
        self._audio.clear()
        self._words.clear()

    def take(self) -> tuple[bytes, list[Said]]:
        """The next frame of output, and the words that begin in it."""
        size = self._form.size_of(FRAME_MS)
        said: list[Said] = []
        while self._words and self._words[0][0] < size:
            at, text = self._words.popleft()
            end = self._words[0][0] if self._words else len(self._audio)
            length = self._form.duration_ms(max(0, end - at)) or len(text) * _LETTER_MS
            said.append(Said(text, length))
        frame = bytes(self._audio[:size])
        del self._audio[:size]
        self._words = deque((at - size, text) for at, text in self._words)
        self.position_ms += FRAME_MS
        if len(frame) < size:
            frame += self._form.silence(FRAME_MS)[len(frame) :]
        return frame, said


class Speech(msgspec.Struct, frozen=True):
    """An utterance began (`began`) or ended, so many ms before the audio's end."""

    began: bool
    ago_ms: float


class Ears:
    """Finds the utterances in a client's audio in `form`; silence between them is not passed on."""

    def __init__(self, form: AudioFormat) -> None:
        self._form = form
        self._vad = Vad(form.sample_rate, silence_ms=SILENCE_MS)
        self._slice = form.size_of(SLICE_MS)
        self._padding: deque[bytes] = deque(maxlen=int((PADDING_MS + 100) / SLICE_MS))

    def hear(self, audio: bytes) -> list[bytes | Speech]:
        """The next stretch: what of it is speech, with the edges between."""
        found: list[bytes | Speech] = []
        for start in range(0, len(audio), self._slice):
            piece = audio[start : start + self._slice]
            rest = self._form.duration_ms(len(audio) - start - len(piece))
            before = self._vad.speaking
            edges = self._vad.feed(to_pcm16(piece, self._form))
            if not before:
                self._padding.append(piece)
            for edge in edges:
                ago = rest + self._vad.position_ms - edge.at_ms
                if edge.speaking:
                    found += [Speech(began=True, ago_ms=ago), b"".join(self._padding)]
                    self._padding.clear()
                else:
                    found += [piece, Speech(began=False, ago_ms=ago)]
            if before and not edges:
                found.append(piece)
        return found
