"""OpenAI Realtime (GA): its messages, both sides of them, its configuration and its provider."""

from __future__ import annotations

from voicechatengine.providers.openai.config import OpenAIConfig
from voicechatengine.providers.openai.provider import OpenAIProvider

__all__ = ["OpenAIConfig", "OpenAIProvider"]
