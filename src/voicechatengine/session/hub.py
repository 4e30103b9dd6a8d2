"""Subscriptions and handlers of one provider: who gets which event, and what is kept for those who come late.

Every provider owns one `Hub` by composition. It never blocks the publisher and never grows without bound: a subscriber
that does not read loses the oldest audio first, and is told. It knows no vendor and no socket.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from voicechatengine.events import AudioChunk, ErrorInfo, Event, ProviderEvent, event_of
from voicechatengine.provider import EventHandler, Limits

log: Final = logging.getLogger("voicechatengine")

CONTROL_WEIGHT: Final = 256  # bytes that an event without audio counts for


def _weight(event: ProviderEvent) -> int:
    """Bytes that an event counts for."""
    data = event.data
    return len(data.audio) if type(data) is AudioChunk else CONTROL_WEIGHT


class _Inbox:
    """What one reader has not read yet, bounded. The hub holds it; the reader holds its `Subscription`."""

    __slots__ = (
        "_dropped",
        "_heir",
        "_hub",
        "_most_bytes",
        "_most_events",
        "_size",
        "ended",
        "loss",
        "queue",
        "waiter",
    )

    def __init__(self, hub: Hub) -> None:
        self.waiter: asyncio.Future[ProviderEvent | None] | None = None  # of a reader that has read all
        self.ended: bool = False
        self._hub = hub
        self._most_bytes, self._most_events = hub.limits.received_bytes, hub.limits.received_events
        self.queue: deque[ProviderEvent] = deque()
        self._size = 0  # bytes that the queue's events count for
        self._dropped = (0, 0)  # events and bytes since the reader was last told
        self.loss: str = ""
        self._heir: _Inbox | None = None  # the one that took over

    def put(self, event: ProviderEvent) -> None:
        """An event for a reader that does not wait for one."""
        self.queue.append(event)
        self._size += _weight(event)
        if self._size > self._most_bytes or len(self.queue) > self._most_events:
            self._shed()

    def take(self) -> ProviderEvent:
        """The oldest event."""
        event = self.queue.popleft()
        self._size -= _weight(event)
        return event

    def put_back(self, event: ProviderEvent) -> None:
        """A reader got it, and was cancelled; if it has been closed meanwhile, it is for the next one."""
        if self._heir is not None:
            self._heir.put_back(event)
            return
        self.queue.appendleft(event)
        self._size += _weight(event)
        self._wake()

    def end(self) -> None:
        """No more events will come; those that are here stay readable."""
        self.ended = True
        self._wake()

    def take_over(self, other: _Inbox) -> None:
        """Begins with what the other one's reader left."""
        other._heir = self
        self.queue, other.queue = other.queue, deque()
        self._size, self._dropped, self.loss = other._size, other._dropped, other.loss

    def forget(self) -> None:
        """Nobody will read what is here."""
        self.queue, self.loss = deque(), ""

    def _wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    def _shed(self) -> None:
        """Drops the oldest audio, down to three quarters of the limits so that the cost is spread.

        Where audio does not make that room, nobody reads: everything goes, and a subscription ends.
        """
        most_bytes, most_events = self._most_bytes * 3 // 4, self._most_events * 3 // 4
        kept: deque[ProviderEvent] = deque()
        left = len(self.queue)
        for event in self.queue:
            if event.type == "audio_chunk" and (self._size > most_bytes or left > most_events):
                left -= 1
                self._drop(1, _weight(event), "the oldest audio was dropped")
            else:
                kept.append(event)
        self.queue = kept
        if self._size > most_bytes or left > most_events:
            self.ended = self._hub.forget(self)
            end = ", and this subscription ends" if self.ended else ""
            self._drop(left, self._size, f"everything unread was dropped{end}")
            self.queue = deque()

    def _drop(self, events: int, size: int, loss: str) -> None:
        self._size -= size
        self._dropped = (self._dropped[0] + events, self._dropped[1] + size)
        self.loss = loss

    def tell(self) -> ProviderEvent:
        """What was lost since the reader was last told."""
        (events, size), loss = self._dropped, self.loss
        self._dropped, self.loss = (0, 0), ""
        text = f"events were read too slowly: {loss} ({events} events, {size} bytes)"
        return self._hub.event(
            ErrorInfo("overflow", f"{text}; read events() in a task of its own that only reads")
        )


class Subscription:
    """One reader's own stream of events; an async iterator. Ends with `aclose`, when dropped, or with the session."""

    __slots__ = ("__weakref__", "_hub", "_inbox")

    def __init__(self, hub: Hub, inbox: _Inbox) -> None:
        self._hub = hub
        self._inbox = inbox

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> ProviderEvent:
        inbox = self._inbox
        while True:
            if inbox.loss:
                return inbox.tell()
            if inbox.queue:
                return inbox.take()
            if inbox.ended:
                raise StopAsyncIteration
            if inbox.waiter is not None:
                raise RuntimeError("two tasks read one subscription: call events() once for each reader")
            waiter: asyncio.Future[ProviderEvent | None] = asyncio.Future(loop=self._hub.loop)
            inbox.waiter = waiter
            try:
                event = await waiter
            except BaseException:
                if waiter.done() and not waiter.cancelled() and (event := waiter.result()) is not None:
                    inbox.put_back(event)
                raise
            finally:
                inbox.waiter = None
            if event is not None:
                return event

    async def aclose(self) -> None:
        """Ends the subscription. Events not read yet are kept for the next one, if no other is open."""
        self._hub.leave(self._inbox)
        self._inbox.forget()
        self._inbox.end()

    def __del__(self) -> None:
        self._hub.leave(self._inbox)


