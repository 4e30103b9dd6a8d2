"""A made-up vendor with a tiny JSON wire, and a far end that a test speaks for: what the runtime is tested with."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from voicechatengine import AudioFormat, Capabilities, ConnectionError, MessageError, Options, ProviderConfig
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    Event,
    InputTranscript,
    ItemAdded,
    ResponseCompleted,
    ResponseStarted,
    SessionCreated,
    SessionExpiring,
    SpeechStarted,
    SpeechStopped,
    TextChunk,
)
from voicechatengine.messages import (
    AudioAppend,
    Command,
    ItemCreate,
    ItemDelete,
    ResponseCreate,
    SessionUpdate,
)
from voicechatengine.session.dialect import Close, Endpoint, Frame, Ids, Outgoing, Restore
from voicechatengine.session.runtime import Runtime
from voicechatengine.session.transport import Connector, MemoryTransport, Transport, memory_pair
from voicechatengine.session.vendor import Vendor

FORMAT = AudioFormat(sample_rate=8_000)
EVENTS: dict[str, type[Event]] = {
    "added": ItemAdded,
    "started": ResponseStarted,
    "completed": ResponseCompleted,
    "text": TextChunk,
    "speech_started": SpeechStarted,
    "speech_stopped": SpeechStopped,
    "error": ErrorInfo,
    "expiring": SessionExpiring,
    "transcript": InputTranscript,
}


class ToyDialect:
    """Every command is a frame `{"command": type, …}`; every event comes as `{"event": name, …fields}`."""

    def __init__(self, config: ProviderConfig, restore: Restore, ids: Ids) -> None:
        self.restore = restore
        self.ids = ids
        self.open: set[str] = set()
        self.owed: ResponseCreate | None = None
        self.due: float | None = None

    def opened(self, now: float, /) -> Sequence[Event | Outgoing]:
        return [Frame(json.dumps({"hello": [item.id for item in self.restore.history]}).encode())]

    def send(self, message: Command, now: float, /) -> Sequence[Event | Outgoing]:
        if isinstance(message, AudioAppend):
            FORMAT.check(message.audio)
        if isinstance(message, SessionUpdate) and message.options.changes().get("voice") == "none":
            raise MessageError("no such voice", field="voice")
        if isinstance(message, ResponseCreate):
            self.owed = message
        if isinstance(message, ItemDelete) and message.item_id == "refuse me":
            raise MessageError("no such item", field="item_id")
        return [Frame(msgspec.json.encode(message))]

    def receive(self, frame: bytes | str, now: float, /) -> Sequence[Event | Outgoing]:
        data: dict[str, Any] = json.loads(frame)
        name = data.pop("event")
        if name == "created":
            return [SessionCreated(data["id"], resumed=data.get("resumed", False))]
        if name == "audio":
            return [AudioChunk(bytes.fromhex(data["audio"]), response_id=data["response_id"], item_id="a")]
        if name == "alarm":
            self.due = now + data["after"]
            return []
        event = msgspec.convert(data, EVENTS[name])
        if isinstance(event, ResponseStarted):
            self.open.add(event.response_id)
            self.owed = None
        if isinstance(event, ResponseCompleted):
            self.open.discard(event.response_id)
        return [event]

    def closed(self, close: Close, now: float, /) -> Sequence[Event | Outgoing]:
        return [ResponseCompleted(response, "failed", "connection_lost") for response in sorted(self.open)]

    def deadline(self) -> float | None:
        return self.due

    def expired(self, now: float, /) -> Sequence[Event | Outgoing]:
        self.due = None
        return [ErrorInfo("alarm", "the alarm rang")]

    def snapshot(self) -> Restore:
        return Restore(reply_owed=self.owed)


def check(options: Options) -> None:
    if options.changes().get("voice") == "none":
        raise MessageError("no such voice", field="voice")


def capabilities(config: ProviderConfig, options: Options) -> Capabilities:
    return {"text_input": True, "item_deletion": True}


TOY: Vendor[ProviderConfig] = Vendor(
    name="toy",
    endpoint=lambda config, restore: Endpoint("ws://toy"),
    dialect=ToyDialect,
    capabilities=capabilities,
    audio_format=lambda options: FORMAT,
    check=check,
)


class FarEnd:
    """The vendor's side: a connector, and the connections it has accepted. `refuse` errors come first, one a dial."""

    def __init__(self, *refuse: BaseException, greet: bool = True, window: int = 256) -> None:
        self.refuse = list(refuse)
        self.greet = greet
        self.window = window
        self.calls: list[Call] = []
        self._dialled = asyncio.Event()

    async def __call__(self, endpoint: Endpoint) -> Transport:
        if self.refuse:
            raise self.refuse.pop(0)
        near, far = memory_pair(self.window)
        call = Call(near, far)
        self.calls.append(call)
        self._dialled.set()
        if self.greet:
            await call.say("created", id=f"s{len(self.calls)}")
        return near

    async def call(self, number: int) -> Call:
        """The connection of that number (from 1), once it is dialled."""
        while len(self.calls) < number:
            self._dialled.clear()
            await self._dialled.wait()
        return self.calls[number - 1]


class Call:
    """One accepted connection. What arrives is read as it comes, unless `deaf`."""

    def __init__(self, near: MemoryTransport, far: MemoryTransport) -> None:
        self.near, self.far = near, far
        self.frames: list[dict[str, Any]] = []
        self.close: Close | None = None
        self._changed = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None

    def listen(self) -> None:
        if self._reader is None:
            self._reader = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        self.close = await self.far.pump(self._got)
        self._changed.set()

    def _got(self, frame: bytes | str) -> None:
        self.frames.append(json.loads(frame))
        self._changed.set()

    async def say(self, event: str, /, **fields: object) -> None:
        await self.far.send(json.dumps({"event": event, **fields}).encode(), False)

    async def heard(self, wanted: Callable[[list[dict[str, Any]]], object]) -> list[dict[str, Any]]:
        """The frames, once they satisfy a condition (or the connection has ended)."""
        self.listen()
        while not wanted(self.frames) and self.close is None:
            self._changed.clear()
            await self._changed.wait()
        return self.frames

    async def ended(self) -> Close:
        self.listen()
        while self.close is None:
            self._changed.clear()
            await self._changed.wait()
        return self.close


def toy(far: Connector, **config: Any) -> Runtime[ProviderConfig]:
    """A toy provider that dials `far`, in the running loop's virtual time."""
    loop = asyncio.get_running_loop()
    return Runtime(
        ProviderConfig(**config),
        TOY,
        connector=far,
        clock=lambda: 1_750_000_000 + loop.time(),
        rng=random.Random(1),
    )


__all__ = ["FORMAT", "Call", "ConnectionError", "FarEnd", "ItemCreate", "toy"]
