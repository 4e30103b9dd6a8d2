"""The providers that the command line knows by name, and how it makes one. A new provider is one line of the table."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from voicechatengine.capabilities import Capabilities
from voicechatengine.cli.exits import UsageError
from voicechatengine.errors import ProviderError
from voicechatengine.provider import Provider, ProviderConfig
from voicechatengine.simulators import SIMULATORS


class Entry(NamedTuple):
    """A provider by the names of its classes: a vendor's module loads when it is used.

    `preset` is what its config is always given here, `spoken` what it is given where something is heard or spoken: parts for
    speech are not needed for text. `local`: there is no server, so no url either.
    """

    module: str
    config: str
    provider: str
    preset: Mapping[str, Any] = {}
    spoken: Mapping[str, Any] = {}
    local: bool = False


PROVIDERS: Final[dict[str, Entry]] = {
    "openai": Entry("voicechatengine.providers.openai", "OpenAIConfig", "OpenAIProvider"),
    "openai-live": Entry("voicechatengine.providers.openai_live", "OpenAILiveConfig", "OpenAILiveProvider"),
    "xai": Entry("voicechatengine.providers.xai", "XAIConfig", "XAIProvider"),
    "azure": Entry("voicechatengine.providers.azure", "AzureConfig", "AzureProvider"),
    "voicelive": Entry("voicechatengine.providers.voicelive", "VoiceLiveConfig", "VoiceLiveProvider"),
    "qwen": Entry("voicechatengine.providers.qwen", "QwenConfig", "QwenProvider"),
    "elevenrealtime": Entry(
        "voicechatengine.providers.elevenrealtime", "ElevenRealtimeConfig", "ElevenRealtimeProvider"
    ),
    "gemini": Entry("voicechatengine.providers.gemini", "GeminiConfig", "GeminiProvider"),
    "anthropic": Entry(
        "voicechatengine.providers.anthropic",
        "AnthropicConfig",
        "AnthropicProvider",
        spoken={"modalities": ("audio",)},
    ),
    "local": Entry("voicechatengine.providers.local", "LocalConfig", "LocalProvider", local=True),
    "mock": Entry(
        "voicechatengine.providers.mock", "MockConfig", "MockProvider", {"detect_turns": True}, local=True
    ),
}

PARTS: Final = ("cascade", "chat", "deepgram", "elevenlabs", "speech")
"""What makes the parts of a provider, and none by itself; each has a page of its name."""

SIMULATOR: Final = "simulator"
"""The url that stands for a simulator here."""

MEMBERS: Final = tuple(name for name in vars(Provider) if not name.startswith("_"))


def make(name: str, options: Mapping[str, Any], *, written: bool = False) -> Provider:
    """The provider of that name, or what the factory ``package.module:factory`` gives, from these fields of a config.

    `written`: the conversation has no sound.

    Raises `UsageError` for a name that is not known, and for a factory that cannot be imported or gives no provider.
    """
    if ":" in name:
        return _from_factory(name, options)
    entry = entry_of(name)
    if entry.local and "url" in options:
        raise UsageError(f"provider {name} has no server: leave --url out")
    spoken: Mapping[str, Any] = {} if written else entry.spoken
    module = importlib.import_module(entry.module)
    config: ProviderConfig = getattr(module, entry.config)(**entry.preset, **spoken, **options)
    return cast("Provider", getattr(module, entry.provider)(config))


def entry_of(name: str) -> Entry:
    """The provider of that name in the table. Raises `UsageError` for one that is not there."""
    if name in PARTS:
        raise UsageError(
            f"{name} makes parts of a provider, and none by itself: put one together as docs/providers/{name}.md shows,"
            " and give package.module:factory"
        )
    if name not in PROVIDERS:
        raise UsageError(
            f"provider {name!r} is not known: use {', '.join(PROVIDERS)},"
            " or package.module:factory for one of your own"
        )
    return PROVIDERS[name]


def simulated(name: str) -> Entry:
    """The provider of that name, of whose vendor there is a simulator. Raises `UsageError` where there is none."""
    if ":" in name:
        raise UsageError(
            f"which simulator {name} wants is not known: start one with voicechat simulate, and give its URL"
        )
    entry = entry_of(name)
    if name not in SIMULATORS:
        raise UsageError(f"there is no simulator for {name}: leave --url out")
    return entry


def load(name: str) -> Callable[..., Any]:
    """What ``package.module:factory`` names. Raises `UsageError` where that is nothing that can be called."""
    module_name, _, attribute = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:  # a command's path begins with the folder that it is installed in
        sys.path.insert(0, here)
    try:
        factory: Callable[..., Any] = getattr(importlib.import_module(module_name), attribute)
    except ImportError as error:
        raise UsageError(
            f"{module_name!r} cannot be imported: {error}; is it installed, or in this folder?"
        ) from error
    except (AttributeError, ValueError) as error:
        raise UsageError(f"{name!r} names no factory: write package.module:factory") from error
    if not callable(factory):
        raise UsageError(f"{name!r} is not callable: name a class or a function that gives a provider")
    return factory


def _from_factory(name: str, options: Mapping[str, Any]) -> Provider:
    factory = load(name)
    try:
        provider: Any = factory(**options)
    except ProviderError:
        raise
    except TypeError as error:
        given = ", ".join(options) or "no arguments"
        raise UsageError(f"{name} was called with {given}: {error}") from error
    except Exception as error:
        raise UsageError(f"{name} raised {type(error).__name__}: {error}") from error
    missing = [member for member in MEMBERS if not callable(getattr(provider, member, None))]
    if missing:
        raise UsageError(f"{name} gave a {type(provider).__name__}, which lacks {', '.join(missing)}")
    return cast("Provider", provider)


def capabilities(names: Iterable[str] = PROVIDERS) -> dict[str, Capabilities]:
    """What each of these providers can do, with no key and no connection. Raises as `make` does."""
    return {name: make(name, {"api_key": "none"}).get_capabilities() for name in names}
