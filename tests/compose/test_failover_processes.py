"""Failover between simulators that are processes of their own: the first is killed in mid-sentence."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from relaying import Listener

from voicechatengine import (
    AudioChunk,
    OpenAIConfig,
    OpenAIProvider,
    Reconnected,
    ResponseCompleted,
    Retry,
    TextChunk,
    Tool,
    VoiceEngine,
)
from voicechatengine.compose.failover import Failover
from voicechatengine.messages import MessageType, ToolCallItem
from voicechatengine.simulators import simulator

WEATHER = Tool(
    "get_weather", "", {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
)


@asynccontextmanager
async def simulator_process() -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """A simulator of OpenAI's service in another process, and its URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "voicechatengine.cli.main", "simulate", "openai", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield (await process.stdout.readline()).decode().strip(), process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def openai(url: str) -> OpenAIProvider:
    return OpenAIProvider(
        OpenAIConfig(api_key="simulated", url=url, tools=(WEATHER,), retry=Retry(attempts=1, base=0.05))
    )


@pytest.mark.realtime
async def test_a_service_killed_in_mid_sentence_is_followed_by_one_that_knows_the_history_and_the_tool_round():
    async with simulator_process() as (first_url, process), simulator("openai") as second:
        together = Failover([openai(first_url), openai(second.url)])
        async with VoiceEngine(together) as engine, Listening(engine) as heard:
            asked = await engine.ask("What is the weather in Oslo?")
            (call,) = asked.tool_calls
            await engine.provider.send_message(
                MessageType.TOOL_RESULT, {"call_id": call.call_id, "output": "12 degrees"}
            )
            await engine.create_response()
            await heard.until(lambda h: len(h.all(ResponseCompleted)) == 2)
            await engine.send_text(
                "Tell me a long story about all the rain and the wind that there was in Oslo"
            )
            await engine.create_response()
            await heard.next(AudioChunk)
            process.send_signal(signal.SIGKILL)
            lost = await heard.next(ResponseCompleted, 2)
            assert lost.status == "failed"
            back = await heard.next(Reconnected, 0)
            assert back.state_restored, back.missing
            again = await heard.next(ResponseCompleted, 3)
            assert again.status == "completed"
            assert "simulator" in "".join(
                chunk.text for chunk in heard.all(TextChunk) if chunk.response_id == again.response_id
            )
            assert (await engine.ask("Are you there?")).text.endswith("Are you there?")
            kinds = [type(item) for item in engine.history]
        assert kinds.count(ToolCallItem) == 1
        items = [frame["item"] for frame in second.received if frame["type"] == "conversation.item.create"]
        assert [item["type"] for item in items[:3]] == ["message", "function_call", "function_call_output"]
        assert items[2]["output"] == "12 degrees"
        assert items[1]["call_id"] == items[2]["call_id"]
        words = [part["text"] for item in items if item["type"] == "message" for part in item["content"]]
        assert words[0] == "What is the weather in Oslo?"
        assert any(text.startswith("Tell me a long story") for text in words)


class Listening(Listener):
    """Listens to an engine, which disconnects itself."""

    async def __aexit__(self, *_: object) -> None:
        assert self.wrong == []
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])
