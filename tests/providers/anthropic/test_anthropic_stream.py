"""The stream of a reply, as the vendor's own package writes it, cut anywhere."""

from __future__ import annotations

import json

import pytest
from anthropic.types import TextDelta
from anthropic_stream import FULL, PING, begin, call, delta, end, stop, thought, words
from hypothesis import given
from hypothesis import strategies as st

from voicechatengine.errors import (
    AuthenticationError,
    ConnectionError,
    DeadlineError,
    MessageError,
    ProtocolError,
    ProviderError,
    RateLimitError,
)
from voicechatengine.events import Usage
from voicechatengine.providers.anthropic.stream import PINGS, MessageFold
from voicechatengine.providers.cascade.parts import Call, Finished, ModelOutput, Words

USAGE = Usage(input_tokens=22, output_tokens=42, total_tokens=64, cached_tokens=7)
OUTPUTS = [
    Words("Let me "),
    Words("look: "),
    Words("naïve ✓"),
    Call("toolu_1", "get_weather", '{"city": "London"}'),
    Call("toolu_2", "get_time", "{}"),
]


def folded(*pieces: bytes) -> list[ModelOutput]:
    fold = MessageFold()
    return [output for piece in pieces for output in fold.feed(piece)]


def until_error(stream: bytes) -> tuple[list[ModelOutput], ProviderError]:
    fold, seen = MessageFold(), list[ModelOutput]()
    try:
        for output in fold.feed(stream):
            seen.append(output)
        for output in fold.end():
            seen.append(output)
    except ProviderError as error:
        return seen, error
    raise AssertionError("no error")


def test_a_reply_with_thoughts_words_and_calls_is_read_whole():
    *outputs, finished = folded(FULL)
    assert outputs == OUTPUTS
    assert isinstance(finished, Finished)
    assert (finished.status, finished.reason, finished.usage) == ("completed", None, USAGE)


def test_what_was_thought_is_kept_as_it_came_with_the_turn_around_it():
    finished = folded(FULL)[-1]
    assert isinstance(finished, Finished)
    assert [block["type"] for block in finished.keep] == [
        "thinking", "redacted_thinking", "text", "tool_use", "tool_use"
    ]  # fmt: skip
    thinking, redacted, _, weather, _ = finished.keep
    assert thinking == {"type": "thinking", "thinking": "A city, so…", "signature": "c2ln"}
    assert redacted == {"type": "redacted_thinking", "data": "b3BhcXVl"}
    assert weather["input"] == {"city": "London"}


def test_a_block_may_begin_with_words_and_what_other_blocks_hold_is_kept_too():
    """Tools of the service's own write their input as a call's is written."""
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    query = {"type": "input_json_delta", "partial_json": '{"q":1}'}
    started = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Well: "}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": search},
        {"type": "content_block_delta", "index": 1, "delta": query},
        {"type": "content_block_stop", "index": 1},
    ]
    told = b"".join(f"data: {json.dumps(event)}\n\n".encode() for event in started)
    said, finished = folded(begin() + thought("hm", 2) + told + end())
    assert said == Words("Well: ")
    assert isinstance(finished, Finished)
    assert finished.keep[1:] == [{"type": "text", "text": "Well: "}, {**search, "input": {"q": 1}}]


def test_nothing_is_kept_of_a_reply_without_thoughts():
    finished = folded(begin() + words("Hi.") + end())[-1]
    assert isinstance(finished, Finished)
    assert finished.keep is None


def test_a_cut_at_any_byte_gives_the_same_outputs():
    whole = folded(FULL)
    for cut in range(len(FULL) + 1):
        assert folded(FULL[:cut], FULL[cut:]) == whole, cut


@given(st.lists(st.integers(0, len(FULL)), max_size=6))
def test_any_number_of_cuts_gives_the_same_outputs(cuts):
    cuts = sorted(cuts)
    pieces = [FULL[a:b] for a, b in zip([0, *cuts], [*cuts, len(FULL)], strict=True)]
    assert folded(*pieces) == folded(FULL)


def test_a_stream_that_ends_at_any_byte_gives_its_beginning_and_an_error():
    whole = folded(FULL)
    for cut in range(len(FULL) - 1):
        seen, error = until_error(FULL[:cut])
        assert isinstance(error, ConnectionError), cut
        assert seen == whole[: len(seen)]
        assert len(seen) < len(whole)


@pytest.mark.parametrize(
    ("reason", "status", "told"),
    [
        ("end_turn", "completed", None),
        ("stop_sequence", "completed", None),
        ("tool_use", "completed", None),
        ("max_tokens", "incomplete", "max_tokens"),
        ("refusal", "incomplete", "refusal"),
        ("pause_turn", "incomplete", "pause_turn"),
        ("model_context_window_exceeded", "incomplete", "model_context_window_exceeded"),
    ],
)
def test_why_the_model_stopped_says_whether_the_reply_is_whole(reason, status, told):
    finished = folded(begin() + words("Hi.") + end(reason))[-1]
    assert isinstance(finished, Finished)
    assert (finished.status, finished.reason) == (status, told)


def test_a_call_that_a_limit_cut_short_is_not_made():
    outputs = folded(begin() + call("get_weather", '{"city": "Lo') + end("max_tokens"))
    assert [type(output) for output in outputs] == [Finished]


def test_a_call_that_is_badly_written_is_made_as_it_was_written():
    outputs = folded(begin() + call("get_weather", '{"city": Lo}') + end("tool_use"))
    assert outputs[0] == Call("toolu_1", "get_weather", '{"city": Lo}')


@pytest.mark.parametrize(
    ("kind", "error", "status"),
    [
        ("overloaded_error", ConnectionError, 529),
        ("rate_limit_error", RateLimitError, 429),
        ("authentication_error", AuthenticationError, 401),
        ("brand_new_error", ConnectionError, 500),
    ],
)
def test_an_error_in_the_midst_is_raised_behind_the_words(kind, error, status):
    told = f'event: error\ndata: {{"type":"error","error":{{"type":"{kind}","message":"Oh no"}}}}\n\n'
    seen, raised = until_error(begin() + words("Hi ", "there") + told.encode())
    assert seen == [Words("Hi "), Words("there")]
    assert type(raised) is error
    assert (raised.code, raised.status, raised.message) == (kind, status, "the service failed: Oh no")


def test_pings_without_end_are_no_sign_of_life():
    """Words between them are."""
    seen, error = until_error(begin() + PINGS * PING + words("Hi ") + (PINGS + 1) * PING)
    assert seen == [Words("Hi ")]
    assert type(error) is DeadlineError


@pytest.mark.parametrize(
    "stream",
    [
        b"data: <html>\n\n",
        b'data: {"type": "content_block_start"}\n\n',
        b"data: [1]\n\n",
        delta(TextDelta(text="x", type="text_delta"), 7),
    ],
)
def test_what_is_no_stream_of_the_services_is_told(stream):
    _, error = until_error(begin() + stream)
    assert isinstance(error, ProtocolError)


def test_what_comes_after_the_end_is_passed_over():
    assert folded(begin() + words("Hi.") + end() + PING + b"data: nonsense\n\n" + words("no")) == folded(
        begin() + words("Hi.") + end()
    )


def test_a_block_that_ends_twice_and_a_thought_alone_do_no_harm():
    outputs = folded(begin() + thought("hm") + stop() + end())
    assert [type(output) for output in outputs] == [Finished]
    assert not isinstance(outputs[0], MessageError)
