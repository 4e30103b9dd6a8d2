"""A conversation with the dialect of OpenAI Live as a transcript: what the service says, what the application says, what comes of it.

Every event is checked against the grammar, and every frame against the vendor's own types: it validates, and has no field that they
do not have.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import pybase64
from openai.types.live.client_event import ClientEvent
from pydantic import BaseModel, TypeAdapter

from voicechatengine.audio.convert import convert
from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.events import Event
from voicechatengine.messages import Command, Options
from voicechatengine.providers.openai_live import encode
from voicechatengine.providers.openai_live.client import OpenAILiveClient
from voicechatengine.session.dialect import Close, Frame, Restore
from voicechatengine.session.grammar import Grammar

CLIENT_EVENT: TypeAdapter[Any] = TypeAdapter(ClientEvent)


def counted_ids():
    count = itertools.count(1)
    return lambda word: f"{word}_{next(count)}"


def strange(value: Any, path: str = "") -> list[str]:
    """The fields in a validated message that the vendor's types do not have."""
    if isinstance(value, BaseModel):
        found = [f"{path}.{name}" for name in value.model_extra or ()]
        return found + [
            each
            for name in type(value).model_fields
            for each in strange(getattr(value, name), f"{path}.{name}")
        ]
    if isinstance(value, list):
        return [each for index, inner in enumerate(value) for each in strange(inner, f"{path}[{index}]")]
    return []


class Script:
    """One connection. `events` and `frames` hold what the last step gave; `now` is the time of the next one."""

    def __init__(
        self,
        options: Options | None = None,
        *,
        restore: Restore | None = None,
        started: bool = True,
        patience: float = 30,
        **session: Any,
    ):
        self.restore = restore or Restore(options=options or Options())
        self.client = OpenAILiveClient(self.restore, counted_ids(), patience=patience)
        self.form = encode.audio_format(self.restore.options)
        self.grammar = Grammar()
        self.now = 1000.0
        self.position = 0.0
        self.events: list[Event] = []
        self.frames: list[dict[str, Any]] = []
        self.closes: list[Close] = []
        self._take(self.client.opened(self.now))
        self.start = self.frames
        if started:
            self.says("session.started", session={"id": "sess_1", "model": "gpt-live-1", **session})

    def _take(self, outputs: Any) -> Script:
        self.events, self.frames = [], []
        for output in outputs:
            if isinstance(output, Frame):
                message = json.loads(output.data)
                assert strange(CLIENT_EVENT.validate_python(message)) == []
                self.frames.append(message)
            elif isinstance(output, Close):
                self.closes.append(output)
            else:
                assert self.grammar.check(output) is None, self.grammar.check(output)
                self.events.append(output)
        return self

    # -- the service

    def says(self, kind: str, **fields: Any) -> Script:
        """The service sends a message."""
        return self.raw(json.dumps({"type": kind, "event_id": "event_s", **fields}))

    def raw(self, frame: bytes | str) -> Script:
        return self._take(self.client.receive(frame, self.now))

    def sounds(self, ms: float = 100, *, silent: bool = False, passes: bool = True) -> Script:
        """The service sends output, which takes its time."""
        plain = AudioFormat(sample_rate=self.form.sample_rate)
        audio = self.form.silence(ms) if silent else convert(tone(plain, ms), plain, self.form)
        if passes:
            self.now += ms / 1000
        self.position += ms
        return self.says("session.output_audio.delta", delta=pybase64.b64encode(audio).decode())

    def is_silent(self, ms: float, step: float = 100) -> Script:
        """Silence in stretches; `events` are those of all."""
        return self._several(lambda: self.sounds(step, silent=True), int(ms / step))

    def speaks(self, ms: float, step: float = 100) -> Script:
        """Sound in stretches; `events` are those of all."""
        return self._several(lambda: self.sounds(step), int(ms / step))

    def _several(self, step: Any, times: int) -> Script:
        events: list[Event] = []
        frames: list[dict[str, Any]] = []
        for _ in range(times):
            step()
            events += self.events
            frames += self.frames
        self.events, self.frames = events, frames
        return self

    def words(self, delta: str, start: float | None = None, end: float | None = None) -> Script:
        """Words of the model, by default at the output's position."""
        start = self.position if start is None else start
        return self.says(
            "session.output_transcript.delta",
            delta=delta,
            start_ms=start,
            end_ms=start + 200 if end is None else end,
        )

    def hears(self, delta: str, start: float, end: float | None = None) -> Script:
        """Words of the user."""
        return self.says(
            "session.input_transcript.delta",
            delta=delta,
            start_ms=start,
            end_ms=start + 200 if end is None else end,
        )

    def calls(self, call: str, name: str = "f", arguments: str = "{}", **fields: Any) -> Script:
        """The Responses backend calls a function."""
        item = {
            "type": "function_call",
            "id": f"item_{call}",
            "call_id": call,
            "name": name,
            "arguments": arguments,
        }
        return self.backend("response.output_item.done", item=item, **fields)

    def backend(self, kind: str, delegation: str | None = "d1", **fields: Any) -> Script:
        """A streaming event of the Responses backend."""
        return self.says("response.event", delegation_id=delegation, event={"type": kind, **fields})

    # -- the application

    def does(self, command: Command) -> Script:
        """The application sends a command."""
        return self._take(self.client.send(command, self.now))

    def ends(self, code: int = 1006, reason: str = "") -> Script:
        return self._take(self.client.closed(Close(code, reason), self.now))

    # -- time

    def waits(self, seconds: float) -> Script:
        """Time passes, deadline by deadline; `events` and `frames` are those of all."""
        end = self.now + seconds
        events: list[Event] = []
        frames: list[dict[str, Any]] = []
        while (due := self.client.deadline()) is not None and due <= end:
            self.now = max(due, self.now)
            self._take(self.client.expired(self.now))
            events += self.events
            frames += self.frames
        self.now, self.events, self.frames = end, events, frames
        return self

    # -- reading

    @property
    def names(self) -> list[str]:
        """The kinds of the events, one after the other, each run of a kind once."""
        return [name for name, _ in itertools.groupby(type(event).__name__ for event in self.events)]

    @property
    def types(self) -> list[str]:
        """The types of the frames, silence left out."""
        return [kind for frame in self.frames if (kind := frame["type"]) != "session.input_audio.append"]

    def only(self, kind: type) -> Any:
        (event,) = [event for event in self.events if isinstance(event, kind)]
        return event
