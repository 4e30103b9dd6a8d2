"""What a recording tells about its conversation: who spoke when, how long answers took, what was cut. A fold over its lines.

The figures are those of `engine/metrics.py`, taken from the recorded times. Knows no provider and prints nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from voicechatengine.audio.format import AudioFormat
from voicechatengine.compose.tape import AnyLine, Call, Ended, Header, Heard, Outcome, Session
from voicechatengine.engine.metrics import Metrics, MetricsFold
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    EventData,
    InputTranscript,
    Interrupted,
    Reconnected,
    Reconnecting,
    ResponseCompleted,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TextChunk,
    ToolCall,
)
from voicechatengine.messages import (
    ActivityEnd,
    ActivityStart,
    AudioAppend,
    Command,
    Image,
    ItemCreate,
    ItemTruncate,
    MessageItem,
    ResponseCreate,
    ToolResult,
)


@dataclass
class Stretch:
    """Something from `start_s` to `end_s` (seconds of the recording; None: it was open at the end), and its words."""

    start_s: float
    end_s: float | None = None
    text: str = ""


@dataclass
class Said(Stretch):
    """A reply. Its audio is played from `audio_s` on and lasts `audio_ms`, of which `heard_ms` were heard if it was cut."""

    audio_s: float | None = None
    audio_ms: float = 0.0
    heard_ms: float | None = None
    status: str | None = None
    cut_s: float | None = None


@dataclass
class Timeline:
    """A conversation: the user's `speech` and writing, `replies` by id, `tools`, `notes` of troubles, and the figures.

    `complete` is False where the recording ends in the midst of a session: the process was killed, or still runs.
    """

    provider: str = ""
    started: float = 0.0
    length_s: float = 0.0
    sessions: int = 0
    complete: bool = True
    speech: list[Stretch] = field(default_factory=list[Stretch])
    replies: dict[str, Said] = field(default_factory=dict[str, Said])
    tools: dict[str, Stretch] = field(default_factory=dict[str, Stretch])
    notes: list[Stretch] = field(default_factory=list[Stretch])
    metrics: Metrics = Metrics()


def timeline_of(lines: Iterable[AnyLine]) -> Timeline:
    """The timeline of a recording's lines, from `tape.read`."""
    fold = _Fold()
    for line in lines:
        fold.line(line)
    fold.timeline.metrics = fold.metrics.snapshot()
    return fold.timeline


