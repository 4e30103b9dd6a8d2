"""The values that dialects and transports exchange."""

from __future__ import annotations

from voicechatengine.session.dialect import Close, Endpoint, Restore


def test_an_endpoint_shows_neither_its_headers_nor_its_query():
    endpoint = Endpoint("wss://host/v1/realtime?model=m&key=private", {"Authorization": "Bearer private"})
    assert repr(endpoint) == "Endpoint(url='wss://host/v1/realtime')"


def test_an_end_without_words_is_a_normal_one():
    assert Close() == Close(1000, "")


def test_nothing_to_restore_is_a_new_session():
    assert Restore() == Restore(
        history=(), handle=None, pending_calls=(), reply_owed=None, lost=(), reconnect=False
    )
    assert Restore().options.changes() == {}
