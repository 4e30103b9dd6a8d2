"""A token that is fetched before a connection, and what is told when there is none."""

from __future__ import annotations

from typing import Any

import pytest

from voicechatengine.errors import AuthenticationError, ConnectionError, DeadlineError, MessageError
from voicechatengine.provider import ProviderConfig
from voicechatengine.session import tokens


def giving(given: Any) -> tokens.Token:
    async def token() -> str:
        if isinstance(given, Exception):
            raise given
        return given

    return token


async def test_a_token_is_what_the_callback_gives():
    assert await tokens.fetch(giving(" a.b.c\n")) == "a.b.c"


async def test_it_takes_the_place_of_the_key():
    config = ProviderConfig(api_key="old")
    assert (await tokens.keyed(config, giving("new"))).api_key == "new"
    assert await tokens.keyed(config, None) is config


def test_a_token_that_is_no_callback_is_refused_and_not_shown():
    tokens.check(None)
    tokens.check(giving("t"))
    with pytest.raises(MessageError) as refused:
        tokens.check("hush")
    assert refused.value.field == "token"
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("given", ["", "  ", None, 5])
async def test_no_token_is_told_as_such(given: Any):
    with pytest.raises(AuthenticationError, match="the callback gave none"):
        await tokens.fetch(giving(given))


async def test_whatever_a_callback_raises_is_typed():
    with pytest.raises(AuthenticationError, match="the callback raised KeyError: 'tenant'") as raised:
        await tokens.fetch(giving(KeyError("tenant")))
    assert isinstance(raised.value.__cause__, KeyError)


@pytest.mark.parametrize("error", [OSError("unreachable"), TimeoutError("unreachable")])
async def test_a_networks_trouble_is_no_refusal_and_can_be_tried_again(error: OSError):
    with pytest.raises(ConnectionError, match="no token: unreachable") as raised:
        await tokens.fetch(giving(error))
    assert type(raised.value) is ConnectionError
    assert raised.value.fault == "network"


async def test_an_error_of_ours_stays_what_it_is():
    error = DeadlineError("late")
    with pytest.raises(DeadlineError) as raised:
        await tokens.fetch(giving(error))
    assert raised.value is error
