"""Gemini obeys the laws of the contract: its provider against its simulator, its dialect against the service's side."""

from __future__ import annotations

import random

import pytest

from voicechatengine import GeminiConfig, GeminiProvider, MockConfig, MockProvider
from voicechatengine.audio.format import AudioFormat
from voicechatengine.providers.gemini.provider import vendor as client_of
from voicechatengine.session.handshake import Handshake
from voicechatengine.simulators import Faults
from voicechatengine.simulators.vendors import vendor
from voicechatengine.testing import DialectSubject, check_dialect, check_provider, simulated

KEY = "kit-0123456789abcdef0123456789"
PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
OLD, NEW = "gemini-2.5-flash-native-audio-latest", "gemini-3.8-live"


@pytest.mark.parametrize("model", [OLD, NEW])
def test_the_provider_obeys_every_law(model):
    def over(far):
        config = GeminiConfig(api_key=KEY, model=model)
        return GeminiProvider(config, connector=far.connector, rng=random.Random(1))

    report = check_provider(simulated("gemini", over), secret=KEY)
    assert report.passed, str(report)
    assert len(report.of("not applicable")) <= 4


def test_a_session_in_writing_obeys_them_too():
    def over(far):
        config = GeminiConfig(api_key=KEY, modalities=("text",), turn_detection=None)
        return GeminiProvider(config, connector=far.connector, rng=random.Random(1))

    report = check_provider(simulated("gemini", over), secret=KEY)
    assert report.passed, str(report)


def test_the_dialect_obeys_every_law():
    config = GeminiConfig(api_key=KEY, model=NEW)
    client, service = client_of(config), vendor("gemini")

    def server(ids):
        return service.dialect(Handshake(PATH), MockProvider(MockConfig(detect_turns=True)), ids, Faults())

    subject = DialectSubject(
        lambda restore, ids: client.dialect(config, restore, ids),
        server,
        options=config.options(),
        audio=client.audio_format(config.options()),
        output=AudioFormat(),
    )
    report = check_dialect(subject)
    assert report.passed, str(report)
    assert not report.of("not applicable")
