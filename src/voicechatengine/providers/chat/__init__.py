"""Any OpenAI-compatible chat endpoint as the language model of a cascade."""

from __future__ import annotations

from voicechatengine.providers.chat.config import ChatConfig
from voicechatengine.providers.chat.model import ChatModel

__all__ = ["ChatConfig", "ChatModel"]
