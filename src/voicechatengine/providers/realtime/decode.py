"""What OpenAI's service says, in our words: options, usage, calls, errors, closes. Pure functions that keep nothing.

All are lenient: what a server leaves out or writes oddly is left out here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import msgspec
from msgspec import UNSET

from voicechatengine.audio.format import AudioFormat
from voicechatengine.events import ErrorInfo, RateLimit, RateLimits, Usage
from voicechatengine.messages import Options, Transcription, TurnDetection
from voicechatengine.providers.realtime import objects
from voicechatengine.providers.realtime.differences import Differences, Fields, at, from_vendor
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


def text(fields: Fields, name: str) -> str:
    """Text that may be missing, or be something else."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def details(given: object) -> objects.StatusDetails:
    """Why a response ended so, where that is said in the form that it should have."""
    try:
        return msgspec.convert(given, objects.StatusDetails)
    except msgspec.ValidationError:
        return objects.StatusDetails()


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


def _format(given: object, formats: Mapping[AudioFormat, Fields]) -> AudioFormat | None:
    """The format that is said so; one that says no more than its type is the first of that type."""
    if not isinstance(given, dict):
        return None
    said = cast("Fields", given)
    return next(
        (known for known, value in formats.items() if value == {name: said.get(name) for name in value}),
        next(
            (
                known
                for known, value in formats.items()
                if "rate" not in said and value["type"] == said.get("type")
            ),
            None,
        ),
    )


def _without_nulls(given: object) -> Fields:
    return {name: value for name, value in cast("Fields", given).items() if value is not None}


def _turn_detection(given: object) -> Fields | None:
    if not isinstance(given, dict):
        return None
    said = _without_nulls(cast("Fields", given))
    mode = said.pop("type", None)
    known = TurnDetection.__struct_fields__
    return {"mode": mode} | {name: value for name, value in said.items() if name in known} if mode else None


def _transcription(given: object) -> Fields | None:
    if not isinstance(given, dict):
        return None
    known = Transcription.__struct_fields__
    return {name: value for name, value in _without_nulls(cast("Fields", given)).items() if name in known}


def _tools(given: list[Fields]) -> list[Fields]:
    """The function tools; some write what a function is into a mapping of its own."""
    known = ("name", "description", "parameters")
    functions = [each.get("function", each) for each in given if each.get("type") == "function"]
    return [{name: each[name] for name in known if each.get(name) is not None} for each in functions]


def _tool_choice(given: object) -> object:
    return cast("dict[str, object]", given).get("name") if isinstance(given, dict) else given


def _voice(given: object) -> object:
    """A voice's name; some say more of it than that."""
    return cast("dict[str, object]", given).get("name") if isinstance(given, dict) else given


_APPLIED: Final[dict[str, tuple[tuple[str, ...], Callable[[Any, Differences], object]]]] = {
    "model": (("model",), lambda value, _: value),
    "voice": (("audio", "output", "voice"), lambda value, _: _voice(value)),
    "instructions": (("instructions",), lambda value, _: value),
    "tools": (("tools",), lambda value, _: _tools(value)),
    "tool_choice": (("tool_choice",), lambda value, _: _tool_choice(value)),
    "modalities": (("output_modalities",), lambda value, _: value),
    "input_audio_format": (("audio", "input", "format"), lambda value, d: _format(value, d.input_formats)),
    "output_audio_format": (("audio", "output", "format"), lambda value, d: _format(value, d.output_formats)),
    "max_tokens": (("max_output_tokens",), lambda value, _: None if value == "inf" else value),
    "turn_detection": (("audio", "input", "turn_detection"), lambda value, _: _turn_detection(value)),
    "transcription": (("audio", "input", "transcription"), lambda value, _: _transcription(value)),
}
"""Where each option is in OpenAI's session, and what it is in our words."""

_NULLABLE: Final = ("turn_detection", "transcription", "max_tokens")
"""Null has a meaning for these."""


def applied(session: Fields, differences: Differences) -> Options:
    """The options that a session reports; what does not fit ours is left out, one by one."""
    fields = from_vendor(session, differences.session)
    options = Options()
    for name, (path, meaning) in _APPLIED.items():
        said = at(fields, path)
        if said is UNSET:
            continue
        try:
            value = meaning(said, differences)
            if value is not None or name in _NULLABLE:
                options = options.merged(msgspec.convert({name: value}, Options))
        except (msgspec.ValidationError, ValueError, TypeError, AttributeError):
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
