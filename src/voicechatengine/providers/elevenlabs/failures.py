"""What ElevenLabs' errors mean: by their names, one of our errors each, with what to change. Pure.

Sources, read 2026-11-22: https://elevenlabs.io/docs/eleven-api/guides/how-to/speech-to-text/realtime/event-reference,
https://elevenlabs.io/docs/eleven-api/resources/errors, the `elevenlabs` package 2.78.0 (`ReceiveTranscription`), and for the
names on the speech socket reports of what it answered: https://github.com/livekit/agents-js/issues/1985,
https://github.com/elevenlabs/elevenlabs-python/issues/586 (2025-07 to 2026-10). Each error ends its socket.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from voicechatengine.errors import (
    AuthenticationError,
    ConnectionError,
    Fault,
    RateLimitError,
    SessionExpiredError,
)
from voicechatengine.session.dialect import Close


class Meaning(NamedTuple):
    """The error's kind, what to do about it, and at whose side the cause lies (None: where that kind of error has it)."""

    kind: type[ConnectionError]
    cure: str
    fault: Fault | None = None


_KEY: Final = Meaning(AuthenticationError, "check the API key (ELEVENLABS_API_KEY) and what it may do")
_QUOTA: Final = Meaning(RateLimitError, "wait for the plan's next period, or take a larger plan")
_BUSY: Final = Meaning(RateLimitError, "wait, or take a plan with more at the same time")
_PLAN: Final = Meaning(AuthenticationError, "take a plan that has it, or another format or model")
_LATER: Final = Meaning(ConnectionError, "try again", "provider")
_TEXT: Final = Meaning(ConnectionError, "change what the message names", "application")
_VOICE: Final = Meaning(
    ConnectionError,
    "choose a voice of https://api.elevenlabs.io/v1/voices that this key may use",
    "application",
)

SCRIBE: Final[dict[str, Meaning]] = {
    "auth_error": _KEY,
    "quota_exceeded": _QUOTA,
    "unaccepted_terms": Meaning(
        AuthenticationError, "accept the terms on https://elevenlabs.io with this account"
    ),
    "rate_limited": _BUSY,
    "commit_throttled": _LATER,
    "queue_overflow": Meaning(ConnectionError, "send audio no faster than it is spoken", "application"),
    "resource_exhausted": _LATER,
    "session_time_limit_exceeded": Meaning(SessionExpiredError, "what is said next opens a new session"),
    "chunk_size_exceeded": _TEXT,
    "input_error": _TEXT,
    "invalid_request": Meaning(ConnectionError, "change the option that the message names", "application"),
    "insufficient_audio_activity": Meaning(
        ConnectionError, "see whether the audio is silence", "application"
    ),
    "transcriber_error": _LATER,
    "error": _LATER,
}
"""The kinds of error that Scribe has, all 14."""

SPEECH: Final[dict[str, Meaning]] = {
    "invalid_api_key": _KEY,
    "authentication_required": _KEY,
    "unauthorized": _KEY,
    "missing_permissions": _KEY,
    "quota_exceeded": _QUOTA,
    "subscription_required": _PLAN,
    "output_format_not_allowed": _PLAN,
    "model_access_denied": _PLAN,
    "voice_id_does_not_exist": _VOICE,
    "voice_not_found": _VOICE,
    "voice_not_fine_tuned": _VOICE,
    "unsupported_model": Meaning(ConnectionError, "choose another model", "application"),
    "unsupported_language": Meaning(
        ConnectionError, "choose a model that speaks this language", "application"
    ),
    "invalid_input_message": _TEXT,
    "max_active_conversations": _BUSY,
    "too_many_concurrent_requests": _BUSY,
    "rate_limit_exceeded": _BUSY,
    "system_busy": _BUSY,
    "input_timeout_exceeded": _LATER,
}
"""The names of errors on the speech socket, as far as they are known."""

UNFIT_VOICE: Final = 1009  # the close code: message too big


def failed(table: dict[str, Meaning], code: str, message: str) -> ConnectionError:
    """The error for one of the service's; a name that is not in the table is its own word for it."""
    meaning = table.get(code, _LATER)
    text = f"ElevenLabs: {message or code}"
    return (
        meaning.kind(text, cure=meaning.cure, code=code)
        if meaning.fault is None
        else meaning.kind(text, cure=meaning.cure, code=code, fault=meaning.fault)
    )


def ended(close: Close) -> ConnectionError | None:
    """What a close code of the speech socket means where the service says nothing else."""
    if close.code != UNFIT_VOICE:
        return None
    return ConnectionError(
        "ElevenLabs closed the connection with code 1009",
        cure="check that the model can speak with this voice: that is what the service means by it",
        code="voice_model_mismatch",
        status=close.code,
        fault="application",
    )