class Hub:
    """Gives each event to every subscription and handler, in order.

    `clock` gives the time in Unix seconds, `name` is the provider's. The `session_id` is put on each event.
    """

    __slots__ = (
        "_clock",
        "_closed",
        "_dispatcher",
        "_handlers",
        "_inboxes",
        "_to_call",
        "_unread",
        "limits",
        "loop",
        "name",
        "session_id",
    )

    def __init__(
        self, name: str, clock: Callable[[], float] = time.time, limits: Limits | None = None
    ) -> None:
        self.name: str = name
        self.limits: Limits = limits or Limits()
        self.session_id: str | None = None
        # That of the session: to ask for the running one is a system call.
        self.loop: asyncio.AbstractEventLoop | None = None
        self._clock = clock
        # While nobody subscribes, what comes is kept in `_unread`. A tuple, so that a reader may go while events are given out.
        self._unread: _Inbox | None = _Inbox(self)
        self._inboxes: tuple[_Inbox, ...] = (self._unread,)
        self._handlers: dict[str, list[EventHandler]] = {}
        self._to_call: _Inbox | None = None
        self._dispatcher: asyncio.Task[None] | None = None
        self._closed = False

    # -- publishing

    def event(self, data: Event) -> ProviderEvent:
        """The event for a payload, now."""
        return event_of(data, timestamp=self._clock(), provider=self.name, session_id=self.session_id)

    def emit(self, data: Event, now: float | None = None) -> None:
        """Publishes a payload; `now` where the caller knows the time already."""
        now = self._clock() if now is None else now
        self.publish(event_of(data, timestamp=now, provider=self.name, session_id=self.session_id))

    def publish(self, event: ProviderEvent) -> None:
        """Publishes an event as it is."""
        for inbox in self._takers(event.type) if self._handlers else self._inboxes:
            waiter = inbox.waiter
            if waiter is not None and not waiter.done():
                waiter.set_result(event)
            else:
                inbox.put(event)

    # -- subscriptions

    def subscribe(self) -> Subscription:
        """A new subscription; if it is the only one, it begins with what nobody has read yet."""
        if self._unread is not None:
            inbox, self._unread = self._unread, None
        else:
            inbox = _Inbox(self)
            self._inboxes += (inbox,)
        if self._closed:
            inbox.end()
        return Subscription(self, inbox)

    def leave(self, inbox: _Inbox) -> None:
        """A reader goes; if it was the last, what it did not read is kept for the next one."""
        if self.forget(inbox) and self._unread is not None:
            self._unread.take_over(inbox)

    def forget(self, inbox: _Inbox) -> bool:
        """Nothing more is put into this subscription's inbox; False if it is no subscription's, or not any more."""
        if inbox is self._unread or inbox not in self._inboxes:
            return False
        self._inboxes = tuple(other for other in self._inboxes if other is not inbox)
        if not self._inboxes:
            self._unread = _Inbox(self)
            self._inboxes = (self._unread,)
        return True

    def open(self) -> None:
        """A session begins: from now on events can come. Subscriptions of an earlier session only read out what they have."""
        self._closed = False
        self.loop = asyncio.get_running_loop()
        for inbox in self._inboxes:
            if inbox.ended:
                self.forget(inbox)
        if self._to_call is not None and self._to_call.ended:
            self._to_call = self._dispatcher = None

    def end(self) -> None:
        """No more events will come: subscriptions and handlers end once they have what is there."""
        self._closed = True
        for inbox in self._inboxes:
            if inbox is not self._unread:
                inbox.end()
        if self._to_call is not None:
            self._to_call.end()

    async def close(self, timeout: float = 1.0) -> None:
        """`end`, and gives handlers `timeout` seconds for what is left. A cancellation cuts them off at once."""
        self.end()
        dispatcher = self._dispatcher
        if dispatcher is None or dispatcher.done() or dispatcher is asyncio.current_task():
            return
        try:
            await asyncio.wait([dispatcher], timeout=timeout)
        finally:
            dispatcher.cancel()

    # -- handlers

    def on(self, event_type: str, handler: EventHandler) -> None:
        """Calls `handler` for each later event of the type, ``"*"`` for all."""
        self._handlers.setdefault(event_type, []).append(handler)

    def _takers(self, event_type: str) -> tuple[_Inbox, ...]:
        """Who gets an event of that type: every subscription, and who calls the handlers if there is one for it."""
        if "*" not in self._handlers and event_type not in self._handlers:
            return self._inboxes
        if self._to_call is None:
            if self._closed:
                return self._inboxes  # handlers hear what a session says, and the session is over
            self._to_call = _Inbox(self)
            self._dispatcher = asyncio.get_running_loop().create_task(
                self._dispatch(Subscription(self, self._to_call)), name=f"{self.name} event handlers"
            )
        return (*self._inboxes, self._to_call)

    async def _dispatch(self, events: Subscription) -> None:
        async for event in events:
            for handler in (*self._handlers.get(event.type, ()), *self._handlers.get("*", ())):
                try:
                    result = handler(event)
                    if inspect.isawaitable(result):
                        await result
                except Exception as error:
                    log.exception("a handler for %s raised", event.type)
                    if not (isinstance(event.data, ErrorInfo) and event.data.code == "handler_failed"):
                        self.emit(ErrorInfo("handler_failed", f"a handler for {event.type} raised {error!r}"))
