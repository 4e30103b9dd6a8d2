"""Flux's client, read like a transcript: what goes out, and what is made of what comes in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from voicechatengine import AudioError, ConnectionError, DeadlineError
from voicechatengine.errors import ProtocolError
from voicechatengine.provider import Timeouts
from voicechatengine.providers.deepgram import DeepgramConfig
from voicechatengine.providers.deepgram.listening import (
    SILENT_S,
    Audio,
    By,
    Finish,
    FluxClient,
    Hint,
    News,
    Nothing,
)
from voicechatengine.session.dialect import Close, Frame, Ready, Restore

SECOND = bytes(32_000)  # of silence, at 16 kHz


def said(outputs: Sequence[Any]) -> list[Any]:
    """What goes out: messages as they are, audio as its length."""
    return [
        len(out.data) if out.binary else json.loads(out.data) for out in outputs if isinstance(out, Frame)
    ]


def info(event: str, turn: int = 0, text: str = "", end: float = 0.0, *times: float) -> str:
    words = [{"word": "w", "confidence": 1.0, "start": at, "end": at + 0.1} for at in times]
    message = {"type": "TurnInfo", "event": event, "turn_index": turn, "transcript": text, "words": words}
    return json.dumps({**message, "audio_window_start": 0.0, "audio_window_end": end, "new": "field"})


def client(**options: Any) -> FluxClient:
    flux = FluxClient(DeepgramConfig(api_key="k", **options))
    assert list(flux.opened(0.0)) == []
    assert list(flux.receive('{"type":"Connected","request_id":"r","sequence_id":0}', 0.0)) == [Ready()]
    return flux


def test_audio_goes_out_in_pieces_of_80_ms_and_what_is_left_with_the_end():
    flux = client()
    assert said(flux.send(Audio(bytes(2_000)), 0.0)) == []
    assert said(flux.send(Audio(bytes(4_000)), 0.0)) == [2_560, 2_560]
    assert said(flux.send(Finish(), 0.0)) == [880, {"type": "ForceEndTurn"}]
    assert said(flux.send(Finish(), 0.0)) == [{"type": "ForceEndTurn"}]


def test_half_a_sample_is_refused():
    flux = client()
    with pytest.raises(AudioError, match="no whole number"):
        flux.send(Audio(b"abc"), 0.0)
    assert said(flux.send(Finish(), 0.0)) == [{"type": "ForceEndTurn"}]


def test_the_news_of_a_turn_say_how_long_ago_it_was():
    flux = client()
    flux.send(Audio(SECOND * 2), 0.0)
    assert flux.receive(info("StartOfTurn", 0, "", 1.5), 0.0) == [News("began", 0, "", 500.0)]
    assert flux.receive(info("Update", 0, "one", 1.75, 1.5), 0.0) == [News("words", 0, "one", 250.0)]
    assert flux.receive(info("EagerEndOfTurn", 0, "one", 2.0, 1.5), 0.0) == [
        News("likely_end", 0, "one", pytest.approx(400.0))
    ]
    assert flux.receive(info("TurnResumed", 0, "one two", 2.0), 0.0) == [News("resumed", 0, "one two", 0.0)]
    assert flux.receive(info("EndOfTurn", 0, "one two", 2.0), 0.0) == [News("ended", 0, "one two", 0.0)]
    assert flux.receive(info("StartOfTurn", 1, "a", 2.0, 0.5), 0.0) == [News("began", 1, "a", 1500.0)]
    assert flux.receive(info("Something", 1), 0.0) == []


def test_the_client_ends_turns_only_while_it_says_so():
    flux = client(eot_threshold=0.8)
    assert said(flux.send(By(hand=False), 0.0)) == []
    by_hand = {"type": "Configure", "thresholds": {"eot_threshold": 1.0, "eot_timeout_ms": 60_000}}
    assert said(flux.send(By(hand=True), 0.0)) == [by_hand]
    assert said(flux.send(By(hand=True), 0.0)) == []
    by_flux = {"type": "Configure", "thresholds": {"eot_threshold": 0.8, "eot_timeout_ms": 5_000}}
    assert said(flux.send(By(hand=False), 0.0)) == [by_flux]


def test_a_language_is_hinted_at_once():
    flux = client(model="flux-general-multi")
    assert said(flux.send(Hint("de"), 0.0)) == [{"type": "Configure", "language_hints": ["de"]}]
    assert said(flux.send(Hint("de"), 0.0)) == []


def test_where_nobody_spoke_the_end_is_answered_after_a_while():
    flux = client()
    flux.send(Audio(SECOND), 1.0)
    flux.send(Finish(), 1.0)
    assert flux.deadline() == 1.0 + SILENT_S
    assert flux.expired(1.0 + SILENT_S) == [Nothing()]
    assert flux.deadline() is None


def test_a_turn_that_has_begun_is_waited_for_longer():
    flux = client(timeouts=Timeouts(response=7.0))
    flux.send(Audio(SECOND), 1.0)
    flux.send(Finish(), 1.0)
    flux.receive(info("StartOfTurn", 0, "w", 1.0), 2.0)
    assert flux.deadline() == 2.0 + 7.0
    flux.receive(info("EndOfTurn", 0, "w", 1.0), 3.0)
    assert flux.deadline() is None
    flux.receive(info("StartOfTurn", 1, "w", 1.0), 4.0)
    flux.send(Finish(), 4.0)
    (error,) = flux.expired(11.0)
    assert isinstance(error, DeadlineError)
    assert "within 7 s" in str(error)


def test_a_turn_that_is_not_wanted_is_not_told_of():
    """Neither one that had begun, nor one that begins in audio from before."""
    flux = client()
    flux.send(Audio(SECOND), 0.0)
    flux.receive(info("StartOfTurn", 0, "", 0.5), 0.0)
    assert said(flux.send(Finish(wanted=False), 0.0))[-1] == {"type": "ForceEndTurn"}
    assert flux.deadline() is None
    assert flux.receive(info("EndOfTurn", 0, "old", 1.0), 0.0) == []
    flux.send(Audio(SECOND), 0.0)
    flux.send(Finish(wanted=False), 0.0)
    flux.send(Audio(SECOND), 0.0)
    assert flux.receive(info("StartOfTurn", 1, "", 1.9), 0.0) == []
    assert flux.receive(info("EndOfTurn", 1, "old", 2.0), 0.0) == []
    assert flux.receive(info("StartOfTurn", 2, "", 2.5), 0.0) == [News("began", 2, "", 500.0)]


@pytest.mark.parametrize(
    ("frame", "kind", "words", "cure"),
    [
        (
            '{"type":"Error","code":"NET-0001","description":"No audio."}',
            ConnectionError,
            "No audio",
            "again",
        ),
        ('{"type":"Error","code":"UNPARSABLE_CLIENT_MESSAGE"}', ConnectionError, "UNPARSABLE", "authors"),
        ('{"type":"Error"}', ConnectionError, "Deepgram failed", "later"),
        ('{"type":"ConfigureFailure","description":"No such hint."}', ConnectionError, "No such", "option"),
        ("<html>", ProtocolError, "cannot be read", "the url"),
        ('{"type":"TurnInfo","event":1}', ProtocolError, "cannot be read", "the url"),
    ],
)
def test_what_ends_the_connection_says_what_to_change(frame, kind, words, cure):
    (error,) = client().receive(frame, 0.0)
    assert isinstance(error, kind)
    assert words in str(error)
    assert cure in error.cure


@pytest.mark.parametrize("frame", ['{"type":"Warning","code":"W","description":"d"}', '{"type":"News"}'])
def test_what_nobody_could_do_anything_about_is_passed_over(frame):
    assert list(client().receive(frame, 0.0)) == []


def test_a_connection_leaves_nothing_behind():
    flux = client()
    flux.send(Finish(), 0.0)
    assert list(flux.closed(Close(), 0.0)) == []
    assert flux.deadline() is None
    assert flux.snapshot() == Restore()
