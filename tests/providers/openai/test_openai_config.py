"""Where OpenAI's client connects, with what, and what it says it can do."""

from __future__ import annotations

from typing import Any

import pytest

from voicechatengine.audio.format import AudioFormat
from voicechatengine.capabilities import Capabilities
from voicechatengine.errors import AuthenticationError, MessageError
from voicechatengine.messages import Options, TurnDetection
from voicechatengine.providers.openai.config import OpenAIConfig, endpoint
from voicechatengine.providers.openai.provider import vendor
from voicechatengine.session.dialect import Restore


def at(url: str | None = None, **fields: Any):
    config = OpenAIConfig(url=url, **fields)
    return endpoint(config, Restore(options=config.options()))


def test_the_service_is_reached_with_the_key_as_bearer(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-environment")
    there = at()
    assert there.url == "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"
    assert there.headers == {"Authorization": "Bearer sk-from-environment"}
    assert "sk-" not in repr(there)
    assert "sk-" not in repr(OpenAIConfig())


def able(config: OpenAIConfig, options: Options) -> Capabilities:
    return vendor(config).capabilities(config, options)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ws://127.0.0.1:8123", "ws://127.0.0.1:8123/v1/realtime?model=m"),
        ("http://localhost:8080/v1", "ws://localhost:8080/v1/realtime?model=m"),
        ("http://localhost:8080/v1/", "ws://localhost:8080/v1/realtime?model=m"),
        ("https://host/v1/realtime", "wss://host/v1/realtime?model=m"),
        ("wss://host/openai/v1", "wss://host/openai/v1/realtime?model=m"),
        ("wss://host/some/path", "wss://host/some/path?model=m"),
        ("ws://host/v1/realtime?duplex=0", "ws://host/v1/realtime?duplex=0&model=m"),
        ("ws://host/v1/realtime?model=other", "ws://host/v1/realtime?model=other"),
        ("ws://host/v1/realtime?call_id=rtc_1", "ws://host/v1/realtime?call_id=rtc_1"),
    ],
)
def test_another_servers_address_is_completed(url: str, address: str):
    assert at(url, model="m").url == address


@pytest.mark.parametrize(
    "url", ["localhost:8080", "ftp://host", "ws://", "ws://host:port", "ws://host:0", ""]
)
def test_what_is_no_address_is_refused_when_it_is_given(url: str):
    with pytest.raises(MessageError) as refused:
        OpenAIConfig(url=url)
    assert refused.value.field == "url"


def test_only_the_service_itself_needs_a_key(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(AuthenticationError):
        at()
    assert at("ws://127.0.0.1:1").headers == {}
    assert at("ws://127.0.0.1:1", api_key="k", headers={"X": "y"}).headers == {
        "Authorization": "Bearer k",
        "X": "y",
    }


def test_the_sessions_model_goes_into_the_address():
    config = OpenAIConfig(url="ws://host", model="one")
    assert endpoint(config, Restore(options=Options(model="two"))).url.endswith("?model=two")
    assert endpoint(OpenAIConfig(url="ws://host", model=None), Restore()).url == "ws://host/v1/realtime"


def test_an_option_that_the_service_does_not_have_is_refused_at_once():
    with pytest.raises(MessageError) as refused:
        OpenAIConfig(turn_detection=TurnDetection(eagerness="high"))
    assert refused.value.field == "turn_detection.eagerness"


def test_the_format_is_24_khz_unless_said_otherwise():
    assert vendor(OpenAIConfig()).audio_format(Options()) == AudioFormat("pcm16", 24_000)
    ulaw = AudioFormat("g711_ulaw", 8000)
    assert vendor(OpenAIConfig()).audio_format(Options(input_audio_format=ulaw)) == ulaw


def test_what_is_claimed_can_be_asked_for():
    known = able(OpenAIConfig(api_key="k"), Options())
    assert known.get("session_limit_s") == 3600
    assert "session_limit_s" not in able(OpenAIConfig(url="ws://host"), Options())
    assert not able(OpenAIConfig(), Options(transcription=None)).get("input_transcription")
    for form in known["input_formats"]:
        OpenAIConfig(input_audio_format=form, output_audio_format=form)
    for voice in known["voices"]:
        OpenAIConfig(voice=voice)
    assert "model" not in known["session_update"]
    assert "vendor" in known["session_update"]
