"""A voice that works offline: parts for a cascade that run on this machine, and the provider made of them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from voicechatengine.providers.local.config import LocalConfig
    from voicechatengine.providers.local.espeak import EspeakSpeech
    from voicechatengine.providers.local.provider import LocalProvider
    from voicechatengine.providers.local.responder import Responder
    from voicechatengine.providers.local.silero import SileroTurns
    from voicechatengine.providers.local.sphinx import SphinxRecogniser
    from voicechatengine.providers.local.whisper import WhisperRecogniser

# Loaded when they are asked for: the processes of the parts are modules of this package too, and are to start fast.
_MODULES: Final = {
    "EspeakSpeech": "espeak",
    "LocalConfig": "config",
    "LocalProvider": "provider",
    "Responder": "responder",
    "SileroTurns": "silero",
    "SphinxRecogniser": "sphinx",
    "WhisperRecogniser": "whisper",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


__all__ = [
    "EspeakSpeech",
    "LocalConfig",
    "LocalProvider",
    "Responder",
    "SileroTurns",
    "SphinxRecogniser",
    "WhisperRecogniser",
]
