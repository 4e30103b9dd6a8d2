"""Where Deepgram's speech services are, and how they listen and speak. Pure: it opens nothing.

Sources, read 2026-11-22: https://developers.deepgram.com/docs/flux/configuration,
https://developers.deepgram.com/docs/flux-tts/feature-overview and the `deepgram-sdk` package 7.17.0 (`listen/v2/client.py`,
`speak/v1/client.py`, `speak/v2/client.py`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import AuthenticationError, MessageError
from voicechatengine.provider import Retry, Timeouts
from voicechatengine.providers.deepgram import wire
from voicechatengine.session.dialect import Endpoint

KEY_VARIABLE: Final = "DEEPGRAM_API_KEY"
MODEL: Final = "flux-general-en"
VOICE: Final = "flux-haley-en"

_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


@dataclass(frozen=True, kw_only=True)
class DeepgramConfig:
    """Deepgram as ears and voice of a cascade; one configuration serves both parts.

    `api_key` is required for Deepgram's own hosts, and falls back to ``DEEPGRAM_API_KEY`` for them alone. `url` is another server: a base such as
    ``ws://localhost:8080``. `model` hears: ``flux-general-en``, or ``flux-general-multi`` with `languages` as hints; `keyterms` are
    names and terms that it is to know. `voice` is the model that speaks where the session names none: ``flux-{voice}-{language}``,
    or an Aura one such as ``aura-2-thalia-en``; `speed` is its pace (0.5..1.5).

    A turn ends when Flux is as sure of it as `eot_threshold` (0.5..1.0, None: 0.7), or after `eot_timeout_ms` of silence
    (500..60000, None: 5000); with `eager_eot_threshold` (0.3..0.9) a likely end is told before. `input_format` is what is heard,
    `output_format` what is spoken: mono PCM16, or G.711. Raises `MessageError` naming a field that does not fit.
    """

    api_key: str | None = field(default=None, repr=False)
    url: str = field(default=wire.URL, repr=False)
    model: str = MODEL
    languages: Sequence[str] = ()
    keyterms: Sequence[str] = ()
    eot_threshold: float | None = None
    eager_eot_threshold: float | None = None
    eot_timeout_ms: int | None = None
    voice: str = VOICE
    speed: float | None = None
    input_format: AudioFormat = AudioFormat(sample_rate=16_000)
    output_format: AudioFormat = AudioFormat(sample_rate=24_000)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()

    def __post_init__(self) -> None:
        _address(self.url, "", [])
        if self.api_key is None and _own(self.url):
            object.__setattr__(self, "api_key", os.environ.get(KEY_VARIABLE) or None)
        if not self.model.startswith("flux-"):
            raise MessageError(
                f"model: {self.model!r} does not hear turns", field="model", cure="use a Flux model"
            )
        for name in ("languages", "keyterms"):
            if isinstance(getattr(self, name), str):
                raise MessageError(f"{name} is one text", field=name, cure="give a list")
        if self.languages and self.model not in wire.LANGUAGES:
            raise MessageError(
                f"languages: {self.model} takes none",
                field="languages",
                cure=f"use {wire.LANGUAGES[0]}, or leave them out",
            )
        for name, (low, high) in {**wire.THRESHOLDS, "speed": wire.SPEED}.items():
            value = getattr(self, name)
            if value is not None and not (isinstance(value, (int, float)) and low <= value <= high):
                raise MessageError(
                    f"{name}: {value!r} is not in {low}..{high}",
                    field=name,
                    cure="give a number in that range",
                )
        check_voice(self.voice)
        _check_format("input_format", self.input_format)
        _check_format("output_format", self.output_format)
        pcm = self.output_format.encoding == "pcm16"
        rates = wire.SPEAK_RATES if pcm else wire.G711_RATES
        if self.output_format.sample_rate not in rates:
            raise MessageError(
                f"output_format: {self.output_format} is not spoken",
                field="output_format",
                cure=f"use {', '.join(map(str, rates))} Hz",
            )

    def listening(self) -> Endpoint:
        """Where to listen. Raises `AuthenticationError` for Deepgram's own hosts without a key."""
        options = {name: getattr(self, name) for name in wire.THRESHOLDS}
        query: list[tuple[str, object]] = [
            ("model", self.model),
            *_audio(self.input_format),
            *((name, value) for name, value in options.items() if value is not None),
            *(("keyterm", term) for term in self.keyterms),
            *(("language_hint", language) for language in self.languages),
        ]
        return Endpoint(_address(self.url, wire.LISTEN, query), self._headers())

    def speaking(self, voice: str) -> Endpoint:
        """Where that voice speaks; raises as `listening` does."""
        query: list[tuple[str, object]] = [("model", voice), *_audio(self.output_format)]
        if self.speed is not None:
            query.append(("speed", self.speed))
        path = wire.SPEAK_AURA if is_aura(voice) else wire.SPEAK
        return Endpoint(_address(self.url, path, query), self._headers())

    def _headers(self) -> dict[str, str]:
        if _own(self.url) and not self.api_key:
            raise AuthenticationError(
                "no API key is set", cure=f"set {KEY_VARIABLE}, or pass api_key= to DeepgramConfig"
            )
        return {**({"authorization": f"Token {self.api_key}"} if self.api_key else {}), **self.headers}


def _own(url: str) -> bool:
    """Whether it is Deepgram's own, of any region."""
    return f".{urlsplit(url).hostname}".endswith(".deepgram.com")


def is_aura(voice: str) -> bool:
    """Whether this voice speaks on the older of the two sockets."""
    return voice.startswith("aura-")


def check_voice(voice: str) -> None:
    """Raises `MessageError` for what cannot be the name of a voice."""
    if not voice.startswith(("flux-", "aura-")):
        raise MessageError(
            f"voice: {voice!r} is none of Deepgram's",
            field="voice",
            cure=f"use the name of a model, such as {VOICE} or aura-2-thalia-en",
        )


def _check_format(name: str, form: AudioFormat) -> None:
    if form.encoding not in wire.ENCODINGS or form.channels != 1:
        raise MessageError(
            f"{name}: {form} is not known to Deepgram", field=name, cure="use mono PCM16 or G.711"
        )


def _audio(form: AudioFormat) -> list[tuple[str, object]]:
    return [("encoding", wire.ENCODINGS[form.encoding]), ("sample_rate", form.sample_rate)]


def _address(given: str, path: str, query: Sequence[tuple[str, object]]) -> str:
    try:
        parts = urlsplit(given)
        known = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, or half an IPv6 address
        known = False
    if not known:
        raise MessageError(
            "url is no address of a service", field="url", cure="use wss:// or ws:// with a host"
        )
    parts = urlsplit(given)
    whole = parts.path.rstrip("/") + path
    return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, whole, urlencode(query), ""))
