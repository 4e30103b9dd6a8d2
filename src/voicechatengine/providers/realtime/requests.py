"""Which replies were asked for and have not begun: one of the conversation on its way at most, the others wait.

The service refuses a ``response.create`` while a response of the conversation is active, so requests are held until it is
over. Requests out of band are never held. A request says *that* a reply is wanted, so:

- while one is on its way, another that asks for nothing new (no parameters, no item since) is the same request;
- while the service is about to answer the user's speech by itself, such a request waits for that answer and is then met; if
  the answer does not come within `ANSWER_S`, it is sent;
- a request with parameters, or for items added since the last one, is always made.

It knows no wire and no event.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

import msgspec

from voicechatengine.errors import MessageError
from voicechatengine.messages import ResponseCreate

ANSWER_S: Final = 5.0  # in which the service begins to answer a turn, or to end what was cancelled
PAUSE_S: Final = 1.0  # before a request is made again that was refused for a response nobody has seen
HELD: Final = 16
SENT: Final = 64
_PLAIN: Final = ResponseCreate()


class Request(msgspec.Struct):
    """One request. `insisted`: another reply does not meet it. `due`: when a reply must have begun, in Unix seconds."""

    command: ResponseCreate
    insisted: bool = False
    kind: str = "response_create"
    event_id: str = ""
    due: float = 0.0
    cancelled: bool = False


class Requests:
    """The requests of one connection. `patience` is how long a reply may take to begin, in seconds."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._held: deque[Request] = deque()
        self._sent: deque[Request] = deque()  # not begun
        self._recent: dict[str, Request] = {}  # by event id, begun or not: a late refusal names one
        self._turn: float | None = None  # the service answers a turn by itself: until when that is believed
        self._pause: float | None = None
        self._committed = False  # that turn was committed
        self.active: str | None = None  # the response of the conversation that runs
        self.unanswered: bool = False  # items were added since the last request

    @property
    def asked(self) -> Request | None:
        """The request of the conversation that is on its way."""
        return next((each for each in self._sent if not each.command.out_of_band), None)

    @property
    def owed(self) -> ResponseCreate | None:
        """The reply that is owed and has not begun."""
        asked = self.asked
        if asked is not None and not asked.cancelled:
            return asked.command
        if self._held:
            return self._held[0].command
        return _PLAIN if self._committed else None

    def add(self, command: ResponseCreate, kind: str = "response_create", *, insisted: bool = False) -> None:
        """A reply is wanted. Raises `MessageError` if too many are held."""
        if command.out_of_band:
            self._held.append(Request(command, insisted=True, kind=kind))
            return
        insisted = insisted or self.unanswered or command != _PLAIN
        request = Request(command, insisted, kind)
        asked = self.asked
        same = next((each for each in self._held if each.command == command), None)
        if same is not None:
            same.insisted |= request.insisted
        elif asked is None or asked.cancelled or request.insisted:
            if len(self._held) >= HELD:
                raise MessageError(
                    f"{HELD} requests for a reply are waiting",
                    field="response_create",
                    cure="wait for response_completed, or interrupt()",
                )
            self._held.append(request)
        self.unanswered = False

    def next(self) -> Request | None:
        """Takes a held request that can be made now; `sent` it then."""
        busy = self.active is not None or self.asked is not None or self._pause is not None
        for request in self._held:
            waits = busy or (self._turn is not None and not request.insisted)
            if request.command.out_of_band or not waits:
                self._held.remove(request)
                return request
        return None

    def sent(self, request: Request, event_id: str, now: float) -> None:
        """The request went out with this event id."""
        request.event_id, request.due = event_id, now + self._patience
        self._sent.append(request)
        self._recent[event_id] = request
        if len(self._sent) > SENT:
            self._sent.popleft()
        if len(self._recent) > SENT:
            del self._recent[next(iter(self._recent))]

    def begun(self, response_id: str, *, in_conversation: bool | None) -> tuple[bool, bool]:
        """A response begins, of the conversation or not (None: it does not say). Returns whether it is out of band, and
        whether it is to be cancelled. Only one that was asked for out of band can be.
        """
        beside = next((each for each in self._sent if each.command.out_of_band), None)
        asked = self.asked
        if beside is not None and (in_conversation is False or (in_conversation is None and asked is None)):
            self._sent.remove(beside)
            return True, beside.cancelled
        if asked is not None:
            self._sent.remove(asked)
        self.active = response_id
        if self._turn is not None:
            self._drop_plain()
        self._turn = self._pause = None
        self._committed = False
        return False, asked is not None and asked.cancelled

    def ended(self, response_id: str) -> bool:
        """A response is over; whether it was the active one."""
        if self.active != response_id:
            return False
        self.active = self._pause = None
        return True

    def refused(self, event_id: str | None, *, active: bool) -> Request | None:
        """The request that an error is about, no longer on its way. `active`: refused because another response is.

        Such a request is held again, unless the response that came before it is the reply it asked for.
        """
        if event_id is not None:
            request = self._recent.pop(event_id, None)
        else:
            request = (self.asked or next(reversed(self._recent.values()), None)) if active else None
        if request is None:
            return None
        if request in self._sent:
            self._sent.remove(request)
        if active and not request.cancelled and (request.insisted or self.active is None):
            self._held.appendleft(request)
            if self.active is None:
                self._pause = request.due - self._patience + PAUSE_S
        return request

    def drop(self) -> None:
        """The service interrupted to hear the user: its answer to what comes meets all that is held."""
        self._held.clear()

    def cancel(self, now: float) -> bool:
        """No reply is wanted that has not begun; whether one is on its way that has to be cancelled."""
        if self._turn is not None:
            self._drop_plain()
        asked = self.asked
        if asked is None or asked.cancelled:
            return False
        asked.cancelled = True
        asked.due = min(asked.due, now + ANSWER_S)
        return True

    # -- the user's turn, where the service answers it

    def speaking(self) -> None:
        """The user speaks."""
        self._turn = math.inf

    def spoken(self, now: float, *, committed: bool) -> None:
        """The user's turn is over, or committed: the answer is to begin."""
        self._turn = now + ANSWER_S
        self._committed |= committed

    def no_turn(self) -> None:
        """There is no turn that the service answers."""
        self._turn = None
        self._committed = False

    # -- time

    def deadline(self) -> float | None:
        """When `overdue` is to be asked."""
        times = [each.due for each in self._sent]
        times += [each for each in (self._turn, self._pause) if each is not None and each != math.inf]
        return min(times, default=None)

    def overdue(self, now: float) -> list[Request]:
        """The requests that got no reply in time, cancelled ones left out; they are forgotten."""
        if self._turn is not None and self._turn <= now:
            self.no_turn()
        if self._pause is not None and self._pause <= now:
            self._pause = None
        late = [each for each in self._sent if each.due <= now]
        for each in late:
            self._sent.remove(each)
        return [each for each in late if not each.cancelled]

    def _drop_plain(self) -> None:
        self._held = deque(each for each in self._held if each.insisted)
