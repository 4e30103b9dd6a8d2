"""What an application says to a relay: delivered to the provider in use, held while there is none, checked before there is one.

It does not know how the provider in use became that; who it goes to may change between two messages, or within one.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from typing import Final

import msgspec
from msgspec import UNSET

from voicechatengine.compose.inlet import say
from voicechatengine.compose.line import Line
from voicechatengine.compose.session import BETWEEN, Session, session_open
from voicechatengine.errors import ConnectionError, ProviderError
from voicechatengine.events import ConnectionState, ErrorInfo
from voicechatengine.messages import (
    MESSAGE_TYPES,
    AudioAppend,
    Command,
    Image,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    Options,
    ResponseCancel,
    ResponseCreate,
    SessionCreate,
    SessionUpdate,
    ToolResult,
    TurnDetection,
    image_item,
)

_S = ConnectionState
_NOT_CARRIED: Final = (SessionUpdate, ToolResult, ItemTruncate, ItemDelete)
"""Commands that the next provider is told only if they are sent to it: nothing that it is opened with holds them."""


class Delivery:
    """The way inward of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rng = random.Random()

    async def send(self, message: Command) -> None:
        """Sends a message, now or when a provider is in use. Raises what the provider raises, and `ConnectionError` for one that
        can go nowhere. A cancellation leaves it whole or unsent.
        """
        session = self._session
        if isinstance(message, AudioAppend):
            session.ledger.form.check(message.audio)
        elif isinstance(message, ItemCreate) and not message.item.id:
            message = ItemCreate(
                msgspec.structs.replace(message.item, id=self._id()), message.previous_item_id
            )
        line = session.line
        if line is not None and line.ready:
            await self._deliver(line, message)
        elif session.state in BETWEEN or line is not None:
            await self._hold(message)
        else:
            await self._define(message)

    async def sound(self, audio: bytes) -> None:
        """`send` for what goes out fifty times a second: the user's audio."""
        session, message = self._session, AudioAppend(audio)
        line = session.line
        if line is None or not line.takes_sound or not audio:
            await self.send(message)
            return
        life = session.life
        session.ledger.form.check(audio)
        session.ledger.heard(audio)
        session.outlet.see(message)
        try:
            await line.provider.send_audio(audio)
        except ProviderError as error:
            await self._failed(line, life, message, error)

    async def interrupt(self) -> None:
        """Stops the reply that runs, or is asked for. Raises what the provider raises."""
        session = self._session
        session.ledger.sending(ResponseCancel())
        session.repeats = deque(each for each in session.repeats if not isinstance(each, ResponseCreate))
        session.held.take_back_requests()
        if session.outage is not None:
            session.outage = msgspec.structs.replace(session.outage, reply=None)
        session.outlet.see(ResponseCancel())
        line = session.line
        if line is not None:
            await line.provider.interrupt()

    async def catch_up(self, line: Line) -> None:
        """Says to a new provider what was said meanwhile; from then on everybody speaks to it directly."""
        session = self._session
        while (session.repeats or session.held) and session.line is line:
            repeated = bool(session.repeats)
            message = session.repeats.popleft() if repeated else session.held.pop()
            try:
                if repeated:
                    await say(line, message, session.ledger, session.outlet)
                else:
                    await self._deliver(line, message)
            except ConnectionError as error:
                if not line.provider.is_connected():
                    session.lost(line, error)
                    return
                self._not_sent(message, error)
            except ProviderError as error:
                self._not_sent(message, error)
            session.outlet.changed.set()
        if session.line is line:
            line.ready = True

    async def _define(self, message: Command) -> None:
        """Before connect: the provider itself checks what the session to come is to be."""
        session, ledger = self._session, self._session.ledger
        if not isinstance(message, (SessionCreate, SessionUpdate)):
            raise session.not_connected()
        provider = session.provider
        await provider.send_message(MESSAGE_TYPES[type(message)], message)
        if isinstance(message, SessionCreate):
            session.cause = None
            ledger.begin(provider.get_audio_format())
            ledger.conversation.apply(message)
        ledger.options = ledger.options.merged(message.options)
        ledger.change_format(provider.get_audio_format())

    async def _hold(self, message: Command) -> None:
        """Keeps a message until a provider is in use; waits while too much is kept already."""
        if isinstance(message, SessionCreate):
            raise session_open()
        session = self._session
        life = session.life
        most = session.ledger.form.size_of(session.outlet.hub.limits.unsent_audio_s * 1000)
        while session.held.is_full(message, most):
            await session.outlet.news()
            session.check_life(life)
            if session.state in (_S.DISCONNECTED, _S.ERROR):
                raise session.not_connected()
        if session.line is not None and session.line.ready:
            await self._deliver(session.line, message)
        else:
            session.held.add(message)

    async def _deliver(self, line: Line, message: Command) -> None:
        """Says something to the provider in use, and to the next one if that takes over meanwhile."""
        if isinstance(message, SessionCreate):
            raise session_open()
        session, life = self._session, self._session.life
        folded = self._as_item(message)
        session.ledger.sending(folded)
        session.outlet.see(message)
        try:
            await say(line, message, session.ledger, session.outlet)
        except ProviderError as error:
            await self._failed(line, life, folded, error)
        if session.line is line:
            session.ledger.sent(folded)
            if isinstance(message, SessionUpdate):
                self._updated(line, message.options)
        elif session.life == life and isinstance(message, _NOT_CARRIED):
            await self.send(message)  # what the other provider did with it is of no use any more

    async def _failed(self, line: Line, life: int, folded: Command, error: ProviderError) -> None:
        """A provider did not take a command. Raises why, unless that does not matter: another provider is about to be told."""
        session = self._session
        if isinstance(error, ConnectionError):
            await asyncio.sleep(0)  # what the provider told of its end comes first
            if session.replaceable and session.line is line and not line.provider.is_connected():
                session.lost(line, error)
            between = session.state in (_S.RECONNECTING, _S.CONNECTED)
            if session.life != life or session.line is line or not between:
                session.ledger.failed(folded)
                raise error
        elif session.line is line:
            session.ledger.refused(folded)
            raise error

    def _updated(self, line: Line, options: Options) -> None:
        form = options.input_audio_format
        if form is not UNSET:
            self._session.ledger.change_format(form)
            line.set_format(self._session.ledger.form)
        if isinstance(options.turn_detection, TurnDetection) and line.ears is not None:
            line.set_turns(options.turn_detection)

    def _not_sent(self, message: Command, error: ProviderError) -> None:
        kind = str(MESSAGE_TYPES[type(message)])
        self._session.outlet.emit(
            ErrorInfo("not_sent", f"a held message could not be sent: {error}", command=kind)
        )

    def _as_item(self, message: Command) -> Command:
        """A picture is an item of the conversation like others."""
        return image_item(message, self._id()) if isinstance(message, Image) else message

    def _id(self) -> str:
        return f"item_{self._rng.getrandbits(80):020x}"
