"""The dialects of this library obey the laws, each against the vendor's side that it has. A new one is a line of the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from voicechatengine import AzureConfig, GeminiConfig, MockConfig, MockProvider, OpenAIConfig, VoiceLiveConfig
from voicechatengine.audio.format import AudioFormat
from voicechatengine.providers.azure import provider as azure
from voicechatengine.providers.gemini import provider as gemini
from voicechatengine.providers.openai import provider as openai
from voicechatengine.providers.voicelive import provider as voicelive
from voicechatengine.providers.xai import XAIConfig
from voicechatengine.providers.xai import provider as xai
from voicechatengine.session.dialect import Restore
from voicechatengine.session.handshake import Handshake
from voicechatengine.simulators import Faults
from voicechatengine.simulators.vendors import vendor
from voicechatengine.testing import DialectSubject, check_dialect

CONFIGS: dict[str, Any] = {
    "openai": OpenAIConfig(api_key="k"),
    "azure": AzureConfig(api_key="k", url="https://here"),
    "azure, dated": AzureConfig(api_key="k", url="https://here", api_version="2025-04-01-preview"),
    "voicelive": VoiceLiveConfig(api_key="k", url="https://here"),
    "xai": XAIConfig(api_key="k"),
    "gemini": GeminiConfig(api_key="k"),
    "gemini, 2.5": GeminiConfig(api_key="k", model="gemini-2.5-flash-native-audio-latest"),
}
VENDORS: dict[str, Callable[[], Any]] = {
    "openai": lambda: openai.vendor(CONFIGS["openai"]),
    "azure": lambda: azure.vendor(CONFIGS["azure"]),
    "azure, dated": lambda: azure.vendor(CONFIGS["azure, dated"]),
    "voicelive": lambda: voicelive.VENDOR,
    "xai": lambda: xai.VENDOR,
    "gemini": lambda: gemini.vendor(CONFIGS["gemini"]),
    "gemini, 2.5": lambda: gemini.vendor(CONFIGS["gemini, 2.5"]),
}


def subject_of(name: str) -> DialectSubject:
    config, client, simulated = CONFIGS[name], VENDORS[name](), vendor(name.partition(",")[0])
    options = config.options()
    dialled = urlsplit(client.endpoint(config, Restore()).url)
    handshake = Handshake(dialled.path, dict(parse_qsl(dialled.query)), {})

    def server(ids: Any) -> Any:
        provider = MockProvider(MockConfig(detect_turns=True))
        return simulated.dialect(handshake, provider, ids, Faults())

    return DialectSubject(
        lambda restore, ids: client.dialect(config, restore, ids),
        server,
        options=options,
        audio=client.audio_format(options),
        output=AudioFormat(),
    )


@pytest.mark.parametrize("name", VENDORS)
def test_a_dialect_of_ours_obeys_every_law(name):
    report = check_dialect(subject_of(name))
    assert report.passed, str(report)
    assert not report.of("not applicable")
