"""The network between the client and the simulated service: in memory, with faults that are armed while it runs.

It keeps what each connection carried, as far as the laws ask for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pybase64

from voicechatengine.errors import ConnectionError, RateLimitError
from voicechatengine.session.dialect import Close, Endpoint
from voicechatengine.session.handshake import Handshake
from voicechatengine.session.transport import Transport, memory_pair
from voicechatengine.simulators import Simulator
from voicechatengine.simulators.faults import GARBAGE

from .marks import FORMAT

_TYPE = re.compile(rb'"type":"([a-z_.]+)"')
_DELTA = (
    "response.output_audio.delta",
    "response.output_audio_transcript.delta",
    "response.output_text.delta",
)
_ERROR = b'{"type":"error","event_id":"event_soak","error":{"type":"%s","code":"%s","message":"%s","param":null,"event_id":%s}}'
_APPEND = b'{"type":"input_audio_buffer.append"'
FAILED = _ERROR % (b"server_error", b"soak_failure", b"The server had an error.", b"null")


class Wire:
    """One connection: `audio` is what the client appended, by bytes; the rest is frames in the order of the service.

    `asked` are the client's frames but audio; `commits` are the service's (item id, first byte, last byte of `audio`).
    """

    def __init__(self, line: Line, index: int) -> None:
        self.line, self.index = line, index
        self.audio = bytearray()
        self.asked: list[Any] = []
        self.commits: list[tuple[str, int, int]] = []
        self.session_id = ""
        self.client, self.server = memory_pair()
        self._starts: dict[str, int] = {}  # of speech, by item: bytes
        self._stops: dict[str, int] = {}
        self._by_hand: list[int] = []  # where the client's commits were
        self._from = 0  # the buffer begins here

    def cut(self) -> None:
        """A pulled cable."""
        self.server.cut()

    # -- what the service's end sees

    def received(self, frame: bytes | str) -> bool:
        """A frame of the client; whether the service is to have it."""
        if not self.line.keep:
            return True
        data = frame.encode() if isinstance(frame, str) else frame
        if data.startswith(_APPEND):
            self.audio += pybase64.b64decode(msgspec.json.decode(data)["audio"])
            return True
        message = msgspec.json.decode(data)
        if message["type"] == "response.create" and self.line.take("rate"):
            refusal = _ERROR % (
                b"invalid_request_error",
                b"rate_limit_exceeded",
                b"Rate limit reached. Please try again in 1s.",
                msgspec.json.encode(message.get("event_id")),
            )
            self.line.post(self, refusal)
            return False
        if message["type"] == "input_audio_buffer.commit":
            self._by_hand.append(len(self.audio))
        self.asked.append(message)
        return True

    def sends(self, data: bytes) -> None:
        """A frame of the service is on its way."""
        kind = _kind(data) if self.line.keep else ""
        if kind == "session.created":
            self.session_id = msgspec.json.decode(data)["session"]["id"]
        if not kind.startswith("input_audio_buffer."):
            return
        message = msgspec.json.decode(data)
        if kind == "input_audio_buffer.speech_started":
            self._starts[message["item_id"]] = FORMAT.size_of(message["audio_start_ms"])
        elif kind == "input_audio_buffer.speech_stopped":
            self._stops[message["item_id"]] = FORMAT.size_of(message["audio_end_ms"])
        elif kind == "input_audio_buffer.committed":
            item = message["item_id"]
            if item in self._stops:
                start, end = self._starts[item], self._stops[item]
            else:
                start, end = self._from, self._by_hand.pop(0)
            self._from = end
            self.commits.append((item, start, end))


class ClientEnd:
    """The client's transport: its end may reach the service late, and what the service says meanwhile still arrives."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._closing = False
        self.send = wire.client.send
        self.pump = wire.client.pump

    async def close(self, close: Close, /) -> None:
        line, first = self._wire.line, not self._closing
        self._closing = True
        late = line.late() if first else 0
        if late:
            await asyncio.sleep(late / 1000)
        await self._wire.client.close(close)


