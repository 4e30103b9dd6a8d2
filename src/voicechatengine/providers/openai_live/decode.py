"""What OpenAI Live says, in our words: options, usage, calls, errors, closes. Pure functions that keep nothing.

All are lenient: what the service leaves out or writes oddly is left out here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec

from voicechatengine.events import ErrorInfo, ToolCall, Usage
from voicechatengine.messages import Options
from voicechatengine.providers.openai_live import wire
from voicechatengine.providers.openai_live.encode import DELEGATE, FORMATS
from voicechatengine.session.dialect import Close

FATAL: Final = frozenset(
    {
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
    }
)
"""Codes after which no session with the same settings can go on."""

TRANSIENT: Final = frozenset({"server_error", "rate_limit_error", "rate_limit_exceeded", "overloaded_error"})
"""Types and codes of errors that may not come again: a session that was refused for one is tried again."""

ENDS: Final[dict[str, ErrorInfo | None]] = {
    "close_requested": None,
    "expired": ErrorInfo("session_expired", "the session reached its limit"),
    "content": ErrorInfo(
        "content_filter", "the service ended the session for its content", recoverable=False
    ),
    "remote_hangup": ErrorInfo("remote_hangup", "the other side hung up", recoverable=False),
    "connection_lost": ErrorInfo("connection_lost", "the service lost its own connection"),
}
"""What the reasons of a closed session mean; a session that has reached its limit is continued by the next connection."""

CLOSE_POLICY: Final = 1008
_OWN: Final = range(3000, 5000)  # close codes that a service gives a meaning of its own
_CODE: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")

_object: Final = msgspec.json.Decoder(dict[str, Any]).decode


def mapping(value: object) -> Mapping[str, Any]:
    """A mapping, or an empty one for what is none."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def text(value: object) -> str:
    """A text, or an empty one for what is none."""
    return value if isinstance(value, str) else ""


def count(value: object) -> int:
    """A count, or 0 for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


# ------------------------------------------------------------------ session


def applied(session: Mapping[str, Any]) -> Options:
    """The options that a session reports; what does not fit ours is left out, one by one."""
    audio = mapping(session.get("audio"))
    form = mapping(audio.get("format"))
    voice = mapping(audio.get("output")).get("voice")
    responses = mapping(mapping(session.get("delegation")).get("responses"))
    choice = responses.get("tool_choice")
    known = next((format for format, value in FORMATS.items() if value == dict(form)), None)
    found: dict[str, Any] = {
        "model": session.get("model"),
        "voice": mapping(voice).get("id", voice),
        "instructions": session.get("instructions"),
        "tools": _tools(responses.get("tools")),
        "tool_choice": mapping(choice).get("name", choice),
        "input_audio_format": known,
        "output_audio_format": known,
    }
    options = Options()
    for name, value in found.items():
        if value is None:
            continue
        try:
            options = options.merged(msgspec.convert({name: value}, Options))
        except (msgspec.ValidationError, ValueError):
            continue
    return options


def _tools(given: object) -> list[dict[str, Any]] | None:
    if not isinstance(given, list):
        return None
    return [
        {name: each[name] for name in ("name", "description", "parameters") if each.get(name) is not None}
        for each in map(mapping, cast("list[object]", given))
        if each.get("type") == "function"
    ]


def expires_at(session: Mapping[str, Any]) -> float | None:
    """When a session ends, in Unix seconds."""
    value = session.get("expires_at")
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def seconds(usage: wire.SessionUsage | None) -> Usage | None:
    """What the session cost until now: it is billed by the second, whoever speaks."""
    return None if usage is None or usage.seconds is None else Usage(input_seconds=usage.seconds)


# ------------------------------------------------------------------ delegated work


def delegation(delegation_id: str, request: str) -> ToolCall:
    """Work for the application, as a call of the one tool that stands for it."""
    arguments = {"request": request}
    return ToolCall(delegation_id, DELEGATE, msgspec.json.encode(arguments).decode(), arguments)


def function_call(item: Mapping[str, Any]) -> ToolCall | None:
    """A call of the backend; None for what is none, or has no name."""
    call_id = text(item.get("call_id")) or text(item.get("id"))
    name = text(item.get("name"))
    if item.get("type") != "function_call" or not call_id or not name:
        return None
    written = text(item.get("arguments"))
    return ToolCall(call_id, name, written, arguments(written), item_id=text(item.get("id")) or None)


def arguments(written: str) -> dict[str, Any] | None:
    """The arguments of a call as an object; none at all are an empty one, and None is what is no object."""
    if not written.strip():
        return {}
    try:
        return _object(written)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def tokens(response: Mapping[str, Any]) -> Usage | None:
    """What a response of the backend cost; None where it does not say."""
    given = mapping(response.get("usage"))
    if not given:
        return None
    read, written = count(given.get("input_tokens")), count(given.get("output_tokens"))
    return Usage(
        input_tokens=read,
        output_tokens=written,
        total_tokens=count(given.get("total_tokens")),
        cached_tokens=count(mapping(given.get("input_tokens_details")).get("cached_tokens")),
        input_text_tokens=read,
        output_text_tokens=written,
    )


# ------------------------------------------------------------------ errors


def error(given: wire.ErrorDetail, command: str | None, *, started: bool) -> ErrorInfo:
    """An error; `command` is the message type that it refuses. Before the session has `started`, it is what keeps it from
    starting.
    """
    code = given.code or given.type or "error"
    message = given.message or code
    if given.param and given.param not in message:
        message = f"{message} (at {given.param})"
    named = {given.code, given.type}
    lasting = named & FATAL if started else not named & TRANSIENT
    return ErrorInfo(code, message, recoverable=not lasting, command=command)


def closing(close: Close) -> ErrorInfo | None:
    """What a close means, where it means something: a refused key, say, is told by a close after the handshake."""
    if close.code != CLOSE_POLICY and close.code not in _OWN:
        return None
    codes = _CODE.findall(close.reason)
    code = next((code for code in codes if code in FATAL), codes[-1] if codes else f"closed_{close.code}")
    message = close.reason or f"the service closed the connection with {close.code}"
    return ErrorInfo(code, message, recoverable=code not in FATAL)
