"""The one runtime: makes a provider out of a vendor's dialect.

It owns what no dialect may: connections, time, the state machine, reconnection, the hand-over before a vendor's limit, and what
is kept across them. State survives a cut, frames do not: options, history, the reply that is owed and the utterance not yet
committed go to the next session; whatever was on the wire is forgotten. It knows no vendor.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from typing_extensions import Unpack

from voicechatengine.audio.format import AudioFormat
from voicechatengine.capabilities import Capabilities
from voicechatengine.errors import (
    AuthenticationError,
    ConnectionError,
    MessageError,
    ProviderError,
    RateLimitError,
    redact,
)
from voicechatengine.events import (
    AudioChunk,
    ConnectionState,
    ErrorInfo,
    Event,
    ProviderEvent,
    Reconnected,
    Reconnecting,
    SessionCreated,
    StateChanged,
)
from voicechatengine.failures import connection_error_of
from voicechatengine.messages import (
    AudioAppend,
    Command,
    ItemCreate,
    ItemTruncate,
    MessageType,
    Modality,
    ResponseCancel,
    Role,
    SessionCreate,
    SessionUpdate,
    command,
    text_item,
)
from voicechatengine.provider import EventHandler, ProviderConfig, SessionOptions, session_options
from voicechatengine.session.account import Account
from voicechatengine.session.backoff import Backoff
from voicechatengine.session.clock import loop_clock
from voicechatengine.session.connection import Connection, Surroundings
from voicechatengine.session.connections import Connections
from voicechatengine.session.dialect import Close, Endpoint, Restore
from voicechatengine.session.handover import HandOver
from voicechatengine.session.held import Held
from voicechatengine.session.hub import Hub
from voicechatengine.session.link import Link
from voicechatengine.session.outage import Outage
from voicechatengine.session.transport import Connector, Transport
from voicechatengine.session.vendor import Vendor

log: logging.Logger = logging.getLogger("voicechatengine")

C = TypeVar("C", bound=ProviderConfig)


class Runtime(Generic[C]):
    """A provider over a vendor's dialect: the thirteen members, and nothing else in public.

    `connector` opens transports (default: aiohttp websockets), `clock` gives Unix seconds that never step back, `rng` is
    the source of jitter and ids. A vendor's provider class binds `vendor` and its config, and adds no method.
    """

    __slots__ = (
        "_account",
        "_alarm",
        "_attempts",
        "_clock",
        "_config",
        "_connections",
        "_fatal",
        "_hand_over",
        "_held",
        "_hub",
        "_outage",
        "_ready",
        "_rng",
        "_room",
        "_state",
        "_stopping",
        "_supervisor",
        "_unsent_audio",
        "_vendor",
    )

    def __init__(
        self,
        config: C,
        vendor: Vendor[C],
        *,
        connector: Connector | None = None,
        clock: Callable[[], float] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._config = config
        self._vendor = vendor
        self._rng = rng or random.Random()
        self._clock = clock or loop_clock()
        self._account = Account(vendor, config.options(), config.limits.unsent_audio_s, self._id)
        around = Surroundings(config, vendor, connector or self._websocket, self._clock, self._id)
        self._connections = Connections(around, self._emit, self._next_failed)
        self._hub = Hub(vendor.name, self._clock, config.limits)
        self._state = ConnectionState.DISCONNECTED
        self._supervisor: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None] | None = None  # for the connect() that is under way
        self._stopping = False
        self._held = Held()
        self._unsent_audio = 0  # bytes since the link was last idle
        self._room = asyncio.Event()  # set when something that a sender waits for has changed
        self._outage: Outage | None = None
        self._attempts = 0
        self._fatal: ErrorInfo | None = None
        self._hand_over = HandOver(config.timeouts.session_age)
        self._alarm: asyncio.TimerHandle | None = None

    # -- life cycle

    async def connect(self) -> bool:
        """See `Provider.connect`."""
        if self.is_connected():
            return True
        if self._supervisor is None:
            self._stopping = False
            self._fatal = self._outage = None
            self._hub.open()
            loop = asyncio.get_running_loop()
            self._ready = loop.create_future()
            self._change(ConnectionState.CONNECTING, "connect")
            self._supervisor = loop.create_task(self._supervise(), name=f"{self._vendor.name} session")
            try:
                await asyncio.shield(self._ready)
            except asyncio.CancelledError:
                await self._stop()
                raise
            return True
        # Another task is connecting, or the runtime reconnects by itself: its outcome is ours.
        while self._state in (ConnectionState.CONNECTING, ConnectionState.RECONNECTING):
            self._room.clear()
            await self._room.wait()
        if not self.is_connected():
            raise self._not_connected()
        return True

    async def disconnect(self) -> None:
        """See `Provider.disconnect`."""
        await self._stop()

    def is_connected(self) -> bool:
        """See `Provider.is_connected`."""
        return self._state is ConnectionState.CONNECTED

    # -- sending

    async def send_message(self, message_type: MessageType, data: Command | Mapping[str, Any]) -> None:
        """See `Provider.send_message`."""
        await self._send(command(message_type, data))

    async def send_audio(self, audio_data: bytes) -> None:
        """See `Provider.send_audio`."""
        link = self._connections.link
        if link is None:
            self._account.format.check(audio_data)
            await self._send(AudioAppend(audio_data))
            return
        link.post(AudioAppend(audio_data))  # the dialect checks the bytes: AudioError
        self._account.utterance.append(audio_data)
        if await link.flush():
            self._unsent_audio = 0
            return
        self._unsent_audio += len(audio_data)  # another task writes, and it is slow
        if self._unsent_audio > self._account.most_audio:
            await link.written()

    async def send_text(self, text: str, role: Role = "user") -> None:
        """See `Provider.send_text`."""
        await self.send_message(MessageType.ITEM_CREATE, text_item(text, role))

    async def create_response(self, modalities: Sequence[Modality] | None = None) -> None:
        """See `Provider.create_response`."""
        await self.send_message(MessageType.RESPONSE_CREATE, {"modalities": modalities})

    async def interrupt(self) -> None:
        """See `Provider.interrupt`."""
        if self._connections.link is not None:
            await self._send(ResponseCancel())
            return
        self._held.take_back_requests()

    async def update_session(self, **options: Unpack[SessionOptions]) -> None:
        """See `Provider.update_session`."""
        await self._send(SessionUpdate(session_options(options)))

    def get_audio_format(self) -> AudioFormat:
        """See `Provider.get_audio_format`."""
        return self._account.format

    def get_capabilities(self) -> Capabilities:
        """See `Provider.get_capabilities`."""
        return self._vendor.capabilities(self._config, self._account.options)

    def events(self) -> AsyncIterator[ProviderEvent]:
        """See `Provider.events`."""
        return self._hub.subscribe()

    def on_event(self, event_type: str, handler: EventHandler) -> None:
        """See `Provider.on_event`."""
        self._hub.on(event_type, handler)

    async def _send(self, message: Command) -> None:
        if isinstance(message, ItemCreate):
            message = self._account.named(message)
        link = self._connections.link
        if link is not None:
            if isinstance(message, SessionCreate):
                raise MessageError(
                    "the session is open",
                    field="message_type",
                    cure="SESSION_CREATE is for before connect(); use SESSION_UPDATE",
                )
            self._post(link, message)
            await link.flush()
        elif self._supervisor is not None:
            await self._hold(message)
        else:
            self._define(message)

    def _post(self, link: Link[Command, Event], message: Command, *, late: bool = False) -> None:
        if isinstance(message, ItemTruncate) and self._is_retold(message.item_id):
            for command in self._account.retold(message):
                link.post(command)
            return
        link.post(message)
        self._account.sent(message, late=late)

    def _is_retold(self, item_id: str) -> bool:
        """Whether this session knows an item from its history only: as words, without the sound that could be cut. What no
        vendor can be told to forget is corrected here alone.
        """
        current = self._connections.current
        if current is None or not self.get_capabilities().get("item_deletion"):
            return False
        return any(item.id == item_id for item in current.restore.history)

    def _define(self, message: Command) -> None:
        """Before connect: options and history of the session to come."""
        if not isinstance(message, (SessionUpdate, SessionCreate)):
            raise self._not_connected()
        self._account.define(message)

    def _id(self, word: str) -> str:
        return f"{word}_{self._rng.getrandbits(80):020x}"

    async def _hold(self, message: Command) -> None:
        """Keeps a message for the connection to come; waits while too much is kept already."""
        if isinstance(message, SessionUpdate):
            self._account.check(message)
        while self._connections.link is None and self._held.is_full(message, self._account.most_audio):
            self._room.clear()
            await self._room.wait()
            if self._supervisor is None:
                raise self._not_connected()
        if self._connections.link is not None:
            await self._send(message)
        else:
            self._held.add(message)

    # -- the session

    async def _supervise(self) -> None:
        """From connect to disconnect: one session after the other."""
        backoff = Backoff(self._config.retry, self._rng)
        account, connections = self._account, self._connections
        restore = Restore(options=account.options, history=account.conversation.items())
        try:
            while True:
                account.begin()
                connections.open(restore)
                last, ended = await connections.over()
                cause = _disconnected() if self._stopping else ended.result()
                if self._stopping or self._ready is not None:  # asked for, or connect() tells it
                    await connections.close()
                    self._end(ConnectionState.DISCONNECTED, cause)
                    return
                now = self._clock()
                if self._state is ConnectionState.CONNECTED:
                    backoff.dropped(now)
                    restore = self._begin_outage(last).restore
                else:  # a handle that the vendor refused is not tried again
                    restore = msgspec.structs.replace(restore, handle=last.snapshot().handle)
                wait = cause.retry_after or 0.0 if isinstance(cause, RateLimitError) else 0.0
                fatal = self._fatal is not None or isinstance(cause, AuthenticationError)
                delay = None if fatal else backoff.next_delay(now, wait)
                if delay is None:
                    await connections.close()
                    self._give_up(cause, backoff.attempt)
                    return
                if self._state is not ConnectionState.RECONNECTING:
                    self._change(ConnectionState.RECONNECTING, str(cause))
                self._attempts = backoff.attempt
                self._hub.emit(Reconnecting(backoff.attempt, delay, str(cause)))
                await asyncio.sleep(delay)
        except asyncio.CancelledError:
            await connections.close()
            self._end(ConnectionState.DISCONNECTED, _disconnected())
            raise
        except Exception as error:  # a defect of ours: tell it, and leave nothing open
            log.exception("the session failed")
            await connections.close()
            self._fatal = ErrorInfo("internal", redact(repr(error), self._config.api_key), recoverable=False)
            self._hub.emit(self._fatal)
            self._give_up(ConnectionError(repr(error)), 0)
        finally:
            self._supervisor = None

    def _emit(self, connection: Connection[C], data: Event, now: float) -> None:
        """One event of a connection."""
        if type(data) is AudioChunk and connection is self._connections.current:  # fifty times a second
            self._account.conversation.sound(data)
            hub = self._hub
            hub.publish(ProviderEvent("audio_chunk", data, now, hub.name, hub.session_id))
            return
        data = connection.noted(data)
        if connection is not self._connections.current:
            if connection is self._connections.next and isinstance(data, SessionCreated):
                # The dialect's own frames that restore the session go first, whatever place they have in its output.
                asyncio.get_running_loop().call_soon(self._take_over, connection)
            return  # what a session says that is over, or not in use yet, concerns nobody
        if isinstance(data, SessionCreated) and self._state is not ConnectionState.CONNECTED:
            self._hub.session_id = data.session_id
            self._change(ConnectionState.CONNECTED, "session created")
            asyncio.get_running_loop().call_soon(self._release, connection, data)
        elif isinstance(data, ErrorInfo) and not data.recoverable:
            self._fatal = data
        self._account.received(data)
        self._hub.emit(data, now)
        self._hand_over.received(data, now)
        self._look_at_hand_over()

    def _release(self, connection: Connection[C], session: SessionCreated) -> None:
        """The session is ready: what was lost and what was held go out, then everybody may speak."""
        link = connection.link
        connections = self._connections
        if link is None or connection is not connections.current or connections.link is not None:
            return
        outage, self._outage = self._outage, None
        pending = outage.commands() if outage is not None else ()
        connections.link = link
        for message in (*pending, *self._held.take()):
            try:
                self._post(link, message, late=True)
            except ProviderError as error:
                kind = type(message).__struct_config__.tag
                self._hub.emit(
                    ErrorInfo("not_sent", f"a held message could not be sent: {error}", command=str(kind))
                )
        link.wake()
        self._hand_over.begun(self._clock())
        self._look_at_hand_over()
        if outage is not None:
            self._tell_restored(outage, session)
        ready, self._ready = self._ready, None
        if ready is not None and not ready.done():
            ready.set_result(None)
        self._room.set()

    def _tell_restored(self, outage: Outage, session: SessionCreated) -> None:
        missing = () if session.resumed else outage.missing
        self._hub.emit(Reconnected(self._attempts, not missing, missing))

    def _begin_outage(self, last: Connection[C]) -> Outage:
        """A session that worked is gone: takes stock of what the next one needs."""
        if self._outage is None:  # else it ended before what the last one left could be said again
            self._outage = self._account.stock(last.snapshot())
        return self._outage

    # -- the hand-over

    def _look_at_hand_over(self) -> None:
        """Opens the next session if this is the moment for it, else comes back when it may be."""
        connections, account, now = self._connections, self._account, self._clock()
        current = connections.current
        if current is None or connections.link is None or connections.next is not None:
            return
        if self._fits(current, now):
            connections.open_next(
                msgspec.structs.replace(
                    current.snapshot(),
                    options=account.options,
                    history=account.conversation.items(),
                    reconnect=True,
                )
            )
            return
        wakes_at = self._hand_over.wakes_at(now)
        if wakes_at is not None:
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm = asyncio.get_running_loop().call_later(wakes_at - now, self._look_at_hand_over)

    def _fits(self, current: Connection[C], now: float) -> bool:
        account = self._account
        return self._hand_over.due(now) and self._hand_over.wanted(
            now, current.snapshot(), account.utterance, account.conversation
        )

    def _next_failed(self) -> None:
        self._hand_over.put_off(self._clock())
        self._look_at_hand_over()

    def _take_over(self, connection: Connection[C]) -> None:
        """The next session is open: it takes over at once if it knows all and this is still a pause, else it is closed."""
        connections, account = self._connections, self._account
        old, link, session = connections.current, connection.link, connection.session
        if connection is not connections.next:
            return
        if old is None or old.link is None or link is None or session is None:
            return
        connections.next = None
        now = self._clock()
        restored = (connection.restore.history, connection.restore.options)
        if not self._fits(old, now) or restored != (account.conversation.items(), account.options):
            self._hand_over.put_off(now)
            link.hang_up(Close(1000))
            self._look_at_hand_over()
            return
        outage = account.stock(old.snapshot())
        connections.hand_over(connection)
        account.begin()
        old.link.hang_up(Close(1000))
        self._hub.session_id = session.session_id
        self._hub.emit(session)
        for message in outage.commands():
            self._post(link, message, late=True)
        link.wake()
        self._attempts = 0
        self._tell_restored(outage, session)
        self._hand_over.begun(now)
        self._look_at_hand_over()

    # -- the end

    def _give_up(self, cause: ConnectionError, attempts: int) -> None:
        tried = f" after {attempts} attempts" if attempts else ""
        lost = f"; {len(self._held)} held messages were not sent" if self._held else ""
        if self._fatal is None:
            self._hub.emit(ErrorInfo("connection_lost", f"gave up{tried}: {cause}{lost}", recoverable=False))
        self._end(ConnectionState.ERROR, cause)

    def _end(self, state: ConnectionState, cause: ConnectionError) -> None:
        """The last state of this life: whoever waits is told."""
        self._held = Held()
        self._supervisor = None
        self._outage = None
        if self._alarm is not None:
            self._alarm.cancel()
        self._change(state, "disconnected" if self._stopping else str(cause))
        ready, self._ready = self._ready, None
        if ready is not None and not ready.done():
            ready.set_exception(cause)
            ready.exception()  # connect() may have been cancelled: nobody is left to ask
        self._room.set()
        self._hub.end()

    async def _stop(self) -> None:
        supervisor = self._supervisor
        self._stopping = True
        if supervisor is not None:
            current = self._connections.current
            link = current.link if current is not None else None
            try:
                if link is not None:
                    link.hang_up(Close(1000))
                    await asyncio.wait([supervisor], timeout=self._config.timeouts.close * 2)
            finally:
                supervisor.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([supervisor])
                if (
                    self._supervisor is supervisor
                ):  # it was cancelled before its first step, and has told nobody
                    self._end(ConnectionState.DISCONNECTED, _disconnected())
        if self._state is ConnectionState.ERROR:
            self._change(ConnectionState.DISCONNECTED, "disconnected")
        if supervisor is not None:
            # After ERROR, connect() goes on; after disconnect(), it begins anew.
            self._account.forget()
        await self._hub.close(self._config.timeouts.close)

    def _change(self, state: ConnectionState, reason: str) -> None:
        previous, self._state = self._state, state
        if previous is not state:
            self._hub.emit(StateChanged(state, previous, reason))

    def _not_connected(self) -> ConnectionError:
        if self._fatal is not None:
            return connection_error_of(self._fatal)
        return ConnectionError(
            f"the {self._vendor.name} session is {self._state}",
            cure="await connect() first",
            fault="application",
        )

    async def _websocket(self, endpoint: Endpoint) -> Transport:
        from voicechatengine.session.aiohttp_transport import connect_websocket  # noqa: PLC0415 - aiohttp loads here

        timeouts = self._config.timeouts
        return await connect_websocket(endpoint, ping=timeouts.ping, close=timeouts.close)


def _disconnected() -> ConnectionError:
    return ConnectionError("disconnected", fault="application")
