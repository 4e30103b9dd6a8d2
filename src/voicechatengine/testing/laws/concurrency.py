"""Laws on calls that are made at the same time."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Final

from voicechatengine.errors import ConnectionError
from voicechatengine.events import SessionCreated
from voicechatengine.testing.laws.provider_laws import PROVIDER
from voicechatengine.testing.laws.subject import LONG, Subject

law: Final = PROVIDER.topic("concurrency")

AT_ONCE: Final = 20
BLOCKED_S: Final = 0.05


@law("connect() by several tasks at once opens one session, and all of them get True.")
async def several_connects_are_one(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = case.listen()
        opened = await asyncio.gather(*(case.provider.connect() for _ in range(3)), return_exceptions=True)
        case.demand(opened == [True] * 3, "True for each of them", opened)
        await listener.first(SessionCreated)
        await case.quiet(1.0)
        created = listener.of(SessionCreated)
        case.demand(len(created) == 1, "one session_created", f"{len(created)} of them")
        sessions = case.sessions()
        case.demand(sessions in (1, None), "one session at the vendor", f"{sessions} of them")


@law("Messages that several tasks send at once all reach the vendor, each of them once.")
async def sends_at_once_all_arrive(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("text_input")
        far = case.far
        listener = await case.connected()
        await listener.first(SessionCreated)
        wanted = [f"Message {number}." for number in range(AT_ONCE)]
        await asyncio.gather(*(case.provider.send_text(text) for text in wanted))
        await case.provider.create_response()
        await listener.until(far.turns, "the vendor to be asked for a reply")
        texts = Counter(far.turns()[-1].texts)
        case.demand(texts == Counter(wanted), f"each of {AT_ONCE} messages once", texts)


@law(
    "interrupt(), create_response() and sends at the same time leave a session in which the next reply is whole."
)
async def requests_at_once_leave_order(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("text_input")
        listener = await case.connected()
        reply = await case.ask(listener, LONG)
        await reply.under_way()
        provider = case.provider
        await asyncio.gather(
            provider.interrupt(),
            provider.create_response(),
            provider.send_text("And?"),
            provider.interrupt(),
            provider.create_response(),
        )
        await case.quiet(5.0)
        await provider.interrupt()
        await listener.until(
            lambda: not listener.grammar.open_responses, "every reply to end behind interrupt()"
        )
        await case.quiet(10.0)
        await listener.until(lambda: not listener.grammar.open_responses, "every reply to end")
        case.demand(listener.problem is None, "events in the legal order", listener.problem or "")
        await case.a_reply(listener)


@law(
    "disconnect() by several tasks at once, while others send, ends in a closed session and in no other error."
)
async def disconnect_while_others_send(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("text_input")
        listener = await case.connected()
        await listener.first(SessionCreated)
        provider = case.provider
        sends = [provider.send_text(f"Message {number}.") for number in range(5)]
        results = await asyncio.gather(
            *sends,
            provider.disconnect(),
            provider.send_text("Late?"),
            provider.disconnect(),
            return_exceptions=True,
        )
        wrong = [each for each in results if each is not None and not isinstance(each, ConnectionError)]
        case.demand(not wrong, "ConnectionError for who comes too late, and nothing else", wrong)
        case.demand(not provider.is_connected(), "is_connected() False", "it is True")
        await listener.until(lambda: listener.ended, "the end of the subscription")


@law("No call keeps the event loop from its other work for more than 50 ms.")
async def the_event_loop_is_not_blocked(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        await listener.first(SessionCreated)
        frame = case.provider.get_audio_format().silence(20)
        worst: list[float] = []
        for _ in range(5):  # a machine that is busy with other things is not slow in all of them
            gaps: list[float] = []
            pulse = asyncio.create_task(_pulse(gaps))
            if case.can("text_input"):
                await case.provider.send_text("Hello.")
            if case.can("audio_input"):
                await case.provider.send_audio(frame)
            await case.provider.interrupt()
            for _ in range(10):
                await asyncio.sleep(0)
            pulse.cancel()
            await asyncio.wait([pulse])
            worst.append(max(gaps, default=0.0))
        least = min(worst)
        case.demand(
            least < BLOCKED_S, f"the event loop to turn every {BLOCKED_S * 1000:.0f} ms", f"{least:.2f} s"
        )


async def _pulse(gaps: list[float]) -> None:
    before = time.perf_counter()
    while True:
        await asyncio.sleep(0)
        now = time.perf_counter()
        gaps.append(now - before)
        before = now
