"""A conversation with Gemini whose connection is cut at every message, either way: it goes on, or ends with one clear error."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections import Counter
from typing import Any

import pytest

from voicechatengine import (
    AudioFormat,
    ConnectionError,
    GeminiConfig,
    GeminiProvider,
    MockConfig,
    MockProvider,
    ProviderEvent,
    Tool,
)
from voicechatengine.audio.tone import tone
from voicechatengine.messages import MessageType
from voicechatengine.providers.mock import MockReply, MockTurn
from voicechatengine.session.grammar import Grammar
from voicechatengine.simulators import Faults, Simulator, memory_connector
from voicechatengine.simulators.responder import answer, unheard
from voicechatengine.simulators.vendors import vendor

FORMAT = AudioFormat(sample_rate=16_000)
SPEECH = FORMAT.silence(300) + tone(FORMAT, 700) + FORMAT.silence(1_000)
WEATHER = Tool(
    "get_weather", "", {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
)
NEW, OLD = "gemini-3.8-live", "gemini-2.5-flash-native-audio-latest"
TEXTS = ("Hello", "What is the weather in Oslo?")


def answering() -> MockProvider:
    """Says what the simulator says, in few messages: each of them is cut at once."""

    def respond(turn: MockTurn) -> MockReply:
        return dataclasses.replace(answer("Gemini", turn), chunk_ms=500)

    return MockProvider(MockConfig(respond=respond, transcripts=unheard))


class Conversation:
    """A text turn, a spoken turn and a tool round, by an application that asks again where it is told that it must."""

    def __init__(self, faults: Faults, model: str, *, resumes: bool) -> None:
        loop = asyncio.get_running_loop()
        self.simulator = Simulator(
            vendor("gemini"), provider=answering, faults=faults, clock=lambda: 1.75e9 + loop.time(), seed=1
        )
        self.provider = GeminiProvider(
            GeminiConfig(
                api_key="k",
                url="ws://simulated",
                model=model,
                tools=(WEATHER,),
                vendor={} if resumes else {"sessionResumption": None},
            ),
            connector=memory_connector(self.simulator),
            clock=lambda: 1.75e9 + loop.time(),
            rng=random.Random(2),
        )
        self.events: list[ProviderEvent] = []
        self._reading = self.provider.events()

    async def hold(self) -> None:
        await self.provider.connect()
        await self.provider.send_text(TEXTS[0])
        await self._answered(self.provider.create_response)
        await self._answered(self._speak)
        await self.provider.send_text(TEXTS[1])
        await self._answered(self.provider.create_response)

    async def _speak(self) -> None:
        for start in range(0, len(SPEECH), FORMAT.frame_bytes * 5):
            await self.provider.send_audio(SPEECH[start : start + FORMAT.frame_bytes * 5])
            await asyncio.sleep(FORMAT.frame_ms * 5 / 1000)

    async def _answered(self, ask: Any) -> None:
        """Asks until there is a whole reply with words."""
        await ask()
        async with asyncio.timeout(300):
            async for event in self._reading:
                self.events.append(event)
                data = event.data
                if event.type == "tool_call":
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


def written(frames: list[Any]) -> Counter[str]:
    """What was written to one connection, text by text."""
    found: Counter[str] = Counter()
    for frame in frames:
        turns = frame.get("clientContent", {}).get("turns", [])
        found.update(part["text"] for turn in turns for part in turn["parts"] if "text" in part)
        text = frame.get("realtimeInput", {}).get("text", "").strip()
        found.update(text.split("\n") if text else ())
    return found


async def cut(faults: Faults, model: str, *, resumes: bool = True) -> Conversation:
    """Holds the conversation with these faults and checks what must hold however it goes."""
    conversation = Conversation(faults, model, resumes=resumes)
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
        assert connection.ended.code not in (1007, 1008, 1011) or faults.close_after_sent is not None
        texts = written(connection.received)
        assert max((texts[text] for text in TEXTS), default=1) <= 1, texts
        answers = [f["toolResponse"]["functionResponses"] for f in connection.received if "toolResponse" in f]
        results = Counter(each["id"] for answer in answers for each in answer)
        assert max(results.values(), default=1) == 1
    return conversation


@pytest.mark.parametrize("model", [NEW, OLD])
async def test_without_a_cut_one_connection_serves(model):
    assert len((await cut(Faults(), model)).simulator.connections) == 1


@pytest.mark.parametrize(
    ("way", "model", "resumes"),
    [
        ("drop_after_sent", NEW, True),
        ("drop_after_sent", NEW, False),
        ("drop_after_received", NEW, True),
        ("close_after_sent", NEW, True),
        ("drop_after_sent", OLD, True),
        ("drop_after_received", OLD, False),
    ],
)
async def test_a_connection_cut_at_any_message_leads_to_a_whole_conversation_or_one_clear_error(
    way, model, resumes
):
    frames = 0
    while True:
        frames += 1
        faults = Faults(**{way: frames}, close_code=1001, connections=1)
        conversation = await cut(faults, model, resumes=resumes)
        connections = len(conversation.simulator.connections)
        if connections == 1 and any(event.type == "session_created" for event in conversation.events):
            break  # the conversation was over before the cut
    assert frames > 20
