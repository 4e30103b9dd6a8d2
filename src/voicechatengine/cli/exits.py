"""The exit codes of `voicechat`, and which error gives which. Knows nothing of what the commands do."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from voicechatengine.errors import (
    AudioError,
    AuthenticationError,
    ConnectionError,
    MessageError,
    RateLimitError,
)


class Exit(IntEnum):
    """What the command tells the script that called it."""

    OK = 0
    FAILED = 1
    USAGE = 2
    AUTHENTICATION = 3
    CONNECTION = 4
    INTERRUPTED = 130  # what shells use for a program that Ctrl-C ended


MEANING: Final[dict[Exit, str]] = {
    Exit.OK: "all went well",
    Exit.FAILED: "it failed: no answer came, the provider reported an error, or a law is broken",
    Exit.USAGE: "the command line or the input is not usable",
    Exit.AUTHENTICATION: "no key is set, or the provider did not accept it",
    Exit.CONNECTION: "no session could be opened, or the connection was lost",
    Exit.INTERRUPTED: "Ctrl-C",
}


class UsageError(Exception):
    """The command line or the input is not usable; the text says what to do."""


class ConversationError(Exception):
    """The conversation took place and failed; the text says what the provider reported."""


# Read from the top: the finer class stands before the one that it derives from.
OF_ERROR: Final[tuple[tuple[type[Exception], Exit], ...]] = (
    (UsageError, Exit.USAGE),
    (ConversationError, Exit.FAILED),
    (AuthenticationError, Exit.AUTHENTICATION),
    (RateLimitError, Exit.FAILED),
    (ConnectionError, Exit.CONNECTION),
    (MessageError, Exit.USAGE),
    (AudioError, Exit.USAGE),
    (OSError, Exit.USAGE),
)


def exit_of(error: Exception) -> Exit:
    """The exit code of an error; one that nobody foresaw is a failure."""
    return next((code for kind, code in OF_ERROR if isinstance(error, kind)), Exit.FAILED)


def one_line(error: Exception) -> str:
    """The error as one line for people."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        text = f"{error.filename}: {error.strerror}"
    else:
        text = str(error) or type(error).__name__
        if exit_of(error) is Exit.FAILED and not isinstance(error, (ConversationError, RateLimitError)):
            text = f"{type(error).__name__}: {text} (VOICECHAT_DEBUG=1 shows where)"
    return " ".join(text.split())
