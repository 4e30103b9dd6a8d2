"""Checked by mypy and pyright, never run: `match event.data` is exhaustive over every payload, and a forgotten one is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never, assert_type

from voicechatengine import (
    AudioChunk,
    AudioFormat,
    ConnectionState,
    ErrorInfo,
    InputTranscript,
    Interrupted,
    ItemAdded,
    Options,
    ProviderEvent,
    RateLimit,
    RateLimits,
    Reconnected,
    Reconnecting,
    ResponseCompleted,
    ResponseStarted,
    SessionCreated,
    SessionExpiring,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    StateChanged,
    TextChunk,
    ToolCall,
    ToolCallCancelled,
    Usage,
    UsageReport,
    VendorMessage,
)
from voicechatengine.events import Event


def every_payload(event: ProviderEvent) -> None:
    match event.data:
        case (
            SessionCreated(session_id=session, applied=applied)
            | SessionUpdated(session_id=session, applied=applied)
        ):
            assert_type(session, str)
            assert_type(applied, Options)
        case StateChanged(state=state):
            assert_type(state, ConnectionState)
        case SpeechStarted(position_ms=position) | SpeechStopped(position_ms=position):
            assert_type(position, float | None)
        case InputTranscript(text=text, final=final):
            assert_type(text, str)
            assert_type(final, bool)
        case ItemAdded(item_id=item):
            assert_type(item, str)
        case ResponseStarted(response_id=response):
            assert_type(response, str)
        case TextChunk(text=text, spoken=spoken):
            assert_type(text, str)
            assert_type(spoken, bool)
        case AudioChunk(audio=audio, format=audio_format):
            assert_type(audio, bytes)
            assert_type(audio_format, AudioFormat | None)
        case ToolCall(arguments=arguments, parsed=parsed):
            assert_type(arguments, str)
            assert_type(parsed, dict[str, Any] | None)
        case ToolCallCancelled(call_ids=calls):
            assert_type(calls, tuple[str, ...])
        case Interrupted(generated_ms=generated):
            assert_type(generated, float)
        case ResponseCompleted(usage=cost):
            assert_type(cost, Usage | None)
        case UsageReport(usage=usage):
            assert_type(usage, Usage)
        case RateLimits(limits=limits):
            assert_type(limits, tuple[RateLimit, ...])
        case SessionExpiring(seconds_left=left):
            assert_type(left, float)
        case Reconnecting(delay_s=delay):
            assert_type(delay, float)
        case Reconnected(state_restored=restored):
            assert_type(restored, bool)
        case ErrorInfo(code=code, retry_after=after):
            assert_type(code, str)
            assert_type(after, float | None)
        case VendorMessage(raw=raw):
            assert_type(raw, dict[str, Any])
        case Mapping() as custom:
            print(custom["its own key"])
        case _:
            assert_never(event.data)


def one_is_forgotten(data: TextChunk | AudioChunk | ErrorInfo) -> str:
    match data:  # type: ignore[exhaustive-match]  # pyright: ignore[reportMatchNotExhaustive]
        case TextChunk():
            return "text"
        case AudioChunk():
            return "audio"
    return ""


def one_is_left_for_never(data: TextChunk | AudioChunk | ErrorInfo) -> None:
    match data:
        case TextChunk() | AudioChunk():
            pass
        case _:
            assert_never(data)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def ours_are_more_than_text(event: Event) -> None:
    match event:  # type: ignore[exhaustive-match]  # pyright: ignore[reportMatchNotExhaustive]
        case TextChunk():
            pass


def a_field_that_is_not_there(data: TextChunk) -> None:
    print(data.txt)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType, reportUnknownMemberType]
    TextChunk(txt="hi")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    data.text = "other"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def a_mapping_alone_is_not_all(event: ProviderEvent) -> None:
    match event.data:  # type: ignore[exhaustive-match]  # pyright: ignore[reportMatchNotExhaustive]
        case Mapping():
            pass
