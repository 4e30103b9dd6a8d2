"""A simulated service without a socket: a connector whose connections end at a `Simulator` in the same event loop.

So a client's whole runtime talks to a vendor's whole dialect in virtual time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from voicechatengine.errors import ConnectionError
from voicechatengine.session.dialect import Endpoint
from voicechatengine.session.handshake import Handshake, Refusal
from voicechatengine.session.http import CUT, HttpAnswer, HttpRequest, MemoryAnswer, MemoryHttp
from voicechatengine.session.refusal import refused
from voicechatengine.session.transport import Connector, Transport, memory_pair
from voicechatengine.simulators.exchange import WHOLE, Exchange
from voicechatengine.simulators.service import Simulator

WINDOW: Final = 256  # pieces of an answer that are unread


def memory_connector(simulator: Simulator) -> Connector:
    """Connections to `simulator` in memory. They end by themselves with `simulator.stop()`, or cut with `simulator.cut()`.

    A refused handshake raises what a websocket's would.
    """
    running: set[asyncio.Task[object]] = set()

    async def connect(endpoint: Endpoint) -> Transport:
        handshake = _handshake(endpoint.url, endpoint.headers)
        refusal = simulator.refuse(handshake)
        if refusal is not None:
            raise refused(refusal.status, refusal.body.decode(), refusal.headers.get("Retry-After"))
        theirs, ours = memory_pair()
        serving = asyncio.get_running_loop().create_task(
            simulator.serve(handshake, ours, ours.cut), name="simulator in memory"
        )
        running.add(serving)
        serving.add_done_callback(running.discard)
        return theirs

    return connect


def memory_http(simulator: Simulator) -> MemoryHttp:
    """Requests to the simulator of a vendor that answers by HTTP, in memory. Closing an answer ends its request at once."""
    http = simulator.vendor.http
    assert http is not None, "this vendor serves a websocket: use memory_connector"

    async def answer(request: HttpRequest) -> HttpAnswer:
        handshake = _handshake(request.url, request.headers)
        accepted = simulator.refuse(handshake) or http.accept(handshake, request.body)
        if isinstance(accepted, Refusal):
            headers = {name.lower(): value for name, value in accepted.headers.items()}
            return MemoryAnswer([accepted.body], accepted.status, headers)
        return MemoryAnswer(_served(simulator, handshake, request.body), headers={"content-type": accepted})

    return MemoryHttp(answer)


async def _served(simulator: Simulator, handshake: Handshake, body: bytes) -> AsyncGenerator[bytes]:
    pieces: asyncio.Queue[bytes] = asyncio.Queue(WINDOW)
    exchange = Exchange(body, pieces.put)
    serving = asyncio.get_running_loop().create_task(
        simulator.serve(handshake, exchange, exchange.cut), name="simulator in memory"
    )
    try:
        while not (serving.done() and pieces.empty()):
            coming = asyncio.ensure_future(pieces.get())
            try:
                await asyncio.wait((coming, serving), return_when=asyncio.FIRST_COMPLETED)
                if coming.done():
                    yield coming.result()
            finally:
                coming.cancel()
        if exchange.lost or serving.result().code != WHOLE:
            raise ConnectionError("the connection was cut", code=CUT)
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


def _handshake(url: str, headers: dict[str, str]) -> Handshake:
    parts = urlsplit(url)
    lower = {name.lower(): value for name, value in headers.items()}
    return Handshake(parts.path, dict(parse_qsl(parts.query)), lower)
