"""`AnthropicModel`: the Messages API as the language model of a cascade. Here is the I/O; the rules are in `request.py`, `stream.py`."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

from voicechatengine.providers.anthropic import request as requests
from voicechatengine.providers.anthropic.config import MAX_TOKENS, MODEL, AnthropicConfig, address
from voicechatengine.providers.anthropic.stream import MessageFold
from voicechatengine.providers.anthropic.wire import encode
from voicechatengine.providers.cascade.parts import ModelOutput, Request
from voicechatengine.session.backoff import Backoff
from voicechatengine.session.clock import loop_clock
from voicechatengine.session.fold import events
from voicechatengine.session.http import Http, HttpRequest
from voicechatengine.session.http_stream import stream


class AnthropicModel:
    """A `LanguageModel`: Claude, through the Messages API.

    `http` asks the server (default: aiohttp) and is closed with this part; `clock` gives Unix seconds that never step back,
    `rng` is the source of jitter; they are for tests and simulations.
    """

    def __init__(
        self,
        config: AnthropicConfig | None = None,
        *,
        http: Http | None = None,
        clock: Callable[[], float] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.config: AnthropicConfig = config or AnthropicConfig()
        self._http = http
        self._clock = clock or loop_clock()
        self._rng = rng or random.Random()

    async def open(self) -> None:
        """See `Part.open`. Raises `AuthenticationError` for a key that is missing; no request is made."""
        self.config.request_headers()
        self._ready()

    async def close(self) -> None:
        """See `Part.close`."""
        if self._http is not None:
            await self._http.close()

    async def reply(
        self, request: Request, *, kept: Sequence[tuple[int, Any]] = ()
    ) -> AsyncGenerator[ModelOutput]:
        """See `LanguageModel.reply`. Raises `MessageError` for what the API cannot take, before anything is sent.

        An overloaded service is asked again as `AnthropicConfig.retry` says, until the first word. Closing it early aborts the
        request.
        """
        config = self.config
        body = requests.body(
            request,
            kept,
            model=config.model or MODEL,
            max_tokens=config.max_tokens or MAX_TOKENS,
            fields=config.fields(),
        )
        asked = HttpRequest(address(config.url), encode(body), config.request_headers())
        outputs = stream(
            self._ready(),
            asked,
            events(MessageFold),
            backoff=Backoff(config.retry, self._rng),
            clock=self._clock,
            patience=config.timeouts.response,
        )
        async with aclosing(outputs):
            async for output in outputs:
                yield output

    def _ready(self) -> Http:
        if self._http is None:
            from voicechatengine.session.aiohttp_http import AiohttpHttp  # noqa: PLC0415 - aiohttp loads here

            self._http = AiohttpHttp(connect=self.config.timeouts.connect)
        return self._http