class _Fold:
    def __init__(self) -> None:
        self.timeline = Timeline()
        self.metrics = MetricsFold()
        self._format = AudioFormat()
        self._speech: dict[str, Stretch] = {}  # item -> the user's words that it holds
        self._reply_of: dict[str, str] = {}  # item -> response
        self._asked = False  # something was said in writing that no reply was asked for yet

    def line(self, line: AnyLine) -> None:
        timeline = self.timeline
        timeline.length_s = max(timeline.length_s, line.at)
        match line:
            case Header(started=started):
                timeline.started = started
            case Session(audio_format=audio_format):
                timeline.provider = timeline.provider or line.provider
                self._format = audio_format
            case Call(call="connect"):
                timeline.sessions += 1
                timeline.complete = False
            case Call(message=message) if message is not None:
                self._sent(message, line.at)
            case Ended() | Outcome(failure=None, result=False):
                timeline.complete = True
            case Heard(data=data) if data is not None:
                self._heard(data, line.at)
            case _:
                pass

    def _sent(self, message: Command, at: float) -> None:
        match message:
            case AudioAppend(audio=audio):
                self.metrics.sent(self._format.duration_ms(len(audio)))
            case ItemCreate(item=MessageItem(role="user") as item):
                self.timeline.speech.append(Stretch(at, at, item.text))
                self._asked = True
            case Image():
                self._asked = True
            case ActivityStart():
                self.timeline.speech.append(Stretch(at))
            case ActivityEnd():
                self._close_speech(at)
                self.metrics.requested(at)
            case ResponseCreate(out_of_band=False) if self._asked:
                self._asked = False
                self.metrics.requested(at)
            case ToolResult(call_id=call):
                self.metrics.tool_ended(call, at)
                if call in self.timeline.tools:
                    self.timeline.tools[call].end_s = at
            case ItemTruncate(item_id=item, heard_ms=heard) if item in self._reply_of:
                response = self._reply_of[item]
                self.timeline.replies[response].heard_ms = heard
                self._cut(response, at)
                self.metrics.flushed((response,), at, by_speech=True)
            case _:
                pass

    def _heard(self, data: EventData, at: float) -> None:
        form = data.format or self._format if isinstance(data, AudioChunk) else self._format
        audio_ms = form.duration_ms(len(data.audio)) if isinstance(data, AudioChunk) else 0.0
        self.metrics.apply(data, at, audio_ms)
        if isinstance(data, AudioChunk):
            self._chunk(data, at, audio_ms)
            return
        rule = self._RULES.get(type(data))
        if rule is not None:
            rule(self, data, at)

    def _chunk(self, data: AudioChunk, at: float, audio_ms: float) -> None:
        reply = self.timeline.replies.get(data.response_id or "")
        if reply is not None and data.response_id is not None:
            reply.audio_s = at if reply.audio_s is None else reply.audio_s
            reply.audio_ms += audio_ms
            self._reply_of[data.item_id or ""] = data.response_id

    def _speech_started(self, data: SpeechStarted, at: float) -> None:
        stretch = Stretch(at)
        self.timeline.speech.append(stretch)
        self._speech[data.item_id or ""] = stretch

    def _speech_stopped(self, data: SpeechStopped, at: float) -> None:
        self._close_speech(at)

    def _close_speech(self, at: float) -> None:
        if self.timeline.speech and self.timeline.speech[-1].end_s is None:
            self.timeline.speech[-1].end_s = at

    def _transcript(self, data: InputTranscript, at: float) -> None:
        stretch = self._speech.get(data.item_id or "")
        if stretch is None and self.timeline.speech:
            stretch = self.timeline.speech[-1]
        if stretch is not None:
            stretch.text = data.text

    def _reply(self, data: ResponseStarted, at: float) -> None:
        self.timeline.replies[data.response_id] = Said(at)

    def _text(self, data: TextChunk, at: float) -> None:
        reply = self.timeline.replies.get(data.response_id or "")
        if reply is not None:
            reply.text += data.text

    def _completed(self, data: ResponseCompleted, at: float) -> None:
        reply = self.timeline.replies.get(data.response_id)
        if reply is not None:
            reply.end_s, reply.status = at, data.status
            if data.status == "interrupted":
                self._cut(data.response_id, at)

    def _interrupted(self, data: Interrupted, at: float) -> None:
        self._cut(data.response_id or "", at)

    def _cut(self, response: str, at: float) -> None:
        reply = self.timeline.replies.get(response)
        if reply is not None and reply.cut_s is None:
            reply.cut_s = at

    def _tool(self, data: ToolCall, at: float) -> None:
        self.timeline.tools[data.call_id] = Stretch(at, None, f"{data.name}({data.arguments})")

    def _fault(self, data: ErrorInfo, at: float) -> None:
        self._note(at, f"error {data.code}: {data.message}")

    def _away(self, data: Reconnecting, at: float) -> None:
        self._note(at, f"reconnecting: {data.cause}")

    def _back(self, data: Reconnected, at: float) -> None:
        lost = f"; lost: {', '.join(data.missing)}" if data.missing else ""
        self._note(at, f"reconnected{lost}")

    def _note(self, at: float, text: str) -> None:
        self.timeline.notes.append(Stretch(at, at, text))

    _RULES: ClassVar[dict[type, Callable[[_Fold, Any, float], None]]] = {
        SpeechStarted: _speech_started,
        SpeechStopped: _speech_stopped,
        InputTranscript: _transcript,
        ResponseStarted: _reply,
        TextChunk: _text,
        ResponseCompleted: _completed,
        Interrupted: _interrupted,
        ToolCall: _tool,
        ErrorInfo: _fault,
        Reconnecting: _away,
        Reconnected: _back,
    }
