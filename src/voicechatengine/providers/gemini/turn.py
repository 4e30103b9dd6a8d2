"""The reply that runs: what came of it, and how it ends. Gemini names neither turns nor items, so both get ids of ours here.

Each reply is told by the grammar: begun, chunks, perhaps interrupted, ended once. What belongs to a reply that was interrupted
cannot be told from the next one's by a name: it is what comes before the service ends that turn. Knows no message.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Literal

import msgspec

from voicechatengine.audio.format import AudioFormat
from voicechatengine.events import (
    AudioChunk,
    Event,
    Interrupted,
    ItemAdded,
    ResponseCompleted,
    ResponseStarted,
    TextChunk,
    ToolCall,
    Usage,
)
from voicechatengine.messages import Role
from voicechatengine.providers.gemini.decode import Status
from voicechatengine.session.dialect import Ids, Outgoing

UNTOLD: Final = 1024  # places that are told with the next reply; older ones are left out
Kind = Literal["message", "speech", "tool_call", "tool_result"]


class Reply(msgspec.Struct):
    """A reply that runs. `cut`: it was told as interrupted. `calls` are those that it made, `answered` those with a result."""

    id: str
    metadata: dict[str, str] | None = None
    item_id: str = ""
    form: AudioFormat | None = None  # of its audio, and what chunks say of that
    told: AudioFormat | None = None
    size: int = 0  # bytes of it
    carry: bytes = b""
    cut: bool = False
    calls: set[str] = msgspec.field(default_factory=set[str])
    usage: Usage | None = None


class Turn:
    """The replies of one connection, one at a time. `input_format` is what audio events need not name."""

    def __init__(self, ids: Ids, input_format: AudioFormat) -> None:
        self.open: Reply | None = None
        self.muted: bool = (
            False  # what comes is of a reply that is over for us, until the service ends the turn
        )
        self.last_id: str | None = None  # the reply that ended last
        self.last_item: str | None = None  # the last item of the conversation
        self._ids = ids
        self._input = input_format
        self._untold: deque[ItemAdded] = deque(maxlen=UNTOLD)

    def note(self, item_id: str, role: Role, kind: Kind) -> None:
        """An item that we sent stands at the end. That is told with what the service says next: not before it is sent."""
        self._untold.append(ItemAdded(item_id, role, self.last_item, kind))
        self.last_item = item_id

    def place(self, item_id: str, role: Role, kind: Kind, out: list[Event | Outgoing]) -> None:
        """An item takes its place at the end of the conversation."""
        self.note(item_id, role, kind)
        out += self._untold
        self._untold.clear()

    def begin(self, metadata: dict[str, str] | None, out: list[Event | Outgoing]) -> Reply:
        """A reply begins."""
        out += self._untold
        self._untold.clear()
        reply = self.open = Reply(self._ids("resp"), metadata)
        out.append(ResponseStarted(reply.id, metadata))
        return reply

    def item(self, reply: Reply, out: list[Event | Outgoing]) -> str:
        """The item of a reply's words and sound."""
        if not reply.item_id:
            reply.item_id = self._ids("item")
            self.place(reply.item_id, "assistant", "message", out)
        return reply.item_id

    def audio(self, reply: Reply, audio: bytes, form: AudioFormat, out: list[Event | Outgoing]) -> None:
        """More sound, in whole samples: half a one waits for its rest."""
        if reply.carry:
            audio, reply.carry = reply.carry + audio, b""
        if len(audio) % 2:
            audio, reply.carry = audio[:-1], audio[-1:]
        if not audio:
            return
        if form is not reply.form:
            before = 0.0 if reply.form is None else reply.form.duration_ms(reply.size)
            reply.form, reply.size = form, form.size_of(before)
            reply.told = None if form.same_sound(self._input) else form
        reply.size += len(audio)
        out.append(AudioChunk(audio, reply.told, reply.id, reply.item_id or self.item(reply, out)))

    def text(self, reply: Reply, text: str, *, spoken: bool, out: list[Event | Outgoing]) -> None:
        """More words."""
        out.append(TextChunk(text, spoken, reply.id, self.item(reply, out)))

    def call(self, reply: Reply, call: ToolCall, out: list[Event | Outgoing]) -> None:
        """A call, as an item of its own."""
        item_id = self._ids("item")
        self.place(item_id, "assistant", "tool_call", out)
        reply.calls.add(call.call_id)
        out.append(msgspec.structs.replace(call, response_id=reply.id, item_id=item_id))

    def cut(self, out: list[Event | Outgoing]) -> None:
        """The reply is interrupted: nothing of it is told any more but its end."""
        reply = self.open
        if reply is not None and not reply.cut:
            reply.cut = True
            generated = 0.0 if reply.form is None else reply.form.duration_ms(reply.size)
            out.append(Interrupted(reply.id, reply.item_id or None, generated))

    def end(self, out: list[Event | Outgoing], status: Status, reason: str | None = None) -> None:
        """The reply is over; one that was cut ends as interrupted, whatever else is said of it."""
        reply, self.open = self.open, None
        if reply is None:
            return
        if reply.cut:
            status = "interrupted"
        self.last_id = reply.id
        out.append(ResponseCompleted(reply.id, status, reason, reply.usage, reply.metadata, len(reply.calls)))
