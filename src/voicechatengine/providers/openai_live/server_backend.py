"""Delegated work as the service keeps it: delegations to the client, and the calls of a Responses backend.

A provider's call of a tool becomes one of the two; a result finds its way back by the id. It knows no session.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from voicechatengine.events import ResponseCompleted, ToolCall
from voicechatengine.messages import ToolResult
from voicechatengine.providers.openai_live import wire
from voicechatengine.providers.openai_live.server_checks import Refused
from voicechatengine.session.dialect import Ids


class Backend:
    """Writes what is delegated through `say`."""

    def __init__(self, ids: Ids, say: Callable[[wire.ServerMessage], None]) -> None:
        self._ids = ids
        self._say = say
        self._delegations: dict[str, str | None] = {}  # the provider's call; None: it has its result
        self._runs: dict[
            str, tuple[str, str]
        ] = {}  # by the provider's response: the backend's, its delegation
        self._waiting: set[str] = set()  # calls without a result

    # -- to the client

    def delegate(self, call_id: str, at_ms: int) -> None:
        """The model delegates to the client."""
        delegation_id = self._ids("deleg")
        self._delegations[delegation_id] = call_id
        given = wire.Delegation(delegation_id, "delegation", "client")
        self._say(wire.DelegationCreated(delegation=given, offset_ms=at_ms))

    def check_delegation(self, delegation_id: str) -> None:
        """Refuses an id that there is none of."""
        if delegation_id not in self._delegations:
            raise Refused("invalid_value", f"There is no delegation '{delegation_id}'.", "delegation_id")

    def answer_delegation(self, delegation_id: str | None) -> str | None:
        """The provider's call that commentary answers, if it is the first on it."""
        call_id = self._delegations.get(delegation_id or "")
        if delegation_id is not None:
            self._delegations[delegation_id] = None
        return call_id

    # -- to a Responses backend

    def call(self, event: ToolCall, at_ms: int) -> None:
        """The backend calls a function."""
        key = event.response_id or ""
        run = self._runs.get(key)
        if run is None:
            run = self._runs[key] = (self._ids("resp"), self._ids("deleg"))
            given = wire.Delegation(run[1], "delegation", "responses", run[0])
            self._say(wire.DelegationCreated(delegation=given, offset_ms=at_ms))
            self._event(
                run, {"type": "response.created", "response": {"id": run[0], "status": "in_progress"}}
            )
        self._waiting.add(event.call_id)
        item = {
            "id": self._ids("fc"),
            "type": "function_call",
            "status": "completed",
            "call_id": event.call_id,
            "name": event.name,
            "arguments": event.arguments,
        }
        self._event(run, {"type": "response.output_item.done", "output_index": 0, "item": item})

    def completed(self, event: ResponseCompleted) -> None:
        """The provider's reply is over, and with it what the backend did in it."""
        run = self._runs.pop(event.response_id, None)
        if run is None:
            return
        response: dict[str, Any] = {"id": run[0], "status": "completed"}
        if event.usage is not None:
            response["usage"] = {
                "input_tokens": event.usage.input_tokens,
                "output_tokens": event.usage.output_tokens,
                "total_tokens": event.usage.total_tokens,
            }
        self._event(run, {"type": "response.completed", "response": response})

    def result(self, item: Mapping[str, Any]) -> ToolResult:
        """The result of a call."""
        call_id, output = item.get("call_id"), item.get("output")
        if call_id not in self._waiting:
            raise Refused("invalid_value", f"No call '{call_id}' waits for an output.", "item.call_id")
        if not isinstance(output, str):
            raise Refused("invalid_type", "Invalid type for 'item.output': expected a string.", "item.output")
        self._waiting.discard(str(call_id))
        return ToolResult(str(call_id), output)

    def check_whole(self) -> None:
        """Refuses to go on while calls have no result."""
        if self._waiting:
            text = f"No tool output found for: {', '.join(sorted(self._waiting))}."
            raise Refused("missing_tool_output", text)

    def _event(self, run: tuple[str, str], event: dict[str, Any]) -> None:
        self._say(wire.ResponseEvent(event=event, delegation_id=run[1]))
