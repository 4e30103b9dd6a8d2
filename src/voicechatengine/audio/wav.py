"""WAV: files and bytes read whole, the beginning of a stream found, files written as audio comes.

The header is taken apart here and not by the standard library's `wave`, which refuses G.711, float32 and the sizes that
streaming programs leave behind. Source: Microsoft's "New Multimedia Data Types and Data Techniques" (RIFF, 1994) and
mmreg.h for the format tags.
"""

from __future__ import annotations

import struct
from array import array
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Self

from voicechatengine.audio.convert import audioop
from voicechatengine.audio.format import AudioFormat, Encoding
from voicechatengine.errors import AudioError

PCM, FLOAT, ALAW, ULAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
TAGS: Final[dict[Encoding, int]] = {"pcm16": PCM, "float32": FLOAT, "g711_alaw": ALAW, "g711_ulaw": ULAW}
READ: Final[dict[tuple[int, int], Encoding]] = {
    (PCM, 8): "pcm16",
    (PCM, 16): "pcm16",
    (PCM, 24): "pcm16",
    (PCM, 32): "pcm16",
    (FLOAT, 32): "float32",
    (FLOAT, 64): "float32",
    (ALAW, 8): "g711_alaw",
    (ULAW, 8): "g711_ulaw",
}
"""What each format tag and sample size in bits is read as."""

FMT_BYTES, EXTENSIBLE_BYTES = 16, 26  # of a fmt chunk that say something
UNKNOWN: Final = 0xFFFF_FFFF  # the size that a program writes which does not know it yet; others write 0
AFTER_NOTHING: Final = (
    b"LIST",
    b"id3 ",
    b"fact",
    b"bext",
)  # what may follow a data chunk that is truly empty


class _Header(NamedTuple):
    tag: int
    channels: int
    rate: int
    bits: int


def read_wav(path: str | Path) -> tuple[AudioFormat, bytes]:
    """The format of a WAV file and its audio.

    PCM of 8, 24 or 32 bits is given as PCM16, float64 as float32; G.711 and float32 stay as they are. A file that ends early
    is read as far as it goes. Raises `AudioError` for what is no WAV file, or one in another encoding.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AudioError(
            f"{path.name} cannot be read: {error.strerror}", cure="give the path of a WAV file"
        ) from error
    try:
        return parse_wav(content)
    except AudioError as error:
        raise AudioError(
            f"{path.name} is not a WAV file that can be read: {error}",
            cure="convert it to a PCM WAV, for example: ffmpeg -i INPUT -c:a pcm_s16le OUTPUT.wav",
        ) from None


def parse_wav(content: bytes) -> tuple[AudioFormat, bytes]:
    """The same for the bytes of a file; the `AudioError` says what is wrong with them."""
    found = _locate(content)
    if found is None:
        raise AudioError("it has no audio" if content else "it does not begin with RIFF and WAVE")
    header, place, size = found
    if size == 0 and content[place : place + 4] not in AFTER_NOTHING:
        size = UNKNOWN
    audio = content[place : place + size]
    audio = audio[: len(audio) - len(audio) % max(1, header.bits // 8 * header.channels)]
    return AudioFormat(READ[header.tag, header.bits], header.rate, header.channels), _samples(audio, header)


class WavStart(NamedTuple):
    """Where the samples of a stream begin, what they are, and how many bytes of them there will be, if the header knows."""

    format: AudioFormat
    place: int
    size: int | None


def wav_start(content: bytes) -> WavStart | None:
    """The beginning of a WAV stream, None until enough of it is there.

    Raises `AudioError` for what is no WAV, and for samples that would have to be converted: 8, 24 or 32 bits, float64.
    """
    found = _locate(content)
    if found is None:
        return None
    header, place, size = found
    encoding = READ[header.tag, header.bits]
    form = AudioFormat(encoding, header.rate, header.channels)
    if header.bits != 8 * form.sample_bytes:
        raise AudioError(f"its samples have {header.bits} bits")
    return WavStart(form, place, size if 0 < size < UNKNOWN else None)


def wav_bytes(audio_format: AudioFormat, audio: bytes) -> bytes:
    """A whole WAV file of this audio. Raises `AudioError` for bytes that are not of the format."""
    audio_format.check(audio)
    return wav_header(audio_format, len(audio)) + audio + b"\0" * (len(audio) % 2)


def _locate(content: bytes) -> tuple[_Header, int, int] | None:
    """The format, where the data chunk's content begins, and its size by its header; None where it is not in there."""
    if content[:4] != b"RIFF"[: len(content)] or content[8:12] != b"WAVE"[: max(0, len(content) - 8)]:
        raise AudioError("it does not begin with RIFF and WAVE")
    header: _Header | None = None
    place = 12
    while place + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        place += 8
        if name == b"data":
            if header is None:
                raise AudioError("its audio comes before its format")
            return header, place, size
        if name == b"fmt " and place + size <= len(content):
            header = _fmt(content[place : place + size])
        place += size + size % 2
    return None


