"""The connections of one runtime: the one at work, the one that is to take over, and those that say goodbye.

It holds their tasks, and leaves none behind. When one is opened or takes over, and what it tells, is the runtime's affair.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from voicechatengine.errors import ConnectionError
from voicechatengine.events import Event
from voicechatengine.messages import Command
from voicechatengine.provider import ProviderConfig
from voicechatengine.session.connection import Connection, Surroundings
from voicechatengine.session.dialect import Restore
from voicechatengine.session.link import Link

log: Final = logging.getLogger("voicechatengine")

C = TypeVar("C", bound=ProviderConfig)


class Connections(Generic[C]):
    """See the module. `emit` gets what each connection tells; `next_failed` is called when the next one ends in vain."""

    __slots__ = ("_around", "_emit", "_next_failed", "_succession", "_tasks", "current", "link", "next")

    def __init__(
        self,
        surroundings: Surroundings[C],
        emit: Callable[[Connection[C], Event, float], None],
        next_failed: Callable[[], None],
    ) -> None:
        self.current: Connection[C] | None = None  # being set up, or at work
        self.next: Connection[C] | None = None  # being opened, to take over
        self.link: Link[Command, Event] | None = None  # there while commands can go straight to the dialect
        self._around = surroundings
        self._emit = emit
        self._next_failed = next_failed
        self._succession: asyncio.Future[None] | None = None  # done when another one has taken over
        self._tasks: dict[Connection[C], asyncio.Task[ConnectionError]] = {}

    def open(self, restore: Restore) -> None:
        """Opens the one that is to be at work."""
        self.current = self._open(restore)

    def open_next(self, restore: Restore) -> None:
        """Opens the one that is to take over."""
        self.next = self._open(restore)

    def hand_over(self, connection: Connection[C]) -> None:
        """This one is at work from now on, with its link; the one before may take its time to close."""
        self.current, self.link = connection, connection.link
        if self._succession is not None and not self._succession.done():
            self._succession.set_result(None)

    async def over(self) -> tuple[Connection[C], asyncio.Task[ConnectionError]]:
        """Waits until there is none at work any more, through any hand-over; gives the last one that was, and its ended task."""
        while True:
            current = self.current
            assert current is not None
            task = self._tasks[current]
            self._succession = asyncio.get_running_loop().create_future()
            # One that was handed over may take its time to close: its successor is what counts from then on.
            either: list[asyncio.Future[Any]] = [task, self._succession]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if self.current is current:
                await self._close([current, self.next])
                return current, task

    async def close(self) -> None:
        """Ends every connection, also those that say goodbye; what the one at work still tells is heard."""
        await self._close(list(self._tasks))

    def _open(self, restore: Restore) -> Connection[C]:
        connection = Connection(self._around, restore, self._emit)
        task = asyncio.get_running_loop().create_task(
            connection.run(), name=f"{self._around.vendor.name} connection"
        )
        self._tasks[connection] = task
        task.add_done_callback(lambda _: self._closed(connection))
        return connection

    def _closed(self, connection: Connection[C]) -> None:
        """A connection that is not at work has ended: one that said goodbye, or one that was to take over."""
        if connection is self.current:
            return
        task = self._tasks.pop(connection, None)
        if task is not None and not task.cancelled() and (error := task.exception()) is not None:
            log.error("a connection beside the session failed", exc_info=error)
        if connection is self.next:
            self.next = None
            self._next_failed()

    async def _close(self, connections: Sequence[Connection[C] | None]) -> None:
        """Ends these connections, and with them the session."""
        self.link = self.next = None
        tasks = [self._tasks[each] for each in connections if each is not None and each in self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks = {each: task for each, task in self._tasks.items() if task not in tasks}
        self.current = None
