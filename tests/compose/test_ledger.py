"""The account of a conversation: what is kept of the user's audio through sessions of one provider."""

from __future__ import annotations

import pytest
from relaying import FORMAT, WIDE, marked, marks

from voicechatengine import ErrorInfo, ItemAdded, SpeechStarted, SpeechStopped, TurnDetection
from voicechatengine.compose.ledger import Ledger
from voicechatengine.messages import ActivityEnd, AudioAppend, ResponseCreate


def ledger() -> Ledger:
    made = Ledger(FORMAT)
    made.by_itself(TurnDetection())
    made.connection_back(resumed=False, first=True)
    return made


def say(account: Ledger, start: int, stop: int) -> None:
    account.sending(AudioAppend(marked(start, stop)))


@pytest.mark.parametrize("cut", [True, False])
def test_positions_of_a_new_session_count_from_what_is_said_again(cut):
    """After a cut, and after a hand-over without one; outside, positions go on."""
    account = ledger()
    say(account, 1, 5001)
    assert account.received(SpeechStarted(4000, "u")) == SpeechStarted(4000, "u")
    if cut:
        account.connection_lost()
    say(account, 5001, 5501)
    account.connection_back(resumed=False, first=False)
    say(account, 5501, 6001)
    assert account.received(SpeechStarted(0, "v")) == SpeechStarted(4000, "v")
    assert account.received(SpeechStopped(1000, "v")) == SpeechStopped(5000, "v")
    account.received(ItemAdded("v", "user", kind="speech"))
    assert marks(account.stock(again=True).audio)[0] == 5001


def test_positions_of_a_resumed_session_go_on():
    account = ledger()
    say(account, 1, 5001)
    account.connection_lost()
    account.connection_back(resumed=True, first=False)
    assert account.received(SpeechStarted(4000)).position_ms == 4000
    assert account.received(SpeechStarted()) == SpeechStarted()


def test_a_change_of_format_begins_the_audio_anew_at_the_same_time():
    account = ledger()
    say(account, 1, 1001)
    account.change_format(WIDE)
    assert account.stock(again=False).audio == b""
    account.sending(AudioAppend(WIDE.silence(500)))
    assert account.received(SpeechStarted(100)).position_ms == 1100


def test_a_request_that_the_provider_refuses_later_is_not_owed():
    for command in (ResponseCreate(), ActivityEnd()):
        account = ledger()
        account.sending(command)
        assert account.unsettled
        account.received(ErrorInfo("refused", "no", command="response_create"))
        assert not account.unsettled
