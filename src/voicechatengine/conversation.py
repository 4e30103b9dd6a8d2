"""What was said and heard, item by item: a pure fold over commands and events.

A runtime and a relay (the engine's, or failover) each fold their own, by these rules; nobody reaches into another's. It knows
the vocabulary and nothing else. An item's place is fixed when it is first named (speech: when it starts), not when its words
arrive; what a listener did not hear is cut when `ItemTruncate` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Flag, auto
from typing import Any, ClassVar, Final

import msgspec

from voicechatengine.audio.format import AudioFormat
from voicechatengine.events import (
    AudioChunk,
    EventData,
    InputTranscript,
    Interrupted,
    ItemAdded,
    ResponseCompleted,
    ResponseStarted,
    SpeechStarted,
    TextChunk,
    ToolCall,
    ToolCallCancelled,
)
from voicechatengine.messages import (
    Command,
    Item,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    MessageItem,
    Role,
    SessionCreate,
    TextPart,
    ToolCallItem,
    ToolResult,
    ToolResultItem,
)


class _Mark(Flag):
    """What is so of an item. One object for each combination that there is, however many items have it."""

    NONE = 0
    SPEECH = auto()  # the user's own voice: its words come later, or never
    WHOLE = auto()  # of the user's words none are still to come
    INTERRUPTED = auto()
    ESTIMATED = auto()
    CUT = auto()  # truncated: what still comes of it was not heard


class _Words(msgspec.Struct, gc=False):
    """An item that came in chunks. A long conversation holds thousands of them: what is needed while it sounds is in `_Sound`."""

    role: Role
    marks: _Mark = _Mark.NONE
    spoken: str = ""
    written: str = ""

    def item(self, key: str) -> Item | None:
        """The item, or None while it has no words."""
        parts: list[TextPart] = []
        for text, spoken in ((self.written, False), (self.spoken, True)):
            words = text.strip()
            if words:
                parts.append(TextPart(words, spoken=spoken))
        if not parts:
            return None
        interrupted, estimated = _Mark.INTERRUPTED in self.marks, _Mark.ESTIMATED in self.marks
        return MessageItem(self.role, tuple(parts), id=key, interrupted=interrupted, estimated=estimated)


class _Sound:
    """Of an item that may not have been heard to its end: how long it is, and when its words begin."""

    __slots__ = ("ms", "size", "starts")

    def __init__(self, *, timed: bool) -> None:
        self.size = 0  # bytes that came, in the format of the replies
        self.ms = 0.0  # that came beside, in another format; once it is cut, what was heard
        # Places in the spoken words, and their times; None: not all are known.
        self.starts: list[tuple[int, float]] | None = [] if timed else None


SOUNDING: Final = 32  # items whose sound is known: what is older was heard


def heard_words(text: str, heard_ms: float, generated_ms: float) -> str:
    """The words of `text` that were heard when `heard_ms` of its `generated_ms` were played: in proportion, whole words only."""
    if generated_ms <= 0 or heard_ms >= generated_ms:
        return text
    place = int(len(text) * max(0.0, heard_ms) / generated_ms)
    if place < len(text) and not text[place].isspace():
        place = max(text.rfind(" ", 0, place), 0)
    return text[:place].rstrip()


def timed_words(
    text: str, starts: Sequence[tuple[int, float]], heard_ms: float, generated_ms: float
) -> tuple[str, bool]:
    """The same where the vendor told at which times the words at these places of `text` begin; and whether that is an estimate,
    because the place is in the midst of several words that were told as one.
    """
    ends = [*starts[1:], (len(text), generated_ms)]
    for (place, began), (after, ended) in zip(starts, ends, strict=True):
        if heard_ms < ended:
            part = text[place:after]
            several = len(part.split()) > 1 and heard_ms > began
            kept = heard_words(part, heard_ms - began, ended - began)
            return (text[:place] + kept).rstrip(), several
    return text, False


class Conversation:
    """The conversation so far. `output` is the format of audio chunks that name none."""

    __slots__ = ("_beside", "_calls", "_entries", "_output", "_sound", "_sounding", "_sounds")

    def __init__(self, output: AudioFormat | None = None) -> None:
        self._output = output or AudioFormat()
        # In order. Messages by their ids, calls by those of their calls; what came whole is kept as it came.
        self._entries: dict[str, _Words | Item] = {}
        self._sounds: dict[str, _Sound] = {}  # of the latest items
        self._sounding: str | None = None  # the one whose audio came last, and its sound
        self._sound = _Sound(timed=False)
        self._beside: set[str] = set()  # responses out of band: no part of the conversation
        self._calls: dict[str, str] = {}  # calls without a result: call id -> name

    # -- reading

    def items(self) -> tuple[Item, ...]:
        """Everything with words, in order."""
        found = (
            entry.item(key) if isinstance(entry, _Words) else entry for key, entry in self._entries.items()
        )
        return tuple(item for item in found if item is not None)

    def wordless(self) -> tuple[str, ...]:
        """The ids of the user's spoken items whose words are not all known (yet)."""
        return tuple(key for key, words in self._speech() if _Mark.WHOLE not in words.marks)

    def give_up_words(self) -> tuple[str, ...]:
        """The session that would tell them is over: gives what `wordless` gives, and waits for those words no more."""
        lost = self.wordless()
        for _, words in self._speech():
            words.marks |= _Mark.WHOLE
        return lost

    def unheard_turn(self) -> bool:
        """Whether the last turn is the user's, and its words are not known."""
        key = next(reversed(self._entries), "")
        last = self._entries.get(key)
        return isinstance(last, _Words) and _Mark.SPEECH in last.marks and last.item(key) is None

    def pending_calls(self) -> tuple[str, ...]:
        """The ids of tool calls that have no result yet."""
        return tuple(self._calls)

    def generated_ms(self, item_id: str) -> float:
        """Milliseconds of audio that came for one of the latest items; if it was truncated, those that were heard."""
        sound = self._sounds.get(item_id)
        return self._ms(sound) if sound is not None else 0.0

    def _speech(self) -> Iterator[tuple[str, _Words]]:
        for key, entry in self._entries.items():
            if isinstance(entry, _Words) and _Mark.SPEECH in entry.marks:
                yield key, entry

    # -- the fold

    def apply(self, message: Command | EventData) -> None:
        """Takes in a command that was sent or the payload of an event that came; what it does not concern is ignored."""
        rule = self._RULES.get(type(message))
        if rule is not None:
            rule(self, message)

    def sound(self, data: AudioChunk) -> None:
        """`apply` for what comes fifty times a second: more audio of an item."""
        key = data.item_id or data.response_id or ""
        if key is not self._sounding:
            entry = self._of_response(data.item_id, data.response_id)
            if entry is None:
                return
            self._sounding, self._sound = key, self._sound_of(key, entry)
        sound, size, form = self._sound, len(data.audio), data.format
        if form is None:
            sound.size += size
        else:
            sound.ms += form.duration_ms(size)

    def _ms(self, sound: _Sound) -> float:
        return sound.ms + self._output.duration_ms(sound.size)

    def _text(self, data: TextChunk) -> None:
        entry = self._of_response(data.item_id, data.response_id)
        if entry is None or _Mark.CUT in entry.marks:
            return
        if data.spoken:
            sound = self._sound_of(data.item_id or data.response_id or "", entry)
            if data.start_ms is None:
                sound.starts = None
            elif sound.starts is not None:
                sound.starts.append((len(entry.spoken), data.start_ms))
            entry.spoken += data.text
        else:
            entry.written += data.text

    def _sound_of(self, key: str, entry: _Words) -> _Sound:
        sound = self._sounds.get(key)
        if sound is None:
            sound = self._sounds[key] = _Sound(timed=not entry.spoken)
            if len(self._sounds) > SOUNDING:
                self._forget_sound(next(iter(self._sounds)))
        return sound

    def _of_response(self, item_id: str | None, response_id: str | None) -> _Words | None:
        """The item that a response makes; None for one that is no part of the conversation, or came whole."""
        key = item_id or response_id
        if key is None or response_id in self._beside:
            return None
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Words("assistant")
        return entry if isinstance(entry, _Words) else None

    def _started(self, data: ResponseStarted) -> None:
        if data.out_of_band:
            self._beside.add(data.response_id)

    def _completed(self, data: ResponseCompleted) -> None:
        self._beside.discard(data.response_id)

    def _interrupted(self, data: Interrupted) -> None:
        entry = self._entries.get(data.item_id or data.response_id or "")
        if isinstance(entry, _Words):
            entry.marks |= _Mark.INTERRUPTED

    def _spoke(self, data: SpeechStarted) -> None:
        if data.item_id is not None and data.item_id not in self._entries:
            self._entries[data.item_id] = _Words("user", _Mark.SPEECH)

    def _transcript(self, data: InputTranscript) -> None:
        key = data.item_id
        if key is None:
            open_ones = [key for key, words in self._speech() if _Mark.CUT not in words.marks]
            key = open_ones[-1] if open_ones else f"speech-{len(self._entries)}"
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Words("user", _Mark.SPEECH)
        elif not isinstance(entry, _Words):
            return
        entry.spoken = data.text
        if data.final:
            # After the last one without an id the next is of another turn.
            entry.marks |= _Mark.WHOLE if data.item_id is not None else _Mark.WHOLE | _Mark.CUT

    def _added(self, data: ItemAdded) -> None:
        if data.kind in ("tool_call", "tool_result"):
            return  # known by their call ids
        if data.item_id not in self._entries:
            speech = data.kind == "speech"
            self._entries[data.item_id] = _Words(data.role, _Mark.SPEECH if speech else _Mark.NONE)
        if data.previous_item_id in self._entries:
            self._move(data.item_id, data.previous_item_id)

    def _call(self, data: ToolCall) -> None:
        if data.response_id in self._beside or data.call_id in self._entries:
            return
        self._calls[data.call_id] = data.name
        item = ToolCallItem(data.call_id, data.name, data.arguments, id=data.item_id or "")
        self._entries[data.call_id] = item

    def _calls_cancelled(self, data: ToolCallCancelled) -> None:
        for call in data.call_ids:
            self._calls.pop(call, None)
            self._entries.pop(call, None)

    def _result(self, data: ToolResult) -> None:
        self._settle(ToolResultItem(data.call_id, data.output, is_error=data.is_error))

    def _settle(self, item: ToolResultItem) -> None:
        self._calls.pop(item.call_id, None)
        self._entries.setdefault(f"result of {item.call_id}", item)

    def _create(self, data: ItemCreate) -> None:
        item = data.item
        if isinstance(item, ToolResultItem):
            self._settle(item)
            return
        key = item.call_id if isinstance(item, ToolCallItem) else item.id or f"item-{len(self._entries)}"
        if key in self._entries:
            return
        if isinstance(item, ToolCallItem):
            self._calls[item.call_id] = item.name
        self._entries[key] = item
        if data.previous_item_id == "root" or data.previous_item_id in self._entries:
            self._move(key, data.previous_item_id)

    def _truncate(self, data: ItemTruncate) -> None:
        entry = self._entries.get(data.item_id)
        if not isinstance(entry, _Words):
            return
        heard, sound = data.heard_ms, self._sounds.get(data.item_id)
        if heard <= 0:
            entry.spoken = entry.written = ""
        elif sound is not None and heard < (generated := self._ms(sound)):
            if sound.starts:
                entry.spoken, estimated = timed_words(entry.spoken, sound.starts, heard, generated)
            else:
                entry.spoken, estimated = heard_words(entry.spoken, heard, generated), True
            if estimated:
                entry.marks |= _Mark.ESTIMATED
            sound.size, sound.ms = 0, heard  # so that who says it twice cuts once
        entry.marks |= _Mark.CUT | _Mark.INTERRUPTED

    def _delete(self, data: ItemDelete) -> None:
        # Calls and results are kept by their call's id; who deletes one knows the item's.
        key = data.item_id
        if key not in self._entries:
            whole = ((key, item) for key, item in self._entries.items() if not isinstance(item, _Words))
            key = next((key for key, item in whole if item.id == data.item_id), "")
        self._entries.pop(key, None)
        self._forget_sound(key)

    def _forget_sound(self, key: str) -> None:
        self._sounds.pop(key, None)
        if key == self._sounding:
            self._sounding = None

    def _begin(self, data: SessionCreate) -> None:
        for item in data.history:
            self._create(ItemCreate(item))

    def _move(self, key: str, behind: str | None) -> None:
        """Puts an item behind another one ("root": at the beginning). Nearly always it is there: it is the last."""
        entries = self._entries
        after: list[str] = []
        for other in reversed(entries):
            if other == behind:
                break
            after.append(other)
        if key == behind or after == [key]:
            return
        entries[key] = entries.pop(key)
        for other in reversed(after):
            if other != key:
                entries[other] = entries.pop(other)

    _RULES: ClassVar[dict[type, Callable[[Conversation, Any], None]]] = {
        AudioChunk: sound,
        TextChunk: _text,
        ResponseStarted: _started,
        ResponseCompleted: _completed,
        Interrupted: _interrupted,
        SpeechStarted: _spoke,
        InputTranscript: _transcript,
        ItemAdded: _added,
        ToolCall: _call,
        ToolCallCancelled: _calls_cancelled,
        ToolResult: _result,
        ItemCreate: _create,
        ItemTruncate: _truncate,
        ItemDelete: _delete,
        SessionCreate: _begin,
    }
