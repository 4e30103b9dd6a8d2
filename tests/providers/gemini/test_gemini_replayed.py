"""Recorded sessions of the real service, served on loopback: what comes out, and what the client was expected to say."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from voicechatengine.events import ProviderEvent
from voicechatengine.messages import MessageType, Tool
from voicechatengine.providers.gemini import GeminiConfig, GeminiProvider
from voicechatengine.session.grammar import Grammar

pytestmark = pytest.mark.realtime

READING = Tool(
    "record_reading",
    "Store the supplied sensor value.",
    {
        "type": "object",
        "properties": {
            "zqx_measurement": {"type": "integer"},
            "qbf_note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["zqx_measurement"],
    },
)
WEATHER = Tool(
    "get_weather",
    "Look up the weather for a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
SESSIONS = {
    "tool_call_2_5": (
        GeminiConfig(
            api_key="k",
            model="gemini-2.5-flash-native-audio-preview-09-2025",
            instructions="Use record_reading when asked to record a reading, then confirm it in one sentence.",
            tools=(READING,),
        ),
        'Please record a reading of 5 with the note "steady".',
        "Recorded 5 (steady).",
    ),
    "tool_call_3_1": (
        GeminiConfig(
            api_key="k",
            model="gemini-3.1-flash-live-preview",
            instructions="Always call get_weather for a weather question, then answer in one short sentence.",
            tools=(WEATHER,),
        ),
        "What is the weather in London?",
        "It is foggy and 12 degrees in London.",
    ),
}


def replay(shared: Path) -> ModuleType:
    """The replay server that lies beside the recordings."""
    if "replay" not in sys.modules:
        spec = importlib.util.spec_from_file_location("replay", shared / "tools" / "replay.py")
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules["replay"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["replay"]


def told(events: list[ProviderEvent]) -> dict[str, Any]:
    """What the events say, in the replay server's vendor-neutral terms. A reply that only calls tools is no turn there."""
    grammar = Grammar()
    assert [wrong for event in events if (wrong := grammar.check(event.data))] == []
    of: dict[str, list[Any]] = {}
    for event in events:
        of.setdefault(event.type, []).append(event.data)
    said: dict[str, str] = {}
    for chunk in of.get("text_chunk", []):
        said[chunk.response_id] = said.get(chunk.response_id, "") + chunk.text
    completed = of.get("response_completed", [])
    turns = [done for done in completed if done.response_id in said]
    costs = [done.usage for done in completed if done.usage is not None]
    return {
        "said": list(said.values()),
        "audio_deltas": len(of.get("audio_chunk", [])),
        "audio_bytes": sum(len(chunk.audio) for chunk in of.get("audio_chunk", [])),
        "tool_calls": [
            {"name": call.name, "args": call.parsed, "call_id": call.call_id}
            for call in of.get("tool_call", [])
        ],
        "statuses": [done.status for done in turns],
        "completed": len(turns),
        "usage": {
            "input": sum(cost.input_tokens for cost in costs),
            "output": sum(cost.output_tokens for cost in costs),
            "total": sum(cost.total_tokens for cost in costs),
        },
        "errors": of.get("error", []),
    }


@pytest.mark.parametrize(
    "late", [False, True], ids=["results at once", "results after the reply that called"]
)
@pytest.mark.parametrize("name", SESSIONS)
async def test_a_tool_round(shared, name, late):
    recording = shared / "wire" / "gemini" / f"{name}.yaml"
    config, text, output = SESSIONS[name]
    async with replay(shared).serve(str(recording), dialect="gemini") as server:
        config = GeminiConfig(
            api_key="k",
            url=server.url,
            model=config.model,
            instructions=config.instructions,
            tools=config.tools,
        )
        provider = GeminiProvider(config)
        await provider.connect()
        await provider.send_text(text)
        await provider.create_response()
        events: list[ProviderEvent] = []
        called = ""
        async for event in provider.events():
            events.append(event)
            if event.type == "tool_call":
                called = event.data["call_id"]
            elif event.type == "response_completed" and not event.data["tool_calls"]:
                break
            if called and event.type == ("response_completed" if late else "tool_call"):
                await provider.send_message(MessageType.TOOL_RESULT, {"call_id": called, "output": output})
                await provider.create_response()  # the service answers by itself
                called = ""
        await provider.disconnect()
        await server.finished(timeout=10)
    assert server.report["clean"], server.report
    assert server.report["soft_differences"] == []
    assert [chunk.data["format"].sample_rate for chunk in events if chunk.type == "audio_chunk"][:1] == [
        24_000
    ]
    assert replay(shared).diff(replay(shared).expected(str(recording)), told(events)) == []
