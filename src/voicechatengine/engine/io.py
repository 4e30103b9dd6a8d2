"""Where sound comes from and where it goes: the two protocols, and those that need no device.

A source paces itself; a sink tells how much of what it was given has been heard. Knows no provider and no engine. Microphone
and speaker are in `devices.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.wav import WavWriter, read_wav
from voicechatengine.errors import AudioError

AHEAD_MS: Final = 200.0  # what a sink takes before write() waits: enough against jitter, little to throw away


class AudioSource(Protocol):
    """**Protocol:** where the user's voice comes from."""

    @property
    def format(self) -> AudioFormat:
        """What `read` gives."""
        ...

    @property
    def open_air(self) -> bool:
        """Whether it hears the room, and with it a loudspeaker that is on."""
        ...

    async def read(self) -> bytes:
        """The next stretch of audio, whole samples, when it is due; empty at the end. Raises `AudioError` if it breaks.

        A cancelled read loses nothing.
        """
        ...

    async def close(self) -> None:
        """Frees what it holds; idempotent. A `read` that waits gets the end."""
        ...


class AudioSink(Protocol):
    """**Protocol:** where the assistant's voice goes."""

    @property
    def format(self) -> AudioFormat:
        """What `write` takes."""
        ...

    @property
    def open_air(self) -> bool:
        """Whether a microphone in the same room hears it."""
        ...

    @property
    def position(self) -> int:
        """Samples (of one channel) that were heard since it was made: neither silence between them nor what was flushed."""
        ...

    async def write(self, audio: bytes) -> None:
        """Takes audio at once, then waits while enough is ahead. Raises `AudioError` if it cannot play.

        A cancelled write has taken all of it.
        """
        ...

    def flush(self) -> None:
        """Drops everything that was not heard yet, at once. `write` and `drain` that wait return."""
        ...

    async def drain(self) -> None:
        """Waits until everything was heard, or flushed."""
        ...

    async def close(self) -> None:
        """Frees what it holds, dropping what was not heard; idempotent."""
        ...


class MemorySource:
    """Audio from memory, a frame at a time: as it would be spoken, or with ``real_time=False`` as fast as it is read."""

    def __init__(self, audio: bytes, audio_format: AudioFormat, *, real_time: bool = True) -> None:
        audio_format.check(audio)
        self._format = audio_format
        self._audio = audio
        self._real_time = real_time
        self._place = 0  # bytes
        self._began: float | None = None

    @property
    def format(self) -> AudioFormat:
        """See `AudioSource.format`."""
        return self._format

    @property
    def open_air(self) -> bool:
        """False: nothing else is heard in it."""
        return False

    async def read(self) -> bytes:
        """See `AudioSource.read`."""
        end = min(self._place + self._format.frame_bytes, len(self._audio))
        if end > self._place:
            now = asyncio.get_running_loop().time()
            if self._began is None:
                self._began = now
            if self._real_time:  # a frame can be had when its last sample was spoken
                await asyncio.sleep(self._began + self._format.duration_ms(end) / 1000 - now)
            else:
                await asyncio.sleep(0)  # else nobody else would ever run
        frame = self._audio[self._place : end]
        self._place = max(end, self._place)
        return frame

    async def close(self) -> None:
        """See `AudioSource.close`."""
        self._place = len(self._audio)


def wav_source(path: str | Path, *, real_time: bool = True) -> MemorySource:
    """A WAV file as a source. Raises `AudioError` for what is none."""
    audio_format, audio = read_wav(path)
    return MemorySource(audio, audio_format, real_time=real_time)


class VirtualSpeaker:
    """Plays in real time without a device: `heard` gets each stretch once its time has passed, so a flush cuts in the midst.

    What was flushed never reaches `heard`, nor does silence between replies. `closed` is called once, at the end.
    """

    def __init__(
        self,
        audio_format: AudioFormat,
        heard: Callable[[bytes], object],
        closed: Callable[[], object] = lambda: None,
    ) -> None:
        self._format = audio_format
        self._heard = heard
        self._closed: Callable[[], object] | None = closed
        self._queue: deque[bytes] = deque()
        self._ahead = 0  # samples
        self._position = 0
        self._since: float = 0.0  # when `_position` was reached, while something plays
        self._flushed = asyncio.Event()

    @property
    def format(self) -> AudioFormat:
        """See `AudioSink.format`."""
        return self._format

    @property
    def open_air(self) -> bool:
        """False: no microphone hears it."""
        return False

    @property
    def position(self) -> int:
        """See `AudioSink.position`."""
        self._advance()
        return self._position

    async def write(self, audio: bytes) -> None:
        """See `AudioSink.write`."""
        if self._closed is None:
            raise AudioError("the sink is closed", cure="make a new one for each run")
        self._format.check(audio)
        self._advance()
        if not self._ahead:
            self._since = asyncio.get_running_loop().time()
        self._queue.append(audio)
        self._ahead += len(audio) // self._format.block_bytes
        await self._until(int(AHEAD_MS * self._format.sample_rate / 1000))

    def flush(self) -> None:
        """See `AudioSink.flush`."""
        self._advance()
        self._queue.clear()
        self._ahead = 0
        self._flushed.set()
        self._flushed = asyncio.Event()

    async def drain(self) -> None:
        """See `AudioSink.drain`."""
        await self._until(0)

    async def close(self) -> None:
        """See `AudioSink.close`."""
        self.flush()
        closed, self._closed = self._closed, None
        if closed is not None:
            closed()

    async def _until(self, ahead: int) -> None:
        """Waits until so few samples are left to be heard, or a flush."""
        flushed = self._flushed
        self._advance()
        while self._ahead > ahead and not flushed.is_set():
            due = self._since + (self._ahead - ahead) / self._format.sample_rate
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await flushed.wait()
            self._advance()

    def _advance(self) -> None:
        """Hands over what has been heard by now."""
        if not self._ahead:
            return
        rate, block = self._format.sample_rate, self._format.block_bytes
        elapsed = asyncio.get_running_loop().time() - self._since
        due = min(
            self._ahead, int(elapsed * rate + 1e-3)
        )  # a thousandth of a sample: seconds are no exact fractions
        if due <= 0:
            return
        self._ahead -= due
        self._position += due
        self._since += due / rate
        size = due * block
        while size:
            piece = self._queue.popleft()
            if len(piece) > size:
                self._queue.appendleft(piece[size:])
                piece = piece[:size]
            size -= len(piece)
            self._heard(piece)


def wav_sink(path: str | Path, audio_format: AudioFormat | None = None) -> VirtualSpeaker:
    """A WAV file as a sink: the replies as they were heard, one after the other, cut where they were interrupted.

    The default format is PCM16, 24 kHz, mono. Raises `AudioError` if the file cannot be written.
    """
    audio_format = audio_format or AudioFormat()
    writer = WavWriter(path, audio_format)
    return VirtualSpeaker(audio_format, writer.write, writer.close)
