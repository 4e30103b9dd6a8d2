"""Tokens that are fetched before each connection, because they do not last. It knows no vendor, and not where a token goes."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar, cast

from voicechatengine.errors import AuthenticationError, ConnectionError, MessageError
from voicechatengine.provider import ProviderConfig

C = TypeVar("C", bound=ProviderConfig)
Token: TypeAlias = Callable[[], Awaitable[str]]
"""Gives a token that is valid now, without ``Bearer``. An `OSError` (a network's, a time limit's) means: try again later."""


def check(token: object) -> None:
    """Raises `MessageError` for a token that is no callback: it would be shown, and expire."""
    if token is not None and not callable(token):
        raise MessageError(
            "token is no callable", field="token", cure="give an async callable that returns a token's text"
        )


async def fetch(token: Token) -> str:
    """A fresh token. Raises `AuthenticationError` if there is none, and `ConnectionError`, which is tried again, for an `OSError`."""
    try:
        fetched = cast("object", await token())  # it is the user's
    except ConnectionError:
        raise
    except OSError as error:
        raise ConnectionError(
            f"no token: {str(error) or type(error).__name__}", cure="check the network"
        ) from error
    except Exception as error:
        raise AuthenticationError(
            f"no token: the callback raised {type(error).__name__}: {error}",
            cure="mend the callback in token=",
        ) from error
    if not isinstance(fetched, str) or not fetched.strip():
        raise AuthenticationError(
            "no token: the callback gave none", cure="let it return the token's text, without Bearer"
        )
    return fetched.strip()


async def keyed(config: C, token: Token | None) -> C:
    """The config with a fresh token as its key; as it is where there is no callback for one. Raises as `fetch` does."""
    return config if token is None else dataclasses.replace(config, api_key=await fetch(token))
