"""Which replies were asked for and have not begun. Nothing on this wire asks for one: a request is an instruction to speak.

A request says *that* a reply is wanted, so one that asks for nothing new (no instructions, no text since the last one) is met by
whatever the model is about to say: the reply that runs, the one that was asked for already, or its answer to what the user has
just said or to the result of a call. Only where that does not come within `ANSWER_S` is the model told to speak. A request for
something new waits until the reply that runs is over. It knows no wire and no event.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from voicechatengine.errors import MessageError
from voicechatengine.messages import ResponseCreate

ANSWER_S: Final = 5.0  # in which the model begins to answer by itself
HELD: Final = 16
PLAIN: Final = ResponseCreate()


class Requests:
    """The requests of one connection. `patience` is how long a reply may take to begin, in seconds."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._held: deque[ResponseCreate] = deque()
        self._awaited: ResponseCreate | None = None
        self._due = 0.0
        self._answers: float | None = None  # the model answers by itself: until when that is believed
        self.unanswered: bool = False  # text was added since the last request

    @property
    def owed(self) -> ResponseCreate | None:
        """The reply that is owed and has not begun: one that was asked for, or the answer to what the user said."""
        if self._awaited is not None:
            return self._awaited
        if self._held:
            return self._held[0]
        return PLAIN if self._answers is not None else None

    def ask(self, command: ResponseCreate, now: float, *, busy: bool, listening: bool) -> bool:
        """A reply is wanted; whether the model is to be told now. `busy`: one runs. `listening`: the user is speaking.

        Raises `MessageError` if too many are held.
        """
        new = self.unanswered or command.instructions is not None
        if busy:
            if new and command not in self._held:
                if len(self._held) >= HELD:
                    raise MessageError(
                        f"{HELD} requests for a reply are waiting",
                        field="response_create",
                        cure="wait for response_completed, or interrupt()",
                    )
                self._held.append(command)
            self.unanswered = False
            return False
        if not new and (self._awaited is not None or listening or self._answers is not None):
            if self._awaited is None:
                self._await(command, now)
                self._answers = self._answers or now + ANSWER_S
            return False
        self.asked(command, now)
        return True

    def next(self, now: float) -> ResponseCreate | None:
        """No reply runs any more: the request that waited, to be made now."""
        if not self._held:
            return None
        command = self._held.popleft()
        self.asked(command, now)
        return command

    def asked(self, command: ResponseCreate, now: float) -> None:
        """The model is told to speak."""
        self._await(command, now)
        self._answers = None
        self.unanswered = False

    def answers(self, now: float) -> None:
        """The user has spoken, or a call has its result: the model answers by itself."""
        self._answers = now + ANSWER_S

    def begun(self) -> None:
        """A reply begins: it is the one that was wanted."""
        self._awaited = self._answers = None

    def drop(self) -> bool:
        """No reply is wanted that has not begun; whether one was on its way."""
        awaited = self._awaited is not None
        self._held.clear()
        self._awaited = self._answers = None
        return awaited

    def deadline(self) -> float | None:
        """When `expired` is to be asked."""
        times = [self._answers, self._due if self._awaited is not None else None]
        return min((each for each in times if each is not None), default=None)

    def expired(self, now: float) -> tuple[ResponseCreate | None, bool]:
        """Time has passed: the request of which the model is to be told after all, and whether one got no reply in time."""
        tell: ResponseCreate | None = None
        if self._answers is not None and self._answers <= now:
            tell, self._answers = self._awaited, None
            if tell is not None:
                self.asked(tell, now)
        late = self._awaited is not None and self._due <= now
        if late:
            self._awaited = None
        return tell, late

    def _await(self, command: ResponseCreate, now: float) -> None:
        self._awaited, self._due = command, now + self._patience
