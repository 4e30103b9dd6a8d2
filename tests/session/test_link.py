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
        if frame == "now":
            self.due = now
        if frame == "never mind":
            self.due = None
        return []

    def closed(self, close: Close, now: float, /) -> list[str | Frame | Close]:
        return [f"closed {close.code}"]

    def deadline(self) -> float | None:
        return self.due

    def expired(self, now: float, /) -> list[str | Frame | Close]:
        self.due = None
        return [Frame(b"rang"), f"expired at {now:g}"]

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


async def test_what_is_said_first_needs_nothing_else_to_be_said():
    _, far, _, running = linked()
    got: list[bytes | str] = []
    reading = asyncio.create_task(far.pump(got.append))
    await asyncio.sleep(1)
    assert got == ["hello"]
    await far.close(Close())
    await asyncio.gather(reading, running)


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
    got: list[bytes | str] = []
    reading = asyncio.create_task(far.pump(got.append))
    await far.send(b"now", False)
    await asyncio.sleep(0)
    await asyncio.sleep(0.1)
    assert events[2:] == ["expired at 21"]
    assert got == ["hello", "rang", "rang"]
    await far.send(b"wait", False)
    await far.close(Close())
    await asyncio.gather(running, reading)
    await asyncio.sleep(10)
    assert events[3:] == ["closed 1000"]


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
    await asyncio.sleep(1)


async def test_after_the_end_nothing_waits_to_be_written_and_nobody_waits_for_it():
    """Whether it was said before the end, without the writer being told, or after it."""
    link, far, _, running = linked()
    await asyncio.sleep(1)
    link.post("before")
    waiting = asyncio.create_task(link.written())
    await asyncio.sleep(0)
    far.cut()
    await running
    await waiting
    assert link.idle
    link.post("after")
    await link.written()


async def test_while_the_last_frame_is_on_its_way_the_link_is_not_idle():
    link, far, _, running = linked(window=1)
    await asyncio.sleep(1)  # "hello" fills the window
    assert not link.idle
    reading = asyncio.create_task(far.pump(lambda frame: None))
    await link.written()
    assert link.idle
    link.hang_up(Close(1000))
    await asyncio.gather(running, reading)


class Slow:
    """A transport on which everything takes a second; it counts what goes on at one time, and what was cut short."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.at_once, self.most_at_once, self.sends, self.closing = 0, 0, 0, 0
        self.over = asyncio.Event()

    async def pump(self, on_frame: object, /) -> Close:
        await self.over.wait()
        return Close(1000)

    async def send(self, data: bytes, binary: bool, /) -> None:
        self.sends += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(1)
        self.at_once -= 1
        if self.fails:
            raise ConnectionResetError

    async def close(self, close: Close, /) -> None:
        self.over.set()
        self.closing += 1
        await asyncio.sleep(1)
        self.closing -= 1


@pytest.mark.parametrize("fails", [False, True])
async def test_frames_are_written_one_at_a_time_and_not_at_all_once_writing_has_failed(fails):
    slow = Slow(fails=fails)
    link: Link[str, str] = Link(Echo(), slow, asyncio.get_running_loop().time, lambda out, now: None)
    running = asyncio.create_task(link.run())
    for word in ("one", "two"):
        link.post(word)
    await asyncio.gather(link.flush(), link.flush(), link.written())
    await link.written()
    assert slow.most_at_once == 1
    assert slow.sends == (1 if fails else 3)
    link.hang_up(Close(1000))
    await running
    assert slow.closing == 0  # no closing handshake was cut short
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "link writer"]
