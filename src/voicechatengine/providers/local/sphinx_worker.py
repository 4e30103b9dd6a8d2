"""The process that recognises speech by pocketsphinx, which holds the GIL for as long as it computes.

It reads frames from its input and writes frames to its output, until the input ends. It knows nothing of sessions.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, BinaryIO, Final

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

# What is no word in a grammar: comments, the header and the grammar's name, imports, rule names, weights, tags, signs.
NO_WORDS: Final = re.compile(
    r"//[^\n]*|/\*.*?\*/|#JSGF[^;]*;|^\s*(?:grammar|import)\b[^;]*;|<[^>]*>|/[\d.]+/|\{[^}]*\}|\bpublic\b|[=|;()\[\]*+]",
    re.DOTALL | re.MULTILINE,
)


class Recogniser:
    """One utterance at a time, by a grammar; by the free language model where the grammar has nothing like it."""

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
        self._free: Decoder | None = None
        self._audio = bytearray()
        self._open = False

    def begin(self) -> None:
        """A new utterance; what was heard of another is dropped."""
        self.drop()
        self._audio.clear()
        self._grammar.start_utt()
        self._open = True

    def drop(self) -> None:
        """Ends an utterance without words."""
        if self._open:
            self._grammar.end_utt()
            self._open = False

    def hear(self, audio: bytes) -> str:
        """The words so far."""
        if audio:
            self._grammar.process_raw(audio)
        if len(self._audio) < FREE_BYTES:
            self._audio += audio
        return _words(self._grammar)

    def end(self) -> str:
        """The words of the whole utterance, perhaps none."""
        self.drop()
        return _words(self._grammar) or self._freely()

    def _freely(self) -> str:
        if len(self._audio) < SECOND // 4:
            return ""  # a click: the free model would make a word of it
        if self._free is None:
            self._free = _decoder({})
        self._free.start_utt()
        self._free.process_raw(bytes(self._audio), full_utt=True)
        self._free.end_utt()
        return _words(self._free)


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
