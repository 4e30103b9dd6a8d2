"""Where OpenAI Live is, what its configuration takes, and what it says that it can do."""

from __future__ import annotations

import pytest

from voicechatengine import (
    AudioFormat,
    AuthenticationError,
    MessageError,
    OpenAILiveConfig,
    OpenAILiveProvider,
    Tool,
    TurnDetection,
)
from voicechatengine.messages import UNSET, Options
from voicechatengine.providers.openai_live.config import capabilities, endpoint
from voicechatengine.session.dialect import Restore


def at(url: str | None = None, key: str | None = "key-1", **fields):
    return endpoint(OpenAILiveConfig(api_key=key, url=url, **fields), Restore())


@pytest.mark.parametrize(
    ("given", "address"),
    [
        (None, "wss://api.openai.com/v1/live/sessions"),
        ("http://localhost:8080", "ws://localhost:8080/v1/live/sessions"),
        ("https://host/v1/", "wss://host/v1/live/sessions"),
        ("wss://host/any/path", "wss://host/any/path"),
        ("ws://host/v1/live/sessions?token=1", "ws://host/v1/live/sessions?token=1"),
        ("https://me.openai.azure.com", "wss://me.openai.azure.com/openai/v1/live/sessions"),
        (
            "https://me.services.ai.azure.com/openai/v1",
            "wss://me.services.ai.azure.com/openai/v1/live/sessions",
        ),
    ],
)
def test_an_address_is_completed(given, address):
    assert at(given).url == address


@pytest.mark.parametrize("url", ["host", "ftp://host", "ws://", "ws://host:port", "ws://host:0"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(MessageError) as refused:
        OpenAILiveConfig(api_key="k", url=url)
    assert refused.value.field == "url"


def test_the_key_goes_where_the_host_wants_it():
    assert at().headers == {"Authorization": "Bearer key-1"}
    assert at("https://me.openai.azure.com").headers == {"api-key": "key-1"}
    assert at("https://proxy/openai/v1").headers == {"api-key": "key-1"}
    assert at("http://localhost", key="").headers == {}


def test_a_token_of_ones_own_takes_the_place_of_the_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    token = {"Authorization": "Bearer entra"}
    assert at("https://me.openai.azure.com", None, headers=token).headers == token
    assert at(headers={"OpenAI-Service-Tier": "x"}).headers == {
        "Authorization": "Bearer key-1",
        "OpenAI-Service-Tier": "x",
    }
    with pytest.raises(AuthenticationError, match="OPENAI_API_KEY"):
        at(key=None)


def test_the_key_comes_from_the_environment_and_is_not_shown(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-environment")
    config = OpenAILiveConfig()
    assert config.api_key == "key-of-the-environment"
    assert "environment" not in repr(config)


def test_no_turn_detection_is_no_push_to_talk():
    assert OpenAILiveConfig(api_key="k").options().turn_detection is UNSET
    with pytest.raises(MessageError) as refused:
        OpenAILiveConfig(api_key="k", turn_detection=TurnDetection())
    assert refused.value.field == "turn_detection"


def test_what_the_service_lacks_is_refused_when_it_is_configured():
    with pytest.raises(MessageError) as refused:
        OpenAILiveConfig(api_key="k", vendor={"temperature": 0.5})
    assert refused.value.field == "vendor.temperature"


async def test_before_connect_options_are_checked_as_a_whole():
    provider = OpenAILiveProvider(OpenAILiveConfig(api_key="k"))
    with pytest.raises(MessageError):
        await provider.update_session(language="de")
    await provider.update_session(tools=(Tool("f"),), input_audio_format=AudioFormat(sample_rate=16_000))
    assert provider.get_audio_format().sample_rate == 16_000
    assert provider.get_capabilities().get("session_update") == ("tools", "tool_choice", "vendor")


def test_capabilities_tell_of_full_duplex_and_of_what_there_is_not():
    able = capabilities(OpenAILiveConfig(api_key="k"), Options())
    assert able.get("full_duplex") is True
    assert able.get("session_update") == ("vendor",)
    lacking = (
        "turn_detection",
        "manual_turns",
        "truncation",
        "item_deletion",
        "image_input",
        "text_output",
        "resumption",
    )
    assert not any(able.get(name) for name in lacking)
    assert len(able.get("voices", ())) == 23
