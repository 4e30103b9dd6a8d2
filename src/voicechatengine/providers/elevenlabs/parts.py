"""ElevenLabs as parts of a cascade: Scribe realtime hears, multi-context speech speaks. Here is the I/O; `scribe.py` and
`speech.py` know the wire. Both keep one connection open for the session.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Final, Generic, TypeAlias, TypeVar

import msgspec

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import ConnectionError, ProviderError
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    InputTranscript,
    ResponseCompleted,
    Usage,
    VendorMessage,
)
from voicechatengine.messages import AudioAppend, AudioClear, AudioCommit
from voicechatengine.providers.cascade.parts import Heard
from voicechatengine.providers.elevenlabs import wire
from voicechatengine.providers.elevenlabs.config import ElevenLabsConfig
from voicechatengine.providers.elevenlabs.scribe import ScribeClient, ToScribe
from voicechatengine.providers.elevenlabs.speech import Speak, SpeechClient, Stop, ToSpeech
from voicechatengine.session.dialect import Dialect, Endpoint, Ready
from voicechatengine.session.service import Inbox, Service
from voicechatengine.session.transport import Connector

log: Final = logging.getLogger("voicechatengine")

In = TypeVar("In")
Out = TypeVar("Out")
Told: TypeAlias = tuple[str | None, str | None]
Hears: TypeAlias = InputTranscript | VendorMessage | ErrorInfo
Speaks: TypeAlias = AudioChunk | ResponseCompleted | VendorMessage | ErrorInfo

GRACE_S: Final = 0.3
"""How long a first connection waits for objections to key and voice, so that `open` can raise them."""


class ElevenLabsRecogniser:
    """A `SpeechToText`: Scribe realtime. The cascade's turn detector says when an utterance is over, not the service.

    `connector` opens websockets (default: aiohttp), `clock` gives Unix seconds that never step back, `rng` is the source of
    jitter; they are for tests and simulations.
    """

    def __init__(
        self,
        config: ElevenLabsConfig | None = None,
        *,
        connector: Connector | None = None,
        clock: Callable[[], float] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.config: ElevenLabsConfig = config or ElevenLabsConfig()
        self._line: _Line[ToScribe, Hears] = _Line(self._dial, self.config, connector, clock, rng)

    @property
    def format(self) -> AudioFormat:
        """What `recognise` takes: the configuration's `input_format`."""
        return self.config.input_format

    async def open(self) -> None:
        """See `Part.open`: connects, and so checks the key and the options. Raises `ConnectionError`."""
        await self._line.open()

    async def close(self) -> None:
        """See `Part.close`."""
        await self._line.close()

    async def recognise(
        self, audio: AsyncIterator[bytes], *, language: str | None = None, prompt: str | None = None
    ) -> AsyncGenerator[Heard]:
        """See `SpeechToText.recognise`. Raises `ConnectionError` for an utterance that was lost with its connection; the next
        one opens another.

        Another language or prompt than before takes a new connection: the service is told both when one begins. What was
        heard of an utterance that is closed early is forgotten.
        """
        inbox: Inbox[Hears] = Inbox()
        service = self._line.service
        sending = asyncio.get_running_loop().create_task(
            self._send(audio, (language, prompt), inbox), name="elevenlabs utterance"
        )
        over = False
        try:
            async for out in inbox:
                if isinstance(out, InputTranscript):
                    over = out.final
                    if over:
                        seconds = await sending
                        yield Heard(out.text, final=True, usage=Usage(input_seconds=seconds))
                        return
                    yield Heard(out.text)
                else:
                    _tell(out)
        finally:
            sending.cancel()
            await asyncio.wait([sending])
            service.listen(None)
            if not over and service.connected:
                service.post(AudioClear())

    def _dial(self, told: Told) -> tuple[Endpoint, Dialect[ToScribe, Hears | Ready | ConnectionError]]:
        language, prompt = told
        return self.config.listen_endpoint(language), ScribeClient(self.format, prompt)

    async def _send(self, audio: AsyncIterator[bytes], told: Told, inbox: Inbox[Hears]) -> float:
        """Sends an utterance as it comes, to its end; its seconds."""
        size = 0
        try:
            await self._line.ready(told)
            self._line.service.listen(inbox.put)
            async for piece in audio:
                size += len(piece)
                await self._line.service.send(AudioAppend(piece))
            self._line.service.post(AudioCommit())
        except ConnectionError as error:
            inbox.put(error)
        except ProviderError as error:  # audio that is not of the format
            inbox.put(ConnectionError(error.message, cure=error.cure, fault=error.fault))
        return self.format.duration_ms(size) / 1000


