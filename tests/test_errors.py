"""The error tree, and that no key gets through it."""

from __future__ import annotations

import builtins
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechatengine import errors
from voicechatengine.errors import (
    AudioError,
    AuthenticationError,
    ConnectionError,
    DeadlineError,
    MessageError,
    ProtocolError,
    ProviderError,
    RateLimitError,
    SessionExpiredError,
    redact,
)

TREE = [ProviderError, *ProviderError.__subclasses__(), *ConnectionError.__subclasses__()]


@pytest.mark.parametrize("error", TREE)
def test_the_docstring_draws_every_error_of_the_tree(error):
    assert f"{error.__name__} " in f"{errors.__doc__} ".replace("\n", " ")


@pytest.mark.parametrize("error", TREE)
def test_every_error_says_what_happened_what_to_do_and_whose_fault_it_is(error):
    raised = error("it broke", cure="mend it")
    assert str(raised) == "it broke: mend it"
    assert (raised.message, raised.cure) == ("it broke", "mend it")
    assert raised.fault in ("application", "provider", "network")


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (ConnectionError, builtins.ConnectionError),
        (AuthenticationError, builtins.ConnectionError),
        (SessionExpiredError, OSError),
        (DeadlineError, TimeoutError),
        (MessageError, ValueError),
        (AudioError, ValueError),
    ],
)
def test_the_builtin_except_clause_catches_it_too(error, builtin):
    with pytest.raises(builtin):
        raise error("no")


def test_an_error_keeps_the_vendors_code_and_status():
    error = ProtocolError("odd", code="bad_frame", status=1002)
    assert (error.code, error.status, error.fault) == ("bad_frame", 1002, "provider")


def test_the_one_who_raises_may_know_better_whose_fault_it_is():
    assert ConnectionError("connect() first", fault="application").fault == "application"
    assert ConnectionError("gone").fault == "network"


def test_a_rate_limit_tells_how_long_to_wait():
    error = RateLimitError("slow down", retry_after=2.5, cure="wait", code="rate_limit", status=429)
    assert (error.retry_after, error.code, error.status) == (2.5, "rate_limit", 429)


@pytest.mark.parametrize("error", [MessageError, AudioError])
def test_an_error_about_a_field_names_it(error):
    assert error("no", field="options.voice").field == "options.voice"


def test_an_error_survives_pickling_with_all_that_it_says():
    error = pickle.loads(pickle.dumps(MessageError("no such voice", field="voice", cure="choose another")))
    assert (str(error), error.field, error.message) == (
        "no such voice: choose another",
        "voice",
        "no such voice",
    )


def test_neither_message_nor_cure_keeps_a_key():
    error = ConnectionError("refused sk-proj-abcdef123", cure="look at wss://host/?key=abcdef123")
    assert "abcdef123" not in f"{error} {error!r} {error.args} {vars(error)}"


HIDDEN = [
    "sk-proj-abcdef123456",
    "sk_0123456789abcdef",
    "ek_0123456789abcdef",
    "xai-abcdef123456",
    "gsk_abcdef123456",
    "AIzaSyA0123456789abcdefghijklmnopqrstu",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "Bearer 0123456789abcdef",
    "bearer abcdefghijklmnopqrstuvwxyzabcdefgh",
    "Authorization: Bearer opaque",
    '{"Authorization": "Bearer opaque"}',
    "authorization: Basic dXNlcjpwYXNz",
    "Authorization: Token 12ab",
    "wss://host/v1?key=abc",
    "wss://host/v1?model=m&api-key=abc",
    "https://host/?access_token=a.b-c&x=1",
    "https://user:hunter2@host/",
    "x-api-key: hunter",
    "xi-api-key=hunter",
    '{"api_key": "hunter"}',
    "api_key='hunter'",
    "Incorrect API key provided: 0123456789abcdef.",
    "subscription-key: 0123456789abcdef",
    "token=0123456789abcdef",
]


@pytest.mark.parametrize("text", HIDDEN)
def test_what_looks_like_a_key_is_hidden(text):
    shown = redact(f"before {text} after")
    assert "…" in shown
    for secret in (
        "0123456789abcdef",
        "abcdef123456",
        "abcdefghij",
        "opaque",
        "hunter",
        "dXNl",
        "12ab",
        "=abc",
        "a.b-c",
    ):
        assert secret not in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


PROSE = [
    "token limit reached",
    "maximum token count is 128000 tokens",
    "token 4096 of 8192",
    "key: value",
    "a key of the mapping is missing",
    "the bearer of good news",
    "Bearer authentication is needed",
    "authorization: denied",
    "set OPENAI_API_KEY, or pass api_key= to OpenAIConfig",
    "no API key is set",
    "Unexpected token '<' in JSON at position 0",
    "the session sess_C9CqkoWBiwRyYE3oWYZpH has expired",
    "item item_C9CqkoWBiwRyYE3oWYZpH, response resp_0123456789abcdef",
    "ask-something, task-oriented, risk_assessment",
    "wss://host/v1/realtime?model=gpt-realtime",
    "http://127.0.0.1:8765/v1",
    "api_key=None",
    "secret sauce, password policy",
]


@pytest.mark.parametrize("text", PROSE)
def test_ordinary_prose_stays_as_it_is(text):
    assert redact(text) == text


@given(st.text("abcdefgh-_+/=. ", min_size=4, max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_a_key_that_is_told_is_hidden_whatever_its_form(secret, before, after):
    assert secret not in redact(f"{before}{secret}{after}", secret)


def test_a_key_is_hidden_as_a_url_quotes_it_too():
    assert redact("wss://host/a%2Fb%2Bc", "a/b+c") == "wss://host/…"


def test_of_two_keys_one_inside_the_other_nothing_is_left():
    assert redact("the-key-two", "the-key", "the-key-two") == "…"


def test_no_key_and_one_too_short_to_be_one_garble_nothing():
    assert redact("a plain text", None, "", "a") == "a plain text"
