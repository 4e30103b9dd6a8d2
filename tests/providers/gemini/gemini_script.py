"""A conversation with Gemini's dialect as a transcript: what the service says, what the application says, what comes of it.

Every event is checked against the grammar, and every frame against the vendor's own types.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import pybase64
from google.genai import types

from voicechatengine.events import Event
from voicechatengine.messages import (
    Command,
    ItemCreate,
    MessageItem,
    Options,
    ResponseCreate,
    TextPart,
    Tool,
    TurnDetection,
)
from voicechatengine.providers.gemini.client import GeminiClient
from voicechatengine.providers.gemini.encode import Surface
from voicechatengine.session.dialect import Close, Frame, Restore
from voicechatengine.session.grammar import Grammar

OLD, MIDDLE, NEW = "gemini-2.5-flash-native-audio-latest", "gemini-3.1-flash-live-preview", "gemini-3.8-live"
VERTEX = Surface(vertex=True, project="p", location="europe-west4")
VAD = TurnDetection()
MS = b"\1\0" * 16  # a millisecond of the user's audio
SPOKEN = b"\1\0" * 24  # and of the model's
TOOL = Tool("f", "Does it.", {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})


def said(text: str, item_id: str = "", role: str = "user") -> ItemCreate:
    return ItemCreate(MessageItem(role, (TextPart(text),), item_id))  # type: ignore[arg-type]


def counted_ids():
    count = itertools.count(1)
    return lambda word: f"{word}_{next(count)}"


def check_frame(frame: bytes) -> dict[str, Any]:
    """The message, which the vendor's package knows; its set-up type lacks one field that its configuration has."""
    message: dict[str, Any] = json.loads(frame)
    assert len(message) == 1
    known = json.loads(frame)
    listening = known.get("setup", {}).pop("realtimeInputConfig", None)
    types.LiveClientMessage.model_validate(known)
    if listening is not None:
        types.RealtimeInputConfig.model_validate(listening)
    return message


class Script:
    """One connection. `events` and `frames` hold what the last step gave; `now` is the time of the next one."""

    def __init__(
        self,
        options: Options | None = None,
        *,
        model: str = NEW,
        restore: Restore | None = None,
        opened: bool = True,
        surface: Surface | None = None,
        patience: float = 30,
        **given: Any,
    ):
        options = options or Options(model=model, **{"turn_detection": VAD, **given})
        restore = restore or Restore(options=options)
        self.client = GeminiClient(restore, counted_ids(), surface=surface or Surface(), patience=patience)
        self.grammar = Grammar()
        self.now = 1000.0
        self.events: list[Event] = []
        self.frames: list[dict[str, Any]] = []
        self._take(self.client.opened(self.now))
        (self.setup,) = (frame["setup"] for frame in self.frames)
        if opened:
            self.says(setupComplete={"sessionId": "s1"})

    def _take(self, outputs) -> Script:
        self.events, self.frames = [], []
        for output in outputs:
            if isinstance(output, Frame):
                assert not output.binary
                self.frames.append(check_frame(output.data))
            else:
                assert not isinstance(output, Close)
                assert self.grammar.check(output) is None, self.grammar.check(output)
                self.events.append(output)
        return self

    def says(self, **keys: Any) -> Script:
        """The service sends a message."""
        return self.raw(json.dumps(keys).encode())

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
        if seconds is None:
            assert due is not None, "nothing is waited for"
            self.now = max(self.now, due)
        else:
            self.now += seconds
        return self._take(self.client.expired(self.now) if due is not None and self.now >= due else ())

    # -- what is usually said

    def asks(self, text: str = "Hi") -> Script:
        """The application writes, and asks for a reply."""
        self.does(said(text))
        return self.does(ResponseCreate())

    def content(self, **content: Any) -> Script:
        return self.says(serverContent=content)

    def writes(self, text: str, **part: Any) -> Script:
        return self.content(modelTurn={"parts": [{"text": text, **part}]})

    def speaks(self, ms: int = 10, **content: Any) -> Script:
        return self.content(modelTurn={"parts": [audio(SPOKEN * ms)]}, **content)

    def words(self, text: str) -> Script:
        return self.content(outputTranscription={"text": text})

    def hears(self, text: str, **more: Any) -> Script:
        return self.content(inputTranscription={"text": text, **more})

    def calls(self, *ids: str, name: str = "f", **args: Any) -> Script:
        return self.says(
            toolCall={"functionCalls": [{"id": each, "name": name, "args": args} for each in ids]}
        )

    def activity(self, kind: str, offset: str | None = None) -> Script:
        return self.says(voiceActivity={"type": f"ACTIVITY_{kind}", "audioOffset": offset})

    def done(self, usage: dict[str, Any] | None = None, **content: Any) -> Script:
        """The turn ends."""
        keys = {"serverContent": {"turnComplete": True, **content}}
        return self.says(**keys, **({"usageMetadata": usage} if usage else {}))

    # -- what came of it

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

    def one(self, kind: type) -> Any:
        """The only event of that type of the last step."""
        (found,) = (event for event in self.events if isinstance(event, kind))
        return found


def audio(data: bytes, mime_type: str = "audio/pcm;rate=24000") -> dict[str, Any]:
    """A part that holds audio."""
    return {"inlineData": {"mimeType": mime_type, "data": pybase64.b64encode(data).decode()}}


def user(*texts: str) -> dict[str, Any]:
    """A user's turn, as it is sent."""
    return {"parts": [{"text": text} for text in texts], "role": "user"}
