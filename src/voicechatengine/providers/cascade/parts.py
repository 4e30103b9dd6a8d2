"""The four parts of a cascade, as protocols: small, streaming, and replaceable one by one.

Each part works for one session; a cascade opens it with the session and closes it with it. None of them blocks the event loop:
an engine that computes runs in a thread or a process of its own, with bounded queues. Closing an iterator early (`aclose`)
stops the work behind it at once. Errors are `ProviderError`s that say what to install or change. Nothing here knows a vendor.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from voicechatengine.audio.format import AudioFormat
from voicechatengine.events import Usage
from voicechatengine.messages import Item, Tool, TurnDetection


class Part(Protocol):
    """**Protocol:** what every part has in common."""

    async def open(self) -> None:
        """Gets ready: loads models, checks keys, opens connections. Raises `ProviderError`; idempotent."""
        ...

    async def close(self) -> None:
        """Frees everything; idempotent. What it still works on ends."""
        ...


# ------------------------------------------------------------------ turns


class Turn(msgspec.Struct, frozen=True):
    """A border of the user's speech, in milliseconds of audio heard since the detector was opened.

    ``began`` and ``ended`` alternate. ``likely_end`` says that this may be the end: a reply can be begun for it, and is
    dropped if ``resumed`` follows instead of ``ended``.
    """

    kind: Literal["began", "likely_end", "resumed", "ended"]
    at_ms: float


class TurnDetector(Part, Protocol):
    """**Protocol:** says when the user speaks."""

    @property
    def format(self) -> AudioFormat:
        """What `hear` takes."""
        ...

    @property
    def settings(self) -> Sequence[str]:
        """The fields of a session's `TurnDetection` that `tune` takes, `mode` and the two switches aside; perhaps none. The
        cascade refuses the others.
        """
        ...

    def tune(self, detection: TurnDetection) -> None:
        """Takes a session's settings, from the next audio on; a field that is None means what the detector was made with."""
        ...

    def hear(self, audio: bytes) -> Sequence[Turn]:
        """The next stretch of audio, of any length, and the borders that are certain now. Takes less than a millisecond
        for 20 ms of audio. A detector that is answered from elsewhere gives borders with the audio that follows them, so audio
        goes on (silence will do) until a turn has ended.
        """
        ...

    def reset(self) -> None:
        """Forgets speech that has begun, without a border; positions go on."""
        ...


# ------------------------------------------------------------------ speech to text


class Heard(msgspec.Struct, frozen=True):
    """The words of one utterance so far, all of them; `final` once."""

    text: str
    final: bool = False
    usage: Usage | None = None


class SpeechToText(Part, Protocol):
    """**Protocol:** recognises one utterance at a time."""

    @property
    def format(self) -> AudioFormat:
        """What `recognise` takes."""
        ...

    def recognise(
        self, audio: AsyncIterator[bytes], *, language: str | None = None, prompt: str | None = None
    ) -> AsyncGenerator[Heard]:
        """The words of an utterance while it is spoken; the last one, when `audio` has ended, is final (empty for no words)."""
        ...


# ------------------------------------------------------------------ language model


class Request(msgspec.Struct, frozen=True):
    """What a reply is to be made of."""

    history: tuple[Item, ...]
    instructions: str = ""
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    max_tokens: int | None = None
    vendor: dict[str, Any] = {}


class Words(msgspec.Struct, frozen=True):
    """More words of the reply."""

    text: str


class Call(msgspec.Struct, frozen=True):
    """A tool call, whole; `arguments` is JSON text."""

    call_id: str
    name: str
    arguments: str


class Finished(msgspec.Struct, frozen=True):
    """The end of the reply: always the last. ``incomplete``: a limit was reached. `keep` is what the model wants back verbatim
    with the next request, as part of its own turn (thinking blocks, for instance): the cascade hands it back and never looks in.
    """

    status: Literal["completed", "incomplete"] = "completed"
    reason: str | None = None
    usage: Usage | None = None
    keep: Any = None


ModelOutput: TypeAlias = Words | Call | Finished


class LanguageModel(Part, Protocol):
    """**Protocol:** answers a conversation."""

    def reply(self, request: Request, *, kept: Sequence[tuple[int, Any]] = ()) -> AsyncGenerator[ModelOutput]:
        """A reply as it is made. `kept` pairs a place in ``request.history`` (of the turn's first item) with what the model had
        asked to get back for it. Raises `ProviderError` before or in the midst of a reply.
        """
        ...


# ------------------------------------------------------------------ text to speech


class TextToSpeech(Part, Protocol):
    """**Protocol:** speaks one sentence at a time."""

    @property
    def format(self) -> AudioFormat:
        """What `speak` gives."""
        ...

    def speak(
        self, text: str, *, voice: str | None = None, language: str | None = None
    ) -> AsyncGenerator[bytes]:
        """The sound of a sentence, in whole samples, the first of it as early as can be."""
        ...
