"""`ChatModel`: any OpenAI-compatible chat endpoint as the language model of a cascade. Here is the I/O."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

from voicechatengine.providers.cascade.parts import ModelOutput, Request
from voicechatengine.providers.chat import request as requests
from voicechatengine.providers.chat.config import ChatConfig
from voicechatengine.providers.chat.stream import ChatFold
from voicechatengine.providers.chat.wire import encode
from voicechatengine.session.backoff import Backoff
from voicechatengine.session.clock import loop_clock
from voicechatengine.session.fold import events
from voicechatengine.session.http import Http, HttpRequest
from voicechatengine.session.http_stream import stream


class ChatModel:
    """A `LanguageModel`: Ollama, llama.cpp, vLLM, or any other server with ``/v1/chat/completions``. It needs no key.

    `http` asks the server (default: aiohttp) and is closed with this part; `clock` gives Unix seconds that never step back,
    `rng` is the source of jitter; they are for tests and simulations.
    """

    def __init__(
        self,
        config: ChatConfig,
        *,
        http: Http | None = None,
        clock: Callable[[], float] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.config: ChatConfig = config
        self._http = http
        self._clock = clock or loop_clock()
        self._rng = rng or random.Random()

    async def open(self) -> None:
        """See `Part.open`. No request is made."""
        self._ready()

    async def close(self) -> None:
        """See `Part.close`."""
        if self._http is not None:
            await self._http.close()

    async def reply(
        self, request: Request, *, kept: Sequence[tuple[int, Any]] = ()
    ) -> AsyncGenerator[ModelOutput]:
        """See `LanguageModel.reply`; nothing is kept. A server that fails is asked again as `ChatConfig.retry` says, until the
        first word. Closing it early aborts the request.
        """
        config = self.config
        body = requests.body(request, model=config.model, max_tokens=config.max_tokens, fields=config.fields)
        outputs = stream(
            self._ready(),
            HttpRequest(config.address(), encode(body), config.request_headers()),
            events(ChatFold),
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
