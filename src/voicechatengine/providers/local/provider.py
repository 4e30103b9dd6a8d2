"""`LocalProvider`: a cascade of the local parts. It adds no method."""

from __future__ import annotations

from voicechatengine.providers.cascade.parts import SpeechToText
from voicechatengine.providers.cascade.provider import CascadeProvider
from voicechatengine.providers.local.config import LocalConfig
from voicechatengine.providers.local.espeak import EspeakSpeech
from voicechatengine.providers.local.responder import Responder
from voicechatengine.providers.local.silero import SileroTurns
from voicechatengine.providers.local.sphinx import SphinxRecogniser, check_language
from voicechatengine.providers.local.whisper import WhisperRecogniser


def LocalProvider(config: LocalConfig | None = None) -> CascadeProvider:  # noqa: N802 - named as the other providers are
    """A conversation on this machine, with the extra ``local`` and nothing else.

    Raises `MessageError` for a configuration that does not fit; what is not installed is told by `connect`.
    """
    config = config or LocalConfig()
    stt: SpeechToText
    if config.recogniser == "whisper":
        stt = WhisperRecogniser(config.whisper_model)
    else:
        check_language(config.language)
        stt = SphinxRecogniser(grammar=config.grammar, phrases=config.phrases)
    tts = EspeakSpeech(voice=config.voice, rate=config.rate, pitch=config.pitch)
    return CascadeProvider(SileroTurns(), stt, Responder(), tts, config=config)
