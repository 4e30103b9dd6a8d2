"""HTTP over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import pytest
from aiohttp import web

from voicechatengine.errors import ConnectionError
from voicechatengine.session.aiohttp_http import AiohttpHttp
from voicechatengine.session.http import CUT, HttpRequest

pytestmark = pytest.mark.realtime

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[tuple[str, AiohttpHttp]]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    http = AiohttpHttp(connect=2)
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1", http
    finally:
        await http.close()
        await http.close()
        await runner.cleanup()


async def test_a_request_and_its_answer_come_over_whole_and_the_connection_is_kept():
    ports: set[object] = set()

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername"))
        body = await request.read()
        return web.Response(status=418, body=body + request.headers["X-Mine"].encode(), headers={"A-B": "c"})

    async with serving(answer) as (url, http):
        for _ in range(2):
            got = await http.request(HttpRequest(url, b"hello ", {"X-Mine": "you"}))
            assert (got.status, got.headers["a-b"]) == (418, "c")
            assert b"".join([chunk async for chunk in got.chunks()]) == b"hello you"
            await got.close()
    assert len(ports) == 1


async def test_closing_an_answer_early_aborts_it():
    aborted = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 1000)
                await asyncio.sleep(0.001)
        except OSError:
            aborted.set()
            raise

    async with serving(endless) as (url, http):
        got = await http.request(HttpRequest(url))
        async with aclosing(got.chunks()) as chunks:
            assert (await anext(chunks)).startswith(b"x")
        await got.close()
        await asyncio.wait_for(aborted.wait(), 5)


async def test_a_connection_that_breaks_in_the_midst_is_told():
    async def breaking(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.close()
        return response

    async with serving(breaking) as (url, http):
        got = await http.request(HttpRequest(url))
        with pytest.raises(ConnectionError) as caught:
            _ = [chunk async for chunk in got.chunks()]
        assert caught.value.code == CUT
        await got.close()


async def test_a_server_that_hangs_up_before_it_answers_is_told():
    async def rude(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with serving(rude) as (url, http):
        with pytest.raises(ConnectionError) as caught:
            await http.request(HttpRequest(url))
        assert caught.value.code == CUT


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1?key=secret", "nonsense", "http://", "ftp://x/"])
async def test_an_address_that_leads_nowhere_is_told_without_its_key(url):
    http = AiohttpHttp(connect=2)
    with pytest.raises(ConnectionError) as caught:
        await http.request(HttpRequest(url))
    await http.close()
    assert caught.value.code is None
    assert "secret" not in str(caught.value)
    assert caught.value.cure
