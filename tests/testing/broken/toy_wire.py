"""A made-up vendor's wire, both sides of it: small, and right. What is broken elsewhere is one method of the client's side.

Every frame is a JSON object with a type. Commands and events go over it under their own names.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from voicechatengine import AudioFormat, MessageError
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    Event,
    Interrupted,
    ItemAdded,
    ResponseCompleted,
    ResponseStarted,
    SessionCreated,
    SessionUpdated,
    TextChunk,
    ToolCall,
    VendorMessage,
)
from voicechatengine.messages import (
    AudioAppend,
    Command,
    ItemCreate,
    ItemTruncate,
    MessageItem,
    Options,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    TextPart,
    ToolResult,
    ToolResultItem,
)
from voicechatengine.session.dialect import Close, Frame, Ids, Outgoing, Restore

FORM = AudioFormat()
PATIENCE_S = 30.0
Out = Event | Outgoing


def frame(kind: str, **fields: Any) -> Frame:
    return Frame(json.dumps({"type": kind, **fields}).encode())


class ToyClient:
    """The client's side."""

    def __init__(self, restore: Restore, ids: Ids) -> None:
        self.restore = restore
        self.options = restore.options
        self.ids = ids
        self.open: dict[str, float] = {}  # replies that run: milliseconds of audio so far
        self.cut: set[str] = set()
        self.done: set[str] = set()
        self.generated: dict[str, float] = {}  # by item
        self.calls: list[str] = list(restore.pending_calls)
        self.owed: ResponseCreate | None = restore.reply_owed
        self.due: float | None = None

    # -- the dialect

    def opened(self, now: float, /) -> Sequence[Out]:
        return [self.item(item) for item in self.history()]

    def history(self) -> Sequence[Any]:
        return self.restore.history

    def send(self, message: Command, now: float, /) -> Sequence[Out]:
        act: Callable[[Any, float], Sequence[Out]] | None = {
            AudioAppend: self.append,
            SessionUpdate: self.update,
            ItemCreate: lambda message, now: [self.item(message.item)],
            ToolResult: self.result,
            ResponseCreate: self.create,
            ResponseCancel: self.cancel,
            ItemTruncate: self.truncate,
        }.get(type(message))
        return act(message, now) if act else []

    def receive(self, data: bytes | str, now: float, /) -> Sequence[Out]:
        try:
            message = msgspec.json.decode(data, type=dict[str, Any])
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            return [self.unreadable(str(error))]
        kind = message.get("type")
        act = {
            "created": self.created,
            "updated": self.updated,
            "started": self.started,
            "item": self.added,
            "text": self.text,
            "audio": self.audio,
            "call": self.call,
            "done": self.completed,
        }.get(kind if isinstance(kind, str) else "")
        if act is None:
            return self.unknown(message)
        try:
            return act(message, now)
        except (KeyError, TypeError, ValueError, msgspec.ValidationError) as error:
            return [ErrorInfo("invalid_message", f"a broken {kind}: {error!r}")]

    def closed(self, close: Close, now: float, /) -> Sequence[Out]:
        ended = [ResponseCompleted(each, "failed", "connection_lost") for each in self.open]
        self.open.clear()
        return ended

    def deadline(self) -> float | None:
        return self.due

    def expired(self, now: float, /) -> Sequence[Out]:
        self.due = None
        return [ErrorInfo("response_timeout", "no reply began")]

    def snapshot(self) -> Restore:
        return Restore(options=self.options, pending_calls=tuple(self.calls), reply_owed=self.owed)

    # -- what cannot be read

    def unreadable(self, why: str) -> Out:
        return ErrorInfo("invalid_message", why)

    def unknown(self, message: dict[str, Any]) -> Sequence[Out]:
        return [VendorMessage(str(message.get("type")), message)]

    # -- commands

    def append(self, message: AudioAppend, now: float) -> Sequence[Out]:
        FORM.check(message.audio)
        return [frame("append", audio=base64.b64encode(message.audio).decode())]

    def update(self, message: SessionUpdate, now: float) -> Sequence[Out]:
        if message.options.modalities == ():
            raise MessageError("modalities is empty", field="modalities", cure="give one")
        self.options = self.options.merged(message.options)
        changed = {k: v for k, v in message.options.changes().items() if isinstance(v, str)}
        return [frame("update", options=changed)]

    def item(self, item: Any) -> Frame:
        return frame("create", item=msgspec.to_builtins(item))

    def result(self, message: ToolResult, now: float) -> Sequence[Out]:
        if message.call_id in self.calls:
            self.calls.remove(message.call_id)
        return [self.item(ToolResultItem(message.call_id, message.output))]

    def create(self, message: ResponseCreate, now: float) -> Sequence[Out]:
        self.owed = message
        self.due = now + PATIENCE_S
        return [frame("respond")]

    def cancel(self, message: ResponseCancel, now: float) -> Sequence[Out]:
        out: list[Out] = []
        for response in tuple(self.open):
            if response not in self.cut and message.response_id in (None, response):
                self.cut.add(response)
                out += [frame("cancel", response=response), Interrupted(response, None, self.open[response])]
        return out

    def truncate(self, message: ItemTruncate, now: float) -> Sequence[Out]:
        most = self.generated.get(message.item_id, 0.0)
        if message.heard_ms <= 0 or not most:
            return []
        return [frame("truncate", item=message.item_id, ms=min(message.heard_ms, most))]

    # -- messages

    def created(self, message: dict[str, Any], now: float) -> Sequence[Out]:
        return [SessionCreated(str(message["id"]))]

    def updated(self, message: dict[str, Any], now: float) -> Sequence[Out]:
        return [SessionUpdated("s", applied=self.options)]

    def started(self, message: dict[str, Any], now: float) -> Sequence[Out]:
        response = str(message["response"])
        self.owed, self.due = None, None
        if response in self.open or response in self.done:
            return []
        self.open[response] = 0.0
        return [ResponseStarted(response)]

    def added(self, message: dict[str, Any], now: float) -> Sequence[Out]:
        return [ItemAdded(str(message["id"]), "assistant")]

    def speaks(self, message: dict[str, Any]) -> str | None:
        response = str(message["response"])
        return response if response in self.open and response not in self.cut else None

    def text(self, message: dict[str, Any], now: float) -> Sequence[Out]:
        response, text, item = self.speaks(message), str(message["text"]), str(message["item"])
        return [] if response is None else [TextChunk(text, True, response, item)]

    def decoded(self, audio: Any) -> bytes:
        return base64.b64decode(audio, validate=True)

    def audio(self, message: dict[str, Any], now: float) -> Sequence[Out]:
        response, audio, item = self.speaks(message), self.decoded(message["audio"]), str(message["item"])
        if response is None:
            return []
        self.open[response] += FORM.duration_ms(len(audio))
        self.generated[item] = self.generated.get(item, 0.0) + FORM.duration_ms(len(audio))
        return [AudioChunk(audio, None, response, item)]

    def call(self, message: dict[str, Any], now: float) -> Sequence[Out]:
        response, call, name = self.speaks(message), str(message["call"]), str(message["name"])
        arguments = str(message["arguments"])
        if response is None:
            return []
        self.calls.append(call)
        return [ToolCall(call, name, arguments, None, response, "item")]

    def completed(self, message: dict[str, Any], now: float) -> Sequence[Out]:
        response = str(message["response"])
        if response not in self.open:
            return []
        del self.open[response]
        self.done.add(response)
        status = message.get("status")
        if response in self.cut:
            return [ResponseCompleted(response, "interrupted")]
        return [ResponseCompleted(response, "failed" if status == "failed" else "completed")]


