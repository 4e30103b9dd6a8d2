"""Deepgram: Flux hears turns and words, Flux and Aura speak, as parts of a cascade; and their simulator."""

from __future__ import annotations

from voicechatengine.providers.deepgram.config import DeepgramConfig
from voicechatengine.providers.deepgram.parts import DeepgramRecogniser, DeepgramSpeech
from voicechatengine.providers.deepgram.speaking import Cut

__all__ = ["Cut", "DeepgramConfig", "DeepgramRecogniser", "DeepgramSpeech"]
