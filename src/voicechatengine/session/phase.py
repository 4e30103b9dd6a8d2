"""Where the connection of a provider stands: told at each change, and waited for while it is on its way.

For providers with no vendor's server behind them: the mock, the cascade. It connects nothing itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from voicechatengine.events import ConnectionState, Event, StateChanged

_S = ConnectionState


class Phase:
    """The state of one provider; `tell` publishes an event."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self.state: ConnectionState = _S.DISCONNECTED
        self._tell = tell
        self._settled = asyncio.Event()

    @property
    def on_its_way(self) -> bool:
        """Whether there is no telling yet if there will be a connection."""
        return self.state in (_S.CONNECTING, _S.RECONNECTING)

    def become(self, state: ConnectionState, reason: str = "") -> None:
        """It is in another state now."""
        if state is _S.CONNECTING:
            self._settled = asyncio.Event()  # a new one: this may be another event loop
        previous, self.state = self.state, state
        self._tell(StateChanged(state, previous, reason))
        if self.on_its_way:
            self._settled.clear()
        else:
            self._settled.set()

    async def settled(self) -> None:
        """Waits while the connection is on its way."""
        while self.on_its_way:
            await self._settled.wait()
