"""Tools over a real socket: the whole way to a vendor's wire and back, also when the connection is cut under a call."""

from __future__ import annotations

import asyncio

import pytest

from voicechatengine import MockConfig, MockProvider, OpenAIConfig, OpenAIProvider, VoiceEngine
from voicechatengine.messages import MessageItem, ToolCallItem, ToolResultItem
from voicechatengine.providers.mock import MockCall, MockReply, MockTurn
from voicechatengine.simulators import simulator

pytestmark = pytest.mark.realtime


def calculator(turn: MockTurn) -> MockReply:
    """A model that asks for two sums at once, and then says what they are."""
    if turn.tool_results:
        return MockReply(" and ".join(result.output for result in turn.tool_results))
    calls = [MockCall(name="add", arguments={"a": 1, "b": b}) for b in (2, 3)]
    return MockReply("Hm.", calls=calls)


def service():
    return simulator("openai", provider=lambda: MockProvider(MockConfig(respond=calculator)))


def engine_at(url: str, *tools) -> VoiceEngine:
    return VoiceEngine(OpenAIProvider(OpenAIConfig(url=url, api_key="made-up")), tools=tools)


async def test_results_go_out_before_the_one_request_for_the_next_reply():
    """A sync tool in a thread, by the default way."""

    def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    async with service() as server, engine_at(server.url, add) as engine:
        reply = await engine.ask("Go")
    assert sorted(reply.text.removeprefix("Hm. ").split(" and ")) == ["3", "4"]
    kinds = [frame.get("item", frame)["type"] for frame in server.received]
    assert kinds == [
        "session.update",
        "message",
        "response.create",
        "function_call_output",
        "function_call_output",
        "response.create",
    ]
    assert [tool["name"] for tool in server.received[0]["session"]["tools"]] == ["add"]


@pytest.mark.parametrize("waits", [True, False], ids=["done when it is back", "done while it is away"])
async def test_a_call_under_which_the_connection_is_cut_is_answered_once(waits: bool):
    ran, back = [], asyncio.Event()
    async with service() as server:

        async def add(a: int, b: int) -> int:
            """Adds."""
            ran.append(b)
            if b == 2:
                server.cut()
                if waits:
                    await back.wait()
            return a + b

        async with engine_at(server.url, add) as engine:
            engine.on_event("reconnected", lambda _: back.set())
            reply = await engine.ask("Go")
            await back.wait()
            history = engine.history
    assert sorted(ran) == [2, 3]
    assert reply.status == "completed"
    assert len([item for item in history if isinstance(item, ToolCallItem)]) == 2
    results = [item for item in history if isinstance(item, ToolResultItem)]
    assert sorted(item.output for item in results) == ["3", "4"]
    assert isinstance(history[-1], MessageItem)
    new = server.received[[frame["type"] for frame in server.received].index("session.update", 1) :]
    told = [
        frame["item"]["call_id"]
        for frame in new
        if frame.get("item", {}).get("type") == "function_call_output"
    ]
    assert sorted(told) == sorted(item.call_id for item in results)  # each once in the new session
