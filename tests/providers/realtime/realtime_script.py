"""A conversation with the OpenAI dialect as a transcript: what the service says, what the application says, what comes of it.

Every event is checked against the grammar, and every frame against the vendor's own types.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import pybase64
from openai.types.realtime import RealtimeClientEvent
from pydantic import TypeAdapter

from voicechatengine.events import Event
from voicechatengine.messages import Command, Options, TurnDetection
from voicechatengine.providers.realtime.client import RealtimeClient
from voicechatengine.session.dialect import Close, Frame, Restore
from voicechatengine.session.grammar import Grammar

CLIENT_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeClientEvent)
MANUAL = Options(turn_detection=None)
VAD = Options(turn_detection=TurnDetection())
MS = b"\1\0" * 24  # a millisecond of audio


def counted_ids():
    count = itertools.count(1)
    return lambda word: f"{word}_{next(count)}"


class Script:
    """One connection. `events` and `frames` hold what the last step gave; `now` is the time of the next one."""

    def __init__(
        self,
        options: Options = VAD,
        *,
        restore: Restore | None = None,
        opened: bool = True,
        patience: float = 30,
    ):
        self.client = RealtimeClient(restore or Restore(options=options), counted_ids(), patience=patience)
        self.grammar = Grammar()
        self.now = 1000.0
        self.events: list[Event] = []
        self.frames: list[dict[str, Any]] = []
        assert not self.client.opened(self.now)
        if opened:
            self.says("session.created", session={"id": "sess_1"})

    def _take(self, outputs) -> Script:
        self.events, self.frames = [], []
        for output in outputs:
            if isinstance(output, Frame):
                message = json.loads(output.data)
                CLIENT_EVENT.validate_python(message)
                self.frames.append(message)
            else:
                assert not isinstance(output, Close)
                assert self.grammar.check(output) is None, self.grammar.check(output)
                self.events.append(output)
        return self

    def says(self, kind: str, **fields: Any) -> Script:
        """The service sends a message."""
        return self.raw(json.dumps({"type": kind, "event_id": "event_s", **fields}).encode())

    def raw(self, frame: bytes | str) -> Script:
        return self._take(self.client.receive(frame, self.now))

    def does(self, command: Command) -> Script:
        """The application sends a command."""
        return self._take(self.client.send(command, self.now))

    def ends(self, code: int = 1006, reason: str = "") -> Script:
        return self._take(self.client.closed(Close(code, reason), self.now))

    def waits(self, seconds: float | None = None) -> Script:
        """Time passes: so long, or until the dialect's own deadline."""
        due = self.client.deadline()
        assert due is not None, "nothing is waited for"
        self.now = due if seconds is None else self.now + seconds
        return self._take(self.client.expired(self.now) if self.now >= due else ())

    # -- what a service usually says

    def begins(self, response: str = "r1", conversation: str | None = "conv", **fields: Any) -> Script:
        body = {"id": response, "status": "in_progress", "conversation_id": conversation, **fields}
        return self.says("response.created", response=body)

    def speaks(self, ms: int, response: str = "r1", item: str = "i1") -> Script:
        delta = pybase64.b64encode(MS * ms).decode()
        return self.says("response.output_audio.delta", response_id=response, item_id=item, delta=delta)

    def done(
        self, response: str = "r1", status: str = "completed", reason: str | None = None, **fields: Any
    ) -> Script:
        details = {"type": status, "reason": reason} if reason else None
        body = {
            "id": response,
            "status": status,
            "status_details": details,
            "conversation_id": "conv",
            **fields,
        }
        return self.says("response.done", response=body)

    def refuses(self, code: str | None, event_id: str | None, **fields: Any) -> Script:
        error = {
            "type": "invalid_request_error",
            "code": code,
            "message": "no",
            "event_id": event_id,
            **fields,
        }
        return self.says("error", error=error)

    # -- what came of it

    @property
    def kinds(self) -> list[str]:
        """The types of the frames that the last step sent."""
        return [frame["type"] for frame in self.frames]

    @property
    def names(self) -> list[str]:
        """The types of the events that the last step gave."""
        return [type(event).__name__ for event in self.events]

    @property
    def event(self) -> Any:
        """The only event of the last step."""
        (event,) = self.events
        return event

    @property
    def frame(self) -> dict[str, Any]:
        """The only frame of the last step."""
        (frame,) = self.frames
        return frame
