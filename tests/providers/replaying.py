"""Recorded sessions of real services, served on loopback by the replay server that lies beside them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from voicechatengine import Provider, ProviderEvent, Tool
from voicechatengine.messages import MessageType
from voicechatengine.session.grammar import Grammar

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


async def talk(provider: Provider, text: str, result: str = "") -> list[ProviderEvent]:
    """Asks, answers calls with `result`, and gives the events until the reply that calls nothing is over."""
    events: list[ProviderEvent] = []
    subscription = provider.events()
    await provider.connect()
    await provider.send_text(text)
    await provider.create_response()
    async for event in subscription:
        events.append(event)
        if event.type == "tool_call":
            await provider.send_message(
                MessageType.TOOL_RESULT, {"call_id": event.data["call_id"], "output": result}
            )
            await provider.create_response()  # held until the response that called is over
        elif event.type == "response_completed" and not event.data["tool_calls"]:
            break
    await provider.disconnect()
    return events
