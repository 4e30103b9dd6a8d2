"""Microphone and speaker of this machine, through `sounddevice` (PortAudio), which loads when a stream is first opened.

PortAudio calls back on a thread of its own; here its calls become reads and writes of the event loop. There is no echo
cancellation: small packages for it (pyaec, aec-audio-processing) have had a handful of releases, the well kept one (livekit)
brings a whole WebRTC client along. So `VoiceEngine.run` mutes the microphone while the speaker plays, unless told that the
listener wears headphones. The stream factory can be given, so that all of this runs without a device.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any, Final, Protocol, TypeAlias

from voicechatengine.audio.format import AudioFormat
from voicechatengine.engine.io import AHEAD_MS
from voicechatengine.errors import AudioError

log: logging.Logger = logging.getLogger("voicechatengine")

DEVICE_FORMAT: Final = AudioFormat(sample_rate=48_000)  # what practically every device can do
MAX_UNREAD_MS: Final = 2000.0  # of the microphone; older audio is of no use to a conversation
_DTYPES: Final = {"pcm16": "int16", "float32": "float32"}


class DeviceStream(Protocol):
    """**Protocol:** what is used of `sounddevice.RawInputStream` and `RawOutputStream`."""

    def start(self) -> object:
        """Begins to call back."""
        ...

    def abort(self) -> object:
        """Stops at once."""
        ...

    def close(self) -> object:
        """Frees the device."""
        ...


OpenStream: TypeAlias = Callable[..., DeviceStream]
"""Makes a stream; called with the keyword arguments of `sounddevice.RawInputStream`."""


def load_sounddevice(importer: Callable[[str], ModuleType] = import_module) -> ModuleType:
    """The package `sounddevice`. Raises `AudioError` that names what to install."""
    try:
        return importer("sounddevice")
    except ImportError:
        raise AudioError(
            "microphone and speaker need the package sounddevice", cure="pip install 'voicechatengine[audio]'"
        ) from None
    except OSError as error:  # the package is there, the C library is not
        raise AudioError(
            f"microphone and speaker need the PortAudio library ({error})",
            cure="install it (Debian, Ubuntu: apt install libportaudio2; macOS: brew install portaudio)",
        ) from None


class _Device:
    """A stream that calls back on its own thread, and the loop that is to hear of it."""

    def __init__(
        self, kind: str, audio_format: AudioFormat, device: int | str | None, open_stream: OpenStream | None
    ) -> None:
        if audio_format.encoding not in _DTYPES:
            raise AudioError(
                f"a {kind} cannot do {audio_format.encoding}", field="format", cure="use pcm16 or float32"
            )
        self.kind: Final = kind
        self.moved = asyncio.Event()
        self.stopped = False
        self.closed = False
        self._format = audio_format
        self._device = device
        self._open = open_stream
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stream: DeviceStream | None = None

    def start(self, factory: str, callback: Callable[[Any, int, Any, Any], None]) -> None:
        """Opens the stream, once."""
        if self._stream is not None or self.closed:
            return
        self._loop = asyncio.get_running_loop()
        open_stream: OpenStream = self._open or getattr(load_sounddevice(), factory)
        try:
            self._stream = open_stream(
                samplerate=self._format.sample_rate,
                channels=self._format.channels,
                blocksize=self._format.frame_size,
                dtype=_DTYPES[self._format.encoding],
                device=self._device,
                latency="low",
                callback=callback,
                finished_callback=self._finished,
            )
            self._stream.start()
        except Exception as error:
            self.close()
            raise AudioError(
                f"the {self.kind} could not be opened: {error}",
                cure="`python -m sounddevice` lists the devices; choose one, or another sample rate",
            ) from error

    def tell(self, call: Callable[..., object], *arguments: object) -> None:
        """Calls back on the loop; for the device's thread."""
        if self._loop is not None and not self.closed:
            self._loop.call_soon_threadsafe(call, *arguments)

    async def wait(self) -> None:
        """Until the device has moved on. Raises `AudioError` if it stopped by itself."""
        if self.stopped:
            raise AudioError(f"the {self.kind} stopped", cure="check that the device is still plugged in")
        self.moved.clear()
        await self.moved.wait()

    def close(self) -> None:
        self.closed = True
        self.moved.set()
        stream, self._stream = self._stream, None
        if stream is not None:
            try:
                stream.abort()
            finally:
                stream.close()

    def _finished(self) -> None:
        self.tell(self._stop)

    def _stop(self) -> None:
        self.stopped = True
        self.moved.set()


