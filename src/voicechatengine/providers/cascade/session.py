"""One session of a cascade: commands come in, events go out, and the parts work in between.

It is given checked commands and tells events through one callable. It knows nothing of connections and subscriptions.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Final

from msgspec import UNSET

from voicechatengine.audio.format import AudioFormat
from voicechatengine.events import (
    Event,
    InputTranscript,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    Usage,
    UsageReport,
)
from voicechatengine.messages import (
    ActivityEnd,
    AudioAppend,
    AudioClear,
    AudioCommit,
    Command,
    Image,
    Item,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    MessageItem,
    Options,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    TextPart,
    ToolResult,
    TurnDetection,
    image_item,
    result_item,
)
from voicechatengine.providers.cascade.config import CascadeConfig, input_format, output_format
from voicechatengine.providers.cascade.listening import Found, Listening
from voicechatengine.providers.cascade.parts import Heard
from voicechatengine.providers.cascade.recognition import Recognition
from voicechatengine.providers.cascade.reply import Reply, Teller, Voice, perform
from voicechatengine.providers.cascade.request import places, request_for, worded
from voicechatengine.providers.cascade.stages import StageError, failure
from voicechatengine.providers.cascade.stream import ModelStream
from voicechatengine.providers.cascade.together import Parts
from voicechatengine.providers.cascade.utterance import Utterance
from voicechatengine.session.items import Items
from voicechatengine.session.replies import Replies

AT_ONCE: Final = 6  # frames that are heard before others have their turn: so 100 ms of audio are
KEPT_MS: Final = 60_000.0  # of an utterance, for another pass of the recogniser


class Session:
    """One session. `tell` publishes an event, `new_id` makes an id that begins with a word. `moved` is set whenever audio
    that waited was heard.
    """

    def __init__(
        self,
        parts: Parts,
        config: CascadeConfig,
        options: Options,
        *,
        tell: Callable[[Event], None],
        new_id: Callable[[str], str],
    ) -> None:
        self.id: str = new_id("sess")
        self.options: Options = options
        self.moved: asyncio.Event = asyncio.Event()
        self._parts = parts
        self._config = config
        self._new_id = new_id
        self._items = Items(tell, new_id, lambda: self.input_format)
        self._replies = Replies(self._new, self._reply, _cost, self._items.emit)
        self._teller = Teller(self._items, new_id)
        self._kept: dict[str, Any] = {}  # what the model wants back, by its turn's first item
        self._pending: deque[Utterance] = deque()  # whose words are not told yet
        self._draft: ModelStream | None = None  # a reply begun early
        self._tasks: set[asyncio.Task[None]] = set()  # of parts at work, and of ours
        self._inbox: deque[Command] = deque()
        self._unheard_ms = 0.0
        self._work = self._steps()
        self._worker: asyncio.Task[None] | None = None
        self._listening: Listening | None = None
        self._speaking = asyncio.Lock()
        self._recognising = asyncio.Lock()
        self._retune()

    @property
    def history(self) -> tuple[Item, ...]:
        """The conversation so far."""
        return self._items.all()

    @property
    def input_format(self) -> AudioFormat:
        """What the session takes."""
        return input_format(self.options, self._parts)

    @property
    def unheard_ms(self) -> float:
        """How much of the user's audio waits: for its turn, or for the recogniser."""
        listening = self._listening
        if listening is None or listening.utterance is None or self._parts.stt is None:
            return self._unheard_ms
        waiting = listening.utterance.recognition.waiting
        return self._unheard_ms + self._parts.stt.format.duration_ms(waiting)

    def restore(self, history: tuple[Item, ...]) -> None:
        """Begins with a conversation that there was already."""
        for item in history:
            self._items.create(ItemCreate(worded(item)))

    def close(self) -> list[asyncio.Task[None]]:
        """The session is over: what runs fails. The tasks that are on their way out, to be waited for."""
        self._inbox.clear()
        self._pending.clear()
        tasks = [*self._replies.close("disconnected"), *self._tasks]
        for task in self._tasks:
            task.cancel()
        self.moved.set()
        return tasks

    # -- commands, one after another; long audio a little at a time

    def act(self, message: Command) -> None:
        """Does what a command says, once those before it are done."""
        self._inbox.append(message)
        if isinstance(message, AudioAppend):
            self._unheard_ms += self.input_format.duration_ms(len(message.audio))
        if self._worker is None and self._advance():
            self._worker = asyncio.get_running_loop().create_task(self._go_on(), name="cascade listening")
            self._track(self._worker)

    def _advance(self) -> bool:
        """Some steps of work; whether there is more."""
        for _, _ in zip(range(AT_ONCE), self._work, strict=False):
            if not self._inbox:
                break
        self.moved.set()
        return bool(self._inbox)

    async def _go_on(self) -> None:
        more = True
        while more:
            await asyncio.sleep(0)
            more = self._advance()
        self._worker = None

    def _steps(self) -> Iterator[None]:
        while True:
            while self._inbox:
                message = self._inbox[0]
                if isinstance(message, AudioAppend):
                    yield from self._hear(message.audio)
                else:
                    rule = self._RULES.get(type(message))
                    if rule is not None:
                        rule(self, message)
                if self._inbox:
                    self._inbox.popleft()
            yield

    # -- the session

    def _update(self, message: SessionUpdate) -> None:
        change = message.options
        self.options = self.options.merged(change)
        if change.turn_detection is not UNSET or change.input_audio_format is not UNSET:
            self._retune()
        self._items.emit(SessionUpdated(self.id, applied=self.options))

    def _retune(self) -> None:
        """What is heard next begins anew, with the session's turn detection and format."""
        stt, before = self._parts.stt, self._listening
        if stt is None:
            return
        if before is not None:
            self._clear(AudioClear())
        detection = self.options.turn_detection or None
        if detection is not None and self._parts.turns is not None:
            self._parts.turns.tune(detection)
        self._listening = Listening(
            self.input_format, stt.format, self._parts.turns, detection, self._utterance, before=before
        )

    # -- the conversation

    def _create(self, message: ItemCreate) -> None:
        self._items.create(ItemCreate(worded(message.item), message.previous_item_id))

    def _show(self, message: Image) -> None:
        self._items.create(image_item(message))

    def _result(self, message: ToolResult) -> None:
        self._items.create(ItemCreate(result_item(message)))

    def _correct(self, message: ItemTruncate | ItemDelete) -> None:
        if self._items.correct(message):
            self._kept.pop(message.item_id, None)  # it was for words that stand there no more

    # -- listening

    def _hear(self, audio: bytes) -> Iterator[None]:
        """Frame by frame, so that it does not matter in what pieces audio comes, and nobody waits for long."""
        form = self.input_format
        for start in range(0, len(audio), form.frame_bytes):
            piece = audio[start : start + form.frame_bytes]
            self._unheard_ms = max(0.0, self._unheard_ms - form.duration_ms(len(piece)))
            if self._listening is not None:
                self._frame(self._listening, piece)
            yield

    def _frame(self, listening: Listening, piece: bytes) -> None:
        try:
            for found in listening.hear(piece):
                self._BORDERS[found.kind](self, found)
        except Exception as error:  # noqa: BLE001 - a turn detector that fails once would fail for each frame
            self._items.emit(failure("turns", error).info)
            self._update(SessionUpdate(Options(turn_detection=None)))

    def _began(self, found: Found) -> None:
        self._items.emit(SpeechStarted(found.at_ms, found.utterance.item_id))
        if self._detection.interrupt_response:
            self._forget_requests()
            self._replies.cut_current("turn_detected")

    def _paused(self, found: Found) -> None:
        if found.utterance.final:
            self._begin_early(found.utterance)

    def _resumed(self, _: Found) -> None:
        self._drop_draft()

    def _ended(self, found: Found) -> None:
        self._items.emit(SpeechStopped(found.at_ms, found.utterance.item_id))
        if self._detection.create_response:
            found.utterance.asked = ResponseCreate()
        self._commit(found.utterance)

    def _too_long(self, found: Found) -> None:
        self._items.error("audio_too_long", "one turn is too long: the rest of it is not heard")

    @property
    def _detection(self) -> TurnDetection:
        return self.options.turn_detection or TurnDetection()

    def _clear(self, _: AudioClear) -> None:
        self._drop_draft()
        utterance = None if self._listening is None else self._listening.take()
        if utterance is not None:
            utterance.recognition.cancel()
            utterance.text = ""
            self._transcript(utterance, final=True)  # who was told of it is told that there is nothing

    def _commit_now(self, _: AudioCommit) -> None:
        utterance = None if self._listening is None else self._listening.take()
        if utterance is not None:
            self._commit(utterance)
        else:
            self._items.error("audio_commit_empty", "there is no audio to commit", "audio_commit")

    def _activity_end(self, _: ActivityEnd) -> None:
        utterance = None if self._listening is None else self._listening.take()
        if utterance is not None:
            self._commit(utterance)
        self._ask(ResponseCreate())

    # -- words

    def _utterance(self) -> Utterance:
        stt = self._parts.stt
        assert stt is not None  # without it there is nothing that listens

        def begin(
            heard: Callable[[Heard], None], done: Callable[[str, StageError | None], None]
        ) -> Recognition:
            most = stt.format.size_of(self._config.limits.unsent_audio_s * 1000)
            recognition = Recognition(
                stt,
                self.options,
                self._recognising,
                limit_s=self._config.recognition_s,
                most=most,
                heard=heard,
                done=done,
            )
            self._track(recognition.task)
            return recognition

        return Utterance(self._new_id("item"), begin, self._words, stt.format.size_of(KEPT_MS))

    def _commit(self, utterance: Utterance) -> None:
        """What was heard becomes the user's item; its words follow."""
        self._items.place(utterance.item_id, "user", "speech")
        utterance.committed = True
        self._pending.append(utterance)
        utterance.end()
        if utterance.final:
            self._words(utterance)

    def _words(self, utterance: Utterance) -> None:
        """Words have changed. The final ones of a turn that may go on are told when it has not."""
        self.moved.set()
        if not utterance.final:
            self._transcript(utterance, final=False)
        elif utterance.committed:
            while self._pending and self._pending[0].final:
                self._understood(self._pending.popleft())
        elif utterance.paused:
            self._begin_early(utterance)

    def _understood(self, utterance: Utterance) -> None:
        """The words of a turn are known, or known not to come: it can be answered."""
        problem, request = utterance.problem, utterance.asked
        if problem is not None:
            self._items.emit(problem.info)
        self._transcript(utterance, final=True)
        if utterance.usage is not None:
            self._items.emit(UsageReport(utterance.usage, "transcription", item_id=utterance.item_id))
        if request is None:
            return
        if problem is not None and not self._pending:
            self._replies.fail(request, problem.info.code)
        elif self._pending:
            later = self._pending[-1]
            later.asked = later.asked or request
            later.must_answer = later.must_answer or utterance.must_answer or bool(utterance.text)
        elif utterance.text or utterance.must_answer:
            self._replies.ask(request)

    def _transcript(self, utterance: Utterance, *, final: bool) -> None:
        told = InputTranscript(utterance.text, final, utterance.item_id)
        if self.options.transcription:
            self._items.emit(told)
        else:
            self._items.fold(told)  # the model reads the history, whether the listener wants words or not

    # -- replying

    def _ask(self, request: ResponseCreate) -> None:
        """A reply is wanted: at once, or when the words are known that it is to answer."""
        if self._pending and not request.out_of_band:
            self._pending[-1].asked = request
            self._pending[-1].must_answer = True
        else:
            self._replies.ask(request)

    def _cancel(self, message: ResponseCancel) -> None:
        if message.response_id is None and self._replies.current is None:
            self._forget_requests()
        self._replies.cancel(message.response_id)

    def _forget_requests(self) -> None:
        for utterance in self._pending:
            utterance.asked = None

    def _begin_early(self, utterance: Utterance) -> None:
        """The model starts on what may be the user's turn; nothing is told of it."""
        self._drop_draft()
        if not utterance.text or utterance.problem is not None or not self._detection.create_response:
            return
        said = MessageItem("user", (TextPart(utterance.text, spoken=True),), id=utterance.item_id)
        history = tuple(item for item in self.history if item.id != utterance.item_id)
        self._draft = self._stream(ResponseCreate(), (*history, said))

    def _stream(self, request: ResponseCreate, history: tuple[Item, ...]) -> ModelStream:
        """The model's reply: the one that was begun early, if it answers exactly this."""
        asked = request_for(request, self.options, history)
        draft, self._draft = self._draft, None
        if draft is not None and draft.request == asked:
            return draft
        if draft is not None:
            draft.cancel()
        stream = ModelStream(self._parts.llm, asked, places(self._kept, asked.history))
        self._track(stream.task)
        return stream

    def _drop_draft(self) -> None:
        draft, self._draft = self._draft, None
        if draft is not None:
            draft.cancel()

    def _track(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _new(self, request: ResponseCreate) -> Reply:
        return Reply(self._new_id("resp"), request)

    def _voice(self, request: ResponseCreate) -> Voice | None:
        modalities = request.modalities or self.options.modalities or ()
        if self._parts.tts is None or "audio" not in modalities:
            return None
        form = output_format(self.options, self._parts)
        return Voice(
            self._parts.tts,
            self.options,
            form,
            differs=None if form.same_sound(self.input_format) else form,
            turn=self._speaking,
            limit_s=self._config.speech_s,
        )

    async def _reply(self, reply: Reply) -> None:
        """Makes one reply to its end, whatever that is."""
        self._replies.begin(reply)
        stream = self._stream(reply.request, self.history)
        try:
            voice = self._voice(reply.request)
            done = await perform(reply, stream, voice, self._teller, self._config.timeouts.response)
        except Exception as error:  # noqa: BLE001 - a part may raise what it likes: it ends the reply, not the session
            info = failure("model", error).info
            self._items.emit(info)
            self._replies.end(reply, "failed", info.code)
            return
        reply.usage = done.usage
        if done.keep is not None and reply.first_item is not None and not reply.request.out_of_band:
            self._kept[reply.first_item] = done.keep
        self._replies.end(reply, done.status, done.reason)

    _RULES: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        SessionUpdate: _update,
        ItemCreate: _create,
        Image: _show,
        ToolResult: _result,
        AudioClear: _clear,
        AudioCommit: _commit_now,
        ActivityEnd: _activity_end,
        ResponseCreate: _ask,
        ResponseCancel: _cancel,
        ItemTruncate: _correct,
        ItemDelete: _correct,
    }
    """What each command does; the beginning of an activity tells nothing that the audio does not."""

    _BORDERS: ClassVar[dict[str, Callable[[Any, Found], None]]] = {
        "began": _began,
        "likely_end": _paused,
        "resumed": _resumed,
        "ended": _ended,
        "too_long": _too_long,
    }


def _cost(reply: Reply) -> Usage:
    return (reply.usage or Usage()) + Usage(output_seconds=reply.audio_ms / 1000)