def _fmt(chunk: bytes) -> _Header:
    if len(chunk) < FMT_BYTES:
        raise AudioError("its format is cut off")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == EXTENSIBLE and len(chunk) >= EXTENSIBLE_BYTES:
        (tag,) = struct.unpack_from("<H", chunk, 24)  # the sub-format's GUID begins with the plain tag
    if (tag, bits) not in READ:
        raise AudioError(f"its format is tag {tag:#06x} with {bits} bits a sample")
    return _Header(tag, channels, rate, bits)


def _samples(audio: bytes, header: _Header) -> bytes:
    match header.tag, header.bits:
        case (1, 8):
            return audioop.lin2lin(audioop.bias(audio, 1, -128), 1, 2)  # 8 bits are unsigned
        case (1, 24 | 32):
            return audioop.lin2lin(audio, header.bits // 8, 2)
        case (3, 64):
            return array("f", array("d", audio)).tobytes()
        case _:
            return audio


class WavWriter:
    """Writes a WAV file as audio comes; a context manager.

    The header is brought up to date each second of audio and at the end, so that the file of a program that died can be
    played. `written_ms` is how much there is. Raises `AudioError` if the file cannot be made.
    """

    def __init__(self, path: str | Path, audio_format: AudioFormat) -> None:
        self.path: Path = Path(path)
        self.format = audio_format
        self._size = 0
        self._told = 0  # the size that the header says
        try:
            self._file: BinaryIO = self.path.open("wb")
        except OSError as error:
            raise AudioError(
                f"{self.path.name} cannot be written: {error.strerror}",
                cure="give a path in a folder that exists",
            ) from error
        self._file.write(wav_header(audio_format, 0))
        self._file.flush()

    @property
    def written_ms(self) -> float:
        """Milliseconds of audio in the file."""
        return self.format.duration_ms(self._size)

    def write(self, audio: bytes) -> None:
        """Adds audio. Raises `AudioError` for bytes that are not of the format, or after `close`."""
        self.format.check(audio)
        if self._file.closed:
            raise AudioError(f"{self.path.name} is closed", cure="write before close()")
        self._file.write(audio)
        self._size += len(audio)
        if self._size - self._told >= self.format.size_of(1000):
            self._tell()

    def close(self) -> None:
        """Ends the file; idempotent."""
        if self._file.closed:
            return
        try:
            if self._size % 2:
                self._file.write(b"\0")  # chunks are padded to even lengths
            self._tell()
        finally:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tell(self) -> None:
        self._told = self._size
        self._file.seek(0)
        self._file.write(wav_header(self.format, self._size))
        self._file.seek(0, 2)
        self._file.flush()


def wav_header(form: AudioFormat, size: int) -> bytes:
    """Everything before `size` bytes of samples; what is not PCM also says how many samples there are."""
    rate, block = form.sample_rate, form.block_bytes
    fmt = struct.pack(
        "<HHIIHH",
        TAGS[form.encoding],
        form.channels,
        rate,
        rate * block,
        block,
        8 * form.sample_bytes,
    )
    if form.encoding == "pcm16":
        chunks = _chunk(b"fmt ", fmt)
    else:
        samples = min(size // block, UNKNOWN)
        chunks = _chunk(b"fmt ", fmt + b"\0\0") + _chunk(b"fact", struct.pack("<I", samples))
    told = min(size, UNKNOWN)
    whole = min(4 + len(chunks) + 8 + size + size % 2, UNKNOWN)
    return b"RIFF" + struct.pack("<I", whole) + b"WAVE" + chunks + b"data" + struct.pack("<I", told)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content
