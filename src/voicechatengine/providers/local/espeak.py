"""Text to speech on this machine by eSpeak NG (the wheel ``espeakng-loader`` ships library and voices; the extra ``local``).

It runs in a process of its own; this side only reads its pipe. It speaks some 130 languages, plainly.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import AudioError, MessageError
from voicechatengine.providers.local import frames
from voicechatengine.providers.local.frames import mapping
from voicechatengine.providers.local.process import Process

FORMAT: Final = AudioFormat("pcm16", 22_050)
MODULE: Final = "voicechatengine.providers.local.espeak_worker"
DEFAULT_VOICE: Final = "en-us+edward"  # the one of them that a recogniser understands best


class EspeakSpeech:
    """**A `TextToSpeech`** that gives 22.05 kHz mono PCM16.

    `voice` is a language, perhaps with a variant (``en-us``, ``pt-br``, ``en-gb+f3``); `rate` in words a minute, 80 to 450; `pitch`
    0 to 100. Raises `MessageError` for what is out of range; a voice that is not there is told by `open`.
    """

    def __init__(self, *, voice: str | None = None, rate: int = 150, pitch: int = 50) -> None:
        for name, value, low, high in (("rate", rate, 80, 450), ("pitch", pitch, 0, 100)):
            if not low <= value <= high:
                raise MessageError(f"{name} is {value}", field=name, cure=f"use {low} to {high}")
        self._voice = voice
        self._rate = rate
        self._pitch = pitch
        self._process = Process(MODULE, {"voice": voice or DEFAULT_VOICE}, "text to speech")
        self._lock = asyncio.Lock()
        self._job = 0

    @property
    def format(self) -> AudioFormat:
        """What `speak` gives: 22.05 kHz mono PCM16."""
        return FORMAT

    async def open(self) -> None:
        """Starts the process. Raises `AudioError` without espeakng-loader, or for a voice that is not there."""
        async with self._lock:
            await self._start()

    async def close(self) -> None:
        """Kills the process; idempotent."""
        await self._process.stop()

    async def speak(
        self, text: str, *, voice: str | None = None, language: str | None = None
    ) -> AsyncGenerator[bytes]:
        """The sound of a sentence, the first 50 ms within some milliseconds.

        Raises `AudioError` listing the voices for one that is not there, `ProviderError` if the process dies; the next sentence
        starts it anew.
        """
        if not text.strip():
            return
        async with self._lock:
            await self._start()
            self._job += 1
            job, ended = self._job, False
            await self._process.send(
                mapping(
                    frames.BEGIN,
                    job,
                    text=text,
                    voice=voice or self._voice or language or DEFAULT_VOICE,
                    rate=self._rate,
                    pitch=self._pitch,
                )
            )
            try:
                while not ended:
                    frame = await self._process.receive(job)
                    ended = frame.kind == frames.END
                    if frame.payload:
                        yield frame.payload
            finally:
                if not ended:
                    self._process.post(mapping(frames.CANCEL, job))

    async def _start(self) -> None:
        if self._process.running:
            return
        told = await self._process.start()
        if told["rate"] != FORMAT.sample_rate:
            await self._process.stop()
            raise AudioError(
                f"eSpeak NG speaks at {told['rate']} Hz, not {FORMAT.sample_rate}",
                cure="install the espeakng-loader that voicechatengine[local] names",
            )
