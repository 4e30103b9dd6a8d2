"""Gemini's client on any input: it never raises, keeps the grammar, says the same thing twice, and loses nothing of what the
vendor's own types can say.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from enum import Enum
from typing import Any, get_args, get_origin

import hypothesis.strategies as st
import msgspec
import pydantic
from gemini_script import MS, NEW, OLD, SPOKEN, TOOL, Script, audio, said
from google.genai import types
from hypothesis import HealthCheck, example, given, settings

from voicechatengine.errors import ProviderError
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    ResponseCompleted,
    SessionExpiring,
    SpeechStarted,
    TextChunk,
    ToolCall,
    ToolCallCancelled,
    UsageReport,
    VendorMessage,
)
from voicechatengine.messages import (
    ActivityEnd,
    ActivityStart,
    AudioAppend,
    AudioCommit,
    Image,
    ItemTruncate,
    Options,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    ToolResult,
)
from voicechatengine.providers.gemini import wire

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
OBJECT = st.dictionaries(st.text("abc", min_size=1, max_size=3), JSON, max_size=2)
FIELDS: dict[tuple[str, str], st.SearchStrategy[Any]] = {
    ("FunctionCall", "id"): st.sampled_from(["c1", "c2", "c3"]),
    ("FunctionCall", "name"): st.sampled_from(["f", "g"]),
    ("FunctionCall", "partial_args"): st.none(),
    ("FunctionCall", "will_continue"): st.none(),
    ("LiveServerToolCallCancellation", "ids"): st.lists(st.sampled_from(["c1", "c9"]), max_size=2),
    ("Blob", "mime_type"): st.sampled_from(["audio/pcm;rate=24000", "audio/pcm", "image/png"]),
    ("LiveServerGoAway", "time_left"): st.sampled_from(["9.5s", "60s", None]),
    ("LiveServerSetupComplete", "voice_consent_signature"): st.none(),
}
"""Fields whose values must be of few kinds, so that messages meet; the others are of any value of their type."""
KNOWN = {"text", "inline_data", "thought", "function_call"}


def of(annotation: Any, depth: int) -> st.SearchStrategy[Any]:
    """What a type of the package's can be."""
    if annotation is Any:
        return JSON
    if get_origin(annotation) is list:
        return st.just([]) if depth > 3 else st.lists(of(get_args(annotation)[0], depth + 1), max_size=2)
    if get_origin(annotation) is dict:
        return OBJECT
    if get_args(annotation):  # Optional, and unions
        options = [each for each in get_args(annotation) if each is not type(None)]
        return st.none() | st.one_of(*(of(each, depth) for each in options))
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return st.none() if depth > 4 else model(annotation, depth + 1)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return st.sampled_from(list(annotation))
    scalars: dict[Any, st.SearchStrategy[Any]] = {
        str: st.text(max_size=8),
        int: st.integers(0, 2**31),
        float: st.floats(allow_nan=False, allow_infinity=False),
        bool: st.booleans(),
        bytes: st.binary(max_size=8).map(lambda data: data[: len(data) // 2 * 2]),
    }
    return scalars[annotation]


def model(kind: type[pydantic.BaseModel], depth: int = 0) -> st.SearchStrategy[Any]:
    """Any instance of a model of the package's."""
    fields = {
        name: FIELDS[kind.__name__, name] if (kind.__name__, name) in FIELDS else of(field.annotation, depth)
        for name, field in kind.model_fields.items()
    }
    return st.fixed_dictionaries({}, optional=fields).map(lambda given: kind(**given))


BLOB = st.builds(types.Blob, data=of(bytes, 0), mime_type=FIELDS["Blob", "mime_type"])
FIELDS["Content", "parts"] = st.lists(
    st.one_of(
        st.builds(
            types.Part, text=st.text(min_size=1, max_size=8), thought=st.sampled_from([None, False, True])
        ),
        st.builds(types.Part, inline_data=BLOB),
        model(types.FunctionCall).map(lambda call: types.Part(function_call=call)),
        model(types.Part, 3),  # of its many kinds, most have no common meaning
    ),
    max_size=3,
)
SPEECH = st.builds(
    types.LiveServerContent,
    model_turn=st.builds(types.Content, parts=FIELDS["Content", "parts"]),
    output_transcription=st.none() | model(types.Transcription),
    turn_complete=st.sampled_from([None, None, True]),
)
MESSAGE = st.one_of(
    st.builds(
        types.LiveServerMessage, server_content=SPEECH, tool_call=st.none() | model(types.LiveServerToolCall)
    ),
    model(types.LiveServerMessage),
)


def dumped(message: pydantic.BaseModel) -> bytes:
    """A message as the service writes it."""
    return message.model_dump_json(by_alias=True, exclude_none=True).encode()


# ------------------------------------------------------------------ the vendor's types as the oracle


def parts_of(message: types.LiveServerMessage) -> list[types.Part]:
    content = message.server_content
    return (content.model_turn.parts or []) if content is not None and content.model_turn is not None else []


def is_odd(part: types.Part) -> bool:
    """Whether it holds something that has no common meaning: then it is passed on as it came."""
    given = set(part.model_dump(exclude_none=True))
    return bool(given - KNOWN - {"thought_signature", "function_response"})


@settings(max_examples=300, deadline=None, suppress_health_check=SLOW)
@given(MESSAGE)
@example(types.LiveServerMessage(server_content=types.LiveServerContent(turn_complete=True)))
def test_whatever_the_vendors_types_can_say_is_told(message: types.LiveServerMessage):
    script = Script(model=NEW, vendor={"toolBehavior": "NON_BLOCKING"})
    script.asks()
    script.raw(dumped(message))
    assert not [e for e in script.events if isinstance(e, ErrorInfo) and e.code == "invalid_message"]
    told = script.events
    content = message.server_content
    if message.go_away is not None:
        left = message.go_away.time_left
        assert script.one(SessionExpiring).seconds_left == (float(left[:-1]) if left else 10.0)
    if message.tool_call_cancellation is not None and message.tool_call_cancellation.ids:
        assert script.one(ToolCallCancelled).call_ids == tuple(message.tool_call_cancellation.ids)
    if message.usage_metadata is not None:
        usage = message.usage_metadata
        costs = [
            e.usage for e in told if isinstance(e, (ResponseCompleted, UsageReport)) and e.usage is not None
        ]
        if not costs:
            costs = [
                e.usage
                for e in script.done().events
                if isinstance(e, ResponseCompleted) and e.usage is not None
            ]
        assert [(c.input_tokens, c.output_tokens, c.total_tokens, c.cached_tokens) for c in costs] == [
            (
                usage.prompt_token_count or 0,
                usage.response_token_count or 0,
                usage.total_token_count or 0,
                usage.cached_content_token_count or 0,
            )
        ]
    signal = message.voice_activity
    if signal is not None and signal.voice_activity_type is types.VoiceActivityType.ACTIVITY_START:
        assert any(isinstance(e, SpeechStarted) for e in told)
    if content is not None and content.interrupted:
        return  # what comes with an interruption is not heard
    plain = [part for part in parts_of(message) if not is_odd(part)]
    spoken = content.output_transcription if content is not None else None
    assert "".join(e.text for e in told if isinstance(e, TextChunk) and e.spoken) == (
        (spoken.text or "") if spoken is not None else ""
    )
    assert "".join(e.text for e in told if isinstance(e, TextChunk) and not e.spoken) == "".join(
        part.text or "" for part in plain if not part.thought and part.inline_data is None
    )
    heard = [part.inline_data for part in plain if part.inline_data is not None]
    sound = [blob for blob in heard if (blob.mime_type or "").startswith("audio/pcm")]
    assert b"".join(e.audio for e in told if isinstance(e, AudioChunk)) == b"".join(
        blob.data or b"" for blob in sound
    )
    thoughts = [e.raw["text"] for e in told if isinstance(e, VendorMessage) and e.name == "thought"]
    assert thoughts == [p.text for p in plain if p.thought and p.text and p.inline_data is None]
    calls = [p.function_call for p in plain if p.function_call and p.inline_data is None and not p.text]
    calls += (message.tool_call.function_calls or []) if message.tool_call is not None else []
    named: dict[str, types.FunctionCall] = {}
    for number, call in enumerate(calls):
        if call.name:
            named.setdefault(call.id or f"nameless {number}", call)
    assert [(e.name, e.parsed) for e in told if isinstance(e, ToolCall)] == [
        (call.name, call.args or {}) for call in named.values()
    ]


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(st.lists(MESSAGE, min_size=1, max_size=6))
def test_any_messages_of_the_vendors_keep_the_grammar(messages: list[types.LiveServerMessage]):
    play([dumped(message) for message in messages])


def test_every_field_of_the_vendors_messages_is_known():
    known = set(wire.ServerMessage.__struct_encode_fields__)
    assert {field.alias for field in types.LiveServerMessage.model_fields.values()} == known
    content = {field.alias for field in types.LiveServerContent.model_fields.values()}
    assert content - set(wire.ServerContent.__struct_encode_fields__) == {
        "groundingMetadata",
        "urlContextMetadata",
    }


# ------------------------------------------------------------------ anything

CALL = st.fixed_dictionaries(
    {"name": st.just("f")}, optional={"id": st.sampled_from(["c1", "c2"]), "args": st.just({"n": 1})}
)
PART = st.one_of(
    st.just({"text": "word "}),
    st.just({"text": "hm", "thought": True}),
    st.sampled_from([audio(SPOKEN), audio(b"\1")]),
    CALL.map(lambda call: {"functionCall": call}),
)
CONTENT = st.fixed_dictionaries(
    {},
    optional={
        "modelTurn": st.fixed_dictionaries({"parts": st.lists(PART, max_size=2)}),
        "outputTranscription": st.just({"text": "said "}),
        "inputTranscription": st.fixed_dictionaries(
            {"text": st.just("heard ")}, optional={"finished": st.booleans()}
        ),
        "interimInputTranscription": st.just({"text": "guess"}),
        "interrupted": st.just(True),
        "generationComplete": st.just(True),
        "turnComplete": st.just(True),
        "turnCompleteReason": st.sampled_from(["MALFORMED_FUNCTION_CALL", "NEED_MORE_INPUT"]),
        "interactionStatus": st.sampled_from(["IDLE", "IN_PROGRESS"]),
    },
)
UPDATE = st.fixed_dictionaries({"resumable": st.booleans()}, optional={"newHandle": st.just("h")})
PLAUSIBLE = st.one_of(
    CONTENT.map(lambda content: {"serverContent": content}),
    CONTENT.map(lambda content: {"serverContent": content, "usageMetadata": {"totalTokenCount": 3}}),
    st.just({"serverContent": {"turnComplete": True}}),
    st.just({"setupComplete": {}}),
    st.lists(CALL, max_size=2).map(lambda calls: {"toolCall": {"functionCalls": calls}}),
    st.sampled_from(["c1", "c2"]).map(lambda call: {"toolCallCancellation": {"ids": [call]}}),
    st.sampled_from(["START", "END"]).map(lambda word: {"voiceActivity": {"type": f"ACTIVITY_{word}"}}),
    UPDATE.map(lambda update: {"sessionResumptionUpdate": update}),
    st.just({"goAway": {"timeLeft": "5s"}}),
    st.just({"usageMetadata": {"promptTokenCount": 1}}),
).map(json.dumps)
COMMANDS: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        [said("Hi"), said("Yo", "i1"), ResponseCreate(), ResponseCancel(), ResponseCancel("resp_3")]
    ),
    st.builds(ToolResult, st.sampled_from(["c1", "c2"]), st.just("42"), st.booleans()),
    st.sampled_from([AudioAppend(MS * 20), AudioCommit(), ActivityStart(), ActivityEnd(), Image(b"png")]),
    st.sampled_from([ItemTruncate("item_3", 50.0), SessionUpdate(Options(instructions="x"))]),
)


