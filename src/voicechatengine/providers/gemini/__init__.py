"""Gemini Live: its messages, both sides of them, its configuration and its provider."""

from __future__ import annotations

from voicechatengine.providers.gemini.config import GeminiConfig
from voicechatengine.providers.gemini.provider import GeminiProvider

__all__ = ["GeminiConfig", "GeminiProvider"]
