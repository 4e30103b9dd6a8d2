"""The answers of transcription endpoints: by the `openai` package's own types and in other servers' forms, cut anywhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.audio import (
    Transcription,
    TranscriptionTextDeltaEvent,
    TranscriptionTextDoneEvent,
    TranscriptionTextSegmentEvent,
)

from voicechatengine.errors import ConnectionError, ProtocolError
from voicechatengine.events import Usage
from voicechatengine.providers.cascade.parts import Heard
from voicechatengine.providers.speech.transcript import transcript

EVENTS = "text/event-stream; charset=utf-8"
JSON = "application/json"


def event(told: Any) -> bytes:
    data = told if isinstance(told, str) else json.dumps(told)
    return f"data: {data}\n\n".encode()


def delta(words: str) -> bytes:
    told = TranscriptionTextDeltaEvent(type="transcript.text.delta", delta=words)
    return event(told.to_json(indent=None))


USAGE = {
    "type": "tokens",
    "input_tokens": 14,
    "output_tokens": 5,
    "total_tokens": 19,
    "input_token_details": {"audio_tokens": 12, "text_tokens": 2},
}
COST = Usage(input_tokens=14, output_tokens=5, total_tokens=19, input_text_tokens=2, input_audio_tokens=12)
SEGMENT = TranscriptionTextSegmentEvent(
    id="seg_1", type="transcript.text.segment", speaker="A", start=0, end=1, text="Turn"
)
FINAL = TranscriptionTextDoneEvent.model_validate(
    {"type": "transcript.text.done", "text": "Turn it off ✓.", "usage": USAGE}
)
STREAMED = (
    b": warming up\n\n"
    + delta(" Turn")
    + event(SEGMENT.to_json(indent=None))
    + delta(" it off")
    + delta("")
    + delta(" ✓.")
    + event(FINAL.to_json(indent=None))
)
HEARD = [
    Heard("Turn"),
    Heard("Turn it off"),
    Heard("Turn it off ✓."),
    Heard("Turn it off ✓.", final=True, usage=COST),
]
WHOLE = Transcription.model_validate({"text": " Turn it\n off ✓.\n", "usage": USAGE}).to_json().encode()


def folded(kind: str, *pieces: bytes) -> list[Heard]:
    fold = transcript(kind)
    assert fold is not None
    outputs = [output for piece in pieces for output in fold.feed(piece)]
    if not fold.done:
        outputs += fold.end()
    assert fold.done
    return outputs


@pytest.mark.parametrize(
    ("kind", "content", "heard"), [(EVENTS, STREAMED, HEARD), (JSON, WHOLE, HEARD[-1:])], ids=["sse", "json"]
)
def test_a_transcription_is_read_whole_at_any_cut(kind, content, heard):
    assert folded(kind, content) == heard
    assert folded(kind, *(bytes((byte,)) for byte in content)) == heard
    for cut in range(len(content) + 1):
        assert folded(kind, content[:cut], content[cut:]) == heard, cut


def test_segments_without_a_type_are_joined_and_end_with_the_stream():
    """Speaches before 2026 sends each segment as a transcription of its own, and no end."""
    content = event({"text": "Turn it"}) + event({"text": " off."})
    assert folded(EVENTS, content) == [
        Heard("Turn it"),
        Heard("Turn it off."),
        Heard("Turn it off.", final=True),
    ]


def test_chunks_in_the_form_of_a_chat_are_read():
    """vLLM streams a transcription so."""
    words = [
        {"object": "transcription.chunk", "choices": [{"delta": {"content": w}}]} for w in ("Turn ", "off")
    ]
    content = b"".join(map(event, words)) + event({"choices": [{"delta": {}}]}) + event("[DONE]")
    assert folded(EVENTS, content) == [Heard("Turn"), Heard("Turn off"), Heard("Turn off", final=True)]


def test_seconds_are_told_where_a_server_counts_them():
    content = json.dumps({"text": "Hi", "usage": {"type": "duration", "seconds": 1.5}}).encode()
    assert folded(JSON, content) == [Heard("Hi", final=True, usage=Usage(input_seconds=1.5))]


def test_what_comes_after_the_end_is_passed_over():
    assert folded(EVENTS, STREAMED + b"data: nonsense\n\n") == HEARD


def test_a_page_is_no_transcription():
    assert transcript("text/html") is None


@pytest.mark.parametrize(
    ("kind", "content", "error", "words"),
    [
        (EVENTS, delta("Turn"), ConnectionError, "broke off in the midst of a transcription: try again"),
        (EVENTS, b"", ConnectionError, "broke off"),
        (EVENTS, event("<html>"), ProtocolError, "cannot be read"),
        (
            EVENTS,
            event({"error": {"message": "out of memory", "code": "oom"}}),
            ConnectionError,
            "out of memory",
        ),
        (EVENTS, event({"type": "error", "message": "too hot"}), ConnectionError, "too hot"),
        (JSON, b"{", ProtocolError, "cannot be read"),
        (JSON, b"", ProtocolError, "cannot be read"),
        (JSON, b'{"texts": []}', ProtocolError, "has no text"),
        (JSON, b'{"error": "failed to process audio"}', ConnectionError, "failed to process audio"),
        (JSON, b" " * 2_000_000, ProtocolError, "more than 1048576 bytes"),
    ],
)
def test_an_answer_that_fails_is_told(kind, content, error, words):
    with pytest.raises(error, match=words):
        folded(kind, content)
