"""A reply is what came of its own response, and a failed one is the right error."""

from __future__ import annotations

import pytest

from voicechatengine import (
    AudioChunk,
    AudioError,
    AudioFormat,
    AuthenticationError,
    ConnectionError,
    DeadlineError,
    ErrorInfo,
    EventData,
    MessageError,
    ProtocolError,
    ProviderError,
    RateLimitError,
    Reply,
    ResponseCompleted,
    ResponseStarted,
    SessionExpiredError,
    TextChunk,
    ToolCall,
    Usage,
)
from voicechatengine.engine.reply import Gathering
from voicechatengine.failures import error_of

FORMAT = AudioFormat(sample_rate=16_000)


def gathered(
    *events: EventData, abandoned: bool = False, tools: bool = False
) -> Reply | ProviderError | None:
    """What comes of these events, a second apart, after a request at 0."""
    gathering = Gathering(0.0, FORMAT, abandoned=abandoned, tools=tools)
    outcomes = [gathering.apply(data, float(now)) for now, data in enumerate(events)]
    assert all(outcome is None for outcome in outcomes[:-1])
    return outcomes[-1]


def test_a_reply_has_the_words_the_sound_the_cost_and_the_times():
    usage = Usage(total_tokens=5)
    call = ToolCall("c", "f", "{}", response_id="r")
    reply = gathered(
        ResponseStarted("r"),
        TextChunk("Good ", spoken=True, response_id="r"),
        AudioChunk(b"\1\1", response_id="r"),
        TextChunk("day", spoken=True, response_id="r"),
        AudioChunk(b"\2\2", response_id="r"),
        call,
        ResponseCompleted("r", usage=usage),
    )
    assert reply == Reply(
        text="Good day",
        audio=b"\1\1\2\2",
        format=FORMAT,
        usage=usage,
        tool_calls=(call,),
        response_id="r",
        first_text_ms=1000.0,
        first_audio_ms=2000.0,
    )
    assert reply.audio_ms == 0.125
    assert "\\x01" not in repr(reply)


def test_chunks_of_other_responses_and_those_out_of_band_are_left_out():
    reply = gathered(
        TextChunk("old", response_id="q"),
        ResponseCompleted("q"),
        ResponseStarted("beside", out_of_band=True),
        ResponseStarted("r"),
        ResponseStarted("s"),
        TextChunk("beside", response_id="beside"),
        AudioChunk(b"\0\0", response_id="s"),
        TextChunk("mine", response_id="r"),
        TextChunk("of nobody"),
        ToolCall("c", "f", "{}", response_id="s"),
        ResponseCompleted("s"),
        ResponseCompleted("r", "incomplete", "max_tokens"),
    )
    assert isinstance(reply, Reply)
    assert (reply.text, reply.audio, reply.tool_calls) == ("mine", b"", ())
    assert (reply.status, reply.reason) == ("incomplete", "max_tokens")


def test_audio_in_another_format_says_so_and_a_change_in_the_midst_is_an_error():
    other = AudioFormat(sample_rate=8000)
    reply = gathered(ResponseStarted("r"), AudioChunk(b"", other, "r"), ResponseCompleted("r"))
    assert isinstance(reply, Reply)
    assert reply.format == other
    changed = gathered(ResponseStarted("r"), AudioChunk(b"", other, "r"), AudioChunk(b"", None, "r"))
    assert isinstance(changed, AudioError)


def test_a_failed_reply_is_the_vendors_error_that_came_before():
    error = gathered(
        ResponseStarted("r"),
        ErrorInfo("server_error", "it broke"),
        ErrorInfo("overflow", "of ours"),
        ErrorInfo("x", "of another command", command="item_truncate"),
        ResponseCompleted("r", "failed", "server_error"),
    )
    assert isinstance(error, ProviderError)
    assert (error.code, error.message) == ("server_error", "it broke")


@pytest.mark.parametrize(
    ("reason", "code"), [("rate_limit_exceeded", "rate_limit_exceeded"), (None, "unknown")]
)
def test_a_failed_reply_without_an_error_has_its_reason(reason: str | None, code: str):
    error = gathered(ResponseStarted("r"), ResponseCompleted("r", "failed", reason))
    assert isinstance(error, RateLimitError if reason else ProviderError)
    assert error.code == code


