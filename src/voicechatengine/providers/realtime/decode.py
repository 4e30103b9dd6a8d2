"""What OpenAI's service says, in our words: options, usage, calls, errors, closes. Pure functions that keep nothing.

All are lenient: what a server leaves out or writes oddly is left out here.
"""

from __future__ import annotations

import re
from typing import Any, Final, cast

import msgspec

from voicechatengine.audio.format import AudioFormat
from voicechatengine.events import ErrorInfo, RateLimit, RateLimits, Usage
from voicechatengine.messages import Options
from voicechatengine.providers.realtime import objects
from voicechatengine.providers.realtime.encode import FORMATS
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
        "session_limit_reached",
        "model_load_error",
    }
)
"""Codes after which no session with the same settings can go on; the last two are of self-hosted servers. A session at its
limit (``session_expired``) is not among them: the next connection continues it."""

CLOSE_GOING_AWAY: Final = 1001
CLOSE_POLICY: Final = 1008
_ENDED: Final = range(3000, 5000)  # codes that a service gives a meaning of its own

_CODE: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")
_RETRY: Final = re.compile(r"try again in (\d+(?:\.\d+)?)\s*(ms|s)\b", re.IGNORECASE)


_object: Final = msgspec.json.Decoder(dict[str, Any]).decode


def number(value: object) -> int:
    """A count that may be missing."""
    return value if isinstance(value, int) else 0


def usage(given: objects.Usage) -> Usage:
    """The cost of a response."""
    read = given.input_token_details or objects.InputTokens()
    written = given.output_token_details or objects.OutputTokens()
    return Usage(
        input_tokens=number(given.input_tokens),
        output_tokens=number(given.output_tokens),
        total_tokens=number(given.total_tokens),
        cached_tokens=number(read.cached_tokens),
        input_text_tokens=number(read.text_tokens),
        input_audio_tokens=number(read.audio_tokens),
        input_image_tokens=number(read.image_tokens),
        output_text_tokens=number(written.text_tokens),
        output_audio_tokens=number(written.audio_tokens),
    )


def transcription_usage(given: objects.TranscriptionUsage) -> Usage:
    """The cost of a transcription: tokens, or seconds of audio."""
    read = given.input_token_details or objects.TranscriptionInputTokens()
    return Usage(
        input_tokens=number(given.input_tokens),
        output_tokens=number(given.output_tokens),
        total_tokens=number(given.total_tokens),
        input_text_tokens=number(read.text_tokens),
        input_audio_tokens=number(read.audio_tokens),
        input_seconds=given.seconds or 0.0,
    )


def rate_limits(given: list[objects.RateLimit]) -> RateLimits:
    """What is left."""
    return RateLimits(
        tuple(
            RateLimit(each.name or "", each.limit or 0, each.remaining or 0, each.reset_seconds or 0.0)
            for each in given
        )
    )


def arguments(text: str) -> dict[str, Any] | None:
    """The arguments of a call as an object; none at all are an empty one, and None is what is no object."""
    if not text.strip():
        return {}
    try:
        return _object(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


# ------------------------------------------------------------------ session


def _format(given: object) -> AudioFormat | None:
    if not isinstance(given, objects.Format):
        return None
    return next((known for known, value in FORMATS.items() if value["type"] == given.type), None)


def _without_nulls(given: msgspec.Struct) -> dict[str, Any]:
    return {name: value for name, value in msgspec.to_builtins(given).items() if value is not None}


def _turn_detection(given: objects.TurnDetection) -> dict[str, Any]:
    return {("mode" if name == "type" else name): value for name, value in _without_nulls(given).items()}


def _transcription(given: objects.Transcription) -> dict[str, Any]:
    known = ("model", "language", "prompt")
    return {name: value for name, value in _without_nulls(given).items() if name in known}


def _tools(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    known = ("name", "description", "parameters")
    return [
        {name: each[name] for name in known if each.get(name) is not None}
        for each in given
        if each.get("type") == "function"
    ]


def _tool_choice(given: Any) -> object:
    return cast("dict[str, object]", given).get("name") if isinstance(given, dict) else given


def applied(session: objects.Session) -> Options:
    """The options that a session reports; what does not fit ours is left out, one by one."""
    heard = (session.audio and session.audio.input) or objects.AudioInput()
    spoken = (session.audio and session.audio.output) or objects.AudioOutput()
    found: dict[str, Any] = {
        "model": session.model,
        "voice": spoken.voice,
        "instructions": session.instructions,
        "tools": _tools(session.tools)
        if session.tools is not None and session.tools is not msgspec.UNSET
        else None,
        "tool_choice": _tool_choice(session.tool_choice),
        "modalities": session.output_modalities,
        "input_audio_format": _format(heard.format),
        "output_audio_format": _format(spoken.format),
        "max_tokens": session.max_output_tokens,
    }
    found = {name: value for name, value in found.items() if value is not None}
    # Null has a meaning for these three.
    found["turn_detection"] = heard.turn_detection and _turn_detection(heard.turn_detection)
    found["transcription"] = heard.transcription and _transcription(heard.transcription)
    if found.get("max_tokens") == "inf":
        found["max_tokens"] = None
    options = Options()
    for name, value in found.items():
        if value is msgspec.UNSET:
            continue
        try:
            options = options.merged(msgspec.convert({name: value}, Options))
        except (msgspec.ValidationError, ValueError):
            continue
    return options


# ------------------------------------------------------------------ errors


def retry_after(message: str) -> float | None:
    """The seconds after which a message says to try again."""
    found = _RETRY.search(message)
    if found is None:
        return None
    return float(found[1]) / (1000 if found[2].lower() == "ms" else 1)


def error(given: objects.ErrorDetail, command: str | None = None) -> ErrorInfo:
    """An error; `command` is the message type that it refuses."""
    code = given.code or given.type or "error"
    message = given.message or code
    if given.param:
        message = f"{message} (at {given.param})" if given.param not in message else message
    return ErrorInfo(
        code,
        message,
        recoverable=not {given.code, given.type} & FATAL,
        retry_after=retry_after(message),
        command=command,
    )


def closing(close: Close, *, expired: bool) -> ErrorInfo | None:
    """What a close means, where it means something. `expired`: the session's limit is reached, or nearly.

    A session at its limit is closed with 1001, a refused key with 3000 and ``invalid_request_error.invalid_api_key``.
    """
    if close.code == CLOSE_GOING_AWAY and (expired or "maximum duration" in close.reason.lower()):
        return ErrorInfo("session_expired", close.reason or "the session reached its limit")
    if close.code != CLOSE_POLICY and close.code not in _ENDED:
        return None
    codes = _CODE.findall(close.reason)
    code = next((code for code in codes if code in FATAL), codes[-1] if codes else f"closed_{close.code}")
    message = close.reason or f"the service closed the connection with {close.code}"
    return ErrorInfo(code, message, recoverable=code not in FATAL)
