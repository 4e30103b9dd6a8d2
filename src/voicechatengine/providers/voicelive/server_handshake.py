"""How Voice Live answers a handshake that it does not accept. Pure: a request's words in, an HTTP answer out.

A model or an agent whose name ends in ``invalid`` is one that there is none of. What the service itself says to an unknown model
is not documented: the words are OpenAI's. Source, read 2026-11-22: `azure-ai-voicelive` 1.3.1 (`aio/_patch.py`).
"""

from __future__ import annotations

from typing import Final

from voicechatengine.providers.realtime.server_handshake import BEARER, key_in, refusal, wrong
from voicechatengine.providers.voicelive.config import PATH
from voicechatengine.session.handshake import Handshake, Refusal

DENIED: Final = "Access denied due to invalid subscription key or wrong API endpoint."


def refuse(handshake: Handshake, api_key: str | None = None) -> Refusal | None:
    """The service's answer to a handshake that it does not accept, else None. A key other than `api_key` is wrong, if given."""
    query = handshake.query
    if handshake.path.rstrip("/") != PATH or not query.get("api-version"):
        return refusal(404, {"code": "404", "message": "Resource not found"})
    key, token = key_in(handshake, "api-key"), key_in(handshake, BEARER)
    if not (key or token) or (wrong(key, api_key) if key else token.endswith("invalid")):
        return refusal(401, {"code": "401", "message": DENIED})
    answering = query.get("agent-name") if "agent-project-name" in query else query.get("model")
    if not answering or answering.endswith("invalid"):
        text = f"The model `{answering or ''}` does not exist or you do not have access to it."
        return refusal(404, {"code": "model_not_found", "message": text})
    return None


def rate_limited(retry_after_s: float) -> Refusal:
    """The service's answer to too many handshakes."""
    error = {"code": "429", "message": "Too many requests."}
    return refusal(429, error, **{"Retry-After": f"{retry_after_s:g}"})
