"""How OpenAI's service answers a handshake that it does not accept. Pure: a request's words in, an HTTP answer out.

Source: https://platform.openai.com/docs/guides/error-codes (read 2026-11-22). No text names a key.
"""

from __future__ import annotations

from typing import Final

import msgspec

from voicechatengine.session.handshake import Handshake, Refusal

PATH: Final = "/v1/realtime"
BEARER: Final = "authorization"  # this header names its scheme, others hold the key alone


def refuse(
    handshake: Handshake,
    api_key: str | None = None,
    *,
    path: str = PATH,
    headers: tuple[str, ...] = (BEARER,),
) -> Refusal | None:
    """The service's answer to a handshake that it does not accept, else None. A key other than `api_key` is wrong, if given.

    `path` is where sessions are, `headers` those that a key may be in (in lower case).
    """
    if handshake.path.rstrip("/") != path:
        return _refusal(404, f"Invalid URL (GET {handshake.path})", None)
    key = next((key for name in headers if (key := _key(name, handshake.headers.get(name, "")))), "")
    if not key:
        return _refusal(
            401,
            "You didn't provide an API key. Provide it in an Authorization header using Bearer auth.",
            None,
        )
    if key.endswith("invalid") or api_key not in (None, key):
        return _refusal(401, "Incorrect API key provided.", "invalid_api_key")
    return None


def _key(name: str, value: str) -> str:
    if name != BEARER:
        return value.strip()
    scheme, _, key = value.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def rate_limited(retry_after_s: float) -> Refusal:
    """The service's answer to too many handshakes."""
    refusal = _refusal(429, "Rate limit reached. Please try again later.", "rate_limit_exceeded")
    return msgspec.structs.replace(refusal, headers={"Retry-After": f"{retry_after_s:g}"})


def _refusal(status: int, text: str, code: str | None) -> Refusal:
    error = {"message": text, "type": "invalid_request_error", "param": None, "code": code}
    return Refusal(status, msgspec.json.encode({"error": error}))
