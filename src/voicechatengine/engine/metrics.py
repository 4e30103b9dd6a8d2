"""How long things took and how much there was: a pure fold over events with their times.

Times are seconds of any one clock that never steps back. Knows no provider, no sink and no clock of its own. A turn is what
follows the end of the user's speech, or a request in text: all replies up to the next one, tool rounds included.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, Final, Protocol

from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    EventData,
    Reconnected,
    ResponseCompleted,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TextChunk,
    ToolCall,
    Usage,
    UsageReport,
)

MAX_TURNS = 250  # an hour has fewer; half a kilobyte each


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One turn's figures.

    `first_text_ms` and `first_audio_ms` count from the moment that the provider reported the end of the user's speech, or
    that a reply was asked for; None where none came. `answer_ms` is the length of the audio that was generated,
    `interruption_ms` the time from the report of the user's speech to the flushed sink. `tool_ms` is the time in which at least
    one tool ran, None where the engine ran none. `status` is the last reply's.
    """

    responses: tuple[str, ...] = ()
    first_text_ms: float | None = None
    first_audio_ms: float | None = None
    answer_ms: float = 0.0
    interruptions: int = 0
    interruption_ms: float | None = None
    tool_calls: int = 0
    tool_ms: float | None = None
    status: str | None = None
    usage: Usage = Usage()


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """A session's figures so far: seconds of audio sent and received, cost, and the last 250 turns.

    `overflow` counts the reports of events lost to a slow reader.
    """

    turns: tuple[Turn, ...] = ()
    audio_in_s: float = 0.0
    audio_out_s: float = 0.0
    usage: Usage = Usage()
    interruptions: int = 0
    reconnects: int = 0
    overflow: int = 0


class Fold(Protocol):
    """**Protocol:** who is told what happens in an engine. Times are seconds of one clock that never steps back."""

    def requested(self, now: float) -> None:
        """A reply was asked for."""
        ...

    def sent(self, ms: float) -> None:
        """So much audio went to the provider."""
        ...

    def flushed(self, responses: tuple[str, ...], now: float, *, by_speech: bool) -> None:
        """Playback was cut in the midst of these responses; `by_speech` if it was the user's speech that did it."""
        ...

    def tool_ended(self, call_id: str, now: float) -> None:
        """A tool call is over: answered, or not wanted any more."""
        ...

    def apply(self, data: EventData, now: float, audio_ms: float = 0.0) -> None:
        """An event came; `audio_ms` is the length of an audio chunk."""
        ...


