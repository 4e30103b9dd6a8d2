"""The process that recognises speech by pocketsphinx, which holds the GIL for as long as it computes.

It reads frames from its input and writes frames to its output, until the input ends. It knows nothing of sessions.
"""

from __future__ import annotations

import math
import random
import re
import sys
from array import array
from typing import TYPE_CHECKING, BinaryIO, Final

from voicechatengine.audio.convert import audioop
from voicechatengine.providers.local import frames
from voicechatengine.providers.local.frames import Frame, Refusal

if TYPE_CHECKING:
    from pocketsphinx import Decoder

RATE: Final = 16_000
SECOND: Final = 2 * RATE
FREE_BYTES: Final = 20 * SECOND  # of an utterance that are kept for the free language model

# Wider beams than pocketsphinx's own find the beginnings of synthetic speech; without the second pass over the lattice, which
# knows the grammar less well, the end takes 2 ms instead of a second.
GRAMMAR_SEARCH: Final[dict[str, object]] = {
    "lm": None,
    "bestpath": False,
    "lw": 10.0,
    "beam": 1e-60,
    "pbeam": 1e-60,
    "wbeam": 1e-45,
}

# Any sounds at all, without a grammar: what speech is measured by that fits no sentence. One word a phone of the model.
PHONES: Final = (
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH", "K", "L", "M", "N",
    "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip
SOUND: Final = "any-"
SOUNDS: Final = (
    f"#JSGF V1.0; grammar sounds; public <sounds> = ({' | '.join(SOUND + phone for phone in PHONES)})+;"
)
SOUNDS_SEARCH: Final[dict[str, object]] = {**GRAMMAR_SEARCH, "beam": 1e-48, "pbeam": 1e-48, "wbeam": 1e-29}

# How much likelier (in logarithms of the decoder's scores) the bare sounds may be than the sentence: so much, and so much a
# second. Fitted to 44 sentences of the grammar and 24 others in four synthetic voices, and to a person's.
DOUBT: Final = 0.08
DOUBT_A_SECOND: Final = 0.07

# Digital silence is nothing that the model was trained on, and spoils its estimate of the channel: so all audio has some noise.
NOISE_RMS: Final = 5
NOISE: Final = array("h", map(round, map(random.Random(1).gauss, [0] * RATE, [NOISE_RMS] * RATE))).tobytes()

# The free model's first pass alone, with fewer paths: twice as fast as all three, and it finds 50 % of words where they find 54 %.
FREE_SEARCH: Final[dict[str, object]] = {"fwdflat": False, "bestpath": False, "maxhmmpf": 5_000}

# What is no word in a grammar: comments, the header and the grammar's name, imports, rule names, weights, tags, signs.
NO_WORDS: Final = re.compile(
    r"//[^\n]*|/\*.*?\*/|#JSGF[^;]*;|^\s*(?:grammar|import)\b[^;]*;|<[^>]*>|/[\d.]+/|\{[^}]*\}|\bpublic\b|[=|;()\[\]*+]",
    re.DOTALL | re.MULTILINE,
)


class Recogniser:
    """One utterance at a time, by a grammar; by the free language model where no sentence of the grammar sounds like it."""

    def __init__(self, grammar: str) -> None:
        self._grammar = _decoder(GRAMMAR_SEARCH)
        unknown = sorted(
            {word for word in NO_WORDS.sub(" ", grammar).split() if not self._grammar.lookup_word(word)}
        )
        if unknown:
            raise Refusal(
                f"words that its dictionary lacks: {', '.join(unknown)}",
                field="grammar",
                cure="use US English words in lower case, numbers spelled out, or the recogniser whisper",
            )
        try:
            self._grammar.add_jsgf_string("grammar", grammar)
            self._grammar.activate_search("grammar")
        except (RuntimeError, ValueError) as error:
            raise Refusal(
                f"the grammar cannot be read ({error})",
                field="grammar",
                cure="write it in JSGF: '#JSGF V1.0; grammar name; public <utterance> = stop | go on;'",
            ) from None
        self._sounds = _decoder(SOUNDS_SEARCH)
        for phone in PHONES:
            self._sounds.add_word(SOUND + phone, phone, phone == PHONES[-1])
        self._sounds.add_jsgf_string("sounds", SOUNDS)
        self._sounds.activate_search("sounds")
        self._free: Decoder | None = None
        self._audio = bytearray()
        self._open = False

    def begin(self) -> None:
        """A new utterance; what was heard of another is dropped."""
        self.drop()
        self._audio.clear()
        self._seconds = 0.0
        self._grammar.start_utt()
        self._sounds.start_utt()
        self._open = True

    def drop(self) -> None:
        """Ends an utterance without words."""
        if self._open:
            self._grammar.end_utt()
            self._sounds.end_utt()
            self._open = False

    def hear(self, audio: bytes) -> str:
        """The words so far."""
        audio = _in_a_room(audio, self._seconds)
        self._seconds += len(audio) / SECOND
        if audio:
            self._grammar.process_raw(audio)
            self._sounds.process_raw(audio)
        if len(self._audio) < FREE_BYTES:
            self._audio += audio
        return _words(self._grammar)

    def end(self) -> str:
        """The words of the whole utterance, perhaps none."""
        self.drop()
        return (_words(self._grammar) if self._fits() else "") or self._freely()

    def _fits(self) -> bool:
        """Whether the sentence of the grammar is what was said, and not just what is least unlike it."""
        sentence, sounds = self._grammar.hyp(), self._sounds.hyp()
        if sentence is None or sounds is None:
            return sentence is not None
        likelier = math.log(sounds.best_score) - math.log(sentence.best_score)
        return likelier < DOUBT + DOUBT_A_SECOND * self._seconds

    def _freely(self) -> str:
        if len(self._audio) < SECOND // 4:
            return ""  # a click: the free model would make a word of it
        if self._free is None:
            self._free = _decoder(FREE_SEARCH)
        self._free.start_utt()
        self._free.process_raw(bytes(self._audio), full_utt=True)
        self._free.end_utt()
        return _words(self._free)


def _in_a_room(audio: bytes, at_s: float) -> bytes:
    """The audio with a little noise."""
    start = int(at_s * RATE) % RATE * 2
    noise = (NOISE * (2 + len(audio) // len(NOISE)))[start : start + len(audio)]
    return audioop.add(audio, noise, 2)


def _decoder(options: dict[str, object]) -> Decoder:
    try:
        from pocketsphinx import Decoder  # noqa: PLC0415 - only this process loads it
    except ImportError:
        raise Refusal(
            "the package pocketsphinx is not installed",
            error="AudioError",
            cure="pip install 'voicechatengine[local]' (it has wheels for Python 3.11 to 3.13)",
        ) from None
    return Decoder(samprate=float(RATE), loglevel="FATAL", **options)


def _words(decoder: Decoder) -> str:
    found = decoder.hyp()
    return "" if found is None else found.hypstr


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Works until `source` ends."""
    settings = frames.read(source)
    if settings is None:
        return
    try:
        recogniser = Recogniser(settings.json()["grammar"])
    except Refusal as refusal:
        frames.write(sink, frames.mapping(frames.REFUSED, 0, **refusal.content))
        return
    frames.write(sink, frames.mapping(frames.READY))
    said = ""
    while (frame := frames.read(source)) is not None:
        match frame.kind:
            case frames.BEGIN:
                recogniser.begin()
                said = ""
            case frames.AUDIO:
                words = recogniser.hear(frame.payload)
                if words != said:
                    said = words
                    frames.write(sink, Frame(frames.PARTIAL, frame.job, words.encode()))
            case frames.END:
                frames.write(sink, Frame(frames.FINAL, frame.job, recogniser.end().encode()))
            case _:
                recogniser.drop()
                frames.write(sink, Frame(frames.DROPPED, frame.job))


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
