"""A server of OpenAI's realtime wire that costs little: frames are made once and written to the socket as they are.

Run as a process of its own (``python -m benchmarks.server``): it prints its port, and ends with its standard input. Every
websocket is a session. What it plays is asked for by ``POST /control/…`` with JSON:

- ``play``: a whole reply of `count` deltas of `ms`, as fast as the socket takes them or one each `gap` seconds; gives the time of
  the first delta;
- ``stream`` and ``stop``: `count` sessions hear a delta each `ms`, in real time, spread over those `ms`;
- ``arm``: one delta is sent once `size` more bytes of audio were heard;
- ``speech``: `speech_started`, in session `session`, `after` seconds; gives when, and when the cancel came.

Times are of the monotonic clock, which is the same in every process. It knows nothing of the library.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any

import msgspec
from aiohttp import WSMsgType, web
from pybase64 import b64encode

RATE = 24_000  # Hz, PCM16 mono
SLOTS = 20  # places in the time of one delta over which sessions are spread
AHEAD = 1 << 18  # bytes that may wait in a socket
PATIENCE_S = 10.0

JSON = msgspec.json.encode

SESSION: dict[str, Any] = {
    "type": "realtime",
    "object": "realtime.session",
    "id": "sess_1",
    "model": "gpt-realtime",
    "output_modalities": ["audio"],
    "instructions": "",
    "tools": [],
    "tool_choice": "auto",
    "max_output_tokens": "inf",
    "tracing": None,
    "truncation": "auto",
    "prompt": None,
    "expires_at": int(time.time()) + 3_600 * 24,
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": RATE},
            "transcription": None,
            "noise_reduction": None,
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 200,
                "idle_timeout_ms": None,
                "create_response": True,
                "interrupt_response": True,
            },
        },
        "output": {"format": {"type": "audio/pcm", "rate": RATE}, "voice": "marin", "speed": 1.0},
    },
    "include": None,
}


class Append(msgspec.Struct):
    """What is read of a client's message."""

    type: str
    audio: str | None = None
    session: dict[str, Any] | None = None
    item: dict[str, Any] | None = None
    item_id: str | None = None


def frame(message: dict[str, Any]) -> bytes:
    """A message as an unmasked text frame of a websocket (RFC 6455, 5.2)."""
    text = JSON({"type": message["type"], "event_id": "event_BgZvXUDB4hvM2X2xBf3hT", **message})
    size = len(text)
    if size < 126:
        return bytes((0x81, size)) + text
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2, "big") + text
    return b"\x81\x7f" + size.to_bytes(8, "big") + text


def frames(messages: Sequence[dict[str, Any]]) -> bytes:
    """Messages, one after the other."""
    return b"".join(frame(message) for message in messages)


