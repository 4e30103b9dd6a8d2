"""The vendor's side of one mock session: it listens, keeps the conversation, and makes replies, one at a time.

It is given checked commands and tells events through one callable. It knows nothing of connections and subscriptions.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import msgspec
from msgspec import UNSET

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import ProviderError
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    Event,
    InputTranscript,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    TextChunk,
    ToolCall,
    Usage,
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
    Options,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    ToolResult,
    image_item,
    result_item,
)
from voicechatengine.providers.mock.listening import Ear
from voicechatengine.providers.mock.script import (
    Luck,
    MockCall,
    MockReply,
    MockTurn,
    Script,
    deltas,
    written,
)
from voicechatengine.providers.mock.turn import (
    TOKEN_CHARS,
    input_format,
    output_format,
    usage,
    with_audio,
    with_item,
)
from voicechatengine.session.items import Items
from voicechatengine.session.replies import Ending, Replies, Run

log: logging.Logger = logging.getLogger("voicechatengine")


class _Run(Run):
    """One reply while it is made, and what it costs."""

    def __init__(self, response_id: str, request: ResponseCreate) -> None:
        super().__init__(response_id, request)
        self.turn = MockTurn()
        self.chars = 0
        self.usage: Usage | None = None


class Session:
    """One session. `tell` publishes an event; `lose` is called when a reply's script cuts the connection."""

    def __init__(
        self,
        session_id: str,
        options: Options,
        script: Script,
        luck: Luck,
        *,
        tell: Callable[[Event], None],
        lose: Callable[[MockReply], None],
    ) -> None:
        self.id = session_id
        self.options: Options = options
        self._script = script
        self._luck = luck
        self._tell = tell
        self._lose = lose
        self._items = Items(tell, luck.id, lambda: self.input_format)
        self._emit = self._items.emit
        self._error = self._items.error
        self._replies = Replies(self._new, self._reply, _cost, self._emit)
        self._turn = MockTurn()
        self._ear = Ear()
        self._speech_id: str | None = None

    @property
    def history(self) -> tuple[Item, ...]:
        """The conversation so far."""
        return self._items.all()

    @property
    def input_format(self) -> AudioFormat:
        """What the session takes."""
        return input_format(self.options)

    # -- the connection's side

    def restore(self, history: tuple[Item, ...]) -> None:
        """Begins with a conversation that there was already."""
        for item in history:
            self._create(ItemCreate(item), new=False)

    def pause(self) -> None:
        """The connection is away: what runs has failed, what was asked for waits."""
        self._replies.pause("connection_lost")

    def resume(self) -> None:
        """The connection is back."""
        self._replies.resume()

    def forget_request(self) -> None:
        """A reply that was asked for and has not begun is not wanted any more."""
        self._replies.forget()

    def close(self, reason: str) -> list[asyncio.Task[None]]:
        """The session is over. The tasks that are on their way out, to be waited for."""
        return self._replies.close(reason)

    # -- commands, by `_RULES`

    def act(self, message: Command) -> None:
        """Does what a command says."""
        rule = self._RULES.get(type(message))
        if rule is not None:
            rule(self, message)

    def _update(self, message: SessionUpdate) -> None:
        change = message.options
        if change.turn_detection is not UNSET or change.input_audio_format is not UNSET:
            self._ear.retune()
            self._speech_id = None
        self.options = self.options.merged(change)
        self._tell(SessionUpdated(self.id, applied=self.options))

    def _show(self, message: Image) -> None:
        self._create(image_item(message))

    def _result(self, message: ToolResult) -> None:
        self._create(ItemCreate(result_item(message)))

    def _clear(self, _: AudioClear) -> None:
        self._ear.forget()
        self._speech_id = None

    def _commit_now(self, _: AudioCommit) -> None:
        if self._ear:
            self._commit()
        else:
            self._error("audio_commit_empty", "there is no audio to commit", "audio_commit")

    def _activity_end(self, _: ActivityEnd) -> None:
        if self._ear:
            self._commit()
        self._ask(ResponseCreate())

    def _ask(self, message: ResponseCreate) -> None:
        self._replies.ask(message)

    def _cancel(self, message: ResponseCancel) -> None:
        self._replies.cancel(message.response_id)

    def _correct(self, message: ItemTruncate | ItemDelete) -> None:
        self._items.correct(message)

    def _create(self, message: ItemCreate, *, new: bool = True) -> None:
        """An item takes its place; a `new` one belongs to the turn that the next reply answers."""
        item = self._items.create(message)
        if new and item is not None:
            self._turn = with_item(self._turn, item, self.input_format)

    # -- listening

    def _listen(self, message: AudioAppend) -> None:
        detection = self.options.turn_detection or None
        for edge in self._ear.hear(message.audio, self.input_format, detection):
            if edge.speaking:
                self._speech_id = self._luck.id("item")
                self._emit(SpeechStarted(edge.at_ms, self._speech_id))
                if detection is not None and detection.interrupt_response:
                    self._replies.cut_current("turn_detected")
            else:
                self._emit(SpeechStopped(edge.at_ms, self._speech_id))
                self._commit()
                if detection is not None and detection.create_response:
                    self._ask(ResponseCreate())

    def _commit(self) -> None:
        """What was heard becomes the user's item."""
        item_id, self._speech_id = self._speech_id or self._luck.id("item"), None
        audio, form = self._ear.take(), self.input_format
        self._items.place(item_id, "user", "speech")
        turn = with_audio(self._turn, audio, form)
        if self.options.transcription is not UNSET and self.options.transcription is not None:
            words = self._script.transcript(audio, form)
            self._emit(InputTranscript(words, final=True, item_id=item_id))
            turn = replace(turn, transcripts=(*turn.transcripts, words))
        self._turn = turn

    # -- replying

    def _new(self, request: ResponseCreate) -> _Run:
        return _Run(self._luck.id("resp"), request)

    async def _reply(self, run: _Run) -> None:
        """Makes one reply to its end, whatever that is."""
        await asyncio.sleep(self._luck.delay("response"))
        try:
            reply = self._choose(run)
            run.usage = reply.usage
            for event in reply.events:
                self._emit(event)
            self._replies.begin(run)
            status, reason = await self._perform(run, reply)
        except (
            Exception
        ) as error:  # a responder is the application's: what it raises ends the reply, not the session
            log.exception("a mock reply failed")
            text = str(error) if isinstance(error, ProviderError) else repr(error)
            self._error("reply_failed", f"the mock's reply failed: {text}")
            self._replies.end(run, "failed", "reply_failed")
            return
        if status == "interrupted":
            self._emit(SpeechStarted(self._ear.position_ms))
            self._replies.forget()
            self._replies.cut(run, "turn_detected")
        elif reply.drop is not None and reason == "connection_lost":
            self._lose(reply)
        else:
            self._replies.end(run, status, reason)
            if reply.error is not None and not reply.error.recoverable and status == "failed":
                self._lose(reply)

    def _choose(self, run: _Run) -> MockReply:
        """What to say: by the script, or by bad luck."""
        if run.request.out_of_band:
            turn = MockTurn()
            for item in run.request.input or ():
                turn = with_item(turn, item, self.input_format)
        else:
            turn, self._turn = self._turn, MockTurn()
        run.turn = replace(
            turn,
            request=run.request,
            options=self.options,
            history=self.history,
            audio_format=self.input_format,
        )
        if self._luck.fails("response"):
            return MockReply(error=ErrorInfo("mock_error", "the mock failed, as error_rate says"), at=0)
        return self._script.reply(run.turn)

    async def _perform(self, run: _Run, reply: MockReply) -> tuple[Ending, str | None]:
        """Says a reply, in its time; how it ended."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(reply.delay_s)
        form = output_format(self.options)
        modalities = run.request.modalities or self.options.modalities or ("audio",)
        speaks = "audio" in modalities
        words = reply.text if reply.spoken is None or not speaks else reply.spoken
        steps = deltas(words, reply.audio, form, reply.chunk_ms) if speaks else written(words, reply.chunk_ms)
        limit = run.request.max_tokens or self.options.max_tokens
        chars = limit * TOKEN_CHARS if limit else len(words)
        stop = min(len(steps), max(1, len(steps) * chars // len(words))) if words else len(steps)
        breaks = reply.error is not None or reply.drop is not None or reply.barge_in
        last = min(stop, int(len(steps) * reply.at)) if breaks else stop
        if steps or (reply.spoken is not None and reply.text):
            self._speak_up(run)
        if speaks and reply.spoken is not None and reply.text:
            self._say(run, reply.text, spoken=False)
        began = loop.time()
        for step in steps[:last]:
            due = began + step.at_ms / 1000 / reply.pace if reply.pace else began
            await asyncio.sleep(max(0.0, due - loop.time()))
            self._say(run, step.words, spoken=speaks)
            if step.audio:
                run.audio_ms += form.duration_ms(len(step.audio))
                differs = None if form.same_sound(self.input_format) else form
                self._emit(AudioChunk(step.audio, differs, run.id, run.item_id))
        if reply.barge_in:
            return "interrupted", "turn_detected"
        if reply.drop is not None:
            return "failed", "connection_lost"
        if reply.error is not None:
            self._emit(reply.error)
            return "failed", reply.error.code
        if last < len(steps):
            return "incomplete", "max_tokens"
        for call in reply.calls:
            self._call(run, call)
        return reply.status, reply.reason

    def _speak_up(self, run: _Run) -> None:
        run.item_id = self._luck.id("item")
        if not run.request.out_of_band:
            self._items.place(run.item_id, "assistant", "message")

    def _say(self, run: _Run, words: str, *, spoken: bool) -> None:
        if words:
            run.chars += len(words)
            self._emit(TextChunk(words, spoken, run.id, run.item_id))

    def _call(self, run: _Run, call: MockCall) -> None:
        arguments, item_id = call.text(), self._luck.id("item")
        try:
            parsed = msgspec.json.decode(arguments, type=dict[str, Any])
        except msgspec.DecodeError:
            parsed = None
        if not run.request.out_of_band:
            self._items.place(item_id, "assistant", "tool_call")
        run.calls += 1
        call_id = call.call_id or self._luck.id("call")
        self._emit(ToolCall(call_id, call.name, arguments, parsed, run.id, item_id))

    _RULES: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        SessionUpdate: _update,
        ItemCreate: _create,
        Image: _show,
        ToolResult: _result,
        AudioAppend: _listen,
        AudioClear: _clear,
        AudioCommit: _commit_now,
        ActivityEnd: _activity_end,
        ResponseCreate: _ask,
        ResponseCancel: _cancel,
        ItemTruncate: _correct,
        ItemDelete: _correct,
    }
    """What each command does; the beginning of an activity tells the mock nothing that its audio does not."""


def _cost(run: _Run) -> Usage:
    return run.usage or usage(run.turn, run.chars, run.audio_ms)
