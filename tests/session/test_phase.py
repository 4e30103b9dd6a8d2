"""The state of a connection: told at each change, and waited for."""

from __future__ import annotations

import asyncio

from voicechatengine.events import ConnectionState, Event, StateChanged
from voicechatengine.session.phase import Phase

S = ConnectionState


def test_each_change_is_told_with_what_was_before():
    told: list[Event] = []
    phase = Phase(told.append)
    phase.become(S.CONNECTING, "connect")
    phase.become(S.CONNECTED)
    assert told == [
        StateChanged(S.CONNECTING, S.DISCONNECTED, "connect"),
        StateChanged(S.CONNECTED, S.CONNECTING, ""),
    ]


async def test_who_waits_goes_on_when_it_is_known_how_it_ended():
    """Also through an outage that begins before the waiting task has had its turn."""
    phase = Phase(lambda _: None)
    phase.become(S.CONNECTING)
    waiting = asyncio.create_task(phase.settled())
    await asyncio.sleep(0)
    phase.become(S.CONNECTED)
    phase.become(S.RECONNECTING)
    await asyncio.sleep(0)
    assert not waiting.done()
    phase.become(S.ERROR)
    await waiting
    assert phase.state is S.ERROR


def test_it_can_be_waited_for_in_one_event_loop_after_the_other():
    """As a provider that is used by several calls of `asyncio.run` is."""
    phase = Phase(lambda _: None)

    async def once() -> None:
        phase.become(S.CONNECTING)
        waiting = asyncio.create_task(phase.settled())
        await asyncio.sleep(0)
        phase.become(S.DISCONNECTED)
        await waiting

    asyncio.run(once())
    asyncio.run(once())
    assert not phase.on_its_way
