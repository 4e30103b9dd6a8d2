"""What the client's side of a connection knows at one moment, and the few steps that sending and receiving share.

A reply is owed in one of four ways: it was asked for (`asked`), it will be asked for when the one that runs is over (`wanted`), or
the service makes it by itself, to the user's speech or to results of tools (`answering`).
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import MessageError
from voicechatengine.events import Event, InputTranscript, SpeechStarted, SpeechStopped, Usage
from voicechatengine.messages import MessageItem, Options, ResponseCreate
from voicechatengine.providers.gemini import encode, encode_content, models, objects, resume, wire
from voicechatengine.providers.gemini.decode import Status
from voicechatengine.providers.gemini.encode import Surface
from voicechatengine.providers.gemini.turn import Reply, Turn
from voicechatengine.session.dialect import Frame, Ids, Outgoing, Restore

Output: TypeAlias = Event | Outgoing

ANSWER_S: Final = 5.0  # in which the service begins to answer speech, or ends a turn that it has interrupted
LATE_S: Final = 1.5  # after a turn's end, words of the user still belong to it
QUIET_S: Final = 1.0  # after a call that does not block: then the reply that made it is taken to be over
PENDING: Final = 256  # items that wait for a request
NUDGE: Final = " "  # asks a model for a reply that takes no content any more: text that says nothing


class Asked(msgspec.Struct):
    """A request that is on its way; a reply must begin until `due`."""

    command: ResponseCreate
    due: float
    kind: str = "response_create"


class Held(msgspec.Struct, frozen=True):
    """What was said and not sent yet: by what it is known (see `resume.key`), and as the service has it."""

    key: str
    content: objects.Content


class Speech(msgspec.Struct):
    """What the user says: `placed` once it is an item, `over` when the turn that answers it is."""

    item_id: str
    words: str = ""
    told: bool = False  # that it began
    stopped: bool = False
    placed: bool = False
    final: bool = False
    over: float | None = None


class Call(msgspec.Struct):
    """A call of a tool. `id` is the service's, None where it gave none; `wanted` until its result was sent or cancelled."""

    name: str
    id: str | None
    wanted: bool = True
    cancelled: bool = False
    dropped: bool = False  # its turn was interrupted by us


def _tellable(memo: resume.Memo, restore: Restore) -> bool:
    """Whether a session in mid-conversation can be told what came after its handle: words of the user alone."""
    history = {resume.key(item): item for item in restore.history}
    found = [history[key] for key in memo.unseen if key in history]
    return all(isinstance(item, MessageItem) and item.role == "user" for item in found)