class Reply:
    """The frames of one spoken reply: its beginning, its delta, its end."""

    def __init__(self, number: int, ms: int) -> None:
        self.id = f"resp_{number:021}"
        item_id = f"item_{number:021}"
        place = {"response_id": self.id, "item_id": item_id, "output_index": 0, "content_index": 0}
        response = {
            "object": "realtime.response",
            "id": self.id,
            "status": "in_progress",
            "status_details": None,
            "output": [],
            "conversation_id": "conv_1",
            "output_modalities": ["audio"],
            "max_output_tokens": "inf",
            "audio": {"output": {"format": {"type": "audio/pcm", "rate": RATE}, "voice": "marin"}},
            "usage": None,
            "metadata": None,
        }
        item = {
            "id": item_id,
            "object": "realtime.item",
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        part = {"type": "audio", "transcript": "so be it"}
        whole = {
            **item,
            "status": "completed",
            "content": [{"type": "output_audio", "transcript": "so be it"}],
        }
        usage = {
            "total_tokens": 90,
            "input_tokens": 40,
            "output_tokens": 50,
            "input_token_details": {
                "text_tokens": 20,
                "audio_tokens": 20,
                "image_tokens": 0,
                "cached_tokens": 0,
                "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
            },
            "output_token_details": {"text_tokens": 10, "audio_tokens": 40},
        }
        self.begin = frames(
            (
                {"type": "response.created", "response": response},
                {
                    "type": "response.output_item.added",
                    "response_id": self.id,
                    "output_index": 0,
                    "item": item,
                },
                {"type": "conversation.item.added", "previous_item_id": None, "item": item},
                {
                    "type": "response.content_part.added",
                    **place,
                    "part": {"type": "audio", "transcript": ""},
                },
            )
        )
        sound = b64encode(bytes(range(1, 241)) * (RATE * ms // 1000 * 2 // 240)).decode()
        self.delta = frame({"type": "response.output_audio.delta", **place, "delta": sound})
        self.end = frames(
            (
                {"type": "response.output_audio.done", **place},
                {"type": "response.output_audio_transcript.delta", **place, "delta": "so be it"},
                {"type": "response.output_audio_transcript.done", **place, "transcript": "so be it"},
                {"type": "response.content_part.done", **place, "part": part},
                {
                    "type": "response.output_item.done",
                    "response_id": self.id,
                    "output_index": 0,
                    "item": whole,
                },
                {"type": "conversation.item.done", "previous_item_id": None, "item": whole},
                {
                    "type": "response.done",
                    "response": {**response, "status": "completed", "output": [whole], "usage": usage},
                },
            )
        )
        self.cancelled = frame(
            {
                "type": "response.done",
                "response": {
                    **response,
                    "status": "cancelled",
                    "status_details": {"type": "cancelled", "reason": "turn_detected"},
                    "output": [whole],
                    "usage": usage,
                },
            }
        )


class Session:
    """One websocket."""

    def __init__(self, request: web.Request) -> None:
        assert request.transport is not None
        assert isinstance(request.transport, asyncio.WriteTransport)
        self.transport = request.transport
        self.heard = 0  # bytes
        self.armed = 0
        self.reply: Reply | None = None
        self.streams = False
        self.cancelled = asyncio.Event()
        self.cancelled_at = 0.0
        self.session = SESSION

    def say(self, message: dict[str, Any]) -> None:
        self.transport.write(frame(message))

    def take(self, message: Append) -> None:
        """A message of the client's."""
        match message.type:
            case "input_audio_buffer.append":
                audio = message.audio or ""
                self.heard += len(audio) * 3 // 4 - audio[-2:].count("=")
                if self.armed and self.heard >= self.armed:
                    self.armed = 0
                    self.play_one()
            case "session.update":
                self.session = {**self.session, **(message.session or {}), "id": "sess_1"}
                self.say({"type": "session.updated", "session": self.session})
            case "response.cancel":
                self.cancelled_at = time.monotonic()
                self.cancelled.set()
                reply, self.reply, self.streams = self.reply, None, False
                if reply is not None:
                    self.transport.write(reply.cancelled)
            case "conversation.item.truncate":
                self.say(
                    {
                        "type": "conversation.item.truncated",
                        "item_id": message.item_id,
                        "content_index": 0,
                        "audio_end_ms": 0,
                    }
                )
            case "conversation.item.create":
                item = {
                    "id": "item_x",
                    "object": "realtime.item",
                    "status": "completed",
                    **(message.item or {}),
                }
                self.say({"type": "conversation.item.added", "previous_item_id": None, "item": item})
                self.say({"type": "conversation.item.done", "previous_item_id": None, "item": item})
            case _:
                pass  # it is not what is measured

    def play_one(self) -> None:
        reply = SERVICE.reply(20)
        self.transport.write(reply.begin + reply.delta + reply.end)

    async def play(self, reply: Reply, count: int, gap: float) -> float:
        """A whole reply; gives when its first delta went out."""
        self.transport.write(reply.begin)
        await asyncio.sleep(0.05)  # the first delta finds a client that waits for it
        first = due = time.monotonic()
        if gap:
            for _ in range(count):
                self.transport.write(reply.delta)
                due += gap
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        else:
            batch = 16
            for at in range(0, count, batch):
                self.transport.write(reply.delta * min(batch, count - at))
                while self.transport.get_write_buffer_size() > AHEAD:  # noqa: ASYNC110 - the transport tells nobody
                    await asyncio.sleep(0.0005)
        self.transport.write(reply.end)
        return first


class Service:
    """All sessions, and what is asked for of them."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self._replies = 0
        self._stream: asyncio.Task[None] | None = None

    def reply(self, ms: int) -> Reply:
        self._replies += 1
        return Reply(self._replies, ms)

    async def socket(self, request: web.Request) -> web.StreamResponse:
        """One session, until its client goes."""
        socket = web.WebSocketResponse(max_msg_size=0, decode_text=False, heartbeat=None)
        await socket.prepare(request)
        session = Session(request)
        self.sessions.append(session)
        decode = msgspec.json.Decoder(Append).decode
        session.say({"type": "session.created", "session": SESSION})
        try:
            while True:
                message = await socket.receive()
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    break
                session.take(decode(message.data))
        finally:
            self.sessions.remove(session)
        return socket

    async def control(self, request: web.Request) -> web.Response:
        """See the module."""
        asked = await request.json()
        verb = request.match_info["verb"]
        answer = await getattr(self, f"do_{verb}")(**asked)
        return web.json_response(answer)

    async def do_play(self, count: int, ms: int, gap: float = 0.0) -> dict[str, Any]:
        times = await asyncio.gather(*(s.play(self.reply(ms), count, gap) for s in self.sessions))
        return {"at": min(times)}

    async def do_arm(self, size: int) -> dict[str, Any]:
        for session in self.sessions:
            session.armed = session.heard + size
        return {}

    async def do_stream(self, ms: int, count: int) -> dict[str, Any]:
        for session in self.sessions[:count]:
            if not session.streams:
                session.reply = self.reply(ms)
                session.transport.write(session.reply.begin)
                session.streams = True
        if self._stream is None:
            self._stream = asyncio.create_task(self._run(ms))
        return {}

    async def do_stop(self) -> dict[str, Any]:
        task, self._stream = self._stream, None
        if task is not None:
            task.cancel()
        for session in self.sessions:
            if session.streams and session.reply is not None:
                session.transport.write(session.reply.end)
            session.streams, session.reply = False, None
        return {}

    async def do_speech(self, session: int, after: float) -> dict[str, Any]:
        """The user's speech over a reply that is under way in that session, after some seconds."""
        await asyncio.sleep(after)
        who = self.sessions[session]
        who.cancelled.clear()
        began = time.monotonic()
        who.say(
            {
                "type": "input_audio_buffer.speech_started",
                "audio_start_ms": 0,
                "item_id": f"item_u{began:.6f}",
            }
        )
        async with asyncio.timeout(PATIENCE_S):
            await who.cancelled.wait()
        return {"at": began, "cancelled": who.cancelled_at}

    async def _run(self, ms: int) -> None:
        """A delta each `ms` for each session that streams."""
        step = ms / 1000 / SLOTS
        due, slot = time.monotonic(), 0
        while True:
            for session in self.sessions[slot::SLOTS]:
                if session.streams and session.reply is not None:
                    session.transport.write(session.reply.delta)
            slot = (slot + 1) % SLOTS
            due += step
            await asyncio.sleep(max(0.0, due - time.monotonic()))


SERVICE = Service()


async def main() -> None:
    app = web.Application()
    app.router.add_post("/control/{verb}", SERVICE.control)
    app.router.add_get("/{path:.*}", SERVICE.socket)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
