"""How Gemini's service answers a handshake that it does not accept. Pure: a request's words in, an HTTP answer out.

Source: https://cloud.google.com/apis/design/errors (read 2026-11-22). No text names a key.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from voicechatengine.session.handshake import Handshake, Refusal

_DEVELOPER: Final = re.compile(
    r"/ws/google\.ai\.generativelanguage\.v1(?:alpha|beta)?\.GenerativeService\.BidiGenerateContent(?:Constrained)?"
)
_VERTEX: Final = re.compile(
    r"/ws/google\.cloud\.aiplatform\.v1(?:beta1)?\.LlmBidiService/BidiGenerateContent"
)


def on_vertex(handshake: Handshake) -> bool:
    """Whether a client speaks to Vertex: it says so by the path."""
    return _VERTEX.fullmatch(_path(handshake)) is not None


def refuse(handshake: Handshake, api_key: str | None = None) -> Refusal | None:
    """The service's answer to a handshake that it does not accept, else None. A key other than `api_key` is wrong, if given."""
    path = _path(handshake)
    if not (_DEVELOPER.fullmatch(path) or _VERTEX.fullmatch(path)):
        return _refusal(404, "Requested entity was not found.", "NOT_FOUND")
    key = _key(handshake)
    if not key:
        text = (
            "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other"
            " form of API consumer identity to call this API."
        )
        return _refusal(403, text, "PERMISSION_DENIED")
    if key.endswith("invalid") or api_key not in (None, key):
        return _refusal(401, "API key not valid. Please pass a valid API key.", "UNAUTHENTICATED")
    return None


def rate_limited(retry_after_s: float) -> Refusal:
    """The service's answer to too many handshakes."""
    refusal = _refusal(429, "Resource has been exhausted (e.g. check quota).", "RESOURCE_EXHAUSTED")
    return msgspec.structs.replace(refusal, headers={"Retry-After": f"{retry_after_s:g}"})


def _path(handshake: Handshake) -> str:
    return re.sub(r"/+", "/", handshake.path).rstrip("/")


def _key(handshake: Handshake) -> str:
    """A key or a token: in the query or in a header, as clients write it."""
    headers, query = handshake.headers, handshake.query
    _, _, token = headers.get("authorization", "").partition(" ")
    return query.get("key") or query.get("access_token") or headers.get("x-goog-api-key") or token.strip()


def _refusal(status: int, text: str, code: str) -> Refusal:
    error = {"code": status, "message": text, "status": code}
    return Refusal(status, msgspec.json.encode({"error": error}))
