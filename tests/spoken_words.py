"""What eSpeak says, as a recogniser takes it; and how much of a text a recogniser that knows no grammar finds in sound."""

from __future__ import annotations

import difflib
import random
import re
from array import array
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from math import log10
from pathlib import Path

from pocketsphinx import Decoder

from voicechatengine.audio.convert import audioop
from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.resample import Resampler
from voicechatengine.providers.local import EspeakSpeech

HEARD = AudioFormat(sample_rate=16_000)
ROOM_RMS = 20  # -64 dBFS: a quiet room, for recognisers are not made for digital silence


async def spoken(text: str, voice: str | None = None, *, rate: int = 165) -> bytes:
    """A sentence between pauses, 16 kHz PCM16."""
    speech = EspeakSpeech(voice=voice, rate=rate)
    resampler = Resampler(speech.format, HEARD)
    try:
        sound = b"".join([resampler.feed(piece) async for piece in speech.speak(text)])
    finally:
        await speech.close()
    return HEARD.silence(300) + sound + resampler.flush() + HEARD.silence(400)


def in_noise(audio: bytes, rms: int) -> bytes:
    """The audio in a room with noise."""
    noise = random.Random(1)
    samples = array("h", (round(noise.gauss(0, rms)) for _ in range(len(audio) // 2)))
    return audioop.add(audio, samples.tobytes(), 2)


def freely(audio: bytes, **options: object) -> str:
    """What pocketsphinx's own language model, of all of American English, hears in 16 kHz PCM16."""
    decoder = Decoder(samprate=16_000.0, loglevel="FATAL", **options)
    decoder.start_utt()
    decoder.process_raw(in_noise(audio, ROOM_RMS), full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return "" if found is None else found.hypstr


def found_of(text: str, heard: str) -> float:
    """The share of a text's words that were heard, in their order."""
    words = re.findall(r"[a-z']+", text.lower())
    blocks = difflib.SequenceMatcher(None, words, heard.split(), autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / len(words)


def by_vocabulary(sentences: Sequence[str], audio: bytes, folder: Path) -> str:
    """What pocketsphinx hears by a bigram model of these sentences: any of their words may follow any other, though the pairs
    that occur in them are likelier.
    """
    model = folder / "sentences.arpa"
    model.write_text(_bigrams(sentences))
    return freely(audio, lm=str(model))


def _bigrams(sentences: Sequence[str]) -> str:
    """A model in ARPA's format: pairs that were seen have half of the probability, the rest is that of single words."""
    pairs = Counter(
        pair
        for text in sentences
        for pair in pairwise(["<s>", *re.findall(r"[a-z']+", text.lower()), "</s>"])
    )
    words = Counter(second for (_, second), count in pairs.items() for _ in range(count))
    after = Counter(first for (first, _), count in pairs.items() for _ in range(count))
    total = sum(words.values())
    singles = [f"{log10(count / total):.4f} {word} {log10(0.5):.4f}" for word, count in words.items()]
    doubles = [
        f"{log10(0.5 * count / after[first] + 0.5 * words[second] / total):.4f} {first} {second}"
        for (first, second), count in pairs.items()
    ]
    return "\n".join((
        "\\data\\", f"ngram 1={len(singles) + 1}", f"ngram 2={len(doubles)}", "",
        "\\1-grams:", f"-99 <s> {log10(0.5):.4f}", *singles, "",
        "\\2-grams:", *doubles, "", "\\end\\", "",
    ))  # fmt: skip
