"""One reply while it is said: the model's words go to speech sentence by sentence, its calls go to the application.

It is given the model's stream and tells what comes of it; it knows no conversation and no turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Literal

import msgspec

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.resample import Resampler
from voicechatengine.errors import AudioError, ProtocolError
from voicechatengine.events import AudioChunk, TextChunk, ToolCall, Usage
from voicechatengine.messages import Options, ResponseCreate
from voicechatengine.providers.cascade.parts import Call, Finished, TextToSpeech, Words
from voicechatengine.providers.cascade.sentences import Sentences
from voicechatengine.providers.cascade.stages import failure, following, too_late
from voicechatengine.providers.cascade.stream import ModelStream
from voicechatengine.session.items import Items
from voicechatengine.session.replies import Run


class Voice:
    """Speaks the sentences of one reply in `form`, which `differs` from the session's, or None. `turn` is held while the part
    speaks: it speaks one sentence at a time.
    """

    def __init__(
        self,
        tts: TextToSpeech,
        options: Options,
        form: AudioFormat,
        *,
        differs: AudioFormat | None,
        turn: asyncio.Lock,
        limit_s: float,
    ) -> None:
        self.form = form
        self.differs = differs
        self._tts = tts
        self._voice = options.voice or None
        self._language = options.language or None
        self._turn = turn
        self._limit_s = limit_s

    async def speak(self, sentence: str) -> AsyncGenerator[bytes]:
        """A sentence's audio. Raises `StageError`; closing it stops the part."""
        resampler = Resampler(self._tts.format, self.form)
        try:
            async with asyncio.timeout(self._limit_s):
                await self._turn.acquire()
        except TimeoutError:
            raise too_late("speech", self._limit_s, "speech_s") from None
        try:
            async with aclosing(
                self._tts.speak(sentence, voice=self._voice, language=self._language)
            ) as speech:
                while (piece := await following(speech, "speech", self._limit_s, "speech_s")) is not None:
                    if audio := self._converted(resampler, piece):
                        yield audio
            if audio := resampler.flush():
                yield audio
        finally:
            self._turn.release()

    def _converted(self, resampler: Resampler, piece: bytes) -> bytes:
        try:
            return resampler.feed(piece)
        except AudioError as error:  # the part's, not the application's
            raise failure("speech", error) from None


class Reply(Run):
    """One reply while it is made: what the model said it cost, and the first item of its turn."""

    def __init__(self, response_id: str, request: ResponseCreate) -> None:
        super().__init__(response_id, request)
        self.usage: Usage | None = None
        self.first_item: str | None = None


class Teller:
    """Tells what comes of replies, as items of the conversation (or of none, out of band)."""

    def __init__(self, items: Items, new_id: Callable[[str], str]) -> None:
        self._items = items
        self._new_id = new_id

    def say(self, reply: Reply, text: str, *, spoken: bool) -> None:
        """More words; spoken ones begin where the audio so far ends."""
        start_ms = reply.audio_ms if spoken else None
        self._items.emit(TextChunk(text, spoken, reply.id, self._words_of(reply), start_ms))

    def sound(self, reply: Reply, audio: bytes, form: AudioFormat, differs: AudioFormat | None) -> None:
        """More audio, in `form`; `differs` is the same where the listener has to be told."""
        reply.audio_ms += form.duration_ms(len(audio))
        self._items.emit(AudioChunk(audio, differs, reply.id, self._words_of(reply)))

    def call(self, reply: Reply, call: Call) -> None:
        """A call of a tool."""
        try:
            parsed = msgspec.json.decode(call.arguments, type=dict[str, Any])
        except msgspec.DecodeError:
            parsed = None
        item_id = self._item(reply, "tool_call")
        reply.calls += 1
        self._items.emit(ToolCall(call.call_id, call.name, call.arguments, parsed, reply.id, item_id))

    def _words_of(self, reply: Reply) -> str:
        if reply.item_id is None:
            reply.item_id = self._item(reply, "message")
        return reply.item_id

    def _item(self, reply: Reply, kind: Literal["message", "tool_call"]) -> str:
        item_id = self._new_id("item")
        reply.first_item = reply.first_item or item_id
        if not reply.request.out_of_band:
            self._items.place(item_id, "assistant", kind)
        return item_id


async def perform(
    reply: Reply, stream: ModelStream, voice: Voice | None, teller: Teller, limit_s: float
) -> Finished:
    """Tells a reply as the model makes it, to its end. Raises `StageError`; a cancellation stops model and speech."""
    sentences = Sentences()
    async with aclosing(stream):
        while (output := await following(stream, "model", limit_s, "timeouts.response")) is not None:
            match output:
                case Words():
                    for sentence in [output.text] if voice is None else sentences.feed(output.text):
                        await _say(reply, sentence, voice, teller)
                case Call():
                    await _say(reply, sentences.flush(), voice, teller)
                    teller.call(reply, output)
                case Finished():
                    await _say(reply, sentences.flush(), voice, teller)
                    return output
    raise failure("model", ProtocolError("the language model stopped in mid-reply", cure="ask again"))


async def _say(reply: Reply, sentence: str, voice: Voice | None, teller: Teller) -> None:
    if not sentence:
        return
    if voice is None:
        teller.say(reply, sentence, spoken=False)
        return
    told = False
    if any(char.isalnum() for char in sentence):
        async with aclosing(voice.speak(sentence.strip())) as speech:
            async for audio in speech:
                if not told:  # with its first sound, not before: what is not spoken yet was not said
                    told = True
                    teller.say(reply, sentence, spoken=True)
                teller.sound(reply, audio, voice.form, voice.differs)
    if not told:
        teller.say(reply, sentence, spoken=True)