class ElevenLabsSpeech:
    """A `TextToSpeech`: multi-context speech. `connector`, `clock` and `rng`: see `ElevenLabsRecogniser`."""

    def __init__(
        self,
        config: ElevenLabsConfig | None = None,
        *,
        connector: Connector | None = None,
        clock: Callable[[], float] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.config: ElevenLabsConfig = config or ElevenLabsConfig()
        settings = dict(self.config.voice_settings)
        self._settings = msgspec.convert(settings, wire.VoiceSettings) if settings else None
        self._grace_s = 0.0
        self._sentences = 0
        self._line: _Line[ToSpeech, Speaks] = _Line(self._dial, self.config, connector, clock, rng)

    @property
    def format(self) -> AudioFormat:
        """What `speak` gives: the configuration's `output_format`."""
        return self.config.output_format

    async def open(self) -> None:
        """See `Part.open`: connects, and waits a moment for objections to key and voice. Raises `ConnectionError`."""
        self._grace_s = GRACE_S
        try:
            await self._line.open()
        finally:
            self._grace_s = 0.0

    async def close(self) -> None:
        """See `Part.close`."""
        await self._line.close()

    async def speak(
        self, text: str, *, voice: str | None = None, language: str | None = None
    ) -> AsyncGenerator[bytes]:
        """See `TextToSpeech.speak`. Raises `ConnectionError` with the service's own words for a voice that there is not, for
        instance; the next sentence opens another connection, as does another voice or language.

        What still comes of a sentence that is closed early is dropped; the next one uses the same connection.
        """
        self._sentences += 1
        context_id = f"sentence_{self._sentences}"
        inbox: Inbox[Speaks] = Inbox()
        service = self._line.service
        await self._line.ready((voice, language))
        over = sounded = False
        try:
            service.listen(inbox.put)
            service.post(Speak(context_id, text))
            async for out in inbox:
                match out:
                    case AudioChunk(audio=audio):
                        sounded = True
                        yield audio
                    case ResponseCompleted():
                        over = True
                        break
                    case _:
                        _tell(out)
        finally:
            service.listen(None)
            if not over and service.connected:
                service.post(Stop(context_id))
        if not sounded:
            raise ProviderError(
                "ElevenLabs made no sound of a sentence",
                cure="check that model and voice speak the language of the text",
                code="no_audio",
            )

    def _dial(self, told: Told) -> tuple[Endpoint, Dialect[ToSpeech, Speaks | Ready | ConnectionError]]:
        voice, language = told
        dialect = SpeechClient(self.format, self._settings, self._grace_s)
        return self.config.speak_endpoint(voice, language), dialect


class _Line(Generic[In, Out]):
    """The connection of a part. What it was told when it began (voice, language, prompt) cannot change: `ready` sees to one
    that was told the right thing.
    """

    def __init__(
        self,
        dial: Callable[[Told], tuple[Endpoint, Dialect[In, Out | Ready | ConnectionError]]],
        config: ElevenLabsConfig,
        connector: Connector | None,
        clock: Callable[[], float] | None,
        rng: random.Random | None,
    ) -> None:
        self._told: Told = (None, None)
        self._open = False
        self._stale = False  # the connection was told something else
        self.service: Service[In, Out] = Service(
            lambda: dial(self._told),
            timeouts=config.timeouts,
            retry=config.retry,
            connector=connector,
            clock=clock,
            rng=rng,
        )

    async def open(self) -> None:
        self._open, self._stale = True, False
        await self.service.open()

    async def close(self) -> None:
        self._open = False
        await self.service.close()

    async def ready(self, told: Told) -> None:
        if self._open and (self._stale or told != self._told):
            self._stale = True  # also where this is cancelled half way
            await self.service.close()
            self._told = told
            if self._open:  # nobody closed the part meanwhile
                self._stale = False
                await self.service.open()
        await self.service.ready()


def _tell(out: VendorMessage | ErrorInfo) -> None:
    """What the service says beside the matter is for whoever reads logs."""
    if isinstance(out, ErrorInfo):
        log.warning("%s", out.message)
    else:
        log.info("ElevenLabs says %s: %s", out.name, out.raw.get("warning", ""))
