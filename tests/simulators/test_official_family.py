"""OpenAI's own client, unchanged, talks to the simulators of services that say that it works with them: xAI and Eleven Realtime."""

from __future__ import annotations

from typing import Any

import pytest
from openai import AsyncOpenAI

from voicechatengine.simulators import simulator

pytestmark = pytest.mark.realtime
CASES = [
    ("xai", "/realtime", "grok-voice-latest"),
    ("elevenrealtime", "/realtime", "eleven_realtime_v1_mini"),
]


async def until(connection: Any, kind: str) -> list[Any]:
    seen: list[Any] = []
    while not seen or seen[-1].type != kind:
        seen.append(await connection.recv())
    return seen


@pytest.mark.parametrize(("vendor", "last", "model"), CASES)
async def test_a_written_turn_and_a_tool_round(vendor: str, last: str, model: str):
    async with (
        simulator(vendor) as sim,
        AsyncOpenAI(api_key="k", websocket_base_url=sim.url.removesuffix(last)) as package,
        package.realtime.connect(model=model) as connection,
    ):
        await until(connection, "session.created")
        tool = {
            "type": "function",
            "name": "get_weather",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        }
        session: Any = {"type": "realtime", "instructions": "Be brief.", "tools": [tool]}
        await connection.session.update(session=session)
        updated = (await until(connection, "session.updated"))[-1]
        assert updated.session.instructions == "Be brief."
        words: Any = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "The weather in Paris"}],
        }
        await connection.conversation.item.create(item=words)
        await connection.response.create()
        seen = await until(connection, "response.done")
        (call,) = [event for event in seen if event.type == "response.function_call_arguments.done"]
        assert (call.name, call.arguments) == ("get_weather", '{"city": "Paris"}')
        result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
        await connection.conversation.item.create(item=result)
        await connection.response.create()
        seen = await until(connection, "response.done")
        said = "".join(
            event.delta for event in seen if event.type == "response.output_audio_transcript.delta"
        )
        assert "sunny" in said
        assert any(event.type == "response.output_audio.delta" for event in seen)
        assert seen[-1].response.status == "completed"
