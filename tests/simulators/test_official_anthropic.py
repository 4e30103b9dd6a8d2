"""The vendor's own package, unchanged, talks to the simulator over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import AsyncAnthropic

from voicechatengine import MockConfig, MockProvider
from voicechatengine.providers.mock import MockReply
from voicechatengine.simulators import Faults, Simulator, simulator

pytestmark = pytest.mark.realtime

MODEL = "claude-haiku-5-5"
WEATHER: Any = {
    "name": "get_weather",
    "description": "The weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@asynccontextmanager
async def talk(
    key: str = "sk-ant-test", retries: int = 0, **options: Any
) -> AsyncIterator[tuple[Simulator, Any]]:
    async with (
        simulator("anthropic", **options) as sim,
        AsyncAnthropic(api_key=key, base_url=sim.url, max_retries=retries) as client,
    ):
        yield sim, client.messages


def asking(text: str, **more: Any) -> dict[str, Any]:
    return {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": text}], **more}


async def test_a_message_is_streamed():
    async with talk() as (sim, messages):
        async with messages.stream(**asking("Hello there", system="Be brief.")) as stream:
            pieces = [text async for text in stream.text_stream]
            message = await stream.get_final_message()
        assert "".join(pieces) == "I am the Anthropic simulator. You said: Hello there"
        assert len(pieces) > 1
        assert (message.model, message.stop_reason) == (MODEL, "end_turn")
        assert message.id.startswith("msg_")
        assert message.usage.output_tokens > 0
        assert sim.received[0]["system"] == "Be brief."


async def test_each_event_is_of_the_packages_own_types():
    async with talk() as (_, messages):
        events = [event async for event in await messages.create(**asking("Hi"), stream=True)]
        assert [event.type for event in events][:2] == ["message_start", "content_block_start"]
        assert [event.type for event in events][-3:] == [
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
        for event in events:
            type(event).model_validate(event.to_dict(), strict=True)


async def test_a_message_comes_whole():
    async with talk() as (_, messages):
        message = await messages.create(**asking("Hi"))
        assert [block.text for block in message.content] == ["I am the Anthropic simulator. You said: Hi"]
        assert message.usage.input_tokens >= 0


async def test_a_tool_is_called_and_its_result_told():
    async with talk() as (_, messages):
        first = asking("What is the weather in London?", tools=[WEATHER])
        async with messages.stream(**first) as stream:
            message = await stream.get_final_message()
        (use,) = message.content
        assert (use.type, use.name, use.input, message.stop_reason) == (
            "tool_use",
            "get_weather",
            {"city": "London"},
            "tool_use",
        )
        result = {"type": "tool_result", "tool_use_id": use.id, "content": "foggy"}
        first["messages"] += [
            {"role": "assistant", "content": message.content},
            {"role": "user", "content": [result]},
        ]
        again = await messages.create(**first)
        assert again.content[0].text == "I am the Anthropic simulator. The tool says: foggy"


async def test_a_picture_is_seen():
    source = {"type": "base64", "media_type": "image/png", "data": "UE5H"}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is it?"}]
    async with talk() as (_, messages):
        message = await messages.create(
            model=MODEL, max_tokens=100, messages=[{"role": "user", "content": content}]
        )
        assert message.content[0].text.endswith("You said: What is it? I was shown 1 picture.")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
        ({"messages": []}, "messages: at least one message is required"),
        ({"extra_body": {"temperature": 1}}, "temperature"),
        ({"extra_body": {"sparkle": 1}}, "sparkle: Extra inputs are not permitted"),
    ],
)
async def test_what_does_not_fit_is_refused_in_the_services_words(change, words):
    async with talk() as (_, messages):
        with pytest.raises(anthropic.BadRequestError, match=words) as caught:
            await messages.create(**{**asking("Hi"), **change})
        assert caught.value.body["error"]["type"] == "invalid_request_error"


async def test_a_wrong_key_is_refused():
    async with talk(api_key="sk-ant-right") as (_, messages):
        with pytest.raises(anthropic.AuthenticationError, match="invalid x-api-key"):
            await messages.create(**asking("Hi"))


async def test_a_limit_tells_when_to_come_again():
    async with talk(faults=Faults(rate_limit=1, retry_after_s=3)) as (_, messages):
        with pytest.raises(anthropic.RateLimitError) as caught:
            await messages.create(**asking("Hi"))
        assert caught.value.response.headers["retry-after"] == "3"
        await messages.create(**asking("Hi"))


async def test_an_overloaded_service_is_asked_again_by_the_package():
    async with talk(retries=2, faults=Faults(overloaded=1)) as (sim, messages):
        assert (await messages.create(**asking("Hi"))).stop_reason == "end_turn"
        assert len(sim.connections) == 1


async def read(messages: Any, seen: list[str]) -> None:
    async with messages.stream(**asking("Hello there")) as stream:
        async for text in stream.text_stream:
            seen.append(text)  # noqa: PERF401 - what came before an error counts


@pytest.mark.parametrize("pieces", [0, 2])
async def test_an_overload_in_the_midst_is_an_error_behind_the_words(pieces: int):
    async with talk(faults=Faults(overloaded_after=pieces)) as (_, messages):
        seen: list[str] = []
        with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
            await read(messages, seen)
        assert len(seen) == pieces


async def test_a_reply_that_is_cut_is_an_error_behind_the_words():
    async with talk(faults=Faults(drop_after_sent=4)) as (sim, messages):
        seen: list[str] = []
        with pytest.raises((httpx2.HTTPError, anthropic.APIConnectionError)):
            await read(messages, seen)
        assert len(seen) == 1
        assert (await sim.connections[0].closed()).code == 1006


async def test_a_client_that_goes_away_ends_its_request():
    slow = MockReply("word " * 200, pace=1)
    async with talk(provider=lambda: MockProvider(MockConfig(script=[slow]))) as (sim, messages):
        async with messages.stream(**asking("Hi")) as stream:
            async for _ in stream.text_stream:
                break
        assert (await asyncio.wait_for(sim.connections[0].closed(), 5)).code == 1006


async def test_a_simulator_that_stops_ends_what_it_answers():
    slow = MockReply("word " * 200, pace=1)
    client = AsyncAnthropic(api_key="k", max_retries=0)
    async with simulator("anthropic", provider=lambda: MockProvider(MockConfig(script=[slow]))) as sim:
        stream: Any = await client.with_options(base_url=sim.url).messages.create(**asking("Hi"), stream=True)
        events = aiter(stream)
        assert (await anext(events)).type == "message_start"
    assert sim.connections[0].ended is not None
    await stream.close()
    await client.close()
