"""Errors of this library as data and back: what a recording keeps of a call that failed. Pure."""

from __future__ import annotations

from typing import Final

from voicechatengine.compose.tape import Failure, scrub
from voicechatengine.errors import (
    AudioError,
    AuthenticationError,
    ConnectionError,
    DeadlineError,
    MessageError,
    ProtocolError,
    ProviderError,
    RateLimitError,
    SessionExpiredError,
)

_USUAL: Final = ("cure", "code", "status")
_KINDS: Final[dict[type[ProviderError], tuple[str, ...]]] = {
    ProviderError: _USUAL,
    ConnectionError: _USUAL,
    AuthenticationError: _USUAL,
    SessionExpiredError: _USUAL,
    ProtocolError: _USUAL,
    DeadlineError: _USUAL,
    RateLimitError: (*_USUAL, "retry_after"),
    MessageError: ("cure", "code", "field"),
    AudioError: ("cure", "field"),
}
"""The classes of the tree, and what each takes beside its message."""

_BY_NAME: Final = {kind.__name__: kind for kind in _KINDS}


def failure_of(error: Exception) -> Failure:
    """The error as data, its keys hidden. One that is not of the tree is told as its nearest class that is."""
    kind = next((base for base in type(error).__mro__ if base in _KINDS), ProviderError)
    if not isinstance(error, ProviderError):
        return Failure(kind.__name__, scrub(repr(error)))
    values = {name: getattr(error, name, None) for name in _KINDS[kind]}
    return Failure(
        kind.__name__, error.message, **{name: value for name, value in values.items() if value is not None}
    )


def error_of(failure: Failure) -> ProviderError:
    """The error that `failure_of` was given, as near as data can tell."""
    kind = _BY_NAME.get(failure.error, ProviderError)
    return kind(failure.message, **{name: getattr(failure, name) for name in _KINDS[kind]})
