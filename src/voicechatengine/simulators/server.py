"""The simulators' server, by aiohttp: HTTP in, frames of a websocket or of an answer out. aiohttp is imported when one starts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from voicechatengine.errors import ConnectionError
from voicechatengine.provider import Provider
from voicechatengine.session.handshake import Handshake, Refusal
from voicechatengine.simulators.exchange import WHOLE, Exchange
from voicechatengine.simulators.faults import Faults
from voicechatengine.simulators.service import Simulator
from voicechatengine.simulators.vendors import HttpSide
from voicechatengine.simulators.vendors import vendor as vendor_of

if TYPE_CHECKING:
    from aiohttp.web import Request, StreamResponse

MAX_MESSAGE: Final = 32 * 2**20  # bytes: an append may hold 15 MiB of audio in base64
CLOSE_S: Final = 1.0  # for a client's part of the closing handshake
NO_WEBSOCKET: Final = Refusal(
    426, b'{"error":{"message":"This address serves a websocket.","type":"invalid_request_error"}}'
)


@asynccontextmanager
async def simulator(
    vendor: str,
    *,
    provider: Callable[[], Provider] | None = None,
    faults: Faults | None = None,
    api_key: str | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    seed: int | None = None,
) -> AsyncGenerator[Simulator]:
    """Serves a vendor's service at ``sim.url`` until the block ends; afterwards no task and no socket is left.

    `provider` makes what answers, one for each connection (default: the vendor's own simulated one). `api_key` is the one key that
    is accepted (default: any). `port` 0 takes a free one, `seed` makes the ids repeatable. Raises `MessageError` for a vendor
    that there is none of, and `ConnectionError` if it cannot listen there.
    """
    service = Simulator(vendor_of(vendor), provider=provider, faults=faults, api_key=api_key, seed=seed)
    from aiohttp import web  # noqa: PLC0415 - a quarter of a second that most users of the library never need

    http = service.vendor.http

    async def answer(request: Request) -> StreamResponse:
        return await (_answer(service, request) if http is None else _reply(service, http, request))

    app = web.Application(client_max_size=MAX_MESSAGE)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=CLOSE_S,
        # Nothing is read from the client of an answer: only so is it seen that it went away.
        handler_cancellation=http is not None,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise ConnectionError(
                f"the simulator cannot listen at {host}:{port} ({error.strerror})",
                cure="choose another port, or 0 for any free one",
                fault="application",
            ) from error
        scheme = "ws" if http is None else "http"
        service.url = f"{scheme}://{host}:{runner.addresses[0][1]}{service.vendor.path}"
        yield service
    finally:
        await service.stop()
        await runner.cleanup()


async def _answer(service: Simulator, request: Request) -> StreamResponse:
    from aiohttp import web  # noqa: PLC0415 - see above

    from voicechatengine.session.aiohttp_transport import WebSocketTransport  # noqa: PLC0415 - see above

    handshake = _handshake(request)
    socket = web.WebSocketResponse(timeout=CLOSE_S, max_msg_size=MAX_MESSAGE)
    refusal = service.refuse(handshake)
    if refusal is None and not socket.can_prepare(request):
        refusal = NO_WEBSOCKET
    if refusal is not None:
        return _refuse(refusal)
    await socket.prepare(request)

    def cut() -> None:
        if request.transport is not None:
            request.transport.abort()

    await service.serve(handshake, WebSocketTransport(socket), cut)
    return socket


async def _reply(service: Simulator, http: HttpSide, request: Request) -> StreamResponse:
    """Answers a posted request."""
    from aiohttp import web  # noqa: PLC0415 - see above

    handshake = _handshake(request)
    body = await request.read()
    refusal = service.refuse(handshake)
    accepted = http.accept(handshake, body) if refusal is None else refusal
    if isinstance(accepted, Refusal):
        return _refuse(accepted)
    response = web.StreamResponse(headers={"Content-Type": accepted})
    await response.prepare(request)
    exchange = Exchange(body, response.write)

    def cut() -> None:
        exchange.cut()
        if request.transport is not None:
            request.transport.abort()

    ended = await service.serve(handshake, exchange, cut)
    if ended.code != WHOLE:
        cut()  # plain bytes end like that alone where a service fails: what came is not taken for all
    return response


def _handshake(request: Request) -> Handshake:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Handshake(request.path, dict(request.query), headers)


def _refuse(refusal: Refusal) -> StreamResponse:
    from aiohttp import web  # noqa: PLC0415 - see above

    return web.Response(
        status=refusal.status, body=refusal.body, headers=refusal.headers, content_type="application/json"
    )
