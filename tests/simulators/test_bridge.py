"""What couples a server dialect with a provider: order, refusals, floods and failures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest

from voicechatengine.events import ErrorInfo, Event, SessionCreated
from voicechatengine.messages import (
    AudioAppend,
    Command,
    MessageType,
    Options,
    ResponseCreate,
    SessionUpdate,
    TurnDetection,
)
from voicechatengine.providers.mock import MockProvider
from voicechatengine.session.dialect import Close, Frame, Outgoing, Restore
from voicechatengine.session.transport import MemoryTransport, memory_pair
from voicechatengine.simulators.bridge import QUEUE, Bridge

COMMANDS: dict[bytes | str, Sequence[Command]] = {
    "odd": [AudioAppend(b"x")],
    "empty": [ResponseCreate(modalities=())],
    "flood": [AudioAppend(b"xx")] * (QUEUE + 1),
    "update": [SessionUpdate(Options(voice="ash", turn_detection=TurnDetection()))],
}


class Plain:
    """A server dialect of a few frames: each stands for commands; errors go out as their codes."""

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken

    def opened(self, now: float, /) -> Sequence[Command | Outgoing]:
        return ()

    def receive(self, frame: bytes | str, now: float, /) -> Sequence[Command | Outgoing]:
        return COMMANDS[frame]

    def send(self, message: Event, now: float, /) -> Sequence[Command | Outgoing]:
        if self.broken and isinstance(message, SessionCreated):
            raise ZeroDivisionError
        return [Frame(message.code.encode())] if isinstance(message, ErrorInfo) else ()

    def closed(self, close: Close, now: float, /) -> Sequence[Command | Outgoing]:
        return ()

    def deadline(self) -> float | None:
        return None

    def expired(self, now: float, /) -> Sequence[Command | Outgoing]:
        return ()

    def snapshot(self) -> Restore:
        return Restore()


class Limited(MockProvider):
    """A mock that can change nothing but its voice in mid-session."""

    def get_capabilities(self):
        return {**super().get_capabilities(), "session_update": ("voice",)}


def served(provider: MockProvider, *, broken: bool = False) -> tuple[Bridge, MemoryTransport]:
    theirs, ours = memory_pair()
    return Bridge(Plain(broken=broken), ours, provider, lambda: 0.0), theirs


@pytest.mark.parametrize(("said", "answer"), [("odd", "provider_refused"), ("empty", "provider_refused")])
async def test_what_the_provider_refuses_is_told(said: str, answer: str):
    bridge, client = served(MockProvider())
    running = asyncio.create_task(bridge.run())
    await client.send(said.encode(), False)
    heard: list[bytes | str] = []

    def hear(frame: bytes | str) -> None:
        heard.append(frame)
        bridge.hang_up(Close(1000))

    assert await client.pump(hear) == Close(1000)
    assert heard == [answer]
    await running


async def test_a_flood_of_messages_ends_the_connection():
    bridge, client = served(MockProvider())
    running = asyncio.create_task(bridge.run())
    await client.send(b"flood", False)
    assert await client.pump(lambda _: None) == Close(1013, "too many messages at once")
    await running


async def test_a_failure_of_its_own_is_logged_and_ends_the_connection(caplog: pytest.LogCaptureFixture):
    bridge, client = served(MockProvider(), broken=True)
    with caplog.at_level(logging.ERROR):
        running = asyncio.create_task(bridge.run())
        assert await client.pump(lambda _: None) == Close(1011, "internal error")
        await running
    assert "the simulator failed" in caplog.text


async def test_only_what_the_provider_can_change_is_changed():
    provider = Limited()
    bridge, client = served(provider)
    running = asyncio.create_task(bridge.run())
    await client.send(b"update", False)
    async for event in provider.events():
        if event.type == "session_updated":
            break
    await client.close(Close(1000))
    assert await running == Close(1000)
    updates = [one.payload for one in provider.recording if one.type == MessageType.SESSION_UPDATE]
    assert updates == [SessionUpdate(Options(voice="ash"))]
    assert not provider.is_connected()


async def test_a_cancelled_bridge_leaves_nothing_open():
    provider = MockProvider()
    bridge, client = served(provider)
    running = asyncio.create_task(bridge.run())
    async for event in provider.events():
        if event.type == "session_created":
            break
    running.cancel()
    await asyncio.wait([running])
    assert not provider.is_connected()
    assert (await client.pump(lambda _: None)).code in (1000, 1006)
