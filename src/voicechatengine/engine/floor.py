"""Who has the floor: whether something is still to come in a conversation whose input has ended. Pure; times come in."""

from __future__ import annotations

from typing import Final

from voicechatengine.events import (
    AudioChunk,
    ConnectionState,
    EventData,
    ResponseCompleted,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    StateChanged,
    TextChunk,
    ToolCall,
)

SETTLE_S: Final = 1.0  # after the last word: a vendor's voice detection and the way there and back take less


class Floor:
    """Follows events; `grace_s` is how long to wait for a reply that is due, in seconds."""

    def __init__(self, now: float, grace_s: float) -> None:
        self._grace = grace_s
        self._open: set[str] = set()
        self.reconnecting: bool = False
        self._due = True  # until a first reply came, one is due
        self.moved: float = now  # when something of the conversation last came

    @property
    def answering(self) -> bool:
        """Whether a reply is being made."""
        return bool(self._open)

    def quiet_at(self) -> float:
        """The moment at which nothing more is to be expected, if nothing happens until then."""
        return self.moved + (self._grace if self._due else SETTLE_S)

    def asked(self, now: float) -> None:
        """A reply is due: it was asked for, or the user has spoken."""
        self._due = True
        self.moved = now

    def ended(self, now: float) -> None:
        """The input has ended."""
        self.moved = now

    def sound(self, response_id: str | None, now: float) -> None:
        """`apply` for what comes fifty times a second: more of a reply."""
        self.moved = now
        if response_id is None:
            self._due = False

    def apply(self, data: EventData, now: float) -> None:
        """An event came."""
        match data:
            case SpeechStarted() | SpeechStopped() | ToolCall():
                self.asked(now)
            case ResponseStarted():
                self._open.add(data.response_id)
                self._due = False
                self.moved = now
            case ResponseCompleted():
                self._open.discard(data.response_id)
                self.moved = now
            case TextChunk() | AudioChunk():
                self.sound(data.response_id, now)
            case StateChanged():
                self.reconnecting = data.state is ConnectionState.RECONNECTING
                self.moved = now
            case _:
                pass
