"""How Anthropic's service looks at a request before it answers: key, version, body. Pure: a request in, a refusal or its parts out.

Sources, read 2026-11-22: https://platform.claude.com/docs/en/api/errors, https://platform.claude.com/docs/en/api/versioning and
https://platform.claude.com/docs/en/build-with-claude/tool-use. No text names a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from voicechatengine.providers.anthropic.request import REMOVED
from voicechatengine.providers.anthropic.wire import (
    PATH,
    STATUS,
    THINKING,
    VERSION,
    Block,
    Error,
    ErrorDetail,
    MessagesRequest,
    Turn,
    encode,
)
from voicechatengine.session.handshake import Handshake, Refusal

MODELS: Final = "claude-"  # how the names of the service's models begin
VERSIONS: Final = (VERSION, "2023-06-01")
KNOWN: Final = frozenset(
    {
        *MessagesRequest.__struct_fields__, "cache_control", "container", "context_management", "diagnostics",
        "inference_geo", "metadata", "output_config", "service_tier", "speed", "stop_sequences",
    }
)  # fmt: skip
NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "text": ("text",),
    "image": ("source",),
    "thinking": ("thinking", "signature"),
    "redacted_thinking": ("data",),
    "tool_use": ("id", "name", "input"),
    "tool_result": ("tool_use_id",),
}
"""The blocks that are understood, and what each must have."""

_decode: Final = msgspec.json.Decoder(MessagesRequest).decode
_decode_object: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Unfit(Exception):  # noqa: N818 - it says what it is, and never leaves this module
    """The body is not as the API wants it; the text is the API's."""


def refuse(handshake: Handshake, api_key: str | None = None) -> Refusal | None:
    """The service's answer to a request that it does not look into, else None. A key other than `api_key` is wrong, if given."""
    if handshake.path.rstrip("/") != PATH:
        return refusal("not_found_error", "Not found")
    scheme, _, token = handshake.headers.get("authorization", "").partition(" ")
    key = handshake.headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else "")
    if not key:
        return refusal("authentication_error", "x-api-key header is required")
    if key.endswith("invalid") or api_key not in (None, key):
        return refusal("authentication_error", "invalid x-api-key")
    version = handshake.headers.get("anthropic-version")
    if version is None:
        return refusal("invalid_request_error", "anthropic-version: header is required")
    if version not in VERSIONS:
        return refusal("invalid_request_error", f"anthropic-version: {version!r} is not a valid version")
    return None


def rate_limited(retry_after_s: float) -> Refusal:
    """The service's answer to too many requests."""
    told = refusal("rate_limit_error", "This request would exceed your rate limit.")
    return msgspec.structs.replace(told, headers={"retry-after": f"{retry_after_s:g}"})


def overloaded() -> Refusal:
    """The service's answer when it has too much to do."""
    return refusal("overloaded_error", "Overloaded")


def refusal(kind: str, text: str) -> Refusal:
    """An error as the service answers with it."""
    return Refusal(STATUS[kind], encode(Error(error=ErrorDetail(kind, text))))


def accept(_handshake: Handshake, body: bytes) -> Refusal | str:
    """The content type of the answer, or why there is none."""
    try:
        request = read(body)
    except Unfit as error:
        return refusal("invalid_request_error", str(error))
    if not request.model.startswith(MODELS):
        return refusal("not_found_error", f"model: {request.model}")
    return "text/event-stream" if request.stream else "application/json"


def read(body: bytes) -> MessagesRequest:
    """The request in a body; raises `Unfit` in the API's words for what it does not take."""
    try:
        fields = _decode_object(body)
        for name in fields:
            if name in REMOVED:
                raise Unfit(f"{name}: this parameter was removed in {VERSION}")
            if name not in KNOWN:
                raise Unfit(f"{name}: Extra inputs are not permitted")
        request = _decode(body)
    except msgspec.ValidationError as error:
        raise Unfit(_pydantic(str(error))) from None
    except msgspec.DecodeError:
        raise Unfit("The request body is not valid JSON.") from None
    _check(request)
    return request


def _pydantic(text: str) -> str:
    """msgspec's words for a field in those that the API uses."""
    what, _, where = text.partition(" - at `$")
    path = re.sub(r"\[(\d+)\]", r".\1", where.rstrip("`")).strip(".").replace("[...]", "")
    missing = re.fullmatch(r"Object missing required field `(\w+)`", what)
    if missing is not None:
        return f"{'.'.join(filter(None, (path, missing[1])))}: Field required"
    return f"{path or 'body'}: {what}"


def _check(request: MessagesRequest) -> None:
    if not request.model:
        raise Unfit("model: String should have at least 1 character")
    if request.max_tokens < 1:
        raise Unfit("max_tokens: Input should be greater than or equal to 1")
    if not request.messages:
        raise Unfit("messages: at least one message is required")
    tools = [tool.name for tool in request.tools] if isinstance(request.tools, list) else []
    choice = None if request.tool_choice is msgspec.UNSET else request.tool_choice
    if choice is not None and choice.type == "tool" and choice.name not in tools:
        raise Unfit(f"tool_choice: Tool {choice.name!r} not found in provided tools")
    before: Turn | None = None
    for place, turn in enumerate(request.messages):
        _check_turn(place, turn)
        _check_results(place, before, turn)
        before = turn
    _check_results(len(request.messages), before, None)
    if before is not None and before.role == "assistant":
        raise Unfit(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )


def _check_turn(place: int, turn: Turn) -> None:
    if not turn.content:
        raise Unfit(f"messages.{place}: all messages must have non-empty content")
    for at, block in enumerate(blocks(turn)):
        kind = block.get("type")
        where = f"messages.{place}.content.{at}"
        for name in NEEDED.get(str(kind), ()):
            if name not in block:
                raise Unfit(f"{where}.{kind}.{name}: Field required")
        if kind not in NEEDED:
            raise Unfit(f"{where}: Input tag {kind!r} does not match any of the expected tags")
        if kind == "text" and not str(block["text"]).strip():
            raise Unfit("messages: text content blocks must be non-empty")
    if turn.role == "assistant" and blocks(turn)[-1]["type"] in THINKING:
        raise Unfit(f"messages.{place}: The final block in an assistant message cannot be `thinking`.")


def _check_results(place: int, before: Turn | None, turn: Turn | None) -> None:
    """Each call is answered in the message behind it, and only there."""
    called = _ids(before, "tool_use", "id") if before is not None and before.role == "assistant" else []
    answered = _ids(turn, "tool_result", "tool_use_id")
    missing = [call_id for call_id in called if call_id not in answered]
    if missing:
        raise Unfit(
            f"messages.{place - 1}: `tool_use` ids were found without `tool_result` blocks immediately after:"
            f" {', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in the"
            " next message."
        )
    strange = [call_id for call_id in answered if call_id not in called]
    if strange:
        raise Unfit(
            f"messages.{place}: unexpected `tool_use_id` found in `tool_result` blocks: {', '.join(strange)}."
            " Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
        )


def _ids(turn: Turn | None, kind: str, field: str) -> list[str]:
    found: Iterable[Block] = () if turn is None else blocks(turn)
    return [str(block[field]) for block in found if block.get("type") == kind]


def blocks(turn: Turn) -> list[Block]:
    """The content of a message as blocks."""
    return [{"type": "text", "text": turn.content}] if isinstance(turn.content, str) else turn.content
