"""What `voicechat talk` and `voicechat replay` show: events as lines for people or as JSON for programs, and the figures at the end.

Pure but for the stream that it is given. `rich` is used where it is installed and the stream is a terminal; elsewhere the
same lines come as plain text.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Generator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Final, Protocol, TextIO, TypeAlias, cast

import msgspec

from voicechatengine.cli.exits import Exit, UsageError, exit_of, one_line
from voicechatengine.engine.metrics import Metrics, Turn
from voicechatengine.events import (
    ConnectionState,
    ErrorInfo,
    EventData,
    InputTranscript,
    Interrupted,
    ProviderEvent,
    Reconnected,
    Reconnecting,
    ResponseCompleted,
    SessionExpiring,
    SpeechStarted,
    SpeechStopped,
    StateChanged,
    TextChunk,
    ToolCall,
)

Paint: TypeAlias = Callable[[str, str, str], None]
"""Writes a text in a style, with what is to end it."""

COLUMNS: Final = ("turn", "first audio", "length", "interruptions", "status")


class Output(Protocol):
    """**Protocol:** where `talk` and `replay` tell what happens."""

    def asked(self, text: str) -> None:
        """The user asked this in writing."""
        ...

    def event(self, event: ProviderEvent) -> None:
        """Something happened."""
        ...

    def end(self, metrics: Metrics, answer: str | None, error: str | None, code: int) -> None:
        """It is over: the figures, the file that holds the answer, what went wrong, the exit code to come."""
        ...


class Screen:
    """Lines for people. The assistant's words come as they come; anything else stands on a line of its own."""

    def __init__(self, stream: TextIO) -> None:
        self._paint = painter(stream)
        self._speaking: str | None = None  # the response whose words the open line holds

    def asked(self, text: str) -> None:
        """See `Output.asked`."""
        self._paint(f"you        {text}", "cyan", "\n")

    def event(self, event: ProviderEvent) -> None:
        """See `Output.event`."""
        data = event.data
        if isinstance(data, TextChunk):
            self._words(data)
        elif line := line_of(data):
            self._break()
            self._paint(*line, "\n")
        elif isinstance(data, ResponseCompleted):
            self._break()

    def end(self, metrics: Metrics, answer: str | None, error: str | None, code: int) -> None:
        """See `Output.end`. The error goes to stderr, by the caller."""
        del error, code
        self._break()
        if metrics.turns:
            self._paint("", "", "\n")
            for line, style in table(
                COLUMNS, [row(number, turn) for number, turn in enumerate(metrics.turns, 1)]
            ):
                self._paint(line, style, "\n")
        if answer is not None:
            self._paint(f"the answer is in {answer}", "bold", "\n")

    def _words(self, chunk: TextChunk) -> None:
        speaker = chunk.response_id or ""
        if self._speaking != speaker:
            self._break()
            self._paint("assistant  ", "bold green", "")
            self._speaking = speaker
        self._paint(chunk.text, "green", "")

    def _break(self) -> None:
        if self._speaking is not None:
            self._paint("", "", "\n")
            self._speaking = None


@contextlib.contextmanager
def summed_up(out: Output, figures: Callable[[], tuple[Metrics, str | None]]) -> Generator[None]:
    """Ends the output with the figures, and the file that was written, however what stands below it ends."""
    try:
        yield
    except Exception as failure:
        out.end(figures()[0], None, one_line(failure), exit_of(failure))
        raise
    except asyncio.CancelledError:
        out.end(figures()[0], None, "interrupted", Exit.INTERRUPTED)
        raise
    out.end(*figures(), None, Exit.OK)


def writable(path: str) -> None:
    """Raises `UsageError` for a file in a folder that is not there, before anything is done that it was to keep."""
    if not (folder := Path(path).parent).is_dir():
        raise UsageError(f"{path} cannot be written: {folder} is no folder")


