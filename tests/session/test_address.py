"""Where an API's requests go, by what people write as its url."""

from __future__ import annotations

import pytest

from voicechatengine.errors import MessageError
from voicechatengine.session.address import address


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        ("http://localhost:8080", "http://localhost:8080/v1/audio/speech"),
        ("http://localhost:8080/", "http://localhost:8080/v1/audio/speech"),
        ("https://api.example.com/v1", "https://api.example.com/v1/audio/speech"),
        ("https://example.com/proxy/v1/?tenant=a#top", "https://example.com/proxy/v1/audio/speech?tenant=a"),
        ("http://localhost:8080/inference", "http://localhost:8080/inference"),
        ("http://[::1]:9/v1", "http://[::1]:9/v1/audio/speech"),
    ],
)
def test_a_base_is_completed_and_a_whole_address_left(given: str, whole: str) -> None:
    assert address(given, "/v1/audio/speech") == whole


@pytest.mark.parametrize(
    "given", ["", "localhost", "ws://host", "http://", "http://host:port", "http://[::1"]
)
def test_what_is_no_address_is_told(given: str) -> None:
    with pytest.raises(MessageError, match="use http:// or https://") as caught:
        address(given, "/v1/audio/speech")
    assert caught.value.field == "url"
