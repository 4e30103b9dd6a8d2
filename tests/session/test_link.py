"""One dialect over one transport: order, closing, cancellation."""

from __future__ import annotations

import asyncio

import pytest

from voicechatengine import MessageError
from voicechatengine.session.dialect import Close, Frame, Restore
from voicechatengine.session.link import Link
from voicechatengine.session.transport import MemoryTransport, memory_pair


class Echo:
    """Says what it is told; answers "ask" with a reply and an event, "stop" with a close, "wait" with a deadline."""

    def __init__(self) -> None:
        self.due: float | None = None

    def opened(self, now: float, /) -> list[str | Frame | Close]:
        return [Frame(b"hello"), "opened"]

    def send(self, message: str, now: float, /) -> list[str | Frame | Close]:
        if message == "bad":
            raise MessageError("bad")
        return [Frame(message.encode())]

    def receive(self, frame: bytes | str, now: float, /) -> list[str | Frame | Close]:
        if frame == "ask":
            return [Frame(b"answer"), "asked"]
        if frame == "stop":
            return [Frame(b"bye"), Close(4000, "stopped")]
        if frame == "wait":
            self.due = now + 5
        if frame == "never mind":
            self.due = None
        return []

    def closed(self, close: Close, now: float, /) -> list[str | Frame | Close]:
        return [f"closed {close.code}"]

    def deadline(self) -> float | None:
        return self.due

    def expired(self, now: float, /) -> list[str | Frame | Close]:
        self.due = None
        return [f"expired at {now:g}"]

    def snapshot(self) -> Restore:
        return Restore()


def linked(window: int = 256) -> tuple[Link[str, str], MemoryTransport, list[str], asyncio.Task[Close]]:
    near, far = memory_pair(window)
    events: list[str] = []
    link: Link[str, str] = Link(
        Echo(), near, asyncio.get_running_loop().time, lambda out, _: events.append(out)
    )
    return link, far, events, asyncio.get_running_loop().create_task(link.run())


async def test_frames_go_out_in_order_and_a_close_comes_after_them():
    link, far, events, running = linked()
    got: list[bytes | str] = []
    reading = asyncio.create_task(far.pump(got.append))
    await asyncio.sleep(0)
    link.post("one")
    await far.send(b"ask", False)
    link.post("two")
    await link.written()
    await far.send(b"stop", False)
    assert await reading == Close(4000, "stopped")
    await running
    assert got == ["hello", "one", "two", "answer", "bye"]
    assert events == ["opened", "asked", "closed 4000"]


async def test_what_the_dialect_refuses_raises_and_sends_nothing():
    link, far, _, running = linked()
    with pytest.raises(MessageError):
        link.post("bad")
    far.cut()
    assert (await running).code == 1006


async def test_a_deadline_rings_once_and_can_be_moved():
    _, far, events, running = linked()
    await far.send(b"wait", False)
    await asyncio.sleep(1)
    await far.send(b"never mind", False)
    await asyncio.sleep(10)
    assert events == ["opened"]
    await far.send(b"wait", False)
    await asyncio.sleep(10)
    assert events == ["opened", "expired at 16"]
    await far.close(Close())
    await running


async def test_a_cancelled_flush_leaves_the_rest_to_the_writer():
    link, far, _, running = linked(window=1)
    await asyncio.sleep(0)
    for n in range(5):
        link.post(str(n))
    flushing = asyncio.create_task(link.flush())
    await asyncio.sleep(1)
    flushing.cancel()
    await asyncio.wait([flushing])
    assert not link.idle
    got: list[bytes | str] = []
    reading = asyncio.create_task(far.pump(got.append))
    await link.written()
    link.hang_up(Close(1000))
    await reading
    assert got == ["hello", "0", "1", "2", "3", "4"]
    await running
    assert link.idle


async def test_a_cut_while_writing_wakes_whoever_waits():
    link, far, events, running = linked(window=1)
    await asyncio.sleep(0)
    for n in range(5):
        link.post(str(n))
    waiting = asyncio.create_task(link.written())
    await asyncio.sleep(1)
    far.cut()
    await waiting
    assert (await running).code == 1006
    assert events[-1] == "closed 1006"


async def test_cancelling_the_run_closes_the_connection():
    _, far, events, running = linked()
    await asyncio.sleep(1)
    running.cancel()
    await asyncio.wait([running])
    assert (await far.pump(lambda frame: None)).code == 1000
    assert events == ["opened", "closed 1006"]
