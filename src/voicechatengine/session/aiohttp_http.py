"""HTTP by aiohttp. It is imported with the first request, because importing aiohttp takes long."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping

import aiohttp
from aiohttp import ClientResponse, ClientSession, ClientTimeout, TCPConnector

from voicechatengine.errors import ConnectionError
from voicechatengine.session.http import CUT, HttpAnswer, HttpRequest
from voicechatengine.session.proxy import proxy_for
from voicechatengine.session.refusal import invalid_url, unreachable
from voicechatengine.session.room import keep_room

keep_room()


class AiohttpAnswer:
    """An `HttpAnswer` of aiohttp."""

    def __init__(self, response: ClientResponse) -> None:
        self.status: int = response.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self._response = response

    async def chunks(self) -> AsyncGenerator[bytes]:
        """See `HttpAnswer.chunks`."""
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, OSError) as error:
            raise _lost() from error

    async def close(self) -> None:
        """See `HttpAnswer.close`. A connection whose answer has ended is kept for the next request."""
        self._response.close()


class AiohttpHttp:
    """An `Http` of aiohttp; `connect` is how many seconds a connection may take to come about."""

    def __init__(self, *, connect: float = 10.0) -> None:
        self._connect = connect
        self._session: ClientSession | None = None

    async def request(self, request: HttpRequest, /) -> HttpAnswer:
        """See `Http.request`."""
        proxy = proxy_for(request.url)
        if self._session is None:
            # The pool's default limit of 100 would make further requests hang without a word.
            self._session = ClientSession(
                connector=TCPConnector(limit=0),
                timeout=ClientTimeout(total=None, sock_connect=self._connect),
            )
        try:
            response = await self._session.request(
                request.method,
                request.url,
                data=request.body,
                headers=request.headers,
                allow_redirects=False,
                proxy=proxy,
            )
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError) as error:
            raise invalid_url("http:// or https://") from error
        except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError) as error:
            raise unreachable(request.url, error) from error
        except (
            aiohttp.ClientError,
            OSError,
        ) as error:  # a kept connection may be one that the server has left
            raise _lost() from error
        return AiohttpAnswer(response)

    async def close(self) -> None:
        """See `Http.close`."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _lost() -> ConnectionError:
    return ConnectionError("the server broke off the connection", cure="try again", code=CUT)
