"""What can go wrong, named by whose fault it is and what to do next.

    ProviderError
    ├── ConnectionError            also the builtin of that name: both ``except`` clauses work
    │   ├── AuthenticationError    no key, a wrong one, or one without the right
    │   ├── RateLimitError         ``retry_after`` seconds
    │   ├── SessionExpiredError    the vendor's own limit on a session was reached
    │   ├── ProtocolError          the vendor (or a proxy on the way) broke its protocol
    │   └── DeadlineError          also the builtin TimeoutError
    ├── MessageError               ``field`` names what does not fit; nothing was sent
    └── AudioError                 bytes that cannot be audio of the format, or a missing audio package

This module knows nothing of vendors. It is the one place that knows how to keep a key out of a text.
"""

from __future__ import annotations

import builtins
import re
from typing import Final, Literal
from urllib.parse import quote

Fault = Literal["application", "provider", "network"]

_KEY_LIKE = r"(?:(?=[^\s\"',;]*\d)[a-z0-9][\w.~+/=-]{11,}|[a-z0-9][\w.~+/=-]{31,})"  # long, and no word
_MACHINE_NAME = r"\b[\w-]*(?:api|access|auth|secret|private|subscription)[-_](?:key|token)"

_SECRETS = (
    # A query parameter of a telling name, whatever it holds; and the password of a URL.
    r"(?i)([?&][\w.-]*(?:key|token|secret|sig|signature|password)=)[^&#\s\"'>]+",
    r"(://[^\s/:@]*:)[^\s/@]+(?=@)",
    # Names that only machines write (api_key=…, x-api-key: …), with what they are set to; and the Authorization header.
    rf"(?i)({_MACHINE_NAME}(?:=|[\"']?\s*[=:]\s*[\"']|[\"']?:\s*))(?!None\b|null\b)[^\s\"'`&,;)}}\]]{{3,}}",
    r"(?i)(\bauthorization[\"']?\s*[=:]\s*[\"']?(?:bearer|basic|token)\s+)[^\s\"',;)}\]]+",
    # Words of prose too: here only what follows and looks like a key is hidden, so that "token limit" stays.
    rf"(?i)(\b(?:bearer|token|key|secret|password|authorization)\b(?: provided)?[\"']?\s*[=:]?\s*[\"']?){_KEY_LIKE}",
    # What by its beginning is a key, wherever it stands; a JSON web token among them.
    r"()\b(?:(?:sk|ek|xai|gsk|hf)[-_][A-Za-z0-9][\w-]{5,}|AIza[\w-]{20,}|eyJ[\w-]{10,}\.[\w-]+\.[\w-]*)",
)
SHORTEST_SECRET: Final = 4  # to hide what is shorter would garble every text and protect nothing


def redact(text: str, *secrets: str | None) -> str:
    """The text without `secrets` (also as a URL quotes them), and without what by its form or its name is a key.

    Giving the session's own key is the protection that counts; the forms are there for keys that nobody told us of, and
    leave ordinary prose alone.
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "…").replace(quote(secret, safe=""), "…")
    for pattern in _SECRETS:
        text = re.sub(pattern, r"\1…", text)
    return text


class ProviderError(Exception):
    """The root of every error that this library raises.

    `message` says what happened, `cure` what to do next; `str()` gives both. `code` and `status` are the vendor's own
    error code and HTTP or websocket status where there was one, `fault` says at whose side the cause lies. Texts are
    redacted on construction: no key survives in any of them.
    """

    fault: Fault = "provider"

    def __init__(
        self,
        message: str,
        *,
        cure: str = "",
        code: str | None = None,
        status: int | None = None,
        fault: Fault | None = None,
    ) -> None:
        self.message: str = redact(message)
        self.cure: str = redact(cure)
        self.code = code
        self.status = status
        if fault is not None:
            self.fault = fault
        super().__init__(f"{self.message}: {self.cure}" if cure else self.message)


class ConnectionError(
    ProviderError, builtins.ConnectionError
):  # the interface's name; it is also the builtin
    """The session could not be opened, or is not open."""

    fault: Fault = "network"


class AuthenticationError(ConnectionError):
    """The vendor did not accept the key, or there is none."""

    fault: Fault = "application"


class RateLimitError(ConnectionError):
    """The vendor wants fewer requests; `retry_after` is its wish in seconds, if it told one."""

    fault: Fault = "application"

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        cure: str = "",
        code: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message, cure=cure, code=code, status=status)
        self.retry_after = retry_after


class SessionExpiredError(ConnectionError):
    """The vendor ended the session at its own limit, and it could not be continued."""

    fault: Fault = "provider"


class ProtocolError(ConnectionError):
    """The other side broke its protocol: no websocket, not its messages, or none at all."""

    fault: Fault = "provider"


class DeadlineError(ConnectionError, builtins.TimeoutError):
    """The other side did not answer in the time that the configuration allows."""

    fault: Fault = "network"


class MessageError(ProviderError, ValueError):
    """What was to be sent does not fit, or this provider cannot do it. Nothing was sent. `field` names the place."""

    fault: Fault = "application"

    def __init__(
        self, message: str, *, field: str | None = None, cure: str = "", code: str | None = None
    ) -> None:
        super().__init__(message, cure=cure, code=code)
        self.field = field


class AudioError(ProviderError, ValueError):
    """Bytes that cannot be audio of the format, a format that is none, or a missing package for audio."""

    fault: Fault = "application"

    def __init__(self, message: str, *, field: str | None = None, cure: str = "") -> None:
        super().__init__(message, cure=cure)
        self.field = field
