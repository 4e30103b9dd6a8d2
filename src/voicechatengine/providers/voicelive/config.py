"""Where a resource with Voice Live is, and with what a session there is opened. Pure: it opens nothing.

Sources, read 2026-11-22: `azure-ai-voicelive` 1.3.1 (`azure/ai/voicelive/aio/_patch.py`: address, query, headers) and
https://learn.microsoft.com/azure/ai-services/speech-service/voice-live-how-to (hosts, credentials).
"""

from __future__ import annotations

import dataclasses
import os
from typing import ClassVar, Final

from voicechatengine.errors import ConnectionError
from voicechatengine.provider import ProviderConfig
from voicechatengine.providers.realtime import encode, family
from voicechatengine.providers.voicelive.table import VOICELIVE
from voicechatengine.session import tokens
from voicechatengine.session.dialect import Endpoint, Restore

PATH: Final = "/voice-live/realtime"
API_VERSION: Final = "2026-07-15"
MODEL: Final = "gpt-realtime"
ENDPOINT_VARIABLE: Final = "AZURE_VOICELIVE_ENDPOINT"


@dataclasses.dataclass(frozen=True, kw_only=True)
class VoiceLiveAgent:
    """An agent of Microsoft Foundry that answers instead of a model.

    `name` and `project` are required. `conversation_id` continues one of the agent's conversations. `identity_client_id` is the
    managed identity that the service reaches the agent with, `resource` another resource that the agent is in.
    """

    name: str
    project: str
    version: str | None = None
    conversation_id: str | None = None
    identity_client_id: str | None = None
    resource: str | None = None

    def query(self) -> dict[str, str]:
        """The parameters of an address that name it."""
        named = {
            "agent-name": self.name,
            "agent-project-name": self.project,
            "agent-version": self.version,
            "conversation-id": self.conversation_id,
            "agent-authentication-identity-client-id": self.identity_client_id,
            "foundry-resource-override": self.resource,
        }
        return {name: value for name, value in named.items() if value}


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class VoiceLiveConfig(ProviderConfig):
    """A session with Azure Voice Live.

    `url` is the resource's endpoint, ``https://NAME.services.ai.azure.com``, and falls back to ``AZURE_VOICELIVE_ENDPOINT``.
    `api_key` falls back to ``AZURE_VOICELIVE_API_KEY``; with `token`, an async callable that gives a Microsoft Entra token, no key
    is used, and each connection gets a fresh token. With `agent` the agent's own model answers, else `model` (None:
    ``gpt-realtime``). `voice` is a name of OpenAI's or Azure's. `vendor` takes the service's own session fields, flat as it has
    them: ``{"turn_detection": {"auto_truncate": True}}``. Raises `MessageError` naming the field for what does not fit.
    """

    KEY_VARIABLES: ClassVar[tuple[str, ...]] = ("AZURE_VOICELIVE_API_KEY",)

    api_version: str = API_VERSION
    agent: VoiceLiveAgent | None = None
    token: tokens.Token | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.url is None:
            object.__setattr__(self, "url", os.environ.get(ENDPOINT_VARIABLE) or None)
        if self.model is None and self.agent is None:
            object.__setattr__(self, "model", MODEL)
        tokens.check(self.token)
        super().__post_init__()
        encode.opening(self.options(), VOICELIVE)
        if self.url is not None:
            family.address(self.url, PATH, {})


async def prepare(config: VoiceLiveConfig) -> VoiceLiveConfig:
    """The config with a fresh token as its key, if it has a callback for one; see `tokens.keyed`."""
    return await tokens.keyed(config, config.token)


def endpoint(config: VoiceLiveConfig, restore: Restore) -> Endpoint:
    """Where to connect, with which headers. Raises `ConnectionError` without an endpoint, `AuthenticationError` without a key."""
    if config.url is None:
        raise ConnectionError(
            "no endpoint is set",
            cure=f"set {ENDPOINT_VARIABLE}, or pass url= to VoiceLiveConfig",
            fault="application",
        )
    key = config.require_key()
    credential = {"api-key": key} if config.token is None else family.bearer(key)
    model = restore.options.model or config.model
    query = {"api-version": config.api_version} | ({"model": model} if model else {})
    if config.agent is not None:
        query |= config.agent.query()
    return Endpoint(family.address(config.url, PATH, query), credential | dict(config.headers))
