"""Audio deltas are read in short ways: they tell what the whole way tells, which text frames (as `str`) always go."""

from __future__ import annotations

import json
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from pybase64 import b64encode
from realtime_script import Script, counted_ids

from voicechatengine.events import AudioChunk, ErrorInfo, TextChunk
from voicechatengine.messages import AudioAppend, Command, ResponseCancel
from voicechatengine.providers.realtime.client import RealtimeClient
from voicechatengine.providers.realtime.replies import Item, Reply
from voicechatengine.providers.realtime.sounds import is_sound, series_of
from voicechatengine.session.dialect import Restore

TYPE = "response.output_audio.delta"
ORDERS = {
    "openai": ("type", "event_id", "response_id", "item_id", "output_index", "content_index", "delta"),
    "azure": ("event_id", "type", "response_id", "item_id", "output_index", "content_index", "delta"),
    "sound first": ("type", "event_id", "delta", "response_id", "item_id"),
    "id last": ("type", "response_id", "item_id", "delta", "event_id"),
    "no id": ("type", "response_id", "item_id", "delta"),
    "no response": ("type", "event_id", "item_id", "delta"),
    "no item": ("type", "event_id", "response_id", "delta"),
    "more behind": ("type", "event_id", "response_id", "item_id", "delta", "output_index"),
    "more between": ("type", "event_id", "odd", "response_id", "item_id", "delta"),
    "not a delta first": ("odd", "type", "event_id", "response_id", "item_id", "delta"),
}
SPELLINGS: tuple[dict[str, Any], ...] = ({"separators": (",", ":")}, {}, {"indent": 1})


def delta(
    order: str = "openai",
    sound: str = "AQIDBA==",
    *,
    kind: str = TYPE,
    event: str = "event_123",
    response: str = "r1",
    item: str = "i1",
    spelling: int = 0,
    odd: Any = "x",
) -> str:
    fields = {
        "type": kind,
        "event_id": event,
        "response_id": response,
        "item_id": item,
        "output_index": 0,
        "content_index": 0,
        "delta": sound,
        "odd": odd,
    }
    return json.dumps({name: fields[name] for name in ORDERS[order]}, **SPELLINGS[spelling])


SOUND = st.one_of(
    st.binary(max_size=40).map(lambda pcm: b64encode(pcm).decode()),
    st.sampled_from(["AA-_", "AAA", "A\u00e9==", "AA==AA==", "AA\nA", 'AA"A', "AA\\A", "\u20ac", " "]),
)
FRAMES = st.builds(
    delta,
    st.sampled_from([*ORDERS, "openai", "openai", "openai", "azure"]),
    SOUND,
    kind=st.sampled_from(
        [TYPE, TYPE, TYPE, "response.audio.delta", "response.output_audio_transcript.delta"]
    ),
    event=st.one_of(
        st.integers(100, 110).map("event_{}".format), st.text('ab"\\,:{', max_size=9), st.just("event_1")
    ),
    response=st.sampled_from(["r1", "r1", "r1", "r2", ""]),
    item=st.sampled_from(["i1", "i1", "i1", "i2", ""]),
    spelling=st.sampled_from([0, 0, 0, 1, 2]),
    odd=st.sampled_from(["x", 1, None, {"delta": "AAAA"}, {"type": TYPE}, ['"delta":"AAAA"']]),
)
BESIDE: tuple[str, ...] = tuple(
    json.dumps(each)
    for each in (
        {"type": "response.created", "response": {"id": "r1"}},
        {"type": "response.done", "response": {"id": "r1", "status": "completed"}},
        {"type": "response.done", "response": {"id": "r2", "status": "cancelled"}},
        {
            "type": "response.output_audio_transcript.delta",
            "response_id": "r1",
            "item_id": "i1",
            "delta": "Hi",
        },
        {"type": "input_audio_buffer.speech_started", "audio_start_ms": 1, "item_id": "u1"},
    )
)
COMMANDS: tuple[Command, ...] = (ResponseCancel(), AudioAppend(b"\0\0"))
STEPS = st.lists(
    st.one_of(
        FRAMES,
        FRAMES,
        FRAMES,
        FRAMES.map(lambda text: text[:-1]),
        st.sampled_from(BESIDE),
        st.sampled_from(COMMANDS),
    ),
    max_size=12,
)


def client() -> RealtimeClient:
    made = RealtimeClient(Restore(), counted_ids())
    made.receive('{"type":"session.created","session":{"id":"s"}}', 1.0)
    made.receive('{"type":"response.created","response":{"id":"r1"}}', 1.0)
    return made


