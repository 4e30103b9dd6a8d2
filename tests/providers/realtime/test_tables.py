"""The tables of differences, searched: what is moved to a vendor's places comes back, and both sides read one table alike."""

from __future__ import annotations

import json
from typing import Any

import hypothesis.strategies as st
import pytest
from generated import WORDS, options, requests, sessions
from hypothesis import HealthCheck, given, settings
from msgspec import UNSET
from server_talk import counted

from voicechatengine.messages import Transcription, TurnDetection
from voicechatengine.providers.elevenrealtime.config import DIFFERENCES as ELEVEN
from voicechatengine.providers.qwen.config import DIFFERENCES as QWEN
from voicechatengine.providers.realtime import decode, encode
from voicechatengine.providers.realtime.beta import BETA
from voicechatengine.providers.realtime.differences import (
    OPENAI,
    Differences,
    Fields,
    copied,
    from_vendor,
    to_vendor,
)
from voicechatengine.providers.realtime.server import RealtimeServer
from voicechatengine.providers.voicelive.table import VOICELIVE
from voicechatengine.providers.xai.config import DIFFERENCES as XAI
from voicechatengine.session.dialect import Frame

TABLES = {
    "openai": OPENAI,
    "beta": BETA,
    "voice live": VOICELIVE,
    "xai": XAI,
    "qwen": QWEN,
    "eleven": ELEVEN,
}
"""Azure's own are the first two, but for what is not moved."""

every_table = pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
search = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@every_table
@given(data=st.data())
@search
def test_a_session_comes_back_from_a_vendors_places(table: Differences, data: st.DataObject):
    session = data.draw(sessions(table))
    before = copied(session)
    assert from_vendor(to_vendor(session, table.session), table.session) == session
    assert session == before


@every_table
@given(data=st.data())
@search
def test_a_request_comes_back_from_a_vendors_places(table: Differences, data: st.DataObject):
    request = data.draw(requests(table))
    assert from_vendor(to_vendor(request, table.request), table.request) == request


@every_table
@given(session=st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.sampled_from(["type", "audio", "input", "output", "voice", "modalities", "turn_detection",
      "input_audio_transcription", "input_audio_format", "output_audio_format", "input_audio_sampling_rate",
      "model", "prompt", "phrase_list", "commit", "name", "max_output_tokens"]), inner, max_size=4),
    max_leaves=8,
).filter(lambda value: isinstance(value, dict)))  # fmt: skip
@search
def test_whatever_a_vendor_says_can_be_read(table: Differences, session: Fields):
    from_vendor(session, table.session)
    from_vendor(session, table.request)
    decode.applied(session, table)


# ------------------------------------------------------------------ both sides


def said_back(wanted: Any, applied: Any) -> bool:
    """Whether a setting that was said is reported so; what was left to the service can be anything."""
    if isinstance(wanted, (TurnDetection, Transcription)):
        names = wanted.__struct_fields__
        return all(getattr(wanted, name) in (None, getattr(applied, name)) for name in names)
    return wanted == applied


@every_table
@given(data=st.data())
@search
def test_what_the_client_asks_for_the_simulated_service_applies_and_reports(
    table: Differences, data: st.DataObject
):
    wanted = data.draw(options(table))
    server = RealtimeServer(counted(), differences=table, model=next(iter(table.models), "m"))
    server.opened(1.0)
    session = encode.opening(wanted, table)
    frames = [
        json.loads(out.data)
        for out in server.receive(json.dumps({"type": "session.update", "session": session}), 1.0)
        if isinstance(out, Frame)
    ]
    assert frames[0]["type"] == "session.updated", frames
    applied = decode.applied(frames[0]["session"], table)
    for name, value in wanted.changes().items():
        reported = getattr(applied, name)
        if reported is not UNSET or name != "modalities":  # a service with one of them does not say it
            assert said_back(value, reported), (name, value, reported)
