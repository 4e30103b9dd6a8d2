"""How a relay's session begins and ends: the first of several providers that can be opened, and the leave of all of them.

It knows the contract of a provider, and nothing of going from one to another in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from msgspec import UNSET, UnsetType

from voicechatengine.capabilities import Capabilities
from voicechatengine.compose.following import follow
from voicechatengine.compose.line import UNREACHABLE, Line, name_of, turns_of
from voicechatengine.compose.session import BETWEEN, Session
from voicechatengine.errors import ConnectionError
from voicechatengine.events import ConnectionState, ErrorInfo
from voicechatengine.messages import TurnDetection
from voicechatengine.provider import Provider

_S = ConnectionState


async def connect_first(session: Session, providers: Iterable[Callable[[], Provider]]) -> bool:
    """Connects the first of these that can be. Raises the error of the only one, or one that tells what each said."""
    while session.state in BETWEEN:
        await session.outlet.news()
    if session.state is _S.CONNECTED:
        return True
    life = session.begin()
    said: list[tuple[Provider, Exception]] = []
    try:
        for make in providers:
            line = Line(provider := make(), 1, session.ledger.form)
            try:
                await open_line(session, line, life, new=provider is not session.provider)
            except UNREACHABLE as error:
                session.check_life(life)
                said.append((provider, error))
                continue
            _adopt(session, line, said)
            await asyncio.sleep(0)  # what it told while it connected is known when this returns
            return True
        _none_left(said)
    except BaseException as error:
        if session.life == life and session.state is _S.CONNECTING:
            session.end(_S.DISCONNECTED, str(error) or "cancelled")
        elif session.life == life and session.line is not None:
            await disconnect(session)  # cancelled at the last moment: the caller holds no session
        raise


async def open_line(session: Session, line: Line, life: int, *, new: bool) -> None:
    """Opens a provider. Nothing of it is left open by an error or a cancellation.

    One that is `new` to the session, or comes after an error, is told first what the session is. Raises what opening it raises,
    and `ConnectionError` if the session that had the number `life` is over then.
    """
    ledger = session.ledger
    async with session.doors.opening(line):
        if new or session.cause is not None:
            outage = session.outage
            history = outage.restore.history if outage is not None else ledger.settled()
            await line.define(ledger.options, turns_of(ledger.turns, line.provider), history)
        await line.open()
        session.check_life(life)


async def disconnect(session: Session) -> None:
    """Disconnects everybody and ends the session; what the provider in use still tells is heard."""
    session.life += 1
    session.stopping = True
    session.outlet.changed.set()
    try:
        await session.doors.close(session.line)
    finally:
        if session.state is not _S.DISCONNECTED:
            session.end(_S.DISCONNECTED, "disconnected")
        session.cause = None
        session.ledger.begin(session.ledger.form)
        await session.outlet.hub.close()


def _adopt(session: Session, line: Line, said: Sequence[tuple[Provider, Exception]]) -> None:
    """The first provider of a session is there, after those that could not be used."""
    ledger = session.ledger
    ledger.reset()
    ledger.by_itself(_by_itself(line.provider.get_capabilities()))
    session.use(line)
    session.lines = 1
    if said:
        session.outlet.hub.name = line.name
    else:
        ledger.change_format(line.provider.get_audio_format())
        line.set_format(ledger.form)
    line.ready = True
    session.outlet.become(_S.CONNECTED, "connected")
    follow(session, line)
    if said:
        why = "; ".join(f"{name_of(provider)} said: {error}" for provider, error in said)
        without = f"; without {', '.join(line.missing)}" if line.missing else ""
        text = f"{name_of(line.provider)} is used, because {why}{without}"
        session.outlet.emit(ErrorInfo("failed_over", text))


def _none_left(said: Sequence[tuple[Provider, Exception]]) -> NoReturn:
    """Raises the one error for providers of which none could be used."""
    if len(said) == 1:
        raise said[0][1]
    why = "; ".join(f"{number}. {name_of(p)} said: {error}" for number, (p, error) in enumerate(said, 1))
    raise ConnectionError(f"no provider could be used: {why}", cure="see what each of them said")


def _by_itself(able: Capabilities) -> TurnDetection | None | UnsetType:
    """Who ends turns at a provider that nobody told."""
    if able.get("turn_detection"):
        return TurnDetection()
    return None if able.get("manual_turns") else UNSET
