"""OpenAI Live's client on any input: it never raises, keeps the grammar, and says the same thing twice."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any

import hypothesis.strategies as st
import msgspec
from hypothesis import HealthCheck, given, settings
from live_oracle import JSON, SERVER
from live_script import Script

from voicechatengine.audio.tone import tone
from voicechatengine.errors import ProviderError
from voicechatengine.events import Interrupted, ResponseCompleted
from voicechatengine.messages import (
    AudioAppend,
    ItemCreate,
    ItemTruncate,
    MessageItem,
    Options,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    TextPart,
    Tool,
    ToolResult,
    ToolResultItem,
)
from voicechatengine.providers.openai_live import encode, wire

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
LOUD, QUIET = (base64.b64encode(audio).decode() for audio in (tone(encode.PCM, 200), encode.PCM.silence(500)))
TIMES = st.integers(0, 6000)
IDS = st.sampled_from(["d1", "d2", None])
CALLS = st.sampled_from(["c1", "c2"])


def short(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    return st.fixed_dictionaries({"type": st.just(kind)}, optional=fields).map(json.dumps)


def words(kind: str) -> st.SearchStrategy[str]:
    return short(kind, delta=st.sampled_from(["Yes", " no", ""]), start_ms=TIMES, end_ms=TIMES)


RESPONSE = st.fixed_dictionaries(
    {}, optional={"id": st.sampled_from(["r1", "r2"]), "usage": st.just({"input_tokens": 1})}
)
ITEM = st.fixed_dictionaries(
    {"type": st.sampled_from(["function_call", "message"])},
    optional={"call_id": CALLS, "name": st.just("f"), "arguments": st.sampled_from(["{}", "["])},
)
BACKEND = st.one_of(
    st.builds(lambda item: {"type": "response.output_item.done", "item": item}, ITEM),
    st.builds(
        lambda kind, response: {"type": kind, "response": response},
        st.sampled_from(["response.created", "response.completed", "response.failed"]),
        RESPONSE,
    ),
)
PLAUSIBLE = st.one_of(
    short("session.started", session=st.just({"id": "s", "expires_at": 1100})),
    short("session.output_audio.delta", delta=st.sampled_from([LOUD, QUIET, "AAA="])),
    short("session.output_audio.delta", delta=st.sampled_from([LOUD, QUIET])),
    words("session.output_transcript.delta"),
    words("session.input_transcript.delta"),
    short(
        "session.delegation.created",
        delegation=st.builds(
            lambda key, target: {"id": key, "target": target, "response_id": "r1"},
            IDS,
            st.sampled_from(["client", "responses"]),
        ),
    ),
    short("response.event", event=BACKEND, delegation_id=IDS),
    short("session.usage.updated", usage=st.just({"seconds": 1})),
    short("error", error=st.just({"code": "x", "client_event_id": "event_3"})),
    short("session.closed", reason=st.sampled_from(["expired", "content"])),
)
COMMANDS = st.one_of(
    st.builds(ResponseCreate, instructions=st.sampled_from(["x", None])),
    st.builds(ResponseCancel, st.sampled_from([None, "resp_2"])),
    st.builds(ItemTruncate, st.just("item_3"), st.floats(0, 500)),
    st.builds(ToolResult, st.sampled_from(["c1", "c2", "d1"]), st.just("42")),
    st.builds(lambda call: ItemCreate(ToolResultItem(call, "1")), st.sampled_from(["c1", "d1"])),
    st.sampled_from(
        [
            ItemCreate(MessageItem("user", (TextPart("Hi"),))),
            AudioAppend(bytes(960)),
            SessionUpdate(Options(vendor={"muted": True})),
            SessionUpdate(Options(tools=(Tool("g"),))),
        ]
    ),
)


def play(steps: list[Any], options: Options | None = None) -> list[Any]:
    """Every output of a conversation; `Script` checks the grammar and the frames."""
    script = Script(options, started=False)
    outputs: list[Any] = []
    ended: set[str] = set()
    for step in steps:
        try:
            if isinstance(step, (str, bytes)):
                script.raw(step)
            elif isinstance(step, float):
                script.waits(step)
            else:
                script.does(step)
        except ProviderError as error:
            outputs.append(repr(error))
            continue
        outputs.append((script.events, script.frames))
        for event in script.events:
            response = getattr(event, "response_id", None)
            assert response not in ended, "nothing of a response comes after its end"
            if isinstance(event, ResponseCompleted):
                ended.add(event.response_id)
            if isinstance(event, Interrupted):
                assert event.generated_ms >= 0
    script.ends(1006)
    assert script.grammar.open_responses == ()
    return [*outputs, script.events]


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(st.lists(st.sampled_from(sorted(SERVER)).flatmap(lambda name: SERVER[name]), min_size=1, max_size=5))
def test_whatever_the_vendors_schemas_allow_keeps_the_grammar(messages: list[dict[str, Any]]):
    play([json.dumps(message) for message in messages])


@settings(max_examples=300, deadline=None, suppress_health_check=SLOW)
@given(
    st.lists(st.one_of(PLAUSIBLE, PLAUSIBLE, COMMANDS, st.sampled_from([0.3, 1.0, 6.0])), max_size=25),
    st.sampled_from([None, Options(tools=(Tool("f"),))]),
)
def test_any_order_of_plausible_messages_commands_and_time_keeps_the_grammar_and_is_repeatable(
    steps: list[Any], options: Options | None
):
    assert repr(play(steps, options)) == repr(play(steps, options))


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.binary(), st.text(), st.dictionaries(st.text(max_size=5) | st.just("type"), JSON).map(json.dumps)
    )
)
def test_garbage_is_told_and_nothing_else(frame: bytes | str):
    script = Script()
    assert script.raw(frame).names in (["ErrorInfo"], ["VendorMessage"])
    assert script.closes == []


@settings(max_examples=150, deadline=None)
@given(PLAUSIBLE, st.data())
def test_a_plausible_message_with_a_broken_field_does_no_harm(frame: str, data: st.DataObject):
    message = msgspec.json.decode(frame)
    keys = [key for key in message if key != "type"]
    if keys:
        broken = st.sampled_from([7, "x", [], {}, {"id": 7}, [[]], None])
        message[data.draw(st.sampled_from(keys))] = data.draw(broken)
    play([json.dumps(message)] * 2)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=4000), st.lists(st.integers(0, 2000), max_size=8))
def test_cutting_the_users_audio_differently_sends_the_same_audio(audio: bytes, cuts: list[int]):
    audio = audio[: len(audio) // 2 * 2]
    places = sorted({0, len(audio), *(2 * cut for cut in cuts if 2 * cut < len(audio))})
    script = Script()
    sent: list[bytes] = []
    for start, end in itertools.pairwise(places):
        for frame in script.does(AudioAppend(audio[start:end])).frames:
            message = wire.decode_client(json.dumps(frame))
            assert isinstance(message, wire.AudioAppend)
            sent.append(base64.b64decode(message.audio))
    assert b"".join(sent) == audio


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([LOUD, QUIET]), max_size=12), st.integers(1, 5))
def test_joining_the_output_differently_tells_the_same_sound(stretches: list[str], size: int):
    """Stretches that come at once are as those that come one by one, but for where they are cut."""

    def told(parts: list[bytes]) -> bytes:
        script = Script()
        heard = b""
        for part in parts:
            script.says("session.output_audio.delta", delta=base64.b64encode(part).decode())
            heard += b"".join(event.audio for event in script.events if hasattr(event, "audio"))
        return heard

    parts = [base64.b64decode(stretch) for stretch in stretches]
    joined = [b"".join(parts[at : at + size]) for at in range(0, len(parts), size)]
    assert told(parts) == told(joined)
