"""Drives one dialect over one transport: the only place where a dialect meets the event loop.

Both sides use it: the runtime for a vendor's client dialect, the simulators for its server dialect. It owns one reader (the
transport's pump), one writer and one timer, and knows nothing of what the messages mean.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from voicechatengine.session.dialect import Close, Dialect, Frame, Outgoing
from voicechatengine.session.transport import Transport

In = TypeVar("In")
Out = TypeVar("Out")


class Link(Generic[In, Out]):
    """One connection at work. `clock` gives Unix seconds that never step back; `emit` takes what the dialect gives, and when."""

    __slots__ = (
        "_clock",
        "_close",
        "_dialect",
        "_due",
        "_emit",
        "_frames",
        "_over",
        "_timer",
        "_transport",
        "_wake",
        "_writing",
        "_written",
    )

    def __init__(
        self,
        dialect: Dialect[In, Out],
        transport: Transport,
        clock: Callable[[], float],
        emit: Callable[[Out, float], None],
    ) -> None:
        self._dialect = dialect
        self._transport = transport
        self._clock = clock
        # Any: `type(…) is` tells type checkers nothing of what is left.
        self._emit: Callable[[Any, float], None] = emit
        self._frames: deque[Frame] = deque()
        self._writing = False
        self._wake = asyncio.Event()
        self._written: asyncio.Event | None = None  # there while somebody waits for it
        self._over = False
        self._close: Close | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None

    async def run(self) -> Close:
        """Opens the dialect, reads until the connection ends, closes the dialect; returns how it ended.

        Called once. A cancellation closes the connection without waiting for the other side.
        """
        writer = asyncio.get_running_loop().create_task(self._write(), name="link writer")
        close = Close(1006, "cancelled")
        try:
            now = self._clock()
            self._take(self._dialect.opened(now), now)
            self.wake()
            close = await self._transport.pump(self._on_frame)
            if self._close is not None:
                await asyncio.wait([writer])  # its closing handshake is what ended the reading
        finally:
            writer.cancel()
            self._frames.clear()
            self._over = True
            if self._written is not None:
                self._written.set()
            now = self._clock()
            self._take(self._dialect.closed(self._close or close, now), now)
            if self._timer is not None:
                self._timer.cancel()
            await asyncio.wait([writer])
            await self._transport.close(self._close or Close(1000))
        return close

    def post(self, message: In) -> None:
        """Says something: what the dialect makes of it is written by the next `flush`, or by the writer after `wake`.

        Raises what the dialect raises; nothing is sent then.
        """
        now = self._clock()
        self._take(self._dialect.send(message, now), now)

    def wake(self) -> None:
        """Has the writer write what was posted. A task that can wait calls `flush` instead, which spares a switch of tasks."""
        if self._frames or self._close is not None:
            self._wake.set()

    async def flush(self) -> bool:
        """Writes what is to be written, unless somebody does already: False then. A cancellation leaves the rest to the writer."""
        if self._writing:
            return False
        self._writing = True
        frames, transport = self._frames, self._transport
        try:
            while frames:
                frame = frames.popleft()
                await transport.send(frame.data, frame.binary)
        except OSError:  # as ours and the network's own are
            frames.clear()  # the reader sees the end, and what matters is restored from state, not from frames
        finally:
            self._writing = False
            if self._written is not None and not frames:
                self._written.set()
            if frames or self._close is not None:
                self._wake.set()
        return True

    async def written(self) -> None:
        """Waits until everything said so far is written (or the connection is over)."""
        while not self.idle and not self._over:
            if self._written is None or self._written.is_set():
                self._written = asyncio.Event()
            await self._written.wait()

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be written."""
        return not self._frames and not self._writing

    def hang_up(self, close: Close) -> None:
        """Closes the connection once everything said so far is written; `run` then returns."""
        self._close = close
        self._wake.set()

    def _on_frame(self, frame: bytes | str) -> None:
        now = self._clock()  # the one reading of the clock for all that comes of a frame
        self._take(self._dialect.receive(frame, now), now)
        if self._frames or self._close is not None:
            self._wake.set()

    def _take(self, outputs: Sequence[Out | Outgoing], now: float) -> None:
        for out in outputs:
            # Its class, and no other: `isinstance` asks the class of a struct's class, which is slow.
            if type(out) is Frame:
                self._frames.append(out)
            elif type(out) is Close:
                self.hang_up(out)
            else:
                self._emit(out, now)
        due = self._dialect.deadline()
        if due != self._due:
            self._schedule(due)

    def _schedule(self, due: float | None) -> None:
        self._due = due
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            delay = max(0.0, due - self._clock())
            self._timer = asyncio.get_running_loop().call_later(delay, self._expired)

    def _expired(self) -> None:
        self._due = self._timer = None
        now = self._clock()
        self._take(self._dialect.expired(now), now)
        self.wake()

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.flush()
            if self._close is not None and self.idle:
                await self._transport.close(self._close)
                return
