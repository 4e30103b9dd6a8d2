"""One spoken conversation: sound from a source to the provider, replies to a sink, until both sides are done.

`VoiceEngine.run` makes one `Talk` and hands it each event. It owns two tasks (up and down) for as long as `run` lasts, and
decides what an interruption does. It knows the contract of a provider, and neither vendors nor devices.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Final, cast

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.resample import Reframer, Resampler
from voicechatengine.conversation import Conversation
from voicechatengine.engine.bargein import BargeIn, Doubt, Verdict
from voicechatengine.engine.floor import Floor
from voicechatengine.engine.io import AudioSink, AudioSource
from voicechatengine.engine.metrics import Fold
from voicechatengine.engine.playback import Playback
from voicechatengine.engine.toolbox import Toolbox
from voicechatengine.errors import DeadlineError, ProviderError
from voicechatengine.events import (
    AudioChunk,
    EventData,
    InputTranscript,
    Interrupted,
    ResponseCompleted,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TextChunk,
)
from voicechatengine.messages import ActivityEnd, ActivityStart, ItemTruncate, MessageType
from voicechatengine.provider import Provider

log: logging.Logger = logging.getLogger("voicechatengine")

TAIL_S: Final = 0.3  # how long a room and the devices' buffers go on sounding after the last sample
FAREWELL_S: Final = 1.0  # for telling the provider what was heard, when the conversation is broken off
_DOUBTFUL: Final = frozenset({SpeechStarted, SpeechStopped, InputTranscript, ResponseStarted})
STALL_S: Final = 30.0  # a reply that has begun and of which nothing comes for so long will not end


class Talk:
    """See the module. `conversation` is told what was heard of what is cut; `folds` are the metrics to keep, `toolbox` what an
    interruption stops besides the reply.
    """

    def __init__(
        self,
        provider: Provider,
        source: AudioSource,
        sink: AudioSink,
        *,
        barge_in: BargeIn | None,
        half_duplex: bool,
        push_to_talk: bool,
        grace_s: float,
        conversation: Conversation,
        folds: Sequence[Fold],
        toolbox: Toolbox,
    ) -> None:
        self._provider = provider
        self._source = source
        self._sink = sink
        self._barge_in = barge_in is not None
        self._doubt = Doubt(barge_in or BargeIn())
        self._doubts: asyncio.TimerHandle | None = None  # when the doubt ends by itself
        self._deciding: set[asyncio.Task[None]] = set()
        self._hushed: float | None = None  # when speech silenced what is held
        self._toolbox = toolbox
        self._half_duplex = half_duplex
        self._push_to_talk = push_to_talk
        self._conversation = conversation
        self._folds = folds
        self._loop = asyncio.get_running_loop()
        self._floor = Floor(self._loop.time(), grace_s)
        self._playback = Playback(sink.format, sink.position)
        self._down = _Stream(sink.format)
        self._up = _Stream(provider.get_audio_format())
        self._frames = Reframer(provider.get_audio_format().frame_bytes)
        self._beside: set[str] = set()  # responses out of band: the vendor has no items of them to correct
        self._speaking = not push_to_talk  # whether the source's audio goes out
        self._sending = asyncio.Lock()  # a turn's last audio goes out before its end is told
        self._loud_until = 0.0
        self._ended = False  # the source
        self._error: ProviderError | None = None
        self._news = asyncio.Event()  # for the one that waits for the end
        self._more = asyncio.Event()  # for the one that feeds the sink

    async def run(self) -> None:
        """Runs to the end. Raises the one error that ended it; leaves no task, and source and sink closed."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = (group.create_task(self._uplink()), group.create_task(self._downlink()))
                await self._until_done()
                for task in tasks:
                    task.cancel()
        except BaseExceptionGroup as failures:
            raise _one_of(failures) from None
        finally:
            await self._settle()
            try:
                # Nothing in the normal case. After an error or a cancellation: what nobody will hear was not said.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FAREWELL_S):
                        await self._cut(by_speech=False, tell=True)
            finally:
                try:
                    await self._source.close()
                finally:
                    await self._sink.close()

    # -- what the engine calls

    async def handle(self, data: EventData, now: float) -> None:
        """An event came. Does not wait for the sink; waits for the provider only to tell it of an interruption."""
        # Before the rest: a reply that begins is not the one that the user's speech was over.
        if self._barge_in and type(data) in _DOUBTFUL and (self._doubt or self._interruptible()):
            await self._judge(self._doubt.apply(data, now))
        match data:
            case TextChunk(spoken=True, item_id=str()):
                # Words come before their sound: an item of which nothing was heard has to be known too.
                item_id = None if data.response_id in self._beside else data.item_id
                self._playback.add(data.response_id, item_id, b"")
            case ResponseStarted():
                self._playback.started(data.response_id)
                if data.out_of_band:
                    self._beside.add(data.response_id)
            case ResponseCompleted():
                self._complete(data.response_id)
            case Interrupted() if (
                self._barge_in and not self._doubt and self._playback.takes(data.response_id)
            ):
                await self._cut(by_speech=False, tell=False)
            case _:
                pass
        self._floor.apply(data, now)
        self._news.set()

    def hear(self, data: AudioChunk, form: AudioFormat, ms: float, now: float) -> None:
        """Audio came, in `form` and of so many milliseconds. Nobody is woken for it but the one that feeds the sink."""
        response_id = data.response_id
        if self._playback.takes(response_id):
            item_id = None if response_id in self._beside else data.item_id
            if self._down.of != (response_id, item_id):
                self._finish_stream()
                self._down.of = (response_id, item_id)
            self._playback.add(response_id, item_id, self._down.feed(data.audio, form), ms)
            self._more.set()
        self._floor.sound(response_id, now)

    def asked(self) -> None:
        """A reply was asked for, or a tool has ended."""
        self._floor.asked(self._loop.time())
        self._news.set()

    def fail(self, error: ProviderError) -> None:
        """The session is over: `run` ends with this error."""
        self._error = self._error or error
        self._sink.flush()
        self._news.set()

    async def interrupt(self) -> None:
        """Silences the assistant, and tells the provider what was heard."""
        if not await self._cut(by_speech=False, tell=True):
            await self._provider.interrupt()  # a reply may be on its way that has not begun

    async def start_turn(self) -> None:
        """The user presses the button: whatever plays stops, and the source's audio goes out."""
        if self._barge_in:
            await self._cut(by_speech=False, tell=True)
        await self._provider.send_message(MessageType.ACTIVITY_START, ActivityStart())
        self._speaking = True

    async def end_turn(self) -> None:
        """The user lets go of the button: what was recorded until now goes out, and a reply is asked for."""
        async with self._sending:
            if self._push_to_talk:
                self._speaking = False
                await self._send_rest()
            await self._provider.send_message(MessageType.ACTIVITY_END, ActivityEnd())
        now = self._loop.time()
        for fold in self._folds:
            fold.requested(now)
        self.asked()

    # -- up

    async def _uplink(self) -> None:
        if self._push_to_talk and not self._source.open_air:
            await self.start_turn()  # nobody presses a button for a file
        while audio := await self._source.read():
            async with self._sending:
                if self._speaking:
                    await self._send(self._up.feed(self._gate(audio), self._source.format))
        if self._push_to_talk:
            if self._speaking:
                await self.end_turn()
        else:
            await self._send_rest()
        self._ended = True
        self._floor.ended(self._loop.time())
        self._news.set()
        if not self._push_to_talk:
            await self._send_silence()

    async def _send(self, audio: bytes) -> None:
        for frame in self._frames.feed(audio):
            await self._send_frame(frame)

    async def _send_rest(self) -> None:
        await self._send(self._up.end())
        rest = self._frames.flush()
        if rest:
            await self._send_frame(rest)

    async def _send_frame(self, frame: bytes) -> None:
        await self._provider.send_audio(frame)
        ms = self._up.format.duration_ms(len(frame))
        for fold in self._folds:
            fold.sent(ms)

    async def _send_silence(self) -> None:
        """A microphone that hears nothing, in real time: voice detection at the vendor's needs it to see the end of speech."""
        format = self._up.format
        frame = format.silence(format.frame_ms)
        due = self._loop.time()
        while True:
            await self._send_frame(frame)
            # Kept to the clock, without making up for a time in which nothing could be sent.
            due = max(due + format.frame_ms / 1000, self._loop.time() - 1)
            await asyncio.sleep(due - self._loop.time())

    def _gate(self, audio: bytes) -> bytes:
        """The audio, or silence while the loudspeaker in the same room is on."""
        if not self._half_duplex:
            return audio
        now = self._loop.time()
        if self._plays() and not self._playback.held:
            self._loud_until = now + TAIL_S
        if now >= self._loud_until:
            return audio
        return self._source.format.silence(1000)[:1] * len(audio)  # silence is the same byte throughout

    # -- down

    def _finish_stream(self) -> None:
        """The item whose audio came last is whole: what the resampler holds back of it is played too."""
        audio = self._down.end()
        if audio:
            self._playback.add(*self._down.of, audio)
            self._more.set()

    def _complete(self, response_id: str) -> None:
        if self._down.of[0] == response_id:
            self._finish_stream()
        self._beside.discard(response_id)
        self._playback.completed(response_id)

    async def _downlink(self) -> None:
        while True:
            audio = self._playback.take()
            if audio is not None:
                if self._playback.behind:
                    self._playback.played(self._sink.position)
                await self._sink.write(audio)
                continue
            self._more.clear()
            self._news.set()
            await self._more.wait()

    def _plays(self) -> bool:
        """Whether something is still to be heard."""
        self._playback.played(self._sink.position)
        return self._playback.busy

    # -- interruption

    def _interruptible(self) -> bool:
        return bool(self._playback.open_responses) or self._toolbox.busy or self._plays()

    async def _judge(self, verdict: Verdict) -> None:
        """Does what the user's speech means for the reply, and looks again when time alone decides."""
        if verdict is Verdict.HOLD:
            self._hushed = self._loop.time()
            self._sink.flush()
            self._playback.hold(self._sink.position)
        elif verdict is Verdict.RESUME:
            self._resume()
        elif verdict is Verdict.CUT:
            await self._cut(by_speech=True, tell=True)
        if self._doubts is not None:
            self._doubts.cancel()
        due = self._doubt.deadline()
        self._doubts = None if due is None else self._loop.call_at(due, self._decide, due)

    def _decide(self, due: float) -> None:
        # A timer may fire a hair early. It can only start what has to wait for the provider; the task ends with the
        # conversation at the latest.
        verdict = self._doubt.expired(max(due, self._loop.time()))
        task = self._loop.create_task(self._judge(verdict), name="barge-in")
        self._deciding.add(task)
        task.add_done_callback(self._deciding.discard)

    def _resume(self) -> None:
        """It was no interruption."""
        self._hushed = None
        self._playback.release()
        self._more.set()
        self._news.set()

    async def _settle(self) -> None:
        """The conversation ends: no timer and no task of a doubt is left."""
        self._doubt.forget()
        if self._doubts is not None:
            self._doubts.cancel()
        for task in self._deciding:
            task.cancel()
        if self._deciding:
            await asyncio.wait(set(self._deciding))

    async def _cut(self, *, by_speech: bool, tell: bool) -> bool:
        """Flushes the sink at once, stops the reply (`tell`), and tells what was heard. False if all was silent anyway."""
        running = self._playback.open_responses
        self._doubt.forget()
        self._toolbox.interrupt()
        if not running and not self._plays():
            self._resume()
            return False
        self._sink.flush()
        heard = self._playback.cut(self._sink.position)
        self._down.drop()
        responses = tuple(dict.fromkeys((*running, *(entry.response_id or "" for entry in heard))))
        silent, self._hushed = self._loop.time() if self._hushed is None else self._hushed, None
        for fold in self._folds:
            fold.flushed(responses, silent, by_speech=by_speech)
        corrections = [ItemTruncate(entry.item_id, entry.heard_ms) for entry in heard if entry.item_id]
        for correction in corrections:
            self._conversation.apply(correction)  # at once, and whether a provider can be told or not
        self._news.set()
        if not self._provider.is_connected() and not self._floor.reconnecting:
            return True
        try:
            if tell and (running or not by_speech) and self._provider.get_capabilities().get("interruption"):
                await self._provider.interrupt()
            for correction in corrections:
                await self._provider.send_message(MessageType.ITEM_TRUNCATE, correction)
        except ProviderError as error:
            # What matters has happened: nobody hears it any more. A session that is over says so itself.
            log.warning("the provider could not be told of an interruption: %s", error)
        return True

    # -- the end

    async def _until_done(self) -> None:
        """Waits until the source has ended, every reply is finished and heard, and no other is due."""
        while True:
            self._news.clear()
            if self._error is not None:
                raise self._error
            now = self._loop.time()
            if not self._ended or self._floor.reconnecting:
                await self._news.wait()
            elif self._floor.answering:
                if now >= self._floor.moved + STALL_S:
                    raise _stalled()
                await self._news_until(self._floor.moved + STALL_S)
            elif self._toolbox.busy or self._doubt or self._playback.queued:
                await self._news.wait()
            elif self._plays():
                await self._sink.drain()
            elif now < self._floor.quiet_at():
                await self._news_until(self._floor.quiet_at())
            else:
                return

    async def _news_until(self, due: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                await self._news.wait()


class _Stream:
    """Audio made `format`, whatever it comes in; the resampler is made when it is needed. `of` says whose audio it is."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self.format: Final = audio_format
        self.of: tuple[str | None, str | None] = (None, None)
        self._resampler: Resampler | None = None
        self._as_is: AudioFormat | None = None  # the source, where it is the same sound

    def feed(self, audio: bytes, source: AudioFormat) -> bytes:
        """The next audio of the item. Raises `AudioError` for bytes that are not of `source`."""
        if source is self._as_is:  # most audio: it is only looked at
            source.check(audio)
            return bytes(audio)
        rest = b""
        if self._resampler is None or not source.same_sound(self._resampler.source):
            rest = self.end()
            self._resampler = Resampler(source, self.format)
            self._as_is = source if source.same_sound(self.format) else None
        return rest + self._resampler.feed(audio) if rest else self._resampler.feed(audio)

    def end(self) -> bytes:
        """What is held back; the next audio begins a new stream."""
        rest = self._resampler.flush() if self._resampler is not None else b""
        self.drop()
        return rest

    def drop(self) -> None:
        """Forgets what is held back."""
        self._resampler = self._as_is = None


def _stalled() -> DeadlineError:
    return DeadlineError(
        f"a reply began, and nothing of it came for {STALL_S:g} s", cure="try again; the provider is stuck"
    )


def _one_of(failure: BaseException) -> BaseException:
    """The error to raise for a group: one of ours if there is one, else the first."""
    if not isinstance(failure, BaseExceptionGroup):
        return failure
    parts = cast("BaseExceptionGroup[BaseException]", failure).exceptions
    found = [_one_of(error) for error in parts]
    return next((error for error in found if isinstance(error, ProviderError)), found[0])
