"""When a session is handed over to a new one before the vendor ends it: at a pause, and not later than it must be. Pure.

A pause is a moment at which nothing is under way that a new session would not know: no reply is open or owed, nobody speaks, and
the words of everything said have come. Close to the end speech is no reason to wait any more: an utterance that is under way
is said again, whole, to the new session. At the very end words that have not come are none either.
"""

from __future__ import annotations

import math
from typing import Final

from voicechatengine.conversation import Conversation
from voicechatengine.events import Event, ResponseCompleted, ResponseStarted, SessionExpiring
from voicechatengine.session.dialect import Restore
from voicechatengine.session.utterance import Utterance

URGENT_S: Final = 20.0  # so long before the end, speech is no reason to wait any more
LAST_S: Final = 3.0  # so long before the end, words that have not come are none either
AGAIN_S: Final = 5.0  # after a new session could not be opened, or was not needed in time


class HandOver:
    """Follows one connection's events; `age` is how old a session may get, in seconds, where that is configured."""

    def __init__(self, age: float | None) -> None:
        self._age = age
        self._open: set[str] = set()
        self._end: float | None = None  # Unix seconds at which the session is over
        self._due: float | None = None  # from when on it is to be handed over
        self._not_before = 0.0

    def begun(self, now: float) -> None:
        """A session begins: with no reply open and no end known."""
        self._open.clear()
        self._end = None
        self._due = None if self._age is None else now + self._age

    def received(self, event: Event, now: float) -> None:
        """An event of the session came."""
        if isinstance(event, ResponseStarted):
            self._open.add(event.response_id)
        elif isinstance(event, ResponseCompleted):
            self._open.discard(event.response_id)
        elif isinstance(event, SessionExpiring):
            self._end, self._due = now + event.seconds_left, now

    def put_off(self, now: float) -> None:
        """It did not work out this time."""
        self._not_before = now + AGAIN_S

    def due(self, now: float) -> bool:
        """Whether the session is to be handed over as soon as it can be."""
        return self._due is not None and self._due <= now and self._not_before <= now

    def wakes_at(self, now: float) -> float | None:
        """When to ask `wanted` again, if nothing happens until then; None: never."""
        if self._due is None:
            return None
        ends = () if self._end is None else (self._end - URGENT_S, self._end - LAST_S)
        times = (self._due, self._not_before, *ends)
        return min((time for time in times if time > now), default=None)

    def wanted(self, now: float, owed: Restore, utterance: Utterance, conversation: Conversation) -> bool:
        """Whether a new session is to be opened now, or taken into use if it is open. `owed` is the dialect's snapshot."""
        if not self.due(now) or self._open:
            return False
        if owed.reply_owed is not None or utterance.commit_due:
            return False
        left = math.inf if self._end is None else self._end - now
        # The words of what is being said now are not waited for: it is said again.
        waits_for_words = any(item != utterance.item_id for item in conversation.wordless())
        return left <= LAST_S or (not waits_for_words and (left <= URGENT_S or utterance.quiet))
