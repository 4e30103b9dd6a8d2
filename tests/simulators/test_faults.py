"""A faulty transport by itself, what a service keeps, and a connection that does not let go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from voicechatengine.session.dialect import Close
from voicechatengine.session.handshake import Handshake
from voicechatengine.simulators import Connection, Faults, Simulator
from voicechatengine.simulators.faults import FaultyTransport
from voicechatengine.simulators.service import KEPT_FRAMES
from voicechatengine.simulators.vendors import vendor


class Stuck:
    """A transport that hands over three frames, and then neither ends nor closes at the first attempt."""

    def __init__(self) -> None:
        self.handed = asyncio.Event()
        self.closing = False

    async def pump(self, on_frame: Callable[[bytes | str], None], /) -> Close:
        for frame in ("one", "two", "three"):
            on_frame(frame)
        self.handed.set()
        return await asyncio.Future()

    async def send(self, data: bytes, binary: bool, /) -> None:
        pass

    async def close(self, close: Close, /) -> None:
        if not self.closing:
            self.closing = True
            await asyncio.Future()


async def test_frames_that_were_on_the_way_are_lost_with_the_cable():
    heard: list[bytes | str] = []
    cut: list[None] = []
    stuck = Stuck()
    transport = FaultyTransport(stuck, Faults(drop_after_received=2), lambda: cut.append(None))
    pumping = asyncio.create_task(transport.pump(heard.append))
    await stuck.handed.wait()
    pumping.cancel()
    await asyncio.wait([pumping])
    assert heard == ["one", "two"]
    assert cut == [None]


async def test_a_connection_that_does_not_let_go_is_let_go():
    service, stuck = Simulator(vendor("openai")), Stuck()
    handshake = Handshake("/v1/realtime", {"model": "gpt-realtime"})
    serving = asyncio.create_task(service.serve(handshake, stuck, lambda: None))
    await stuck.handed.wait()
    await service.stop()
    await asyncio.wait([serving])
    assert service.connections[0].ended == Close(1006, "stopped")
    assert service.received == [b"one", b"two", b"three"]


def test_of_very_much_that_a_client_sends_the_end_is_kept():
    connection = Connection(Handshake("/"), lambda: None)
    for number in range(KEPT_FRAMES + 2):
        connection.keep(str(number))
    assert (connection.received[0], len(connection.received)) == (2, KEPT_FRAMES)
