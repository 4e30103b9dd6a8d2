"""The proxy that the environment names."""

from __future__ import annotations

import pytest

from voicechatengine.errors import ConnectionError
from voicechatengine.session.proxy import proxy_for


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in ("http", "https", "ws", "wss", "all", "no"):
        for spelling in (f"{name}_proxy", f"{name}_PROXY".upper()):
            monkeypatch.delenv(spelling, raising=False)


@pytest.mark.parametrize(
    ("named", "url", "proxy"),
    [
        ({}, "wss://api.example/v1", None),
        ({"https_proxy": "http://there:1"}, "wss://api.example/v1", "http://there:1"),
        ({"HTTPS_PROXY": "http://there:1"}, "https://api.example/v1", "http://there:1"),
        ({"http_proxy": "http://there:1"}, "ws://api.example/v1", "http://there:1"),
        ({"http_proxy": "http://there:1"}, "wss://api.example/v1", None),
        (
            {"https_proxy": "http://there:1", "wss_proxy": "http://here:2"},
            "wss://api.example/v1",
            "http://here:2",
        ),
        ({"https_proxy": "http://u:p@there:1"}, "https://api.example/v1", "http://u:p@there:1"),
        ({"https_proxy": "there:1"}, "wss://api.example/v1", "http://there:1"),
        ({"https_proxy": "socks5://there:1", "no_proxy": "api.example"}, "wss://api.example/v1", None),
        ({"https_proxy": "http://there:1", "no_proxy": ".example"}, "wss://api.example/v1", None),
        ({"https_proxy": "http://there:1", "no_proxy": "*"}, "wss://api.example/v1", None),
        ({"https_proxy": "http://there:1"}, "nonsense", None),
        ({"https_proxy": "http://there:1"}, "wss://[::1/v1", None),
        ({"no_proxy": "api.example"}, "wss://api.example/v1", None),
    ],
)
def test_a_websocket_has_the_proxy_of_the_scheme_beneath(monkeypatch, named, url, proxy):
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(url) == proxy


def test_a_proxy_that_cannot_be_used_is_told_and_its_password_is_not(monkeypatch):
    monkeypatch.setenv("https_proxy", "socks5://someone:secret@there:1")
    with pytest.raises(ConnectionError, match="https_proxy is socks5") as caught:
        proxy_for("wss://api.example/v1")
    assert "secret" not in str(caught.value)
