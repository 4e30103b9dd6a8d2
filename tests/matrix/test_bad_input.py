"""What a user gets wrong, over every provider with a service: one typed error, before the first byte where it can be known."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from voicechatengine import AudioFormat, AuthenticationError, ConnectionError, MessageError
from voicechatengine.cli.registry import PROVIDERS
from voicechatengine.errors import ProviderError
from voicechatengine.events import ErrorInfo
from voicechatengine.failures import connection_error_of as error_of
from voicechatengine.provider import Provider, Retry
from voicechatengine.simulators import Simulator, memory_connector, memory_http
from voicechatengine.simulators.vendors import vendor

from .cases import CASES, Case

REMOTE = [case for case in CASES if not PROVIDERS[case.name].local]
every_service = pytest.mark.parametrize("case", REMOTE, ids=lambda case: case.title)


def made(case: Case, service: Simulator, **settings: Any) -> Provider:
    entry = PROVIDERS[case.name]
    module = importlib.import_module(entry.module)
    config = getattr(module, entry.config)(**{**case.settings, "retry": Retry(attempts=0), **settings})
    make = getattr(module, entry.provider)
    if service.vendor.http is not None:
        return make(config, http=memory_http(service))
    return make(config, connector=memory_connector(service))


async def turn(provider: Provider) -> None:
    """Connects and holds a written turn; raises what goes wrong, also what is only told."""
    events = provider.events()
    try:
        await provider.connect()
        await provider.send_text("Hello")
        await provider.create_response()
        async for event in events:
            if isinstance(event.data, ErrorInfo):
                raise error_of(event.data)
            assert event.type != "response_completed", "nothing went wrong"
    finally:
        await provider.disconnect()


async def trouble(case: Case, *, api_key: str | None = None, **settings: Any) -> tuple[str, str]:
    """The code and the words of what a turn with these settings runs into: raised by connect, or told."""
    service = Simulator(vendor(case.simulator or case.name), api_key=api_key, seed=1)
    provider = made(case, service, **{"api_key": "k", **settings})
    with pytest.raises(ProviderError) as wrong:
        await turn(provider)
    await service.stop()
    return wrong.value.code or "", str(wrong.value)


@every_service
async def test_a_wrong_key_is_an_authentication_error_that_does_not_show_it(case: Case):
    service = Simulator(vendor(case.simulator or case.name), api_key="right", seed=1)
    provider = made(case, service, api_key="wrong-key-of-mine")
    with pytest.raises(AuthenticationError) as refused:
        await turn(provider)
    assert "wrong-key-of-mine" not in str(refused.value)
    await service.stop()


@every_service
async def test_no_key_says_which_variable_to_set(case: Case, monkeypatch: pytest.MonkeyPatch):
    entry = PROVIDERS[case.name]
    config = getattr(importlib.import_module(entry.module), entry.config)
    for name in config.KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    settings = {name: value for name, value in case.settings.items() if name != "url" or "azure.com" in value}
    provider = getattr(importlib.import_module(entry.module), entry.provider)(config(**settings))
    with pytest.raises(AuthenticationError) as refused:
        await provider.connect()
    assert config.KEY_VARIABLES[0] in str(refused.value)


@every_service
async def test_an_unknown_model_is_refused_in_the_services_words(case: Case):
    if case.name in ("azure", "xai", "voicelive"):
        pytest.skip(
            "deployments have any name, xAI replaces what it does not know, and of Voice Live it is not documented"
        )
    code, text = await trouble(case, model="no-such-model")
    assert code
    assert "no-such-model" in text


@every_service
async def test_an_unsupported_format_is_refused_when_it_is_given(case: Case):
    if case.settings.get("modalities") == ("text",):
        pytest.skip("it takes no audio without a part that hears")
    with pytest.raises(ProviderError) as refused:
        made(
            case,
            Simulator(vendor(case.simulator or case.name)),
            api_key="k",
            input_audio_format=AudioFormat("float32"),
        )
    assert refused.value.field == "input_audio_format"
    assert "float32" in str(refused.value)


@every_service
async def test_no_server_there_says_what_to_check(case: Case):
    entry = PROVIDERS[case.name]
    module = importlib.import_module(entry.module)
    config = getattr(module, entry.config)(
        **{**case.settings, "api_key": "k", "url": "http://127.0.0.1:9", "retry": Retry(attempts=0)}
    )
    provider = getattr(module, entry.provider)(config)
    with pytest.raises(ConnectionError, match="check the url"):
        await turn(provider)


test_no_server_there_says_what_to_check = pytest.mark.realtime(test_no_server_there_says_what_to_check)


@every_service
async def test_an_option_that_there_is_none_of_names_itself(case: Case):
    service = Simulator(vendor(case.simulator or case.name), seed=1)
    provider = made(case, service, api_key="k")
    with pytest.raises(MessageError) as refused:
        await provider.update_session(temperature=0.5)
    assert refused.value.field == "temperature"
    await service.stop()
