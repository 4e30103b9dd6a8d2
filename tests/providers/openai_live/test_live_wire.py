"""OpenAI Live's messages as structs: complete, and the same as the vendor's own types, both ways."""

from __future__ import annotations

import json
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from live_oracle import CLIENT, CLIENT_MODELS, SERVER, SERVER_MODELS
from openai.types.live import session_config, session_update_config
from pydantic import TypeAdapter

from voicechatengine.providers.openai_live import schema, wire

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def test_all_messages_of_the_vendors_package_are_known():
    assert set(wire.CLIENT_TYPES) == set(CLIENT_MODELS)
    assert set(wire.SERVER_TYPES) == set(SERVER_MODELS)
    assert (len(wire.CLIENT_TYPES), len(wire.SERVER_TYPES)) == (15, 28)


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        *((wire.CLIENT_TYPES[name], model) for name, model in CLIENT_MODELS.items()),
        *((wire.SERVER_TYPES[name], model) for name, model in SERVER_MODELS.items()),
    ],
)
def test_a_message_has_the_fields_that_the_package_has(kind, model):
    assert set(kind.__struct_fields__) == set(model.model_fields) - {"type"}


@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
@given(st.sampled_from(sorted(SERVER)).flatmap(lambda name: SERVER[name]))
def test_what_the_vendors_types_allow_from_the_service_is_read_whole(message: dict[str, Any]):
    read = wire.decode_server(json.dumps(message))
    told = msgspec.to_builtins(read)
    for name, value in message.items():
        if name in told or value not in ("", None, {}, 0):
            assert told[name] == value or (isinstance(value, dict) and contains(value, told[name])), name


def contains(whole: dict[str, Any], part: dict[str, Any]) -> bool:
    return all(whole.get(name) == value for name, value in part.items())


@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
@given(st.sampled_from(sorted(CLIENT)).flatmap(lambda name: CLIENT[name]))
def test_what_the_vendors_types_allow_from_a_client_is_read_and_written_again_the_same(
    message: dict[str, Any],
):
    context = ("session.instructions.append", "session.thinking.append", "session.commentary.append")
    if message["type"] in context:
        message.setdefault("delegation_id", None)  # required, says the package's own text
    read = wire.decode_client(json.dumps(message))
    assert json.loads(wire.encode(read)) == message
    CLIENT_MODELS[message["type"]].model_validate(message)


def test_a_field_that_a_client_may_not_write_is_an_error():
    with pytest.raises(msgspec.ValidationError, match="unknown field `now`"):
        wire.decode_client('{"type":"session.close","now":true}')
    with pytest.raises(msgspec.ValidationError, match="delegation_id"):
        wire.decode_client('{"type":"session.thinking.append","content":"x"}')


def test_a_message_with_only_its_type_is_tolerated_from_the_service():
    for tag, kind in wire.SERVER_TYPES.items():
        assert isinstance(wire.decode_server(json.dumps({"type": tag, "unknown": 1})), kind)


@pytest.mark.parametrize(
    ("kind", "model", "left_out"),
    [
        (schema.SessionConfig, session_config.SessionConfig, {"client"}),
        (schema.SessionUpdateConfig, session_update_config.SessionUpdateConfig, set()),
    ],
)
def test_a_sessions_fields_are_the_packages_but_for_those_of_webrtc(kind, model, left_out):
    assert set(kind.__struct_fields__) == set(model.model_fields) - left_out


FORMATS = st.sampled_from(
    [
        {"type": "audio/pcm", "rate": 16000},
        {"type": "audio/pcm", "rate": 24000},
        {"type": "audio/pcmu", "rate": 8000},
        {"type": "audio/pcma", "rate": 8000},
        None,
    ]
)
TEXT = st.text(max_size=8)
PARTS = {
    "developer": {"type": "input_text"},
    "user": {"type": "input_text"},
    "assistant": {"type": "output_text"},
}
MESSAGE = st.sampled_from(sorted(PARTS)).flatmap(
    lambda role: st.builds(lambda text: {"role": role, "content": [{**PARTS[role], "text": text}]}, TEXT)
)
RESPONSES = st.fixed_dictionaries(
    {"model": TEXT},
    optional={
        "instructions": TEXT,
        "max_output_tokens": st.integers(1, 99),
        "parallel_tool_calls": st.booleans(),
        "reasoning": st.just({"effort": "low"}),
        "service_tier": st.sampled_from(["auto", "flex"]),
        "text": st.just({"verbosity": "low"}),
        "tool_choice": st.sampled_from(["auto", {"type": "function", "name": "f"}]),
        "tools": st.lists(st.just({"type": "function", "name": "f", "parameters": {}}), max_size=2),
    },
)
DELEGATION = st.one_of(
    st.none(),
    st.just({"type": "client", "acknowledgement_delay_ms": 5}),
    st.builds(lambda responses: {"type": "responses", "responses": responses}, RESPONSES),
)
SESSION = st.fixed_dictionaries(
    {"model": TEXT},
    optional={
        "audio": st.fixed_dictionaries(
            {},
            optional={
                "format": FORMATS,
                "output": st.fixed_dictionaries({"voice": st.sampled_from(["marin", {"id": "v"}, None])}),
            },
        ),
        "delegation": DELEGATION,
        "input": st.lists(MESSAGE, max_size=3),
        "instructions": TEXT | st.none(),
        "safety_identifier": TEXT,
        "store": st.booleans() | st.none(),
        "triggers": st.just([]),
    },
)
CONFIG: TypeAdapter[Any] = TypeAdapter(session_config.SessionConfig)


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(SESSION)
def test_a_session_that_fits_the_vendors_types_fits_ours_and_comes_through_the_same(session: dict[str, Any]):
    CONFIG.validate_python(session)
    assert msgspec.to_builtins(msgspec.convert(session, schema.SessionConfig)) == session