class JsonLines:
    """One JSON object a line: every event, and at the end a ``summary``. Audio is told by its number of bytes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def asked(self, text: str) -> None:
        """See `Output.asked`."""
        self._write({"type": "asked", "text": text})

    def event(self, event: ProviderEvent) -> None:
        """See `Output.event`."""
        self._write(plain(event))

    def end(self, metrics: Metrics, answer: str | None, error: str | None, code: int) -> None:
        """See `Output.end`."""
        figures = plain(msgspec.to_builtins(metrics))
        self._write({"type": "summary", "exit": code, "error": error, "output": answer, **figures})

    def _write(self, value: object) -> None:
        print(json.dumps(value, ensure_ascii=False), file=self._stream, flush=True)


def plain(value: Any) -> Any:
    """A value as JSON can hold it: structs as objects, bytes as ``{"bytes": number}``, what is not set left out."""
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": len(value)}
    if isinstance(value, msgspec.Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        return {name: plain(field) for name, field in fields.items() if field is not msgspec.UNSET}
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in cast("Mapping[object, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in cast("Sequence[Any]", value)]
    if isinstance(value, Enum):
        return value.value
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def line_of(data: EventData) -> tuple[str, str] | None:
    """What people are told of an event, and in which style; None for what needs no line."""
    return _said(data) or _happened(data)


def _said(data: EventData) -> tuple[str, str] | None:
    """The lines of the conversation itself."""
    match data:
        case SpeechStarted(position_ms=position):
            return f"· speech started{_at(position)}", "dim"
        case SpeechStopped(position_ms=position):
            return f"· speech stopped{_at(position)}", "dim"
        case InputTranscript(text=text, final=True):
            return f"you        {text}", "cyan"
        case ToolCall(name=name, arguments=arguments):
            return f"· calls {name}({arguments})", "dim"
        case Interrupted(generated_ms=generated):
            return f"· interrupted; {generated / 1000:.1f} s of the answer were made", "yellow"
        case ResponseCompleted(status="failed" | "incomplete" as status, reason=reason):
            return f"· the reply is {status}: {reason or 'no reason was given'}", "bold red"
        case _:
            return None


def _happened(data: EventData) -> tuple[str, str] | None:
    """The lines about the connection and its troubles."""
    match data:
        case StateChanged(state=ConnectionState.CONNECTED, previous=ConnectionState.CONNECTING):
            return "· connected", "dim"
        case StateChanged(state=ConnectionState.ERROR, reason=reason):
            return f"· the session has failed: {reason}", "bold red"
        case SessionExpiring(seconds_left=seconds):
            return f"· the session ends in {seconds:.0f} s", "yellow"
        case Reconnecting(attempt=attempt, delay_s=delay, cause=cause):
            return f"· reconnecting (attempt {attempt} in {delay:.1f} s): {cause}", "yellow"
        case Reconnected(state_restored=True):
            return "· reconnected", "yellow"
        case Reconnected(missing=missing):
            return f"· reconnected; lost: {', '.join(missing) or 'not known'}", "yellow"
        case ErrorInfo(code=code, message=message):
            return f"· error {code}: {message}", "bold red"
        case _:
            return None


def _at(position_ms: float | None) -> str:
    return "" if position_ms is None else f" at {position_ms / 1000:.1f} s"


def row(number: int, turn: Turn) -> tuple[str, ...]:
    """A turn's line of the table."""
    first = "none" if turn.first_audio_ms is None else f"{turn.first_audio_ms:.0f} ms"
    status = turn.status or "unfinished"
    return (str(number), first, f"{turn.answer_ms / 1000:.1f} s", str(turn.interruptions), status)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    """Aligned lines, each with its style."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
             for line in (head, *rows)]  # fmt: skip
    return [(line, "" if index else "bold") for index, line in enumerate(lines)]


def painter(stream: TextIO) -> Paint:
    """Writes to the stream: in colour on a terminal where `rich` is installed, else as plain text."""
    if stream.isatty():
        try:
            from rich.console import Console  # noqa: PLC0415 - an extra, and slow to import
        except ImportError:
            pass
        else:
            console = Console(file=stream, highlight=False, markup=False, soft_wrap=True)

            def paint(text: str, style: str, end: str) -> None:
                console.print(text, style=style or None, end=end)
                stream.flush()

            return paint

    def write(text: str, style: str, end: str) -> None:
        del style
        print(text, end=end, file=stream, flush=True)

    return write
