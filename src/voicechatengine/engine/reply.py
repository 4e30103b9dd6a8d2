"""One reply, gathered from the events of its response.

Events and times come in, a `Reply` or an error comes out. Replies are told apart by their id, never by "the current
one": the first response of the conversation that starts after the request is the one that was asked for.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final, Literal

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import AudioError, ProviderError
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    EventData,
    ResponseCompleted,
    ResponseStarted,
    TextChunk,
    ToolCall,
    Usage,
)
from voicechatengine.failures import error_of

_REFUSALS: Final = frozenset({"response_create", "item_create"})
"""Commands without which the reply that was asked for will not come."""

_LOCAL: Final = frozenset({"overflow", "handler_failed", "not_sent"})
"""Codes of this library's own reports, which say nothing of why a reply failed."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the assistant answered.

    `text` holds the words, spoken or written; `audio` all of the speech as bytes of `format`. `status` is completed,
    interrupted (what came until then is here) or incomplete (a limit was reached). Where the engine has tools, this is all that
    was said up to the reply that called no more of them, `tool_calls` are the calls that were made, `usage` is the cost of all,
    and status and `response_id` are the last one's; where it has none, a reply that only calls tools has no words.
    `first_text_ms` and `first_audio_ms` count from the request; None where none came.
    """

    text: str = ""
    audio: bytes = field(default=b"", repr=False)
    format: AudioFormat = AudioFormat()
    status: Literal["completed", "interrupted", "incomplete"] = "completed"
    reason: str | None = None
    usage: Usage | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    response_id: str = ""
    first_text_ms: float | None = None
    first_audio_ms: float | None = None

    @property
    def audio_ms(self) -> float:
        """How long the speech is, in milliseconds."""
        return self.format.duration_ms(len(self.audio))


class Gathering:
    """Collects the reply to one request, made at `requested` (seconds of the clock that `apply` is given).

    `audio_format` is that of audio that names none. `abandoned`: an earlier request was given up before its reply began, so that
    one that starts now and is cut with nothing in it is not ours. `tools`: the engine answers tool calls, so that another reply
    follows one that makes some.
    """

    def __init__(
        self, requested: float, audio_format: AudioFormat, *, abandoned: bool = False, tools: bool = False
    ) -> None:
        self.response_id: str | None = None
        self.called: str | None = None  # the response whose calls are being answered
        self._tools = tools
        self._usage: Usage | None = None
        self._requested = requested
        self._abandoned = abandoned
        self._format = audio_format
        self._seen: AudioFormat | None = None
        self._text: list[str] = []
        self._audio: list[bytes] = []
        self._calls: list[ToolCall] = []
        self._calling = False  # this response does
        self._gap = False  # between what was said before a tool was called and after
        self._first_text: float | None = None
        self._first_audio: float | None = None
        self._error: ErrorInfo | None = None

    def apply(self, data: EventData, now: float) -> Reply | ProviderError | None:
        """Takes in an event; gives the reply when it is whole, the error if there will be none, else None."""
        match data:
            case ResponseStarted(out_of_band=False) if self.response_id is None:
                self.response_id, self.called = data.response_id, None
                self._gap = bool(self._text)
            case ErrorInfo():
                return self._fault(data)
            case TextChunk() if self._ours(data.response_id):
                self._first_text = self._since(self._first_text, now)
                if self._gap and not self._text[-1][-1:].isspace() and not data.text[:1].isspace():
                    self._text.append(" ")
                self._gap = False
                self._text.append(data.text)
            case AudioChunk() if self._ours(data.response_id):
                self._first_audio = self._since(self._first_audio, now)
                return self._hear(data)
            case ToolCall() if self._ours(data.response_id):
                self._calls.append(data)
                self._calling = True
            case ResponseCompleted() if self._ours(data.response_id):
                return self._end(data)
            case _:
                pass
        return None

    def _ours(self, response_id: str | None) -> bool:
        return response_id is not None and response_id == self.response_id

    def _since(self, first: float | None, now: float) -> float:
        return (now - self._requested) * 1000 if first is None else first

    def _fault(self, data: ErrorInfo) -> ProviderError | None:
        if not data.recoverable or (self.response_id is None and data.command in _REFUSALS):
            return error_of(data)
        if data.command is None and data.code not in _LOCAL:
            self._error = data  # likely the cause, if the reply now fails
        return None

    def _hear(self, data: AudioChunk) -> ProviderError | None:
        format = data.format or self._format
        if self._seen is not None and not format.same_sound(self._seen):
            return AudioError(
                f"the reply's audio changed from {self._seen} to {format} in its midst",
                field="format",
                cure="read events() and convert each chunk",
            )
        self._seen = format
        self._audio.append(data.audio)
        return None

    def _end(self, data: ResponseCompleted) -> Reply | ProviderError | None:
        if data.usage is not None:
            self._usage = data.usage if self._usage is None else self._usage + data.usage
        goes_on = data.status in ("completed", "incomplete") or data.reason == "connection_lost"
        if self._tools and self._calling and goes_on:
            self.response_id, self.called, self._calling = None, data.response_id, False
            return None
        if data.status == "failed":
            if self._error is not None:
                return error_of(self._error)
            reason = data.reason or "unknown"
            return error_of(ErrorInfo(reason, f"the reply failed: {reason}"))
        if (
            data.status == "interrupted"
            and self._abandoned
            and not (self._text or self._audio or self._calls)
        ):
            self._abandoned, self.response_id = False, None
            return None
        return self._reply(data.status, data.reason, data.response_id)

    def broken_off(self) -> Reply:
        """What was said until the turn was interrupted, between a reply that called tools and the next."""
        return self._reply("interrupted", None, self.called or "")

    def _reply(
        self, status: Literal["completed", "interrupted", "incomplete"], reason: str | None, response_id: str
    ) -> Reply:
        return Reply(
            text="".join(self._text),
            audio=b"".join(self._audio),
            format=self._seen or self._format,
            status=status,
            reason=reason,
            usage=self._usage,
            tool_calls=tuple(self._calls),
            response_id=response_id,
            first_text_ms=self._first_text,
            first_audio_ms=self._first_audio,
        )


class Waiting:
    """A request whose reply is being gathered: the first outcome counts."""

    def __init__(self, gathering: Gathering) -> None:
        self.gathering = gathering
        self.outcome: Reply | ProviderError | None = None
        self.done: asyncio.Event = asyncio.Event()

    def apply(self, data: EventData, now: float) -> None:
        """An event came."""
        outcome = self.gathering.apply(data, now)
        if outcome is not None:
            self.settle(outcome)

    def settle(self, outcome: Reply | ProviderError) -> None:
        """This is the end of it, unless there was one already."""
        if self.outcome is None:
            self.outcome = outcome
            self.done.set()
