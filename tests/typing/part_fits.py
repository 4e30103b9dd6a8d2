"""Checked, never run: parts of a cascade fit its protocols by their shape."""

from __future__ import annotations

from voicechatengine.providers.cascade import LanguageModel, SpeechToText, TextToSpeech
from voicechatengine.providers.chat import ChatConfig, ChatModel
from voicechatengine.providers.speech import HttpRecogniser, HttpSpeech, RecogniserConfig, SpeechConfig

ears: SpeechToText = HttpRecogniser(RecogniserConfig(model="whisper"))
model: LanguageModel = ChatModel(ChatConfig(model="llama3.2"))
voice: TextToSpeech = HttpSpeech(SpeechConfig(model="kokoro"))
