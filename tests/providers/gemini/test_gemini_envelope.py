"""Messages that are sound alone are read without JSON once their spelling is known: they tell what any other reading tells."""

from __future__ import annotations

import json
from typing import Any

import hypothesis.strategies as st
import pytest
from gemini_script import SPOKEN, TOOL, Script, audio
from hypothesis import HealthCheck, example, given, settings
from pybase64 import b64encode

from voicechatengine.events import AudioChunk
from voicechatengine.providers.gemini import envelope, wire

PCM = "audio/pcm;rate=24000"
SOUND = b64encode(bytes(range(1, 241))).decode()
SPELLINGS: dict[str, dict[str, Any]] = {
    "compact": {"separators": (",", ":")},
    "spaced": {},
    "lines": {"indent": 2},
    "sorted": {"indent": 1, "sort_keys": True},
}


def content(data: str = SOUND, mime_type: str = PCM, **more: Any) -> dict[str, Any]:
    return {"modelTurn": {"parts": [{"inlineData": {"mimeType": mime_type, "data": data}}], **more}}


def message(data: str = SOUND, mime_type: str = PCM, **more: Any) -> dict[str, Any]:
    return {"serverContent": content(data, mime_type, **more)}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_however_the_service_spells_it_the_next_sound_is_found(spelling: str):
    frame, following = (
        (json.dumps(message(each), **SPELLINGS[spelling]) + "\n").encode() for each in (SOUND, "AAECAw==")
    )
    known = envelope.learned(frame, wire.decode_server(frame))
    assert known is not None
    assert known.form.sample_rate == 24_000
    assert known.sound(frame) == bytes(range(1, 241))
    assert known.sound(following) == b"\0\1\2\3"


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_part_of_a_frame_is_taken_for_one(spelling: str):
    frame = json.dumps(message(), **SPELLINGS[spelling]).encode()
    known = envelope.learned(frame, wire.decode_server(frame))
    assert known is not None
    assert {known.sound(frame[:end]) for end in range(len(frame))} == {b""}
    assert {known.sound(frame[start:]) for start in range(1, len(frame))} == {b""}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"setupComplete": {}},
        {"serverContent": {"turnComplete": True}},
        {"serverContent": {"modelTurn": {}}},
        {"serverContent": {"modelTurn": {"parts": [{"text": "Hi"}]}}},
        message(""),
        message(mime_type="image/png"),
        {**message(), "usageMetadata": {"totalTokenCount": 1}},
        {"serverContent": {**content(), "turnComplete": True}},
        {"serverContent": {**content(), "outputTranscription": {"text": "Hi"}}},
        {"serverContent": {"modelTurn": {"parts": [audio(SPOKEN), {"text": "Hi"}]}}},
        {"serverContent": {"modelTurn": {"parts": [audio(SPOKEN), audio(SPOKEN)]}}},
        {"serverContent": {"modelTurn": {"parts": [{**audio(SPOKEN), "thoughtSignature": "x"}]}}},
        message("data"),  # it is in the frame before, as a name
        {"other": SOUND, **message()},
    ],
    ids=str,
)
def test_of_a_message_that_is_more_or_less_than_sound_nothing_is_learned(given: dict[str, Any]):
    frame = json.dumps(given).encode()
    known = {key: value for key, value in given.items() if key != "other"}
    assert envelope.learned(frame, wire.decode_server(json.dumps(known))) is None


def test_of_a_frame_that_is_mostly_not_sound_nothing_is_learned():
    frame = json.dumps(message()).encode() + b" " * envelope.LONGEST
    assert envelope.learned(frame, wire.decode_server(frame)) is None


def test_of_an_escaped_sound_nothing_is_learned():
    frame = json.dumps(message("/AAA")).replace("/AAA", "\\/AAA").encode()
    read = wire.decode_server(frame)
    assert read.server_content is not None
    assert read.server_content.model_turn is not None
    assert envelope.learned(frame, read) is None


