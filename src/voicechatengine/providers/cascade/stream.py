"""A language model at work in a task of its own, ahead of who reads by a bounded number of outputs.

So a reply can be begun before anybody knows that it will be wanted, and the model goes on while its first sentence is spoken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, Final

from voicechatengine.providers.cascade.parts import LanguageModel, ModelOutput, Request

AHEAD: Final = 256  # outputs: a model is rarely further ahead of its speech than some sentences


class ModelStream:
    """One reply of a model; an async iterator. `aclose` ends the model's work at once and waits until it has."""

    def __init__(self, llm: LanguageModel, request: Request, kept: Sequence[tuple[int, Any]]) -> None:
        self.request: Request = request
        self._queue: asyncio.Queue[ModelOutput | None] = asyncio.Queue(AHEAD)
        self._error: Exception | None = None
        self.task: asyncio.Task[None] = asyncio.get_running_loop().create_task(
            self._pump(llm, request, kept), name="cascade model"
        )

    def __aiter__(self) -> ModelStream:
        return self

    async def __anext__(self) -> ModelOutput:
        output = await self._queue.get()
        if output is None:
            raise self._error or StopAsyncIteration
        return output

    def cancel(self) -> None:
        """Ends the model's work at once; `task` is done when it has."""
        self.task.cancel()

    async def aclose(self) -> None:
        """The same, and waits until it has."""
        self.task.cancel()
        await asyncio.wait([self.task])

    async def _pump(self, llm: LanguageModel, request: Request, kept: Sequence[tuple[int, Any]]) -> None:
        try:
            async with aclosing(llm.reply(request, kept=kept)) as outputs:
                async for output in outputs:
                    await self._queue.put(output)
        except Exception as error:  # noqa: BLE001 - whoever reads is told, if anybody does
            self._error = error
        await self._queue.put(None)
