"""The process that speaks by eSpeak NG: its library has one state for a whole process, so each session has a process.

It reads frames from its input and writes frames to its output, until the input ends. It knows nothing of sessions. Names and
values are those of speak_lib.h (eSpeak NG 1.52).
"""

from __future__ import annotations

import ctypes
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from voicechatengine.providers.local import frames
from voicechatengine.providers.local.frames import Frame, Refusal

SYNCHRONOUS: Final = (
    2  # AUDIO_OUTPUT_SYNCHRONOUS: sound is given to the callback, and Synth returns at its end
)
DONT_EXIT: Final = 0x8000  # espeakINITIALIZE_DONT_EXIT
UTF8: Final = 1  # espeakCHARS_UTF8
RATE_PARAMETER, PITCH_PARAMETER = 1, 3  # espeakRATE, espeakPITCH
BUFFER_MS: Final = 50  # so early comes the first sound
WAITING: Final = 8  # jobs


class Voice(ctypes.Structure):
    """espeak_VOICE."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


CALLBACK: Final = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class Espeak:
    """The library, opened once. `sound` is given PCM16, and says whether to go on."""

    def __init__(self, sound: Callable[[bytes], bool]) -> None:
        try:
            import espeakng_loader  # noqa: PLC0415 - only this process loads it
        except ImportError:
            raise Refusal(
                "the package espeakng-loader is not installed",
                error="AudioError",
                cure="pip install 'voicechatengine[local]'",
            ) from None
        data = espeakng_loader.get_data_path()
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self.rate: int = self._library.espeak_Initialize(SYNCHRONOUS, BUFFER_MS, data.encode(), DONT_EXIT)
        self._sound = sound
        self._callback = CALLBACK(self._heard)  # kept: the library holds no reference to it
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(Voice))
        self._library.espeak_ListVoices(
            None
        )  # reads the voices: before, languages are not found by their names
        variants = Path(data, "voices", "!v")
        self.variants: list[str] = sorted(path.name for path in variants.iterdir())
        self.voices: dict[str, str] = self._listed()

    def _listed(self) -> dict[str, str]:
        """The identifier of the voice of each language: by its language alone, the library does not find every one."""
        voices = self._library.espeak_ListVoices(None)
        found: dict[str, str] = {}
        place = 0
        while voices[place]:
            voice = voices[place].contents
            found.setdefault(
                voice.languages[1:].decode(), voice.identifier.decode()
            )  # after a byte of priority
            place += 1
        return found

    def choose(self, voice: str) -> None:
        """Takes a voice: a language, perhaps with a variant (``en-us+f3``). Raises `Refusal` naming those that there are."""
        language, _, variant = voice.partition("+")
        language = language.replace("_", "-")
        name = self.voices.get(language.lower(), language)
        if self._library.espeak_SetVoiceByName(name.encode()):
            raise Refusal(
                f"no voice {voice!r}",
                error="AudioError",
                field="voice",
                cure=f"use one of {', '.join(sorted(self.voices))}",
            )
        if variant and variant not in self.variants:
            raise Refusal(
                f"voice {voice!r}: no variant {variant!r}",
                error="AudioError",
                field="voice",
                cure=f"use one of {', '.join(self.variants)}",
            )
        if variant:
            self._library.espeak_SetVoiceByName(f"{name}+{variant}".encode())

    def speak(self, text: str, voice: str, rate: int, pitch: int) -> None:
        """Speaks until the end, or until `sound` says that it is enough."""
        self.choose(voice)
        self._library.espeak_SetParameter(RATE_PARAMETER, rate, 0)
        self._library.espeak_SetParameter(PITCH_PARAMETER, pitch, 0)
        words = text.replace("\0", " ").encode()
        self._library.espeak_Synth(words, ctypes.c_size_t(len(words) + 1), 0, 0, 0, UTF8, None, None)

    def _heard(self, samples: object, count: int, _: object) -> int:
        if count <= 0 or not samples:
            return 0
        return 0 if self._sound(ctypes.string_at(samples, 2 * count)) else 1  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # a pointer


class _Jobs:
    """The frames that wait, and what was cancelled while they did: read in a thread, because speaking takes the other."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.cancelled = 0
        self.waiting: queue.Queue[Frame | None] = queue.Queue(WAITING)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while (frame := frames.read(self._source)) is not None:
            if frame.kind == frames.CANCEL:
                self.cancelled = max(self.cancelled, frame.job)
            else:
                self.waiting.put(frame)
        self.cancelled = sys.maxsize
        self.waiting.put(None)


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Works until `source` ends."""
    settings = frames.read(source)
    if settings is None:
        return
    jobs = _Jobs(source)
    job = 0

    def sound(audio: bytes) -> bool:
        if jobs.cancelled < job:
            frames.write(sink, Frame(frames.AUDIO, job, audio))
        return jobs.cancelled < job

    try:
        espeak = Espeak(sound)
        espeak.choose(settings.json()["voice"])
    except Refusal as refusal:
        frames.write(sink, frames.mapping(frames.REFUSED, 0, **refusal.content))
        return
    frames.write(sink, frames.mapping(frames.READY, rate=espeak.rate))
    while (frame := jobs.waiting.get()) is not None:
        job = frame.job
        try:
            if jobs.cancelled < job:
                espeak.speak(**frame.json())
        except Refusal as refusal:
            frames.write(sink, frames.mapping(frames.REFUSED, job, **refusal.content))
        else:
            frames.write(sink, Frame(frames.END, job))


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
