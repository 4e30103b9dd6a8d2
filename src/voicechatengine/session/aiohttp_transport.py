"""The websocket by aiohttp. It is imported with the first connection, because importing aiohttp takes long."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final, Protocol

import aiohttp
from aiohttp import ClientResponse, ClientSession, ClientTimeout, ClientWSTimeout, TCPConnector, WSMsgType

from voicechatengine.session.dialect import Close, Endpoint
from voicechatengine.session.proxy import proxy_for
from voicechatengine.session.refusal import (
    BAD_REQUEST,
    MAX_ERROR_BODY,
    REDIRECT,
    invalid_url,
    refused,
    unreachable,
)
from voicechatengine.session.room import keep_room

MAX_MESSAGE: Final = (
    32 * 2**20
)  # bytes: an item that is retrieved or echoed with its audio or picture is large


keep_room()

_TEXT: Final = WSMsgType.TEXT
_BINARY: Final = WSMsgType.BINARY


class _Socket(Protocol):
    """What a client's and a server's websocket of aiohttp have in common."""

    @property
    def close_code(self) -> int | None:
        """How it ended, once it has."""
        ...

    async def receive(self) -> Any:
        """The next message: an `aiohttp.WSMessage`."""
        ...

    def send_frame(self, message: bytes, opcode: WSMsgType) -> Awaitable[None]:
        """Writes a frame, and waits where the other side is slow."""
        ...

    async def ping(self) -> None:
        """Writes a ping, and waits where the other side is slow."""
        ...

    async def pong(self, message: bytes) -> None:
        """Answers a ping, and waits where the other side is slow."""
        ...

    async def close(self, *, code: int, message: bytes) -> bool:
        """Closes it with a handshake."""
        ...

    def exception(self) -> BaseException | None:
        """What broke it, if something did."""
        ...


class WebSocketTransport:
    """A `Transport` over an aiohttp websocket, of either side; `release` frees what belongs to the connection.

    `ping` is after how many silent seconds the other side is asked for a sign of life, None for never; where none comes in half
    of that time, the connection is lost. aiohttp's own `heartbeat` sets a callback of the event loop with each reading of the socket.
    """

    __slots__ = ("_dead", "_ping", "_release", "_silent", "_socket")

    def __init__(
        self,
        socket: _Socket,
        release: Callable[[], Awaitable[None]] | None = None,
        *,
        ping: float | None = None,
    ) -> None:
        self._socket = socket
        self._release = release
        self._ping = ping
        self._silent = True  # nothing came since the last look
        self._dead = False  # no handshake is to be hoped for

    async def pump(self, on_frame: Callable[[bytes | str], None], /) -> Close:
        """See `Transport.pump`. Text comes as undecoded bytes where the socket was opened so."""
        # A task of its own: each coroutine that waits for another one is gone through with every frame.
        reading = asyncio.get_running_loop().create_task(self._read(on_frame), name="reader")
        try:
            while True:
                self._silent = True
                await asyncio.wait([reading], timeout=self._ping)
                if reading.done():
                    return reading.result()
                if self._ping is None or not self._silent:
                    continue
                try:
                    async with asyncio.timeout(self._ping / 2):
                        await self._socket.ping()
                        await asyncio.wait([reading])
                except TimeoutError:
                    if self._silent:
                        self._dead = True
                        return Close(1006, f"no sign of life within {self._ping * 1.5:g} s")
                except OSError:
                    pass  # the reader will hear of it
        finally:
            reading.cancel()
            await asyncio.wait([reading])

    async def _read(self, on_frame: Callable[[bytes | str], None]) -> Close:
        receive = self._socket.receive
        text, binary = _TEXT, _BINARY
        while True:
            message = await receive()
            self._silent = False
            kind = message.type
            if kind is text or kind is binary:
                on_frame(message.data)
            elif kind is WSMsgType.PING:
                with contextlib.suppress(OSError):  # the next reading says how it ended
                    await self._socket.pong(message.data)
            elif kind is WSMsgType.PONG:
                pass
            elif kind is WSMsgType.CLOSE:
                return Close(int(message.data or 1005), message.extra or "")
            elif kind is WSMsgType.ERROR:
                return Close(
                    self._socket.close_code or 1006, str(message.data or self._socket.exception() or "")
                )
            else:  # closed by us, or lost without a closing handshake
                return Close(self._socket.close_code or 1006, "connection lost")

    def send(self, data: bytes, binary: bool, /) -> Awaitable[None]:
        """See `Transport.send`. aiohttp's own coroutine, and its error is a `ConnectionResetError`: a coroutine around it would
        be a tenth of the cost of a chunk.
        """
        return self._socket.send_frame(data, _BINARY if binary else _TEXT)

    async def close(self, close: Close, /) -> None:
        """See `Transport.close`."""
        try:
            if not self._dead:
                # A reason longer than 123 bytes would not fit into the control frame.
                await self._socket.close(code=close.code, message=close.reason.encode()[:123])
        finally:
            release, self._release = self._release, None
            if release is not None:
                await release()


async def connect_websocket(
    endpoint: Endpoint, *, ping: float | None = 20.0, close: float = 2.0, decode_text: bool = False
) -> WebSocketTransport:
    """Opens a websocket to an endpoint: a `Connector`.

    `ping` seconds between keepalives, `close` seconds for the closing handshake. With `decode_text` text comes as `str`, for those
    who must tell it from binary frames; else as its bytes, which costs less. Raises `AuthenticationError`,
    `RateLimitError`, `ProtocolError` or `ConnectionError` with the vendor's own words. The time limit is the caller's.
    """
    refusal: list[str] = []

    class Response(ClientResponse):
        async def start(self, connection: Any) -> ClientResponse:
            """Reads a refusal's body: aiohttp drops it, and the vendor's explanation with it. A redirect is a refusal too: aiohttp
            would follow it, and carry a key along that is in a header of the vendor's own (seen in 3.14.5).
            """
            response = await super().start(connection)
            if response.status != HTTPStatus.SWITCHING_PROTOCOLS:
                refusal.append((await response.content.read(MAX_ERROR_BODY)).decode(errors="replace"))
            if REDIRECT <= response.status < BAD_REQUEST:
                raise aiohttp.WSServerHandshakeError(
                    response.request_info, response.history, status=response.status, headers=response.headers
                )
            return response

    proxy = proxy_for(endpoint.url)
    # One socket a session: the pool's default limit of 100 would make further connects hang without a word.
    session = ClientSession(
        connector=TCPConnector(limit=0),
        response_class=Response,
        timeout=ClientTimeout(total=None),
    )
    try:
        socket = await session.ws_connect(
            endpoint.url,
            headers=endpoint.headers,
            proxy=proxy,
            autoping=False,
            timeout=ClientWSTimeout(ws_close=close),  # pyright: ignore[reportCallIssue] - its dataclass decorator is hidden
            max_msg_size=MAX_MESSAGE,
            decode_text=decode_text,
        )
    except aiohttp.WSServerHandshakeError as error:
        await session.close()
        retry_after = error.headers.get("Retry-After") if error.headers is not None else None
        raise refused(error.status, "".join(refusal), retry_after) from None
    except aiohttp.InvalidURL as error:
        await session.close()
        raise invalid_url("ws://, wss://, http:// or https://") from error
    except (aiohttp.ClientError, OSError) as error:
        await session.close()
        raise unreachable(endpoint.url, error) from error
    except BaseException:
        await session.close()
        raise
    return WebSocketTransport(socket, session.close, ping=ping)
