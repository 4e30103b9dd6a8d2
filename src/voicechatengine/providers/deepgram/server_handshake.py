"""What the service looks at before it opens a socket: path, key and query. Pure.

Sources, read 2026-11-22: https://developers.deepgram.com/reference/errors, https://developers.deepgram.com/docs/flux/configuration,
https://developers.deepgram.com/docs/flux-tts/feature-overview and the `deepgram-sdk` package 7.17.0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from voicechatengine.audio.format import AudioFormat, Encoding
from voicechatengine.providers.deepgram import wire
from voicechatengine.session.dialect import Ids
from voicechatengine.session.handshake import Handshake, Refusal

REQUEST_ID: Final = "00000000-0000-4000-8000-000000000000"
UUID: Final = 32
_ENCODINGS: Final[dict[str, Encoding]] = {theirs: ours for ours, theirs in wire.ENCODINGS.items()}
_COMMON: Final = frozenset({"model", "encoding", "sample_rate", "mip_opt_out", "tag"})


def refuse(handshake: Handshake, api_key: str | None) -> Refusal | None:
    """The answer to a handshake that is not accepted, else None. With `api_key` that is the only key, else every one is good but
    one that ends in ``invalid``.
    """
    check = _PATHS.get(handshake.path)
    if check is None:
        return _refusal(404, "Not Found", "The requested resource was not found.")
    scheme, _, key = handshake.headers.get("authorization", "").partition(" ")
    if scheme.lower() not in ("token", "bearer") or not key or key.endswith("invalid"):
        return _refusal(401, "INVALID_AUTH", "Invalid credentials.")
    if api_key is not None and key != api_key:
        return _refusal(401, "INVALID_AUTH", "Invalid credentials.")
    problem = check(handshake.query)
    return None if problem is None else _refusal(400, "Bad Request", f"Bad Request: {problem}")


def rate_limited(seconds: float) -> Refusal:
    """The answer to a client that is to wait so long."""
    refusal = _refusal(429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later")
    return Refusal(refusal.status, refusal.body, {"Retry-After": f"{seconds:g}"})


def audio_format(query: Mapping[str, str], *, rate: int) -> AudioFormat:
    """The format that a query names; `rate` where it names none."""
    encoding = _ENCODINGS[query.get("encoding", "linear16")]
    return AudioFormat(encoding, int(query.get("sample_rate", rate)))


def hexed(ids: Ids, digits: int) -> str:
    """A fresh id of so many hexadecimal digits, as the service writes them; 32 make a UUID."""
    made = ids("id").encode().hex()[-digits:].rjust(digits, "0")
    return "-".join((made[:8], made[8:12], made[12:16], made[16:20], made[20:])) if digits == UUID else made


def threshold(name: str, value: float) -> str | None:
    """What is wrong with a threshold of that name."""
    low, high = wire.THRESHOLDS[name]
    return None if low <= value <= high else f"{name} must be between {low} and {high}."


def speed(value: float) -> str | None:
    """The code of what is wrong with a speed."""
    low, high = wire.SPEED
    if not low <= value <= high:
        return "SPEED_OUT_OF_RANGE"
    steps = value / wire.SPEED_STEP
    return None if abs(steps - round(steps)) < wire.SPEED_STEP else "SPEED_INCREMENT_INVALID"


def _listening(query: Mapping[str, str]) -> str | None:
    known = _COMMON | wire.THRESHOLDS.keys()
    known |= {"keyterm", "language_hint", "profanity_filter", "numerals", "redact"}
    if query.get("model") not in ("flux-general-en", *wire.LANGUAGES):
        return "No such model/language/tier combination found."
    if "language_hint" in query and query["model"] not in wire.LANGUAGES:
        return "language_hint is only supported by flux-general-multi."
    for name in wire.THRESHOLDS:
        value = _number(query.get(name, "0.7" if name != "eot_timeout_ms" else "5000"))
        problem = f"{name} is not a number." if value is None else threshold(name, value)
        if problem is not None:
            return problem
    return _unknown(query, known) or _audio(query, None)


def _speech(query: Mapping[str, str]) -> str | None:
    if not query.get("model", "").startswith("flux-"):
        return "No such model found. Aura models are served by /v1/speak."
    value = _number(query.get("speed", "1.0"))
    problem = "speed is not a number." if value is None else speed(value)
    known = _COMMON | {"speed", "expressivity"}
    return problem or _unknown(query, known) or _audio(query, wire.SPEAK_RATES)


def _aura(query: Mapping[str, str]) -> str | None:
    if not query.get("model", "aura-asteria-en").startswith("aura-"):
        return "No such model/version combination found."
    return _audio(query, wire.SPEAK_RATES)


def _audio(query: Mapping[str, str], rates: tuple[int, ...] | None) -> str | None:
    """`rates` are those of PCM; None: any."""
    encoding = query.get("encoding", "linear16")
    rate = _number(query.get("sample_rate", "24000" if rates else "16000"))
    if encoding not in _ENCODINGS:
        return f"Unsupported encoding: {encoding}."
    if rate is None or rate != int(rate) or not wire.SPEAK_RATES[0] <= rate <= wire.SPEAK_RATES[-1]:
        return "sample_rate is not supported."
    if rates is not None and rate not in (rates if encoding == "linear16" else wire.G711_RATES):
        return f"sample_rate {rate:g} is not supported with encoding {encoding}."
    return None


def _unknown(query: Mapping[str, str], known: frozenset[str]) -> str | None:
    more = sorted(query.keys() - known)
    return f"Unknown query parameter: {more[0]}." if more else None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _refusal(status: int, code: str, message: str) -> Refusal:
    body = {"err_code": code, "err_msg": message, "request_id": REQUEST_ID}
    return Refusal(status, msgspec.json.encode(body))


_PATHS: Final[dict[str, Callable[[Mapping[str, str]], str | None]]] = {
    wire.LISTEN: _listening,
    wire.SPEAK: _speech,
    wire.SPEAK_AURA: _aura,
}
"""The sockets that there are, and what each has to say of its query."""
