"""How Azure OpenAI answers a handshake, and which of its two wires a client gets. Pure: a request's words in, an HTTP answer out.

A deployment whose name ends in ``invalid`` is one that there is none of. Sources, read 2026-11-22:
https://learn.microsoft.com/azure/ai-foundry/openai/how-to/realtime-audio-websockets; the texts as users of the service report them
in public issues (https://github.com/chatboxai/chatbox/issues/646 for the deployment).
"""

from __future__ import annotations

from typing import Final

from voicechatengine.providers.azure.config import DATED, DATED_PATH, PATH, RELEASED
from voicechatengine.providers.realtime.differences import Differences
from voicechatengine.providers.realtime.server_handshake import BEARER, key_in, refusal, wrong
from voicechatengine.session.handshake import Handshake, Refusal

SIGN_IN: Final = "https://login.microsoftonline.com/"
DENIED: Final = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an"
    " active subscription and use a correct regional API endpoint for your resource."
)
NO_DEPLOYMENT: Final = (
    "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes,"
    " please wait a moment and try again."
)


def differences(handshake: Handshake) -> Differences:
    """The wire that is spoken at this address."""
    return DATED if handshake.path.rstrip("/") == DATED_PATH else RELEASED


def refuse(handshake: Handshake, api_key: str | None = None) -> Refusal | None:
    """The service's answer to a handshake that it does not accept, else None. A key other than `api_key` is wrong, if given."""
    path, query = handshake.path.rstrip("/"), handshake.query
    dated = path == DATED_PATH
    if path not in (PATH, DATED_PATH) or (dated and not query.get("api-version")):
        return refusal(404, {"code": "404", "message": "Resource not found"})
    key, token = key_in(handshake, "api-key"), key_in(handshake, BEARER)
    if token and not key and not is_token(token):  # a key, where a token belongs
        return Refusal(302, b"", {"Location": SIGN_IN})
    if not (key or token) or (wrong(key, api_key) if key else token.endswith("invalid")):
        return refusal(401, {"code": "401", "message": DENIED})
    deployment = query.get("deployment" if dated else "model", "")
    if not deployment or deployment.endswith("invalid"):
        return refusal(404, {"code": "DeploymentNotFound", "message": NO_DEPLOYMENT})
    return None


def is_token(text: str) -> bool:
    """Whether this has the form of a Microsoft Entra token: three parts with dots between them."""
    return text.count(".") == 2  # noqa: PLR2004 - RFC 7519: header, claims, signature


def rate_limited(retry_after_s: float) -> Refusal:
    """The service's answer to too many handshakes."""
    text = f"Requests have exceeded the call rate limit. Please retry after {retry_after_s:g} seconds."
    return refusal(429, {"code": "429", "message": text}, **{"Retry-After": f"{retry_after_s:g}"})
