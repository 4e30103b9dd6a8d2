"""Laws on connecting and disconnecting."""

from __future__ import annotations

import asyncio
from typing import Final

from voicechatengine.errors import ConnectionError
from voicechatengine.events import ConnectionState, ResponseStarted, SessionCreated, StateChanged
from voicechatengine.testing.laws.provider_laws import PROVIDER
from voicechatengine.testing.laws.subject import LONG, Case, Listener, Subject

law: Final = PROVIDER.topic("life cycle")


@law("connect() opens the session and returns True; is_connected() tells the truth before and after.")
async def connect_opens_a_session(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.demand(
            case.provider.is_connected() is False, "is_connected() False before connect()", "it was not"
        )
        opened = await case.provider.connect()
        case.demand(opened is True, "connect() to return True", opened)
        case.demand(case.provider.is_connected() is True, "is_connected() True after connect()", "it was not")
        await case.provider.disconnect()
        case.demand(
            case.provider.is_connected() is False, "is_connected() False after disconnect()", "it was not"
        )


@law("While connected, connect() is a no-op that returns True: no second session begins.")
async def connect_twice_is_one_session(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        await listener.first(SessionCreated)
        again = await case.provider.connect()
        case.demand(again is True, "connect() to return True while connected", again)
        await case.quiet(1.0)
        created = listener.of(SessionCreated)
        case.demand(len(created) == 1, "one session_created", f"{len(created)} of them")


@law(
    "Each change of the connection is a state_changed, and session_created names the session that was opened."
)
async def connecting_is_told(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        created = await listener.first(SessionCreated)
        case.demand(created.session_id, "session_created with a session id", created)
        states = [change.state for change in listener.of(StateChanged)]
        wanted = [ConnectionState.CONNECTING, ConnectionState.CONNECTED]
        case.demand(
            states == wanted, "state_changed to connecting, then to connected", [str(s) for s in states]
        )
        await case.provider.disconnect()
        await listener.until(lambda: listener.ended, "the end of the subscription after disconnect()")
        changes = listener.of(StateChanged)
        case.demand(
            changes[-1].state is ConnectionState.DISCONNECTED,
            "state_changed to disconnected, last of all",
            changes[-1],
        )


@law("connect() raises ConnectionError where the session cannot be opened, and can be called again.")
async def refusal_raises_and_can_be_tried_again(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.far.refuse(1)
        error = await case.raises(
            ConnectionError, case.provider.connect(), "connect() to a vendor that refuses"
        )
        case.demand(str(error), "an error that says what happened", "an empty text")
        case.demand(
            not case.provider.is_connected(), "is_connected() False after a failed connect()", "it is True"
        )
        await case.accepts(case.provider.connect(), "connect(), at the second try")
        listener = case.listen()
        await listener.first(SessionCreated, "session_created, at the second try")
        await _still_answers(case, listener)


@law("disconnect() can be called at any time and any number of times.")
async def disconnect_is_idempotent(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        await case.accepts(case.provider.disconnect(), "disconnect() before connect()")
        await case.provider.connect()
        await case.accepts(case.provider.disconnect(), "disconnect()")
        await case.accepts(case.provider.disconnect(), "disconnect() for the second time")
        case.demand(not case.provider.is_connected(), "is_connected() False", "it is True")


@law("Events that were received before disconnect() stay readable; then every subscription ends.")
async def events_outlive_the_session(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        unread = case.provider.events()
        listener = await case.connected()
        await case.a_reply(listener)
        before = list(listener.events)
        await case.provider.disconnect()
        late = case.follow(unread)
        await late.until(lambda: late.ended, "the end of a subscription after disconnect()")
        await listener.until(lambda: listener.ended, "the end of the other subscription")
        came = [event.type for event in late.events[: len(before)]]
        case.demand(came == [e.type for e in before], "what was received before disconnect()", came)


@law("After disconnect() the provider can be connected again, and a new subscription hears the new session.")
async def a_second_session_is_like_the_first(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        first = await case.connected()
        await case.a_reply(first)
        await case.provider.disconnect()
        opened = await case.provider.connect()
        case.demand(
            opened is True and case.provider.is_connected(), "the second connect() to return True", opened
        )
        second = case.listen()
        await second.first(SessionCreated, "session_created of the second session")
        await _still_answers(case, second)


@law("disconnect() in the midst of a reply ends the reply first: nothing stays open for those who listen.")
async def disconnect_ends_an_open_reply(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        reply = await case.ask(listener, LONG)
        await reply.under_way()
        await case.provider.disconnect()
        await listener.until(lambda: listener.ended, "the end of the subscription after disconnect()")
        case.demand(
            not listener.grammar.open_responses, "response_completed for the open reply", "it never came"
        )


@law(
    "disconnect() while connect() is under way leaves the provider disconnected, and connect() comes to an end."
)
async def disconnect_while_connecting(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        opening = asyncio.create_task(case.provider.connect())
        await asyncio.sleep(0)
        await case.provider.disconnect()
        done, _ = await asyncio.wait([opening], timeout=60.0)
        case.demand(done, "connect() to return or to raise after disconnect()", "it waits for ever")
        error = None if opening.cancelled() else opening.exception()
        case.demand(
            error is None or isinstance(error, ConnectionError),
            "ConnectionError, or a connect() that was in time",
            error,
        )
        await case.provider.disconnect()
        case.demand(not case.provider.is_connected(), "is_connected() False", "it is True")


@law("Two providers of one factory have nothing in common.")
async def two_providers_are_two(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as one, subject.open() as other:
        first, second = await one.connected(), await other.connected()
        await first.first(SessionCreated)
        await second.first(SessionCreated)
        await one.a_reply(first)
        await one.quiet(0.5)
        strays = second.of(ResponseStarted)
        one.demand(not strays, "nothing of one provider's reply at the other", strays)
        await one.provider.disconnect()
        one.demand(other.provider.is_connected(), "the other provider still connected", "it is not")


async def _still_answers(case: Case, listener: Listener) -> None:
    if case.can("text_input") and not case.can("full_duplex"):
        await case.a_reply(listener)
