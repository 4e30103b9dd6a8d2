"""How an engine's session stands: whether it is over and why, and who ends turns in it. A fold over events.

It tells nobody that the session is over: who hands it an event gets the reason, and passes it on.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from msgspec import UNSET

from voicechatengine.capabilities import Capabilities
from voicechatengine.errors import ConnectionError, ProviderError
from voicechatengine.events import (
    ConnectionState,
    ErrorInfo,
    EventData,
    SessionCreated,
    SessionUpdated,
    StateChanged,
)
from voicechatengine.failures import error_of

REASON_S: Final = 1.0  # how long the reason for an end is waited for


class Standing:
    """See the module. The first reason for an end that was told counts, until there is a session again."""

    def __init__(self) -> None:
        self.error: ProviderError | None = None  # why the session is over
        self._over = asyncio.Event()
        self._manual: bool | None = None  # whether the session has no turn detection, where it told

    def begin(self) -> None:
        """There is a session."""
        self.error = None
        self._over.clear()

    def apply(self, data: EventData) -> ProviderError | None:
        """Takes in an event; gives the reason if it is the session's end."""
        match data:
            case ErrorInfo(recoverable=False):
                return self.end(error_of(data))
            case StateChanged(state=ConnectionState.CONNECTED):
                self.begin()
            case StateChanged(state=ConnectionState.ERROR | ConnectionState.DISCONNECTED):
                reason = data.reason or data.state
                return self.end(ConnectionError(f"the session is over: {reason}", cure="connect again"))
            case SessionCreated() | SessionUpdated() if data.applied.turn_detection is not UNSET:
                self._manual = data.applied.turn_detection is None
            case _:
                pass
        return None

    def end(self, error: ProviderError) -> ProviderError:
        """The session is over; gives the reason that counts."""
        self.error = self.error or error
        self._over.set()
        return self.error

    def check(self) -> None:
        """Raises the reason if the session is over."""
        if self.error is not None:
            raise self.error

    async def ended(self) -> None:
        """For who has noticed that the session is over: waits until it was told, though not for ever."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REASON_S):
                await self._over.wait()

    def is_manual(self, able: Capabilities) -> bool:
        """Whether the application ends turns; `able` decides where the session did not tell."""
        if self._manual is not None:
            return self._manual
        return bool(able.get("manual_turns")) and not able.get("turn_detection")
