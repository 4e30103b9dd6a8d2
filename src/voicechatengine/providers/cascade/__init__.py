"""A provider made of parts: turn detection, speech to text, a language model, text to speech. Any mix of them is a provider."""

from __future__ import annotations

from voicechatengine.providers.cascade.config import CascadeConfig
from voicechatengine.providers.cascade.energy import EnergyTurns
from voicechatengine.providers.cascade.parts import (
    Call,
    Finished,
    Heard,
    LanguageModel,
    ModelOutput,
    Part,
    Request,
    SpeechToText,
    TextToSpeech,
    Turn,
    TurnDetector,
    Words,
)
from voicechatengine.providers.cascade.provider import CascadeProvider

__all__ = [
    "Call",
    "CascadeConfig",
    "CascadeProvider",
    "EnergyTurns",
    "Finished",
    "Heard",
    "LanguageModel",
    "ModelOutput",
    "Part",
    "Request",
    "SpeechToText",
    "TextToSpeech",
    "Turn",
    "TurnDetector",
    "Words",
]
