"""Server-sent events: what the standard says, at any cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechatengine.errors import ProtocolError
from voicechatengine.session.sse import ServerEvent, SseParser

STREAM = (
    b"\xef\xbb\xbfdata: YHOO\ndata: +2\ndata: 10\n\n"
    b": a comment\r\n\r\nevent: add\r\ndata:73857293\r\nid: 7\r\n\r\n"
    b"event: lonely\r\rdata\rdata\r\rid\rretry: 300\rdata: \xc3\xa9\xe2\x82\xac: x\r\r"
    b"nonsense\nretry: soon\nid: a\x00b\ndata:  two\n\ndata: never ended\n"
)
EVENTS = [
    ServerEvent("message", "YHOO\n+2\n10"),
    ServerEvent("add", "73857293", "7"),
    ServerEvent("message", "\n", "7"),
    ServerEvent("message", "é€: x"),
    ServerEvent("message", " two"),
]


def parsed(*pieces: bytes) -> tuple[list[ServerEvent], str, int | None]:
    parser = SseParser()
    return [event for piece in pieces for event in parser.feed(piece)], parser.last_id, parser.retry_ms


def test_a_stream_is_read_as_the_standard_says():
    assert parsed(STREAM) == (EVENTS, "", 300)


def test_a_cut_at_any_byte_changes_nothing():
    for cut in range(len(STREAM) + 1):
        assert parsed(STREAM[:cut], STREAM[cut:]) == (EVENTS, "", 300), cut


def test_bytes_that_come_one_by_one_change_nothing():
    assert parsed(*(STREAM[at : at + 1] for at in range(len(STREAM)))) == (EVENTS, "", 300)


@given(
    st.lists(
        st.sampled_from([b"data", b"event", b"id", b":", b" ", b"\r", b"\n", b"\r\n", b"x", b"\xff", b""])
    ),
    st.data(),
)
def test_cuts_anywhere_in_any_bytes_change_nothing(words, data):
    stream = b"".join(words)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert parsed(*pieces) == parsed(stream)


def feed_slowly(stream: bytes) -> None:
    parser = SseParser(max_event=64)
    for at in range(len(stream)):
        list(parser.feed(stream[at : at + 1]))


@pytest.mark.parametrize("stream", [b"data: " + b"x" * 100, b"data: 1\n" * 20])
def test_an_event_without_an_end_is_an_error_and_no_memory(stream):
    with pytest.raises(ProtocolError, match="more than 64 bytes"):
        feed_slowly(stream)


def test_an_event_may_be_just_as_long_as_the_limit_and_so_may_the_next():
    parser, event = SseParser(max_event=64), b"data: " + b"x" * 58
    for _ in range(2):
        assert [len(each.data) for each in parser.feed(event + b"\n\n")] == [58]
    with pytest.raises(ProtocolError):
        list(parser.feed(event + b"x"))


@pytest.mark.parametrize(
    ("pieces", "data"),
    [
        ((b"data: 1\r", b"\n", b"\n"), ["1"]),
        ((b"data: 1\n", b"", b"\n"), ["1"]),
        ((b"data: 1\r", b"", b"\ndata: 2\n\n"), ["1\n2"]),
    ],
)
def test_a_lines_end_that_is_cut_in_two_is_one(pieces, data):
    assert [event.data for event in parsed(*pieces)[0]] == data


@pytest.mark.parametrize("before", [b"\n", b"data: 1\n"])
def test_a_byte_order_mark_is_one_at_the_very_beginning_only(before):
    events, _, _ = parsed(before + b"\xef\xbb\xbfdata: 2\n\n")
    assert "2" not in "".join(event.data for event in events)


def test_a_very_long_pause_is_cut_to_nine_digits():
    assert parsed(b"retry: 1234567890123\n")[2] == 123_456_789


def test_what_comes_before_a_fault_is_given_before_it():
    events = SseParser(max_event=64).feed(b"data: 1\n\n" + b"x" * 100)
    assert next(events).data == "1"
    with pytest.raises(ProtocolError):
        next(events)