# ------------------------------------------------------------------ the short way tells what the long one tells

DATA = st.sampled_from(
    [
        SOUND,
        SOUND,
        "AAECAw==",
        "AAEC",
        "AA==",
        "",
        "AAAA AAAA",
        "***",
        "AAA",
        "A",
        "-_-_",
        "AAAA\n",
        "AA==AAAA",
        "ü",
    ]
) | st.binary(max_size=64).map(lambda data: b64encode(data).decode())
TURN = st.builds(
    message, DATA, st.sampled_from([PCM, PCM, PCM, "audio/pcm", "audio/pcm;rate=16000", "image/png"])
)
OTHER = st.sampled_from(
    [
        {"serverContent": {"turnComplete": True}},
        {"serverContent": {"interrupted": True}},
        {"serverContent": {**content(), "turnComplete": True}},
        {"serverContent": {**content(), "outputTranscription": {"text": "Hi"}}},
        {"serverContent": {"modelTurn": {"parts": [audio(SPOKEN), audio(SPOKEN)]}}},
        {"usageMetadata": {"totalTokenCount": 3}, **message()},
        {"toolCall": {"functionCalls": [{"id": "c", "name": "f", "args": {}}]}},
        {"new": 1, **message()},
        message(role="model"),
    ]
)
EDITS = st.sampled_from(
    [
        None, None, None, None,
        ('"}', '"},'), ("}", ""), ('"data":', '"data":"AAAA","data":'), (SOUND, ""), (SOUND, 'AA"A'), (SOUND, "\\/AAA"),
        ('"' + SOUND, ""), (SOUND + '"', ""), (SOUND, "\\u0041AAA"), (SOUND, '","displayName":"AAAA'),
    ]
)  # fmt: skip


@st.composite
def frames(draw: st.DrawFn) -> str:
    given = draw(st.one_of(TURN, TURN, TURN, OTHER))
    text = json.dumps(given, **SPELLINGS[draw(st.sampled_from(["lines", "lines", "lines", *SPELLINGS]))])
    edit = draw(EDITS)
    return text if edit is None else text.replace(*edit)


KNOWN = [json.dumps(message())] * 3
SAME = st.sampled_from([KNOWN[0], json.dumps(message("AAEC"))])
CALL = json.dumps({"toolCall": {"functionCalls": [{"id": "c", "name": "f", "args": {}}]}})


def play(steps: list[str | float | bytes]) -> list[Any]:
    """What each step gives, and the deadline after it."""
    script = Script(tools=(TOOL,), vendor={"toolBehavior": {"f": "NON_BLOCKING"}}).asks()
    told: list[Any] = []
    for step in steps:
        if isinstance(step, (int, float)):
            script.waits(step)
        else:
            script.raw(step)
        told.append((script.events, script.frames, script.client.deadline()))
    return [*told, script.ends().events]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.one_of(SAME, SAME, OTHER.map(json.dumps), frames(), st.sampled_from([0.5, 2.0])), max_size=12)
)
@example([*KNOWN, json.dumps({"serverContent": {"interrupted": True}}), KNOWN[0]])
@example([*KNOWN, CALL, 0.5, KNOWN[0], 0.7, KNOWN[0]])
def test_a_frame_of_bytes_tells_what_it_tells_as_text_which_is_always_read_whole(steps: list[str | float]):
    text = play(list(steps))
    assert play([step.encode() if isinstance(step, str) else step for step in steps]) == text


def test_sound_that_is_read_the_short_way_belongs_to_the_reply_until_that_ends():
    script = Script().asks()
    first = script.speaks().one(AudioChunk)
    chunks = [script.speaks().event for _ in range(5)]
    assert {(chunk.response_id, chunk.item_id) for chunk in chunks} == {(first.response_id, first.item_id)}
    script.done()
    assert script.asks().speaks().one(AudioChunk).response_id != first.response_id
