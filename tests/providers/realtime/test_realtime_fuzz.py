"""OpenAI's client on any input: it never raises, keeps the grammar, and says the same thing twice."""

from __future__ import annotations

import itertools
import json
from typing import Any, get_args

import hypothesis.strategies as st
import msgspec
from hypothesis import HealthCheck, given, settings
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from realtime_script import MS, Script

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import ProviderError
from voicechatengine.messages import (
    ActivityEnd,
    AudioAppend,
    AudioClear,
    AudioCommit,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    MessageItem,
    Options,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    TextPart,
    ToolResult,
    TurnDetection,
)
from voicechatengine.providers.realtime import wire

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
IDS = {
    "response_id": ["r1", "r2", ""],
    "item_id": ["i1", "i2", ""],
    "call_id": ["c1", "c2", ""],
    "previous_item_id": ["i1", "root", None],
    "conversation_id": ["conv", None],
    "delta": ["AAA=", " word", "AA", ""],
    "status": ["completed", "cancelled", "failed", "in_progress"],
    "reason": ["turn_detected", "client_cancelled", None],
    "code": ["conversation_already_has_active_response", "response_cancel_not_active", "x", None],
    "event_id": [f"event_{number}" for number in range(1, 9)],
}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-1, 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=8),
    "integer": st.integers(-(2**40), 2**40),
    "number": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9),
    "boolean": st.booleans(),
    "null": st.none(),
}


