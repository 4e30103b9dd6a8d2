"""A subscriber that stops reading: memory stays bounded, it is told, and everybody else goes on."""

from __future__ import annotations

import asyncio
import random
import tracemalloc

from voicechatengine import Limits, OpenAIConfig, OpenAIProvider
from voicechatengine.providers.mock import MockConfig, MockProvider, MockReply
from voicechatengine.session.grammar import Grammar
from voicechatengine.simulators import Simulator, memory_connector
from voicechatengine.simulators.vendors import vendor

BOUND = 500_000  # bytes: ten seconds of audio
MINUTE = 60 * 48_000


def connected(limits: Limits) -> tuple[OpenAIProvider, Simulator]:
    loop = asyncio.get_running_loop()
    replies = [MockReply("A long story.", audio=60.0, pace=10) for _ in range(3)]
    simulator = Simulator(
        vendor("openai"),
        provider=lambda: MockProvider(MockConfig(script=replies, recorded_bytes=10_000)),
        seed=1,
    )
    provider = OpenAIProvider(
        OpenAIConfig(api_key="k", url="ws://simulated", limits=limits),
        connector=memory_connector(simulator),
        clock=lambda: 1.75e9 + loop.time(),
        rng=random.Random(1),
    )
    return provider, simulator


async def test_a_minute_of_audio_that_nobody_reads_is_dropped_but_for_the_end_and_the_session_lives():
    provider, simulator = connected(Limits(received_bytes=BOUND))
    slow, quick = provider.events(), provider.events()
    await provider.connect()
    heard = 0
    tracemalloc.start()
    for turn in range(3):
        await provider.send_text("Tell me a story.")
        await provider.create_response()
        async for event in quick:
            heard += len(event.data["audio"]) if event.type == "audio_chunk" else 0
            if event.type == "response_completed":
                break
        if turn == 0:
            before, _ = tracemalloc.get_traced_memory()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert heard == 3 * MINUTE
    assert after - before < BOUND
    assert provider.is_connected()
    await provider.disconnect()
    await simulator.stop()

    late = [event async for event in slow]
    assert late[0].type == "error"
    assert late[0].data["code"] == "overflow"
    assert "oldest audio" in late[0].data["message"]
    kept = sum(len(event.data["audio"]) for event in late if event.type == "audio_chunk")
    assert BOUND // 2 < kept <= BOUND
    assert [event.type for event in late].count("error") == 1
    assert [event.type for event in late].count("response_completed") == 3
    grammar = Grammar()
    assert [wrong for event in late if (wrong := grammar.check(event.data))] == []
