"""Another provider in mid-conversation: what the engine's users hold on to goes on."""

from __future__ import annotations

import asyncio

import pytest
from puppet import Sink

from voicechatengine import AudioFormat, ConnectionError, MockConfig, MockProvider, VoiceEngine
from voicechatengine.audio.tone import tone
from voicechatengine.engine.io import MemorySource
from voicechatengine.messages import MessageItem, ToolCallItem, ToolResultItem
from voicechatengine.providers.mock import MockCall, MockReply

FORMAT, WIDE = AudioFormat(), AudioFormat(sample_rate=16_000)


def mock(name: str, *script: MockReply, **options) -> MockProvider:
    return MockProvider(MockConfig(name=name, script=script, **options))


async def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


async def test_history_tools_subscriptions_and_handlers_go_on():
    first = mock("a", MockReply(calls=[MockCall(name="add", arguments={"a": 1, "b": 1})]), MockReply("Two"))
    second = mock("b", MockReply(calls=[MockCall(name="add", arguments={"a": 2, "b": 2})]), MockReply("Four"))
    handled: list[str] = []
    async with VoiceEngine(first, tools=[add]) as engine:
        engine.on_event("response_completed", lambda event: handled.append(event.provider))
        events = engine.events()
        assert (await engine.ask("One and one?")).text == "Two"
        await engine.switch_provider(second)
        assert engine.provider is second
        assert (await engine.ask("Two and two?")).text == "Four"
        kinds = [type(item) for item in engine.history]
        assert kinds == [MessageItem, ToolCallItem, ToolResultItem, MessageItem] * 2
        assert [type(item) for item in second.history] == kinds
    assert handled == ["a", "a", "b", "b"]
    assert [event.type async for event in events].count("response_completed") == 4


async def test_a_switch_that_fails_changes_nothing():
    async with VoiceEngine(mock("a")) as engine:
        with pytest.raises(ConnectionError, match="refused"):
            await engine.switch_provider(mock("b", error_rate={"connect": 1.0}))
        assert (await engine.ask("Hi")).text == "You said: Hi"


@pytest.mark.parametrize("at", ["pause", "now"])
async def test_a_spoken_conversation_goes_on_with_a_provider_of_another_rate_and_no_turn_detection(at):
    """Two questions are spoken; the switch comes between them, or in the midst of the first answer."""
    first = mock("a", MockReply("This is the first answer", pace=1.0), detect_turns=True)
    second = mock("b", MockReply("And the second"), input_audio_format=WIDE)
    question = FORMAT.silence(300) + tone(FORMAT, 600) + FORMAT.silence(3000)
    source, sink = MemorySource(question * 2, FORMAT), Sink()
    async with VoiceEngine(first) as engine:
        running = asyncio.create_task(engine.run(source, sink))
        await asyncio.sleep(2.0)
        await engine.switch_provider(second, at=at)
        await running
        said = [
            item.text for item in engine.history if isinstance(item, MessageItem) and item.role == "assistant"
        ]
    assert said[-1] == "And the second"
    assert len(said) == 2
    assert any(sink.heard)
