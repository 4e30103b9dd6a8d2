"""Where OpenAI's service is, what a session there can be told, and what it can do. Pure: it opens nothing.

Sources, read 2026-11-22: https://platform.openai.com/docs/guides/realtime-websocket and
https://platform.openai.com/docs/guides/realtime-conversations (a session ends after 60 minutes).
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Final
from urllib.parse import urlsplit

from voicechatengine.provider import ProviderConfig
from voicechatengine.providers.realtime import encode, family
from voicechatengine.providers.realtime.beta import BETA
from voicechatengine.providers.realtime.differences import OPENAI, Differences
from voicechatengine.session.dialect import Endpoint, Restore

URL: Final = "wss://api.openai.com/v1/realtime"
PATH: Final = "/v1/realtime"
MODEL: Final = "gpt-realtime-2.1"


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class OpenAIConfig(ProviderConfig):
    """A session with OpenAI Realtime, or with any server that speaks its wire.

    `api_key` falls back to ``OPENAI_API_KEY``; it is required for OpenAI's own host. `url` is another server: a base such as
    ``http://localhost:8080`` or a whole address, ``ws``, ``wss``, ``http`` or ``https``; a query in it is kept. `beta` is for a server
    that speaks the wire as it was before its release, such as Speaches. `vendor` takes
    the service's own session fields, nested as it has them: ``{"audio": {"output": {"speed": 1.2}}}``. Raises `MessageError`
    naming the field for what the service does not have.
    """

    KEY_VARIABLES: ClassVar[tuple[str, ...]] = ("OPENAI_API_KEY",)

    model: str | None = MODEL
    beta: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        encode.opening(self.options(), differences(self))
        _address(self, None)


def differences(config: OpenAIConfig) -> Differences:
    """How the wire of this session differs from OpenAI's. Of another server neither the models, nor the voices, nor the limit of a
    session are known.
    """
    table = BETA if config.beta else OPENAI
    return table if _own(config) else dataclasses.replace(table, models=(), voices=(), session_limit_s=None)


def endpoint(config: OpenAIConfig, restore: Restore) -> Endpoint:
    """Where to connect, with which headers. Raises `AuthenticationError` for OpenAI's own host without a key."""
    url = _address(config, restore.options.model or config.model)
    key = config.require_key() if _own(config) else config.api_key
    return Endpoint(url, family.bearer(key) | dict(config.headers))


def _address(config: OpenAIConfig, model: str | None) -> str:
    given = URL if config.url is None else config.url
    call = "call_id" in urlsplit(given).query  # a telephone call has its model
    return family.address(given, PATH, {"model": model} if model and not call else {})


def _own(config: OpenAIConfig) -> bool:
    return config.url is None or urlsplit(config.url).hostname == urlsplit(URL).hostname
