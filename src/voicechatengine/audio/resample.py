"""Audio as a stream from one format to another, whatever the sample rates; and a stream cut into frames.

Rates are changed by `soxr` (the extra ``audio``), imported when a stream needs it. Where only the encoding or the channels
differ, `convert.py` does it and nothing is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicechatengine.audio.convert import convert
from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import AudioError

if TYPE_CHECKING:
    import soxr


class Resampler:
    """One stream of audio in `source`, given back in `target`.

    Chunks may be of any length in whole samples; they join without a click. The filter holds back some milliseconds until
    `flush`; over a whole stream the length is right to one sample. Raises `AudioError` where `soxr` is needed and not there.
    """

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        self.source = source
        self.target = target
        channels = min(source.channels, target.channels)
        # float32 keeps its precision; everything else is PCM16 on both sides of the filter.
        self._before = AudioFormat(
            "float32" if source.encoding == "float32" else "pcm16", source.sample_rate, channels
        )
        self._after = AudioFormat(
            "float32" if target.encoding == "float32" else "pcm16", target.sample_rate, channels
        )
        self._stream = (
            None if source.sample_rate == target.sample_rate else _stream(self._before, self._after)
        )

    def feed(self, audio: bytes) -> bytes:
        """The next stretch, as far as it is certain. Raises `AudioError` for bytes that are not of `source`."""
        if self._stream is None:
            return convert(audio, self.source, self.target)
        return self._filter(self._stream, convert(audio, self.source, self._before), last=False)

    def flush(self) -> bytes:
        """What the filter held back; the next `feed` begins a new stream."""
        if self._stream is None:
            return b""
        rest = self._filter(self._stream, b"", last=True)
        self._stream.clear()
        return rest

    def _filter(self, stream: soxr.ResampleStream, audio: bytes, *, last: bool) -> bytes:
        import numpy as np  # noqa: PLC0415 - import time: only those who resample pay for it

        # float32 inside: soxr adds dither to int16, and silence is to stay silence.
        if self._before.encoding == "pcm16":
            samples = np.frombuffer(audio, np.int16).astype(np.float32) / np.float32(32768)
        else:
            samples = np.frombuffer(audio, np.float32)
        out = stream.resample_chunk(samples.reshape(-1, self._before.channels), last=last).ravel()
        if self._after.encoding == "pcm16":
            result = np.clip(np.rint(out * 32768), -32768, 32767).astype(np.int16).tobytes()
        else:
            result = out.tobytes()
        return convert(result, self._after, self.target)


def _stream(before: AudioFormat, after: AudioFormat) -> soxr.ResampleStream:
    try:
        import soxr  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        raise AudioError(
            f"{before.sample_rate} Hz cannot be made {after.sample_rate} Hz: the package soxr is not installed",
            cure="pip install 'voicechatengine[audio]'",
        ) from None
    return soxr.ResampleStream(before.sample_rate, after.sample_rate, before.channels, dtype="float32")


class Reframer:
    """Cuts a stream into frames of `frame_bytes`."""

    def __init__(self, frame_bytes: int) -> None:
        if frame_bytes < 1:
            raise AudioError(
                f"frame_bytes is {frame_bytes}", field="frame_bytes", cure="use AudioFormat.frame_bytes"
            )
        self.frame_bytes = frame_bytes
        self._rest = b""

    def feed(self, audio: bytes) -> list[bytes]:
        """The frames that are whole now."""
        size = self.frame_bytes
        if len(audio) == size and not self._rest:
            return [audio]
        audio = self._rest + audio
        whole = len(audio) - len(audio) % size
        self._rest = audio[whole:]
        return [audio[start : start + size] for start in range(0, whole, size)]

    def flush(self) -> bytes:
        """The beginning of a frame that waits for its end, perhaps empty; it is given once."""
        rest, self._rest = self._rest, b""
        return rest
