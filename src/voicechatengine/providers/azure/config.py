"""Where a resource of Azure OpenAI is, which of its two wires a session speaks, and with what it is opened. Pure: it opens nothing.

Sources, read 2026-11-22: https://learn.microsoft.com/azure/ai-foundry/openai/how-to/realtime-audio-websockets (addresses, headers);
https://learn.microsoft.com/azure/ai-foundry/openai/realtime-audio-reference (the dated form); `openai` package 3.54.0
(`openai/lib/azure.py`). That a transcription's model is a deployment, and fails each turn if it is none: users' reports of 2026-06.
"""

from __future__ import annotations

import dataclasses
import os
import re
from typing import ClassVar, Final

from voicechatengine.errors import ConnectionError, MessageError
from voicechatengine.provider import ProviderConfig
from voicechatengine.providers.realtime import encode, family
from voicechatengine.providers.realtime.beta import BETA
from voicechatengine.providers.realtime.differences import OPENAI, Differences
from voicechatengine.session import tokens
from voicechatengine.session.dialect import Endpoint, Restore

PATH: Final = "/openai/v1/realtime"
DATED_PATH: Final = "/openai/realtime"
MODEL: Final = "gpt-realtime-2.1"
ENDPOINT_VARIABLE: Final = "AZURE_OPENAI_ENDPOINT"
_DATED: Final = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")

RELEASED: Final = dataclasses.replace(OPENAI, transcription_model=None, session_limit_s=None, models=())
"""The wire without a version in its address: OpenAI's. Deployments have any name, and the limit of a session is the one it tells."""

DATED: Final = dataclasses.replace(BETA, transcription_model=None, models=())
"""The wire with a version in its address: the beta's."""


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class AzureConfig(ProviderConfig):
    """A session with a realtime model that is deployed in Azure OpenAI.

    `url` is the resource's endpoint, ``https://NAME.openai.azure.com``, and falls back to ``AZURE_OPENAI_ENDPOINT``. `model` is the
    name of the deployment. `api_key` falls back to ``AZURE_OPENAI_API_KEY``; with `token`, an async callable that gives a Microsoft
    Entra token, no key is used, and each connection gets a fresh token. `api_version`, such as ``2025-04-01-preview``, speaks the
    older, dated form of the service. `transcription_deployment` is the deployment that writes the user's words down; without one
    nothing does. `vendor` takes the service's own session fields. Raises `MessageError` naming the field for what does not fit.
    """

    KEY_VARIABLES: ClassVar[tuple[str, ...]] = ("AZURE_OPENAI_API_KEY",)

    model: str | None = MODEL
    api_version: str | None = None
    transcription_deployment: str | None = None
    token: tokens.Token | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.url is None:
            object.__setattr__(self, "url", os.environ.get(ENDPOINT_VARIABLE) or None)
        tokens.check(self.token)
        super().__post_init__()
        if self.api_version is not None and not _DATED.fullmatch(self.api_version):
            raise MessageError(
                f"api_version {self.api_version!r} is no date",
                field="api_version",
                cure="use one such as 2025-04-01-preview, or leave it out for the newer form",
            )
        encode.opening(self.options(), differences(self))
        if self.url is not None:
            _address(self, self.url, self.model)


def differences(config: AzureConfig) -> Differences:
    """How the wire of this session differs from OpenAI's."""
    table = RELEASED if config.api_version is None else DATED
    return dataclasses.replace(table, transcription_model=config.transcription_deployment)


async def prepare(config: AzureConfig) -> AzureConfig:
    """The config with a fresh token as its key, if it has a callback for one; see `tokens.keyed`."""
    return await tokens.keyed(config, config.token)


def endpoint(config: AzureConfig, restore: Restore) -> Endpoint:
    """Where to connect, with which headers: never a key as a bearer token, which the service answers with a redirect.

    Raises `ConnectionError` without an endpoint, `AuthenticationError` without a key.
    """
    if config.url is None:
        raise ConnectionError(
            "no endpoint is set",
            cure=f"set {ENDPOINT_VARIABLE}, or pass url= to AzureConfig",
            fault="application",
        )
    key = config.require_key()
    credential = {"api-key": key} if config.token is None else family.bearer(key)
    url = _address(config, config.url, restore.options.model or config.model)
    return Endpoint(url, credential | dict(config.headers))


def _address(config: AzureConfig, url: str, model: str | None) -> str:
    if config.api_version is None:
        return family.address(url, PATH, {"model": model} if model else {})
    asked = {"api-version": config.api_version} | ({"deployment": model} if model else {})
    return family.address(url, DATED_PATH, asked)
