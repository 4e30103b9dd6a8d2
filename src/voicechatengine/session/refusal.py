"""What a server means by an HTTP status and the body that comes with it, as one of our errors. Pure; it knows no vendor.

A websocket's handshake and an HTTP request are refused in the same words, so both transports and the simulators share this.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from voicechatengine.errors import AuthenticationError, ConnectionError, ProtocolError, RateLimitError

MAX_ERROR_BODY: Final = 64 * 2**10  # bytes of a refusal that are read
OK: Final = 200
REDIRECT: Final = 300
BAD_REQUEST: Final = 400
SERVER_ERROR: Final = 500
UNFIT: Final = (400, 413, 422)  # the url is right, the request is not

_CODES: Final = ("code", "type", "status", "err_code", "category")
_WORDS: Final = ("message", "detail", "err_msg")
"""Where services put the code and the words of a refusal; the first of each that is there counts."""

_SERVED: Final = {"connection": "a websocket", "request": "an API"}


def refused(
    status: int, body: str, retry_after: str | None, *, what: Literal["connection", "request"] = "connection"
) -> ConnectionError:
    """The error for `what` was answered with this status instead of what was asked for; `retry_after` is that header."""
    code, message = explain(body)
    text = f"the server refused the {what} with HTTP {status}" + (f": {message}" if message else "")
    if status == OK:
        text = f"the server answered the {what} with something else" + (f": {message}" if message else "")
        cure = f"this url serves web pages, not {_SERVED[what]}: check it"
        return ProtocolError(text, cure=cure, code=code, status=status)
    return of_status(status, text, code=code, retry_after=retry_after)


def of_status(
    status: int, text: str, *, code: str | None = None, retry_after: str | None = None
) -> ConnectionError:
    """The error of the kind that an HTTP status other than 200 stands for."""
    if status in (401, 403):
        return AuthenticationError(
            text, cure="check the API key and what it may do", code=code, status=status
        )
    if status == 402:  # noqa: PLR2004 - RFC 9110: payment required
        cure = "add credit to the account, or take another plan"
        return ConnectionError(text, cure=cure, code=code, status=status, fault="application")
    if status == 429:  # noqa: PLR2004 - RFC 6585: too many requests
        try:
            seconds = float(retry_after) if retry_after else None
        except ValueError:
            seconds = None  # an HTTP date: no vendor here sends one
        return RateLimitError(
            text, retry_after=seconds, cure="wait, or raise the limit", code=code, status=status
        )
    if status >= SERVER_ERROR:
        return ConnectionError(text, cure="try again later", code=code, status=status, fault="provider")
    if REDIRECT <= status < BAD_REQUEST:
        cure = "check the url, and the header that the service takes its key in: no redirect is followed, it would carry the key along"
        return ConnectionError(text, cure=cure, code=code, status=status, fault="application")
    cure = "change what it names" if status in UNFIT else "check the url and the model"
    return ConnectionError(text, cure=cure, code=code, status=status, fault="application")


def explain(body: str) -> tuple[str | None, str]:
    """The code and the message in a refusal's body: JSON as vendors write it, else the text's first line."""
    try:
        found = msgspec.json.decode(body, type=dict[str, Any])
    except ValueError:
        line = body.strip().partition("\n")[0]
        return None, "" if line.startswith("<") else line[:300]
    detail = found.get("detail")
    inner: Any = found.get("error", detail if isinstance(detail, dict) else found)
    try:
        error = msgspec.convert(inner, dict[str, Any])
    except msgspec.ValidationError:
        return None, str(inner)[:300]
    codes = [error[name] for name in _CODES if error.get(name)]
    code = next(
        (each for each in codes if isinstance(each, str)), next(iter(codes), None)
    )  # a number is the status
    message = str(next((error[name] for name in _WORDS if error.get(name)), ""))
    return (str(code) if code is not None else None), message[:300]


def unreachable(url: str, error: Exception) -> ConnectionError:
    """The error for a server to which there is no connection."""
    return ConnectionError(
        f"no connection to {url.partition('?')[0]} ({error})",
        cure="check the url, that the server runs, the network, and the proxy if the environment names one",
    )


def invalid_url(schemes: str) -> ConnectionError:
    """The error for what is no url; `schemes` names those that can be used."""
    return ConnectionError("the url is not valid", cure=f"use {schemes}", fault="application")
