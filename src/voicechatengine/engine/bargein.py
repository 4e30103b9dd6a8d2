"""Whether the user's speech over a reply is an interruption: the settings, and the rules that decide it.

Pure: events and times come in, a verdict comes out. It knows neither playback nor providers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from voicechatengine.errors import MessageError
from voicechatengine.events import EventData, InputTranscript, ResponseStarted, SpeechStarted, SpeechStopped

HELD_S: Final = 30.0  # the longest that a reply is held: who speaks for so long means it


@dataclass(frozen=True, kw_only=True)
class BargeIn:
    """When the user's speech interrupts the assistant. As it stands: at once.

    `min_speech_ms`: speech that is reported to have stopped sooner does not count; meanwhile the reply plays on. A vendor
    reports the end of speech after `silence_duration_ms` of silence, which are part of it: give more than that.

    `resume_ms`: at speech the reply falls silent at once but is kept; if the speech is over and no words of it (nor an answer to
    it) come within so many milliseconds, or it was shorter than `min_speech_ms`, the reply goes on where it was. None keeps
    nothing. It takes the user's transcript to tell words from noise.

    A vendor that stops its reply by itself at speech has made no more of it by then: that much goes on. What was heard is
    told to the provider once the interruption is certain.
    """

    min_speech_ms: float = 0.0
    resume_ms: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("min_speech_ms", self.min_speech_ms), ("resume_ms", self.resume_ms or 0.0)):
            if not 0 <= value < float("inf"):
                raise MessageError(
                    f"BargeIn, field {name}: {value!r} is no time",
                    field=name,
                    cure="give milliseconds, 0 or more",
                )


class Verdict(Enum):
    """What to do with the reply: nothing yet, hold it, let it go on, or end it."""

    WAIT = "wait"
    HOLD = "hold"
    RESUME = "resume"
    CUT = "cut"


class Doubt:
    """Follows speech over one reply until it is certain what it is. Times are seconds of any one clock."""

    def __init__(self, settings: BargeIn) -> None:
        self._settings = settings
        self._started: SpeechStarted | None = None  # while in doubt
        self._since = 0.0
        self._held_since = 0.0
        self._stopped: float | None = None  # when it did
        self._words = False

    def __bool__(self) -> bool:
        """Whether there is speech of which it is not known what it is."""
        return self._started is not None

    @property
    def _keeps(self) -> bool:
        return self._settings.resume_ms is not None

    def apply(self, data: EventData, now: float) -> Verdict:
        """An event came, while a reply is there to be interrupted or is in doubt already."""
        match data:
            case SpeechStarted():
                return self._begin(data, now)
            case SpeechStopped() if self._started is not None:
                return self._end(self._started, data, now)
            case InputTranscript() if self._is_of(data) and data.text.strip():
                self._words = True
                return self._decide(now)
            case ResponseStarted(out_of_band=False) if self._stopped is not None:
                return self._over(Verdict.CUT)  # the vendor took it for a turn
            case _:
                return Verdict.WAIT

    def deadline(self) -> float | None:
        """When `expired` is to be asked; None while nothing is in doubt."""
        if self._started is None:
            return None
        if not self._keeps:
            return self._since + self._settings.min_speech_ms / 1000
        times = [self._held_since + HELD_S]
        if self._stopped is not None:
            times.append(self._stopped + (self._settings.resume_ms or 0.0) / 1000)
        elif self._words:
            times.append(self._since + self._settings.min_speech_ms / 1000)
        return min(times)

    def expired(self, now: float) -> Verdict:
        """Time has passed."""
        due = self.deadline()
        if due is None or now < due:
            return Verdict.WAIT
        false = self._keeps and self._stopped is not None and now < self._held_since + HELD_S
        return self._over(Verdict.RESUME if false else Verdict.CUT)

    def forget(self) -> None:
        """The reply is over for another reason."""
        self._over(Verdict.WAIT)

    def _begin(self, data: SpeechStarted, now: float) -> Verdict:
        again = self._started is not None
        if not self._keeps and not self._settings.min_speech_ms:
            return Verdict.CUT
        self._started, self._since, self._stopped = data, now, None
        if not again:
            self._held_since = now
            return Verdict.HOLD if self._keeps else Verdict.WAIT
        return Verdict.WAIT

    def _end(self, started: SpeechStarted, stopped: SpeechStopped, now: float) -> Verdict:
        if self._length_ms(started, stopped, now) < self._settings.min_speech_ms:
            return self._over(Verdict.RESUME)
        self._stopped = now
        return self._decide(now)

    def _decide(self, now: float) -> Verdict:
        """Words make it certain, once it lasted long enough."""
        lasted = self._stopped is not None or (now - self._since) * 1000 >= self._settings.min_speech_ms
        if self._started is not None and lasted and (self._words or not self._keeps):
            return self._over(Verdict.CUT)
        return Verdict.WAIT

    def _length_ms(self, started: SpeechStarted, stopped: SpeechStopped, now: float) -> float:
        """By the positions in the audio where the vendor tells both, else by the times of the reports."""
        if self._keeps and started.position_ms is not None and stopped.position_ms is not None:
            return stopped.position_ms - started.position_ms
        return (now - self._since) * 1000

    def _is_of(self, data: InputTranscript) -> bool:
        """Whether a transcript may be of the speech in doubt: that of an earlier turn can come late."""
        if self._started is None:
            return False
        return None in (data.item_id, self._started.item_id) or data.item_id == self._started.item_id

    def _over(self, verdict: Verdict) -> Verdict:
        self._started = self._stopped = None
        self._words = False
        return verdict


__all__ = ["BargeIn", "Doubt", "Verdict"]
