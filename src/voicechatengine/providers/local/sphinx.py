"""Speech to text on this machine by pocketsphinx (its wheel ships the US English model; the extra ``local``).

What it recognises well is what a grammar names: by default the one that the built-in responder understands. It runs in a
process of its own, because it holds the GIL; this side only feeds pipes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import MessageError
from voicechatengine.providers.cascade.parts import Heard
from voicechatengine.providers.local import frames
from voicechatengine.providers.local.frames import Frame, mapping
from voicechatengine.providers.local.process import Process

FORMAT: Final = AudioFormat("pcm16", 16_000)
MODULE: Final = "voicechatengine.providers.local.sphinx_worker"
PUBLIC: Final = (
    "public <utterance> ="  # the shipped grammar's first rule, where an application's phrases are added
)


class SphinxRecogniser:
    """**A `SpeechToText`** for US English in 16 kHz mono PCM16.

    `grammar` is the path of a JSGF file, or JSGF itself; None takes the shipped one, with `phrases` added to it. Speech that fits
    no sentence of the grammar is recognised by the free language model, roughly. Raises `MessageError` for a grammar that is
    not there; one that cannot be read, or words that the dictionary lacks, are told by `open`.
    """

    def __init__(self, *, grammar: str | Path | None = None, phrases: Sequence[str] = ()) -> None:
        self._process = Process(MODULE, {"grammar": _grammar(grammar, phrases)}, "speech to text")
        self._lock = asyncio.Lock()
        self._job = 0

    @property
    def format(self) -> AudioFormat:
        """What `recognise` takes: 16 kHz mono PCM16."""
        return FORMAT

    async def open(self) -> None:
        """Starts the process. Raises `AudioError` without pocketsphinx, `MessageError` for a grammar that does not do."""
        async with self._lock:
            if not self._process.running:
                await self._process.start()

    async def close(self) -> None:
        """Kills the process; idempotent."""
        await self._process.stop()

    async def recognise(
        self, audio: AsyncIterator[bytes], *, language: str | None = None, prompt: str | None = None
    ) -> AsyncGenerator[Heard]:
        """The words while they are spoken. Raises `MessageError` for another language than English and for a prompt,
        `ProviderError` if the process dies; the next utterance starts it anew.
        """
        check_language(language)
        if prompt:
            raise MessageError(
                "pocketsphinx takes no prompt",
                field="prompt",
                cure="give its words as phrases or in a grammar",
            )
        async with self._lock:
            if not self._process.running:
                await self._process.start()
            self._job += 1
            job, ended = self._job, False
            self._process.post(mapping(frames.BEGIN, job))
            feeder = asyncio.create_task(self._feed(job, audio), name="speech to text audio")
            try:
                while not ended:
                    frame = await self._process.receive(job)
                    ended = frame.kind != frames.PARTIAL
                    if frame.kind == frames.DROPPED:
                        await feeder  # raises what the audio raised
                    else:
                        yield Heard(frame.payload.decode(), final=ended)
            finally:
                feeder.cancel()
                if not ended:
                    self._process.post(mapping(frames.CANCEL, job))
                await asyncio.gather(feeder, return_exceptions=True)

    async def _feed(self, job: int, audio: AsyncIterator[bytes]) -> None:
        try:
            async for chunk in audio:
                FORMAT.check(chunk)
                await self._process.send(Frame(frames.AUDIO, job, bytes(chunk)))
        except Exception:
            self._process.post(mapping(frames.CANCEL, job))
            raise
        await self._process.send(mapping(frames.END, job))


def check_language(language: str | None) -> None:
    """Raises `MessageError` for a language that the recogniser does not know."""
    if language is not None and language.lower().replace("_", "-").split("-")[0] != "en":
        raise MessageError(
            f"pocketsphinx ships US English only, not {language!r}",
            field="language",
            cure="use en-us, or LocalConfig(recogniser='whisper')",
        )


def _grammar(grammar: str | Path | None, phrases: Sequence[str]) -> str:
    """The JSGF text."""
    if grammar is None:
        shipped = files("voicechatengine.providers.local").joinpath("responder.gram").read_text("utf-8")
        said = " | ".join(f"({phrase.lower()})" for phrase in phrases if phrase.strip())
        return shipped.replace(PUBLIC, f"{PUBLIC} /60/ ({said}) |", 1) if said else shipped
    if phrases:
        raise MessageError(
            "there is a grammar and a list of phrases",
            field="phrases",
            cure="write the phrases into the grammar",
        )
    if isinstance(grammar, str) and grammar.lstrip().startswith("#JSGF"):
        return grammar
    try:
        return Path(grammar).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MessageError(
            f"the grammar {Path(grammar).name!r} cannot be read: {error}",
            field="grammar",
            cure="give the path of a JSGF file, or JSGF that begins with #JSGF V1.0;",
        ) from None
