"""The typed error for an `error` event: who only reads events and who calls methods learn the same. Knows no vendor."""

from __future__ import annotations

from typing import Final

from voicechatengine.errors import (
    AuthenticationError,
    ConnectionError,
    DeadlineError,
    MessageError,
    ProtocolError,
    ProviderError,
    RateLimitError,
    SessionExpiredError,
)
from voicechatengine.events import ErrorInfo

_BY_WORD: Final[tuple[tuple[tuple[str, ...], type[ProviderError]], ...]] = (
    (("rate_limit", "quota", "too_many_requests"), RateLimitError),
    (("api_key", "auth", "permission", "forbidden"), AuthenticationError),
    (("expired",), SessionExpiredError),
    (("timeout", "deadline"), DeadlineError),
    (("protocol",), ProtocolError),
    (("connection", "disconnected", "session_ended"), ConnectionError),
)
"""Words that occur in error codes, and what they mean. The first that fits counts."""


def error_of(info: ErrorInfo) -> ProviderError:
    """The typed error for an `error` event, with the vendor's code and message."""
    code = info.code.lower()
    kind = next((kind for words, kind in _BY_WORD if any(word in code for word in words)), None)
    if kind is RateLimitError or info.retry_after is not None:
        return RateLimitError(info.message, retry_after=info.retry_after, code=info.code)
    if kind is None:
        if info.command is not None:
            return MessageError(info.message, field=info.command, code=info.code)
        kind = ProviderError if info.recoverable else ConnectionError
    if kind is AuthenticationError:
        return AuthenticationError(info.message, code=info.code, cure="check the API key and what it may do")
    return kind(info.message, code=info.code)


def connection_error_of(info: ErrorInfo) -> ConnectionError:
    """The same for an error that ended a session, or kept one from beginning."""
    error = error_of(info)
    return (
        error
        if isinstance(error, ConnectionError)
        else ConnectionError(info.message, code=info.code, fault="provider")
    )
