"""What another provider can have of a session: options, turns, history; and what leads from one history to another."""

from __future__ import annotations

import pytest
from msgspec import UNSET
from relaying import FORMAT, WIDE

from voicechatengine import AudioFormat, Options, Tool, TurnDetection
from voicechatengine.audio.tone import tone
from voicechatengine.compose.fit import Turns, changes, fit_history, fit_options, fit_turns
from voicechatengine.messages import (
    AudioPart,
    ImagePart,
    ItemCreate,
    ItemDelete,
    MessageItem,
    TextPart,
    ToolCallItem,
    ToolResultItem,
)


def said(key: str, text: str = "words") -> MessageItem:
    return MessageItem("user", (TextPart(text),), id=key)


@pytest.mark.parametrize(
    ("options", "able", "fitting", "missing"),
    [
        ({"instructions": "Be brief."}, {"session_update": ("instructions",)}, True, ()),
        ({"model": "m"}, {"session_update": ("instructions",)}, False, ("the option model",)),
        ({"voice": "ash"}, {"session_update": ("voice",), "voices": ("ash",)}, True, ()),
        ({"voice": "ash"}, {"session_update": ("voice",), "voices": ("eve",)}, False, ("the option voice",)),
        ({"tools": ()}, {}, False, ()),
        ({"tools": ()}, {"session_update": ("tools",)}, True, ()),
        ({"tools": (Tool("f"),)}, {}, False, ("the option tools",)),
        ({"output_audio_format": WIDE}, {"session_update": ("output_audio_format",), "output_formats": (WIDE,)}, True, ()),
        ({"output_audio_format": WIDE}, {"session_update": ("output_audio_format",)}, False, ("the option output_audio_format",)),
        ({"input_audio_format": WIDE, "turn_detection": None}, {}, False, ()),
    ],
)  # fmt: skip
def test_options_fit_or_are_named(options, able, fitting, missing):
    assert fit_options(Options(**options), able) == (Options(**options) if fitting else Options(), missing)


SERVER, SEMANTIC = TurnDetection(), TurnDetection("semantic_vad", eagerness="low", create_response=False)
BOTH = {
    "turn_detection": ("server_vad", "semantic_vad"),
    "session_update": ("turn_detection",),
    "manual_turns": True,
}
ONE = {**BOTH, "turn_detection": ("server_vad",)}
FIXED = {"turn_detection": ("server_vad",)}
MANUAL = {"manual_turns": True}


@pytest.mark.parametrize(
    ("wanted", "able", "turns"),
    [
        (SEMANTIC, BOTH, Turns(SEMANTIC)),
        (SERVER, FIXED, Turns()),
        (SEMANTIC, ONE, Turns(TurnDetection(create_response=False), missing=("turn detection by semantic_vad",))),
        (SERVER, MANUAL, Turns(ears=SERVER)),
        (SERVER, {**MANUAL, "session_update": ("turn_detection",)}, Turns(None, ears=SERVER)),
        (SERVER, {}, Turns(missing=("turn detection",))),
        (None, BOTH, Turns(None)),
        (None, FIXED, Turns(missing=("turns that the application ends",))),
        (None, MANUAL, Turns()),
        (UNSET, BOTH, Turns()),
    ],
)  # fmt: skip
def test_who_ends_turns(wanted, able, turns):
    assert fit_turns(wanted, able) == turns


def test_history_is_told_as_far_as_the_provider_can_take_it():
    spoken = AudioPart(tone(FORMAT, 100), "hello")
    items = (
        MessageItem("user", (ImagePart(b"png"), TextPart("look")), id="a"),
        MessageItem("user", (spoken,), id="b"),
        MessageItem("user", (AudioPart(b"\0\0"),), id="c"),
        ToolCallItem("c1", "f", "{}"),
        ToolResultItem("c1", "1"),
    )
    told, missing = fit_history(items, {"history": True}, FORMAT, FORMAT)
    assert told == (
        said("a", "look"),
        MessageItem("user", (TextPart("hello", spoken=True),), id="b"),
    )
    assert missing == ("pictures or speech of a", "pictures or speech of c", "the tool call c1")
    able = {"history": True, "tools": True, "image_input": True, "audio_input": True}
    told, missing = fit_history(items, able, FORMAT, WIDE)
    assert missing == ()
    assert told[0] == items[0]
    assert told[3:] == items[3:]
    part = told[1].content[0]
    assert isinstance(part, AudioPart)
    assert WIDE.duration_ms(len(part.audio)) == pytest.approx(100, abs=1)
    assert fit_history((), {}, FORMAT, FORMAT) == ((), ())
    assert fit_history(items, {}, FORMAT, FORMAT) == ((), ("the conversation so far",))


def test_changes_lead_from_one_history_to_the_other():
    a, b, c, d = said("a"), said("b"), said("c"), said("d")
    call, result = ToolCallItem("c1", "f", "{}", id="x"), ToolResultItem("c1", "1")
    assert changes((a, b), (a, b)) == []
    assert changes((a,), (a, b, call, result)) == [ItemCreate(b), ItemCreate(call), ItemCreate(result)]
    assert changes((a, b, c), (a, c)) == [ItemDelete("b")]
    assert changes((b,), (a, b)) == [ItemCreate(a, "root")]
    assert changes((a, b, c), (a, said("b", "less"), c, d)) == [
        ItemDelete("b"), ItemCreate(said("b", "less"), "a"), ItemCreate(d)
    ]  # fmt: skip


def test_formats_that_sound_the_same_fit():
    wide = AudioFormat(sample_rate=16_000, frame_size=100)
    able = {"session_update": ("output_audio_format",), "output_formats": (wide,)}
    assert fit_options(Options(output_audio_format=WIDE), able)[1] == ()
