"""OpenAI Live (full duplex): its messages, both sides of them, its configuration and its provider."""

from __future__ import annotations

from voicechatengine.providers.openai_live.config import OpenAILiveConfig
from voicechatengine.providers.openai_live.provider import OpenAILiveProvider

__all__ = ["OpenAILiveConfig", "OpenAILiveProvider"]
