"""Sound that is spelled as the service does is read without JSON: it tells what any other reading tells."""

from __future__ import annotations

import json
from array import array
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, example, given, settings
from live_script import Script
from pybase64 import b64encode

from voicechatengine.audio.convert import audioop
from voicechatengine.audio.tone import tone
from voicechatengine.events import AudioChunk
from voicechatengine.messages import AudioAppend, Options, ResponseCancel
from voicechatengine.providers.openai_live import encode, wire

KIND = "session.output_audio.delta"
LOUD, QUIET = tone(encode.PCM, 20), encode.PCM.silence(20)


def text(audio: bytes) -> str:
    return b64encode(audio).decode()


def delta(data: str, **more: Any) -> dict[str, Any]:
    return {"type": KIND, "delta": data, **more}


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_sound_is_read_from_a_frame_with_spaces_and_without(separators: tuple[str, str]):
    assert wire.sound(json.dumps(delta(text(LOUD)), separators=separators).encode()) == LOUD


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        f'{{"type":"{KIND}"}}',
        f'{{"type":"{KIND}","delta":"}}',
        f'{{"type":"{KIND}","delta":""}}',
        f'{{"type":"{KIND}","delta":"AAA"}}',
        f'{{"type":"{KIND}","delta":"AAAAAA',
        f'{{"type":"{KIND}","delta":"AA AA"}}',
        f'{{"type":"{KIND}","delta":"AA\\/A"}}',
        f'{{"type":"{KIND}","delta":"AAAA","start_ms":"}}',
        f'{{"type":"{KIND}","delta":"AAAA","delta":"AAAA"}}',
        f'{{"type":"{KIND}","delta":"AAAA","start_ms":0}}',
        f'{{"type":"{KIND}", "delta":"AAAA"}}',
        f'{{"delta":"AAAA","type":"{KIND}"}}',
        '{"type":"session.output_transcript.delta","delta":"AAAA"}',
    ],
)
def test_what_is_spelled_otherwise_is_left_to_the_long_way(frame: str):
    assert wire.sound(frame.encode()) == b""


# ------------------------------------------------------------------ the short way tells what the long one tells

PARTS = st.lists(st.sampled_from([LOUD, LOUD * 5, QUIET * 5, QUIET * 40, b"\1"]), max_size=4)
DATA = PARTS.map(b"".join).map(text) | st.sampled_from(
    ["", "***", "AAA", "AA AA", "AAAA\n", "AA==AAAA", "-_-_", "ü"]
)
SPELLINGS: list[dict[str, Any]] = [
    {"separators": (",", ":")},
    {"separators": (",", ":")},
    {},
    {"indent": 1},
    {"sort_keys": True},
]
OTHER = st.sampled_from(
    [
        {"type": "session.output_transcript.delta", "delta": "Yes", "start_ms": 0, "end_ms": 200},
        {"type": "session.input_transcript.delta", "delta": "And", "start_ms": 500, "end_ms": 700},
        delta(text(LOUD), start_ms=0, end_ms=20),
        {"event_id": "e", **delta(text(LOUD))},
    ]
)
EDITS = st.sampled_from([None, None, None, ('"}', '"'), ('"}', '","x":"}'), ("AA", "\\u0041A"), ("/", "\\/")])


@st.composite
def frames(draw: st.DrawFn) -> str:
    sound = DATA.map(delta)
    written = json.dumps(draw(st.one_of(sound, sound, sound, OTHER)), **draw(st.sampled_from(SPELLINGS)))
    edit = draw(EDITS)
    return written if edit is None else written.replace(*edit)


def play(steps: list[Any], options: Options) -> list[Any]:
    """What each step gives."""
    script = Script(options)
    told: list[Any] = []
    for step in steps:
        if isinstance(step, float):
            script.waits(step)
        elif isinstance(step, (str, bytes)):
            script.raw(step)
        else:
            script.does(step)
        told.append((script.events, script.frames))
    return [*told, script.ends().events]


def spell(audio: bytes) -> str:
    return json.dumps(delta(text(audio)))


PAUSE = spell(QUIET * 10)  # half of what ends a reply
SAID = json.dumps(
    {"type": "session.output_transcript.delta", "delta": "And", "start_ms": 5000, "end_ms": 5200}
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(frames() | st.sampled_from([0.3, 2.5, ResponseCancel(), AudioAppend(bytes(960))]), max_size=10),
    st.sampled_from([None, encode.PCM, *encode.FORMATS]),
)
@example([*[spell(LOUD)] * 3, *[PAUSE, PAUSE, spell(LOUD)] * 3], None)
@example([spell(LOUD), spell(LOUD + b"\1"), spell(LOUD), spell(LOUD)], None)
@example([*[spell(LOUD * 10)] * 5, *[PAUSE] * 5, spell(LOUD), SAID], None)
def test_a_frame_of_bytes_tells_what_it_tells_as_text_which_is_always_read_whole(steps: list[Any], form: Any):
    options = Options(input_audio_format=form) if form is not None else Options()
    whole = play(steps, options)
    assert play([step.encode() if isinstance(step, str) else step for step in steps], options) == whole


# ------------------------------------------------------------------ what is sound


def test_a_long_stretch_that_is_sound_all_through_is_told_at_once():
    script = Script()
    script.raw(json.dumps(delta(text(LOUD * 50))).encode())
    assert [event.audio for event in script.events if isinstance(event, AudioChunk)] == [LOUD * 50]


def test_sound_that_begins_with_silence_is_sound():
    script = Script()
    script.raw(json.dumps(delta(text(QUIET * 2 + LOUD))).encode())
    assert script.only(AudioChunk).audio == QUIET * 2 + LOUD


@given(st.lists(st.integers(-120, 120), min_size=1, max_size=120), st.integers(0, 4800))
def test_sound_is_what_has_a_mean_level_of_20_wherever_in_the_stretch_it_is(loud: list[int], before: int):
    stretch = bytes(2 * before) + array("h", loud).tobytes() + bytes(9600 - 2 * before)
    script = Script()
    script.raw(json.dumps(delta(text(stretch[:9600]))).encode())
    assert (script.names == []) == (audioop.rms(stretch[:9600], 2) < 20)


@given(st.lists(st.integers(-60, 60), min_size=1, max_size=300))
def test_the_level_of_a_short_stretch_is_that_of_all_of_it(samples: list[int]):
    stretch = array("h", samples).tobytes()
    script = Script()
    script.raw(json.dumps(delta(text(stretch))).encode())
    assert (script.names == []) == (audioop.rms(stretch, 2) < 20)


def test_a_deadline_that_sound_has_moved_away_comes_early_and_does_nothing():
    script = Script()
    script.raw(json.dumps(delta(text(LOUD))).encode())
    due = script.client.deadline()
    assert due is not None
    for _ in range(30):
        script.does(AudioAppend(bytes(960)))
        script.now += 0.1
        assert script.raw(json.dumps(delta(text(LOUD))).encode()).names == ["AudioChunk"]
    script.now = max(script.now, due)
    assert script.client.expired(script.now) == []
    later = script.client.deadline()
    assert later is not None
    assert later > script.now
