"""What a server means by a status and a body."""

from __future__ import annotations

import pytest

from voicechatengine.errors import AuthenticationError, ConnectionError, ProtocolError, RateLimitError
from voicechatengine.session.refusal import explain, invalid_url, of_status, refused, unreachable


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ('{"error": {"type": "overloaded", "message": "busy"}}', ("overloaded", "busy")),
        ('{"message": "m", "status": "S"}', ("S", "m")),
        ('{"error": "plain"}', (None, "plain")),
        ('{"detail": {"code": "voice_not_found", "message": "m"}}', ("voice_not_found", "m")),
        ('{"detail": "m", "code": 5}', ("5", "m")),
        ('{"error": {"code": 401, "message": "m", "status": "UNAUTHENTICATED"}}', ("UNAUTHENTICATED", "m")),
        ('{"err_code": "INVALID_AUTH", "err_msg": "m"}', ("INVALID_AUTH", "m")),
        ('{"category": "INVALID_JSON", "message": "m"}', ("INVALID_JSON", "m")),
        ("[1]", (None, "[1]")),
        ("first\nsecond", (None, "first")),
        ("<!doctype html>", (None, "")),
    ],
)
def test_a_refusals_body_is_read_leniently(body, found):
    assert explain(body) == found


@pytest.mark.parametrize(
    ("status", "kind", "fault"),
    [
        (400, ConnectionError, "application"),
        (401, AuthenticationError, "application"),
        (402, ConnectionError, "application"),
        (403, AuthenticationError, "application"),
        (429, RateLimitError, "application"),
        (500, ConnectionError, "provider"),
        (529, ConnectionError, "provider"),
    ],
)
def test_a_status_is_an_error_of_its_kind(status, kind, fault):
    error = of_status(status, "words", code="c")
    assert type(error) is kind
    assert (error.status, error.code, error.message, error.fault) == (status, "c", "words", fault)


def test_the_wish_for_a_pause_is_told_in_seconds():
    assert getattr(refused(429, "", "1.5"), "retry_after", None) == 1.5


def test_a_page_instead_of_an_api_is_told_as_one():
    error = refused(200, "<html><body>Welcome</body></html>", None, what="request")
    assert isinstance(error, ProtocolError)
    assert "web pages, not an API" in str(error)
    assert "html" not in error.message


def test_a_page_instead_of_a_websocket_is_told_as_one():
    error = refused(200, "Welcome", None)
    assert error.message == "the server answered the connection with something else: Welcome"
    assert "not a websocket" in str(error)
    assert refused(200, "", None).message == "the server answered the connection with something else"


def test_a_refusal_is_told_in_the_servers_words_where_it_has_any():
    assert refused(404, "gone", None).message == "the server refused the connection with HTTP 404: gone"
    assert refused(404, "", None).message == "the server refused the connection with HTTP 404"


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        (300, "no redirect"),
        (308, "no redirect"),
        (399, "no redirect"),
        (400, "change what it names"),
        (402, "add credit"),
        (404, "check the url"),
        (413, "change what it names"),
        (422, "change what it names"),
        (500, "try again later"),
    ],
)
def test_what_helps_depends_on_the_status(status, cure):
    assert cure in of_status(status, "words").cure


@pytest.mark.parametrize("before", ["", '{"error": "', '{"message": "'])
def test_long_words_are_told_in_part(before):
    body = before + "x" * 1_000 + '"}' * bool(before)
    assert explain(body) == (None, "x" * 300)


def test_an_error_about_a_url_shows_nothing_that_stands_behind_its_question_mark():
    error = unreachable("wss://there/v1?key=secret", OSError("refused"))
    assert error.message == "no connection to wss://there/v1 (refused)"
    assert (invalid_url("ws or wss").cure, invalid_url("ws or wss").fault) == ("use ws or wss", "application")
