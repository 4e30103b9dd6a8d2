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

from voicechatengine.events import AudioChunk, ErrorInfo, Event, ProviderEvent, event_of
from voicechatengine.provider import EventHandler, Limits

log = logging.getLogger("voicechatengine")

CONTROL_WEIGHT = 256  # bytes that an event without audio counts for, when its size is not known


class _Inbox:
    """What one reader has not read yet, bounded. The hub holds it; the reader holds its `Subscription`."""

    def __init__(self, hub: Hub) -> None:
        self.queue: deque[tuple[ProviderEvent, int]] = deque()
        self.waiter: asyncio.Future[None] | None = None
        self.ended = False
        self._hub = hub
        self._bytes = 0
        self._control = 0
        self._dropped = (0, 0)  # events and bytes since the reader was last told
        self._loss = ""

    def put(self, event: ProviderEvent, weight: int) -> None:
        """Adds an event of that many bytes, and wakes the reader."""
        self.queue.append((event, weight))
        self._bytes += weight
        if event.type != "audio_chunk":
            self._control += 1
        limits = self._hub.limits
        if self._bytes > limits.received_bytes or self._control > limits.received_events:
            self._shed(limits)
        self._wake()

    def get(self) -> ProviderEvent | None:
        """The next event, or None while there is none."""
        if self._loss:
            return self._tell()
        if not self.queue:
            return None
        event, weight = self.queue.popleft()
        self._bytes -= weight
        if event.type != "audio_chunk":
            self._control -= 1
        return event

    def end(self) -> None:
        """No more events will come; those that are here stay readable."""
        self.ended = True
        self._wake()

    def take_over(self, other: _Inbox) -> None:
        """Begins with what the other one's reader left."""
        self.queue, other.queue = other.queue, deque()
        self._bytes, self._control = other._bytes, other._control
        self._dropped, self._loss = other._dropped, other._loss

    def _wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    def _shed(self, limits: Limits) -> None:
        """Drops the oldest audio, down to three quarters of the limit so that the cost is spread. If that does not help,
        nobody reads, and the subscription ends.
        """
        kept: deque[tuple[ProviderEvent, int]] = deque()
        for event, weight in self.queue:
            if event.type == "audio_chunk" and self._bytes > limits.received_bytes * 3 // 4:
                self._drop(1, weight, "the oldest audio was dropped")
            else:
                kept.append((event, weight))
        self.queue = kept
        if self._bytes > limits.received_bytes or self._control > limits.received_events:
            self._drop(len(kept), self._bytes, "everything unread was dropped, and this subscription ends")
            self.queue = deque()
            self._control = 0
            self.ended = True
            self._hub.forget(self)

    def _drop(self, events: int, size: int, loss: str) -> None:
        self._bytes -= size
        self._dropped = (self._dropped[0] + events, self._dropped[1] + size)
        self._loss = loss

    def _tell(self) -> ProviderEvent:
        (events, size), loss = self._dropped, self._loss
        self._dropped, self._loss = (0, 0), ""
        text = f"events were read too slowly: {loss} ({events} events, {size} bytes)"
        return self._hub.event(
            ErrorInfo("overflow", f"{text}; read events() in a task of its own that only reads")
        )


class Subscription:
    """One reader's own stream of events; an async iterator. Ends with `aclose`, when dropped, or with the session."""

    def __init__(self, hub: Hub, inbox: _Inbox) -> None:
        self._hub = hub
        self._inbox = inbox

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> ProviderEvent:
        inbox = self._inbox
        while True:
            event = inbox.get()
            if event is not None:
                return event
            if inbox.ended:
                raise StopAsyncIteration
            if inbox.waiter is not None:
                raise RuntimeError("two tasks read one subscription: call events() once for each reader")
            inbox.waiter = asyncio.get_running_loop().create_future()
            try:
                await inbox.waiter
            finally:
                inbox.waiter = None

    async def aclose(self) -> None:
        """Ends the subscription. Events not read yet are kept for the next one, if no other is open."""
        self._hub.leave(self._inbox)
        self._inbox.end()

    def __del__(self) -> None:
        self._hub.leave(self._inbox)


