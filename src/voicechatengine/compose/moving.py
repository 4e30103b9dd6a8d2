"""How a relay goes from one provider to another in mid-conversation: open the other, wait for the moment, change places.

It does not know why: who wants another provider says so, and when.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, Literal

from voicechatengine.compose.connecting import open_line
from voicechatengine.compose.delivery import Delivery
from voicechatengine.compose.fit import changes, fit_history
from voicechatengine.compose.following import follow
from voicechatengine.compose.line import Line
from voicechatengine.compose.session import Session
from voicechatengine.errors import ConnectionError, MessageError, ProviderError
from voicechatengine.events import ConnectionState, Reconnected, SessionUpdated
from voicechatengine.messages import MessageItem
from voicechatengine.provider import Provider

SETTLE_S: Final = 3.0  # how long a pause is put off for a reply, or for words, that are on their way

_S = ConnectionState


class Moving:
    """The moves of one session, one after the other; `delivery` says to each new provider what was said meanwhile."""

    def __init__(self, session: Session, delivery: Delivery) -> None:
        self._session = session
        self._delivery = delivery
        self._turn = asyncio.Lock()

    async def move(
        self, provider: Provider, at: Literal["pause", "now"], reason: str, *, again: bool
    ) -> None:
        """Goes on with another provider. `again`: a reply that this cuts is asked for again. Raises what opening the other raises,
        `MessageError` for the one in use, and `ConnectionError` if the session is over, or ends meanwhile.
        """
        session, life = self._session, self._session.life
        if session.stopping or session.state not in (_S.CONNECTED, _S.RECONNECTING):
            raise session.not_connected()
        if provider is session.provider and session.line is not None:
            raise MessageError("this provider is in use", field="provider", cure="give another one")
        session.moves += 1
        try:
            async with self._turn:
                session.check_life(life)
                session.lines += 1
                line = Line(provider, session.lines, session.ledger.form)
                await open_line(session, line, life, new=True)
                try:
                    follow(session, line)
                    await asyncio.sleep(0)
                    if at == "pause":
                        await self._pause(line, life)
                    session.check_life(life)
                    line.check()
                except BaseException:
                    await line.close()
                    raise
                tasks = self._switch(line, reason, again=again)
        finally:
            session.moves -= 1
            if session.life == life and session.line is None and not session.replaceable:
                cause = session.cause or ConnectionError("the provider was lost")
                session.give_up(cause if isinstance(cause, ProviderError) else ConnectionError(str(cause)))
        await asyncio.wait(tasks)  # a cancellation ends the waiting, not the work

    async def _pause(self, line: Line, life: int) -> None:
        """Waits until nobody has the floor, or there is nothing to wait for any more."""
        session = self._session
        while session.line is not None and session.life == life and line.failed is None:
            if session.ledger.busy:
                await session.outlet.news()
            elif not session.ledger.unsettled:
                return
            else:
                try:
                    async with asyncio.timeout(SETTLE_S):
                        await session.outlet.news()
                except TimeoutError:
                    return

    def _switch(self, line: Line, reason: str, *, again: bool) -> list[asyncio.Task[None]]:
        """The move itself: nothing is awaited in it, so that nothing comes between. Returns what is still to be done."""
        tasks: list[asyncio.Task[None]] = []
        session, ledger, outlet = self._session, self._session.ledger, self._session.outlet
        old = session.line
        if old is not None:
            session.part("failed" if again else "interrupted", "provider_changed", reason, again=again)
            tasks.append(session.doors.leave(old))
        outage, session.outage = session.outage, None
        assert outage is not None
        session.use(line)
        items = outage.restore.history
        told, untold = fit_history(
            items, line.provider.get_capabilities(), ledger.form, ledger.form
        )  # sound is converted when it is sent
        later = changes(_comparable(line, told), told) if told or line.history else []
        line.history = ()  # a long one need not be kept once more
        line.names.restore(told)
        ledger.go_on(outage)
        # What an earlier provider was to be told again and was not is in this outage too.
        session.repeats = deque((*later, *outage.commands()))
        if outage.reply is not None and session.held.asks_for_reply:
            session.repeats.pop()  # the application has asked again itself
        missing = tuple(dict.fromkeys((*line.missing, *untold, *outage.missing)))
        outlet.hub.name, outlet.hub.session_id = line.name, line.session_id
        outlet.become(_S.CONNECTED, reason)
        updated = SessionUpdated(line.session_id or "", applied=line.applied)
        outlet.emit(outlet.session_event(line, updated))
        outlet.emit(Reconnected(session.attempts, not missing, missing))
        if outage.reply is not None:
            outlet.see(outage.reply)
        tasks.append(session.doors.keep(self._delivery.catch_up(line)))
        return tasks


def _comparable(line: Line, told: Sequence[Any]) -> tuple[Any, ...]:
    """What the provider was opened with; where its audio was converted, an item counts as the one it was made of."""
    if line.native:
        return line.history
    same = {item.id: item for item in told if isinstance(item, MessageItem)}
    return tuple(
        same[item.id]
        if isinstance(item, MessageItem) and item.id in same and item.text == same[item.id].text
        else item
        for item in line.history
    )
