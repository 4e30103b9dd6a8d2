"""A move at any moment of a spoken conversation: nothing that was said is lost, or heard twice by the same provider."""

from __future__ import annotations

import asyncio
import base64
import random

import pytest
from relaying import FORMAT, Listener, given, marked, marks, mock, speak, told

from voicechatengine import (
    ErrorInfo,
    Failover,
    MessageType,
    OpenAIConfig,
    OpenAIProvider,
    Reconnected,
    ResponseCompleted,
    Retry,
    TextChunk,
    Tool,
    ToolCall,
)
from voicechatengine.compose.relay import Relay
from voicechatengine.simulators import Simulator, memory_connector
from voicechatengine.simulators.vendors import vendor

FIRST, SECOND = range(1, 1201), range(1201, 2401)
SPEECH = (
    FORMAT.silence(300) + marked(1, 1201) + FORMAT.silence(1500) + marked(1201, 2401) + FORMAT.silence(1500)
)


async def moved(at_s: float, at: str, detect: tuple[bool, bool]) -> None:
    first, second = (mock(name, detect_turns=each) for name, each in zip("ab", detect, strict=True))
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        talking = asyncio.create_task(speak(relay, SPEECH))
        await asyncio.sleep(at_s)
        await relay.move_to(second, at=at)
        await talking
        await asyncio.sleep(4)
        history = told(second.history)
    audio = [marks(given(provider)) for provider in (first, second)]
    for each in audio:
        assert each == sorted(set(each)), "in order, and nothing twice"
    for turn in (FIRST, SECOND):
        whole = [set(turn) <= set(each) for each in audio]
        assert any(whole), "every turn reaches one of them whole"
    assert [item.split(":")[0] for item in history if item.startswith("user: (")] == ["user", "user"]
    assert [item for item in history if item.startswith("assistant")]
    assert heard.all(ErrorInfo) == []
    assert heard.all(Reconnected) == [Reconnected(1, True)]
    answers = [done for done in heard.all(ResponseCompleted) if done.status == "completed"]
    assert 1 <= len(answers) <= 2


@pytest.mark.parametrize("at", ["now", "pause"])
@pytest.mark.parametrize("detect", [(True, True), (True, False)], ids=["vad to vad", "vad to none"])
@pytest.mark.parametrize("part", range(10))
async def test_what_is_said_reaches_a_provider_whole_whenever_the_move_comes(part, detect, at):
    for step in range(12):
        await moved(0.05 + (part * 12 + step) * 0.04, at, detect)


def heard_by(simulator: Simulator) -> bytes:
    """All audio that a simulator was sent."""
    return b"".join(
        base64.b64decode(frame["audio"])
        for frame in simulator.received
        if frame["type"] == "input_audio_buffer.append"
    )


async def cut(at_s: float) -> None:
    """The first of two simulated services is cut off for good at that time; a tool round is part of the conversation."""
    loop = asyncio.get_running_loop()
    simulators = [Simulator(vendor("openai"), clock=lambda: 1.75e9 + loop.time(), seed=n) for n in (1, 2)]
    together = Failover(
        [
            OpenAIProvider(
                OpenAIConfig(api_key="k", url=f"ws://simulated-{n}", retry=Retry(attempts=0)),
                connector=memory_connector(simulator),
                rng=random.Random(n),
            )
            for n, simulator in enumerate(simulators)
        ]
    )
    async with Listener(together) as heard:
        await together.connect()
        await together.update_session(tools=[Tool("get_weather")])
        talking = asyncio.create_task(speak(together, SPEECH))
        dying = loop.call_later(at_s, simulators[0].cut)
        await talking
        await asyncio.sleep(6)
        await together.send_text("What is the weather?")
        await together.create_response()
        call = await heard.next(ToolCall, 0)
        await together.send_message(
            MessageType.TOOL_RESULT, {"call_id": call.call_id, "output": "12 degrees"}
        )
        await together.create_response()
        await heard.until(lambda heard: "12 degrees" in "".join(chunk.text for chunk in heard.all(TextChunk)))
        dying.cancel()
    for simulator in simulators:
        await simulator.stop()
    audio = [marks(heard_by(simulator)) for simulator in simulators]
    for each in audio:
        assert each == sorted(set(each)), "in order, and nothing twice"
    for turn in (FIRST, SECOND):
        assert any(set(turn) <= set(each) for each in audio), "every turn reaches one of them whole"
    assert all(error.recoverable for error in heard.all(ErrorInfo))
    results = [
        frame["item"]["call_id"]
        for frame in simulators[1].received
        if frame["type"] == "conversation.item.create" and frame["item"]["type"] == "function_call_output"
    ]
    assert len(results) == 1


@pytest.mark.parametrize("part", range(10))
async def test_what_is_said_reaches_a_service_whole_whenever_the_first_is_cut_off(part):
    for step in range(6):
        await cut(0.05 + (part * 6 + step) * 0.08)
