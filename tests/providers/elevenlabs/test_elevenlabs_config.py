"""Where the services are and how they are asked: what does not fit is told before anything is sent."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import AuthenticationError, MessageError
from voicechatengine.providers.elevenlabs import ElevenLabsConfig


def asked(url: str) -> tuple[str, list[tuple[str, str]]]:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}", parse_qsl(parts.query)


def test_speech_is_recognised_by_scribe_in_the_language_of_the_session():
    config = ElevenLabsConfig(
        api_key="k", language="de", listen={"keyterms": ["Ada", "Bob"], "no_verbatim": True}
    )
    address, query = asked(config.listen_endpoint("en-GB").url)
    assert address == "wss://api.elevenlabs.io/v1/speech-to-text/realtime"
    assert query == [
        ("model_id", "scribe_v2_realtime"),
        ("audio_format", "pcm_16000"),
        ("commit_strategy", "manual"),
        ("language_code", "en"),
        ("keyterms", "Ada"),
        ("keyterms", "Bob"),
        ("no_verbatim", "true"),
    ]
    assert ("language_code", "de") in asked(config.listen_endpoint(None).url)[1]


def test_sentences_are_spoken_by_the_voice_of_the_session():
    config = ElevenLabsConfig(
        api_key="k",
        url="http://localhost:8080/proxy/",
        output_format=AudioFormat("g711_alaw", 8000),
        speak={"seed": 7},
    )
    address, query = asked(config.speak_endpoint("a/b", None).url)
    assert address == "ws://localhost:8080/proxy/v1/text-to-speech/a%2Fb/multi-stream-input"
    assert query == [
        ("model_id", "eleven_flash_v2_5"),
        ("output_format", "alaw_8000"),
        ("auto_mode", "true"),
        ("inactivity_timeout", "180"),
        ("seed", "7"),
    ]
    assert "JBFqnCBsd6RMkjVDRZzb" in config.speak_endpoint(None, None).url


def test_the_key_is_the_variables_and_is_never_shown(monkeypatch):
    monkeypatch.setenv("ELEVENLABS_API_KEY", "from-the-environment")
    config = ElevenLabsConfig(headers={"x-other": "hidden"})
    endpoint = config.listen_endpoint(None)
    assert endpoint.headers == {"xi-api-key": "from-the-environment", "x-other": "hidden"}
    assert "from-the" not in repr((config, endpoint))
    assert "hidden" not in repr((config, endpoint))
    assert "from-the" not in endpoint.url


def test_without_a_key_the_vendors_own_host_is_not_asked(monkeypatch):
    monkeypatch.delenv("ELEVENLABS_API_KEY", raising=False)
    with pytest.raises(AuthenticationError, match="ELEVENLABS_API_KEY"):
        ElevenLabsConfig().speak_endpoint(None, None)
    assert ElevenLabsConfig(url="ws://localhost:1").listen_endpoint(None).headers == {}


def test_the_variables_key_goes_to_the_vendors_own_hosts_alone(monkeypatch):
    monkeypatch.setenv("ELEVENLABS_API_KEY", "from-the-environment")
    own = ElevenLabsConfig(url="https://api.us.elevenlabs.io")
    assert own.speak_endpoint(None, None).headers == {"xi-api-key": "from-the-environment"}
    for url in ("wss://elevenlabs.io.example.com", "wss://notelevenlabs.io"):
        assert ElevenLabsConfig(url=url).speak_endpoint(None, None).headers == {}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"url": "ftp://x"}, "url"),
        ({"url": "wss://x:port"}, "url"),
        ({"url": "wss://"}, "url"),
        ({"voice": ""}, "voice"),
        ({"listen_model": ""}, "listen_model"),
        ({"speak_model": "eleven_v3"}, "speak_model"),
        ({"input_format": AudioFormat("g711_alaw", 8000)}, "input_format"),
        ({"input_format": AudioFormat(sample_rate=16_000, channels=2)}, "input_format"),
        ({"output_format": AudioFormat(sample_rate=32_000)}, "output_format"),
        ({"voice_settings": {"speed": 2}}, "voice_settings.speed"),
        ({"voice_settings": {"stability": True}}, "voice_settings.stability"),
        ({"voice_settings": {"pitch": 1}}, "voice_settings.pitch"),
        ({"listen": {"vad_threshold": 1}}, "listen.vad_threshold"),
        ({"listen": {"min_speech_duration_ms": 60.5}}, "listen.min_speech_duration_ms"),
        ({"listen": {"keyterms": "Ada"}}, "listen.keyterms"),
        ({"listen": {"keyterms": ["Ada"] * 51}}, "listen.keyterms"),
        ({"listen": {"keyterms": ["x" * 21]}}, "listen.keyterms"),
        ({"listen": {"no_verbatim": "yes"}}, "listen.no_verbatim"),
        ({"listen": {"commit_strategy": "vad"}}, "listen.commit_strategy"),
        ({"speak": {"apply_text_normalization": "maybe"}}, "speak.apply_text_normalization"),
    ],
)
def test_what_does_not_fit_is_named(given, field):
    with pytest.raises(MessageError) as caught:
        ElevenLabsConfig(api_key="k", **given)
    assert caught.value.field == field
    assert caught.value.cure


def test_what_fits_is_taken():
    ElevenLabsConfig(
        api_key="k",
        voice_settings={"stability": 0.5, "use_speaker_boost": True, "speed": 1.2},
        listen={"vad_threshold": 0.5, "vad_silence_threshold_secs": 1, "secondary_languages": ("fr",)},
        speak={"apply_text_normalization": "on", "enable_logging": False},
    )