class State:
    """The state of one connection."""

    def __init__(self, restore: Restore, ids: Ids, surface: Surface, patience: float) -> None:
        self.restore: Restore = restore
        self.ids: Ids = ids
        self.surface: Surface = surface
        self.patience: float = patience
        self.options: Options = restore.options
        self.model: str = restore.options.model or models.MODEL
        self.traits: models.Traits = models.traits(self.model)
        self.input: AudioFormat = encode.audio_format(restore.options)
        self.block: int = self.input.block_bytes
        self.head: bytes = encode_content.audio_head(self.input)
        given = None if restore.reconnect else encode.first_handle(restore.options)
        memo = resume.read(restore.handle or given)
        if memo is not None and not self.traits.content_any_time and not _tellable(memo, restore):
            memo = None  # a session that begins anew can be told all of it
        self.memo: resume.Memo | None = memo
        self.bookmark: resume.Bookmark = resume.Bookmark(self.memo)
        self.turn: Turn = Turn(ids, self.input)
        self.session_id: str = ""
        self.calls: dict[str, Call] = {}
        self.names: dict[str, str] = {}  # of functions, by call: also of a history's
        self.pending: list[Held] = []
        self.cost: Usage | None = None  # told with the message that is being read, of no reply yet
        self.asked: Asked | None = None
        self.wanted: ResponseCreate | None = None
        self.answering: Literal["speech", "tools"] | None = None
        self.answer_due: float | None = None  # until when an answer to speech is believed in
        self.absorb: bool = False  # the reply to results has begun; the request for it may still come
        self.mute_due: float | None = None  # the reply that begins until then was interrupted before it did
        self.cut_due: float | None = None  # the service interrupted a turn: until when it must have ended it
        self.quiet_due: float | None = None  # see QUIET_S
        self.results_due: float | None = (
            None  # until when a request waits for results: it would cancel the calls
        )
        self.begun: bool = (
            False  # the model has said something, or the user: content is no beginning any more
        )
        self.streaming: bool = False  # audio was sent
        self.unanswered_audio: bool = False  # since the last turn
        self.activity: bool = False  # push to talk: the user's turn is open
        self.committed: bool = False  # push to talk: the turn is over, and no reply was asked for
        self.speech: Speech | None = None
        self.hears: bool = False  # the service tells when speech begins and ends
        self.seeded: bool = False  # a history was sent, and nothing has come since
        self.leaving: bool = False  # the service said that it will cut the connection

    # -- writing

    def post(self, message: wire.ClientMessage, out: list[Output]) -> None:
        """Sends a message."""
        self.bookmark.sent()
        out.append(Frame(wire.encode(message)))

    def realtime(self, message: wire.RealtimeInput, out: list[Output]) -> None:
        """Sends realtime input."""
        self.post(wire.ClientMessage(realtime_input=message), out)

    @property
    def manual(self) -> bool:
        """Whether the application says when the user speaks."""
        return self.options.turn_detection is None

    @property
    def takes_content(self) -> bool:
        """Whether content can be sent now: with newer models only before the conversation has begun."""
        return self.traits.content_any_time or not (self.begun or self.streaming)

    @property
    def busy(self) -> bool:
        """Whether a reply runs or is on its way."""
        return self.turn.open is not None or self.asked is not None or self.answering is not None

    @property
    def owed(self) -> ResponseCreate | None:
        """The reply that is owed and has not begun."""
        if self.asked is not None:
            return self.asked.command
        if self.wanted is None and self.answering is not None and self.mute_due is None:
            return ResponseCreate()
        return self.wanted

    # -- what is said, and asking

    def hold(self, key: str, content: objects.Content, out: list[Output]) -> None:
        """Keeps a turn until a reply is asked for, or the user speaks: sent alone, it would interrupt what is said."""
        self.pending.append(Held(key, content))
        self.absorb = False
        if len(self.pending) >= PENDING and self.takes_content and not self.busy:
            self.flush(out)

    def check_room(self) -> None:
        """Raises `MessageError` where too much waits to be sent."""
        if len(self.pending) >= PENDING:
            raise MessageError(
                f"{PENDING} items wait for a request",
                field="item",
                cure="ask for a reply: what is written is sent with the request",
            )

    def flush(self, out: list[Output]) -> None:
        """Sends what waits, asking for nothing."""
        held, self.pending = self.pending, []
        if held and self.takes_content:
            self._as_content(held, out, complete=False)
        elif held:
            self._as_input(held, out)

    def ask(self, command: ResponseCreate, now: float, out: list[Output]) -> None:
        """Asks for a reply to all that was said."""
        held, self.pending = self.pending, []
        self.mute_due = None
        if self.takes_content:
            self._as_content(held, out, complete=True)
        elif not self._as_input(held, out):
            self.realtime(wire.RealtimeInput(text=NUDGE), out)
        self.begun = True
        self.asked = Asked(command, now + self.patience)

    def _as_content(self, held: list[Held], out: list[Output], *, complete: bool) -> None:
        """Sends turns as content; a complete one is to be answered."""
        turns = encode_content.turns(each.content for each in held)
        content = wire.ClientContent(turns or None, turn_complete=complete)
        self.post(wire.ClientMessage(client_content=content), out)
        for each in held:
            self.bookmark.said(each.key)

    def _as_input(self, held: list[Held], out: list[Output]) -> bool:
        """Sends turns of the user's as realtime input: pictures first, then the words; whether there were words.

        Words are a turn by themselves, to be answered each: so those of several items go in one message, a line each.
        """
        words: list[str] = []
        for part in (part for each in held for part in each.content.parts or ()):
            if part.inline_data is not None:
                blob = part.inline_data
                is_audio = (blob.mime_type or "").startswith("audio/")
                given = wire.RealtimeInput(audio=blob) if is_audio else wire.RealtimeInput(video=blob)
                self.realtime(given, out)
            elif part.text:
                words.append(part.text)
            elif part.function_response is not None:
                answer = wire.ToolResponse([part.function_response])
                self.post(wire.ClientMessage(tool_response=answer), out)
        if words:
            self.realtime(wire.RealtimeInput(text="\n".join(words)), out)
        for each in held:
            self.bookmark.said(each.key)
        return bool(words)

    def ask_wanted(self, now: float, out: list[Output]) -> None:
        """Makes the request that waited, if it can be made now."""
        if self.wanted is not None and not self.busy:
            command, self.wanted = self.wanted, None
            self.ask(command, now, out)

    # -- the user's speech

    def new_speech(self, position_ms: float | None, out: list[Output], *, tell: bool) -> Speech:
        """The user speaks."""
        self.finish_words(out)
        self.mute_due = None
        speech = self.speech = Speech(self.ids("item"), told=tell)
        if tell:
            out.append(SpeechStarted(position_ms, speech.item_id))
        return speech

    def place_speech(self, out: list[Output], position_ms: float | None = None) -> None:
        """What the user said is a turn: it takes its place in the conversation."""
        speech = self.speech
        if speech is None or speech.placed:
            return
        if speech.told and not speech.stopped:
            out.append(SpeechStopped(position_ms, speech.item_id))
        speech.stopped = speech.placed = True
        self.turn.place(speech.item_id, "user", "speech", out)
        self.bookmark.said(speech.item_id)
        self.unanswered_audio = False
        self.absorb = False

    def finish_words(self, out: list[Output]) -> None:
        """No more words of the last speech are expected."""
        speech = self.speech
        if speech is not None and speech.words and not speech.final:
            speech.final = True
            out.append(InputTranscript(speech.words.strip(), final=True, item_id=speech.item_id))

    # -- the reply

    def reply(self, now: float, out: list[Output]) -> Reply | None:
        """The reply that something came of, begun here if it is new; None while nothing of it is to be told."""
        reply = self.turn.open
        if reply is not None:
            return None if reply.cut else self._after_results(reply, now, out)
        if self.turn.muted:
            return None
        return self._begin(now, out)

    def _after_results(self, reply: Reply, now: float, out: list[Output]) -> Reply | None:
        """A reply whose calls all have their results ends where the one begins that uses them."""
        if not reply.calls or any(self.calls[each].wanted for each in reply.calls if each in self.calls):
            if self.quiet_due is not None:
                self.quiet_due = now + QUIET_S
            return reply
        self.end(now, out, "completed")
        return self._begin(now, out)

    def _begin(self, now: float, out: list[Output]) -> Reply | None:
        self._answered(out)
        asked, self.asked = self.asked, None
        by_itself, self.answering, self.answer_due = self.answering, None, None
        if by_itself == "tools" and asked is None:
            self.absorb = True
        metadata = asked.command.metadata if asked is not None else None
        if asked is None and by_itself == "speech" and self.wanted is not None and not self.pending:
            metadata, self.wanted = self.wanted.metadata, None
        self.begun = True
        self.seeded = False
        reply = self.turn.begin(metadata, out)
        reply.usage, self.cost = self.cost, None
        if self.mute_due is not None:
            self.mute_due = None
            self.interrupt(now, out)
            return None
        return reply

    def _answered(self, out: list[Output]) -> None:
        """Whose words the reply answers: where nobody wrote, the user's speech, also if nobody said when it ended."""
        wrote = self.asked is not None and self.asked.kind != "activity_end"
        if wrote or self.answering == "tools" or self.calling:
            return
        unheard = self.speech is None or self.speech.placed
        if unheard and self.unanswered_audio and not self.hears:
            self.new_speech(None, out, tell=not self.manual)
        self.place_speech(out)

    @property
    def calling(self) -> bool:
        """Whether results of tools are waited for."""
        return any(each.wanted for each in self.calls.values())

    def interrupt(self, now: float, out: list[Output]) -> None:
        """The application does not want the reply: it is told as over at once, and what still comes of it is dropped."""
        reply = self.turn.open
        if reply is None or reply.cut:
            return
        self.turn.cut(out)
        self.turn.muted = True
        self.drop_calls()
        self.end(now, out, "interrupted", "client_cancelled")

    def drop_calls(self) -> None:
        """The results that are waited for are given, because the service waits too, but no reply to them is wanted."""
        for each in self.calls.values():
            each.dropped |= each.wanted

    def end(self, now: float, out: list[Output], status: Status, reason: str | None = None) -> None:
        """The reply is over, and with it what it answered."""
        reply = self.turn.open
        self.quiet_due = None
        if reply is None:
            return
        if reply.item_id:
            self.bookmark.said(reply.item_id)
        self.turn.end(out, status, reason)
        if self.speech is not None and self.speech.placed and self.speech.over is None:
            self.speech.over = now

    def next_due(self) -> float | None:
        """When something is overdue."""
        asked = self.asked.due if self.asked is not None else None
        times = (asked, self.answer_due, self.cut_due, self.quiet_due, self.mute_due, self.results_due)
        return min((each for each in times if each is not None), default=None)
