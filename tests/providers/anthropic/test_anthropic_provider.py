"""The whole provider against the whole simulator: in memory and virtual time, and once over real sockets."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from anthropic_stream import FULL, begin, end, words

from voicechatengine import ConnectionError, MessageError, MockConfig, MockProvider, VoiceEngine
from voicechatengine.audio.format import AudioFormat
from voicechatengine.events import ErrorInfo, ProviderEvent, ResponseCompleted, TextChunk, ToolCall
from voicechatengine.messages import Image, MessageType, Tool, ToolResult
from voicechatengine.provider import Provider, Retry
from voicechatengine.providers.anthropic import AnthropicConfig, AnthropicProvider
from voicechatengine.providers.mock import MockReply
from voicechatengine.session.http import HttpAnswer, HttpRequest, MemoryAnswer, MemoryHttp
from voicechatengine.simulators import Faults, Simulator, memory_http, simulator
from voicechatengine.simulators.vendors import vendor

URL = "http://here"
WEATHER = Tool(
    "get_weather",
    "The weather of a city",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


def service(faults: Faults | None = None, *replies: MockReply) -> Simulator:
    provider = (lambda: MockProvider(MockConfig(script=replies))) if replies else None
    return Simulator(vendor("anthropic"), provider=provider, faults=faults, seed=1)


@asynccontextmanager
async def connected(
    sim: Simulator, **settings: Any
) -> AsyncIterator[tuple[Provider, AsyncIterator[ProviderEvent]]]:
    config = AnthropicConfig(api_key="k", url=URL, retry=Retry(attempts=1), **settings)
    provider = AnthropicProvider(config, http=memory_http(sim), rng=random.Random(1))
    events = provider.events()
    await provider.connect()
    try:
        yield provider, events
    finally:
        await provider.disconnect()


async def until_done(events: AsyncIterator[ProviderEvent]) -> list[Any]:
    seen: list[Any] = []
    async for event in events:
        assert event.provider == "anthropic"
        seen.append(event.data)
        if isinstance(event.data, ResponseCompleted):
            break
    return seen


def said(seen: list[Any]) -> str:
    return "".join(data.text for data in seen if isinstance(data, TextChunk))


async def test_a_written_question_is_answered_in_writing_without_any_part_for_speech():
    async with connected(service(), instructions="Be brief.") as (provider, events):
        await provider.send_text("Hello")
        await provider.create_response()
        seen = await until_done(events)
        assert said(seen) == "I am the Anthropic simulator. You said: Hello"
        assert (seen[-1].status, seen[-1].usage.output_tokens > 0) == ("completed", True)


async def test_the_model_gets_the_conversation_and_the_sessions_options():
    sim = service()
    async with connected(sim, max_tokens=77, vendor={"speed": "fast"}) as (provider, events):
        for text in ("One", "Two"):
            await provider.send_text(text)
            await provider.create_response()
            await until_done(events)
    first, second = sim.received
    assert (first["max_tokens"], first["speed"], first["model"]) == (77, "fast", "claude-haiku-5-5")
    assert [turn["role"] for turn in second["messages"]] == ["user", "assistant", "user"]


async def test_a_tool_is_called_and_its_result_used():
    async with connected(service(), tools=(WEATHER,)) as (provider, events):
        await provider.send_text("What is the weather in London?")
        await provider.create_response()
        (call,) = [data for data in await until_done(events) if isinstance(data, ToolCall)]
        assert (call.name, call.parsed) == ("get_weather", {"city": "London"})
        await provider.send_message(MessageType.TOOL_RESULT, ToolResult(call.call_id, "foggy"))
        await provider.create_response()
        assert said(await until_done(events)) == "I am the Anthropic simulator. The tool says: foggy"


async def test_a_picture_is_seen():
    async with connected(service()) as (provider, events):
        await provider.send_message(MessageType.IMAGE, Image(b"PNG"))
        await provider.send_text("What is it?")
        await provider.create_response()
        assert "I was shown 1 picture" in said(await until_done(events))


async def test_a_failure_in_mid_reply_is_an_error_event_and_the_session_goes_on():
    sim = service(Faults(overloaded_after=2, connections=1))
    async with connected(sim) as (provider, events):
        await provider.send_text("Hello")
        await provider.create_response()
        seen = await until_done(events)
        (error,) = [data for data in seen if isinstance(data, ErrorInfo)]
        assert (error.code, error.recoverable, seen[-1].status) == ("overloaded_error", True, "failed")
        assert said(seen)
        await provider.create_response()
        assert (await until_done(events))[-1].status == "completed"


async def test_a_cut_in_mid_stream_is_an_error_event_and_no_hang():
    async with connected(service(Faults(drop_after_sent=5))) as (provider, events):
        await provider.send_text("Hello")
        await provider.create_response()
        seen = await until_done(events)
        assert [data.code for data in seen if isinstance(data, ErrorInfo)] == ["connection_lost"]
        assert seen[-1].status == "failed"


async def test_an_interruption_aborts_the_request_at_once():
    sim = service(None, MockReply("word " * 300, pace=1))
    async with connected(sim) as (provider, events):
        await provider.send_text("Talk")
        await provider.create_response()
        async for event in events:
            if isinstance(event.data, TextChunk):
                break
        await provider.interrupt()
        assert (await until_done(events))[-1].status == "interrupted"
        assert (await asyncio.wait_for(sim.connections[0].closed(), 1)).code == 1006


async def test_without_a_key_connecting_says_where_to_put_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(ConnectionError, match="ANTHROPIC_API_KEY"):
        await AnthropicProvider().connect()


async def test_the_model_is_not_to_be_changed_in_mid_session():
    async with connected(service()) as (provider, _):
        with pytest.raises(MessageError) as caught:
            await provider.update_session(model="claude-opus-5-5")
        assert caught.value.field == "model"


def test_what_it_can_do_follows_from_the_parts_that_it_has():
    can = AnthropicProvider(AnthropicConfig(api_key="k")).get_capabilities()
    assert can.get("image_input")
    assert can.get("tools")
    assert not can.get("audio_input")
    assert not can.get("audio_output")


class Beeps:
    """Speaks each sentence as one sound."""

    format = AudioFormat("pcm16", 16_000)

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def speak(
        self, text: str, *, voice: str | None = None, language: str | None = None
    ) -> AsyncGenerator[bytes]:
        yield b"\1\0" * 1600


async def test_a_part_that_speaks_makes_it_speak():
    sim = service()
    config = AnthropicConfig(api_key="k", url=URL)
    provider = AnthropicProvider(config, tts=Beeps(), http=memory_http(sim))
    async with VoiceEngine(provider) as engine:
        reply = await engine.ask("Hello")
    assert reply.text == "I am the Anthropic simulator. You said: Hello"
    assert len(reply.audio) >= 3200


def test_audio_is_heard_and_spoken_by_the_local_parts_unless_others_are_given():
    can = AnthropicProvider(AnthropicConfig(api_key="k", modalities=("audio",))).get_capabilities()
    assert (can.get("audio_input"), can.get("audio_output")) == (True, True)
    assert can.get("turn_detection") == ("server_vad",)


@pytest.mark.realtime
async def test_a_conversation_over_real_sockets():
    async with simulator("anthropic") as sim:
        config = AnthropicConfig(api_key="anything", url=sim.url)
        async with VoiceEngine(AnthropicProvider(config)) as engine:
            for text in ("One", "Two"):
                assert (await engine.ask(text)).text == f"I am the Anthropic simulator. You said: {text}"
    assert len(sim.connections) == 2


async def test_thoughts_go_back_verbatim_with_the_call_that_they_led_to():
    """The service requires it: a call without its thoughts is a 400."""
    answers = [MemoryAnswer([FULL]), MemoryAnswer([begin() + words("It is foggy.") + end()])]

    async def answer(request: HttpRequest) -> HttpAnswer:
        return answers.pop(0)

    http = MemoryHttp(answer)
    provider = AnthropicProvider(AnthropicConfig(api_key="k", tools=(WEATHER,)), http=http)
    events = provider.events()
    await provider.connect()
    await provider.send_text("And in London?")
    await provider.create_response()
    for call in [data for data in await until_done(events) if isinstance(data, ToolCall)]:
        await provider.send_message(MessageType.TOOL_RESULT, ToolResult(call.call_id, "foggy"))
    await provider.create_response()
    assert said(await until_done(events)) == "It is foggy."
    await provider.disconnect()
    _, turn, results = json.loads(http.requests[1].body)["messages"]
    assert turn["content"] == [
        {"type": "thinking", "thinking": "A city, so…", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "b3BhcXVl"},
        {"type": "text", "text": "Let me look: naïve ✓"},
        {"id": "toolu_1", "input": {"city": "London"}, "name": "get_weather", "type": "tool_use"},
        {"id": "toolu_2", "input": {}, "name": "get_time", "type": "tool_use"},
    ]
    assert [result["tool_use_id"] for result in results["content"]] == ["toolu_1", "toolu_2"]
