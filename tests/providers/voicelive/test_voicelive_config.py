"""Where Voice Live's client connects, with what, what it says it can do, and how it is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from voicechatengine import (
    AuthenticationError,
    ConnectionError,
    MessageError,
    RateLimitError,
    Retry,
    VoiceLiveConfig,
    VoiceLiveProvider,
)
from voicechatengine.audio.format import AudioFormat
from voicechatengine.messages import Options, Transcription, TurnDetection
from voicechatengine.providers.voicelive import VoiceLiveAgent
from voicechatengine.providers.voicelive.config import endpoint, prepare
from voicechatengine.session.dialect import Restore
from voicechatengine.simulators import Faults, Simulator, memory_connector
from voicechatengine.simulators.vendors import vendor

RESOURCE = "https://mine.services.ai.azure.com"
AGENT = VoiceLiveAgent(
    name="helper",
    project="hotel",
    version="3",
    conversation_id="thread",
    identity_client_id="id",
    resource="other",
)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch):
    for name in ("AZURE_VOICELIVE_API_KEY", "AZURE_VOICELIVE_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


async def entra() -> str:
    return "head.claims.signature"


def at(url: str | None = RESOURCE, **fields: Any):
    config = VoiceLiveConfig(**{"url": url, "api_key": "key-1", **fields})
    return endpoint(config, Restore(options=config.options()))


def test_a_resource_is_reached_with_the_key_in_its_own_header(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AZURE_VOICELIVE_API_KEY", "key-from-environment")
    monkeypatch.setenv("AZURE_VOICELIVE_ENDPOINT", f"{RESOURCE}/")
    config = VoiceLiveConfig()
    there = endpoint(config, Restore(options=config.options()))
    base = "wss://mine.services.ai.azure.com/voice-live/realtime"
    assert there.url == f"{base}?api-version=2026-07-15&model=gpt-realtime"
    assert there.headers == {"api-key": "key-from-environment"}
    assert "environment" not in repr(config) + repr(there)


def test_the_version_and_the_model_are_said_in_the_address():
    there = at("ws://127.0.0.1:1/voice-live/realtime", model="gpt-4.1", api_version="2025-10-01")
    assert there.url == "ws://127.0.0.1:1/voice-live/realtime?api-version=2025-10-01&model=gpt-4.1"
    config = VoiceLiveConfig(url=RESOURCE, api_key="k")
    assert endpoint(config, Restore(options=Options(model="phi4"))).url.endswith("model=phi4")


def test_an_agent_is_named_by_all_that_is_said_of_it_and_has_its_own_model():
    assert at(agent=AGENT).url == (
        "wss://mine.services.ai.azure.com/voice-live/realtime?api-version=2026-07-15&agent-name=helper"
        "&agent-project-name=hotel&agent-version=3&conversation-id=thread"
        "&agent-authentication-identity-client-id=id&foundry-resource-override=other"
    )
    few = VoiceLiveAgent(name="helper", project="hotel")
    assert at(agent=few, model="gpt-5").url.endswith("model=gpt-5&agent-name=helper&agent-project-name=hotel")


async def test_a_token_goes_as_bearer_fresh_for_each_connection():
    config = VoiceLiveConfig(url=RESOURCE, token=entra)
    assert endpoint(await prepare(config), Restore()).headers == {
        "Authorization": "Bearer head.claims.signature"
    }
    without = VoiceLiveConfig(url=RESOURCE, api_key="k")
    assert await prepare(without) is without


def test_a_missing_endpoint_or_key_is_told_before_anything_is_sent():
    with pytest.raises(ConnectionError, match="set AZURE_VOICELIVE_ENDPOINT"):
        at(None)
    with pytest.raises(AuthenticationError, match="set AZURE_VOICELIVE_API_KEY"):
        at(api_key=None)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "mine"}, "url"),
        ({"voice": "nobody"}, "voice"),
        ({"input_audio_format": AudioFormat(sample_rate=48_000)}, "input_audio_format"),
        ({"output_audio_format": AudioFormat(sample_rate=48_000)}, "output_audio_format"),
        ({"turn_detection": TurnDetection("semantic_vad", eagerness="low")}, "turn_detection.eagerness"),
        ({"turn_detection": TurnDetection(idle_timeout_ms=9000)}, "turn_detection.idle_timeout_ms"),
        ({"language": "de", "transcription": None}, "language"),
    ],
)
def test_what_does_not_fit_is_named_when_it_is_given(fields: dict[str, Any], field: str):
    with pytest.raises(MessageError) as refused:
        VoiceLiveConfig(**fields)
    assert refused.value.field == field


def test_what_is_claimed_can_be_asked_for():
    known = VoiceLiveProvider(VoiceLiveConfig()).get_capabilities()
    assert (known.get("image_input"), known.get("out_of_band"), known.get("rate_limits")) == (
        True,
        True,
        False,
    )
    for form in known["input_formats"]:
        VoiceLiveConfig(input_audio_format=form, output_audio_format=form)
    for voice in known["voices"]:
        VoiceLiveConfig(voice=voice)
    for mode in known["turn_detection"]:
        VoiceLiveConfig(turn_detection=msgspec.convert({"mode": mode, "threshold": 0.4}, TurnDetection))
    VoiceLiveConfig(transcription=Transcription("whisper-1", prompt="Ada"), turn_detection=None)


# ------------------------------------------------------------------ refused


def provider(simulator: Simulator, **fields: Any) -> VoiceLiveProvider:
    config = VoiceLiveConfig(**{"url": RESOURCE, "api_key": "right", "retry": Retry(attempts=0), **fields})
    return VoiceLiveProvider(config, connector=memory_connector(simulator))


@pytest.mark.parametrize("fields", [{}, {"token": entra}, {"agent": AGENT}])
async def test_a_key_a_token_and_an_agent_are_accepted(fields: dict[str, Any]):
    simulator = Simulator(vendor("voicelive"), api_key="right")
    talk = provider(simulator, **fields)
    assert await talk.connect()
    await talk.disconnect()
    await simulator.stop()


@pytest.mark.parametrize(
    ("fields", "kind", "status", "code"),
    [
        ({"api_key": "wrong"}, AuthenticationError, 401, "401"),
        ({"model": "invalid"}, ConnectionError, 404, "model_not_found"),
        ({"agent": VoiceLiveAgent(name="invalid", project="hotel")}, ConnectionError, 404, "model_not_found"),
        ({"url": f"{RESOURCE}/elsewhere"}, ConnectionError, 404, "404"),
        ({"url": f"{RESOURCE}?api-version="}, ConnectionError, 404, "404"),
    ],
)
async def test_a_refusal_has_the_services_own_status_and_code(
    fields: dict[str, Any], kind: type[ConnectionError], status: int, code: str
):
    simulator = Simulator(vendor("voicelive"), api_key="right")
    with pytest.raises(ConnectionError, match="the server refused") as refused:
        await provider(simulator, **fields).connect()
    assert type(refused.value) is kind
    assert (refused.value.status, refused.value.code) == (status, code)


async def test_too_many_handshakes_are_told_when_to_come_again():
    simulator = Simulator(vendor("voicelive"), faults=Faults(rate_limit=1, retry_after_s=2.5))
    with pytest.raises(RateLimitError) as refused:
        await provider(simulator).connect()
    assert refused.value.retry_after == 2.5
