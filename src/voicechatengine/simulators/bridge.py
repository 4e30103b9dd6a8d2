"""Couples a server dialect with a provider for one connection: what the client says goes to the provider, and its events back.

Two tasks, one queue, nothing kept. It knows no vendor.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from voicechatengine.errors import AudioError, MessageError, ProviderError
from voicechatengine.events import EVENT_TYPES, ErrorInfo, Event
from voicechatengine.messages import MESSAGE_TYPES, Command, Options, SessionUpdate
from voicechatengine.provider import Provider
from voicechatengine.session.dialect import Close, ServerDialect
from voicechatengine.session.link import Link
from voicechatengine.session.transport import Transport

log: Final = logging.getLogger("voicechatengine")

QUEUE: Final = (
    40_000  # commands: a history of days that is restored at once, or 13 minutes of audio in frames of 20 ms
)


class Bridge:
    """One connection between a client and a provider; `run` serves it to its end, `hang_up` ends it in an orderly way."""

    def __init__(
        self, dialect: ServerDialect, transport: Transport, provider: Provider, clock: Callable[[], float]
    ) -> None:
        self._provider = provider
        self._commands: asyncio.Queue[Command] = asyncio.Queue(QUEUE)
        self._link: Link[Event, Command] = Link(dialect, transport, clock, self._take)

    def hang_up(self, close: Close) -> None:
        """Closes the connection once everything said so far is written."""
        self._link.hang_up(close)

    async def run(self) -> Close:
        """Opens the provider, serves the client, closes the provider. Returns how the connection ended.

        A cancellation closes both.
        """
        provider = self._provider
        events = provider.events()
        workers: list[asyncio.Task[None]] = []
        try:
            if await self._opened():
                workers = [
                    self._start(self._forward(), "commands"),
                    self._start(self._back(events), "events"),
                ]
            return await self._link.run()
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            await provider.disconnect()

    async def _opened(self) -> bool:
        try:
            await self._provider.connect()
        except ProviderError as error:
            log.warning("the provider behind the simulator cannot be reached: %s", error)
            self._link.hang_up(Close(1011, "the provider cannot be reached"))
            return False
        return True

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=f"bridge {name}")
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A worker ends before the connection only if something is wrong, or the provider is gone."""
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            log.error("the simulator failed", exc_info=error)
        self._link.hang_up(Close(1011, "the provider is gone" if error is None else "internal error"))

    def _take(self, command: Command, _now: float) -> None:
        try:
            self._commands.put_nowait(command)
        except asyncio.QueueFull:
            self._link.hang_up(Close(1013, "too many messages at once"))

    async def _forward(self) -> None:
        changeable = self._provider.get_capabilities().get("session_update", ())
        while True:
            command = await self._commands.get()
            if isinstance(command, SessionUpdate):
                # A vendor's default that this provider cannot have is no reason to refuse the rest.
                changes = command.options.changes()
                command = SessionUpdate(Options(**{k: v for k, v in changes.items() if k in changeable}))
            kind = MESSAGE_TYPES[type(command)]
            try:
                await self._provider.send_message(kind, command)
            except (MessageError, AudioError) as error:
                code = (
                    "provider_refused" if isinstance(error, AudioError) else error.code or "provider_refused"
                )
                self._link.post(ErrorInfo(code, error.message, command=str(kind)))
                await self._link.flush()

    async def _back(self, events: Any) -> None:
        async for event in events:
            if type(event.data) in EVENT_TYPES:
                self._link.post(event.data)
                await (
                    self._link.flush()
                )  # a slow client slows this down, and the provider's own queue is bounded
