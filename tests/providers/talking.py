"""The client of OpenAI's realtime wire with a vendor's differences, between what is said to it and what it says."""

from __future__ import annotations

import itertools
import json
from typing import Any

from voicechatengine.events import Event
from voicechatengine.messages import Command, Options
from voicechatengine.providers.realtime.client import RealtimeClient
from voicechatengine.providers.realtime.differences import Differences
from voicechatengine.session.dialect import Frame, Restore
from voicechatengine.session.grammar import Grammar

OPEN: dict[str, Any] = {
    "type": "response.created",
    "event_id": "e",
    "response": {"id": "r1", "object": "realtime.response", "status": "in_progress", "output": []},
}
"""Begins a response."""


class Talk:
    """A session; events are checked against the grammar, `frames` is all that was sent."""

    def __init__(self, differences: Differences, options: Options | None = None) -> None:
        count = itertools.count(1)
        restore = Restore(options=options or Options(turn_detection=None))
        self.client = RealtimeClient(restore, lambda word: f"{word}_{next(count)}", differences=differences)
        self.grammar = Grammar()
        self.frames: list[dict[str, Any]] = []
        self.hears({"type": "session.created", "event_id": "e", "session": {"id": "sess_1"}})

    def hears(self, message: dict[str, Any]) -> list[Event]:
        return self._take(self.client.receive(json.dumps(message), 1000.0))

    def does(self, command: Command) -> list[Event]:
        return self._take(self.client.send(command, 1000.0))

    def _take(self, outputs: Any) -> list[Event]:
        found: list[Event] = []
        for output in outputs:
            if isinstance(output, Frame):
                self.frames.append(json.loads(output.data))
            else:
                assert self.grammar.check(output) is None, self.grammar.check(output)
                found.append(output)
        return found