def from_schema(schema: dict[str, Any], definitions: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What a JSON Schema of pydantic's allows."""
    if "$ref" in schema:
        return from_schema(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return st.one_of(*(from_schema(each, definitions) for each in schema[union]))
    kind = schema.get("type")
    if kind == "array":
        return st.lists(from_schema(schema.get("items", {}), definitions), max_size=2)
    if kind == "object" and "properties" in schema:
        fields = {name: from_schema(each, definitions) for name, each in schema["properties"].items()}
        required = set(schema.get("required", ()))
        return st.fixed_dictionaries(
            {name: strategy for name, strategy in fields.items() if name in required},
            optional={name: strategy for name, strategy in fields.items() if name not in required},
        )
    if kind == "object":
        return st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2)
    return SCALARS.get(kind or "", JSON)


def messages_of_the_vendor() -> dict[str, st.SearchStrategy[Any]]:
    strategies: dict[str, st.SearchStrategy[Any]] = {}
    for member in get_args(get_args(RealtimeServerEvent)[0]):
        schema = TypeAdapter(member).json_schema()
        name = schema["properties"]["type"]["const"]
        strategies[name] = from_schema(schema, schema.get("$defs", {}))
    return strategies


VENDOR = messages_of_the_vendor()


def with_few_ids(message: Any, draw: st.DrawFn) -> Any:
    """The message with ids of which there are few, so that messages meet."""
    if isinstance(message, list):
        return [with_few_ids(each, draw) for each in message]
    if not isinstance(message, dict):
        return message
    return {
        key: draw(st.sampled_from(IDS[key])) if key in IDS else with_few_ids(value, draw)
        for key, value in message.items()
    }


@st.composite
def of_the_vendor(draw: st.DrawFn) -> str:
    message = draw(VENDOR[draw(st.sampled_from(sorted(VENDOR)))])
    if draw(st.booleans()):
        message = with_few_ids(message, draw)
        body = message.get("response")
        if isinstance(body, dict):
            body["id"] = draw(st.sampled_from(IDS["response_id"]))
        item = message.get("item")
        if isinstance(item, dict):
            item["id"] = draw(st.sampled_from(IDS["item_id"]))
    return json.dumps(message)


def short(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    given_fields = {name: strategy | st.none() for name, strategy in fields.items()}
    return st.fixed_dictionaries({"type": st.just(kind)}, optional=given_fields).map(json.dumps)


RESPONSE, ITEM, CALL = (st.sampled_from(IDS[name]) for name in ("response_id", "item_id", "call_id"))
PART = st.fixed_dictionaries(
    {}, optional={"text": st.just("a"), "transcript": st.just("b"), "type": st.just("input_audio")}
)
AN_ITEM = st.fixed_dictionaries(
    {"type": st.sampled_from(["message", "function_call", "function_call_output", "mcp_call"])},
    optional={
        "id": ITEM,
        "call_id": CALL,
        "name": st.sampled_from(["f", ""]),
        "arguments": st.sampled_from(["{}", "{", ""]),
        "role": st.sampled_from(["user", "assistant"]),
        "content": st.lists(PART, max_size=2),
    },
)
BODY = st.fixed_dictionaries(
    {},
    optional={
        "id": RESPONSE,
        "status": st.sampled_from(IDS["status"]),
        "conversation_id": st.sampled_from(IDS["conversation_id"]),
        "output": st.lists(AN_ITEM, max_size=2),
        "status_details": st.fixed_dictionaries({"reason": st.sampled_from(IDS["reason"])}),
    },
)
CHUNK = {"response_id": RESPONSE, "item_id": ITEM, "delta": st.sampled_from(IDS["delta"])}
WHOLE = {"response_id": RESPONSE, "item_id": ITEM, "text": st.just("a"), "transcript": st.just("b")}
ERROR = st.fixed_dictionaries(
    {"code": st.sampled_from(IDS["code"]), "event_id": st.sampled_from(IDS["event_id"])}
)
COMMITTED = {"item_id": ITEM, "previous_item_id": st.sampled_from(IDS["previous_item_id"])}
PLAUSIBLE = st.one_of(
    short(
        "session.created",
        session=st.fixed_dictionaries({"id": st.just("s")}, optional={"expires_at": st.just(2000)}),
    ),
    short("response.created", response=BODY),
    short("response.done", response=BODY),
    short("response.done", response=BODY),
    *(short(name, **CHUNK) for name in wire.SERVER_TYPES if name.endswith("delta")),
    *(
        short(name, **WHOLE)
        for name in wire.SERVER_TYPES
        if name.startswith("response.output") and name.endswith("done")
    ),
    short("response.output_item.added", response_id=RESPONSE, item=AN_ITEM),
    short("response.output_item.done", response_id=RESPONSE, item=AN_ITEM),
    short(
        "response.function_call_arguments.done",
        response_id=RESPONSE,
        item_id=ITEM,
        call_id=CALL,
        name=st.just("f"),
    ),
    short("conversation.item.added", item=AN_ITEM),
    short("input_audio_buffer.speech_started", item_id=ITEM),
    short("input_audio_buffer.committed", **COMMITTED),
    short("input_audio_buffer.cleared"),
    short("error", error=ERROR),
)
SAID = MessageItem("user", (TextPart("Hi"),))
COMMANDS = st.one_of(
    st.builds(ResponseCreate, out_of_band=st.booleans(), instructions=st.sampled_from(["x", None])),
    st.builds(ResponseCancel, st.sampled_from([None, "r1", "r2"])),
    st.builds(ItemTruncate, st.sampled_from(["i1", "i2"]), st.floats(0, 500)),
    st.builds(ItemDelete, st.sampled_from(["i1", "i2"])),
    st.builds(ToolResult, st.sampled_from(["c1", "c2"]), st.just("42")),
    st.sampled_from([ItemCreate(SAID), AudioAppend(MS * 60), AudioCommit(), AudioClear(), ActivityEnd()]),
    st.sampled_from([
        SessionUpdate(Options(turn_detection=None)),
        SessionUpdate(Options(turn_detection=TurnDetection(create_response=False))),
        SessionUpdate(Options(output_audio_format=AudioFormat("g711_ulaw", 8000))),
        SessionUpdate(Options(voice="ash", vendor={"tracing": "auto"})),
    ]),
)  # fmt: skip


def play(steps: list[Any]) -> list[Any]:
    """Every output of a conversation; `Script` checks the grammar and the frames."""
    script = Script(opened=False)
    outputs: list[Any] = []
    for step in steps:
        try:
            if isinstance(step, (str, bytes)):
                script.raw(step)
            elif isinstance(step, float):
                script.now += step
                due = script.client.deadline()
                if due is None or due > script.now:
                    continue
                script.waits(0)
            else:
                script.does(step)
        except ProviderError as error:
            outputs.append(repr(error))
        else:
            outputs.append((script.events, script.frames))
    assert all(script.client.snapshot().pending_calls)
    script.ends(1006)
    assert script.grammar.open_responses == ()
    return [*outputs, script.events]


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(st.lists(of_the_vendor(), min_size=1, max_size=6))
def test_whatever_the_vendors_schemas_allow_keeps_the_grammar(frames: list[str]):
    play(frames)


def test_each_of_the_vendors_messages_is_tried():
    assert set(VENDOR) == set(wire.SERVER_TYPES)


@settings(max_examples=300, deadline=None, suppress_health_check=SLOW)
@given(st.lists(st.one_of(PLAUSIBLE, PLAUSIBLE, COMMANDS, st.sampled_from([0.5, 3.0, 40.0])), max_size=30))
def test_any_order_of_plausible_messages_commands_and_time_keeps_the_grammar_and_is_repeatable(
    steps: list[Any],
):
    assert repr(play(steps)) == repr(play(steps))


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.binary(), st.text(), st.dictionaries(st.text(max_size=5) | st.just("type"), JSON).map(json.dumps)
    )
)
def test_garbage_is_told_and_nothing_else(frame: bytes | str):
    script = Script()
    assert script.raw(frame).names in (["ErrorInfo"], ["VendorMessage"])


@settings(max_examples=100, deadline=None)
@given(PLAUSIBLE, st.data())
def test_a_plausible_message_with_a_broken_field_does_no_harm(frame: str, data: st.DataObject):
    message = msgspec.json.decode(frame)
    keys = [key for key in message if key != "type"]
    if keys:
        message[data.draw(st.sampled_from(keys))] = data.draw(
            st.sampled_from([7, "x", [], {}, {"id": 7}, [[]]])
        )
    play([json.dumps(message)] * 2)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=4000), st.lists(st.integers(0, 2000), max_size=8))
def test_cutting_the_users_audio_differently_sends_the_same_audio(audio: bytes, cuts: list[int]):
    audio = audio[: len(audio) // 2 * 2]
    places = sorted({0, len(audio), *(2 * cut for cut in cuts if 2 * cut < len(audio))})
    client = Script().client
    sent = [
        wire.decode_client(output.data)
        for start, end in itertools.pairwise(places)
        for output in client.send(AudioAppend(audio[start:end]), 1.0)
    ]
    assert b"".join(msgspec.json.decode(f'"{each.audio}"', type=bytes) for each in sent) == audio