@dataclass(slots=True)
class _Open:
    """A turn while it grows. There may be hundreds: what is empty takes no memory, and the cost of one reply is the very object
    that told it.
    """

    since: float
    responses: tuple[str, ...] = ()
    running: int = 0  # responses
    interrupted: tuple[str, ...] = ()
    first_text: float | None = None
    first_audio: float | None = None
    answer_ms: float = 0.0
    interruption_ms: float | None = None
    tool_calls: int = 0
    tool_ms: float | None = None
    tools_since: float = 0.0
    tools: int = 0  # calls that run
    called: bool = False  # the reply called a tool: the next one belongs to this turn
    status: str | None = None
    usage: Usage | None = None

    def ms(self, moment: float | None) -> float | None:
        return None if moment is None else (moment - self.since) * 1000

    def snapshot(self) -> Turn:
        return Turn(
            responses=self.responses,
            first_text_ms=self.ms(self.first_text),
            first_audio_ms=self.ms(self.first_audio),
            answer_ms=self.answer_ms,
            interruptions=len(self.interrupted),
            interruption_ms=self.interruption_ms,
            tool_calls=self.tool_calls,
            tool_ms=self.tool_ms,
            status=self.status,
            usage=self.usage or Usage(),
        )


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A moment of a session: what the figures were then."""

    turns: int = 0
    in_ms: float = 0.0
    out_ms: float = 0.0
    usage: Usage = Usage()
    interruptions: int = 0
    reconnects: int = 0
    overflow: int = 0


_START: Final = Mark()


class MetricsFold:
    """Takes in what happens; `snapshot` gives the figures so far, all or those since a `mark`."""

    def __init__(self) -> None:
        self._turns: deque[_Open] = deque(maxlen=MAX_TURNS)
        self._begun = 0  # turns, also those that are not kept any more
        self._of: dict[str, _Open] = {}  # open response -> its turn
        self._calls: dict[str, _Open] = {}  # call that runs -> its turn
        self._origin: float | None = None  # the end of speech, or the request, that no reply has followed yet
        self._speech: float | None = None
        self._in_ms = self._out_ms = 0.0
        self._usage = Usage()
        self._session: Usage | None = None  # the vendor's own count of the session, where it keeps one
        self._interruptions = self._reconnects = self._overflow = 0

    def mark(self) -> Mark:
        """This moment."""
        return Mark(
            turns=self._begun,
            in_ms=self._in_ms,
            out_ms=self._out_ms,
            usage=self._cost,
            interruptions=self._interruptions,
            reconnects=self._reconnects,
            overflow=self._overflow,
        )

    def snapshot(self, since: Mark = _START) -> Metrics:
        """The figures so far: of the turns that began after `since`, and of the time since then."""
        kept = min(self._begun - since.turns, len(self._turns))
        return Metrics(
            turns=tuple(turn.snapshot() for turn in islice(self._turns, len(self._turns) - kept, None)),
            audio_in_s=(self._in_ms - since.in_ms) / 1000,
            audio_out_s=(self._out_ms - since.out_ms) / 1000,
            usage=_difference(self._cost, since.usage),
            interruptions=self._interruptions - since.interruptions,
            reconnects=self._reconnects - since.reconnects,
            overflow=self._overflow - since.overflow,
        )

    @property
    def _cost(self) -> Usage:
        return self._usage if self._session is None else self._session

    # -- what the engine does

    def requested(self, now: float) -> None:
        """See `Fold.requested`."""
        self._origin = now

    def sent(self, ms: float) -> None:
        """See `Fold.sent`."""
        self._in_ms += ms

    def flushed(self, responses: tuple[str, ...], now: float, *, by_speech: bool) -> None:
        """See `Fold.flushed`."""
        for turn in self._turns:
            hit = [response for response in responses if response in turn.responses]
            if hit:
                self._interrupt(turn, *hit)
                if by_speech and self._speech is not None:
                    turn.interruption_ms = (now - self._speech) * 1000

    def tool_ended(self, call_id: str, now: float) -> None:
        """See `Fold.tool_ended`."""
        turn = self._calls.pop(call_id, None)
        if turn is None:
            return
        turn.tools -= 1
        if not turn.tools:
            turn.tool_ms = (turn.tool_ms or 0.0) + (now - turn.tools_since) * 1000

    # -- what the provider says

    def apply(self, data: EventData, now: float, audio_ms: float = 0.0) -> None:
        """See `Fold.apply`."""
        if type(data) is AudioChunk:  # fifty times a second
            self._out_ms += audio_ms
            turn = self._of.get(data.response_id or "")
            if turn is not None:
                turn.answer_ms += audio_ms
                if turn.first_audio is None:
                    turn.first_audio = now
            return
        rule = self._RULES.get(type(data))
        if rule is not None:
            rule(self, data, now)

    def _text(self, data: TextChunk, now: float) -> None:
        turn = self._of.get(data.response_id or "")
        if turn is not None and turn.first_text is None:
            turn.first_text = now

    def _call(self, data: ToolCall, now: float) -> None:
        turn = self._of.get(data.response_id or "")
        if turn is not None:
            turn.tool_calls += 1
            turn.called = True
            if not turn.tools:
                turn.tools_since = now
            turn.tools += 1
            before = self._calls.pop(data.call_id, None)
            if before is not None:  # told again, in a session that was restored
                before.tools -= 1
            self._calls[data.call_id] = turn
            if len(self._calls) > MAX_TURNS:  # calls that somebody else answers, or nobody
                del self._calls[next(iter(self._calls))]

    def _speech_began(self, data: SpeechStarted, now: float) -> None:
        self._speech = now

    def _speech_ended(self, data: SpeechStopped, now: float) -> None:
        self._origin = now

    def _report(self, data: UsageReport, now: float) -> None:
        if data.scope == "session":
            self._session = data.usage
        else:
            self._usage += data.usage

    def _reconnected(self, data: Reconnected, now: float) -> None:
        self._reconnects += 1

    def _fault(self, data: ErrorInfo, now: float) -> None:
        self._overflow += data.code == "overflow"

    def _begin(self, data: ResponseStarted, now: float) -> None:
        if data.out_of_band:
            return
        response_id = data.response_id
        turn = self._turns[-1] if self._turns else None
        # After a tool call the next reply belongs to the same turn; else a reply that nobody asked for opens one.
        if turn is None or self._origin is not None or not (turn.running or turn.called):
            turn = _Open(since=now if self._origin is None else self._origin)
            self._turns.append(turn)
            self._begun += 1
        self._origin, turn.called = None, False
        turn.responses += (response_id,)
        turn.running += 1
        before = self._of.get(response_id)
        if before is not None:
            before.running -= 1
        self._of[response_id] = turn

    def _end(self, data: ResponseCompleted, now: float) -> None:
        if data.usage is not None:
            self._usage += data.usage
        turn = self._of.pop(data.response_id, None)
        if turn is None:
            return
        turn.running -= 1
        turn.status = data.status
        if data.usage is not None:
            turn.usage = data.usage if turn.usage is None else turn.usage + data.usage
        if data.status == "interrupted":
            self._interrupt(turn, data.response_id)

    def _interrupt(self, turn: _Open, *responses: str) -> None:
        fresh = tuple(response for response in responses if response not in turn.interrupted)
        turn.interrupted += fresh
        self._interruptions += len(fresh)

    _RULES: ClassVar[dict[type, Callable[[Any, Any, float], None]]] = {
        TextChunk: _text,
        ToolCall: _call,
        ResponseStarted: _begin,
        ResponseCompleted: _end,
        SpeechStarted: _speech_began,
        SpeechStopped: _speech_ended,
        UsageReport: _report,
        Reconnected: _reconnected,
        ErrorInfo: _fault,
    }
    """What each event does. Other events say nothing about time or cost."""


def _difference(after: Usage, before: Usage) -> Usage:
    """What was added; a vendor's own count of a session begins again with another session."""
    fields = Usage.__struct_fields__
    return Usage(*(max(0, getattr(after, name) - getattr(before, name)) for name in fields))
