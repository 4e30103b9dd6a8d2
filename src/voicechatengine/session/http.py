"""The seam between a part and an HTTP server, and a server in memory: a request, its answer, and the answer's bytes as they come.

aiohttp's is in `aiohttp_http.py`; `http_stream.py` reads an answer as a stream. Nothing here knows what the bytes mean.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from typing import Final, Protocol, TypeAlias

import msgspec

CUT: Final = "connection_lost"
"""The code of the error for a connection that ended before the answer did: asking again may help."""


class HttpRequest(msgspec.Struct, frozen=True):
    """A request. Headers hold keys: they are never shown."""

    url: str
    body: bytes = b""
    headers: dict[str, str] = {}
    method: str = "POST"

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {self.url.partition('?')[0]}, {len(self.body)} bytes)"


class HttpAnswer(Protocol):
    """**Protocol:** an answer whose head has come, and whose body comes."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, by their names in lower case."""
        ...

    def chunks(self) -> AsyncGenerator[bytes]:
        """The body as it comes, cut anywhere; asked for once. Raises `ConnectionError` with code `CUT` where it breaks off."""
        ...

    async def close(self) -> None:
        """Frees the connection, and aborts the answer if it has not ended; idempotent, never raises."""
        ...


class Http(Protocol):
    """**Protocol:** asks HTTP servers, and keeps connections to them for the next request."""

    async def request(self, request: HttpRequest, /) -> HttpAnswer:
        """The answer, whatever its status; redirects are not followed.

        Raises `ConnectionError` if there is none. A cancellation leaves nothing open. The time limit is the caller's.
        """
        ...

    async def close(self) -> None:
        """Closes every connection; idempotent. A request after that opens a new one."""
        ...


class MemoryAnswer:
    """An answer in memory: a status, headers with names in lower case, and chunks as they are given. `closed` once it is."""

    def __init__(
        self,
        chunks: Iterable[bytes] | AsyncGenerator[bytes] = (),
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status: int = status
        self.headers: Mapping[str, str] = headers or {"content-type": "text/event-stream"}
        self.closed: bool = False
        self._chunks: AsyncGenerator[bytes] = _each(chunks) if isinstance(chunks, Iterable) else chunks

    def chunks(self) -> AsyncGenerator[bytes]:
        """See `HttpAnswer.chunks`."""
        return self._chunks

    async def close(self) -> None:
        """See `HttpAnswer.close`."""
        self.closed = True
        await self._chunks.aclose()


async def _each(chunks: Iterable[bytes]) -> AsyncGenerator[bytes]:
    for chunk in chunks:
        yield chunk


Answering: TypeAlias = Callable[[HttpRequest], Awaitable[HttpAnswer]]


class MemoryHttp:
    """A server in memory: `answer` answers each request. `requests` are the last of them, `closed` whether it was closed."""

    def __init__(self, answer: Answering) -> None:
        self.requests: deque[HttpRequest] = deque(maxlen=1_000)
        self.closed: bool = False
        self._answer = answer

    async def request(self, request: HttpRequest, /) -> HttpAnswer:
        """See `Http.request`."""
        self.requests.append(request)
        return await self._answer(request)

    async def close(self) -> None:
        """See `Http.close`."""
        self.closed = True
