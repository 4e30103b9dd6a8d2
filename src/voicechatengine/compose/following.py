"""What a relay makes of what its providers tell: the one in use is passed on, of the others only what they are is kept.

It decides nothing: a provider that is gone is the session's affair. It sends nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import msgspec

from voicechatengine.compose.line import Line
from voicechatengine.compose.session import Session
from voicechatengine.errors import ConnectionError
from voicechatengine.events import (
    AudioChunk,
    ConnectionState,
    ErrorInfo,
    Event,
    ItemAdded,
    ProviderEvent,
    Reconnecting,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    StateChanged,
)

_S = ConnectionState


def follow(session: Session, line: Line) -> None:
    """Reads the events of a provider, in or out of use, from now on."""
    line.start(partial(_take, session), partial(_ended, session))


def _take(session: Session, line: Line, event: ProviderEvent) -> None:
    data = event.data
    if type(data) is AudioChunk:  # fifty times a second
        if line is session.line:
            session.outlet.sound(line.sound(data), event)
        return
    if isinstance(data, Mapping):  # of a provider's own type
        if line is session.line:
            session.outlet.pass_on(event)
        return
    if isinstance(data, StateChanged):
        _state(session, line, data)
        return
    if isinstance(data, (SessionCreated, SessionUpdated)):
        line.name, line.session_id, line.applied = event.provider, data.session_id, data.applied
        line.begun = line.begun or line is not session.line
    if line is session.line:
        told = _outward(session, line, data, event.provider)
        if told is not None:
            session.outlet.tell(told, event)


def _outward(session: Session, line: Line, data: Event, name: str) -> Event | None:
    """What is told of an event of the provider in use, if anything is."""
    data = line.names.outward(data)
    match data:
        case SessionCreated() | SessionUpdated():
            session.outlet.hub.name, session.outlet.hub.session_id = name, data.session_id
            return session.outlet.session_event(line, data)
        case ItemAdded() if data.item_id in line.names.restored:
            return None  # told long ago
        case SpeechStarted() | SpeechStopped() if line.ears is not None:
            return None  # told by our own ear
        case ErrorInfo(recoverable=False):
            session.cause = session.cause or ConnectionError(data.message, code=data.code)
            if session.on_lost is not None:
                session.outlet.see(data)
                return msgspec.structs.replace(data, recoverable=True)  # the session may go on elsewhere
        case Reconnecting():
            session.attempts = data.attempt
        case _:
            pass
    return data


def _state(session: Session, line: Line, data: StateChanged) -> None:
    """A provider's connection changed. Only a provider that really is gone counts as lost: it may be an old story."""
    gone = data.state in (_S.DISCONNECTED, _S.ERROR) and not line.provider.is_connected()
    if line is not session.line:
        if gone:
            line.failed = data.reason or str(data.state)
            session.outlet.changed.set()
    elif gone:
        if session.state is _S.CONNECTED or session.state is _S.RECONNECTING:
            why = data.reason or f"the provider is {data.state}"
            session.lost(line, session.cause or ConnectionError(why))
    elif data.state is _S.RECONNECTING:
        session.ledger.connection_lost()
        session.outlet.become(_S.RECONNECTING, data.reason)
    elif data.state is _S.CONNECTED:
        session.outlet.become(_S.CONNECTED, data.reason)


def _ended(session: Session, line: Line) -> None:
    """A provider tells nothing any more."""
    why = line.failed or "its events ended"
    line.failed = why
    session.outlet.changed.set()
    if session.state in (_S.CONNECTED, _S.RECONNECTING):
        session.lost(line, session.cause or ConnectionError(f"the provider was lost: {why}"))
