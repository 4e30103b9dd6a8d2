"""Checked by mypy and pyright, never run: parts that fit the protocols of a cascade's parts, though they inherit nothing."""

from __future__ import annotations

from voicechatengine.providers.cascade import SpeechToText, TextToSpeech
from voicechatengine.providers.elevenlabs import ElevenLabsRecogniser, ElevenLabsSpeech

ears: tuple[SpeechToText, ...] = (ElevenLabsRecogniser(),)
voices: tuple[TextToSpeech, ...] = (ElevenLabsSpeech(),)
