"""How the simulated Azure answers handshakes, as its clients see it: the service's own status, code and words."""

from __future__ import annotations

from typing import Any

import pytest

from voicechatengine import (
    AuthenticationError,
    AzureConfig,
    AzureProvider,
    ConnectionError,
    OpenAIConfig,
    OpenAIProvider,
    RateLimitError,
    Retry,
)
from voicechatengine.providers.azure.server_handshake import DENIED, NO_DEPLOYMENT, refuse
from voicechatengine.session.handshake import Handshake
from voicechatengine.simulators import Faults, Simulator, memory_connector
from voicechatengine.simulators.vendors import vendor

URL = "wss://mine.openai.azure.com"
DATED = "2025-04-01-preview"


def provider(simulator: Simulator, **fields: Any) -> AzureProvider:
    config = AzureConfig(**{"url": URL, "api_key": "right", "retry": Retry(attempts=0), **fields})
    return AzureProvider(config, connector=memory_connector(simulator))


async def entra() -> str:
    return "head.claims.signature"


@pytest.mark.parametrize("api_version", [None, DATED])
async def test_a_key_and_a_token_are_accepted_in_both_forms(api_version: str | None):
    simulator = Simulator(vendor("azure"), api_key="right")
    for fields in ({}, {"token": entra}):
        talk = provider(simulator, api_version=api_version, **fields)
        assert await talk.connect()
        await talk.disconnect()
    await simulator.stop()


@pytest.mark.parametrize(
    ("fields", "kind", "status", "code", "words"),
    [
        ({"api_key": "wrong"}, AuthenticationError, 401, "401", DENIED),
        ({"api_key": "invalid"}, AuthenticationError, 401, "401", DENIED),
        ({"model": "invalid"}, ConnectionError, 404, "DeploymentNotFound", NO_DEPLOYMENT),
        ({"model": "invalid", "api_version": DATED}, ConnectionError, 404, "DeploymentNotFound", NO_DEPLOYMENT),
        ({"url": f"{URL}/elsewhere"}, ConnectionError, 404, "404", "Resource not found"),
    ],
)  # fmt: skip
async def test_a_refusal_has_the_services_own_status_code_and_words(
    fields: dict[str, Any], kind: type[ConnectionError], status: int, code: str, words: str
):
    simulator = Simulator(vendor("azure"), api_key="right")
    with pytest.raises(ConnectionError, match="the server refused") as refused:
        await provider(simulator, **fields).connect()
    assert type(refused.value) is kind
    assert (refused.value.status, refused.value.code) == (status, code)
    assert words in refused.value.message


async def test_a_key_as_bearer_is_redirected_and_the_error_says_where_the_key_belongs():
    simulator = Simulator(vendor("azure"), api_key="right")
    config = OpenAIConfig(url=f"{URL}/openai/v1", api_key="right", retry=Retry(attempts=0))
    with pytest.raises(ConnectionError, match="HTTP 302: check the url, and the header") as refused:
        await OpenAIProvider(config, connector=memory_connector(simulator)).connect()
    assert refused.value.status == 302


async def test_too_many_handshakes_are_told_when_to_come_again():
    simulator = Simulator(vendor("azure"), faults=Faults(rate_limit=1, retry_after_s=2.5))
    with pytest.raises(RateLimitError, match="exceeded the call rate limit") as refused:
        await provider(simulator).connect()
    assert refused.value.retry_after == 2.5


async def test_a_token_that_cannot_be_had_refuses_the_connection():
    async def broken() -> str:
        raise RuntimeError("signed out")

    with pytest.raises(AuthenticationError, match="RuntimeError: signed out"):
        await provider(Simulator(vendor("azure")), token=broken).connect()


def test_the_dated_address_needs_its_version_and_either_a_deployment():
    headers = {"api-key": "k"}
    dated = Handshake("/openai/realtime", {"deployment": "voice"}, headers)
    assert (refusal := refuse(dated)) is not None
    assert refusal.status == 404
    nameless = Handshake("/openai/v1/realtime", {}, headers)
    assert (refusal := refuse(nameless)) is not None
    assert b"DeploymentNotFound" in refusal.body
    keyless = refuse(Handshake("/openai/v1/realtime", {"model": "voice"}))
    assert keyless is not None
    assert keyless.status == 401
