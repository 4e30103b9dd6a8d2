"""Laws on what is left behind: nothing."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from voicechatengine.errors import ConnectionError
from voicechatengine.events import SessionCreated
from voicechatengine.testing.laws.provider_laws import PROVIDER
from voicechatengine.testing.laws.subject import LONG, Case, Subject

law: Final = PROVIDER.topic("cleanup")


def _tasks() -> set[asyncio.Task[object]]:
    return set(asyncio.all_tasks())


async def _left(case: Case, before: set[asyncio.Task[object]]) -> list[str]:
    """The tasks that run and did not before, once whatever was cancelled had its turn."""
    await case.deaf()
    for _ in range(5):
        await asyncio.sleep(0)
    return sorted(
        task.get_name() for task in _tasks() - before if not task.done() and not _of_the_far_end(task)
    )


def _of_the_far_end(task: asyncio.Task[object]) -> bool:
    """A simulated vendor lives on: it serves many."""
    return task.get_name().startswith(("simulator", "bridge"))


@law("disconnect() leaves no task behind.")
async def disconnect_leaves_no_task(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        before = _tasks()
        case.provider.on_event("*", lambda _: None)
        listener = await case.connected()
        await listener.first(SessionCreated)
        if case.can("text_input") and not case.can("full_duplex"):
            await case.a_reply(listener)
        await case.provider.disconnect()
        left = await _left(case, before)
        case.demand(not left, "no task of the provider to be left", left)


@law("disconnect() in the midst of a reply leaves no task behind.")
async def disconnect_in_a_reply_leaves_no_task(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        before = _tasks()
        listener = await case.connected()
        reply = await case.ask(listener, LONG)
        await reply.under_way()
        await case.provider.disconnect()
        left = await _left(case, before)
        case.demand(not left, "no task of the provider to be left", left)


@law("disconnect() returns in time, also in the midst of a reply.")
async def disconnect_is_quick(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        await listener.first(SessionCreated)
        if case.can("text_input") and not case.can("full_duplex"):
            await case.ask(listener, LONG)
        try:
            async with asyncio.timeout(10.0):
                await case.provider.disconnect()
        except TimeoutError:
            raise case.violation("disconnect() within 10 s", "it still waits") from None


@law("After disconnect() no session is left open at the vendor.")
async def disconnect_ends_the_session_at_the_vendor(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        await listener.first(SessionCreated)
        opened = case.far.sessions()
        case.demand(opened == 1, "one session at the vendor", f"{opened} of them")
        await case.provider.disconnect()
        await case.quiet(1.0)
        left = case.far.sessions()
        case.demand(left == 0, "no session at the vendor behind disconnect()", f"{left} are open")


@law("A connect() that fails leaves no task behind.")
async def a_failed_connect_leaves_no_task(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        before = _tasks()
        case.far.refuse(1)
        with contextlib.suppress(ConnectionError):
            await case.provider.connect()
        left = await _left(case, before)
        case.demand(not left, "no task of the provider to be left", left)
