"""Errors as data and back."""

from __future__ import annotations

import pytest

from voicechatengine import (
    AudioError,
    AuthenticationError,
    ConnectionError,
    DeadlineError,
    MessageError,
    ProtocolError,
    ProviderError,
    RateLimitError,
    SessionExpiredError,
)
from voicechatengine.compose.failure import error_of, failure_of


class OwnError(MessageError):
    """A custom provider's own."""


@pytest.mark.parametrize(
    "error",
    [
        ProviderError("a", cure="b", code="c", status=4),
        ConnectionError("a", status=500),
        AuthenticationError("a", cure="b"),
        RateLimitError("a", retry_after=2.5, code="c"),
        SessionExpiredError("a"),
        ProtocolError("a"),
        DeadlineError("a"),
        MessageError("a", field="f", cure="b", code="c"),
        AudioError("a", field="f"),
    ],
)
def test_every_error_of_the_tree_comes_back(error):
    """The same class, the same texts, the same names."""
    back = error_of(failure_of(error))
    assert type(back) is type(error)
    assert (str(back), vars(back)) == (str(error), vars(error))


def test_what_is_not_of_the_tree_becomes_its_nearest_class():
    """A subclass its base, a stranger the root, with no key in its text."""
    assert type(error_of(failure_of(OwnError("a", field="f")))) is MessageError
    back = error_of(failure_of(KeyError("sk-proj-abcdefghijklmnop123456")))
    assert type(back) is ProviderError
    assert "KeyError" in str(back)
    assert "sk-proj" not in str(back)
