"""Laws on events() and on_event()."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Final

from voicechatengine.events import (
    ErrorInfo,
    ProviderEvent,
    ResponseCompleted,
    ResponseStarted,
    SessionCreated,
    TextChunk,
)
from voicechatengine.testing.laws.provider_laws import PROVIDER
from voicechatengine.testing.laws.subject import Subject

law: Final = PROVIDER.topic("subscriptions")


@law("events() subscribes when it is called, not at the first step.")
async def events_subscribe_at_the_call(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        await listener.first(SessionCreated)
        stream = case.provider.events()
        reply = await case.a_reply(listener)
        late = case.follow(stream)
        begun = await late.first(
            ResponseStarted, "the response_started that came between events() and its first step"
        )
        case.demand(begun.response_id == reply.id, f"the reply {reply.id} from its beginning", begun)


@law("What comes before anybody subscribes is kept for the first subscriber.")
async def early_events_are_kept(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        await case.provider.connect()
        await case.quiet(0.5)
        listener = case.listen()
        await listener.first(SessionCreated, "the session_created that came before events() was called")


@law("What comes between two loops is kept for the second one.")
async def events_between_two_loops_are_kept(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        first = await case.connected()
        await case.a_reply(first)
        await first.leave()
        over = case.handled("response_completed")
        await case.request()
        await over()
        second = case.listen()
        await second.first(ResponseStarted, "the response_started that came while nobody subscribed")
        await second.first(ResponseCompleted, "the response_completed that came while nobody subscribed")


@law("Every subscription gets every event, in the same order.")
async def subscriptions_agree(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        one, other = case.listen(), case.listen()
        await case.provider.connect()
        await case.a_reply(one)
        await case.provider.disconnect()
        await one.until(lambda: one.ended, "the end of one subscription")
        await other.until(lambda: other.ended, "the end of the other subscription")
        mine, others = [e.type for e in one.events], [e.type for e in other.events]
        case.demand(one.events == other.events, f"the same events twice: {mine}", others)


@law("aclose() ends one subscription and no other; its iterator gives nothing more.")
async def aclose_ends_one_subscription(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        one, other = case.listen(), case.listen()
        await case.provider.connect()
        await one.first(SessionCreated)
        await one.leave()
        await case.a_reply(other)
        try:
            async with asyncio.timeout(1.0):
                came = repr(await anext(one.stream))
        except StopAsyncIteration:
            return
        except TimeoutError:
            came = "it waits for more"
        raise case.violation("the end of a subscription that was closed", came)


@law("A subscription that is dropped is forgotten: nothing is kept for it.")
async def a_dropped_subscription_is_forgotten(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        dropped = case.provider.events()
        try:
            reference = weakref.ref(dropped)
        except TypeError:
            return  # what cannot be referred to weakly cannot be looked at
        del dropped
        await case.quiet(0.1)
        gc.collect()
        case.demand(
            reference() is None, "a subscription that nobody holds to be gone", "the provider still holds it"
        )
        await listener.first(SessionCreated)


@law("A reader that is cancelled while it waits loses no event.")
async def a_cancelled_reader_loses_nothing(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        await listener.first(SessionCreated)
        await case.quiet(0.5)
        place = len(listener.events)
        stream = case.provider.events()
        came: list[ProviderEvent] = []
        await case.request()
        for _ in range(20_000):
            try:
                async with asyncio.timeout(0.01):
                    came.append(await anext(stream))
            except TimeoutError:
                continue
            except StopAsyncIteration:
                break
            if isinstance(came[-1].data, ResponseCompleted):
                break
        await listener.first(ResponseCompleted, after=place)
        wanted = [event.type for event in listener.events[place : place + len(came)]]
        case.demand(
            came == listener.events[place : place + len(came)], f"{wanted}", [event.type for event in came]
        )
        case.demand(
            came and came[-1].type == "response_completed", "response_completed at the last", "it was lost"
        )


@law('Handlers hear each event of their type, or all of them for "*", in order, one call after the other.')
async def handlers_are_called_in_order(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        all_of_them: list[ProviderEvent] = []
        texts: list[ProviderEvent] = []
        inside = 0
        most = 0

        async def slowly(event: ProviderEvent) -> None:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.001)
            all_of_them.append(event)
            inside -= 1

        case.provider.on_event("*", slowly)
        case.provider.on_event("text_chunk", texts.append)
        listener = await case.connected()
        reply = await case.a_reply(listener)
        await case.quiet(1.0)
        case.demand(most <= 1, "one call of a handler after the other", f"{most} calls at once")
        heard = [event.type for event in all_of_them]
        said = [event.type for event in listener.events]
        case.demand(heard == said, f"the handler for all events to hear {said}", heard)
        case.demand(
            texts == [event for event in listener.events if isinstance(event.data, TextChunk)],
            f"the handler for text_chunk to hear the {len(reply.of(TextChunk))} of them",
            [event.type for event in texts],
        )


@law("A handler that raises is reported as an error event, and stops neither the others nor the session.")
async def a_raising_handler_stops_nothing(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        later: list[ProviderEvent] = []

        def broken(_: ProviderEvent) -> None:
            raise ZeroDivisionError("a handler of the application is broken")

        case.provider.on_event("session_created", broken)
        case.provider.on_event("session_created", later.append)
        listener = await case.connected()
        await listener.first(SessionCreated)
        told = await listener.first(ErrorInfo, "an error event that reports the handler that raised")
        case.demand(told.recoverable, "an error from which the session recovers", told)
        case.demand(len(later) == 1, "the handler behind it to be called", f"called {len(later)} times")
        case.demand(case.provider.is_connected(), "the session to go on", "it is closed")