class ServiceEnd:
    """The service's transport, which suffers from the faults."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.close = wire.server.close

    async def pump(self, on_frame: Callable[[bytes | str], None], /) -> Close:
        wire = self._wire

        def take(frame: bytes | str) -> None:
            if wire.received(frame):
                on_frame(frame)
            if wire.line.counts("drop_received", wire):
                wire.cut()

        return await wire.server.pump(take)

    async def send(self, data: bytes, binary: bool, /) -> None:
        wire, line = self._wire, self._wire.line
        if line.delay_ms:
            await asyncio.sleep(line.delay_ms / 1000)
        if line.words_ms and _kind(data).startswith("conversation.item.input_audio_transcription."):
            line.post(wire, data, line.words_ms / 1000)
            return
        wire.sends(data)
        await wire.server.send(data, binary)
        if _kind(data) not in _DELTA and line.counts("duplicate", wire):
            await wire.server.send(data, binary)
        if line.counts("error", wire):
            await wire.server.send(FAILED, binary)
        if line.counts("garbage", wire):
            await wire.server.send(GARBAGE[len(wire.asked) % len(GARBAGE)], binary)
        if line.counts("close", wire):
            await wire.server.close(Close(1011, "on request"))
        if line.counts("drop_sent", wire):
            wire.cut()


class Line:
    """The connector of a conversation, and its faults."""

    def __init__(self, simulator: Simulator, *, keep: bool = True) -> None:
        self.simulator = simulator
        self.keep = keep  # what the connections carried
        self.wires: list[Wire] = []
        self.delay_ms = 0
        self.dial_ms = 0
        self.words_ms = 0
        self.ending = False
        self.happened: set[str] = set()
        self._armed: dict[str, list[int]] = {}
        self._running: set[asyncio.Task[Any]] = set()

    def arm(self, kind: str, n: int) -> None:
        """From now on."""
        if kind == "delay":
            self.delay_ms = n
        elif kind == "dial":
            self.dial_ms = n
        elif kind == "words":
            self.words_ms = n
        else:
            self._armed.setdefault(kind, []).append(n)

    def counts(self, kind: str, wire: Wire) -> bool:
        """One frame more on the newest connection; whether that is the one."""
        left = self._armed.get(kind)
        if not left or self.ending or wire is not self.wires[-1]:
            return False
        left[0] -= 1
        if left[0] > 0:
            return False
        left.pop(0)
        self.happened.add(kind)
        return True

    def take(self, kind: str) -> bool:
        """Whether the next thing of a kind goes wrong."""
        left = self._armed.get(kind)
        if not left or self.ending:
            return False
        left[0] -= 1
        if left[0] <= 0:
            left.pop(0)
        self.happened.add(kind)
        return True

    def late(self) -> int:
        """How many ms a closing takes this time."""
        left = self._armed.get("late")
        if not left or self.ending or len(self.wires) < 2:
            return 0
        self.happened.add("late")
        return left.pop(0)

    def post(self, wire: Wire, frame: bytes, after_s: float = 0.0) -> None:
        """Says something in the service's name."""

        async def send() -> None:
            await asyncio.sleep(after_s)
            with contextlib.suppress(ConnectionError):  # it may be over by then
                await wire.server.send(frame, False)

        task = asyncio.get_running_loop().create_task(send(), name="soak: late frame")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Nothing comes late any more."""
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def connect(self, endpoint: Endpoint) -> Transport:
        """A `Connector`."""
        await asyncio.sleep(self.dial_ms / 1000)
        if self.take("refuse"):
            raise ConnectionError("the service is not there")
        if self.take("limit"):
            raise RateLimitError("too many sessions", retry_after=0.5)
        parts = urlsplit(endpoint.url)
        handshake = Handshake(parts.path, dict(parse_qsl(parts.query)), {})
        wire = Wire(self, len(self.wires))
        if not self.keep:
            self.wires.clear()
        self.wires.append(wire)
        serving = asyncio.get_running_loop().create_task(
            self.simulator.serve(handshake, ServiceEnd(wire), wire.cut), name="simulator in memory"
        )
        self._running.add(serving)
        serving.add_done_callback(self._running.discard)
        return ClientEnd(wire)


def _kind(data: bytes) -> str:
    found = _TYPE.search(data, 0, 200)
    return found[1].decode() if found else ""
