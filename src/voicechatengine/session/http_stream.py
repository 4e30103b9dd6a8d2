"""Reads the answer to an HTTP request as a stream, and asks again where the server failed before it had said anything.

What the bytes mean is the business of a `Fold`, which is pure; here are the waiting, the time limits and the second attempts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Final, TypeVar

from voicechatengine.errors import ConnectionError, DeadlineError, ProviderError
from voicechatengine.session.backoff import Backoff
from voicechatengine.session.fold import Reading
from voicechatengine.session.http import CUT, Http, HttpRequest
from voicechatengine.session.refusal import MAX_ERROR_BODY, OK, SERVER_ERROR, refused

LINGER_S: Final = 0.25  # for the end of an answer that has said all: its connection can then be used again

T = TypeVar("T")


async def stream(
    http: Http,
    request: HttpRequest,
    reading: Reading[T],
    *,
    backoff: Backoff,
    clock: Callable[[], float],
    patience: float,
) -> AsyncGenerator[T]:
    """What the answer gives, as it comes. Closing it early aborts the request.

    A server that is overloaded, fails (5xx) or breaks off before the first output is asked again as `backoff` says; after it
    the error is raised. `patience` seconds without a byte raise `DeadlineError`. Raises what `refused` makes of a refusal (and of
    an answer that is of no content type to read), and what `reading` and its fold raise.
    """
    backoff.dropped(clock())
    while True:
        given = False
        try:
            async with aclosing(_once(http, request, reading, patience)) as outputs:
                async for output in outputs:
                    given = True
                    yield output
        except ConnectionError as error:
            delay = backoff.next_delay(clock()) if not given and transient(error) else None
            if delay is None:
                raise
        else:
            return
        await asyncio.sleep(delay)


def transient(error: ProviderError) -> bool:
    """Whether the same request may do better the next time."""
    return error.code == CUT or (error.status or 0) >= SERVER_ERROR


async def _once(http: Http, request: HttpRequest, reading: Reading[T], patience: float) -> AsyncGenerator[T]:
    try:
        async with asyncio.timeout(patience):
            answer = await http.request(request)
    except TimeoutError as error:
        raise _late(patience) from error
    try:
        async with aclosing(answer.chunks()) as chunks:
            fold = reading(answer.headers.get("content-type", "").lower()) if answer.status == OK else None
            if fold is None:
                body = await _body(chunks, patience)
                raise refused(answer.status, body, answer.headers.get("retry-after"), what="request")
            while not fold.done:
                chunk = await _next(chunks, patience)
                for output in fold.end() if chunk is None else fold.feed(chunk):
                    yield output
                if chunk is None:
                    return
            await _linger(chunks)
    finally:
        await answer.close()


async def _next(chunks: AsyncIterator[bytes], patience: float) -> bytes | None:
    try:
        async with asyncio.timeout(patience):
            return await anext(chunks, None)
    except TimeoutError as error:
        raise _late(patience) from error


async def _body(chunks: AsyncIterator[bytes], patience: float) -> str:
    body = b""
    while len(body) < MAX_ERROR_BODY and (chunk := await _next(chunks, patience)) is not None:
        body += chunk
    return body[:MAX_ERROR_BODY].decode(errors="replace")


async def _linger(chunks: AsyncIterator[bytes]) -> None:
    try:
        async with asyncio.timeout(LINGER_S):
            while await anext(chunks, None) is not None:
                pass
    except (TimeoutError, ConnectionError):
        pass  # everything was said: this costs a connection and no word


def _late(patience: float) -> DeadlineError:
    return DeadlineError(
        f"the server said nothing for {patience:g} s", cure="try again later, or raise timeouts.response"
    )
