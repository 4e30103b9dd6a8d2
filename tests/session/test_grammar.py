"""The legal order of events: the tables, the drawing of them, and the checker that reads them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechatengine.events import (
    EVENT_TYPES,
    AudioChunk,
    ConnectionState,
    ErrorInfo,
    Interrupted,
    ResponseCompleted,
    ResponseStarted,
    SessionCreated,
    StateChanged,
    TextChunk,
    ToolCall,
    Usage,
    UsageReport,
)
from voicechatengine.session import grammar
from voicechatengine.session.grammar import CONNECTION, OF_A_RESPONSE, QUIET, RESPONSE, Grammar, ResponseState

S = ConnectionState
MAKE = {
    ResponseStarted: ResponseStarted,
    TextChunk: lambda r: TextChunk("hi", response_id=r),
    AudioChunk: lambda r: AudioChunk(b"\0\0", response_id=r),
    ToolCall: lambda r: ToolCall("c", "f", "{}", response_id=r),
    Interrupted: Interrupted,
    ResponseCompleted: ResponseCompleted,
}


def check_all(*payloads):
    """What a new grammar says to each."""
    judge = Grammar()
    return [judge.check(payload) for payload in payloads]


# ------------------------------------------------------------------ the drawing agrees with the tables


def test_the_drawing_of_a_response_has_the_tables_states_and_arrows():
    drawing = grammar.__doc__.split("a response:")[1].split("a connection:")[0]
    assert set(re.findall(r"\b[A-Z]{3,}\b", drawing)) == {state.name for state in ResponseState}
    drawn = {(ResponseState.OPEN, kind): ResponseState.OPEN for kind in (TextChunk, AudioChunk, ToolCall)}
    assert re.search(r"IDLE ──response_started──▶ OPEN ──chunks, calls──▶ OPEN", drawing)
    drawn[ResponseState.IDLE, ResponseStarted] = ResponseState.OPEN
    assert re.search(r"──interrupted──▶ CUT", drawing)
    drawn[ResponseState.OPEN, Interrupted] = ResponseState.CUT
    assert re.search(r"response_completed\s+▼\s+DONE", drawing)
    drawn[ResponseState.OPEN, ResponseCompleted] = drawn[ResponseState.CUT, ResponseCompleted] = (
        ResponseState.DONE
    )
    assert drawn == RESPONSE


def test_the_drawing_of_a_connection_goes_along_legal_steps_and_names_every_state():
    line = grammar.__doc__.split("a connection:")[1].split(", see")[0]
    states = [S[name] for name in re.findall(r"[A-Z]+", line)]
    assert set(states) == set(S)
    for before, arrow, after in zip(states, re.findall(r"[▶⇄]", line), states[1:], strict=False):
        assert after in CONNECTION[before]
        assert (before in CONNECTION[after]) or arrow == "▶"


def test_every_state_has_a_way_out_and_no_way_to_itself():
    assert set(CONNECTION) == set(S)
    for state, following in CONNECTION.items():
        assert following
        assert state not in following


def test_one_may_disconnect_in_every_state_but_the_one_that_is_so_already():
    assert {state for state, following in CONNECTION.items() if S.DISCONNECTED in following} == {*S} - {
        S.DISCONNECTED
    }


def test_nothing_follows_a_completed_response():
    assert not [state for state, _ in RESPONSE if state is ResponseState.DONE]


# ------------------------------------------------------------------ the checker obeys the tables


@given(st.lists(st.tuples(st.sampled_from(list(MAKE)), st.sampled_from(["r1", "r2"])), max_size=12))
def test_each_response_obeys_the_table_by_its_own_id(steps):
    judge, states = Grammar(), {}
    for kind, response in steps:
        before = states.get(response, ResponseState.IDLE)
        wrong = judge.check(MAKE[kind](response))
        if (before, kind) in RESPONSE:
            assert wrong is None
            states[response] = RESPONSE[before, kind]
        else:
            assert wrong == f"{EVENT_TYPES[kind]} came for response {response}, which is {before.value}"
    still_open = {r for r, state in states.items() if state in (ResponseState.OPEN, ResponseState.CUT)}
    assert set(judge.open_responses) == still_open


@given(st.lists(st.sampled_from(list(S)), min_size=1, max_size=10))
def test_each_change_of_state_obeys_the_table(states):
    judge, before = Grammar(), S.DISCONNECTED
    for state in states:
        wrong = judge.check(StateChanged(state, before))
        assert wrong == (None if state in CONNECTION[before] else f"{state} cannot follow {before}")
        before = state


def test_a_change_tells_the_truth_about_the_state_before():
    said = check_all(StateChanged(S.CONNECTING, S.DISCONNECTED), StateChanged(S.CONNECTED, S.RECONNECTING))
    assert said == [None, "state_changed says it was reconnecting, and it was connecting"]


@pytest.mark.parametrize("kind", sorted(OF_A_RESPONSE, key=lambda kind: EVENT_TYPES[kind]))
def test_what_belongs_to_a_response_names_it(kind):
    assert check_all(MAKE[kind]("")) == [f"{EVENT_TYPES[kind]} has no response id"]


def test_nothing_but_a_change_of_state_comes_while_disconnected():
    said = check_all(
        StateChanged(S.CONNECTING, S.DISCONNECTED),
        StateChanged(S.ERROR, S.CONNECTING),
        SessionCreated("s"),
        StateChanged(S.CONNECTING, S.ERROR),
        SessionCreated("s"),
    )
    assert said == [None, None, "session_created came while error", None, None]
    assert {S.DISCONNECTED, S.ERROR} == QUIET


def test_before_the_first_change_of_state_everything_may_come():
    assert check_all(SessionCreated("s"), ResponseStarted("r"), ErrorInfo("c", "m")) == [None, None, None]


def test_a_connection_does_not_end_while_a_response_is_open():
    connected = StateChanged(S.CONNECTED, S.CONNECTING)
    said = check_all(connected, ResponseStarted("r"), StateChanged(S.DISCONNECTED, S.CONNECTED))
    assert said == [None, None, "disconnected with open responses: r"]
    said = check_all(
        connected, ResponseStarted("r"), ResponseCompleted("r"), StateChanged(S.ERROR, S.CONNECTED)
    )
    assert said == [None, None, None, None]


def test_what_is_of_no_response_and_custom_types_may_come_at_any_time():
    said = check_all(UsageReport(Usage()), ResponseStarted("r"), {"own": 1}, UsageReport(Usage()))
    assert said == [None, None, None, None]
