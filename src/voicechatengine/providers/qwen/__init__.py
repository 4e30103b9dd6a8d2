"""Alibaba's Qwen-Omni realtime: the beta of OpenAI's realtime wire with differences."""

from __future__ import annotations

from voicechatengine.providers.qwen.config import QwenConfig
from voicechatengine.providers.qwen.provider import QwenProvider

__all__ = ["QwenConfig", "QwenProvider"]
