"""OpenAI's messages as structs: complete, and written as the service writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import yaml
from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent

from voicechatengine.providers.realtime import wire

RECORDINGS = ["text_in_audio_out", "tool_call"]


def types_of(union: object) -> set[str]:
    """The values of `type` in a union of the vendor's package."""
    members = get_args(get_args(union)[0])
    return {get_args(member.model_fields["type"].annotation)[0] for member in members}


def messages(shared: Path, name: str) -> list[tuple[str, dict[str, Any]]]:
    interactions = yaml.safe_load((shared / f"wire/openai/{name}.yaml").read_text())["interactions"]
    return [(each["direction"], each["data"]) for each in interactions if each["kind"] == "message"]


def test_all_messages_of_the_vendors_package_are_known():
    assert types_of(RealtimeClientEvent) == set(wire.CLIENT_TYPES)
    assert types_of(RealtimeServerEvent) == set(wire.SERVER_TYPES)
    assert (len(wire.CLIENT_TYPES), len(wire.SERVER_TYPES)) == (11, 46)


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recorded_message_is_written_as_it_was_read(shared: Path, name: str):
    for direction, data in messages(shared, name):
        text = json.dumps(data)
        decoded = (wire.decode_server if direction == "received" else wire.decode_client)(text)
        assert text == json.dumps(json.loads(wire.encode(decoded)))


def test_a_message_with_only_its_type_is_tolerated_from_a_server():
    for tag, kind in wire.SERVER_TYPES.items():
        assert isinstance(wire.decode_server(json.dumps({"type": tag, "unknown": 1})), kind)


def test_the_betas_names_are_the_same_messages():
    delta = wire.decode_server(b'{"type":"response.audio.delta","delta":"AAAA","response_id":"r"}')
    assert isinstance(delta, wire.AudioDelta)
    assert delta.delta == "AAAA"


def test_an_unknown_type_is_refused():
    with pytest.raises(msgspec.ValidationError, match=r"type"):
        wire.decode_server(b'{"type":"pong"}')
