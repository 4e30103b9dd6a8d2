"""Recorded sessions of the service, fed straight to the client's dialect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pybase64
import pytest
import yaml
from realtime_script import Script

from voicechatengine.events import AudioChunk, ResponseCompleted, TextChunk, ToolCall, Usage
from voicechatengine.messages import Options

NAMES = ["text_in_audio_out", "tool_call"]


def received(shared: Path, name: str) -> list[dict[str, Any]]:
    interactions = yaml.safe_load((shared / f"wire/openai/{name}.yaml").read_text())["interactions"]
    return [each["data"] for each in interactions if each.get("direction") == "received"]


def played(messages: list[dict[str, Any]]) -> list[Any]:
    script = Script(Options(), opened=False)
    return [event for message in messages for event in script.raw(json.dumps(message)).events]


def deltas(messages: list[dict[str, Any]], kind: str) -> list[str]:
    return [message["delta"] for message in messages if message["type"] == f"response.{kind}.delta"]


@pytest.mark.parametrize("name", NAMES)
def test_every_word_and_every_byte_arrives(shared: Path, name: str):
    messages = received(shared, name)
    events = played(messages)
    texts = [event for event in events if isinstance(event, TextChunk)]
    assert [event.text for event in texts if event.spoken] == deltas(messages, "output_audio_transcript")
    assert [event.text for event in texts if not event.spoken] == deltas(messages, "output_text")
    audio = b"".join(map(pybase64.b64decode, deltas(messages, "output_audio")))
    assert b"".join(event.audio for event in events if isinstance(event, AudioChunk)) == audio


@pytest.mark.parametrize("name", NAMES)
def test_each_response_ends_once_with_its_cost(shared: Path, name: str):
    messages = received(shared, name)
    ends = [event for event in played(messages) if isinstance(event, ResponseCompleted)]
    done = [message["response"] for message in messages if message["type"] == "response.done"]
    assert [(end.response_id, end.status) for end in ends] == [(each["id"], each["status"]) for each in done]
    for end, each in zip(ends, done, strict=True):
        assert isinstance(end.usage, Usage)
        assert end.usage.total_tokens == each["usage"]["total_tokens"]
        assert end.usage.output_audio_tokens == each["usage"]["output_token_details"]["audio_tokens"]


def test_a_call_arrives_with_its_arguments_and_is_counted(shared: Path):
    events = played(received(shared, "tool_call"))
    (call,) = [event for event in events if isinstance(event, ToolCall)]
    assert (call.name, call.parsed) == ("get_weather", {"city": "London"})
    assert [event.tool_calls for event in events if isinstance(event, ResponseCompleted)] == [1, 0]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_recorded_is_unknown_or_an_error(shared: Path, name: str):
    kinds = {type(event).__name__ for event in played(received(shared, name))}
    assert not kinds & {"VendorMessage", "ErrorInfo"}
