"""Virtual time: an event loop on which hours pass in milliseconds, always in the same order.

When nothing is ready to run, the clock jumps to the next timer. In-memory transports and inline executors only: threads,
other processes and sockets do not live in virtual time, and waiting for one of them with no timer set is a deadlock that
`run_virtual` reports instead of hanging.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, Final, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

EPOCH: Final = 1_750_000_000.0  # where virtual time begins, in Unix seconds


class _Selector(selectors.SelectSelector):
    """Waits for nothing: the time that the loop would sleep passes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.registered = 0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self.registered += 1
        return super().register(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError(
                "virtual time stands still: every task waits, and no timer is set that could wake one"
            )
        self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` is virtual and begins at 0; `unix()` is the same clock as Unix seconds."""

    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)
        self._clock_resolution = 1e-9
        self._own = self._clock.registered
        self._threads = 0

    @property
    def left(self) -> bool:
        """Whether somebody has left virtual time: asked for a socket, a pipe, another process or a thread."""
        return bool(self._threads) or self._clock.registered > self._own

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """See `asyncio.AbstractEventLoop.run_in_executor`."""
        self._threads += 1
        return super().run_in_executor(executor, func, *args)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._clock.now

    def unix(self) -> float:
        """Virtual Unix seconds."""
        return EPOCH + self._clock.now


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end in virtual time. Raises `RuntimeError` if it can never end, or leaves a task behind."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:

        async def checked() -> T:
            result = await main
            left = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            # What was cancelled but not yet told so is on its way out.
            for _ in range(3):
                if not left:
                    break
                await asyncio.sleep(0)
                left = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            if left:
                raise RuntimeError(f"tasks were left behind: {', '.join(sorted(left))}")
            return result

        return runner.run(checked())
