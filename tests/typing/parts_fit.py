"""Checked by mypy and pyright, never run: parts that fit the protocols of a cascade's parts, though they inherit nothing."""

from __future__ import annotations

from voicechatengine.providers.cascade import LanguageModel, SpeechToText, TextToSpeech
from voicechatengine.providers.chat import ChatConfig, ChatModel
from voicechatengine.providers.elevenlabs import ElevenLabsRecogniser, ElevenLabsSpeech
from voicechatengine.providers.speech import HttpRecogniser, HttpSpeech, RecogniserConfig, SpeechConfig

ears: tuple[SpeechToText, ...] = (ElevenLabsRecogniser(), HttpRecogniser(RecogniserConfig(model="whisper")))
voices: tuple[TextToSpeech, ...] = (ElevenLabsSpeech(), HttpSpeech(SpeechConfig(model="kokoro")))
models: tuple[LanguageModel, ...] = (ChatModel(ChatConfig(model="llama3.2")),)
