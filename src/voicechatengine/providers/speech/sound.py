"""Reads the answer of a speech endpoint: bytes in, whole samples out. Pure; each is a `session.fold.Fold`.

PCM was asked for. Some servers answer with WAV all the same, whose samples are read; any other sound is one clear error. What a
server says of its sample rate (in the content type, in a WAV's header) is compared with what was configured.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Final

import pybase64

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.wav import wav_start
from voicechatengine.errors import AudioError, ProtocolError
from voicechatengine.providers.speech import wire
from voicechatengine.providers.speech.transcript import broken_off, read
from voicechatengine.session.fold import Fold, Reading
from voicechatengine.session.sse import SseParser

MAX_HEADER: Final = 64 * 2**10  # bytes of a WAV before its samples
MAGIC: Final = 4
COMPRESSED: Final = {b"ID3": "MP3", b"OggS": "Ogg", b"fLaC": "FLAC"}
"""How sound begins that is no PCM; its samples would be far too loud for the beginning of speech."""

PLAIN: Final = re.compile(
    r"(audio/(pcm|l16|x-pcm|raw|x-raw|wav|x-wav|wave|vnd\.wave)|(application|binary)/octet-stream)?(;|$)"
)
_RATE: Final = re.compile(r";\s*rate=(\d+)")


def sound(form: AudioFormat) -> Reading[bytes]:
    """Reads answers with speech in `form`."""

    def reading(content_type: str) -> Fold[bytes] | None:
        if content_type.startswith("text/event-stream"):
            return SoundEvents(form)
        if PLAIN.match(content_type):
            rate = _RATE.search(content_type)
            if rate is not None:
                _check(AudioFormat(sample_rate=int(rate[1])), form)
            return Samples(form)
        if content_type.startswith(("audio/", "video/")):
            raise _no_pcm(content_type.partition(";")[0])
        return None

    return reading


class Samples:
    """Sound as it comes, cut anywhere."""

    def __init__(self, form: AudioFormat) -> None:
        self.done: bool = False
        self._form = form
        self._head: bytes | None = b""  # until it is known what it is
        self._rest = b""  # the beginning of a sample
        self._left: int | None = None  # bytes of samples still to come, where a header knows
        self._given = False

    def feed(self, data: bytes, /) -> Iterator[bytes]:
        """What is whole now. Raises `ProtocolError` for what is no PCM, and for a WAV of another format."""
        if self._head is not None:
            self._head += data
            start = self._start(self._head)
            if start is None:
                return
            data, self._head = self._head[start:], None
        yield from self._samples(data)

    def end(self) -> Iterator[bytes]:
        """The sound is over. Raises `ProtocolError` where there was none, or half a sample is left."""
        head, self._head = self._head or b"", None
        if head.startswith(b"RIFF"):
            raise broken_off("WAV header")
        yield from self._samples(head)
        self.done = True
        if not self._given:
            raise ProtocolError(
                "the server answered with no sound", cure="check the voice, and that it speaks the language"
            )
        if self._rest:
            raise ProtocolError(
                "the server's sound ends within a sample: it is no PCM16",
                cure="see what the server answers to response_format pcm",
            )

    def _start(self, head: bytes) -> int | None:
        """Where the samples begin, None if that is not known yet."""
        if len(head) < MAGIC:
            return None
        for magic, name in COMPRESSED.items():
            if head.startswith(magic):
                raise _no_pcm(name)
        if not head.startswith(b"RIFF"):
            return 0
        try:
            start = wav_start(head)
        except AudioError as error:
            raise _no_pcm(f"a WAV that is not (it says: {error})") from None
        if start is None:
            if len(head) > MAX_HEADER:
                raise _no_pcm("a WAV header without an end")
            return None
        _check(start.format, self._form)
        self._left = start.size
        return start.place

    def _samples(self, data: bytes) -> Iterator[bytes]:
        data = self._rest + data
        if self._left is not None:
            data = data[: self._left]
        cut = len(data) - len(data) % self._form.block_bytes
        self._rest = data[cut:]
        if self._left is not None:
            self._left -= cut
            self.done = self._left == 0
        if cut:
            self._given = True
            yield data[:cut]


class SoundEvents:
    """Sound in the events of a stream."""

    def __init__(self, form: AudioFormat) -> None:
        self.done: bool = False
        self._parser = SseParser()
        self._samples = Samples(form)

    def feed(self, data: bytes, /) -> Iterator[bytes]:
        """What these bytes give. Raises the error that the server tells of, or `ProtocolError` for what is no such stream."""
        for event in self._parser.feed(data):
            if self.done:
                return
            over = event.data.strip() == wire.DONE
            told = wire.Told() if over else read(event.data)
            if told.audio is not None:
                yield from self._samples.feed(_decoded(told.audio))
            elif over or told.type == "speech.audio.done":
                self.done = True
                yield from self._samples.end()

    def end(self) -> Iterator[bytes]:
        """The stream has ended, and nothing said that the speech has."""
        raise broken_off("speech")


def _decoded(text: str) -> bytes:
    try:
        return pybase64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ProtocolError(
            f"the server sent sound that is no base64 ({error})",
            cure="leave stream_format out of fields",
        ) from None


def _check(theirs: AudioFormat, ours: AudioFormat) -> None:
    if theirs.same_sound(ours):
        return
    if (theirs.encoding, theirs.channels) == (ours.encoding, ours.channels):
        raise ProtocolError(
            f"the server speaks with {theirs.sample_rate} Hz, and not with {ours.sample_rate}",
            cure=f"set sample_rate={theirs.sample_rate} in SpeechConfig",
        )
    raise _no_pcm(str(theirs))


def _no_pcm(what: str) -> ProtocolError:
    return ProtocolError(
        f"the server answered with {what} where mono PCM16 was asked for",
        cure="see how the server or its model is made to give response_format pcm, or wav by"
        " SpeechConfig(fields={'response_format': 'wav'})",
    )