@settings(max_examples=400)
@given(STEPS)
def test_the_short_ways_tell_what_the_whole_way_tells(steps: list[str | Command]):
    short, whole = client(), client()
    for step in steps:
        if isinstance(step, str):
            assert list(short.receive(step.encode(), 2.0)) == list(whole.receive(step, 2.0)), step
        else:
            assert list(short.send(step, 2.0)) == list(whole.send(step, 2.0))
        assert short.deadline() == whole.deadline()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("spelling", range(len(SPELLINGS)))
def test_each_delta_of_an_item_gives_its_sound_however_it_is_spelled(order: str, spelling: int):
    made = client()
    for number in range(98, 102):  # the event id becomes longer
        frame = delta(
            order, b64encode(bytes([number] * 4)).decode(), event=f"event_{number}", spelling=spelling
        )
        chunk = made.receive(frame.encode(), 2.0)[-1]
        assert isinstance(chunk, AudioChunk)
        assert chunk.audio == bytes([number] * 4)


@pytest.mark.parametrize("order", ["openai", "azure", "more behind", "more between", "sound first"])
def test_of_a_first_delta_it_is_known_where_the_sound_of_the_next_is(order: str):
    frame = delta(order, "AAAA", odd={"deep": ["er"]}).encode()
    assert is_sound(frame)
    found = series_of(frame, Reply("r1"), Item(), "i1")
    assert found is not None
    spelling = found.spelling
    assert frame == spelling.before + b"event_123" + found.between + b"AAAA" + spelling.behind
    parts = [frame[each] for each in (spelling.head, spelling.middle, spelling.sound, spelling.tail)]
    assert parts == [spelling.before, found.between, b"AAAA", spelling.behind]


def test_a_delta_with_much_beside_its_sound_is_not_learned():
    frame = delta("more between", "AAAA", odd="x" * 2000).encode()
    assert is_sound(frame)
    assert series_of(frame, Reply("r1"), Item(), "i1") is None


@pytest.mark.parametrize("order", ["no id", "id last", "not a delta first"])
def test_where_the_event_id_is_not_at_the_beginning_nothing_is_known(order: str):
    assert series_of(delta(order).encode(), Reply("r1"), Item(), "i1") is None


@pytest.mark.parametrize("odd", [{"delta": "AAAA"}, [{"type": TYPE, "delta": "AAAA"}], {"a": {"delta": ""}}])
def test_the_delta_of_something_else_in_the_message_is_not_taken_for_the_sound(odd: Any):
    frame = delta("more between", odd=odd).encode()
    assert series_of(frame, Reply("r1"), Item(), "i1") is None
    assert series_of(frame[:-1], Reply("r1"), Item(), "i1") is None


@pytest.mark.parametrize("order", ["openai", "azure"])
def test_words_that_could_be_base64_are_no_sound(order: str):
    made = client()
    made.receive(delta(order).encode(), 2.0)
    words = delta(order, "AAAA", kind="response.output_audio_transcript.delta").encode()
    assert not is_sound(words)
    (chunk,) = made.receive(words, 2.0)
    assert isinstance(chunk, TextChunk)
    assert chunk.text == "AAAA"


@pytest.mark.parametrize("sound", ["AA*A", "AA-_", "A", "AAAA "])
def test_sound_that_is_no_strict_base64_is_told_as_such_in_each_delta(sound: str):
    made = client()
    made.receive(delta().encode(), 2.0)
    for number in range(124, 127):
        (error,) = made.receive(delta(sound=sound, event=f"event_{number}").encode(), 2.0)
        assert isinstance(error, ErrorInfo)
        assert error.code == "invalid_audio"


def test_a_delta_that_was_cut_off_is_told_as_broken():
    script = Script(opened=True).begins()
    script.raw(delta().encode())
    frame = delta(sound="").encode()
    for broken in (frame.replace(b'"}', b"}"), delta(sound="AA").encode()):
        (error,) = script.raw(broken).events
        assert isinstance(error, ErrorInfo)
        assert error.code in ("invalid_message", "invalid_audio")


def test_nothing_is_told_of_an_item_whose_response_was_interrupted():
    script = Script().begins()
    assert script.raw(delta().encode()).events
    assert script.raw(delta(event="event_124").encode()).events
    script.does(ResponseCancel())
    assert script.raw(delta(event="event_125").encode()).events == []
    script.done(status="cancelled")
    assert script.raw(delta(event="event_126").encode()).events == []
