"""What a server means by a status and a body."""

from __future__ import annotations

import pytest

from voicechatengine.errors import AuthenticationError, ConnectionError, ProtocolError, RateLimitError
from voicechatengine.session.refusal import explain, of_status, refused


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