class Hub:
    """Gives each event to every subscription and handler, in order.

    `clock` gives the time in Unix seconds, `name` is the provider's. The `session_id` is put on each event.
    """

    def __init__(
        self, name: str, clock: Callable[[], float] = time.time, limits: Limits | None = None
    ) -> None:
        self.name = name
        self.limits = limits or Limits()
        self.session_id: str | None = None
        self._clock = clock
        self._inboxes: list[_Inbox] = []
        self._unread: _Inbox | None = _Inbox(self)  # what nobody has read yet; None while somebody subscribes
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
        kind = data.__class__
        if kind is AudioChunk:
            event = ProviderEvent(
                "audio_chunk", data, self._clock() if now is None else now, self.name, self.session_id
            )
            self.publish(event, len(data["audio"]))
            return
        self.publish(
            event_of(
                data,
                timestamp=self._clock() if now is None else now,
                provider=self.name,
                session_id=self.session_id,
            )
        )

    def publish(self, event: ProviderEvent, weight: int = CONTROL_WEIGHT) -> None:
        """Publishes an event; `weight` is its size in bytes for the bound on what is unread."""
        for inbox in self._inboxes:
            inbox.put(event, weight)
        if self._unread is not None:
            self._unread.put(event, weight)
        if self._handlers and ("*" in self._handlers or event.type in self._handlers):
            self._call_handlers(event, weight)

    # -- subscriptions

    def subscribe(self) -> Subscription:
        """A new subscription; if it is the only one, it begins with what nobody has read yet."""
        inbox, self._unread = self._unread or _Inbox(self), None
        if self._closed:
            inbox.end()
        self._inboxes.append(inbox)
        return Subscription(self, inbox)

    def leave(self, inbox: _Inbox) -> None:
        """A reader goes; if it was the last, what it did not read is kept for the next one."""
        if inbox not in self._inboxes:
            return
        self._inboxes.remove(inbox)
        if not self._inboxes:
            self._unread = _Inbox(self)
            self._unread.take_over(inbox)

    def forget(self, inbox: _Inbox) -> None:
        """An inbox has ended by itself: nothing more is put there."""
        if inbox is self._unread:
            self._unread = _Inbox(self)
            self._unread.take_over(inbox)
        elif inbox in self._inboxes:
            self._inboxes.remove(inbox)
            if not self._inboxes:
                self._unread = _Inbox(self)

    def open(self) -> None:
        """A session begins: from now on events can come. Subscriptions of an earlier session only read out what they have."""
        self._closed = False
        for inbox in [inbox for inbox in self._inboxes if inbox.ended]:
            self.forget(inbox)

    def end(self) -> None:
        """No more events will come: subscriptions and handlers end once they have what is there."""
        self._closed = True
        for inbox in self._inboxes:
            inbox.end()
        if self._to_call is not None:
            self._to_call.end()

    async def close(self, timeout: float = 1.0) -> None:
        """`end`, and gives handlers `timeout` seconds for what is left. A cancellation cuts them off at once."""
        self.end()
        dispatcher = self._dispatcher
        self._to_call = self._dispatcher = None
        if dispatcher is None or dispatcher is asyncio.current_task():
            return
        try:
            await asyncio.wait([dispatcher], timeout=timeout)
        finally:
            dispatcher.cancel()

    # -- handlers

    def on(self, event_type: str, handler: EventHandler) -> None:
        """Calls `handler` for each later event of the type, ``"*"`` for all."""
        self._handlers.setdefault(event_type, []).append(handler)

    def _call_handlers(self, event: ProviderEvent, weight: int) -> None:
        if self._to_call is None:
            self._to_call = _Inbox(self)
            self._dispatcher = asyncio.get_running_loop().create_task(
                self._dispatch(Subscription(self, self._to_call)), name=f"{self.name} event handlers"
            )
        self._to_call.put(event, weight)

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
