"""What Deepgram's configuration says on the wire, and what it refuses."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from voicechatengine import AudioFormat, AuthenticationError, MessageError
from voicechatengine.providers.deepgram import DeepgramConfig


def query(url: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(url).query)


def test_listening_is_asked_for_by_the_query():
    config = DeepgramConfig(
        api_key="k",
        model="flux-general-multi",
        languages=["en", "de"],
        keyterms=["Wieliczka", "a b"],
        eot_threshold=0.8,
        eager_eot_threshold=0.5,
        eot_timeout_ms=3000,
    )
    endpoint = config.listening()
    assert endpoint.url.startswith("wss://api.deepgram.com/v2/listen?")
    assert endpoint.headers == {"authorization": "Token k"}
    assert query(endpoint.url) == [
        ("model", "flux-general-multi"),
        ("encoding", "linear16"),
        ("sample_rate", "16000"),
        ("eot_threshold", "0.8"),
        ("eager_eot_threshold", "0.5"),
        ("eot_timeout_ms", "3000"),
        ("keyterm", "Wieliczka"),
        ("keyterm", "a b"),
        ("language_hint", "en"),
        ("language_hint", "de"),
    ]


@pytest.mark.parametrize(
    ("voice", "address"),
    [
        ("flux-haley-en", "ws://localhost:1/base/v2/speak"),
        ("aura-2-thalia-en", "ws://localhost:1/base/v1/speak"),
    ],
)
def test_the_name_of_a_voice_says_which_socket_speaks(voice, address):
    form = AudioFormat("g711_ulaw", 8_000)
    config = DeepgramConfig(
        url="http://localhost:1/base/", speed=1.1, output_format=form, headers={"x-one": "1"}
    )
    endpoint = config.speaking(voice)
    assert endpoint.url.partition("?")[0] == address
    assert endpoint.headers == {"x-one": "1"}
    assert query(endpoint.url) == [
        ("model", voice),
        ("encoding", "mulaw"),
        ("sample_rate", "8000"),
        ("speed", "1.1"),
    ]


def test_a_key_is_wanted_for_deepgrams_own_host_and_never_shown(monkeypatch):
    monkeypatch.delenv("DEEPGRAM_API_KEY", raising=False)
    with pytest.raises(AuthenticationError, match="set DEEPGRAM_API_KEY"):
        DeepgramConfig().listening()
    monkeypatch.setenv("DEEPGRAM_API_KEY", "from-the-environment")
    config = DeepgramConfig()
    assert config.speaking(config.voice).headers == {"authorization": "Token from-the-environment"}
    assert "environment" not in repr(config)
    assert DeepgramConfig(url="ws://localhost:1").api_key is None
    assert DeepgramConfig(url="wss://api.eu.deepgram.com").api_key is not None
    assert "environment" not in repr(config.listening())


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("url", "https://", "no address"),
        ("url", "ftp://host", "no address"),
        ("url", "ws://host:port", "no address"),
        ("model", "nova-3", "does not hear turns"),
        ("languages", "en", "is one text"),
        ("languages", ["de"], "flux-general-en takes none"),
        ("keyterms", "term", "is one text"),
        ("eot_threshold", 0.4, r"not in 0\.5\.\.1\.0"),
        ("eager_eot_threshold", 0.95, r"not in 0\.3\.\.0\.9"),
        ("eot_timeout_ms", "long", r"'long' is not in 500\.\.60000"),
        ("speed", 2.0, r"not in 0\.5\.\.1\.5"),
        ("voice", "haley", "none of Deepgram's"),
        ("input_format", AudioFormat("float32", 16_000), "not known to Deepgram"),
        ("input_format", AudioFormat(channels=2), "not known to Deepgram"),
        ("output_format", AudioFormat(sample_rate=22_050), "22050 Hz mono is not spoken"),
        ("output_format", AudioFormat("g711_alaw", 24_000), "use 8000, 16000 Hz"),
    ],
)
def test_what_does_not_fit_is_named(field, value, words):
    with pytest.raises(MessageError, match=words) as refused:
        DeepgramConfig(**{field: value})
    assert refused.value.field == field
