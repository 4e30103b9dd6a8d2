"""Checked by mypy and pyright, never run: parts that fit the protocols of a cascade's parts, though they inherit nothing."""

from __future__ import annotations

from voicechatengine.providers.cascade import LanguageModel, SpeechToText, TextToSpeech, TurnDetector
from voicechatengine.providers.chat import ChatConfig, ChatModel
from voicechatengine.providers.deepgram import DeepgramRecogniser, DeepgramSpeech
from voicechatengine.providers.elevenlabs import ElevenLabsRecogniser, ElevenLabsSpeech
from voicechatengine.providers.speech import HttpRecogniser, HttpSpeech, RecogniserConfig, SpeechConfig

turns: tuple[TurnDetector, ...] = (DeepgramRecogniser(),)
ears: tuple[SpeechToText, ...] = (
    DeepgramRecogniser(),
    ElevenLabsRecogniser(),
    HttpRecogniser(RecogniserConfig(model="whisper")),
)
voices: tuple[TextToSpeech, ...] = (
    DeepgramSpeech(),
    ElevenLabsSpeech(),
    HttpSpeech(SpeechConfig(model="kokoro")),
)
models: tuple[LanguageModel, ...] = (ChatModel(ChatConfig(model="llama3.2")),)
