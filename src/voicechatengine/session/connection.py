"""One connection of a runtime, from dialling to its end: what it opened with, what it knows, and why it ended.

The runtime has one at work, and while it hands a session over a second one that is being opened. It knows no vendor and
nothing of reconnection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, TypeVar

import msgspec

from voicechatengine.errors import ConnectionError, DeadlineError, ProtocolError, redact
from voicechatengine.events import ErrorInfo, Event, SessionCreated
from voicechatengine.failures import connection_error_of
from voicechatengine.messages import Command
from voicechatengine.provider import ProviderConfig
from voicechatengine.session.dialect import ClientDialect, Close, Ids, Restore
from voicechatengine.session.link import Link
from voicechatengine.session.transport import Connector
from voicechatengine.session.vendor import Vendor

C = TypeVar("C", bound=ProviderConfig)

_LATE: Final = Close(1002, "no session in time")


@dataclass(frozen=True)
class Surroundings(Generic[C]):
    """What every connection of one runtime shares."""

    config: C
    vendor: Vendor[C]
    connector: Connector
    clock: Callable[[], float]
    ids: Ids


class Connection(Generic[C]):
    """One connection. `emit` gets it with each event of the dialect, to be `noted` here; `session` is there once the vendor has
    opened one.
    """

    __slots__ = ("_around", "_config", "_dialect", "_emit", "_error", "link", "restore", "session")

    def __init__(
        self,
        surroundings: Surroundings[C],
        restore: Restore,
        emit: Callable[[Connection[C], Event, float], None],
    ) -> None:
        self.restore: Final = restore
        self.link: Link[Command, Event] | None = None
        self.session: SessionCreated | None = None
        self._around = surroundings
        self._config = surroundings.config
        self._emit = emit
        self._dialect: ClientDialect | None = None
        self._error: ErrorInfo | None = None

    async def run(self) -> ConnectionError:
        """Dials, serves until the connection ends, and returns why it ended. A cancellation closes it."""
        around = self._around
        vendor, timeouts = around.vendor, around.config.timeouts
        try:
            async with asyncio.timeout(timeouts.connect):
                if vendor.prepare is not None:
                    self._config = await vendor.prepare(around.config)
                endpoint = vendor.endpoint(self._config, self.restore)
                dialect = vendor.dialect(self._config, self.restore, around.ids)
                transport = await around.connector(endpoint)
        except TimeoutError:
            return DeadlineError(
                f"no connection within {timeouts.connect:g} s",
                cure="check the network and the url, or raise timeouts.connect",
            )
        except ConnectionError as error:
            return error
        self._dialect = dialect  # what it knows counts once the vendor has answered the call
        self.link = Link(dialect, transport, around.clock, partial(self._emit, self))
        timer = asyncio.get_running_loop().call_later(timeouts.session, self._too_late, self.link)
        try:
            return self._why(await self.link.run())
        finally:
            timer.cancel()
            self.link = None

    def snapshot(self) -> Restore:
        """What the next connection needs of what this one's dialect knows."""
        return self.restore if self._dialect is None else self._dialect.snapshot()

    def _too_late(self, link: Link[Command, Event]) -> None:
        if self.session is None:
            link.hang_up(_LATE)

    def noted(self, data: Event) -> Event:
        """Notes what an event tells of the connection, and gives it back without a key in it. Audio tells nothing."""
        if isinstance(data, SessionCreated):
            self.session, self._error = data, None
        elif isinstance(data, ErrorInfo):
            data = msgspec.structs.replace(data, message=redact(data.message, self._config.api_key))
            if self.session is None or not data.recoverable:
                self._error = data
            if not data.recoverable and self.link is not None:
                self.link.hang_up(Close(1000))
        return data

    def _why(self, close: Close) -> ConnectionError:
        """Why it ended: what the vendor said of it, else what is known of the closing."""
        if self._error is not None:
            return connection_error_of(self._error)
        if close == _LATE:
            return DeadlineError(
                f"the server sent no session within {self._around.config.timeouts.session:g} s",
                cure="check that it speaks this vendor's protocol",
            )
        reason = f" ({close.reason})" if close.reason else ""
        if self.session is None:
            return ProtocolError(
                f"the server ended the connection before a session began, with code {close.code}{reason}",
                code=str(close.code),
                cure="check the url, the model and the key",
            )
        return ConnectionError(f"the connection ended with code {close.code}{reason}", code=str(close.code))
