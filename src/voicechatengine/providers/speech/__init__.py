"""Any OpenAI-compatible transcription and speech endpoint as the ears and the voice of a cascade."""

from __future__ import annotations

from voicechatengine.providers.speech.config import RecogniserConfig, SpeechConfig
from voicechatengine.providers.speech.parts import HttpRecogniser, HttpSpeech

__all__ = ["HttpRecogniser", "HttpSpeech", "RecogniserConfig", "SpeechConfig"]
