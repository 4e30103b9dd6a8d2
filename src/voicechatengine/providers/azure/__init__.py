"""Azure OpenAI's realtime service: OpenAI's wire, as it is or as its beta was, under Azure's addresses and keys."""

from __future__ import annotations

from voicechatengine.providers.azure.config import AzureConfig
from voicechatengine.providers.azure.provider import AzureProvider

__all__ = ["AzureConfig", "AzureProvider"]