class Microphone:
    """The machine's microphone as an `AudioSource`. `device` is a name or number of `sounddevice`; None is the default one.

    It opens at the first `read` and ends with `close`. What is not read for two seconds is lost, and logged.
    """

    def __init__(
        self,
        audio_format: AudioFormat = DEVICE_FORMAT,
        *,
        device: int | str | None = None,
        open_stream: OpenStream | None = None,
    ) -> None:
        self._format = audio_format
        self._device = _Device("microphone", audio_format, device, open_stream)
        self._frames: deque[bytes] = deque(maxlen=max(1, int(MAX_UNREAD_MS / audio_format.frame_ms)))

    @property
    def format(self) -> AudioFormat:
        """See `AudioSource.format`."""
        return self._format

    @property
    def open_air(self) -> bool:
        """True: it hears what a loudspeaker plays."""
        return True

    async def read(self) -> bytes:
        """See `AudioSource.read`. Raises `AudioError` if the microphone cannot be opened, or stops."""
        self._device.start("RawInputStream", self._recorded)
        while not self._frames:
            if self._device.closed:
                return b""
            await self._device.wait()
        return self._frames.popleft()

    async def close(self) -> None:
        """See `AudioSource.close`."""
        self._frames.clear()
        self._device.close()

    def _recorded(self, indata: Any, frames: int, time: Any, status: Any) -> None:
        self._device.tell(self._put, bytes(indata))

    def _put(self, audio: bytes) -> None:
        if len(self._frames) == self._frames.maxlen:
            log.warning("the microphone is read too slowly: %.0f ms were lost", self._format.frame_ms)
        self._frames.append(audio)
        self._device.moved.set()


class Speaker:
    """The machine's loudspeaker as an `AudioSink`. `device` is a name or number of `sounddevice`; None is the default one.

    It opens at the first `write`. `position` counts what the device has taken: that little cannot be called back, and sounds.
    """

    def __init__(
        self,
        audio_format: AudioFormat = DEVICE_FORMAT,
        *,
        device: int | str | None = None,
        open_stream: OpenStream | None = None,
    ) -> None:
        self._format = audio_format
        self._device = _Device("speaker", audio_format, device, open_stream)
        self._lock = threading.Lock()  # held for a copy of bytes: the device's thread may wait for it
        self._ahead = bytearray()
        self._position = 0
        self._flushes = 0

    @property
    def format(self) -> AudioFormat:
        """See `AudioSink.format`."""
        return self._format

    @property
    def open_air(self) -> bool:
        """True: a microphone in the room hears it."""
        return True

    @property
    def position(self) -> int:
        """See `AudioSink.position`."""
        return self._position

    async def write(self, audio: bytes) -> None:
        """See `AudioSink.write`. Raises `AudioError` if the speaker cannot be opened, stops, or is closed."""
        self._format.check(audio)
        if self._device.closed:
            raise AudioError("the speaker is closed", cure="make a new one for each run")
        self._device.start("RawOutputStream", self._play)
        with self._lock:
            self._ahead += audio
        await self._until(self._format.size_of(AHEAD_MS))

    def flush(self) -> None:
        """See `AudioSink.flush`."""
        with self._lock:
            self._ahead.clear()
        self._flushes += 1
        self._device.moved.set()

    async def drain(self) -> None:
        """See `AudioSink.drain`."""
        await self._until(0)

    async def close(self) -> None:
        """See `AudioSink.close`."""
        self.flush()
        self._device.close()

    async def _until(self, size: int) -> None:
        flushes = self._flushes
        while len(self._ahead) > size and self._flushes == flushes:
            await self._device.wait()

    def _play(self, outdata: Any, frames: int, time: Any, status: Any) -> None:
        room = len(outdata)
        with self._lock:
            audio = bytes(self._ahead[:room])
            del self._ahead[:room]
            self._position += len(audio) // self._format.block_bytes
        outdata[: len(audio)] = audio
        outdata[len(audio) :] = bytes(room - len(audio))
        if audio:
            self._device.tell(self._device.moved.set)


__all__ = ["DEVICE_FORMAT", "DeviceStream", "Microphone", "OpenStream", "Speaker", "load_sounddevice"]