class ToyServer:
    """The vendor's side: says what it is told to say, and understands what comes."""

    def __init__(self, ids: Ids) -> None:
        self.ids = ids

    def opened(self, now: float, /) -> Sequence[Command | Outgoing]:
        return [frame("created", id="s")]

    def send(self, message: Event, now: float, /) -> Sequence[Command | Outgoing]:
        match message:
            case ResponseStarted(response_id=response):
                return [frame("started", response=response)]
            case ItemAdded(item_id=item):
                return [frame("item", id=item)]
            case TextChunk(text=text, response_id=response, item_id=item):
                return [frame("text", text=text, response=response, item=item)]
            case AudioChunk(audio=audio, response_id=response, item_id=item):
                encoded = base64.b64encode(audio).decode()
                return [frame("audio", audio=encoded, response=response, item=item)]
            case ToolCall(call_id=call, name=name, arguments=arguments, response_id=response):
                return [frame("call", call=call, name=name, arguments=arguments, response=response)]
            case ResponseCompleted(response_id=response, status=status):
                return [frame("done", response=response, status=status)]
            case _:
                return []

    def receive(self, data: bytes | str, now: float, /) -> Sequence[Command | Outgoing]:
        message = json.loads(data)
        match message["type"]:
            case "append":
                return [AudioAppend(base64.b64decode(message["audio"]))]
            case "update":
                return [SessionUpdate(Options(**message["options"])), frame("updated")]
            case "create" if message["item"]["type"] == "message":
                item = message["item"]
                words = tuple(TextPart(part["text"]) for part in item["content"])
                return [ItemCreate(MessageItem(item["role"], words, item["id"]))]
            case "create":
                return [ToolResult(message["item"]["call_id"], message["item"]["output"])]
            case "respond":
                return [ResponseCreate()]
            case "cancel":
                return [ResponseCancel(message["response"])]
            case "truncate":
                return [ItemTruncate(message["item"], message["ms"])]
            case _:
                return []

    def closed(self, close: Close, now: float, /) -> Sequence[Command | Outgoing]:
        return []

    def deadline(self) -> float | None:
        return None

    def expired(self, now: float, /) -> Sequence[Command | Outgoing]:
        return []

    def snapshot(self) -> Restore:
        return Restore()
