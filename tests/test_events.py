"""What a provider tells: one payload for each event type, and the event around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import pytest

from voicechatengine.events import (
    EVENT_TYPES,
    AudioChunk,
    ErrorInfo,
    Event,
    EventData,
    InputTranscript,
    Interrupted,
    ProviderEvent,
    ResponseCompleted,
    SessionCreated,
    SessionUpdated,
    TextChunk,
    Usage,
    VendorMessage,
    event_of,
)

NAMES = [
    "session_created",
    "session_updated",
    "state_changed",
    "speech_started",
    "speech_stopped",
    "input_transcript",
    "item_added",
    "response_started",
    "text_chunk",
    "audio_chunk",
    "tool_call",
    "tool_call_cancelled",
    "interrupted",
    "response_completed",
    "usage",
    "rate_limits",
    "session_expiring",
    "reconnecting",
    "reconnected",
    "error",
    "vendor",
]


def test_the_event_types_are_the_stable_words_of_the_design():
    assert sorted(EVENT_TYPES.values()) == sorted(NAMES)


def test_every_payload_of_the_union_has_its_event_type():
    assert set(EVENT_TYPES) == set(get_args(Event))


def test_event_data_is_one_of_ours_or_a_mapping():
    assert {getattr(kind, "__origin__", kind) for kind in get_args(EventData)} == {*get_args(Event), Mapping}


@pytest.mark.parametrize("kind", get_args(Event))
def test_every_payload_says_what_it_is(kind):
    assert kind.__doc__


def test_an_event_has_the_six_fields_of_the_interface():
    assert ProviderEvent.__struct_fields__ == ("type", "data", "timestamp", "provider", "session_id", "error")


def test_type_and_error_line_follow_from_the_payload():
    text = event_of(TextChunk("hi"), timestamp=5.0, provider="toy", session_id="s")
    assert text == ProviderEvent("text_chunk", TextChunk("hi"), 5.0, "toy", "s", None)
    error = event_of(ErrorInfo("oops", "it broke"), timestamp=5.0, provider="toy")
    assert (error.type, error.error, error.session_id) == ("error", "it broke", None)


def test_data_reads_by_key_and_by_pattern():
    event = event_of(TextChunk("hi"), timestamp=0.0, provider="toy")
    assert event.data["text"] == "hi"
    match event.data:
        case TextChunk(text=text):
            assert text == "hi"
        case _:
            pytest.fail("no match")


@pytest.mark.parametrize(
    "data",
    [
        AudioChunk(b"secret"),
        VendorMessage("raw", {"delta": b"secret", "list": [{"deep": bytearray(b"secret")}, (b"secret",)]}),
        {"audio": b"secret", "inner": {"audio": b"secret"}},
    ],
)
def test_no_repr_shows_audio_whoever_made_the_payload(data):
    shown = repr(ProviderEvent("custom", data, 5.0, "toy"))
    assert "secret" not in shown
    assert "<6 bytes>" in shown
    assert shown.startswith("ProviderEvent(type='custom', data=")
    assert shown.endswith(", timestamp=5.0, provider='toy', session_id=None, error=None)")


def test_usage_adds_up_field_by_field():
    assert Usage(1, 2, 3, input_seconds=0.5) + Usage(10, 20, 30, cached_tokens=4) == Usage(
        11, 22, 33, 4, input_seconds=0.5
    )


def test_what_was_not_said_is_not_claimed():
    """No vendor says everything: counts are nothing then, and flags are the harmless way round."""
    assert Usage() + Usage() == Usage()
    assert not SessionCreated("s").resumed
    assert not SessionUpdated("s").resumed
    assert not InputTranscript("so far").final
    assert Interrupted("r").generated_ms == 0
    assert ResponseCompleted("r").tool_calls == 0
    assert ErrorInfo("c", "m").recoverable
