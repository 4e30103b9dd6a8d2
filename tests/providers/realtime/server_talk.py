"""A client on one side of the OpenAI server dialect and a provider on the other, for transcripts; and words for reading them."""

from __future__ import annotations

import array
import base64
import json
import math
from collections.abc import Callable
from itertools import count
from typing import Any, get_args

from openai.types.realtime import RealtimeServerEvent

from voicechatengine.events import (
    Event,
    ResponseStarted,
)
from voicechatengine.messages import (
    Command,
)
from voicechatengine.providers.realtime.server import RealtimeServer
from voicechatengine.session.dialect import Close, Frame

START = 1_785_000_000.0
MODELS = {
    get_args(model.model_fields["type"].annotation)[0]: model
    for model in get_args(get_args(RealtimeServerEvent)[0])
}


def counted() -> Callable[[str], str]:
    numbers = count(1)
    return lambda word: f"{word}_{next(numbers):021d}"


class Talk:
    """A client on one side and a provider on the other side of a server dialect; every frame is one of the vendor's own."""

    def __init__(self, **options: Any) -> None:
        self.server = RealtimeServer(counted(), **options)
        self.now = START
        self.commands: list[Command] = []
        self.closes: list[Close] = []
        self.greeting = self._take(self.server.opened(self.now))

    def say(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        return self.raw(json.dumps({"type": kind, **fields}))

    def raw(self, frame: bytes | str) -> list[dict[str, Any]]:
        return self._take(self.server.receive(frame, self.now))

    def tell(self, *events: Event) -> list[dict[str, Any]]:
        return [frame for event in events for frame in self._take(self.server.send(event, self.now))]

    def update(self, **session: Any) -> list[dict[str, Any]]:
        return self.say("session.update", session={"type": "realtime", **session})

    def hear(self, audio: bytes, size: int = 4_800) -> list[dict[str, Any]]:
        frames: list[dict[str, Any]] = []
        for start in range(0, len(audio), size):
            piece = base64.b64encode(audio[start : start + size]).decode()
            frames += self.say("input_audio_buffer.append", audio=piece)
        return frames

    def wait(self, seconds: float) -> list[dict[str, Any]]:
        """Time passes as far as it may, deadline by deadline."""
        end, frames = self.now + seconds, []
        while (due := self.server.deadline()) is not None and due <= end:
            self.now = due
            frames += self._take(self.server.expired(due))
        self.now = end
        return frames

    def asked(self) -> list[Command]:
        """What the provider was asked for since the last time."""
        asked, self.commands = self.commands, []
        return asked

    def begin(self, response_id: str = "r1", **params: Any) -> list[dict[str, Any]]:
        """A response that was asked for and that the provider has begun."""
        return self.say("response.create", response=params) + self.tell(ResponseStarted(response_id))

    def _take(self, outputs: Any) -> list[dict[str, Any]]:
        frames: list[dict[str, Any]] = []
        for out in outputs:
            if isinstance(out, Frame):
                frame = json.loads(out.data)
                MODELS[frame["type"]].model_validate(frame)
                frames.append(frame)
            elif isinstance(out, Close):
                self.closes.append(out)
            else:
                self.commands.append(out)
        return frames


def types(frames: list[dict[str, Any]]) -> list[str]:
    return [frame["type"] for frame in frames]


def only(frames: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = [frame for frame in frames if frame["type"] == kind]
    return found


def error(frames: list[dict[str, Any]]) -> tuple[Any, Any]:
    assert types(frames) == ["error"]
    return frames[0]["error"]["code"], frames[0]["error"]["param"]


def tone(ms: float, rate: int = 24_000) -> bytes:
    samples = range(int(rate * ms / 1000))
    return array.array("h", [int(8000 * math.sin(n * 2 * math.pi * 300 / rate)) for n in samples]).tobytes()


def quiet(ms: float, rate: int = 24_000) -> bytes:
    return bytes(int(rate * ms / 1000) * 2)


def user(text: str, **fields: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}], **fields}


SPOKEN = [
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]
HEARD = [
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
]
