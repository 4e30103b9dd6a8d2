"""Where the client connects, with which key, and what it says that it can do."""

from __future__ import annotations

from functools import partial

import pytest

from voicechatengine import AuthenticationError, GeminiConfig, GeminiProvider, MessageError
from voicechatengine.messages import Options, Transcription
from voicechatengine.providers.gemini.config import capabilities, endpoint, prepare
from voicechatengine.session.dialect import Restore
from voicechatengine.simulators import Simulator, memory_connector
from voicechatengine.simulators.vendors import vendor

DEVELOPER = "wss://generativelanguage.googleapis.com/ws/google.ai.generativelanguage"
VERTEX = "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"
BARE = Restore()


async def hush(more: str = "") -> str:
    return f"hush{more}"


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    for name in GeminiConfig.KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_the_key_travels_in_a_header():
    where = endpoint(GeminiConfig(api_key="secret", headers={"x-a": "b"}), BARE)
    assert where.url == f"{DEVELOPER}.v1beta.GenerativeService.BidiGenerateContent"
    assert where.headers == {"x-goog-api-key": "secret", "x-a": "b"}


def test_an_ephemeral_token_is_part_of_the_address():
    where = endpoint(GeminiConfig(api_key="auth_tokens/abc"), BARE)
    assert where.url == (
        f"{DEVELOPER}.v1alpha.GenerativeService.BidiGenerateContentConstrained?access_token=auth_tokens%2Fabc"
    )
    assert where.headers == {}
    assert "abc" not in repr(where)


@pytest.mark.parametrize(
    ("location", "host"),
    [("us-central1", "us-central1-aiplatform.googleapis.com"), ("global", "aiplatform.googleapis.com")],
)
async def test_vertex_has_a_host_for_each_region_and_a_fresh_token_for_each_connection(location, host):
    texts = iter(["one", "two"])

    async def token() -> str:
        return next(texts)

    config = GeminiConfig(project="p", location=location, token=token, api_key="never")
    where = endpoint(await prepare(config), BARE)
    assert where.url == f"wss://{host}{VERTEX}"
    assert where.headers == {"Authorization": "Bearer one", "x-goog-user-project": "p"}
    assert endpoint(await prepare(config), BARE).headers["Authorization"] == "Bearer two"


async def test_vertex_in_express_mode_takes_a_key():
    express = GeminiConfig(vertex=True, api_key="k")
    assert await prepare(express) is express
    assert endpoint(express, BARE).headers == {"x-goog-api-key": "k"}
    without_a_project = await prepare(GeminiConfig(vertex=True, token=hush))
    assert endpoint(without_a_project, BARE).headers == {"Authorization": "Bearer hush"}


async def test_a_connection_is_made_with_a_token_that_was_fetched_for_it():
    simulator = Simulator(vendor("gemini"))
    config = GeminiConfig(project="p", token=hush)
    provider = GeminiProvider(config, connector=memory_connector(simulator))
    assert await provider.connect()
    await provider.disconnect()


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (
            "http://localhost:8080",
            "ws://localhost:8080/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
        ),
        (
            "wss://example.com/",
            "wss://example.com/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
        ),
        ("https://example.com/live?a=b", "wss://example.com/live?a=b"),
    ],
)
def test_another_server_is_a_base_or_a_whole_address_and_needs_no_key(given, url):
    where = endpoint(GeminiConfig(url=given), BARE)
    assert (where.url, where.headers) == (url, {})


@pytest.mark.parametrize("url", ["example.com", "ftp://example.com", "ws://", "ws://h:x", "ws://h:0"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(MessageError) as refused:
        GeminiConfig(url=url)
    assert refused.value.field == "url"


def test_googles_own_hosts_need_a_key_or_a_token():
    with pytest.raises(AuthenticationError, match="GEMINI_API_KEY or GOOGLE_API_KEY"):
        endpoint(GeminiConfig(), BARE)
    with pytest.raises(AuthenticationError, match="token="):
        endpoint(GeminiConfig(project="p"), BARE)


def test_the_key_falls_back_to_the_environment(monkeypatch):
    monkeypatch.setenv("GOOGLE_API_KEY", "second")
    assert GeminiConfig().api_key == "second"
    monkeypatch.setenv("GEMINI_API_KEY", "first")
    assert GeminiConfig().api_key == "first"


def test_no_key_and_no_token_is_shown():
    shown = repr(GeminiConfig(api_key="abc1", token=partial(hush, "more"), project="p"))
    assert "abc1" not in shown
    assert "more" not in shown
    assert "project='p'" in shown


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"model": "gemini-2.5-flash-native-audio-latest", "modalities": ("text",)}, "modalities"),
        ({"token": hush}, "token"),
        ({"token": "a text", "project": "p"}, "token"),
        ({"transcription": Transcription(model="x")}, "transcription.model"),
        ({"vendor": {"sessionResumption": {"transparent": True}}}, "vendor.sessionResumption.transparent"),
    ],
)
def test_what_the_service_lacks_is_refused_when_it_is_configured(given, field):
    with pytest.raises(MessageError) as refused:
        GeminiConfig(**given)
    assert refused.value.field == field
    GeminiConfig(project="p", vendor={"sessionResumption": {"transparent": True}})


def test_capabilities_are_those_of_the_model_and_the_place():
    known = GeminiProvider(GeminiConfig(api_key="k")).get_capabilities()
    assert known["session_update"] == ("instructions", "tools")
    assert known["session_limit_s"] == 600
    assert not known.get("truncation")
    assert not known.get("item_deletion")
    old = Options(
        model="gemini-2.5-flash-native-audio-latest", transcription=None, vendor={"sessionResumption": None}
    )
    elsewhere = capabilities(GeminiConfig(url="ws://localhost"), old)
    assert elsewhere["session_update"] == ()
    assert not elsewhere["text_output"]
    assert not elsewhere["resumption"]
    assert not elsewhere["input_transcription"]
    assert "session_limit_s" not in elsewhere


def test_the_model_of_a_session_may_be_any():
    assert (
        GeminiProvider(GeminiConfig(api_key="k", model="gemini-9-live")).get_audio_format().sample_rate
        == 16_000
    )
