"""Where providers come in and go out: one that opens, or leaves, does it to the end, and nothing of it is left behind.

It keeps the tasks of one relay. It does not know which provider is in use, nor why one comes or goes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Coroutine
from typing import Any

from voicechatengine.compose.line import UNREACHABLE, Line


class Doors:
    """The lines of one relay that are being opened or left."""

    def __init__(self) -> None:
        self._opening: set[Line] = set()
        self._leaving: dict[int, asyncio.Task[None]] = {}  # by the provider's identity
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def opening(self, line: Line) -> AsyncGenerator[None]:
        """For opening a provider, once it has left where it was used before. An error or a cancellation closes it."""
        self._opening.add(line)
        try:
            leaving = self._leaving.get(id(line.provider))
            if leaving is not None:
                await asyncio.wait([leaving])
            yield
        except BaseException:
            await line.close()
            raise
        finally:
            self._opening.discard(line)

    def leave(self, line: Line) -> asyncio.Task[None]:
        """Disconnects a provider that is not in use any more."""
        task = self._leaving[id(line.provider)] = self.keep(_farewell(line))
        task.add_done_callback(lambda _: self._leaving.pop(id(line.provider), None))
        return task

    def keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Does some work beside, for as long as the session lasts."""
        task = asyncio.get_running_loop().create_task(work, name="relay")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self, line: Line | None) -> None:
        """Disconnects everybody: `line` is read to its end, and work beside is stopped. A cancellation leaves no task behind."""
        opening, tasks = tuple(self._opening), set(self._tasks)
        leaving = set(self._leaving.values())  # they have begun to disconnect, and are to finish it
        for task in tasks - leaving:
            task.cancel()
        try:
            if line is not None:
                await line.read_out()
            for other in opening:
                await other.provider.disconnect()  # who opens it learns that it is over
            if tasks:
                await asyncio.wait(tasks)
        finally:
            for task in leaving:
                task.cancel()


async def _farewell(line: Line) -> None:
    with contextlib.suppress(*UNREACHABLE):
        await line.close()
