"""OpenAI's client: errors, limits, closes and what is no message."""

from __future__ import annotations

import pytest
from realtime_script import Script

from voicechatengine.events import (
    ErrorInfo,
    RateLimit,
    RateLimits,
    ResponseCompleted,
    VendorMessage,
)
from voicechatengine.messages import (
    AudioClear,
    Image,
    ItemCreate,
    ItemDelete,
    MessageItem,
    Options,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    TextPart,
    ToolResult,
)

ENDING = {
    "invalid_api_key",
    "missing_api_key",
    "invalid_authentication",
    "authentication_error",
    "expired_api_key",
    "insufficient_quota",
    "billing_hard_limit_reached",
    "account_deactivated",
    "unsupported_country_region_territory",
    "model_not_found",
    "permission_denied",
    "session_limit_reached",
    "model_load_error",
}
"""What no further message of the session can mend."""

HELLO = ItemCreate(MessageItem("user", (TextPart("Hello"),)))


def test_an_error_names_the_command_that_was_refused():
    s = Script()
    for command, kind in (
        (HELLO, "item_create"),
        (SessionUpdate(Options(voice="x")), "session_update"),
        (Image(b"png"), "image"),
        (AudioClear(), "audio_clear"),
        (ItemDelete("i9"), "item_delete"),
        (ToolResult("c9", ""), "tool_result"),
    ):
        sent = s.does(command).frame
        assert s.refuses("invalid_value", sent["event_id"]).event.command == kind
    assert s.refuses("invalid_value", "somebody else's").event.command is None


@pytest.mark.parametrize(
    ("code", "recoverable"),
    [
        ("invalid_value", True),
        ("rate_limit_exceeded", True),
        ("session_expired", True),
        (None, True),
        *((code, False) for code in sorted(ENDING)),
    ],
)
def test_an_error_says_whether_the_session_can_go_on(code, recoverable):
    event = Script().refuses(code, None).event
    assert (event.code, event.recoverable) == (code or "invalid_request_error", recoverable)


@pytest.mark.parametrize(("wait", "seconds"), [("1.5s", 1.5), ("250ms", 0.25), ("a while", None)])
def test_an_error_says_when_to_try_again(wait, seconds):
    s = Script()
    s.refuses("rate_limit_exceeded", None, message=f"Please try again in {wait}.")
    assert s.event.retry_after == seconds


def test_an_error_without_anything_is_an_error():
    assert Script().says("error", error={}).event == ErrorInfo("error", "error")


def test_rate_limits_are_told():
    s = Script()
    s.says(
        "rate_limits.updated",
        rate_limits=[{"name": "tokens", "limit": 100, "remaining": 60, "reset_seconds": 1.5}],
    )
    assert s.event == RateLimits((RateLimit("tokens", 100, 60, 1.5),))


@pytest.mark.parametrize(
    "name",
    [
        "pong",
        "conversation.created",
        "conversation.item.retrieved",
        "conversation.item.truncated",
        "conversation.item.deleted",
        "conversation.item.input_audio_transcription.segment",
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.dtmf_event_received",
        "output_audio_buffer.started",
        "mcp_list_tools.failed",
        "response.mcp_call.completed",
    ],
)
def test_a_message_without_a_common_meaning_is_passed_on_as_it_came(name):
    event = Script().says(name, extra=[1]).event
    assert event == VendorMessage(name, {"type": name, "event_id": "event_s", "extra": [1]})


@pytest.mark.parametrize(
    "name",
    ["response.content_part.added", "response.output_audio.done", "response.function_call_arguments.delta"],
)
def test_what_other_messages_tell_already_is_not_told_twice(name):
    assert not Script().says(name, response_id="r1").events


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b"7",
        b"{}",
        b'{"type":7}',
        '{"type":"error","error":7}',
        "\ud800",
        b"[" * 100_000,
    ],
)
def test_garbage_is_one_error(frame):
    event = Script().raw(frame).event
    assert (event.code, event.recoverable) == ("invalid_message", True)


@pytest.mark.parametrize(
    ("code", "reason", "told"),
    [
        (1000, "", None),
        (1006, "", None),
        (1001, "going away", None),
        (1001, "Your session hit the maximum duration of 60 minutes.", ("session_expired", True)),
        (1008, "policy", ("closed_1008", True)),
        (3000, "invalid_request_error.invalid_api_key", ("invalid_api_key", False)),
        (4000, "something_odd happened", ("something_odd", True)),
    ],
)
def test_a_close_that_means_something_is_an_error(code, reason, told):
    events = Script().ends(code, reason).events
    assert [(event.code, event.recoverable) for event in events] == ([told] if told else [])


def test_a_lost_connection_ends_what_was_open():
    s = Script().begins("r1")
    s.does(ResponseCreate(out_of_band=True))
    s.begins("r2", conversation=None)
    s.does(ResponseCancel("r2"))
    s.ends()
    assert s.events == [
        ResponseCompleted("r1", "failed", "connection_lost"),
        ResponseCompleted("r2", "interrupted", "connection_lost"),
    ]
    assert s.grammar.open_responses == ()


def test_what_a_limit_does_not_say_is_nothing_left_and_no_wait():
    s = Script()
    event = s.says(
        "rate_limits.updated", rate_limits=[{"name": "tokens"}, {"limit": 5, "remaining": 4}]
    ).event
    assert event == RateLimits((RateLimit("tokens", 0, 0, 0.0), RateLimit("", 5, 4, 0.0)))
