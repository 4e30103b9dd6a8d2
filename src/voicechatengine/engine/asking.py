"""Requests for replies: made one after the other, each waited for until its reply is whole, and stopped where it is given up.

It gathers nothing itself (see `reply`) and reads no events: each is handed to it. How a request is made, and what stops a
reply, it is told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from voicechatengine.engine.reply import Gathering, Reply, Waiting
from voicechatengine.errors import DeadlineError, ProviderError
from voicechatengine.events import EventData, ResponseStarted

log: Final = logging.getLogger("voicechatengine")


class Asking:
    """The requests of one engine. `begin` gives, at a time, what gathers the reply to a request that is abandoned before or not,
    and raises where no session is open; `interrupt` stops what was asked for.
    """

    def __init__(
        self, begin: Callable[[float, bool], Gathering], interrupt: Callable[[], Awaitable[None]]
    ) -> None:
        self._begin = begin
        self._interrupt = interrupt
        self._turn = asyncio.Lock()
        self._waiting: Waiting | None = None
        self._abandoned = False  # a request was given up before its reply began

    async def reply_to(self, request: Callable[[], Awaitable[None]], timeout: float) -> Reply:
        """Makes a request when it is its turn, and gives the reply. Raises what the request raises, the error of a reply that
        failed, and `DeadlineError` after `timeout` seconds. A cancellation stops the reply.
        """
        async with self._turn:
            gathering = self._begin(asyncio.get_running_loop().time(), self._abandoned)
            waiting = self._waiting = Waiting(gathering)
            self._abandoned = False
            limit = asyncio.timeout(timeout)
            try:
                async with limit:
                    await request()
                    await waiting.done.wait()
            except (TimeoutError, asyncio.CancelledError):
                await self._give_up(waiting)
                if not limit.expired():
                    raise
                raise DeadlineError(
                    f"no whole reply within {timeout:g} s", cure="raise timeout=, or read events()"
                ) from None
            finally:
                self._waiting = None
            if isinstance(waiting.outcome, Reply):
                return waiting.outcome
            assert waiting.outcome is not None
            raise waiting.outcome

    def apply(self, data: EventData, now: float) -> None:
        """An event came."""
        if self._waiting is not None:
            self._waiting.apply(data, now)
        elif isinstance(data, ResponseStarted):
            self._abandoned = False

    def fail(self, error: ProviderError) -> None:
        """No reply will come."""
        if self._waiting is not None:
            self._waiting.settle(error)

    def turn_ended(self, response_id: str, error: ProviderError | None) -> None:
        """No reply follows the calls of that response: the turn was interrupted, or for this error."""
        waiting = self._waiting
        if waiting is not None and waiting.gathering.called == response_id:
            waiting.settle(error or waiting.gathering.broken_off())
        elif error is not None:
            log.warning("a turn with tools ended without a reply: %s", error)

    async def _give_up(self, waiting: Waiting) -> None:
        """Nobody waits for this reply any more: stop it, and do not take it for the next one."""
        try:
            await self._interrupt()
        except ProviderError as error:
            log.info("a reply that was given up could not be stopped: %s", error)
        finally:
            self._abandoned = waiting.gathering.response_id is None
