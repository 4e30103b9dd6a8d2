"""What Gemini Live tells, in our words: cost, formats, times, and what a close means. Pure functions that keep nothing.

Sources as in `wire`; the reasons of closes are those that users of the service report in public issues (read 2026-11-22), for
the service has no error message: it closes with a code and a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, Literal

import msgspec

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import AudioError
from voicechatengine.events import ErrorInfo, Usage
from voicechatengine.providers.gemini import objects
from voicechatengine.providers.gemini.encode import OUTPUT
from voicechatengine.session.dialect import Close

Status = Literal["completed", "interrupted", "failed", "incomplete"]

CLOSE_INVALID: Final = 1007
CLOSE_POLICY: Final = 1008
CLOSE_INTERNAL: Final = 1011
_CODES: Final = {
    CLOSE_INVALID: "invalid_argument",
    CLOSE_POLICY: "policy_violation",
    CLOSE_INTERNAL: "internal_error",
}
_ENDS: Final = (
    # What the reason says, the code we give it, and whether a session with the same settings could go on.
    (("api key", "api_key", "unauthenticated", "credential", "unregistered callers"), "invalid_api_key", False),
    (("permission", "not supported for the api use"), "permission_denied", False),
    (("quota", "resource_exhausted", "billing"), "quota_exceeded", False),
    (("is not found for", "not supported for bidi", "unsupported model"), "model_not_found", False),
    (("token limit", "context window", "input token count", "too many tokens"), "context_exhausted", False),
    (("aborted", "session duration", "deadline expired", "goaway"), "session_expired", True),
    (("unavailable", "overloaded"), "unavailable", True),
)  # fmt: skip

_FAILED: Final = frozenset({"MALFORMED_FUNCTION_CALL", "RESPONSE_REJECTED", "MAX_REGENERATION_REACHED"})
_PLAIN: Final = frozenset({"", "TURN_COMPLETE_REASON_UNSPECIFIED", "NEED_MORE_INPUT"})
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)s")
_PCM: Final = re.compile(r"audio/(?:pcm|l16)\s*(?:;.*?rate=(\d+).*)?", re.IGNORECASE)

_object: Final = msgspec.json.Decoder(dict[str, Any]).decode


def usage(given: objects.Usage) -> Usage:
    """What something cost. Thoughts are part of the total alone: the service counts them beside the response."""
    read, written = (
        given.prompt_tokens_details,
        given.response_tokens_details or given.candidates_tokens_details,
    )
    return Usage(
        input_tokens=given.prompt_token_count or 0,
        output_tokens=given.response_token_count or given.candidates_token_count or 0,
        total_tokens=given.total_token_count or 0,
        cached_tokens=given.cached_content_token_count or 0,
        input_text_tokens=_count(read, "TEXT"),
        input_audio_tokens=_count(read, "AUDIO"),
        input_image_tokens=_count(read, "IMAGE", "VIDEO"),
        output_text_tokens=_count(written, "TEXT"),
        output_audio_tokens=_count(written, "AUDIO"),
    )


def _count(details: Iterable[objects.ModalityCount] | None, *modalities: str) -> int:
    return sum(each.token_count or 0 for each in details or () if each.modality in modalities)


def seconds(duration: str | None) -> float | None:
    """A duration such as ``"9.5s"``; None for what is none."""
    found = _DURATION.fullmatch(duration or "")
    return float(found[1]) if found else None


@lru_cache(maxsize=32)
def spoken(mime_type: str | None) -> AudioFormat | None:
    """The format of audio of this type; None for what is no PCM. One without a rate is at the service's usual one."""
    found = _PCM.fullmatch((mime_type or "").strip())
    if found is None:
        return None
    try:
        return AudioFormat(sample_rate=int(found[1])) if found[1] else OUTPUT
    except AudioError:
        return None


def arguments(given: msgspec.Raw) -> tuple[str, dict[str, Any] | None]:
    """The arguments of a call: as sent, and as an object (None is what is no object). A string holds what was none."""
    text = bytes(given).decode()
    if text in ("", "null"):
        return "{}", {}
    try:
        return text, _object(text)
    except (msgspec.DecodeError, RecursionError):
        return (msgspec.json.decode(text, type=str) if text.startswith('"') else text), None


def ending(reason: str | None) -> tuple[Status, str | None]:
    """How a turn ended by its `turnCompleteReason`, and that reason in lower case."""
    word = reason or ""
    if word in _PLAIN:
        return "completed", word.lower() if word == "NEED_MORE_INPUT" else None
    return ("failed" if word in _FAILED else "incomplete"), word.lower()


def closing(close: Close, *, begun: bool, resuming: bool, refused: bool, leaving: bool) -> ErrorInfo | None:
    """What a close means, where it means something.

    `begun`: the session was set up. `resuming`: that was to be done by a handle. `refused`: a history was sent, and nothing came
    since. `leaving`: the service had said that it would cut the connection.
    """
    if leaving and close.code != CLOSE_INVALID:
        return ErrorInfo("session_expired", close.reason or "the service ended the connection as it had said")
    reason = close.reason.lower()
    for words, code, goes_on in _ENDS:
        if any(word in reason for word in words):
            return ErrorInfo(code, close.reason, recoverable=goes_on)
    known = _CODES.get(close.code)
    if known is None:
        return None
    text = close.reason or f"the service closed the connection with {close.code}"
    if resuming and not begun:
        # The next connection begins anew, with the history.
        return ErrorInfo("session_resumption_refused", f"the session could not be resumed: {text}")
    if refused and close.code == CLOSE_INVALID:
        return ErrorInfo("history_refused", f"the service refused the history: {text}", recoverable=False)
    # What is wrong in a set-up is wrong the next time as well; later it was one message that was wrong.
    recoverable = known == "internal_error" or begun
    return ErrorInfo(known, text, recoverable=recoverable)


def error(given: Any) -> ErrorInfo:
    """An error object, as some servers send one: ``{"code": 400, "message": "…", "status": "INVALID_ARGUMENT"}``."""
    try:
        found = msgspec.convert(given, dict[str, Any])
    except msgspec.ValidationError:
        found = {"message": str(given)}
    code = str(found.get("status") or found.get("code") or "error").lower()
    return ErrorInfo(code, str(found.get("message") or code))
