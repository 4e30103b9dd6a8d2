"""Recorded sessions of the real service, served on loopback: what comes out, and what the client was expected to say."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from voicechatengine import OpenAIConfig, OpenAIProvider, ProviderEvent, Tool
from voicechatengine.messages import MessageType
from voicechatengine.session.grammar import Grammar

pytestmark = pytest.mark.realtime

WEATHER = Tool(
    "get_weather",
    "Look up the weather for a city.",
    {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
)


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
    """What the events say, in the replay server's vendor-neutral terms."""
    grammar = Grammar()
    assert [wrong for event in events if (wrong := grammar.check(event.data))] == []
    of = {
        name: [event.data for event in events if event.type == name]
        for name in {event.type for event in events}
    }
    said: dict[str, str] = {}
    for chunk in of.get("text_chunk", []):
        said[chunk.response_id] = said.get(chunk.response_id, "") + chunk.text
    completed = of.get("response_completed", [])
    return {
        "said": list(said.values()),
        "audio_deltas": len(of.get("audio_chunk", [])),
        "audio_bytes": sum(len(chunk.audio) for chunk in of.get("audio_chunk", [])),
        "tool_calls": [
            {"name": call.name, "args": call.parsed, "call_id": call.call_id}
            for call in of.get("tool_call", [])
        ],
        "statuses": [done.status for done in completed],
        "completed": len(completed),
        "usage": {
            "input": sum(done.usage.input_tokens for done in completed),
            "output": sum(done.usage.output_tokens for done in completed),
            "total": sum(done.usage.total_tokens for done in completed),
        },
        "errors": of.get("error", []),
    }


async def test_text_in_audio_out(shared):
    recording = shared / "wire" / "openai" / "text_in_audio_out.yaml"
    async with replay(shared).serve(str(recording), dialect="openai") as server:
        config = OpenAIConfig(api_key="k", url=server.url, instructions="Answer in two or three words.")
        provider = OpenAIProvider(config)
        await provider.connect()
        await provider.send_text("Say a short greeting.")
        await provider.create_response()
        events = []
        async for event in provider.events():
            events.append(event)
            if event.type == "response_completed":
                break
        await provider.disconnect()
        await server.finished(timeout=10)
    assert server.report["clean"], server.report
    assert server.report["soft_differences"] == []
    assert replay(shared).diff(replay(shared).expected(str(recording)), told(events)) == []


async def test_a_tool_round(shared):
    recording = shared / "wire" / "openai" / "tool_call.yaml"
    async with replay(shared).serve(str(recording), dialect="openai") as server:
        config = OpenAIConfig(
            api_key="k",
            url=server.url,
            instructions="Use the get_weather tool for any weather question, then answer in one short sentence.",
            modalities=("text",),
            tools=(WEATHER,),
        )
        provider = OpenAIProvider(config)
        await provider.connect()
        await provider.send_text("What is the weather in London?")
        await provider.create_response()
        events = []
        async for event in provider.events():
            events.append(event)
            if event.type == "tool_call":
                result = {"call_id": event.data["call_id"], "output": "It is foggy and 12 degrees in London."}
                await provider.send_message(MessageType.TOOL_RESULT, result)
                await provider.create_response()  # held until the response that called is over
            elif event.type == "response_completed" and not event.data["tool_calls"]:
                break
        await provider.disconnect()
        await server.finished(timeout=10)
    assert server.report["clean"], server.report
    assert server.report["soft_differences"] == []
    assert replay(shared).diff(replay(shared).expected(str(recording)), told(events)) == []
