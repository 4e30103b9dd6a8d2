"""The responses that run and the items they make: what came of each, and what of it is still to be told.

Each response is told by the grammar: begun, chunks, perhaps interrupted, ended once; what comes of an ended one is dropped by
its id. It knows no message and sends nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from voicechatengine.audio.format import AudioFormat
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    Event,
    Interrupted,
    ResponseCompleted,
    ResponseStarted,
    TextChunk,
    ToolCall,
    Usage,
)
from voicechatengine.providers.realtime import decode, objects
from voicechatengine.session.dialect import Outgoing
from voicechatengine.session.remember import MEMORY, remember

Kind = Literal["message", "speech", "tool_call", "tool_result"]
Status = Literal["completed", "interrupted", "failed", "incomplete"]

OPEN: Final = 32  # responses at once


@dataclass(slots=True)
class Item:
    """What is known of an item: `size` bytes of its audio came, `carry` is a part of a sample that waits for its rest."""

    announced: bool = False
    size: int = 0
    carry: bytes = b""
    written: bool = False  # it holds text that was read, not heard
    gone: bool = False
    words: str = ""  # the user's, so far
    final: bool = False


@dataclass(slots=True)
class Reply:
    """A response that runs. `cut`: it was told as interrupted; its end must come until `due` then."""

    id: str
    beside: bool = False
    cut: bool = False
    due: float | None = None
    calls: int = 0
    item_id: str = ""  # the last item with audio
    texts: set[tuple[str, int, bool]] = field(default_factory=set[tuple[str, int, bool]])
    functions: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    nameless: list[str] = field(default_factory=list[str])


class Replies:
    """The responses, items and calls of one connection, which begins with `restored` items. `set_format` comes first."""

    __slots__ = ("_block", "_ended", "_most", "_told", "calls", "items", "open", "output")

    output: AudioFormat

    def __init__(self, restored: int = 0) -> None:
        self._most = MEMORY + restored  # each of those is echoed, and to be known then
        self.open: dict[str, Reply] = {}
        self.items: dict[str, Item] = {}
        self.calls: dict[str, bool] = {}  # call id -> whether its result is still owed
        self._ended: dict[str, None] = {}

    def set_format(self, output: AudioFormat, told: AudioFormat | None) -> None:
        """The format of the replies' audio, and what audio chunks say of it."""
        self.output = output
        self._told = told
        self._block = output.sample_bytes

    def item(self, item_id: str) -> Item:
        """What is known of an item."""
        item = self.items.get(item_id)
        return remember(self.items, item_id, Item(), self._most) if item is None else item

    def has_ended(self, response_id: str) -> bool:
        """Whether the response is over: nothing of it may be told any more."""
        return response_id in self._ended

    def begin(
        self, response_id: str, out: list[Event | Outgoing], *, beside: bool, metadata: dict[str, str] | None
    ) -> Reply:
        """A response begins."""
        while len(self.open) >= OPEN:  # a server that ends none
            self.end(next(iter(self.open.values())), out, "interrupted", "superseded")
        reply = self.open[response_id] = Reply(response_id, beside)
        out.append(ResponseStarted(response_id, metadata, beside))
        return reply

    def cut(self, reply: Reply, out: list[Event | Outgoing]) -> None:
        """A response is interrupted."""
        reply.cut = True
        item = self.items.get(reply.item_id)
        generated = self.output.duration_ms(item.size) if item is not None else 0.0
        out.append(Interrupted(reply.id, reply.item_id or None, generated))

    def end(
        self,
        reply: Reply,
        out: list[Event | Outgoing],
        status: Status,
        reason: str | None = None,
        *,
        usage: Usage | None = None,
        metadata: dict[str, str] | None = None,
    ) -> None:
        """A response is over; one that was cut ends as interrupted, whatever else is said of it."""
        if reply.cut:
            status = "interrupted"
        elif status == "interrupted":
            self.cut(reply, out)
        out.extend(
            ErrorInfo("tool_call_without_name", f"the call {call_id} has no name and cannot be made")
            for call_id in reply.nameless
            if call_id not in self.calls and not reply.cut
        )
        reply.cut = True  # nothing more of it is told
        del self.open[reply.id]
        remember(self._ended, reply.id, None)
        out.append(ResponseCompleted(reply.id, status, reason, usage, metadata, reply.calls))

    def audio(self, reply: Reply, item: Item, item_id: str, audio: bytes) -> tuple[AudioChunk, ...]:
        """More audio of an item, in whole samples: what is left over waits for the next chunk. Nothing where there is not one."""
        if item.carry:
            audio = item.carry + audio
            item.carry = b""
        size = len(audio)
        rest = size % self._block
        if rest:
            item.carry = audio[-rest:]
            audio = audio[:-rest]
            size -= rest
        if not size:
            return ()
        item.size += size
        reply.item_id = item_id
        return (AudioChunk(audio, self._told, reply.id, item_id or None),)

    def text(
        self,
        reply: Reply,
        place: tuple[str, int, bool],
        text: str | None,
        out: list[Event | Outgoing],
        *,
        whole: bool = False,
    ) -> None:
        """Words at a place (item, index of the part, spoken); `whole` ones count only where none came before."""
        if not text or (whole and place in reply.texts):
            return
        reply.texts.add(place)
        item_id, _, spoken = place
        if not spoken:
            self.item(item_id).written = True
        out.append(TextChunk(text, spoken, reply.id, item_id or None))

    def call(self, reply: Reply, item: objects.Item, out: list[Event | Outgoing]) -> None:
        """A whole call: told once, as soon as its name is known."""
        known_id, known_name = reply.functions.get(item.id or "", ("", ""))
        call_id = item.call_id or known_id or item.id
        name = item.name or known_name
        if not call_id or call_id in self.calls:
            return
        if not name:
            reply.nameless.append(call_id)
            return
        remember(self.calls, call_id, value=True)
        reply.calls += 1
        text = item.arguments or ""
        out.append(ToolCall(call_id, name, text, decode.arguments(text), reply.id, item.id or None))
