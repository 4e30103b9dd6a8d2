"""A reply's stream, made of the `anthropic` package's own event types: thinking, words, two calls, and what may come between."""

from __future__ import annotations

from typing import Any

from anthropic.types import (
    InputJSONDelta,
    Message,
    MessageDeltaUsage,
    RawContentBlockDeltaEvent,
    RawContentBlockStartEvent,
    RawContentBlockStopEvent,
    RawMessageDeltaEvent,
    RawMessageStartEvent,
    RawMessageStopEvent,
    RedactedThinkingBlock,
    SignatureDelta,
    StopReason,
    TextBlock,
    TextDelta,
    ThinkingBlock,
    ThinkingDelta,
    ToolUseBlock,
    Usage,
)
from anthropic.types.raw_message_delta_event import Delta

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
NEW = b'event: sparkle\ndata: {"type": "sparkle", "glitter": 3}\n\n'


def event(model: Any) -> bytes:
    return f"event: {model.type}\ndata: {model.model_dump_json()}\n\n".encode()


def start(block: Any, index: int = 0) -> bytes:
    return event(RawContentBlockStartEvent(content_block=block, index=index, type="content_block_start"))


def delta(change: Any, index: int = 0) -> bytes:
    return event(RawContentBlockDeltaEvent(delta=change, index=index, type="content_block_delta"))


def stop(index: int = 0) -> bytes:
    return event(RawContentBlockStopEvent(index=index, type="content_block_stop"))


def begin() -> bytes:
    usage = Usage(input_tokens=10, output_tokens=1, cache_creation_input_tokens=5, cache_read_input_tokens=7)
    message = Message(
        id="msg_1", content=[], model="claude-haiku-5-5", role="assistant", type="message", usage=usage
    )
    return event(RawMessageStartEvent(message=message, type="message_start"))


def end(reason: StopReason = "end_turn", tokens: int = 42) -> bytes:
    told = RawMessageDeltaEvent(
        delta=Delta(stop_reason=reason), type="message_delta", usage=MessageDeltaUsage(output_tokens=tokens)
    )
    return event(told) + event(RawMessageStopEvent(type="message_stop"))


def words(*pieces: str, index: int = 0) -> bytes:
    grown = b"".join(delta(TextDelta(text=piece, type="text_delta"), index) for piece in pieces)
    return start(TextBlock(text="", type="text"), index) + grown + stop(index)


def call(name: str, *pieces: str, call_id: str = "toolu_1", index: int = 0) -> bytes:
    grown = b"".join(
        delta(InputJSONDelta(partial_json=piece, type="input_json_delta"), index) for piece in pieces
    )
    return start(ToolUseBlock(id=call_id, input={}, name=name, type="tool_use"), index) + grown + stop(index)


def thought(text: str, index: int = 0) -> bytes:
    return (
        start(ThinkingBlock(signature="", thinking="", type="thinking"), index)
        + delta(ThinkingDelta(thinking=text, type="thinking_delta"), index)
        + delta(SignatureDelta(signature="c2ln", type="signature_delta"), index)
        + stop(index)
    )


FULL = (
    begin()
    + PING
    + thought("A city, so…", 0)
    + start(RedactedThinkingBlock(data="b3BhcXVl", type="redacted_thinking"), 1)
    + stop(1)
    + words("Let me ", "look: ", "naïve ✓", index=2)
    + NEW
    + call("get_weather", "", '{"city": "Lon', 'don"}', index=3)
    + PING
    + call("get_time", call_id="toolu_2", index=4)
    + end("tool_use")
)
