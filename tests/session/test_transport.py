"""A network in memory: frames in order, a sender that waits, and every way to end."""

from __future__ import annotations

import asyncio

import pytest

from voicechatengine.errors import ConnectionError
from voicechatengine.session.dialect import Close
from voicechatengine.session.transport import memory_pair


async def settle():
    """Lets every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_frames_arrive_in_order_as_what_they_were_sent():
    here, there = memory_pair()
    await here.send(b"one", False)
    await here.send(b"\xff", True)
    await here.send("zwölf".encode(), False)
    await here.close(Close(1000, "done"))
    frames = []
    assert await there.pump(frames.append) == Close(1000, "done")
    assert frames == ["one", b"\xff", "zwölf"]


async def test_both_directions_are_independent():
    here, there = memory_pair()
    to_here, to_there = [], []
    pumps = [asyncio.create_task(here.pump(to_here.append)), asyncio.create_task(there.pump(to_there.append))]
    await here.send(b"ping", False)
    await settle()
    await there.send(b"pong", False)
    await settle()
    assert (to_here, to_there) == (["pong"], ["ping"])
    await there.close(Close(1001))
    assert await asyncio.gather(*pumps) == [Close(1001), Close(1001)]


async def test_a_sender_waits_while_its_window_is_unread_and_goes_on_when_it_is_read():
    here, there = memory_pair(window=2)
    sent = []

    async def send():
        for number in range(5):
            await here.send(str(number).encode(), False)
            sent.append(number)

    sender = asyncio.create_task(send())
    await settle()
    assert sent == [0]  # the second is on its way, and waits for room
    frames = []
    pump = asyncio.create_task(there.pump(frames.append))
    await sender
    await here.close(Close())
    await pump
    assert frames == ["0", "1", "2", "3", "4"]


async def test_a_cancelled_send_has_sent_its_frame_whole():
    here, there = memory_pair(window=1)
    waiting = asyncio.create_task(here.send(b"one", False))
    await settle()
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting])
    await here.close(Close())
    frames = []
    await there.pump(frames.append)
    assert frames == ["one"]


async def test_a_cancelled_pump_leaves_the_connection_open():
    here, there = memory_pair()
    pump = asyncio.create_task(there.pump(lambda frame: None))
    await settle()
    pump.cancel()
    await asyncio.wait([pump])
    await here.send(b"still here", False)
    await here.close(Close())
    frames = []
    assert await there.pump(frames.append) == Close()
    assert frames == ["still here"]


async def test_closing_twice_is_closing_once():
    here, there = memory_pair()
    await here.close(Close(1000, "first"))
    await here.close(Close(1011, "second"))
    assert await there.pump(lambda frame: None) == Close(1000, "first")
    assert await here.pump(lambda frame: None) == Close(1000, "first")


async def test_nothing_can_be_sent_on_a_closed_connection():
    here, there = memory_pair()
    await here.close(Close(1000))
    with pytest.raises(ConnectionError, match="closed") as caught:
        await here.send(b"late", False)
    assert caught.value.code == "1000"
    await there.send(b"not read any more", False)
    await there.pump(lambda frame: None)
    with pytest.raises(ConnectionError):
        await there.send(b"late", False)


@pytest.mark.parametrize("closer", [0, 1])
async def test_a_waiting_sender_is_freed_by_a_close_from_either_side(closer):
    ends = memory_pair(window=1)
    here, _ = ends
    pump = asyncio.create_task(here.pump(lambda frame: None))
    senders = [asyncio.create_task(here.send(b"more", False)) for _ in range(2)]
    await settle()
    await ends[closer].close(Close(1000))
    async with asyncio.timeout(1):
        await asyncio.gather(*senders)
        assert await pump == Close(1000)
    with pytest.raises(ConnectionError):
        await here.send(b"late", False)


async def test_sending_to_a_side_that_has_closed_does_not_wait_for_room_that_never_comes():
    here, there = memory_pair(window=1)
    sender = asyncio.create_task(here.send(b"unread", False))
    await settle()
    await there.close(Close(1000))
    async with asyncio.timeout(1):
        await sender
        await here.send(b"lost", False)


async def test_a_cut_is_seen_by_both_sides_and_loses_what_is_on_the_way():
    here, there = memory_pair(window=1)
    sender = asyncio.create_task(here.send(b"on the way", False))
    pump = asyncio.create_task(here.pump(lambda frame: None))
    await settle()
    here.cut()
    frames = []
    assert await there.pump(frames.append) == await pump == Close(1006, "connection lost")
    assert frames == []
    await sender
    with pytest.raises(ConnectionError, match="closed"):
        await here.send(b"late", False)


async def test_a_cut_after_a_close_changes_nothing_for_the_side_that_closed():
    here, there = memory_pair()
    await here.close(Close(1000))
    there.cut()
    assert await here.pump(lambda frame: None) == Close(1000)
    assert await there.pump(lambda frame: None) == Close(1006, "connection lost")
