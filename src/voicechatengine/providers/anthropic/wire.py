"""Anthropic's Messages API: what a request holds and what its stream says, one struct each. No rule, no state.

Both sides use the same structs: the client writes the request and reads the stream, the simulator the other way round. Content
blocks stay mappings: those of thinking go back to the service exactly as they came, whatever is in them. What a decoder does
not know it ignores: the service adds events and fields without a new version.

Sources, read 2026-11-22: https://platform.claude.com/docs/en/api/messages,
https://platform.claude.com/docs/en/build-with-claude/streaming and the `anthropic` package 2.12.0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

VERSION: Final = "2026-10-21"
PATH: Final = "/v1/messages"
IMAGES: Final = ("image/jpeg", "image/png", "image/gif", "image/webp")
THINKING: Final = ("thinking", "redacted_thinking")

STATUS: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The types of error, and the HTTP status that each has where it is an answer (https://platform.claude.com/docs/en/api/errors)."""

Block: TypeAlias = dict[str, Any]


class Wire(msgspec.Struct):
    """The base of every struct here."""


# ------------------------------------------------------------------ the request


class Turn(Wire):
    """One message of the conversation."""

    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class ToolParam(Wire):
    """A tool of the caller's; `input_schema` is a JSON Schema of an object."""

    name: str
    input_schema: dict[str, Any]
    description: str = ""


class ToolChoice(Wire, omit_defaults=True):
    """Which tools the model may or must use; `name` with ``tool`` only."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None


class MessagesRequest(Wire):
    """What is posted to ``/v1/messages``, as far as both sides look at it."""

    model: str
    max_tokens: int
    messages: list[Turn]
    system: str | list[Block] | UnsetType = UNSET
    tools: list[ToolParam] | UnsetType = UNSET
    tool_choice: ToolChoice | UnsetType = UNSET
    thinking: dict[str, Any] | UnsetType = UNSET
    stream: bool = False


def text_block(text: str) -> Block:
    """Words."""
    return {"type": "text", "text": text}


def image_block(media_type: str, data: str) -> Block:
    """A picture; `data` is base64."""
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


def tool_use_block(call_id: str, name: str, arguments: dict[str, Any]) -> Block:
    """A call that the model made."""
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def tool_result_block(call_id: str, output: str, *, is_error: bool = False) -> Block:
    """What a call gave."""
    block = {"type": "tool_result", "tool_use_id": call_id, "content": output}
    return {**block, "is_error": True} if is_error else block


# ------------------------------------------------------------------ the stream


class Usage(Wire, omit_defaults=True):
    """Tokens so far; all of the input is `input_tokens` and both figures of the cache. None: not told here."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None


class Message(Wire):
    """The reply: empty where its stream begins, whole where it is not streamed."""

    id: str
    model: str = ""
    role: str = "assistant"
    type: str = "message"
    content: list[Block] = []
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: Usage = msgspec.field(default_factory=Usage)


class Delta(Wire, omit_defaults=True):
    """More of a content block. One struct for all types, because a type that is not known is to be passed over."""

    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""


class MessageEnd(Wire):
    """Why the model stopped."""

    stop_reason: str | None = None
    stop_sequence: str | None = None


class ErrorDetail(Wire):
    """What went wrong."""

    type: str = "api_error"
    message: str = ""


class Event(Wire, tag_field="type"):
    """The base of the stream's events; `type` is the tag, and the name of the server-sent event too."""


class MessageStart(Event, tag="message_start"):
    """The reply begins."""

    message: Message


class BlockStart(Event, tag="content_block_start"):
    """A content block begins."""

    index: int
    content_block: Block


class BlockDelta(Event, tag="content_block_delta"):
    """A content block goes on."""

    index: int
    delta: Delta


class BlockStop(Event, tag="content_block_stop"):
    """A content block is whole."""

    index: int


class MessageDelta(Event, tag="message_delta"):
    """The reply's end, and its usage: cumulative."""

    delta: MessageEnd
    usage: Usage = msgspec.field(default_factory=Usage)


class MessageStop(Event, tag="message_stop"):
    """Nothing follows."""


class Ping(Event, tag="ping"):
    """May come anywhere."""


class Error(Event, tag="error"):
    """The service fails in the midst of a reply; also the body of an answer that is not 200."""

    error: ErrorDetail = msgspec.field(default_factory=ErrorDetail)


StreamEvent: TypeAlias = (
    MessageStart | BlockStart | BlockDelta | BlockStop | MessageDelta | MessageStop | Ping | Error
)


class Kind(Wire):
    """Any event's type alone."""

    type: str


EVENTS: Final = frozenset(
    str(kind.__struct_config__.tag)
    for kind in (MessageStart, BlockStart, BlockDelta, BlockStop, MessageDelta, MessageStop, Ping, Error)
)
decode_event: Final[Callable[[bytes | str], StreamEvent]] = msgspec.json.Decoder(StreamEvent).decode
decode_kind: Final = msgspec.json.Decoder(Kind).decode
encode: Final = msgspec.json.Encoder().encode
