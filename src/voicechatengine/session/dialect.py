"""The pure part of a provider: bytes and time in, events and bytes out.

A dialect is one connection's protocol state. It opens no socket, starts no task, reads no clock and draws no random
number: time, ids and what to restore come in as arguments. Both sides of a wire have the same shape: a client dialect is a
`Dialect[Command, Event]`, a server dialect a `Dialect[Event, Command]`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias, TypeVar

import msgspec

from voicechatengine.events import Event
from voicechatengine.messages import Command, Item, Options, ResponseCreate

Ids: TypeAlias = Callable[[str], str]
"""An id source: ``ids("item")`` gives a fresh id that begins with that word and is at most 32 characters long."""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One websocket message to send: text (UTF-8) unless `binary`."""

    data: bytes
    binary: bool = False


class Close(msgspec.Struct, frozen=True):
    """The end of a connection: as an output, a request to close it so; as an input, how it ended.

    `code` is the websocket's; 1006 stands for a connection that ended with no closing handshake.
    """

    code: int = 1000
    reason: str = ""


Outgoing: TypeAlias = Frame | Close


class Restore(msgspec.Struct, frozen=True):
    """What a connection starts from: all of it empty for a new session, else what the one before knew.

    `handle` is the vendor's own for resuming. `pending_calls` are call ids whose results the model still waits for.
    `reply_owed` is a reply that was asked for and has not begun. `lost` names, for people, what could not be kept.
    """

    options: Options = Options()
    history: tuple[Item, ...] = ()
    handle: str | None = None
    pending_calls: tuple[str, ...] = ()
    reply_owed: ResponseCreate | None = None
    lost: tuple[str, ...] = ()
    reconnect: bool = False


class Endpoint(msgspec.Struct, frozen=True):
    """Where to connect, and what the handshake carries. Headers hold keys: they are never shown."""

    url: str
    headers: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Endpoint(url={self.url.partition('?')[0]!r})"


class Ready(msgspec.Struct, frozen=True):
    """The service will work. The dialect of a speech service (`service.py`) gives it once: from `opened` where the service says
    nothing of its own accord.
    """


In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)


class Dialect(Protocol[In, Out]):
    """**Protocol:** one side of one connection.

    `now` is Unix seconds that never step back. Every method returns one ordered list of what to emit and what to send; the
    driver never awaits between two of them.
    """

    def opened(self, now: float, /) -> Sequence[Out | Outgoing]:
        """The connection is open; called once, first."""
        ...

    def send(self, message: In, now: float, /) -> Sequence[Out | Outgoing]:
        """Something is to be said. May raise `MessageError` or `AudioError`; the state is then unchanged."""
        ...

    def receive(self, frame: bytes | str, now: float, /) -> Sequence[Out | Outgoing]:
        """A frame came. Never raises, whatever it holds."""
        ...

    def closed(self, close: Close, now: float, /) -> Sequence[Out | Outgoing]:
        """The connection is over; called once, last. What was open is ended here."""
        ...

    def deadline(self) -> float | None:
        """When `expired` wants to be called, if at all; asked after each other call."""
        ...

    def expired(self, now: float, /) -> Sequence[Out | Outgoing]:
        """The deadline has passed."""
        ...

    def snapshot(self) -> Restore:
        """What the next connection needs to go on."""
        ...


ClientDialect: TypeAlias = Dialect[Command, Event]
ServerDialect: TypeAlias = Dialect[Event, Command]
