"""A stream of audio in one format made a stream in another, with the standard library alone: for servers and simulators.

Sample rates are changed by linear interpolation, which is enough for speech on a test bench and for telephone sound; what an
application listens to goes through `resample.py`. Pure: bytes in, bytes out, and a few samples of state between.
"""

from __future__ import annotations

from typing import Any

from voicechatengine.audio.convert import audioop, convert, to_pcm16
from voicechatengine.audio.format import AudioFormat


class Recoder:
    """Turns audio in `source` into audio in `target` (both mono); one object a stream."""

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        self._source = source
        self._target = target
        self._state: Any = None

    def __call__(self, audio: bytes) -> bytes:
        """The next stretch. Raises `AudioError` for bytes that are not of the source format."""
        if self._source.same_sound(self._target):
            return audio
        if self._source.sample_rate == self._target.sample_rate:
            return convert(audio, self._source, self._target)
        self._source.check(audio)
        pcm, self._state = audioop.ratecv(
            to_pcm16(audio, self._source),
            2,
            1,
            self._source.sample_rate,
            self._target.sample_rate,
            self._state,
        )
        return convert(pcm, AudioFormat(sample_rate=self._target.sample_rate), self._target)
