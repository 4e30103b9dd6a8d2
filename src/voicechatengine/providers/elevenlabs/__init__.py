"""ElevenLabs: Scribe realtime as the ears of a cascade, multi-context speech as its voice, and a simulator of both."""

from __future__ import annotations

from voicechatengine.providers.elevenlabs.config import ElevenLabsConfig
from voicechatengine.providers.elevenlabs.parts import ElevenLabsRecogniser, ElevenLabsSpeech

__all__ = ["ElevenLabsConfig", "ElevenLabsRecogniser", "ElevenLabsSpeech"]
