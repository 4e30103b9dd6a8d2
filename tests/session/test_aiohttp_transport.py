"""The aiohttp transport against a real server on loopback."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import WSMsgType, web

from voicechatengine.errors import AuthenticationError, ConnectionError, ProtocolError, RateLimitError
from voicechatengine.session.aiohttp_transport import connect_websocket
from voicechatengine.session.dialect import Close, Endpoint

pytestmark = pytest.mark.realtime

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A server whose every path is answered by `handler`; gives its websocket url."""
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


async def echo(request: web.Request) -> web.StreamResponse:
    """Echoes every frame; the text "bye" is answered by a close with a code and a reason, "cut" by a dropped connection."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.data == "bye":
            await socket.close(code=4001, message=b"session over")
        elif message.data == "cut":
            assert request.transport is not None
            request.transport.abort()
        elif message.type is WSMsgType.TEXT:
            await socket.send_str(f"{message.data} {request.headers.get('X-Key', '')}".strip())
        else:
            await socket.send_bytes(message.data)
    return socket


def answering(status: int, body: str, **headers: str) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(
            status=status, text=body, headers={name.replace("_", "-"): v for name, v in headers.items()}
        )

    return handler


async def test_frames_go_both_ways_as_they_are():
    async with serving(echo) as url:
        transport = await connect_websocket(Endpoint(url, {"X-Key": "k"}))
        got: list[bytes | str] = []
        reading = asyncio.create_task(transport.pump(got.append))
        await transport.send("grüß".encode(), False)
        await transport.send(b"\x00\xff", True)
        await transport.send(b"bye", False)
        assert await reading == Close(4001, "session over")
        assert got == ["grüß k".encode(), b"\x00\xff"]
        await transport.close(Close())
        await transport.close(Close())
        with pytest.raises(builtins.ConnectionError):
            await transport.send(b"late", False)


async def test_text_comes_decoded_where_it_has_to_be_told_from_binary_frames():
    async with serving(echo) as url:
        transport = await connect_websocket(Endpoint(url, {"X-Key": "k"}), decode_text=True)
        got: list[bytes | str] = []
        reading = asyncio.create_task(transport.pump(got.append))
        await transport.send("grüß".encode(), False)
        await transport.send(b"\x00\xff", True)
        await transport.send(b"bye", False)
        await reading
        assert got == ["grüß k", b"\x00\xff"]
        await transport.close(Close())


async def test_a_dropped_connection_ends_the_pump_with_1006():
    async with serving(echo) as url:
        transport = await connect_websocket(Endpoint(url))
        reading = asyncio.create_task(transport.pump(print))
        await transport.send(b"cut", False)
        assert (await reading).code == 1006
        await transport.close(Close())


async def test_our_own_close_ends_the_pump_and_reaches_the_server():
    codes: list[int | None] = []

    async def noting(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _ in socket:
            pass
        codes.append(socket.close_code)
        return socket

    async with serving(noting) as url:
        transport = await connect_websocket(Endpoint(url))
        reading = asyncio.create_task(transport.pump(print))
        await asyncio.sleep(0)
        await transport.close(Close(1000, "x" * 200))  # longer than a control frame holds
        await reading
    assert codes == [1000]


async def test_a_frame_that_breaks_the_protocol_ends_the_pump_with_its_reason():
    async def breaking(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        assert request.transport is not None
        request.transport.write(b"\x83\x00")  # an opcode that does not exist
        async for _ in socket:
            pass
        return socket

    async with serving(breaking) as url:
        transport = await connect_websocket(Endpoint(url))
        close = await transport.pump(print)
        assert close.code == 1002
        assert "opcode" in close.reason
        await transport.close(Close())


@pytest.mark.parametrize(
    ("handler", "kind", "status", "code", "words"),
    [
        (
            answering(401, '{"error": {"message": "Incorrect API key", "code": "invalid_api_key"}}'),
            AuthenticationError,
            401,
            "invalid_api_key",
            "Incorrect API key",
        ),
        (answering(403, "no"), AuthenticationError, 403, None, "no"),
        (answering(404, "<html>not here</html>"), ConnectionError, 404, None, "url"),
        (answering(429, '{"error": "slow"}', Retry_After="7"), RateLimitError, 429, None, "slow"),
        (answering(429, "", Retry_After="tomorrow"), RateLimitError, 429, None, "429"),
        (answering(503, '{"detail": "busy", "code": 9}'), ConnectionError, 503, "9", "busy"),
        (answering(200, "hello"), ProtocolError, 200, None, "not a websocket"),
    ],
)
async def test_a_refused_handshake_raises_with_the_servers_own_words(handler, kind, status, code, words):
    async with serving(handler) as url:
        with pytest.raises(kind, match=words) as caught:
            await connect_websocket(Endpoint(url))
    assert (caught.value.status, caught.value.code) == (status, code)
    if status == 429:
        assert caught.value.retry_after in (7.0, None)


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1/v1?key=secret", "nonsense", "ws://", "ws://[::1/v1"])
async def test_an_address_that_leads_nowhere_raises_and_keeps_the_key_out(url):
    with pytest.raises(ConnectionError) as caught:
        await connect_websocket(Endpoint(url))
    assert "secret" not in str(caught.value)
    assert caught.value.cure


async def test_a_redirect_is_a_refusal_and_carries_no_key_elsewhere():
    elsewhere: list[web.Request] = []

    async def other(request: web.Request) -> web.StreamResponse:
        elsewhere.append(request)
        return await echo(request)

    async with (
        serving(other) as url,
        serving(answering(302, "", Location=url.replace("ws", "http"))) as first,
    ):
        with pytest.raises(ConnectionError, match="HTTP 302: check the url, and the header") as raised:
            await connect_websocket(Endpoint(first, {"api-key": "secret"}))
    assert raised.value.status == 302
    assert elsewhere == []


async def test_a_cancelled_dial_leaves_no_socket():
    begun, over = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        begun.set()
        await over.wait()
        return web.Response()

    async with serving(slow) as url:
        dialling = asyncio.create_task(connect_websocket(Endpoint(url)))
        await begun.wait()
        dialling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dialling
        over.set()


async def test_a_silent_server_that_answers_pings_stays_connected():
    pings: list[bytes] = []
    enough = asyncio.Event()

    async def quiet(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.PING:
                await socket.pong(message.data)
                pings.append(message.data)
                if len(pings) == 3:
                    enough.set()
        return socket

    async with serving(quiet) as url:
        transport = await connect_websocket(Endpoint(url), ping=0.05)
        reading = asyncio.create_task(transport.pump(print))
        await enough.wait()
        assert not reading.done()
        await transport.close(Close())
        await reading


async def test_a_server_that_shows_no_sign_of_life_is_given_up():
    async def dead(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        async for _ in socket:
            pass
        return socket

    async with serving(dead) as url:
        transport = await connect_websocket(Endpoint(url), ping=0.05)
        assert await transport.pump(print) == Close(1006, "no sign of life within 0.075 s")
        await transport.close(Close())
        with pytest.raises(builtins.ConnectionError):
            await transport.send(b"late", False)


async def test_a_connection_that_closes_before_the_ping_ends_as_it_was_closed():
    async with serving(echo) as url:
        transport = await connect_websocket(Endpoint(url), ping=30.0)
        reading = asyncio.create_task(transport.pump(print))
        await asyncio.sleep(0)
        assert "reader" in {task.get_name() for task in asyncio.all_tasks()}
        await transport.send(b"bye", False)
        assert await reading == Close(4001, "session over")
        await transport.close(Close())
    assert [task for task in asyncio.all_tasks() if task.get_name() == "reader"] == []


async def test_a_ping_of_the_servers_is_answered():
    answered = asyncio.Event()

    async def asking(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        await socket.ping(b"there?")
        async for message in socket:
            if message.type is WSMsgType.PONG and message.data == b"there?":
                answered.set()
                await socket.close()
        return socket

    async with serving(asking) as url:
        transport = await connect_websocket(Endpoint(url))
        frames: list[bytes | str] = []
        await transport.pump(frames.append)
        await transport.close(Close())
    assert answered.is_set()
    assert frames == []


async def test_an_error_of_what_takes_the_frames_comes_through_though_it_is_a_timeout():
    def overdue(_: bytes | str) -> None:
        raise TimeoutError("mine")

    async with serving(echo) as url:
        transport = await connect_websocket(Endpoint(url))
        await transport.send(b"hello", False)
        with pytest.raises(TimeoutError, match="mine"):
            await transport.pump(overdue)
        await transport.close(Close())


async def test_a_websocket_goes_through_the_proxy_that_the_environment_names(monkeypatch):
    asked: list[str] = []

    async def proxy(request: web.Request) -> web.StreamResponse:
        asked.append(f"{request.method} {request.raw_path}")
        return await echo(request)

    async with serving(proxy) as url:
        monkeypatch.setenv("http_proxy", url.replace("ws:", "http:").removesuffix("/v1"))
        transport = await connect_websocket(Endpoint("ws://far.example/v1"))
        await transport.send(b"bye", False)
        assert await transport.pump(print) == Close(4001, "session over")
        await transport.close(Close())
    assert asked == ["GET ws://far.example/v1"]


async def test_a_proxy_that_cannot_be_used_is_told(monkeypatch):
    monkeypatch.setenv("wss_proxy", "socks5://there:1")
    with pytest.raises(ConnectionError, match="wss_proxy is socks5"):
        await connect_websocket(Endpoint("wss://far.example/v1"))
