"""The practical limit: aiohttp's websocket, msgspec and pybase64 in one loop.

It knows what an application cannot do without (the type of a message, whose audio it is), and nothing else: no reconnection, no queue,
no order of events, no errors.
"""

from __future__ import annotations

import asyncio
from typing import Literal

import aiohttp
import msgspec
from pybase64 import b64decode, b64encode_as_string

from benchmarks.contestants import Heard


class Message(msgspec.Struct):
    type: str
    response_id: str | None = None
    item_id: str | None = None
    delta: str | None = None


class Append(msgspec.Struct, tag_field="type", tag="input_audio_buffer.append"):
    audio: str


class Raw:
    def __init__(
        self,
        session: aiohttp.ClientSession,
        socket: aiohttp.ClientWebSocketResponse[Literal[False]],
        heard: Heard,
    ):
        self._session = session
        self._socket = socket
        self._heard = heard
        self._cut: set[str | None] = set()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        receive, heard, text, cut = self._socket.receive, self._heard, aiohttp.WSMsgType.TEXT, self._cut
        decode = msgspec.json.Decoder(Message).decode
        while True:
            frame = await receive()
            if frame.type is not text:
                return
            message = decode(frame.data)
            if message.type == "response.output_audio.delta":
                if message.delta and message.response_id not in cut:
                    heard(b64decode(message.delta, None, True))
            elif message.type == "input_audio_buffer.speech_started":
                await self._socket.send_frame(b'{"type":"response.cancel"}', text)

    async def send(self, chunk: bytes, times: int) -> None:
        send, text = self._socket.send_frame, aiohttp.WSMsgType.TEXT
        encode = msgspec.json.Encoder().encode
        for _ in range(times):
            await send(encode(Append(b64encode_as_string(chunk))), text)

    async def close(self) -> None:
        await self._socket.close()
        await self._session.close()
        await asyncio.wait([self._reader])


async def connect(url: str, heard: Heard) -> Raw:
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    socket = await session.ws_connect(f"{url}/v1/realtime", decode_text=False, heartbeat=20.0)
    return Raw(session, socket, heard)
