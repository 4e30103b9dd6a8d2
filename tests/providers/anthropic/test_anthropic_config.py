"""Where the service is, and what is refused before anything is sent."""

from __future__ import annotations

import pytest

from voicechatengine.errors import AuthenticationError, MessageError
from voicechatengine.providers.anthropic import AnthropicConfig
from voicechatengine.providers.anthropic.config import address


def test_a_request_carries_the_version_and_the_key(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    config = AnthropicConfig(headers={"anthropic-beta": "x"})
    assert config.request_headers() == {
        "content-type": "application/json",
        "anthropic-version": "2026-10-21",
        "x-api-key": "sk-ant-secret",
        "anthropic-beta": "x",
    }
    assert "secret" not in repr(config)


def test_without_a_key_only_another_server_is_asked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(AuthenticationError, match="ANTHROPIC_API_KEY"):
        AnthropicConfig().request_headers()
    assert "x-api-key" not in AnthropicConfig(url="http://127.0.0.1:1").request_headers()


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (None, "https://api.anthropic.com/v1/messages"),
        ("http://here:80", "http://here:80/v1/messages"),
        ("http://here/", "http://here/v1/messages"),
        ("http://here/proxy/v1/", "http://here/proxy/v1/messages"),
        ("https://here/x/messages?a=b", "https://here/x/messages?a=b"),
    ],
)
def test_an_address_is_completed(given, found):
    assert address(given) == found


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"url": "ws://here"}, "url"),
        ({"url": "nonsense"}, "url"),
        ({"vendor": {"temperature": 0.5}}, "vendor.temperature"),
        ({"vendor": {"messages": []}}, "vendor.messages"),
        ({"thinking": {"type": "deep"}}, "thinking.type"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 9000}}, "thinking.budget_tokens"),
    ],
)
def test_what_the_service_does_not_have_is_named(settings, field):
    with pytest.raises(MessageError) as caught:
        AnthropicConfig(api_key="k", **settings)
    assert caught.value.field == field


def test_fields_of_the_services_own_go_into_the_request():
    config = AnthropicConfig(
        api_key="k",
        max_tokens=None,
        thinking={"type": "enabled", "budget_tokens": 1024},
        vendor={"speed": "fast"},
    )
    assert config.fields() == {"thinking": {"type": "enabled", "budget_tokens": 1024}, "speed": "fast"}
