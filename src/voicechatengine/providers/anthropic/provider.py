"""`AnthropicProvider`: a cascade whose language model is Claude. It adds no method."""

from __future__ import annotations

import random
from collections.abc import Callable

from voicechatengine.providers.anthropic.config import AnthropicConfig
from voicechatengine.providers.anthropic.model import AnthropicModel
from voicechatengine.providers.cascade.parts import SpeechToText, TextToSpeech, TurnDetector
from voicechatengine.providers.cascade.provider import CascadeProvider
from voicechatengine.session.http import Http


def AnthropicProvider(  # noqa: N802 - named as the other providers are
    config: AnthropicConfig | None = None,
    *,
    turns: TurnDetector | None = None,
    stt: SpeechToText | None = None,
    tts: TextToSpeech | None = None,
    http: Http | None = None,
    clock: Callable[[], float] | None = None,
    rng: random.Random | None = None,
) -> CascadeProvider:
    """A conversation with Claude: written, and spoken with parts that hear and speak.

    Where the configuration asks for audio, a part that is not given is the local one (extra ``local``). `http`, `clock` and `rng`
    are for tests and simulations. Raises `MessageError` for a configuration that does not fit; a missing key is told by `connect`.
    """
    config = config or AnthropicConfig()
    if "audio" in config.modalities:
        # Here, because most of who comes for text has none of the packages that these want.
        from voicechatengine.providers import local  # noqa: PLC0415 - see above

        if stt is None:
            stt, turns = local.SphinxRecogniser(), turns or local.SileroTurns()
        tts = tts or local.EspeakSpeech(voice=config.voice)
    model = AnthropicModel(config, http=http, clock=clock, rng=rng)
    return CascadeProvider(turns, stt, model, tts, config=config, clock=clock)
