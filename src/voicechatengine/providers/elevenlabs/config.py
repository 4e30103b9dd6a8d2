"""Where ElevenLabs' speech services are, and how they listen and speak. Pure: it opens nothing.

Sources, read 2026-11-22: `wire.py` and `settings.py` name them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import AuthenticationError, MessageError
from voicechatengine.provider import Retry, Timeouts
from voicechatengine.providers.elevenlabs.settings import (
    INPUT,
    LISTEN,
    MAX_IDLE_S,
    OTHER_SOCKET,
    OUTPUT,
    SPEAK,
    VOICE,
    Setting,
    flaws,
    name_of,
    written,
)
from voicechatengine.providers.elevenlabs.wire import LISTEN_PATH, SPEAK_PATH
from voicechatengine.session.dialect import Endpoint

URL: Final = "wss://api.elevenlabs.io"
KEY_VARIABLE: Final = "ELEVENLABS_API_KEY"
DEFAULT_VOICE: Final = "JBFqnCBsd6RMkjVDRZzb"
"""George, the voice of the vendor's own examples (`elevenlabs` 2.78.0)."""

_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


@dataclass(frozen=True, kw_only=True)
class ElevenLabsConfig:
    """ElevenLabs as ears and voice of a cascade; one configuration serves both parts.

    `api_key` falls back to ``ELEVENLABS_API_KEY`` for ElevenLabs' own hosts, which require one. `url` is another server: a base
    such as ``wss://api.us.elevenlabs.io`` or ``ws://localhost:8080``. `voice` and `language` (ISO 639, None: the service finds
    out) hold where the session says nothing. `input_format` is what is heard, `output_format` what is spoken: PCM16 of 8, 16,
    22.05, 24, 44.1 or 48 kHz, or G.711 at 8 kHz, mono. `voice_settings` are stability, similarity_boost, style,
    use_speaker_boost and speed; `listen` and `speak` are other query parameters of the two services, such as
    ``{"keyterms": ["Wieliczka"]}``. Raises `MessageError` naming a field that does not fit.
    """

    api_key: str | None = field(default=None, repr=False)
    url: str = field(default=URL, repr=False)
    listen_model: str = "scribe_v2_realtime"
    speak_model: str = "eleven_flash_v2_5"
    voice: str = DEFAULT_VOICE
    language: str | None = None
    input_format: AudioFormat = AudioFormat(sample_rate=16_000)
    output_format: AudioFormat = AudioFormat(sample_rate=24_000)
    voice_settings: Mapping[str, float | bool] = field(default_factory=dict[str, "float | bool"])
    listen: Mapping[str, Any] = field(default_factory=dict[str, Any])
    speak: Mapping[str, Any] = field(default_factory=dict[str, Any])
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()

    def __post_init__(self) -> None:
        _address(self.url, "")
        if self.api_key is None and _own(self.url):
            object.__setattr__(self, "api_key", os.environ.get(KEY_VARIABLE) or None)
        for name in ("listen_model", "speak_model", "voice"):
            if not getattr(self, name):
                raise MessageError(f"{name} is empty", field=name, cure="name one")
        if self.speak_model.startswith(OTHER_SOCKET):
            raise MessageError(
                f"speak_model: {self.speak_model} does not speak on this socket",
                field="speak_model",
                cure="use eleven_flash_v2_5, or another model that is not of that family",
            )
        _format_name(self.input_format, INPUT, "input_format")
        _format_name(self.output_format, OUTPUT, "output_format")
        _check("voice_settings", self.voice_settings, VOICE)
        _check("listen", self.listen, LISTEN)
        _check("speak", self.speak, SPEAK)

    def listen_endpoint(self, language: str | None) -> Endpoint:
        """Where speech is recognised. Raises `AuthenticationError` for ElevenLabs' own hosts without a key."""
        query = [
            ("model_id", self.listen_model),
            ("audio_format", _format_name(self.input_format, INPUT, "input_format")),
            ("commit_strategy", "manual"),
            *_language(language or self.language),
            *_parameters(self.listen),
        ]
        return Endpoint(_address(self.url, LISTEN_PATH, query), self._headers())

    def speak_endpoint(self, voice: str | None, language: str | None) -> Endpoint:
        """Where sentences are spoken. Raises `AuthenticationError` for ElevenLabs' own hosts without a key."""
        query = [
            ("model_id", self.speak_model),
            ("output_format", _format_name(self.output_format, OUTPUT, "output_format")),
            ("auto_mode", "true"),  # whole sentences come: none is to wait for more text
            ("inactivity_timeout", str(MAX_IDLE_S)),
            *_language(language or self.language),
            *_parameters(self.speak),
        ]
        path = SPEAK_PATH.format(voice=quote(voice or self.voice, safe=""))
        return Endpoint(_address(self.url, path, query), self._headers())

    def _headers(self) -> dict[str, str]:
        if not self.api_key and _own(self.url):
            raise AuthenticationError(
                "no API key is set", cure=f"set {KEY_VARIABLE}, or pass api_key= to ElevenLabsConfig"
            )
        key = {"xi-api-key": self.api_key} if self.api_key else {}
        return {**key, **self.headers}


def _address(base: str, path: str, query: list[tuple[str, str]] | None = None) -> str:
    """A path under the base, as a websocket's address. Raises `MessageError` for what is no base."""
    try:
        parts = urlsplit(base)
        port = parts.port
    except ValueError:  # a port that is no number, or half an IPv6 address
        parts, port = urlsplit(""), 0
    if parts.scheme not in _SCHEMES or not parts.hostname or port == 0:
        raise MessageError(
            "url is no address of an API",
            field="url",
            cure="use wss://, ws://, https:// or http:// with a host",
        )
    whole = parts.path.rstrip("/") + path
    return urlunsplit(
        (_SCHEMES[parts.scheme], parts.netloc, whole, urlencode(query or [], quote_via=quote), "")
    )


def _own(url: str) -> bool:
    """Whether a url leads to ElevenLabs itself, in whatever region: to others the variable's key does not go."""
    return f".{urlsplit(url).hostname}".endswith(".elevenlabs.io")


def _language(language: str | None) -> list[tuple[str, str]]:
    """The service knows languages, not their countries: of ``en-GB`` it is told ``en``."""
    return [("language_code", language.replace("_", "-").partition("-")[0].lower())] if language else []


def _parameters(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The parameters as they are written; one that is a list comes once for each entry."""
    pairs: list[tuple[str, str]] = []
    for name, value in given.items():
        entries = cast("list[Any]", value) if isinstance(value, (list, tuple)) else [value]
        pairs += [(name, written(entry)) for entry in entries]
    return pairs


def _format_name(form: AudioFormat, formats: Mapping[str, AudioFormat], where: str) -> str:
    name = name_of(form, formats)
    if name is None:
        raise MessageError(
            f"{where}: the service has no {form}", field=where, cure=f"use one of {', '.join(formats)}"
        )
    return name


def _check(where: str, given: Mapping[str, Any], table: Mapping[str, Setting]) -> None:
    for name, wrong in flaws(given, table):
        raise MessageError(
            f"{where}: {name} {wrong}", field=f"{where}.{name}", cure="change it, or leave it out"
        )
