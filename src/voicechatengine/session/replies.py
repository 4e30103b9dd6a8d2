"""The replies of a session that makes them itself: one at a time, a request that waits, some out of band beside.

For providers with no vendor's server behind them: the mock, the cascade. It keeps the grammar of responses (see
`grammar.py`) whatever happens to the task that makes one; how a reply is made, and what it costs, it is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, Generic, Literal, TypeVar

from voicechatengine.events import (
    ErrorInfo,
    Event,
    Interrupted,
    ResponseCompleted,
    ResponseStarted,
    Usage,
)
from voicechatengine.messages import ResponseCreate

BESIDE: Final = 8  # responses out of band at one time

Ending = Literal["completed", "interrupted", "failed", "incomplete"]


class Run:
    """One reply while it is made."""

    def __init__(self, response_id: str, request: ResponseCreate) -> None:
        self.id: str = response_id
        self.request: ResponseCreate = request
        self.item_id: str | None = None  # of its words
        self.started: bool = False
        self.calls: int = 0
        self.audio_ms: float = 0.0
        self.task: asyncio.Task[None] | None = None


R = TypeVar("R", bound=Run)


class Replies(Generic[R]):
    """The replies of one session. `new` gives a run for a request, `make` makes it and calls `end`, `cost` says what it cost
    so far, `emit` tells an event.
    """

    def __init__(
        self,
        new: Callable[[ResponseCreate], R],
        make: Callable[[R], Coroutine[Any, Any, None]],
        cost: Callable[[R], Usage | None],
        emit: Callable[[Event], None],
    ) -> None:
        self._new = new
        self._make = make
        self._cost = cost
        self._emit = emit
        self._runs: dict[str, R] = {}
        self._current: R | None = None
        self._asked: ResponseCreate | None = None
        self._held = False  # nothing begins
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def current(self) -> R | None:
        """The reply of the conversation that is being made."""
        return self._current

    # -- asking

    def ask(self, request: ResponseCreate) -> None:
        """Begins a reply; while one runs, a request waits (of several the last)."""
        if request.out_of_band:
            if len(self._runs) - (self._current is not None) >= BESIDE:
                text = f"{BESIDE} responses run out of band"
                self._emit(ErrorInfo("too_many_responses", text, command="response_create"))
            else:
                self._start(request)
        else:
            self._asked = request
            self._next()

    def fail(self, request: ResponseCreate, reason: str) -> None:
        """A reply that cannot even be begun: it fails, with this reason."""
        run = self._new(request)
        self._runs[run.id] = run
        self.end(run, "failed", reason)

    def forget(self) -> None:
        """A reply that was asked for and has not begun is not wanted any more."""
        self._asked = None

    # -- making

    def begin(self, run: R) -> None:
        """Tells that the reply has begun, once."""
        if not run.started:
            run.started = True
            self._emit(ResponseStarted(run.id, run.request.metadata, run.request.out_of_band))

    def end(self, run: R, status: Ending, reason: str | None = None) -> None:
        """The one end of a reply; the next one begins."""
        self.begin(run)
        self._emit(
            ResponseCompleted(run.id, status, reason, self._cost(run), run.request.metadata, run.calls)
        )
        del self._runs[run.id]
        if self._current is run:
            self._current = None
            self._next()

    # -- stopping

    def cut(self, run: R, reason: str) -> None:
        """Stops a reply: nothing of it comes after this."""
        _stop(run)
        self.begin(run)
        self._emit(Interrupted(run.id, run.item_id, run.audio_ms))
        self.end(run, "interrupted", reason)

    def cut_current(self, reason: str) -> None:
        """Stops the reply of the conversation, and forgets one that waits behind it."""
        self._asked = None
        if self._current is not None:
            self.cut(self._current, reason)

    def cancel(self, response_id: str | None) -> None:
        """Stops this reply; without an id that of the conversation, or those beside it if there is none."""
        if response_id is not None:
            runs = [run for run in self._runs.values() if run.id == response_id]
        else:
            runs = [self._current] if self._current is not None else list(self._runs.values())
        for run in runs:
            self.cut(run, "cancelled")

    def pause(self, reason: str) -> None:
        """What runs has failed with this reason; what was asked for waits until `resume`."""
        self._held = True
        for run in list(self._runs.values()):
            _stop(run)
            self.end(run, "failed", reason)

    def resume(self) -> None:
        """What was asked for begins."""
        self._held = False
        self._next()

    def close(self, reason: str) -> list[asyncio.Task[None]]:
        """The session is over. The tasks that are on their way out, to be waited for."""
        self._asked = None
        self.pause(reason)
        return [task for task in self._tasks if task is not asyncio.current_task()]

    def _next(self) -> None:
        if self._asked is not None and self._current is None and not self._held:
            request, self._asked = self._asked, None
            self._current = self._start(request)

    def _start(self, request: ResponseCreate) -> R:
        run = self._new(request)
        self._runs[run.id] = run
        run.task = asyncio.get_running_loop().create_task(self._make(run), name=f"reply {run.id}")
        self._tasks.add(run.task)
        run.task.add_done_callback(self._tasks.discard)
        return run


def _stop(run: Run) -> None:
    if run.task is not None and run.task is not asyncio.current_task():
        run.task.cancel()
