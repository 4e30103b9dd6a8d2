"""Requests for a reply by themselves: what is on its way, until when it is waited for, and what is forgotten."""

from __future__ import annotations

from voicechatengine.messages import ResponseCreate
from voicechatengine.providers.realtime.replies import remember
from voicechatengine.providers.realtime.requests import ANSWER_S, PAUSE_S, SENT, Request, Requests


def made(requests: Requests, command: ResponseCreate, now: float) -> Request:
    """A request that was added, and went out."""
    requests.add(command)
    request = requests.next()
    assert request is not None
    requests.sent(request, f"event_{now:g}", now)
    return request


def test_so_many_requests_out_of_band_are_waited_for_and_beyond_that_not_the_oldest():
    for count in (SENT, SENT + 1):
        requests = Requests(30)
        sent = [made(requests, ResponseCreate(out_of_band=True), now) for now in range(count)]
        assert requests.overdue(1_000) == sent[-SENT:]
        assert requests.overdue(1_000) == []


def test_the_answer_to_a_turn_is_waited_for_so_long_and_then_asked_for():
    requests = Requests(30)
    requests.spoken(100, committed=False)
    requests.add(ResponseCreate())
    assert requests.next() is None
    assert requests.deadline() == 100 + ANSWER_S
    requests.overdue(100 + ANSWER_S)
    assert requests.next() == Request(ResponseCreate(), insisted=False)


def test_a_turn_that_was_committed_is_owed_a_reply_until_there_is_no_such_turn():
    requests = Requests(30)
    assert requests.owed is None
    requests.spoken(100, committed=True)
    assert requests.owed == ResponseCreate()
    requests.no_turn()
    assert requests.owed is None


def test_a_request_that_was_refused_for_a_response_nobody_has_seen_is_made_again_after_a_pause():
    requests = Requests(30)
    request = made(requests, ResponseCreate(), 100)
    assert requests.deadline() == 130
    assert requests.refused("event_100", active=True) is request
    assert requests.next() is None
    assert requests.deadline() == 100 + PAUSE_S
    requests.overdue(100 + PAUSE_S)
    assert requests.next() is request


def test_a_request_is_met_by_any_reply_unless_it_insists():
    assert not Request(ResponseCreate()).insisted


def test_so_much_is_remembered_and_the_oldest_is_forgotten_first():
    memory: dict[str, int] = {}
    for number in range(4):
        assert remember(memory, str(number), number, most=3) == number
        assert len(memory) == min(number + 1, 3)
    assert list(memory) == ["1", "2", "3"]
