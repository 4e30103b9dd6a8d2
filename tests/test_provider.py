"""The values that configure a provider."""

from __future__ import annotations

import collections.abc
import dataclasses
import types
from typing import Any, ClassVar, Union, get_args, get_origin, get_type_hints

import pytest
from msgspec import UnsetType

from voicechatengine.audio.format import AudioFormat
from voicechatengine.capabilities import Capabilities
from voicechatengine.errors import AuthenticationError, MessageError
from voicechatengine.messages import OPTIONS, Options, Tool, Transcription, TurnDetection
from voicechatengine.provider import (
    Limits,
    Provider,
    ProviderConfig,
    Retry,
    SessionOptions,
    Timeouts,
    session_options,
)

MEMBERS = [
    "connect",
    "disconnect",
    "is_connected",
    "send_message",
    "send_audio",
    "send_text",
    "create_response",
    "interrupt",
    "update_session",
    "get_audio_format",
    "get_capabilities",
    "events",
    "on_event",
]


class ToyConfig(ProviderConfig):
    KEY_VARIABLES: ClassVar[tuple[str, ...]] = ("TOY_KEY", "TOY_OTHER_KEY")


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    for name in ToyConfig.KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_a_provider_has_exactly_the_thirteen_members():
    assert sorted(name for name in vars(Provider) if not name.startswith("_")) == sorted(MEMBERS)
    assert all(vars(Provider)[name].__doc__ for name in MEMBERS)


def test_a_provider_is_a_shape_that_isinstance_refuses_to_judge():
    with pytest.raises(TypeError):
        isinstance(object(), Provider)


# ------------------------------------------------------------------ options


def loosened(hint: Any) -> Any:
    """An option's type as `update_session` takes it: any sequence for a tuple, any mapping for a dict, never UNSET."""
    if get_origin(hint) in (Union, types.UnionType):
        return Union[tuple(loosened(part) for part in get_args(hint) if part is not UnsetType)]  # noqa: UP007 - made at run time
    if get_origin(hint) is tuple:
        return collections.abc.Sequence[get_args(hint)[0]]
    if get_origin(hint) is dict:
        return collections.abc.Mapping[get_args(hint)]
    return hint


def test_the_options_of_update_session_are_the_options_of_a_session():
    options = get_type_hints(Options)
    assert get_type_hints(SessionOptions) == {name: loosened(options[name]) for name in OPTIONS}
    assert not SessionOptions.__required_keys__


def test_every_option_can_be_configured():
    assert {field.name for field in dataclasses.fields(ProviderConfig)} >= set(OPTIONS)


def test_options_of_update_session_are_checked_and_sequences_become_tuples():
    options = session_options({"tools": [Tool("f")], "modalities": ["text"], "turn_detection": None})
    assert options == Options(tools=(Tool("f"),), modalities=("text",), turn_detection=None)


def test_an_unknown_option_is_refused_by_name():
    with pytest.raises(
        MessageError, match=r"did you mean voice.*a vendor's own options go under vendor"
    ) as caught:
        session_options({"vioce": "alloy"})
    assert caught.value.field == "vioce"


def test_capabilities_are_a_plain_dict_in_which_nothing_is_required():
    assert not Capabilities.__required_keys__
    assert Capabilities(tools=True) == {"tools": True}


# ------------------------------------------------------------------ configuration


def test_a_config_is_frozen_and_keyword_only():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ProviderConfig().model = "m"
    with pytest.raises(TypeError):
        ProviderConfig("key")


def test_a_subclass_may_have_its_own_init():
    @dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
    class Own(ProviderConfig):
        def __init__(self, voice: str) -> None:
            super().__init__(voice=voice, model="own")

    assert (Own("alloy").model, Own("alloy").voice) == ("own", "alloy")


def test_the_first_options_are_those_that_are_configured():
    config = ProviderConfig(
        model="m", tools=[Tool("f")], input_audio_format=AudioFormat(), vendor={"x": 1}, transcription=None
    )
    assert config.options() == Options(
        model="m",
        tools=(Tool("f"),),
        modalities=("audio",),
        turn_detection=TurnDetection(),
        transcription=None,
        input_audio_format=AudioFormat(),
        vendor={"x": 1},
    )


def test_a_plain_config_leaves_to_the_vendor_what_it_does_not_name():
    assert ProviderConfig().options() == Options(
        modalities=("audio",), turn_detection=TurnDetection(), transcription=Transcription()
    )


def test_a_field_that_does_not_fit_is_told_when_the_config_is_made():
    with pytest.raises(MessageError, match="ToyConfig, field voice") as caught:
        ToyConfig(voice=5)
    assert caught.value.field == "voice"


def test_the_defaults_of_waiting_and_keeping_are_in_order():
    assert Timeouts().close < Timeouts().connect <= Timeouts().response
    assert Retry().base < Retry().cap < Retry().budget < Retry().window
    assert Limits().received_bytes == 16_000_000


# ------------------------------------------------------------------ the key


def test_the_key_comes_from_the_argument_before_the_environment(monkeypatch):
    monkeypatch.setenv("TOY_KEY", "from-environment")
    assert ToyConfig(api_key="from-argument").require_key() == "from-argument"
    assert ToyConfig().require_key() == "from-environment"


def test_the_first_variable_that_holds_something_counts(monkeypatch):
    monkeypatch.setenv("TOY_KEY", "")
    monkeypatch.setenv("TOY_OTHER_KEY", "second")
    assert ToyConfig().api_key == "second"


def test_no_key_is_an_error_only_when_one_is_needed_and_says_where_to_put_it():
    config = ToyConfig()
    with pytest.raises(
        AuthenticationError, match="set TOY_KEY or TOY_OTHER_KEY, or pass api_key= to ToyConfig"
    ):
        config.require_key()
    with pytest.raises(AuthenticationError, match="its environment variable"):
        ProviderConfig().require_key()


KEY = "a-very-private-key"
SECRETIVE = {
    "api_key": KEY,
    "url": f"wss://user:{KEY}-password@host/v1?model=m&key={KEY}-query",
    "headers": {"Authorization": f"Bearer {KEY}", "X-Other": f"{KEY}-header"},
    "instructions": f"do not tell {KEY}",
    "vendor": {"api_key": f"{KEY}-vendor"},
}


def test_no_repr_shows_a_key_wherever_it_was_put():
    shown = repr(ToyConfig(**SECRETIVE))
    assert KEY not in shown
    assert "password" not in shown
    assert shown.startswith("ToyConfig(api_key='…', url=")
    assert "headers={'Authorization': '…', 'X-Other': '…'}" in shown


def test_a_key_in_a_url_is_hidden_without_being_the_configs_own():
    assert "abc" not in repr(ProviderConfig(url="wss://host/v1?api-key=abc", headers={"api-key": "abc"}))


def test_a_repr_shows_what_differs_from_the_defaults():
    assert repr(ProviderConfig(model="m", retry=Retry(attempts=0))).startswith(
        "ProviderConfig(model='m', retry=Retry(attempts=0"
    )
    assert repr(ProviderConfig()) == "ProviderConfig()"


def test_a_subclass_whose_dataclass_makes_a_repr_of_its_own_shows_no_key_either():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Careless(ProviderConfig):
        region: str = "eu"

    shown = repr(Careless(api_key=KEY, url=SECRETIVE["url"], headers=SECRETIVE["headers"]))
    assert KEY not in shown
    assert "region='eu'" in shown
