"""Laws on calls that are cancelled, at each moment at which they can be."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from voicechatengine.audio.tone import tone
from voicechatengine.events import SessionCreated
from voicechatengine.messages import MessageType
from voicechatengine.testing.laws.provider_laws import PROVIDER
from voicechatengine.testing.laws.subject import LONG, Case, Subject
from voicechatengine.testing.laws.table import NotApplicable

law: Final = PROVIDER.topic("cancellation")

MOMENTS: Final = 12  # turns of the event loop after which a call is cancelled, from none on
SPARSE: Final = (0, 1, 2, 3, 5, 8, 13, 21)


async def _cancelled(call: Callable[[], Awaitable[object]], turns: int) -> asyncio.Future[object] | None:
    """Cancels a call after so many turns of the event loop, and gives it; None if it was through by then."""
    task = asyncio.ensure_future(call())
    for _ in range(turns):
        await asyncio.sleep(0)
    if task.done():
        await asyncio.wait([task])
        _look(task)
        return None
    task.cancel()
    await asyncio.wait([task], timeout=60)
    _look(task)
    return task


def _look(task: asyncio.Future[object]) -> None:
    """Whatever it raised was seen."""
    if task.done() and not task.cancelled():
        task.exception()


@law("A connect() that is cancelled, at whatever moment, leaves nothing open, and the next one works.")
async def a_cancelled_connect_leaves_nothing_open(subject: Subject) -> None:
    """See `demands`."""
    for moment in _moments(subject):
        async with subject.open() as case:
            if not await _cancelled(case.provider.connect, moment):
                if moment == 0:
                    raise NotApplicable("connect() is through at once")
                return
            await case.quiet(1.0)
            case.demand(
                not case.provider.is_connected(),
                f"no connection behind a connect() cancelled at turn {moment}",
                "one",
            )
            left = case.sessions()
            case.demand(not left, "no session left open at the vendor", f"{left} are")
            opened = await case.provider.connect()
            listener = case.listen()
            case.demand(opened is True, "the next connect() to return True", opened)
            await listener.first(SessionCreated)


@law(
    "A disconnect() that is cancelled, at whatever moment, has closed the session and ended the subscriptions."
)
async def a_cancelled_disconnect_has_closed(subject: Subject) -> None:
    """See `demands`."""
    for moment in _moments(subject):
        if moment == 0:
            continue  # a task that is cancelled before its first step has called nothing
        async with subject.open() as case:
            listener = await case.connected()
            await listener.first(SessionCreated)
            cut = await _cancelled(case.provider.disconnect, moment)
            await case.quiet(1.0)
            case.demand(
                not case.provider.is_connected(), f"a session that is closed by a disconnect() cancelled at turn {moment}",
                "it is open",
            )  # fmt: skip
            await listener.until(lambda: listener.ended, "the end of the subscription")  # noqa: B023 - awaited here
            if not cut:
                return


@law(
    "A send that is cancelled, at whatever moment, has sent its message whole or not at all, and the next ones go out."
)
async def a_cancelled_send_is_whole_or_unsent(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("text_input")
        far = case.far
        listener = await case.connected()
        await listener.first(SessionCreated)
        for moment in range(MOMENTS):
            await _cancelled(partial(case.provider.send_text, f"Cancelled at {moment}."), moment)
            await case.provider.send_text(f"Sent at {moment}.")
        await case.provider.create_response()
        await listener.until(far.turns, "the vendor to be asked for a reply")
        texts = far.turns()[-1].texts
        for moment in range(MOMENTS):
            sent, cut = texts.count(f"Sent at {moment}."), texts.count(f"Cancelled at {moment}.")
            case.demand(sent == 1, f"'Sent at {moment}.' at the vendor once", f"{sent} times")
            case.demand(cut <= 1, f"'Cancelled at {moment}.' at the vendor once or never", f"{cut} times")
        wanted = {f"{word} at {moment}." for moment in range(MOMENTS) for word in ("Sent", "Cancelled")}
        case.demand(set(texts) <= wanted, "messages that are whole", set(texts) - wanted)
        places = [texts.index(f"Sent at {moment}.") for moment in range(MOMENTS)]
        case.demand(places == sorted(places), "messages in their order", texts)


@law("Audio whose sending is cancelled, at whatever moment, is sent whole or not at all.")
async def cancelled_audio_is_whole_or_unsent(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("audio_input", "manual_turns")
        far = case.far
        await case.provider.update_session(turn_detection=None)
        listener = await case.connected()
        await listener.first(SessionCreated)
        form = case.provider.get_audio_format()
        pieces = [tone(form, 40, [200.0 + 30 * number]) for number in range(MOMENTS)]
        for moment, piece in enumerate(pieces):
            await _cancelled(partial(case.provider.send_audio, piece), moment)
        last = tone(form, 200, [990.0])
        await case.provider.send_audio(last)
        await case.provider.send_message(MessageType.ACTIVITY_END, {})
        await listener.until(far.turns, "the vendor to be asked for a reply")
        turn = far.turns()[-1]
        if not turn.audio_format.same_sound(form):
            raise NotApplicable("the far end hears another format")
        heard = turn.audio
        case.demand(heard.endswith(last), "what was sent last", f"{len(heard)} bytes that end otherwise")
        heard = heard.removesuffix(last)
        for piece in pieces:
            heard = heard.removeprefix(piece)
        case.demand(
            not heard, "pieces that are whole, in their order", f"{len(heard)} bytes that are of none"
        )


@law("A cancelled call ends: it does not swallow its cancellation and go on.")
async def cancellation_is_not_swallowed(subject: Subject) -> None:
    """See `demands`."""
    calls: tuple[tuple[str, Callable[[Case], Awaitable[object]]], ...] = (
        ("connect()", lambda case: case.provider.connect()),
        ("send_text()", lambda case: case.provider.send_text("Hello.")),
        ("create_response()", lambda case: case.provider.create_response()),
        ("interrupt()", lambda case: case.provider.interrupt()),
        ("disconnect()", lambda case: case.provider.disconnect()),
    )
    for moment in (1, 2, 3):
        async with subject.open() as case:
            for name, call in calls:
                if name in ("send_text()", "create_response()") and not case.can("text_input"):
                    continue
                if name != "connect()" and not case.provider.is_connected():
                    await case.provider.connect()
                task = await _cancelled(partial(call, case), moment)
                case.demand(
                    task is None or task.cancelled(), f"{name} to end when it is cancelled", "it went on"
                )


@law("A cancelled interrupt() or create_response() leaves a session in which replies begin and end.")
async def a_cancelled_request_harms_nothing(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        if case.can("full_duplex"):
            raise NotApplicable("a full-duplex provider has no turns")
        case.needs("text_input")
        listener = await case.connected()
        await listener.first(SessionCreated)
        for moment in (0, 1, 2, 4):
            reply = await case.ask(listener, LONG)
            await _cancelled(case.provider.interrupt, moment)
            await case.provider.interrupt()
            await reply.done()
            await _cancelled(case.provider.create_response, moment)
            await case.quiet(5.0)
            await case.provider.interrupt()
            await listener.until(
                lambda: not listener.grammar.open_responses, "every reply to end behind interrupt()"
            )
        await case.a_reply(listener)


def _moments(subject: Subject) -> tuple[int, ...]:
    """Fewer where each of them takes real time, and perhaps money."""
    return (0, 1, 3) if subject.live else SPARSE
