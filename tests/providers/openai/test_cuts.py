"""A conversation whose connection is cut at every message, either way: it goes on, or ends with one clear error."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from voicechatengine import AudioFormat, ConnectionError, OpenAIConfig, OpenAIProvider, ProviderEvent, Tool
from voicechatengine.audio.tone import tone
from voicechatengine.messages import MessageType
from voicechatengine.session.grammar import Grammar
from voicechatengine.simulators import Faults, Simulator, memory_connector
from voicechatengine.simulators.vendors import vendor

FORMAT = AudioFormat()
SPEECH = FORMAT.silence(300) + tone(FORMAT, 700) + FORMAT.silence(800)
WEATHER = Tool(
    "get_weather", "", {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
)


class Conversation:
    """A text turn, a spoken turn and a tool round, by an application that asks again where it is told that it must."""

    def __init__(self, faults: Faults) -> None:
        loop = asyncio.get_running_loop()
        self.simulator = Simulator(
            vendor("openai"), faults=faults, clock=lambda: 1.75e9 + loop.time(), seed=1
        )
        self.provider = OpenAIProvider(
            OpenAIConfig(api_key="k", url="ws://simulated", tools=(WEATHER,)),
            connector=memory_connector(self.simulator),
            clock=lambda: 1.75e9 + loop.time(),
            rng=random.Random(2),
        )
        self.events: list[ProviderEvent] = []
        self.spoken = 0
        self._reading = self.provider.events()

    async def hold(self) -> None:
        await self.provider.connect()
        await self.provider.send_text("Hello")
        await self._answered(self.provider.create_response)
        await self._answered(self._speak)
        await self.provider.send_text("What is the weather in Oslo?")
        await self._answered(self.provider.create_response)

    async def _speak(self) -> None:
        self.spoken += 1
        for start in range(0, len(SPEECH), FORMAT.frame_bytes):
            await self.provider.send_audio(SPEECH[start : start + FORMAT.frame_bytes])
            await asyncio.sleep(FORMAT.frame_ms / 1000)

    async def _answered(self, ask: Any) -> None:
        """Asks until there is a whole reply with words."""
        await ask()
        calls = 0
        async with asyncio.timeout(300):
            async for event in self._reading:
                self.events.append(event)
                data = event.data
                if event.type == "tool_call":
                    calls += 1
                    result = {"call_id": data["call_id"], "output": "12 degrees"}
                    await self.provider.send_message(MessageType.TOOL_RESULT, result)
                    await self.provider.create_response()
                elif event.type == "response_completed" and data["status"] == "failed":
                    await self.provider.create_response()
                elif event.type == "reconnected" and any("reply" in what for what in data["missing"]):
                    await ask()
                elif (
                    event.type == "response_completed"
                    and data["status"] == "completed"
                    and not data["tool_calls"]
                ):
                    return
        raise ConnectionError("the session ended")


async def cut(faults: Faults) -> Conversation:
    """Holds the conversation with these faults and checks what must hold however it goes."""
    conversation = Conversation(faults)
    failure: ConnectionError | None = None
    try:
        await conversation.hold()
    except ConnectionError as error:
        failure = error
    await conversation.provider.disconnect()
    await conversation.simulator.stop()

    grammar = Grammar()
    assert [wrong for event in conversation.events if (wrong := grammar.check(event.data))] == []
    errors = [event.data for event in conversation.events if event.type == "error"]
    assert not errors, errors
    if failure is not None:  # only the very first connection may fail: nobody has promised a session yet
        assert len(conversation.simulator.connections) <= 1
        assert not any(event.type == "session_created" for event in conversation.events)
    for connection in conversation.simulator.connections:
        assert connection.ended is not None
        items = [
            frame["item"] for frame in connection.received if frame["type"] == "conversation.item.create"
        ]
        assert max(Counter(item["id"] for item in items).values(), default=1) == 1
        results = Counter(item["call_id"] for item in items if item["type"] == "function_call_output")
        assert max(results.values(), default=1) == 1
        words = Counter(
            part["text"]
            for item in items
            if item.get("role") == "user"
            for part in item["content"]
            if "text" in part
        )
        assert max((count for text, count in words.items() if not text.startswith("(")), default=1) == 1
    return conversation


async def whole() -> Conversation:
    conversation = await cut(Faults())
    assert len(conversation.simulator.connections) == 1
    assert conversation.spoken == 1
    return conversation


async def test_without_a_cut_one_connection_serves():
    await whole()


@pytest.mark.parametrize("way", ["drop_after_sent", "drop_after_received", "close_after_sent"])
async def test_a_connection_cut_at_any_message_leads_to_a_whole_conversation_or_one_clear_error(way):
    frames = 0
    while True:
        frames += 1
        conversation = await cut(Faults(**{way: frames}, connections=1))
        connections = len(conversation.simulator.connections)
        if connections == 1 and any(event.type == "session_created" for event in conversation.events):
            break  # the conversation was over before the cut
    assert frames > 40
