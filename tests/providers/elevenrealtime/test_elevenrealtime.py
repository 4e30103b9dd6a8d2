"""What is different at Eleven Realtime: where a session is, and what it can be told, by the vendor's own types."""

from __future__ import annotations

import random
from typing import Any

import pytest
from elevenlabs.types import OpenAiSessionConfigInput

from voicechatengine import AudioFormat, AuthenticationError, MessageError, Tool, TurnDetection
from voicechatengine.events import SessionUpdated
from voicechatengine.providers.elevenrealtime import ElevenRealtimeConfig, ElevenRealtimeProvider
from voicechatengine.providers.elevenrealtime.config import endpoint
from voicechatengine.session.dialect import Restore
from voicechatengine.simulators import Simulator, memory_connector
from voicechatengine.simulators.vendors import vendor


def unknown_fields(model: Any, value: Any) -> set[str]:
    """What is said that the vendor's model, which takes anything, has no field for."""
    if not isinstance(value, dict) or not hasattr(model, "model_extra"):
        return set()
    inner = (unknown_fields(getattr(model, name), each) for name, each in value.items())
    return set(model.model_extra or ()).union(*inner)


def test_the_model_is_in_the_address_and_the_key_in_both_headers():
    config = ElevenRealtimeConfig(api_key="k")
    there = endpoint(config, Restore(options=config.options()))
    assert there.url == "wss://api.elevenlabs.io/v1/convai/realtime?model=eleven_realtime_v1_mini"
    assert there.headers == {"Authorization": "Bearer k", "xi-api-key": "k"}


def test_a_key_is_needed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("ELEVENLABS_API_KEY", raising=False)
    with pytest.raises(AuthenticationError, match="ELEVENLABS_API_KEY"):
        endpoint(ElevenRealtimeConfig(), Restore())


async def test_a_session_has_the_vendors_fields_and_no_others():
    service = Simulator(vendor("elevenrealtime"), seed=1)
    config = ElevenRealtimeConfig(
        api_key="k",
        voice="JBFqnCBsd6RMkjVDRZzb",
        language="de",
        instructions="Be brief.",
        max_tokens=100,
        tools=(Tool("look", "Looks"),),
        turn_detection=TurnDetection(silence_duration_ms=300),
        vendor={"max_duration_seconds": 600},
    )
    provider = ElevenRealtimeProvider(config, connector=memory_connector(service), rng=random.Random(1))
    events = provider.events()
    await provider.connect()
    session = service.received[0]["session"]
    assert session["max_response_output_tokens"] == 100
    assert session["audio"]["input"]["transcription"] == {"language": "de"}
    assert unknown_fields(OpenAiSessionConfigInput.model_validate(session), session) == set()
    async for event in events:
        if isinstance(event.data, SessionUpdated):
            assert event.data.applied.max_tokens == 100
            break
    await provider.disconnect()
    await service.stop()


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"turn_detection": TurnDetection(idle_timeout_ms=5000)}, "turn_detection.idle_timeout_ms"),
        ({"output_audio_format": AudioFormat("g711_alaw", 8000)}, "output_audio_format"),
        ({"url": "ftp://x"}, "url"),
    ],
)
def test_what_the_service_lacks_is_refused_before_anything_is_sent(settings: dict[str, Any], field: str):
    with pytest.raises(MessageError) as refused:
        ElevenRealtimeConfig(api_key="k", **settings)
    assert refused.value.field == field
