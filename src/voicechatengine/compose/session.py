"""The session that a relay shows: which provider it is with, what that one leaves when it is lost, and how it all ends.

Nothing is awaited in it, so that nothing comes between the parts of one step. It opens no provider and speaks to none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Literal

from voicechatengine.compose.doors import Doors
from voicechatengine.compose.ledger import Ledger
from voicechatengine.compose.line import Line
from voicechatengine.compose.outlet import Outlet
from voicechatengine.errors import ConnectionError, MessageError, ProviderError
from voicechatengine.events import ConnectionState, ErrorInfo, Reconnecting
from voicechatengine.messages import Command
from voicechatengine.provider import Provider
from voicechatengine.session.held import Held
from voicechatengine.session.outage import Outage

_S = ConnectionState
BETWEEN: Final = frozenset({_S.CONNECTING, _S.RECONNECTING})


class Session:
    """One relay's session, through all its providers. `on_lost` is called when the one in use is lost."""

    def __init__(
        self,
        provider: Provider,
        ledger: Ledger,
        outlet: Outlet,
        on_lost: Callable[[Exception], None] | None,
    ) -> None:
        self.provider: Provider = provider  # in use, or the one that was used last
        self.ledger: Final = ledger
        self.outlet: Final = outlet
        self.on_lost: Final = on_lost
        self.doors: Final = Doors()
        self.line: Line | None = None  # to the provider in use
        self.lines: int = 0  # so many there were
        self.life: int = 0  # counts sessions, so that what began in one does not end in another
        self.stopping: bool = False
        self.moves: int = 0  # under way, or waiting for their turn
        self.attempts: int = 0
        self.cause: Exception | None = None
        self.outage: Outage | None = None
        self.repeats: deque[Command] = (
            deque()
        )  # what the provider in use is still to be told of what was said before
        self.held: Held = Held()  # what is said meanwhile

    @property
    def state(self) -> ConnectionState:
        """The state that is told."""
        return self.outlet.state

    @property
    def replaceable(self) -> bool:
        """Whether a provider that is lost may be followed by another one."""
        return self.on_lost is not None or self.moves > 0

    def begin(self) -> int:
        """Begins a session; gives its number."""
        self.life += 1
        self.stopping = False
        self.outlet.hub.open()
        self.outlet.become(_S.CONNECTING, "connect")
        return self.life

    def use(self, line: Line) -> None:
        """This provider is in use from now on."""
        self.line, self.provider, self.cause = line, line.provider, None

    def part(self, status: Literal["interrupted", "failed"], why: str, reason: str, *, again: bool) -> None:
        """Leaves the provider in use: its replies end here, whatever it still says."""
        self.outage = self.ledger.stock(again=again)
        self.outlet.end_replies(status, why)
        if self.line is not None:
            self.line.left = True
        self.line = None
        if self.state is _S.CONNECTED:
            self.attempts = 0
            self.outlet.become(_S.RECONNECTING, reason)
        self.attempts += 1
        self.outlet.emit(Reconnecting(self.attempts, 0.0, reason))
        self.outlet.changed.set()

    def lost(self, line: Line, cause: Exception) -> None:
        """This provider is gone; that matters if it is the one in use."""
        if line is not self.line or self.stopping:
            return
        self.cause = cause
        if not self.replaceable:
            self.end(_S.ERROR, str(cause))
            self.doors.leave(line)
            return
        self.part("failed", "connection_lost", str(cause), again=True)
        self.doors.leave(line)
        if self.on_lost is not None:
            self.on_lost(cause)

    def give_up(self, error: ProviderError) -> None:
        """There is no other provider. Where one is still in use it stays in use; else the session is in error."""
        if self.line is not None:
            self.outlet.emit(ErrorInfo("failover_failed", str(error)))
        elif self.state is _S.RECONNECTING:
            unsent = len(self.repeats) + len(self.held)
            lost = f"; {unsent} held messages were not sent" if unsent else ""
            self.outlet.emit(ErrorInfo(error.code or "connection_lost", f"{error}{lost}", recoverable=False))
            self.end(_S.ERROR, error.message)

    def end(self, state: ConnectionState, reason: str) -> None:
        """The last state of this session."""
        self.outlet.end_replies("failed", "connection_lost" if state is _S.ERROR else "disconnected")
        self.ledger.reset()
        self.line = self.outage = None
        self.repeats.clear()
        self.held = Held()
        self.outlet.become(state, reason)
        self.outlet.hub.end()

    # -- what is raised

    def check_life(self, life: int) -> None:
        """Raises `ConnectionError` if the session that had this number is over."""
        if self.life != life:
            raise ConnectionError("the session was disconnected", cure="connect again", fault="application")

    def not_connected(self) -> ConnectionError:
        """Why nothing can be sent."""
        if isinstance(self.cause, ConnectionError):
            return self.cause
        return ConnectionError(
            f"the session is {self.state}", cure="await connect() first", fault="application"
        )


def session_open() -> MessageError:
    """For a session that is defined while there is one."""
    return MessageError(
        "the session is open", field="message_type", cure="use SESSION_UPDATE to change its options"
    )
