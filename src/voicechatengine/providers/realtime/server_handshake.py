"""How OpenAI's service answers a handshake that it does not accept. Pure: a request's words in, an HTTP answer out.

Source: https://platform.openai.com/docs/guides/error-codes (read 2026-11-22). No text names a key.
"""

from __future__ import annotations

from typing import Final

import msgspec

from voicechatengine.providers.realtime.differences import Fields
from voicechatengine.session.handshake import Handshake, Refusal

PATH: Final = "/v1/realtime"
BEARER: Final = "authorization"  # this header names its scheme, others hold the key alone


def refuse(handshake: Handshake, api_key: str | None = None, *, path: str = PATH) -> Refusal | None:
    """The service's answer to a handshake that it does not accept, else None; `path` is where its sessions are."""
    if handshake.path.rstrip("/") != path:
        return refusal(404, _error(f"Invalid URL (GET {handshake.path})"))
    key = key_in(handshake, BEARER)
    if not key:
        text = "You didn't provide an API key. Provide it in an Authorization header using Bearer auth."
        return refusal(401, _error(text))
    if wrong(key, api_key):
        return refusal(401, _error("Incorrect API key provided.", "invalid_api_key"))
    return None


def key_in(handshake: Handshake, header: str) -> str:
    """The key or token in a header (in lower case); empty if there is none."""
    value = handshake.headers.get(header, "")
    if header != BEARER:
        return value.strip()
    scheme, _, key = value.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def wrong(key: str, api_key: str | None) -> bool:
    """Whether a simulated service takes a key for a wrong one: it is not the `api_key`, if there is one, or ends in ``invalid``."""
    return key.endswith("invalid") or api_key not in (None, key)


def rate_limited(retry_after_s: float) -> Refusal:
    """The service's answer to too many handshakes."""
    error = _error("Rate limit reached. Please try again later.", "rate_limit_exceeded")
    return refusal(429, error, **{"Retry-After": f"{retry_after_s:g}"})


def refusal(status: int, error: Fields, **headers: str) -> Refusal:
    """An answer with this error in its body."""
    return Refusal(status, msgspec.json.encode({"error": error}), headers)


def _error(text: str, code: str | None = None) -> Fields:
    return {"message": text, "type": "invalid_request_error", "param": None, "code": code}