def play(steps: list[Any], **options: Any) -> list[Any]:
    """Every output of a conversation; `Script` checks the grammar and the frames."""
    script = Script(opened=False, tools=(TOOL,), **options)
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
                script.waits(0.0)
            else:
                script.does(step)
        except ProviderError as error:
            outputs.append(repr(error))
        else:
            outputs.append((script.events, script.frames))
    script.client.snapshot()
    script.ends(1006)
    assert script.grammar.open_responses == ()
    return [*outputs, script.events]


MODES: list[dict[str, Any]] = [
    {"model": NEW},
    {"model": NEW, "vendor": {"toolBehavior": "NON_BLOCKING", "scheduling": "SILENT"}},
    {"model": OLD},
    {"model": OLD, "turn_detection": None},
]


@settings(max_examples=400, deadline=None, suppress_health_check=SLOW)
@given(
    st.sampled_from(MODES),
    st.lists(st.one_of(PLAUSIBLE, PLAUSIBLE, COMMANDS, st.sampled_from([0.5, 3.0, 40.0])), max_size=30),
)
def test_any_order_of_plausible_messages_commands_and_time_keeps_the_grammar_and_is_repeatable(
    mode: dict[str, Any], steps: list[Any]
):
    assert repr(play(steps, **mode)) == repr(play(steps, **mode))


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.binary(),
        st.text(),
        st.dictionaries(
            st.text(max_size=5) | st.sampled_from(["serverContent", "toolCall", "error"]), JSON
        ).map(json.dumps),
    )
)
def test_garbage_is_told_and_harms_nothing(frame: bytes | str):
    script = Script()
    script.raw(frame)
    assert set(script.names) <= {"ErrorInfo", "VendorMessage", "ResponseStarted", "ResponseCompleted"}
    assert "AudioChunk" in script.asks().speaks().names


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=4000), st.lists(st.integers(0, 2000), max_size=8))
def test_cutting_the_users_audio_differently_sends_the_same_audio(sound: bytes, cuts: list[int]):
    sound = sound[: len(sound) // 2 * 2]
    places = sorted({0, len(sound), *(2 * cut for cut in cuts if 2 * cut < len(sound))})
    client = Script().client
    decode: Callable[[bytes], wire.ClientMessage] = wire.decode_client
    sent = b""
    for start, end in itertools.pairwise(places):
        for output in client.send(AudioAppend(sound[start:end]), 1.0):
            given = decode(output.data).realtime_input
            assert given is not None
            assert given.audio is not None
            sent += msgspec.json.decode(f'"{given.audio.data}"', type=bytes)
    assert sent == sound
