"""Deepgram's parts of a cascade: `DeepgramRecogniser` hears turns and words, `DeepgramSpeech` speaks. Here is the I/O.

What the service says means is decided in `listening.py` and `speaking.py`.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Final, Literal

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import ConnectionError, MessageError
from voicechatengine.events import Usage
from voicechatengine.messages import TurnDetection
from voicechatengine.providers.cascade.parts import Heard, Turn
from voicechatengine.providers.deepgram import wire
from voicechatengine.providers.deepgram.config import DeepgramConfig, check_voice, is_aura
from voicechatengine.providers.deepgram.listening import (
    Audio,
    By,
    Finish,
    FluxClient,
    Hint,
    News,
    Nothing,
    ToFlux,
)
from voicechatengine.providers.deepgram.speaking import Cut, Said, Say, Sound, SpeechClient, Stop, ToSpeech
from voicechatengine.session.dialect import Dialect, Endpoint, Ready
from voicechatengine.session.service import Inbox, Service
from voicechatengine.session.transport import Connector

HELD_MS: Final = 5_000.0  # of audio that waits for a connection
BORDERS: Final = 1_000  # that nobody asks for


class _Words:
    """What is said in one turn, or in one utterance that the application ends; `over` when there will be no more."""

    def __init__(self) -> None:
        self.texts: dict[int, str] = {}  # by Flux's turns
        self.news = asyncio.Event()
        self.likely = False  # it may be over
        self.over = False
        self.left = False  # by the turn detector: its borders are of no interest
        self.ended = False  # of an utterance: its audio
        self.resumed = 0  # how often
        self.given = -1  # the last of these times that its words were asked for
        self.problem: ConnectionError | None = None

    @property
    def text(self) -> str:
        return " ".join(text for text in self.texts.values() if text)

    @property
    def spent(self) -> bool:
        """Whether nobody will ask for the words any more."""
        return (self.over or self.left) and self.given >= self.resumed


class DeepgramRecogniser:
    """Flux, as `SpeechToText` and as `TurnDetector`: give the same object as ``turns`` and ``stt`` of a cascade, or as ``stt`` alone.

    As both, one connection hears all audio: `hear` sends it and gives the borders that Flux told of since, and `recognise` gives
    the words of the turn that began. Borders come when Flux is certain, which is after the audio that they lie in; so audio has to go on
    (silence will do) until a turn has ended. As ``stt`` alone, or where a session ends turns by hand, `recognise` sends the utterance
    itself and ends it; Flux then ends none by its own.

    A connection that is lost in mid-turn ends the turn with that error; the next audio opens another. `connector` opens transports
    (default: aiohttp websockets), `clock` gives Unix seconds that never step back, `rng` is the source of jitter; they are for tests and
    simulations.
    """

    def __init__(
        self,
        config: DeepgramConfig | None = None,
        *,
        connector: Connector | None = None,
        clock: Callable[[], float] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.config: DeepgramConfig = config or DeepgramConfig()
        self._service: Service[ToFlux, News | Nothing] = Service(
            self._dial,
            timeouts=self.config.timeouts,
            retry=self.config.retry,
            connector=connector,
            clock=clock,
            rng=rng,
        )
        self._service.listen(self._take)
        self._open: bool = False
        self._begin()

    @property
    def format(self) -> AudioFormat:
        """What `hear` and `recognise` take."""
        return self.config.input_format

    @property
    def settings(self) -> Sequence[str]:
        """None: Flux ends turns by the words, and its thresholds are in `DeepgramConfig`."""
        return ()

    def tune(self, detection: TurnDetection) -> None:
        """There is nothing to take."""

    async def open(self) -> None:
        """See `Part.open`. Raises `ConnectionError` with what the service says, `AuthenticationError` for a key that is missing."""
        if not self._open:
            self._begin()
            self._open = True
        await self._service.open()

    async def close(self) -> None:
        """See `Part.close`."""
        self._open = False
        await self._service.close()

    def _begin(self) -> None:
        self._heard_ms = 0.0
        self._held = bytearray()
        self._borders: deque[Turn] = deque(maxlen=BORDERS)
        self._turns: deque[_Words] = deque()  # that were told of, and whose words may still be asked for
        self._turn: _Words | None = None  # the last of them
        self._fed: _Words | None = None  # an utterance that `recognise` sends
        self._opening: asyncio.Task[ConnectionError | None] | None = None

    def _dial(self) -> tuple[Endpoint, Dialect[ToFlux, News | Nothing | Ready | ConnectionError]]:
        return self.config.listening(), FluxClient(self.config)

    # -- turns

    def hear(self, audio: bytes) -> list[Turn]:
        """The next stretch of audio, and the borders that Flux has told of since the last one.

        Raises `ConnectionError` when a lost connection cannot be had again: once for each time that it was tried as often as
        `DeepgramConfig.retry` says. Until then at most five seconds of audio wait for it.
        """
        self.format.check(audio)
        self._heard_ms += self.format.duration_ms(len(audio))
        self._send(audio)
        borders = list(self._borders)
        self._borders.clear()
        return borders

    def reset(self) -> None:
        """Forgets a turn that has begun; its words can still be asked for."""
        self._borders.clear()
        turn = self._turn
        if turn is not None and not turn.over and not turn.left:
            turn.left = True
            with suppress(ConnectionError):
                self._service.post(Finish())

    def _send(self, audio: bytes) -> None:
        self._held += audio
        if not self._service.connected:
            self._reopen()
            surplus = len(self._held) - self.format.size_of(HELD_MS)
            del self._held[: max(0, surplus)]
            return
        self._service.post(By(hand=False))
        self._service.post(Audio(bytes(self._held)))
        self._held.clear()

    def _reopen(self) -> None:
        opening, self._opening = self._opening, None
        if opening is not None and opening.done() and not opening.cancelled():
            error = opening.result()
            if error is not None:
                raise error
        self._opening = self._service.begin()

    # -- words

    async def recognise(
        self, audio: AsyncIterator[bytes], *, language: str | None = None, prompt: str | None = None
    ) -> AsyncGenerator[Heard]:
        """See `SpeechToText.recognise`. Raises `MessageError` for a language that the model does not hear, and for a prompt: Flux
        takes `keyterms`, where the part is made.
        """
        self._check(language, prompt)
        turn = self._unspent()
        if turn is None:
            await self._service.ready()
            self._held.clear()
            turn = self._fed = _Words()
            self._service.post(By(hand=True))
        if language is not None and self.config.model in wire.LANGUAGES:
            self._service.post(Hint(language))
        turn.given = turn.resumed
        sizes: list[int] = []
        source = asyncio.get_running_loop().create_task(
            self._source(audio, turn, sizes), name="deepgram audio"
        )
        source.add_done_callback(lambda _: turn.news.set())
        told = ""
        try:
            while not self._whole(turn, source):
                if turn.text != told:
                    told = turn.text
                    yield Heard(told)
                turn.news.clear()
                if not self._whole(turn, source):
                    await turn.news.wait()
            turn.given = turn.resumed
            seconds = self.format.duration_ms(sum(sizes)) / 1000
            yield Heard(turn.text, final=True, usage=Usage(input_seconds=seconds))
        finally:
            source.cancel()
            await asyncio.wait([source])
            if not source.cancelled():
                source.exception()  # it was raised, or nobody wants the words any more
            if self._fed is turn:
                self._fed = None
                if not turn.over:
                    with suppress(ConnectionError):
                        self._service.post(Finish(wanted=False))

    async def _source(self, audio: AsyncIterator[bytes], turn: _Words, sizes: list[int]) -> None:
        """Takes the utterance to its end; sends it where `hear` did not."""
        async for piece in audio:
            sizes.append(len(piece))
            if self._fed is turn:
                await self._service.send(Audio(piece))
        if self._fed is turn:
            turn.ended = True
            await self._service.send(Finish())

    @staticmethod
    def _whole(turn: _Words, source: asyncio.Task[None]) -> bool:
        """Whether the words are final. Raises what went wrong."""
        if turn.problem is not None:
            raise turn.problem
        if source.done() and not turn.over:
            source.result()
        return turn.over or (turn.likely and source.done())

    def _unspent(self) -> _Words | None:
        """The turn whose words are asked for: the first that nobody has asked for."""
        while self._turns and (self._turns[0].spent or (self._turns[0].left and len(self._turns) > 1)):
            self._turns.popleft()
        return self._turns[0] if self._turns else None

    def _check(self, language: str | None, prompt: str | None) -> None:
        if prompt:
            raise MessageError(
                "transcription.prompt: Flux takes no prompt",
                field="transcription.prompt",
                cure="name the terms in DeepgramConfig(keyterms=[…])",
            )
        _same_language(language, self.config.model, cure=f"use {wire.LANGUAGES[0]}")

    # -- from the service

    def _take(self, out: News | Nothing | ConnectionError) -> None:
        fed, turn = self._fed, self._turn
        if isinstance(out, News):
            self._news(out)
        elif isinstance(out, Nothing):
            if fed is not None:
                fed.over = True
                fed.news.set()
        elif fed is not None:
            fed.problem, fed.over = out, True
            fed.news.set()
        elif turn is not None and not turn.over:
            turn.problem, turn.over = out, True
            turn.news.set()
            self._border("ended", turn, self._heard_ms)

    def _news(self, news: News) -> None:
        heard, fed = self._turn, self._fed
        if fed is not None and (heard is None or heard.over or news.turn not in heard.texts):
            fed.texts[news.turn] = news.text
            fed.over = news.kind == "ended" and fed.ended
            fed.news.set()
            return
        if news.kind == "began":
            self._unspent()
            heard = self._turn = _Words()
            self._turns.append(heard)
        if heard is None or heard.over:
            return  # the end of an utterance that nobody waited for
        heard.texts[news.turn] = news.text
        heard.likely, heard.over = news.kind == "likely_end", news.kind == "ended"
        heard.resumed += news.kind == "resumed"
        heard.news.set()
        if news.kind != "words":
            self._border(news.kind, heard, max(0.0, self._heard_ms - news.ago_ms))

    def _border(
        self, kind: Literal["began", "likely_end", "resumed", "ended"], turn: _Words, at_ms: float
    ) -> None:
        if not turn.left:
            self._borders.append(Turn(kind, at_ms))


class DeepgramSpeech:
    """A `TextToSpeech`: Flux or Aura, by the name of the voice. Sentences follow each other on one connection.

    Closing `speak` early stops the service, and what was on its way is dropped: the next sentence begins clean. `cut` is what Flux says
    of the sentence that was stopped last: which of its words had been in the audio that was taken. `connector`, `clock` and `rng` are as in
    `DeepgramRecogniser`.
    """

    def __init__(
        self,
        config: DeepgramConfig | None = None,
        *,
        connector: Connector | None = None,
        clock: Callable[[], float] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.config: DeepgramConfig = config or DeepgramConfig()
        self.cut: Cut | None = None
        self._voice = self.config.voice
        self._inbox: Inbox[Sound | Said | Cut] | None = None
        self._service: Service[ToSpeech, Sound | Said | Cut] = Service(
            self._dial,
            timeouts=self.config.timeouts,
            retry=self.config.retry,
            connector=connector,
            clock=clock,
            rng=rng,
        )
        self._service.listen(self._take)

    @property
    def format(self) -> AudioFormat:
        """What `speak` gives."""
        return self.config.output_format

    async def open(self) -> None:
        """See `Part.open`. Raises `ConnectionError` with what the service says, `AuthenticationError` for a key that is missing."""
        await self._service.open()

    async def close(self) -> None:
        """See `Part.close`."""
        await self._service.close()

    async def speak(
        self, text: str, *, voice: str | None = None, language: str | None = None
    ) -> AsyncGenerator[bytes]:
        """See `TextToSpeech.speak`. Another voice than before takes a new connection. Raises `MessageError` for what is no voice, and for
        a voice of another language.
        """
        await self._use(voice or self.config.voice, language)
        inbox = self._inbox = Inbox[Sound | Said | Cut]()
        taken, whole = 0, False
        try:
            await self._service.send(Say(text))
            async for out in inbox:
                if isinstance(out, Said):
                    whole = True
                    return
                if isinstance(out, Sound):
                    taken += len(out.audio)
                    yield out.audio
        finally:
            if self._inbox is inbox:
                self._inbox = None
            if not whole:
                with suppress(ConnectionError):
                    self._service.post(Stop(self.format.duration_ms(taken)))

    async def _use(self, voice: str, language: str | None) -> None:
        check_voice(voice)
        _same_language(language, voice, cure="choose a voice of that language")
        if voice != self._voice:
            await self._service.close()
            self._voice = voice
            await self._service.open()
        else:
            await self._service.ready()

    def _dial(self) -> tuple[Endpoint, Dialect[ToSpeech, Sound | Said | Cut | Ready | ConnectionError]]:
        return self.config.speaking(self._voice), SpeechClient(self.format, aura=is_aura(self._voice))

    def _take(self, out: Sound | Said | Cut | ConnectionError) -> None:
        if isinstance(out, Cut):
            self.cut = out
        elif self._inbox is not None:
            self._inbox.put(out)


def _same_language(language: str | None, model: str, *, cure: str) -> None:
    """Raises `MessageError` where a model is of another language: its name ends with its own, or with none."""
    own = model.rpartition("-")[2]
    asked = (language or "").partition("-")[0].lower()
    if asked and len(own) == 2 and asked != own:  # noqa: PLR2004 - letters of a language's code
        raise MessageError(f"language: {model} is of {own!r}, not of {asked!r}", field="language", cure=cure)
