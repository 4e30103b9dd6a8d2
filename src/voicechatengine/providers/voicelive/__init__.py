"""Azure Voice Live: OpenAI's realtime wire as its beta was, with Azure's voices, turn detection and audio processing."""

from __future__ import annotations

from voicechatengine.providers.voicelive.config import VoiceLiveAgent, VoiceLiveConfig
from voicechatengine.providers.voicelive.provider import VoiceLiveProvider

__all__ = ["VoiceLiveAgent", "VoiceLiveConfig", "VoiceLiveProvider"]
