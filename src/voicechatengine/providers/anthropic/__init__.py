"""Anthropic: the Messages API as the language model of a cascade, and its simulator."""

from __future__ import annotations

from voicechatengine.providers.anthropic.config import AnthropicConfig
from voicechatengine.providers.anthropic.model import AnthropicModel
from voicechatengine.providers.anthropic.provider import AnthropicProvider

__all__ = ["AnthropicConfig", "AnthropicModel", "AnthropicProvider"]
