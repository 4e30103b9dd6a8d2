"""ElevenLabs' Eleven Realtime: OpenAI's realtime wire with differences. Its agents are another wire, and not here."""

from __future__ import annotations

from voicechatengine.providers.elevenrealtime.config import ElevenRealtimeConfig
from voicechatengine.providers.elevenrealtime.provider import ElevenRealtimeProvider

__all__ = ["ElevenRealtimeConfig", "ElevenRealtimeProvider"]
