"""`HttpRecogniser` and `HttpSpeech`: OpenAI-compatible endpoints as parts of a cascade. Here is the I/O."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Final, TypeVar

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.wav import wav_bytes
from voicechatengine.errors import AudioError
from voicechatengine.providers.cascade.parts import Heard
from voicechatengine.providers.speech.config import RecogniserConfig, SpeechConfig
from voicechatengine.providers.speech.sound import sound
from voicechatengine.providers.speech.transcript import transcript
from voicechatengine.providers.speech.wire import MAX_FILE, SHORTEST_MS
from voicechatengine.session.backoff import Backoff
from voicechatengine.session.clock import loop_clock
from voicechatengine.session.fold import Reading
from voicechatengine.session.http import Http, HttpRequest
from voicechatengine.session.http_stream import stream

FORMAT: Final = AudioFormat(sample_rate=16_000)  # what these models work with: more would only be more bytes
WAV_HEADER: Final = 44
LONGEST_BYTES: Final = MAX_FILE - WAV_HEADER

T = TypeVar("T")


class HttpRecogniser:
    """A `SpeechToText`: OpenAI's transcription, or Speaches, LocalAI, whisper.cpp's server and others like it.

    An utterance is sent when it has ended; a server that streams gives its words before it has them all. `http` asks the server
    (default: aiohttp) and is closed with this part; `clock` gives Unix seconds that never step back, `rng` is the source of
    jitter and boundaries; they are for tests and simulations.
    """

    def __init__(
        self,
        config: RecogniserConfig,
        *,
        http: Http | None = None,
        clock: Callable[[], float] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.config: RecogniserConfig = config
        self._rng = rng or random.Random()
        self._asker = _Asker(config, http, clock, self._rng)

    @property
    def format(self) -> AudioFormat:
        """What `recognise` takes: 16 kHz mono PCM16."""
        return FORMAT

    async def open(self) -> None:
        """See `Part.open`. Raises `AuthenticationError` for a key that is missing; no request is made."""
        self.config.request_headers()
        self._asker.ready()

    async def close(self) -> None:
        """See `Part.close`."""
        await self._asker.close()

    async def recognise(
        self, audio: AsyncIterator[bytes], *, language: str | None = None, prompt: str | None = None
    ) -> AsyncGenerator[Heard]:
        """See `SpeechToText.recognise`. Raises `AudioError` for an utterance that is more than 25 MiB (13 minutes).

        Less than a tenth of a second is no word, and no request. A server that fails before the first word is asked again as
        `RecogniserConfig.retry` says. Closing it early aborts the request.
        """
        pcm = bytearray()
        async for piece in audio:
            FORMAT.check(piece)
            pcm += piece
            if len(pcm) > LONGEST_BYTES:
                raise AudioError(
                    f"an utterance of more than {FORMAT.duration_ms(LONGEST_BYTES) / 1000:.0f} s cannot be sent",
                    field="audio",
                    cure="let the turn detector end turns earlier",
                )
        if FORMAT.duration_ms(len(pcm)) < SHORTEST_MS:
            yield Heard("", final=True)
            return
        boundary = f"{self._rng.getrandbits(128):032x}"
        asked = self.config.request(wav_bytes(FORMAT, bytes(pcm)), language, prompt, boundary)
        final = Heard("", final=True)
        async with aclosing(self._asker.ask(asked, transcript)) as words:
            async for heard in words:
                if heard.final:
                    final = heard
                else:
                    yield heard
        yield final  # only now, when the answer has ended: so its connection is kept for the next utterance


class HttpSpeech:
    """A `TextToSpeech`: OpenAI's speech, or Speaches, LocalAI and others like it.

    `http`, `clock` and `rng` are as with `HttpRecogniser`.
    """

    def __init__(
        self,
        config: SpeechConfig,
        *,
        http: Http | None = None,
        clock: Callable[[], float] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.config: SpeechConfig = config
        self._asker = _Asker(config, http, clock, rng or random.Random())

    @property
    def format(self) -> AudioFormat:
        """What `speak` gives: mono PCM16 of `SpeechConfig.sample_rate`."""
        return self.config.format()

    async def open(self) -> None:
        """See `Part.open`. Raises `AuthenticationError` for a key that is missing; no request is made."""
        self.config.request_headers()
        self._asker.ready()

    async def close(self) -> None:
        """See `Part.close`."""
        await self._asker.close()

    async def speak(
        self, text: str, *, voice: str | None = None, language: str | None = None
    ) -> AsyncGenerator[bytes]:
        """See `TextToSpeech.speak`. Raises `MessageError` for more than 4096 characters, before anything is sent.

        The language is the voice's own business. A server that fails before the first sound is asked again as
        `SpeechConfig.retry` says. Closing it early aborts the request.
        """
        asked = self.config.request(text, voice)
        async with aclosing(self._asker.ask(asked, sound(self.format))) as pieces:
            async for piece in pieces:
                yield piece


class _Asker:
    """Asks one server, by the time limits of a part's configuration."""

    def __init__(
        self,
        config: RecogniserConfig | SpeechConfig,
        http: Http | None,
        clock: Callable[[], float] | None,
        rng: random.Random,
    ) -> None:
        self._config = config
        self._http = http
        self._clock = clock or loop_clock()
        self._rng = rng

    def ready(self) -> Http:
        if self._http is None:
            from voicechatengine.session.aiohttp_http import AiohttpHttp  # noqa: PLC0415 - aiohttp loads here

            self._http = AiohttpHttp(connect=self._config.timeouts.connect)
        return self._http

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()

    def ask(self, request: HttpRequest, reading: Reading[T]) -> AsyncGenerator[T]:
        return stream(
            self.ready(),
            request,
            reading,
            backoff=Backoff(self._config.retry, self._rng),
            clock=self._clock,
            patience=self._config.timeouts.response,
        )
