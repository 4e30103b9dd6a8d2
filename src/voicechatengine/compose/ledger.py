"""What a conversation needs to go on with another provider: a fold over what was sent and received, and its closing.

Pure. It follows one relay through all its providers: the conversation, the options, the user's audio that is not committed,
the reply that is owed, the replies that are open. It knows no provider and no task.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, UnsetType

from voicechatengine.audio.format import AudioFormat
from voicechatengine.conversation import Conversation
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    Event,
    Interrupted,
    ItemAdded,
    ResponseCompleted,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TextChunk,
    ToolCall,
)
from voicechatengine.messages import (
    ActivityEnd,
    ActivityStart,
    AudioAppend,
    AudioClear,
    AudioCommit,
    Command,
    Item,
    ItemCreate,
    ItemDelete,
    Options,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    TurnDetection,
)
from voicechatengine.session.dialect import Restore
from voicechatengine.session.outage import Outage, take_stock
from voicechatengine.session.utterance import Utterance

_REQUESTS = frozenset({"response_create", "activity_end", "audio_commit"})


class _Open(msgspec.Struct):
    """A response that has begun."""

    beside: bool = False
    metadata: dict[str, str] | None = None
    item_id: str | None = None
    size: int = 0  # bytes of its audio
    form: AudioFormat | None = None  # of that, where it is not the one taken for granted
    calls: int = 0
    cut: bool = False


class Ledger:
    """The account of one relay's conversation. `form` is the format of the user's audio, and of chunks that name none."""

    def __init__(self, form: AudioFormat) -> None:
        self.options: Options = Options()
        self.begin(form)

    def begin(self, form: AudioFormat) -> None:
        """A new conversation; the options stay."""
        self.form: AudioFormat = form
        self.conversation: Conversation = Conversation(form)
        self._told = form  # the format that the conversation takes for granted
        self.default_turns: TurnDetection | None | UnsetType = UNSET  # what the first provider does by itself
        self._total = 0  # bytes of the user's audio
        self.reset()
        self._utterance: Utterance = self._new_utterance()
        self._offset_ms = 0.0  # where in the user's audio the provider's own stream of it began
        self._restarted: tuple[Utterance, float] | None = None

    def reset(self) -> None:
        """No session is open: nothing runs, nothing is owed; the conversation stays."""
        self._open: dict[str, _Open] = {}
        self.speaking: bool = False
        self.owed: ResponseCreate | None = None
        self._request: ResponseCreate | None = None  # what the reply that runs was asked by
        self._cut: ResponseCreate | None = None  # the same of a reply that failed, and nothing came after it

    # -- reading

    @property
    def turns(self) -> TurnDetection | None | UnsetType:
        """Who ends turns in this session: the vendor's ear or ours, the application (None), or it is not known (UNSET)."""
        chosen = self.options.turn_detection
        return self.default_turns if chosen is UNSET else chosen

    @property
    def busy(self) -> bool:
        """Whether somebody has the floor: a reply runs, or the user speaks."""
        return self.speaking or any(not each.beside for each in self._open.values())

    @property
    def unsettled(self) -> bool:
        """Whether something is on its way that another provider could not know: a reply, or the words of the user."""
        return self.owed is not None or self.conversation.unheard_turn()

    def settled(self) -> tuple[Item, ...]:
        """The conversation without the replies that are still being made."""
        growing = {each.item_id for each in self._open.values()}
        return tuple(item for item in self.conversation.items() if item.id not in growing)

    # -- folding

    def by_itself(self, turns: TurnDetection | None | UnsetType) -> None:
        """What the first provider does about turns where nobody told it."""
        self.default_turns = turns
        self._utterance.manual = self.turns is None

    def sending(self, command: Command) -> None:
        """A command is about to be sent. What an echo of it could overtake is taken in now, the rest by `sent`."""
        match command:
            case AudioAppend(audio=audio):
                self.heard(audio)
            case ActivityStart():
                self.speaking = True
            case ActivityEnd() | AudioCommit() | AudioClear():
                self.speaking = False
                self._utterance.sent(command)
                if isinstance(command, ActivityEnd):
                    self.owed = ResponseCreate()
            case ResponseCreate(out_of_band=False):
                self.owed = command
            case ResponseCancel(response_id=None):
                self.owed = self._cut = None
            case ItemCreate():
                self.conversation.apply(command)
            case _:
                pass

    def sent(self, command: Command) -> None:
        """The command was sent."""
        if isinstance(command, SessionUpdate):
            self.options = self.options.merged(command.options)
            self._utterance.manual = self.turns is None
        elif not isinstance(command, ItemCreate):
            self.conversation.apply(command)

    def refused(self, command: Command) -> None:
        """The command was not sent after all."""
        match command:
            case ItemCreate(item=item):
                self.conversation.apply(ItemDelete(item.id))
            case ActivityEnd() | AudioCommit():
                # The turn goes on as if nobody had ended it.
                whole = self._utterance.audio()
                self._utterance = self._new_utterance(whole)
                self.owed = None
            case ResponseCreate(out_of_band=False):
                self.owed = None
            case _:
                pass

    def failed(self, command: Command) -> None:
        """There was no connection for it. Who is told so may say an item again; what is owed is owed all the same."""
        if isinstance(command, ItemCreate):
            self.refused(command)

    def received(self, data: Event) -> Event:
        """Takes in an event; gives it with its position in the whole of the user's audio."""
        rule = self._RULES.get(type(data))
        if rule is not None:
            data = rule(self, data)
        self.conversation.apply(data)
        return data

    def sound(self, data: AudioChunk) -> None:
        """`received` for what comes fifty times a second: more audio of a reply."""
        each = self._open.get(data.response_id or "")
        if each is not None:
            each.item_id = data.item_id
            each.size += len(data.audio)
            each.form = data.format
        if self._told is not self.form and data.format is None:
            data = msgspec.structs.replace(data, format=self.form)
        self.conversation.sound(data)

    def _speech(self, data: SpeechStarted | SpeechStopped) -> Event:
        self._utterance.received(data)
        self.speaking = isinstance(data, SpeechStarted)
        if self.speaking:
            self._cut = None
            if isinstance(self.turns, TurnDetection) and self.turns.interrupt_response:
                self.owed = None
        if data.position_ms is None:
            return data
        return msgspec.structs.replace(data, position_ms=data.position_ms + self._offset_ms)

    def _added(self, data: ItemAdded) -> Event:
        self._utterance.received(data)
        if data.kind == "speech" and isinstance(self.turns, TurnDetection) and self.turns.create_response:
            self.owed = self.owed or ResponseCreate()
        return data

    def _started(self, data: ResponseStarted) -> Event:
        self._open[data.response_id] = _Open(data.out_of_band, data.metadata)
        if not data.out_of_band:
            self._request, self.owed, self._cut = self.owed, None, None
        return data

    def _of_response(self, data: TextChunk | ToolCall | Interrupted) -> Event:
        each = self._open.get(data.response_id or "")
        if each is not None:
            each.item_id = data.item_id or each.item_id
            each.calls += isinstance(data, ToolCall)
            each.cut = each.cut or isinstance(data, Interrupted)
        return data

    def _completed(self, data: ResponseCompleted) -> Event:
        each = self._open.pop(data.response_id, None)
        if data.status == "failed" and each is not None and not each.beside:
            self._cut = self._request or ResponseCreate()
        return data

    def _error(self, data: ErrorInfo) -> Event:
        if data.command in _REQUESTS:
            self.owed = None
        return data

    # -- the user's audio; positions count from where a provider's own stream of it began

    def _new_utterance(self, audio: bytes = b"") -> Utterance:
        utterance = Utterance(self.form, manual=self.turns is None)
        if self.speaking:
            utterance.received(SpeechStarted())  # so that all of it is kept until the provider reports it
        if audio:
            utterance.append(audio)
        return utterance

    def heard(self, audio: bytes) -> None:
        """More of the user's audio is about to be sent."""
        self._total += len(audio)
        self._utterance.append(audio)
        if self._restarted is not None:
            self._restarted[0].append(audio)

    def connection_lost(self) -> None:
        """The provider reconnects by itself: if its session is a new one, it says again what was not committed."""
        audio = self._utterance.audio()
        kept = self.form.duration_ms(self._total - len(audio))
        self._restarted = (self._new_utterance(audio), kept)

    def connection_back(self, *, resumed: bool, first: bool) -> None:
        """It has a session, its `first` or another one; in one that was `resumed` positions go on."""
        if self._restarted is None and not first:
            self.connection_lost()  # handed over without a cut
        if self._restarted is not None and not resumed:
            self._utterance, self._offset_ms = self._restarted
        self._restarted = self._cut = None

    def change_format(self, form: AudioFormat) -> None:
        """The user's audio comes in another format from now on; what was kept cannot be joined with it."""
        if not form.same_sound(self.form):
            offset = self.form.duration_ms(self._total)
            self.form = form
            self._total = form.size_of(offset)
            self.speaking = False
            self._utterance, self._offset_ms, self._restarted = self._new_utterance(), offset, None

    # -- from one provider to the next

    def stock(self, *, again: bool) -> Outage:
        """What the next provider needs, now that the one before is left. `again`: a reply that is cut is asked for again."""
        if any(not each.beside for each in self._open.values()):
            self._cut = self._request or ResponseCreate()
        if again and not self.speaking and not self.conversation.pending_calls():
            self.owed = self.owed or self._cut
        outage = take_stock(Restore(reply_owed=self.owed), self.options, self.conversation, self._utterance)
        self.owed = outage.reply
        return outage

    def close(self, status: Literal["interrupted", "failed"], reason: str) -> list[Event]:
        """The ends of all open replies, for who listens; they are folded already."""
        events: list[Event] = []
        for response, each in self._open.items():
            if status == "interrupted" and not each.cut:
                generated = (each.form or self.form).duration_ms(each.size)
                events.append(Interrupted(response, each.item_id, generated))
            events.append(
                ResponseCompleted(response, status, reason, metadata=each.metadata, tool_calls=each.calls)
            )
        self._open = {}
        for event in events:
            self.conversation.apply(event)
        return events

    def go_on(self, outage: Outage) -> None:
        """The next provider takes over: its stream of the user's audio begins with what is said again."""
        self._offset_ms = self.form.duration_ms(self._total - len(outage.audio))
        self._restarted = self._cut = None
        self._utterance = self._new_utterance()
        for command in outage.speech():
            self._utterance.sent_late(command)
        self.speaking = self.speaking and self.turns is None  # who detects turns will say so again

    _RULES: ClassVar[dict[type, Callable[[Ledger, Any], Event]]] = {
        TextChunk: _of_response,
        ToolCall: _of_response,
        Interrupted: _of_response,
        SpeechStarted: _speech,
        SpeechStopped: _speech,
        ItemAdded: _added,
        ResponseStarted: _started,
        ResponseCompleted: _completed,
        ErrorInfo: _error,
    }