@pytest.mark.parametrize("command", ["response_create", "item_create"])
def test_a_refused_request_is_an_error_at_once(command: str):
    error = gathered(ErrorInfo("no", "refused", command=command))
    assert isinstance(error, MessageError)
    assert (error.field, error.code) == (command, "no")


def test_a_refusal_after_the_reply_began_is_of_another_request():
    assert gathered(ResponseStarted("r"), ErrorInfo("no", "", command="response_create")) is None


def test_the_end_of_the_session_ends_the_reply():
    error = gathered(ResponseStarted("r"), ErrorInfo("session_expired", "60 minutes", recoverable=False))
    assert isinstance(error, SessionExpiredError)


def test_an_empty_reply_that_was_cut_is_not_ours_where_an_earlier_request_was_given_up():
    first = ResponseStarted("old"), ResponseCompleted("old", "interrupted")
    own = ResponseStarted("r"), ResponseCompleted("r", "interrupted")
    reply = gathered(*first, *own, abandoned=True)
    assert isinstance(reply, Reply)
    assert (reply.response_id, reply.status) == ("r", "interrupted")
    assert isinstance(gathered(*first), Reply)


@pytest.mark.parametrize(
    ("info", "kind"),
    [
        (ErrorInfo("rate_limit_exceeded", ""), RateLimitError),
        (ErrorInfo("insufficient_quota", ""), RateLimitError),
        (ErrorInfo("busy", "", retry_after=2.0), RateLimitError),
        (ErrorInfo("invalid_api_key", "", recoverable=False), AuthenticationError),
        (ErrorInfo("session_expired", "", recoverable=False), SessionExpiredError),
        (ErrorInfo("response_timeout", ""), DeadlineError),
        (ErrorInfo("protocol", ""), ProtocolError),
        (ErrorInfo("bad", "", command="session_update"), MessageError),
        (ErrorInfo("connection_lost", "", recoverable=False), ConnectionError),
        (ErrorInfo("odd", ""), ProviderError),
    ],
)
def test_an_error_event_is_the_typed_error_of_its_code(info: ErrorInfo, kind: type[ProviderError]):
    error = error_of(info)
    assert type(error) is kind
    assert error.code == info.code


def test_a_rate_limit_says_when_to_come_back():
    error = error_of(ErrorInfo("rate_limit", "slow down", retry_after=2.0))
    assert isinstance(error, RateLimitError)
    assert error.retry_after == 2.0


CALL = ToolCall("c", "f", "{}", response_id="r")


@pytest.mark.parametrize(
    ("end", "goes_on"),
    [
        (ResponseCompleted("r"), True),
        (ResponseCompleted("r", "incomplete", "max_tokens"), True),
        (ResponseCompleted("r", "failed", "connection_lost"), True),
        (ResponseCompleted("r", "interrupted"), False),
        (ResponseCompleted("r", "failed", "server_error"), False),
    ],
)
def test_a_reply_that_calls_tools_is_followed_by_another(end: ResponseCompleted, goes_on: bool):
    assert (gathered(ResponseStarted("r"), CALL, end, tools=True) is None) is goes_on


def test_what_was_said_before_a_tool_was_called_is_part_of_the_reply():
    cost = Usage(input_tokens=2)
    reply = gathered(
        ResponseStarted("r"),
        TextChunk("One moment.", response_id="r"),
        CALL,
        ResponseCompleted("r", usage=cost),
        ResponseStarted("s"),
        TextChunk("Done", response_id="s"),
        AudioChunk(b"", response_id="s"),
        ResponseCompleted("s", usage=cost),
        tools=True,
    )
    assert isinstance(reply, Reply)
    assert (reply.text, reply.tool_calls, reply.usage) == ("One moment. Done", (CALL,), cost + cost)
    assert (reply.response_id, reply.first_text_ms) == ("s", 1000)


@pytest.mark.parametrize(("before", "after"), [("One.\n", "Two"), ("One.", " Two")])
def test_no_space_is_added_where_there_is_one(before: str, after: str):
    reply = gathered(
        ResponseStarted("r"),
        TextChunk(before, response_id="r"),
        CALL,
        ResponseCompleted("r"),
        ResponseStarted("s"),
        TextChunk(after, response_id="s"),
        ResponseCompleted("s"),
        tools=True,
    )
    assert isinstance(reply, Reply)
    assert reply.text == before + after
