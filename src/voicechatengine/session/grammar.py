"""The legal order of events, as tables. Dialects obey it, tests and the contract kit check it.

    a response:    IDLE ──response_started──▶ OPEN ──chunks, calls──▶ OPEN
                                               │ └──interrupted──▶ CUT
                                               └─────────┬─────────┘
                                               response_completed
                                                         ▼
                                                        DONE   (nothing of it comes any more)

    a connection:  DISCONNECTED ▶ CONNECTING ▶ CONNECTED ⇄ RECONNECTING ▶ ERROR, see CONNECTION

Several responses may be open at once (one of the conversation, others out of band): each obeys the table by its id.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from voicechatengine.events import (
    EVENT_TYPES,
    AudioChunk,
    ConnectionState,
    EventData,
    Interrupted,
    ResponseCompleted,
    ResponseStarted,
    StateChanged,
    TextChunk,
    ToolCall,
)


class ResponseState(Enum):
    """Where a response is."""

    IDLE = "idle"
    OPEN = "open"
    CUT = "cut"
    DONE = "done"


RESPONSE: Final[dict[tuple[ResponseState, type], ResponseState]] = {
    (ResponseState.IDLE, ResponseStarted): ResponseState.OPEN,
    (ResponseState.OPEN, TextChunk): ResponseState.OPEN,
    (ResponseState.OPEN, AudioChunk): ResponseState.OPEN,
    (ResponseState.OPEN, ToolCall): ResponseState.OPEN,
    (ResponseState.OPEN, Interrupted): ResponseState.CUT,
    (ResponseState.OPEN, ResponseCompleted): ResponseState.DONE,
    (ResponseState.CUT, ResponseCompleted): ResponseState.DONE,
}
"""What may follow what within one response; a pair that is not here is illegal."""

OF_A_RESPONSE: Final = frozenset(kind for _, kind in RESPONSE)

_S = ConnectionState
CONNECTION: Final[dict[ConnectionState, frozenset[ConnectionState]]] = {
    _S.DISCONNECTED: frozenset({_S.CONNECTING}),
    _S.CONNECTING: frozenset({_S.CONNECTED, _S.DISCONNECTED, _S.ERROR}),
    _S.CONNECTED: frozenset({_S.RECONNECTING, _S.DISCONNECTED, _S.ERROR}),
    _S.RECONNECTING: frozenset({_S.CONNECTED, _S.DISCONNECTED, _S.ERROR}),
    _S.ERROR: frozenset({_S.CONNECTING, _S.DISCONNECTED}),
}
"""The states that may follow each state."""

QUIET: Final = frozenset({_S.DISCONNECTED, _S.ERROR})
"""States in which nothing but a change of state is legal (once a first one was seen)."""


class Grammar:
    """Checks a sequence of payloads against the tables. `check` says what is wrong with the next one, or None."""

    def __init__(self) -> None:
        self._responses: dict[str, ResponseState] = {}
        self._state: ConnectionState | None = None

    @property
    def open_responses(self) -> tuple[str, ...]:
        """The responses that have begun and not ended."""
        return tuple(r for r, state in self._responses.items() if state is not ResponseState.DONE)

    def check(self, data: EventData) -> str | None:
        """What is wrong with this payload coming now; None if it is legal (or of a custom type)."""
        kind = type(data)
        name = EVENT_TYPES.get(kind)
        if name is None:
            return None
        if isinstance(data, StateChanged):
            return self._change(data)
        if self._state in QUIET:
            return f"{name} came while {self._state}"
        if kind not in OF_A_RESPONSE:
            return None
        assert isinstance(
            data, (ResponseStarted, TextChunk, AudioChunk, ToolCall, Interrupted, ResponseCompleted)
        )
        response = data.response_id
        if not response:
            return f"{name} has no response id"
        state = self._responses.get(response, ResponseState.IDLE)
        after = RESPONSE.get((state, kind))
        if after is None:
            return f"{name} came for response {response}, which is {state.value}"
        self._responses[response] = after
        return None

    def _change(self, data: StateChanged) -> str | None:
        before = self._state
        self._state = data.state
        if before is not None and data.previous is not before:
            return f"state_changed says it was {data.previous}, and it was {before}"
        if data.state not in CONNECTION[data.previous]:
            return f"{data.state} cannot follow {data.previous}"
        if data.state in QUIET and self.open_responses:
            return f"{data.state} with open responses: {', '.join(self.open_responses)}"
        return None
