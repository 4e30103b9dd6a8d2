"""How ElevenLabs answers a handshake: which of its websockets is meant, with what options, and what it refuses. Pure.

A key is looked at when the websocket is open already, as the service does: its dialects answer with an error message then. Only a
key other than the one that a simulator was told to accept is refused here. No text names a key.

Sources, read 2026-11-22: https://elevenlabs.io/docs/eleven-api/resources/errors and the `elevenlabs` package 2.78.0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from voicechatengine.audio.format import AudioFormat
from voicechatengine.providers.elevenlabs.settings import (
    INPUT,
    LISTEN,
    LISTEN_MODELS,
    MAX_IDLE_S,
    OTHER_SOCKET,
    OUTPUT,
    SPEAK,
    Setting,
    flaws,
    read,
)
from voicechatengine.providers.elevenlabs.wire import LISTEN_PATH, SessionConfig
from voicechatengine.session.handshake import Handshake, Refusal

IDLE_S: Final = 20
_SPEAK: Final = re.compile(r"/v1/text-to-speech/([^/]+)/multi-stream-input/?")
_VOICE: Final = re.compile(r"[A-Za-z0-9]{20}")
"""What an id of a voice looks like; one of another form does not exist."""


class SpeechOptions(msgspec.Struct, frozen=True):
    """What a speech socket was opened with."""

    voice: str
    form: AudioFormat
    language: str | None = None
    idle_s: float = IDLE_S


def listens(handshake: Handshake) -> bool:
    """Whether Scribe is meant, and not speech."""
    return handshake.path.rstrip("/") == LISTEN_PATH


def keyed(handshake: Handshake) -> bool:
    """Whether there is a key, or a single-use token, that the service takes."""
    query, headers = handshake.query, handshake.headers
    key = headers.get("xi-api-key") or query.get("token") or query.get("single_use_token") or ""
    return bool(key) and not key.endswith("invalid")


def refuse(handshake: Handshake, api_key: str | None = None) -> Refusal | None:
    """The service's answer to a handshake that it does not accept, else None. A key other than `api_key` is wrong, if given."""
    speaks = _SPEAK.fullmatch(handshake.path)
    if not listens(handshake) and speaks is None:
        return _refusal(404, "not_found", "not_found", "Not Found")
    if keyed(handshake) and api_key not in (None, handshake.headers.get("xi-api-key")):
        return _refusal(401, "authentication_error", "invalid_api_key", "Invalid API key")
    if speaks is not None and (wrong := _unfit_speech(handshake.query)) is not None:
        code, text = wrong
        return _refusal(400, "validation_error", code, text)
    return None


def rate_limited(retry_after_s: float) -> Refusal:
    """The service's answer to too many handshakes."""
    told = _refusal(429, "rate_limit_error", "rate_limit_exceeded", "Too many requests. Try again later.")
    return msgspec.structs.replace(told, headers={"Retry-After": f"{retry_after_s:g}"})


def speech_options(handshake: Handshake) -> SpeechOptions:
    """The options of a speech socket whose handshake was accepted."""
    query = handshake.query
    found = _SPEAK.fullmatch(handshake.path)
    assert found is not None
    return SpeechOptions(
        found[1],
        OUTPUT[query.get("output_format", "pcm_24000")],
        query.get("language_code"),
        float(query.get("inactivity_timeout", IDLE_S)),
    )


def voice_exists(voice: str) -> bool:
    """Whether the service knows a voice of that id."""
    return _VOICE.fullmatch(voice) is not None


def scribe_config(query: Mapping[str, str]) -> SessionConfig | str:
    """What a Scribe session is opened with, or the service's objection to it."""
    model = query.get("model_id", "")
    if model not in LISTEN_MODELS:
        return f"Unsupported model_id {model!r}. Use one of {', '.join(LISTEN_MODELS)}."
    name = query.get("audio_format", "pcm_16000")
    if name not in INPUT:
        return f"Unsupported audio_format {name!r}. Use one of {', '.join(INPUT)}."
    strategy = query.get("commit_strategy", "manual")
    if strategy not in ("manual", "vad"):
        return f"Unsupported commit_strategy {strategy!r}. Use manual or vad."
    given = _given(query, LISTEN)
    for field, wrong in flaws(given, LISTEN):
        return f"{field} {wrong}"
    told = {name: value for name, value in given.items() if name in SessionConfig.__struct_fields__}
    config = SessionConfig(
        sample_rate=INPUT[name].sample_rate,
        audio_format=name,
        language_code=query.get("language_code"),
        commit_strategy=strategy,
        model_id=model,
    )
    return msgspec.structs.replace(config, **told)


def _unfit_speech(query: Mapping[str, str]) -> tuple[str, str] | None:
    """The code and the text of what is wrong with the options of a speech socket."""
    model = query.get("model_id", "")
    if model.startswith(OTHER_SOCKET):
        return "unsupported_model", f"Model {model!r} is not supported on this endpoint."
    name = query.get("output_format", "pcm_24000")
    if name not in OUTPUT:
        return "invalid_parameters", f"output_format {name!r} is not one of {', '.join(OUTPUT)}."
    idle = {"inactivity_timeout": Setting("number", 1, MAX_IDLE_S)}
    for table in (SPEAK, idle):
        for field, wrong in flaws(_given(query, table), table):
            return "invalid_parameters", f"{field} {wrong}"
    return None


def _given(query: Mapping[str, str], table: Mapping[str, Setting]) -> dict[str, Any]:
    """The settings in a query; what is not in the table the service ignores."""
    return {name: read(text, table[name]) for name, text in query.items() if name in table}


def _refusal(status: int, kind: str, code: str, text: str) -> Refusal:
    return Refusal(
        status, msgspec.json.encode({"detail": {"type": kind, "code": code, "message": text, "status": code}})
    )
