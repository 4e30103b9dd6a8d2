"""Where Azure's client connects, with what, and what it says it can do."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
import pytest
from talking import Talk

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import AuthenticationError, ConnectionError, MessageError
from voicechatengine.events import ErrorInfo
from voicechatengine.messages import Options, Transcription, TurnDetection
from voicechatengine.providers.azure.config import RELEASED, AzureConfig, endpoint, prepare
from voicechatengine.providers.azure.provider import AzureProvider, vendor
from voicechatengine.session.dialect import Restore

RESOURCE = "https://mine.openai.azure.com"
DATED = "2025-04-01-preview"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch):
    for name in ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


def at(url: str | None = RESOURCE, **fields: Any):
    config = AzureConfig(**{"url": url, "api_key": "key-1", **fields})
    return endpoint(config, Restore(options=config.options()))


async def entra(secret: str = "") -> str:
    return f"head.claims.signature{secret}"


def test_a_resource_is_reached_with_the_key_in_its_own_header(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "key-from-environment")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://theirs.openai.azure.com/")
    config = AzureConfig(model="voice")
    there = endpoint(config, Restore(options=config.options()))
    assert there.url == "wss://theirs.openai.azure.com/openai/v1/realtime?model=voice"
    assert there.headers == {"api-key": "key-from-environment"}
    assert "environment" not in repr(config) + repr(there)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (RESOURCE, "wss://mine.openai.azure.com/openai/v1/realtime?model=voice"),
        (f"{RESOURCE}/openai/v1/", "wss://mine.openai.azure.com/openai/v1/realtime?model=voice"),
        ("ws://127.0.0.1:1/openai/v1/realtime", "ws://127.0.0.1:1/openai/v1/realtime?model=voice"),
        ("https://proxy/some/path?model=x", "wss://proxy/some/path?model=x"),
    ],
)
def test_an_endpoint_is_completed(url: str, address: str):
    assert at(url, model="voice").url == address


def test_the_dated_form_names_the_version_and_the_deployment():
    there = at(model="voice", api_version=DATED)
    assert there.url == (f"wss://mine.openai.azure.com/openai/realtime?api-version={DATED}&deployment=voice")
    assert at(f"{RESOURCE}/openai", model="voice", api_version=DATED).url == there.url


def test_a_sessions_model_is_its_deployment():
    config = AzureConfig(api_key="k", url=RESOURCE, model="one")
    assert endpoint(config, Restore(options=Options(model="two"))).url.endswith("?model=two")


async def test_a_token_goes_as_bearer_fresh_for_each_connection_and_a_key_never_does(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "key-1")
    config = AzureConfig(url=RESOURCE, token=entra, headers={"X": "y"})
    there = endpoint(await prepare(config), Restore())
    assert there.headers == {"Authorization": "Bearer head.claims.signature", "X": "y"}
    without = AzureConfig(url=RESOURCE)
    assert await prepare(without) is without
    assert endpoint(without, Restore()).headers == {"api-key": "key-1"}


def test_what_a_callback_holds_is_not_shown():
    config = AzureConfig(url=RESOURCE, token=partial(entra, "my-secret"))
    assert "my-secret" not in repr(config)
    assert "token='…'" in repr(config)


def test_a_missing_endpoint_or_key_is_told_before_anything_is_sent():
    with pytest.raises(ConnectionError, match="set AZURE_OPENAI_ENDPOINT"):
        at(None)
    with pytest.raises(AuthenticationError, match="set AZURE_OPENAI_API_KEY"):
        at(api_key=None)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "mine.openai.azure.com"}, "url"),
        ({"api_version": "v1"}, "api_version"),
        ({"api_version": "2025-04-01-Preview"}, "api_version"),
        ({"turn_detection": TurnDetection(eagerness="high")}, "turn_detection.eagerness"),
        ({"turn_detection": TurnDetection(idle_timeout_ms=9000), "api_version": DATED}, "turn_detection.idle_timeout_ms"),
        ({"input_audio_format": AudioFormat(sample_rate=16_000)}, "input_audio_format"),
        ({"transcription": Transcription(language="de")}, "transcription.model"),
        ({"language": "de"}, "language"),
        ({"max_tokens": 0}, "max_tokens"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_when_it_is_given(fields: dict[str, Any], field: str):
    with pytest.raises(MessageError) as refused:
        AzureConfig(**fields)
    assert refused.value.field == field


@pytest.mark.parametrize("api_version", [None, DATED])
def test_words_are_written_down_only_by_a_deployment(api_version: str | None):
    def known(**fields: Any):
        provider = AzureProvider(AzureConfig(url=RESOURCE, api_version=api_version, **fields))
        return provider.get_capabilities().get("input_transcription")

    assert known() is False
    assert known(transcription_deployment="scribe") is True
    assert known(transcription=Transcription("scribe")) is True
    assert known(transcription_deployment="scribe", transcription=None) is False
    for deployment in (None, "scribe"):
        provider = AzureProvider(AzureConfig(api_version=api_version, transcription_deployment=deployment))
        names = provider.get_capabilities()["session_update"]
        assert ("language" in names) == (deployment is not None)  # it is the transcription's


def test_both_forms_tell_the_truth_about_what_they_can():
    released = AzureProvider(AzureConfig()).get_capabilities()
    dated = AzureProvider(AzureConfig(api_version=DATED)).get_capabilities()
    assert (released.get("image_input"), dated.get("image_input")) == (True, False)
    assert set(released["voices"]) - set(dated["voices"]) == {"marin", "cedar"}
    for known, version in ((released, None), (dated, DATED)):
        assert "session_limit_s" not in known
        for form in known["input_formats"]:
            AzureConfig(input_audio_format=form, output_audio_format=form, api_version=version)
        for mode in known["turn_detection"]:
            AzureConfig(turn_detection=msgspec.convert({"mode": mode}, TurnDetection), api_version=version)


def test_a_transcription_can_be_switched_on_later_only_with_a_deployment():
    checks = vendor(AzureConfig()).check
    with pytest.raises(MessageError):
        checks(Options(transcription=Transcription(prompt="names")))
    checks(Options(transcription=Transcription("scribe", prompt="names")))


def test_a_model_where_a_deployment_belongs_is_told_with_each_turn_in_the_services_words():
    talk = Talk(RELEASED, Options(transcription=Transcription("whisper-1")))
    error = {"type": "server_error", "code": "DeploymentNotFound", "message": "There is none."}
    kind = "conversation.item.input_audio_transcription.failed"
    (told,) = talk.hears({"type": kind, "event_id": "e", "item_id": "i1", "content_index": 0, "error": error})
    assert isinstance(told, ErrorInfo)
    assert told.recoverable
    assert told.message == "the words of i1 are not known: DeploymentNotFound: There is none."
