"""What a stretch of audio bytes means. Pure arithmetic: no conversion, no device, no provider."""

from __future__ import annotations

from typing import Final, Literal, get_args

import msgspec

from voicechatengine.errors import AudioError

Encoding = Literal["pcm16", "g711_ulaw", "g711_alaw", "float32"]

SAMPLE_BYTES: Final[dict[Encoding, int]] = {"pcm16": 2, "g711_ulaw": 1, "g711_alaw": 1, "float32": 4}
MAX_RATE: Final = 384_000
FRAME_MS: Final = 20


class AudioFormat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How audio bytes are to be read.

    `encoding` is little-endian signed PCM16, G.711 (ulaw, alaw) or little-endian float32 in -1..1; `sample_rate` in Hz;
    `channels` interleaved; `frame_size` in samples per channel, 0 meaning 20 ms. Raises `AudioError` for what is no format.
    """

    encoding: Encoding = "pcm16"
    sample_rate: int = 24_000
    channels: int = 1
    frame_size: int = 0

    def __post_init__(self) -> None:
        if self.encoding not in SAMPLE_BYTES:
            known = ", ".join(get_args(Encoding))
            raise AudioError(
                f"encoding {self.encoding!r} is not known", field="encoding", cure=f"use one of {known}"
            )
        for name, value, low, high in (
            ("sample_rate", self.sample_rate, 1, MAX_RATE),
            ("channels", self.channels, 1, 32),
            ("frame_size", self.frame_size, 0, MAX_RATE * 10),
        ):
            # A bool is an int to Python, and no rate to anybody.
            if type(value) is not int or not low <= value <= high:
                raise AudioError(
                    f"{name} is {value!r}", field=name, cure=f"use a whole number from {low} to {high}"
                )
        if self.frame_size == 0:
            msgspec.structs.force_setattr(self, "frame_size", max(1, self.sample_rate * FRAME_MS // 1000))

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample of one channel."""
        return SAMPLE_BYTES[self.encoding]

    @property
    def block_bytes(self) -> int:
        """Bytes of one sample of all channels: audio can be cut at multiples of this."""
        return SAMPLE_BYTES[self.encoding] * self.channels

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        return self.frame_size * self.block_bytes

    @property
    def frame_ms(self) -> float:
        """Milliseconds of one frame."""
        return self.frame_size * 1000 / self.sample_rate

    @property
    def bytes_per_ms(self) -> float:
        """Bytes of one millisecond; a fraction where the rate is no multiple of 1000 Hz."""
        return self.sample_rate * self.block_bytes / 1000

    def duration_ms(self, size: int) -> float:
        """Milliseconds that `size` bytes last."""
        return size * 1000 / (self.sample_rate * SAMPLE_BYTES[self.encoding] * self.channels)

    def size_of(self, ms: float) -> int:
        """Bytes of `ms` milliseconds, down to whole samples."""
        return int(ms * self.sample_rate / 1000) * self.block_bytes

    def silence(self, ms: float) -> bytes:
        """`ms` milliseconds of silence."""
        quiet = {"g711_ulaw": b"\xff", "g711_alaw": b"\xd5"}.get(self.encoding, b"\0")
        return quiet * self.size_of(ms)

    def same_sound(self, other: AudioFormat) -> bool:
        """Whether bytes of the other format can be used as they are (frames may differ in length)."""
        return (self.encoding, self.sample_rate, self.channels) == (
            other.encoding,
            other.sample_rate,
            other.channels,
        )

    def check(self, audio: object) -> None:
        """Raises `AudioError` for bytes that cannot be this format: not bytes, or a part of a sample at the end."""
        if not isinstance(audio, (bytes, bytearray)):
            raise AudioError(
                f"audio is {type(audio).__name__}, not bytes",
                field="audio",
                cure=f"give {self.encoding} samples as bytes",
            )
        if len(audio) % (SAMPLE_BYTES[self.encoding] * self.channels):
            raise AudioError(
                f"{len(audio)} bytes are no whole number of {self.encoding} samples"
                f" ({self.block_bytes} bytes each, {self.channels} channel{'s' * (self.channels > 1)})",
                field="audio",
                cure="cut audio at sample boundaries, and check that it is in the provider's get_audio_format()",
            )

    def __str__(self) -> str:
        channels = {1: "mono", 2: "stereo"}.get(self.channels, f"{self.channels} channels")
        return f"{self.encoding} {self.sample_rate} Hz {channels}"
