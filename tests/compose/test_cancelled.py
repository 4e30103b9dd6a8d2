"""Cancelled at every step: a relay has one provider in use or none, the others are closed, and no task is left."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
from relaying import DIES, Listener, mock, told

from voicechatengine import MockProvider, OpenAIConfig, OpenAIProvider, Provider, ResponseCompleted, TextChunk
from voicechatengine.compose.failover import Failover
from voicechatengine.compose.relay import Relay
from voicechatengine.providers.mock import MockReply
from voicechatengine.simulators import Simulator, memory_connector
from voicechatengine.simulators.vendors import vendor


async def cancelled_after(turns: int, work: Awaitable[object]) -> bool:
    """Cancels the work after so many turns of the loop; whether it was over before."""
    task = asyncio.ensure_future(work)
    for _ in range(turns):
        await asyncio.sleep(0)
    if task.done():
        await task
        return True
    task.cancel()
    await asyncio.wait([task])
    return False


async def at_every_turn(attempt: Callable[[int], Awaitable[bool]]) -> None:
    """Tries with one turn more each time, until the work is over before it is cancelled."""
    for turns in range(1, 400):
        if await attempt(turns):
            assert turns > 2
            return
    raise AssertionError("the work is never over")


def others() -> list[str]:
    """The tasks that live, but for this one."""
    return sorted(task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task())


async def answered(provider: Provider, heard: Listener) -> str:
    await provider.send_text("Are you there?")
    await provider.create_response()
    done = await heard.next(ResponseCompleted)
    return "".join(chunk.text for chunk in heard.all(TextChunk) if chunk.response_id == done.response_id)


class Sleepy(MockProvider):
    """Takes some turns of the loop for everything, as a network does, without a moment of time."""

    async def connect(self) -> bool:
        await turns()
        done = await super().connect()
        await turns()
        return done

    async def disconnect(self) -> None:
        try:
            await turns()
        finally:
            await super().disconnect()


async def turns(count: int = 4) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def sleepy(name: str, *script: MockReply) -> Sleepy:
    return Sleepy(mock(name, *script).config)


async def test_a_move_that_is_cancelled_leaves_one_provider_in_use():
    async def attempt(turns: int) -> bool:
        first, second = sleepy("a"), sleepy("b")
        relay = Relay(first)
        async with Listener(relay) as heard:
            await relay.connect()
            await relay.send_text("Hi")
            over = await cancelled_after(turns, relay.move_to(second))
            assert relay.provider in (first, second)
            await asyncio.sleep(3)
            used, other = (first, second) if relay.provider is first else (second, first)
            assert (used.is_connected(), other.is_connected()) == (True, False)
            assert told(used.history)[:1] == ["user: Hi"]
            assert (await answered(relay, heard)).endswith("Are you there?")
            assert len(others()) == 2, others()  # the listener and the relay's reader
        assert not used.is_connected()
        return over

    await at_every_turn(attempt)


async def test_a_connect_that_is_cancelled_leaves_nothing_open():
    async def attempt(turns: int) -> bool:
        providers = sleepy("a"), sleepy("b")
        together = Failover(providers)
        over = await cancelled_after(turns, together.connect())
        if not over:
            await asyncio.sleep(3)
            assert not any(provider.is_connected() for provider in providers)
            assert not together.is_connected()
            assert others() == []
        await together.connect()
        async with Listener(together) as heard:
            assert await answered(together, heard)
        return over

    await at_every_turn(attempt)


async def test_a_disconnect_that_is_cancelled_has_closed():
    async def attempt(turns: int) -> bool:
        first, second = sleepy("a", DIES), sleepy("b", MockReply("Hello", delay_s=9))
        together = Failover([first, second], first_audio_s=60, recover_after_s=30)
        await together.connect()
        await together.create_response()
        await asyncio.sleep(2)
        assert together.provider is second
        over = await cancelled_after(turns, together.disconnect())
        await asyncio.sleep(3)
        assert not together.is_connected()
        assert not first.is_connected()
        assert not second.is_connected()
        assert others() == []
        return over

    await at_every_turn(attempt)


async def test_a_disconnect_in_the_midst_of_a_rescue_stops_it():
    async def attempt(turns: int) -> bool:
        first, second = sleepy("a", DIES), sleepy("b")
        together = Failover([first, second])
        async with Listener(together) as heard:
            await together.connect()
            await together.create_response()
            await heard.until(lambda heard: "reconnecting" in heard.types)
            for _ in range(turns):
                await asyncio.sleep(0)
            over = together.is_connected()
        await asyncio.sleep(3)
        assert not first.is_connected()
        assert not second.is_connected()
        assert others() == []
        return over

    await at_every_turn(attempt)


async def test_a_disconnect_in_the_midst_of_a_move_ends_the_move():
    async def attempt(turns: int) -> bool:
        first, second = sleepy("a"), sleepy("b")
        relay = Relay(first)
        async with Listener(relay):
            await relay.connect()
            moving = asyncio.create_task(relay.move_to(second))
            for _ in range(turns):
                await asyncio.sleep(0)
            over = moving.done()
            await relay.disconnect()
            await asyncio.wait([moving])
            if not over and moving.exception() is not None:
                with pytest.raises(ConnectionError):
                    await moving
        await asyncio.sleep(3)
        assert not first.is_connected()
        assert not second.is_connected()
        assert others() == []
        return over

    await at_every_turn(attempt)


async def test_a_move_between_vendors_that_is_cancelled_leaves_no_connection_and_no_task():
    """Over the vendor's whole dialect and runtime, in memory."""
    loop = asyncio.get_running_loop()

    def openai(number: int, simulator: Simulator) -> OpenAIProvider:
        return OpenAIProvider(
            OpenAIConfig(api_key="k", url=f"ws://simulated-{number}"),
            connector=memory_connector(simulator),
            rng=random.Random(number),
        )

    async def attempt(turns: int) -> bool:
        simulators = [Simulator(vendor("openai"), clock=lambda: 1.75e9 + loop.time(), seed=n) for n in (1, 2)]
        first, second = (openai(number, simulator) for number, simulator in enumerate(simulators))
        relay = Relay(first)
        async with Listener(relay) as heard:
            await relay.connect()
            over = await cancelled_after(turns * 5, relay.move_to(second))
            await asyncio.sleep(5)
            assert first.is_connected() != second.is_connected()
            assert "Are you there?" in await answered(relay, heard)
        for simulator in simulators:
            await simulator.stop()
            assert all(connection.ended is not None for connection in simulator.connections)
        assert others() == []
        return over

    await at_every_turn(attempt)
