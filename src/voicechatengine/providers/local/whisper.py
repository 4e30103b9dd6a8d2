"""Speech to text by ``faster-whisper``, where the user has installed it: many languages, and a model of its own.

An utterance is recognised when it has ended, in a thread; the engine behind it releases the GIL while it computes.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Final

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import MessageError, ProviderError
from voicechatengine.providers.cascade.parts import Heard
from voicechatengine.providers.local.extra import missing

FORMAT: Final = AudioFormat("pcm16", 16_000)
LONGEST_BYTES: Final = FORMAT.size_of(120_000)  # of an utterance; what comes after is not heard
FULL_SCALE: Final = 32_768

Transcribe = Callable[[bytes, str | None, str | None], str]
"""The words of an utterance (PCM16), its language (None: to be found out) and a prompt."""


class WhisperRecogniser:
    """**A `SpeechToText`** for 16 kHz mono PCM16 in the languages of the model `model` (a name or a folder).

    `load` makes what transcribes from the model's name; by default faster-whisper.
    """

    def __init__(self, model: str = "base", *, load: Callable[[str], Transcribe] | None = None) -> None:
        self._model = model
        self._load = load or _faster_whisper
        self._transcribe: Transcribe | None = None
        self._lock = asyncio.Lock()

    @property
    def format(self) -> AudioFormat:
        """What `recognise` takes: 16 kHz mono PCM16."""
        return FORMAT

    async def open(self) -> None:
        """Loads the model, in a thread. Raises `AudioError` without faster-whisper, `ProviderError` without the model."""
        async with self._lock:
            if self._transcribe is None:
                self._transcribe = await asyncio.to_thread(self._load, self._model)

    async def close(self) -> None:
        """Lets go of the model; idempotent."""
        self._transcribe = None

    async def recognise(
        self, audio: AsyncIterator[bytes], *, language: str | None = None, prompt: str | None = None
    ) -> AsyncGenerator[Heard]:
        """The words, once, when the utterance has ended."""
        await self.open()
        pcm = bytearray()
        async for chunk in audio:
            FORMAT.check(chunk)
            pcm += chunk[: max(0, LONGEST_BYTES - len(pcm))]
        transcribe = self._transcribe
        assert transcribe is not None  # it was opened
        short = language.lower().replace("_", "-").split("-")[0] if language else None
        yield Heard((await asyncio.to_thread(transcribe, bytes(pcm), short, prompt)).strip(), final=True)


def _faster_whisper(model: str) -> Transcribe:
    try:
        import numpy as np  # noqa: PLC0415 - comes with faster-whisper
        from faster_whisper import WhisperModel  # noqa: PLC0415 - loaded when it is used
    except ImportError:
        raise missing(
            "faster-whisper",
            "recognition by Whisper",
            "pip install faster-whisper, or use LocalConfig(recogniser='sphinx')",
        ) from None
    try:
        loaded = WhisperModel(model, device="auto", compute_type="int8")
    except Exception as error:
        raise ProviderError(
            f"the Whisper model {model!r} cannot be loaded: {error}",
            cure="give whisper_model the folder of a model that was downloaded, or a name with a network to download it",
        ) from error

    def transcribe(pcm: bytes, language: str | None, prompt: str | None) -> str:
        samples = np.array(array("h", pcm), np.float32) / np.float32(FULL_SCALE)
        try:
            segments, _ = loaded.transcribe(samples, language=language, initial_prompt=prompt)
        except ValueError as error:
            raise MessageError(
                f"Whisper cannot transcribe this language: {error}",
                field="language",
                cure="give a code such as en or pt, or None to have it found out",
            ) from None
        return "".join(segment.text for segment in segments)

    return transcribe
