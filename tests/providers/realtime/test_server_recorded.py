"""The server's side of OpenAI's wire writes recorded conversations as the service wrote them."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import yaml
from server_talk import Talk

from voicechatengine.events import (
    AudioChunk,
    Event,
    ResponseCompleted,
    ResponseStarted,
    TextChunk,
    ToolCall,
)

TOOL_ARGUMENTS = '{  \n  "city": "London" \n} \n'
PROVIDER: dict[str, list[list[Event]]] = {
    "text_in_audio_out": [
        [
            ResponseStarted("r1"),
            *(TextChunk(text, spoken=True, response_id="r1", item_id="a") for text in ("Hi", " there", "!")),
            *(AudioChunk(bytes(32), response_id="r1", item_id="a") for _ in range(4)),
            ResponseCompleted("r1"),
        ]
    ],
    "tool_call": [
        [
            ResponseStarted("r1"),
            ToolCall("call_uMNE0Myi2tDTPu0w", "get_weather", TOOL_ARGUMENTS, response_id="r1"),
            ResponseCompleted("r1"),
        ],
        [
            ResponseStarted("r2"),
            *(
                TextChunk(text, response_id="r2", item_id="b")
                for text in ("It is foggy", " and 12 degrees", " in London.")
            ),
            ResponseCompleted("r2"),
        ],
    ],
}


def shape(value: Any) -> Any:
    """The keys in their order, and which values are null."""
    if isinstance(value, dict):
        return [(key, shape(inner)) for key, inner in value.items() if key != "obfuscation"]
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return None if value is None else type(value).__name__


@pytest.mark.parametrize("name", ["text_in_audio_out", "tool_call"])
def test_a_recorded_conversation_is_written_as_the_service_wrote_it(shared: Path, name: str):
    """Types in their order, and in each frame every field in its order, nulls where the service has nulls."""
    file = shared / f"wire/openai/{name}.yaml"
    messages = [one for one in yaml.safe_load(file.read_text())["interactions"] if one["kind"] == "message"]
    recorded = [one["data"] for one in messages if one["direction"] == "received"]
    talk, replies = Talk(), iter(PROVIDER[name])
    written = list(talk.greeting)
    for sent in (one["data"] for one in messages if one["direction"] == "sent"):
        written += talk.raw(json.dumps(sent))
        if sent["type"] == "response.create":
            written += talk.tell(*next(replies))

    def groups(frames: list[dict[str, Any]]) -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = []
        for kind, each in groupby(frames, key=lambda frame: str(frame["type"])):
            frame = next(each)
            # The service tells the item before one inconsistently between added and done.
            frame = frame | ({"previous_item_id": ""} if "previous_item_id" in frame else {})
            found.append((kind, shape(frame)))
        return found

    assert groups(recorded) == groups(written)


def test_a_recorded_session_begins_with_the_same_values(shared: Path):
    file = shared / "wire/openai/tool_call.yaml"
    recorded, sent, updated = (one["data"] for one in yaml.safe_load(file.read_text())["interactions"][:3])
    talk = Talk()
    mine = {"id", "instructions", "expires_at"}
    begun, after = talk.greeting[0]["session"], talk.raw(json.dumps(sent))[0]["session"]
    assert {k: v for k, v in recorded["session"].items() if k not in mine} == {
        k: v for k, v in begun.items() if k not in mine
    }
    assert updated["session"] | {k: after[k] for k in mine} == after
