"""The work that the model hands over: to the application, as delegations, or to a Responses backend, as its function calls.

A delegation to the application has an id and nothing else, and is answered by appends that bear the id. A Responses backend
makes calls in responses of its own; each call gets one item with its result, and when all calls of a response that is whole
have theirs, one ``response.create`` has the backend go on: the service refuses a part of them. It knows no turn.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from voicechatengine.errors import MessageError
from voicechatengine.session.remember import remember

Kind = Literal["delegation", "function", "earlier"]


class Run(msgspec.Struct):
    """One response of the backend: its calls, and which of them wait for a result. `whole`: it makes no more."""

    id: str
    calls: int = 0
    waiting: set[str] = msgspec.field(default_factory=set[str])
    whole: bool = False

    @property
    def complete(self) -> bool:
        """Whether the backend can go on."""
        return self.whole and self.calls > 0 and not self.waiting


class Backend:
    """The delegated work of one connection. `earlier` are calls that an earlier session made and that have no result."""

    def __init__(self, earlier: tuple[str, ...] = ()) -> None:
        self._calls: dict[str, Kind | None] = dict.fromkeys(earlier, "earlier")  # None: it has its result
        self._runs: dict[str, Run] = {}
        self._of_call: dict[str, str] = {}
        self._of_delegation: dict[str, str] = {}

    @property
    def busy(self) -> bool:
        """Whether the backend is at work, or waits for results."""
        return bool(self._runs)

    @property
    def waiting(self) -> tuple[str, ...]:
        """The ids of calls that have no result."""
        return tuple(call for call, kind in self._calls.items() if kind is not None)

    # -- what the service says

    def delegated(self, delegation_id: str) -> bool:
        """The model hands work to the application; whether that is news."""
        return self._add(delegation_id, "delegation")

    def correlate(self, delegation_id: str, response_id: str) -> None:
        """A delegation is done by this response."""
        remember(self._of_delegation, delegation_id, response_id)

    def run(self, response_id: str | None, delegation_id: str | None, *, begins: bool = False) -> Run:
        """The response of the backend that an event is about: by its id, else the one of its delegation that is not whole, or
        where it names none, the latest such. One that `begins` is a new one.
        """
        run = self._runs.get(response_id or "")
        named = self._of_delegation.get(delegation_id or "", "")
        if run is None and not begins:
            of_it = [self._runs.get(named)] if delegation_id else reversed(self._runs.values())
            run = next((each for each in of_it if each is not None and not each.whole), None)
        if run is None:
            key = response_id or named or delegation_id or "response"
            run = remember(self._runs, key, Run(key))
        if delegation_id:
            self.correlate(delegation_id, run.id)
        return run

    def called(self, run: Run, call_id: str) -> bool:
        """The backend calls a function; whether that is news."""
        if not self._add(call_id, "function"):
            return False
        run.calls += 1
        run.waiting.add(call_id)
        remember(self._of_call, call_id, run.id)
        return True

    def whole(self, run: Run) -> bool:
        """A response of the backend is over; whether it goes on now, because all its calls have their results already."""
        run.whole = True
        if run.complete or not run.calls:
            self._runs.pop(run.id, None)
        return run.complete

    # -- what the application says

    def kind(self, call_id: str) -> Kind:
        """What a call is that is to get its result. Raises `MessageError` for one that is not known, or has it."""
        if call_id not in self._calls:
            raise MessageError(
                f"no call {call_id!r} waits for a result", field="call_id", cure="use the id of a tool_call"
            )
        kind = self._calls[call_id]
        if kind is None:
            raise MessageError(
                f"the call {call_id} has its result", field="call_id", cure="give each call one result"
            )
        return kind

    def answer(self, call_id: str) -> bool:
        """A call gets its result; whether the backend goes on now."""
        self._calls[call_id] = None
        run = self._runs.get(self._of_call.get(call_id, ""))
        if run is None:
            return False
        run.waiting.discard(call_id)
        if run.complete:
            del self._runs[run.id]
        return run.complete

    def _add(self, call_id: str, kind: Kind) -> bool:
        if call_id in self._calls:
            return False
        remember(self._calls, call_id, kind)
        return True
