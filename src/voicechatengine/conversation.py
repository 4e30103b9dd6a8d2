"""What was said and heard, item by item: a pure fold over commands and events.

The engine, the runtime and failover each fold their own, by these rules; nobody reaches into another's. It knows the
vocabulary and nothing else. An item's place is fixed when it is first named (speech: when it starts), not when its words
arrive; what a listener did not hear is cut when `ItemTruncate` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

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


class _Entry:
    """One item while it grows. `fixed` is an item that came whole; the other fields make one out of chunks."""

    __slots__ = (
        "audio_ms",
        "cut",
        "estimated",
        "fixed",
        "interrupted",
        "key",
        "role",
        "speech",
        "spoken",
        "starts",
        "whole",
        "written",
    )

    def __init__(self, key: str, role: Role, *, speech: bool = False, fixed: Item | None = None) -> None:
        self.key = key
        self.role: Role = role
        self.speech = speech  # the user's own voice: its words come later, or never
        self.fixed = fixed
        self.spoken = ""
        self.whole = False  # the user's words: none of them are still to come
        self.written = ""
        self.starts: (
            list[tuple[int, float]] | None
        ) = []  # places in `spoken` and their times; None: not all are known
        self.audio_ms = 0.0
        self.interrupted = False
        self.estimated = False
        self.cut = False  # truncated: what still comes of it was not heard

    def item(self) -> Item | None:
        """The item, or None while it has no words."""
        if self.fixed is not None:
            return self.fixed
        parts: list[TextPart] = []
        for text, spoken in ((self.written, False), (self.spoken, True)):
            words = text.strip()
            if words:
                parts.append(TextPart(words, spoken=spoken))
        if not parts:
            return None
        return MessageItem(
            self.role, tuple(parts), id=self.key, interrupted=self.interrupted, estimated=self.estimated
        )


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

    def __init__(self, output: AudioFormat | None = None) -> None:
        self._output = output or AudioFormat()
        self._rate = self._output.sample_rate * self._output.block_bytes  # bytes of a second
        self._entries: dict[str, _Entry] = {}
        self._order: list[_Entry] = []
        self._beside: set[str] = set()  # responses out of band: no part of the conversation
        self._calls: dict[str, str] = {}  # calls without a result: call id -> name

    # -- reading

    def items(self) -> tuple[Item, ...]:
        """Everything with words, in order."""
        return tuple(item for entry in self._order if (item := entry.item()) is not None)

    def wordless(self) -> tuple[str, ...]:
        """The ids of the user's spoken items whose words are not all known (yet)."""
        return tuple(entry.key for entry in self._order if entry.speech and not entry.whole)

    def give_up_words(self) -> tuple[str, ...]:
        """The session that would tell them is over: gives what `wordless` gives, and waits for those words no more."""
        lost = self.wordless()
        for item_id in lost:
            self._entries[item_id].whole = True
        return lost

    def unheard_turn(self) -> bool:
        """Whether the last turn is the user's, and its words are not known."""
        last = self._order[-1] if self._order else None
        return last is not None and last.speech and last.item() is None

    def pending_calls(self) -> tuple[str, ...]:
        """The ids of tool calls that have no result yet."""
        return tuple(self._calls)

    def generated_ms(self, item_id: str) -> float:
        """Milliseconds of audio that came for an item."""
        entry = self._entries.get(item_id)
        return entry.audio_ms if entry is not None else 0.0

    # -- the fold

    def apply(self, message: Command | EventData) -> None:
        """Takes in a command that was sent or the payload of an event that came; what it does not concern is ignored."""
        rule = self._RULES.get(type(message))
        if rule is not None:
            rule(self, message)

    def sound(self, data: AudioChunk) -> None:
        """`apply` for what comes fifty times a second: more audio of an item."""
        entry = self._entries.get(data.item_id or data.response_id or "")
        if entry is None:
            entry = self._of_response(data.item_id, data.response_id)
            if entry is None:
                return
        size, form = len(data.audio), data.format
        entry.audio_ms += size * 1000 / self._rate if form is None else form.duration_ms(size)

    def _text(self, data: TextChunk) -> None:
        entry = self._of_response(data.item_id, data.response_id)
        if entry is None or entry.cut:
            return
        if data.spoken:
            if data.start_ms is None:
                entry.starts = None
            elif entry.starts is not None:
                entry.starts.append((len(entry.spoken), data.start_ms))
            entry.spoken += data.text
        else:
            entry.written += data.text

    def _of_response(self, item_id: str | None, response_id: str | None) -> _Entry | None:
        key = item_id or response_id
        if key is None or response_id in self._beside:
            return None
        entry = self._entries.get(key)
        return entry if entry is not None else self._add(_Entry(key, "assistant"))

    def _started(self, data: ResponseStarted) -> None:
        if data.out_of_band:
            self._beside.add(data.response_id)

    def _completed(self, data: ResponseCompleted) -> None:
        self._beside.discard(data.response_id)

    def _interrupted(self, data: Interrupted) -> None:
        entry = self._entries.get(data.item_id or data.response_id or "")
        if entry is not None:
            entry.interrupted = True

    def _speech(self, data: SpeechStarted) -> None:
        if data.item_id is not None and data.item_id not in self._entries:
            self._add(_Entry(data.item_id, "user", speech=True))

    def _transcript(self, data: InputTranscript) -> None:
        key = data.item_id
        if key is None:
            wordless = [entry.key for entry in self._order if entry.speech and not entry.cut]
            key = wordless[-1] if wordless else f"speech-{len(self._order)}"
        entry = self._entries.get(key)
        if entry is None:
            entry = self._add(_Entry(key, "user", speech=True))
        entry.spoken = data.text
        entry.whole = entry.whole or data.final
        if data.item_id is None and data.final:
            entry.cut = True  # the next transcript without an id is of another turn

    def _added(self, data: ItemAdded) -> None:
        entry = self._entries.get(data.item_id)
        if data.kind in ("tool_call", "tool_result"):
            return  # known by their call ids
        if entry is None:
            entry = self._add(_Entry(data.item_id, data.role, speech=data.kind == "speech"))
        before = self._entries.get(data.previous_item_id or "")
        if before is not None and before is not entry:
            self._order.remove(entry)
            self._order.insert(self._order.index(before) + 1, entry)

    def _call(self, data: ToolCall) -> None:
        if data.response_id in self._beside or data.call_id in self._entries:
            return
        self._calls[data.call_id] = data.name
        item = ToolCallItem(data.call_id, data.name, data.arguments, id=data.item_id or "")
        self._add(_Entry(data.call_id, "assistant", fixed=item))

    def _calls_cancelled(self, data: ToolCallCancelled) -> None:
        for call in data.call_ids:
            self._calls.pop(call, None)
            self._remove(call)

    def _result(self, data: ToolResult) -> None:
        self._settle(ToolResultItem(data.call_id, data.output, is_error=data.is_error))

    def _settle(self, item: ToolResultItem) -> None:
        self._calls.pop(item.call_id, None)
        key = f"result of {item.call_id}"
        if key not in self._entries:
            self._add(_Entry(key, "user", fixed=item))

    def _create(self, data: ItemCreate) -> None:
        item = data.item
        if isinstance(item, ToolResultItem):
            self._settle(item)
            return
        role: Role = item.role if isinstance(item, MessageItem) else "assistant"
        key = item.call_id if isinstance(item, ToolCallItem) else item.id or f"item-{len(self._order)}"
        if key in self._entries:
            return
        if isinstance(item, ToolCallItem):
            self._calls[item.call_id] = item.name
        entry = self._add(_Entry(key, role, fixed=item))
        before = self._entries.get(data.previous_item_id or "")
        if before is not None or data.previous_item_id == "root":
            self._order.remove(entry)
            self._order.insert(self._order.index(before) + 1 if before is not None else 0, entry)

    def _truncate(self, data: ItemTruncate) -> None:
        entry = self._entries.get(data.item_id)
        if entry is None or entry.fixed is not None:
            return
        if data.heard_ms <= 0:
            entry.spoken = entry.written = ""
        elif entry.audio_ms > 0 and data.heard_ms < entry.audio_ms:
            heard, total = data.heard_ms, entry.audio_ms
            if entry.starts:
                entry.spoken, entry.estimated = timed_words(entry.spoken, entry.starts, heard, total)
            else:
                entry.spoken, entry.estimated = heard_words(entry.spoken, heard, total), True
        entry.cut = entry.interrupted = True

    def _delete(self, data: ItemDelete) -> None:
        # Calls and results are kept by their call's id; who deletes one knows the item's.
        named = (
            entry.key for entry in self._order if entry.fixed is not None and entry.fixed.id == data.item_id
        )
        self._remove(data.item_id if data.item_id in self._entries else next(named, ""))

    def _begin(self, data: SessionCreate) -> None:
        for item in data.history:
            self._create(ItemCreate(item))

    def _add(self, entry: _Entry) -> _Entry:
        self._entries[entry.key] = entry
        self._order.append(entry)
        return entry

    def _remove(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._order.remove(entry)

    _RULES: ClassVar[dict[type, Callable[[Conversation, Any], None]]] = {
        AudioChunk: sound,
        TextChunk: _text,
        ResponseStarted: _started,
        ResponseCompleted: _completed,
        Interrupted: _interrupted,
        SpeechStarted: _speech,
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
