"""xAI's Grok Voice: OpenAI's realtime wire with differences."""

from __future__ import annotations

from voicechatengine.providers.xai.config import XAIConfig
from voicechatengine.providers.xai.provider import XAIProvider

__all__ = ["XAIConfig", "XAIProvider"]
