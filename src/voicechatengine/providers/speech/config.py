"""Where a transcription or a speech endpoint is, and what it is asked for. Pure: it opens nothing."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast
from urllib.parse import urlsplit

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import AuthenticationError, MessageError
from voicechatengine.provider import Retry, Timeouts
from voicechatengine.providers.speech.wire import (
    MAX_INPUT,
    SAMPLE_RATE,
    SPEECH,
    TRANSCRIPTIONS,
    encode,
    form,
    form_type,
)
from voicechatengine.session.address import address
from voicechatengine.session.http import HttpRequest

URL: Final = "https://api.openai.com"
KEY_VARIABLE: Final = "OPENAI_API_KEY"


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecogniserConfig:
    """A transcription endpoint that is compatible with OpenAI's: Speaches', LocalAI's, whisper.cpp's, or OpenAI's own.

    `model` is its name at the server. `url` is a base such as ``http://localhost:8000`` or a whole address. `api_key` goes along as
    a bearer token if there is one; for OpenAI's own host it falls back to ``OPENAI_API_KEY``, and is required. `fields` are other
    fields of the form, such as ``{"temperature": 0, "keywords": ["Ada"]}``; one of ours that is set to None there is left out.
    `timeouts.response` is how long the server may say nothing. Raises `MessageError` naming a field that does not fit.
    """

    model: str
    url: str = dataclasses.field(default=URL, repr=False)
    api_key: str | None = dataclasses.field(default=None, repr=False)
    fields: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str], repr=False)
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()

    def __post_init__(self) -> None:
        _check_model(self.model)
        self.address()

    def address(self) -> str:
        """Where requests go: a base completed by ``/v1/audio/transcriptions``."""
        return address(self.url, TRANSCRIPTIONS)

    def request_headers(self) -> dict[str, str]:
        """The headers of a request. Raises `AuthenticationError` for OpenAI's own host without a key."""
        return _headers(self.address(), self.api_key, self.headers)

    def request(self, wav: bytes, language: str | None, prompt: str | None, boundary: str) -> HttpRequest:
        """The request to transcribe a WAV file; `language` may name a country too, which the service does not know."""
        fields: dict[str, Any] = {
            "model": self.model,
            "response_format": "json",
            "stream": True,
            "language": language.lower().replace("_", "-").partition("-")[0] if language else None,
            "prompt": prompt or None,
            **self.fields,
        }
        headers = {"content-type": form_type(boundary), **self.request_headers()}
        return HttpRequest(self.address(), form(_flat(fields), wav, boundary), headers)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpeechConfig:
    """A speech endpoint that is compatible with OpenAI's: Speaches', LocalAI's, or OpenAI's own.

    `model`, `url`, `api_key`, `headers` and `timeouts.response` are as with `RecogniserConfig`. `voice` speaks where the session
    names none. `sample_rate` (Hz) is what the server answers ``pcm`` with: 24,000 by OpenAI, by others what the voice was made
    with. `fields` are other fields of the request, such as ``{"speed": 1.1, "instructions": "Whisper."}``; one of ours that is
    set to None there is left out. Raises `MessageError` or `AudioError` naming a field that does not fit.
    """

    model: str
    voice: str = "alloy"
    url: str = dataclasses.field(default=URL, repr=False)
    api_key: str | None = dataclasses.field(default=None, repr=False)
    sample_rate: int = SAMPLE_RATE
    fields: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str], repr=False)
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()

    def __post_init__(self) -> None:
        _check_model(self.model)
        self.format()
        self.address()

    def format(self) -> AudioFormat:
        """What the server is to answer with: mono PCM16."""
        return AudioFormat(sample_rate=self.sample_rate)

    def address(self) -> str:
        """Where requests go: a base completed by ``/v1/audio/speech``."""
        return address(self.url, SPEECH)

    def request_headers(self) -> dict[str, str]:
        """The headers of a request. Raises `AuthenticationError` for OpenAI's own host without a key."""
        return _headers(self.address(), self.api_key, self.headers)

    def request(self, text: str, voice: str | None) -> HttpRequest:
        """The request to speak a text. Raises `MessageError` for more than 4096 characters."""
        if len(text) > MAX_INPUT:
            raise MessageError(
                f"a text of {len(text)} characters is too long to be spoken at once",
                field="text",
                cure=f"speak it in parts of at most {MAX_INPUT}, best sentence by sentence",
            )
        body: dict[str, Any] = {
            "model": self.model,
            "input": text,
            "voice": voice or self.voice,
            "response_format": "pcm",
            **self.fields,
        }
        given = {name: value for name, value in body.items() if value is not None}
        headers = {"content-type": "application/json", **self.request_headers()}
        return HttpRequest(self.address(), encode(given), headers)


def _check_model(model: str) -> None:
    if not model:
        raise MessageError(
            "no model is named", field="model", cure="give the name that the server knows it by"
        )


def _headers(url: str, api_key: str | None, more: Mapping[str, str]) -> dict[str, str]:
    key = api_key
    if urlsplit(url).hostname == urlsplit(URL).hostname:
        key = api_key or os.environ.get(KEY_VARIABLE)
        if not key:
            raise AuthenticationError(
                "no API key is set", cure=f"set {KEY_VARIABLE}, or pass api_key= to the part's config"
            )
    return {**({"authorization": f"Bearer {key}"} if key else {}), **more}


def _flat(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The fields of a form: a list has its name with brackets, once for each entry."""
    for name, value in fields.items():
        if isinstance(value, (list, tuple)):
            for entry in cast("Sequence[object]", value):
                yield f"{name}[]", _written(entry)
        elif value is not None:
            yield name, _written(value)


def _written(value: object) -> str:
    return value if isinstance(value, str) else encode(value).decode()
