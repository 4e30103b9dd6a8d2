"""One pass of a recogniser over an utterance, in a task of its own: audio in as it comes, words out.

It knows nothing of turns: who owns it decides what its words are worth.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import aclosing

from voicechatengine.messages import Options, Transcription
from voicechatengine.providers.cascade.parts import Heard, SpeechToText
from voicechatengine.providers.cascade.stages import StageError, failure, too_late


class Feed:
    """Audio on its way to a recogniser; an async iterator."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._news = asyncio.Event()
        self.ended: bool = False
        self.size: int = 0  # bytes that wait

    def put(self, audio: bytes) -> None:
        """More audio."""
        self._pieces.append(audio)
        self.size += len(audio)
        self._news.set()

    def end(self) -> None:
        """No more audio will come."""
        self.ended = True
        self._news.set()

    def clear(self) -> None:
        """What waits is not wanted any more."""
        self._pieces.clear()
        self.size = 0

    def __aiter__(self) -> Feed:
        return self

    async def __anext__(self) -> bytes:
        while not self._pieces:
            if self.ended:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        audio = self._pieces.popleft()
        self.size -= len(audio)
        return audio


class Recognition:
    """Recognises what is fed to it. `heard` is called for words so far, and once, in the end, `done` with the final words, or
    with what went wrong. After `cancel` neither is called.

    `turn` is held while the recogniser works: it works on one utterance at a time. `limit_s` is how long it may take for the
    words after the end, and how long it may leave `most` bytes of audio lying.
    """

    def __init__(
        self,
        stt: SpeechToText,
        options: Options,
        turn: asyncio.Lock,
        *,
        limit_s: float,
        most: int,
        heard: Callable[[Heard], None],
        done: Callable[[str, StageError | None], None],
    ) -> None:
        self._stt = stt
        self._turn = turn
        self._limit_s = limit_s
        self._most = most
        self._heard = heard
        self._done = done
        self._feed = Feed()
        self._timer: asyncio.TimerHandle | None = None
        self._over = False
        told = options.transcription or Transcription()
        self._language = told.language or options.language or None
        self._prompt = told.prompt
        self.task: asyncio.Task[None] = asyncio.get_running_loop().create_task(
            self._run(), name="cascade recognition"
        )

    @property
    def waiting(self) -> int:
        """Bytes of audio that the recogniser has not taken."""
        return self._feed.size

    def put(self, audio: bytes) -> None:
        """More of the utterance."""
        if self._over:
            return
        self._feed.put(audio)
        if self._feed.size > self._most and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._limit_s, self._late)

    def end(self) -> None:
        """The utterance is over: the final words are wanted."""
        if self._over or self._feed.ended:
            return
        self._feed.end()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._limit_s, self._expire)

    def cancel(self) -> None:
        """What was said is not wanted: the recogniser's work ends at once."""
        self._finish()
        self.task.cancel()

    def _late(self) -> None:
        self._timer = None
        if self._feed.size > self._most:
            self._expire()

    def _expire(self) -> None:
        self.cancel()
        self._done("", too_late("recognition", self._limit_s, "recognition_s"))

    def _finish(self) -> None:
        self._over = True
        self._feed.clear()
        if self._timer is not None:
            self._timer.cancel()

    async def _run(self) -> None:
        text, problem = "", None
        try:
            async with (
                self._turn,
                aclosing(
                    self._stt.recognise(self._feed, language=self._language, prompt=self._prompt)
                ) as words,
            ):
                async for heard in words:
                    text = heard.text
                    self._heard(heard)
                    if heard.final:
                        break
        except Exception as error:  # noqa: BLE001 - a part may raise what it likes; it is told
            problem = failure("recognition", error)
        self._finish()
        self._done(text, problem)
