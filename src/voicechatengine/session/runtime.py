"""The one runtime: makes a provider out of a vendor's dialect.

It owns what no dialect may: the connection, time, the state machine, reconnection and what is kept across it. State
survives a cut, frames do not: options, history, the reply that is owed and the utterance not yet committed go to the next
session; whatever was on the wire is forgotten. It knows no vendor.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import msgspec
from typing_extensions import Unpack

from voicechatengine.audio.format import AudioFormat
from voicechatengine.capabilities import Capabilities
from voicechatengine.conversation import Conversation
from voicechatengine.errors import (
    AuthenticationError,
    ConnectionError,
    DeadlineError,
    MessageError,
    ProtocolError,
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
    MessageType,
    Modality,
    Options,
    ResponseCancel,
    ResponseCreate,
    Role,
    SessionCreate,
    SessionUpdate,
    command,
)
from voicechatengine.provider import EventHandler, ProviderConfig, SessionOptions, session_options
from voicechatengine.session.backoff import Backoff
from voicechatengine.session.clock import loop_clock
from voicechatengine.session.dialect import ClientDialect, Close, Endpoint, Ids, Restore
from voicechatengine.session.hub import Hub
from voicechatengine.session.link import Link
from voicechatengine.session.outage import Outage, take_stock
from voicechatengine.session.transport import Connector, Transport
from voicechatengine.session.utterance import Utterance

log: logging.Logger = logging.getLogger("voicechatengine")

C = TypeVar("C", bound=ProviderConfig)
HELD_MESSAGES: Final = 1_000  # messages other than audio that are held while reconnecting


@dataclass(frozen=True)
class Vendor(Generic[C]):
    """What the runtime must know of a vendor, all of it pure: where to connect, how to talk, and what it can do.

    `check` raises `MessageError` for options that the vendor does not have.
    """

    name: str
    endpoint: Callable[[C, Restore], Endpoint]
    dialect: Callable[[C, Restore, Ids], ClientDialect]
    capabilities: Callable[[C, Options], Capabilities]
    audio_format: Callable[[Options], AudioFormat]
    check: Callable[[Options], object]


class Runtime(Generic[C]):
    """A provider over a vendor's dialect: the thirteen members, and nothing else in public.

    `connector` opens transports (default: aiohttp websockets), `clock` gives Unix seconds that never step back, `rng` is
    the source of jitter and ids. A vendor's provider class binds `vendor` and its config, and adds no method.
    """

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
        self._connector = connector or self._websocket
        self._options = config.options()
        vendor.check(self._options)
        self._format = vendor.audio_format(self._options)
        self._most_audio = self._format.size_of(config.limits.unsent_audio_s * 1000)  # bytes unsent, or held
        self._conversation = Conversation(self._format)
        self._hub = Hub(vendor.name, self._clock, config.limits)
        self._state = ConnectionState.DISCONNECTED
        self._link: Link[Command, Event] | None = None  # there while commands can go straight to the dialect
        self._joining: Link[Command, Event] | None = None  # the connection that is being set up or is at work
        self._dialect: ClientDialect | None = None
        self._utterance = self._new_utterance()
        self._supervisor: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None] | None = None
        self._held: deque[Command] = deque()
        self._held_audio = 0  # bytes of them
        self._unsent_audio = 0  # bytes since the link was last idle
        self._room = asyncio.Event()
        self._outage: Outage | None = None
        self._attempts = 0
        self._fatal: ErrorInfo | None = None
        self._last_error: ErrorInfo | None = None
        self._stopping = False

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
        link = self._link
        if link is None:
            self._format.check(audio_data)
            await self._send(AudioAppend(audio_data))
            return
        idle = link.idle
        link.post(AudioAppend(audio_data))  # the dialect checks the bytes: AudioError
        self._utterance.append(audio_data)
        self._unsent_audio = len(audio_data) + (0 if idle else self._unsent_audio)
        await link.flush()
        if self._unsent_audio > self._most_audio and not link.idle:  # another task writes, and it is slow
            await link.written()

    async def send_text(self, text: str, role: Role = "user") -> None:
        """See `Provider.send_text`."""
        await self.send_message(
            MessageType.ITEM_CREATE,
            {"item": {"type": "message", "role": role, "content": ({"type": "text", "text": text},)}},
        )

    async def create_response(self, modalities: Sequence[Modality] | None = None) -> None:
        """See `Provider.create_response`."""
        await self.send_message(MessageType.RESPONSE_CREATE, {"modalities": modalities})

    async def interrupt(self) -> None:
        """See `Provider.interrupt`."""
        if self._link is not None:
            await self._send(ResponseCancel())
            return
        for held in [held for held in self._held if isinstance(held, ResponseCreate)]:
            self._held.remove(held)

    async def update_session(self, **options: Unpack[SessionOptions]) -> None:
        """See `Provider.update_session`."""
        await self._send(SessionUpdate(session_options(options)))

    def get_audio_format(self) -> AudioFormat:
        """See `Provider.get_audio_format`."""
        return self._format

    def get_capabilities(self) -> Capabilities:
        """See `Provider.get_capabilities`."""
        return self._vendor.capabilities(self._config, self._options)

    def events(self) -> AsyncIterator[ProviderEvent]:
        """See `Provider.events`."""
        return self._hub.subscribe()

    def on_event(self, event_type: str, handler: EventHandler) -> None:
        """See `Provider.on_event`."""
        self._hub.on(event_type, handler)

    async def _send(self, message: Command) -> None:
        if isinstance(message, ItemCreate):
            message = self._named(message)
        link = self._link
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

    def _post(self, link: Link[Command, Event], message: Command) -> None:
        link.post(message)
        self._utterance.sent(message)
        self._conversation.apply(message)
        if isinstance(message, SessionUpdate):
            self._set_options(self._options.merged(message.options))

    def _define(self, message: Command) -> None:
        """Before connect: options and history of the session to come."""
        if isinstance(message, (SessionUpdate, SessionCreate)):
            changed = self._options.merged(message.options)
        else:
            raise self._not_connected()
        self._vendor.check(changed)
        self._set_options(changed)
        if isinstance(message, SessionCreate):
            self._conversation = Conversation(self._format)
            history = tuple(self._named(ItemCreate(item)).item for item in message.history)
            self._conversation.apply(SessionCreate(message.options, history))

    def _set_options(self, options: Options) -> None:
        before, self._options = self._format, options
        self._format = self._vendor.audio_format(options)
        if not self._format.same_sound(before):
            self._utterance = self._new_utterance()  # what was kept cannot be joined with what comes
        self._most_audio = self._format.size_of(self._config.limits.unsent_audio_s * 1000)
        self._utterance.manual = options.turn_detection is None

    def _named(self, message: ItemCreate) -> ItemCreate:
        """The item with an id, so that every fold and the vendor know it by the same one."""
        item = message.item
        if item.id:
            return message
        return ItemCreate(msgspec.structs.replace(item, id=self._id("item")), message.previous_item_id)

    def _id(self, word: str) -> str:
        return f"{word}_{self._rng.getrandbits(80):020x}"

    async def _hold(self, message: Command) -> None:
        """Keeps a message for the connection to come; waits while too much is kept already."""
        if isinstance(message, SessionUpdate):
            self._vendor.check(self._options.merged(message.options))
        audio = len(message.audio) if isinstance(message, AudioAppend) else 0
        while self._link is None and self._is_full(audio):
            self._room.clear()
            await self._room.wait()
            if self._supervisor is None:
                raise self._not_connected()
        if self._link is not None:
            await self._send(message)
            return
        self._held.append(message)
        self._held_audio += audio

    def _is_full(self, audio: int) -> bool:
        if audio:
            return self._held_audio > self._most_audio
        return len(self._held) >= HELD_MESSAGES

    # -- the session

    async def _supervise(self) -> None:
        """From connect to disconnect: one connection after the other."""
        backoff = Backoff(self._config.retry, self._rng)
        restore = Restore(options=self._options, history=self._conversation.items())
        try:
            while True:
                cause = await self._connection(restore)
                if self._stopping or self._ready is not None:  # asked for, or connect() tells it
                    self._end(ConnectionState.DISCONNECTED, cause)
                    return
                now = self._clock()
                if self._state is ConnectionState.CONNECTED:
                    backoff.dropped(now)
                    restore = self._begin_outage().restore
                wait = cause.retry_after or 0.0 if isinstance(cause, RateLimitError) else 0.0
                fatal = self._fatal is not None or isinstance(cause, AuthenticationError)
                delay = None if fatal else backoff.next_delay(now, wait)
                if delay is None:
                    self._give_up(cause, backoff.attempt)
                    return
                if self._state is not ConnectionState.RECONNECTING:
                    self._change(ConnectionState.RECONNECTING, str(cause))
                self._attempts = backoff.attempt
                self._hub.emit(Reconnecting(backoff.attempt, delay, str(cause)))
                await asyncio.sleep(delay)
        except asyncio.CancelledError:
            self._end(ConnectionState.DISCONNECTED, ConnectionError("disconnected", fault="application"))
            raise
        except Exception as error:  # a defect of ours: tell it, and leave nothing open
            log.exception("the session failed")
            self._fatal = ErrorInfo("internal", redact(repr(error), self._config.api_key), recoverable=False)
            self._give_up(ConnectionError(repr(error)), 0)

    async def _connection(self, restore: Restore) -> ConnectionError:
        """One connection from dialling to its end; returns why it ended."""
        timeouts = self._config.timeouts
        self._forget_error()
        try:
            endpoint = self._vendor.endpoint(self._config, restore)
            dialect = self._vendor.dialect(self._config, restore, self._id)
            async with asyncio.timeout(timeouts.connect):
                transport = await self._connector(endpoint)
        except TimeoutError:
            return DeadlineError(
                f"no connection within {timeouts.connect:g} s",
                cure="check the network and the url, or raise timeouts.connect",
            )
        except ConnectionError as error:
            return error
        link = Link(dialect, transport, self._clock, self._emit)
        self._joining, self._dialect = link, dialect
        self._utterance = self._new_utterance()
        late = Close(1002, "no session in time")
        timer = asyncio.get_running_loop().call_later(timeouts.session, self._too_late, link, late)
        try:
            close = await link.run()
        finally:
            timer.cancel()
            self._link = self._joining = None
        if self._stopping:
            return ConnectionError("disconnected", fault="application")
        if self._last_error is not None:
            return connection_error_of(self._last_error)
        if close == late:
            return DeadlineError(
                f"the server sent no session within {timeouts.session:g} s",
                cure="check that it speaks this vendor's protocol",
            )
        reason = f" ({close.reason})" if close.reason else ""
        if self._state is ConnectionState.CONNECTED:
            return ConnectionError(
                f"the connection ended with code {close.code}{reason}", code=str(close.code)
            )
        return ProtocolError(
            f"the server ended the connection before a session began, with code {close.code}{reason}",
            code=str(close.code),
            cure="check the url, the model and the key",
        )

    def _forget_error(self) -> None:
        self._last_error = None

    def _too_late(self, link: Link[Command, Event], close: Close) -> None:
        if self._joining is link and self._link is None:
            link.hang_up(close)

    def _emit(self, data: Event) -> None:
        """One event from the dialect."""
        if isinstance(data, AudioChunk):
            self._conversation.apply(data)
            self._hub.emit(data)
            return
        if isinstance(data, SessionCreated):
            self._opened(data)
            return
        if isinstance(data, ErrorInfo):
            data = msgspec.structs.replace(data, message=redact(data.message, self._config.api_key))
            if self._state is not ConnectionState.CONNECTED or not data.recoverable:
                self._last_error = data
            if not data.recoverable:
                self._fatal = data
                if self._joining is not None:
                    self._joining.hang_up(Close(1000))
        self._conversation.apply(data)
        self._utterance.received(data)
        self._hub.emit(data)

    def _opened(self, data: SessionCreated) -> None:
        if self._state is ConnectionState.CONNECTED:
            self._hub.emit(data)
            return
        self._forget_error()
        self._hub.session_id = data.session_id
        self._change(ConnectionState.CONNECTED, "session created")
        self._hub.emit(data)
        # The dialect's own frames that restore the session go first, whatever place they have in its output.
        asyncio.get_running_loop().call_soon(self._release, self._joining, data)

    def _release(self, link: Link[Command, Event] | None, session: SessionCreated) -> None:
        """The session is ready: what was lost and what was held go out, then everybody may speak."""
        if link is None or link is not self._joining or self._link is not None:
            return
        outage, self._outage = self._outage, None
        pending: list[Command] = outage.commands(resumed=session.resumed) if outage is not None else []
        held, self._held, self._held_audio = self._held, deque(), 0
        self._link = link
        for message in (*pending, *held):
            try:
                self._post(link, message)
            except ProviderError as error:
                kind = type(message).__struct_config__.tag
                self._hub.emit(
                    ErrorInfo("not_sent", f"a held message could not be sent: {error}", command=str(kind))
                )
        link.wake()
        if outage is not None:
            missing = () if session.resumed else outage.missing
            self._hub.emit(Reconnected(self._attempts, not missing, missing))
        ready, self._ready = self._ready, None
        if ready is not None and not ready.done():
            ready.set_result(None)
        self._room.set()

    def _begin_outage(self) -> Outage:
        """A session that worked is gone: takes stock of what the next one needs."""
        if self._outage is None:  # else it ended before what the last one left could be said again
            snapshot = self._dialect.snapshot() if self._dialect is not None else Restore()
            self._outage = take_stock(snapshot, self._options, self._conversation, self._utterance)
        return self._outage

    def _give_up(self, cause: ConnectionError, attempts: int) -> None:
        tried = f" after {attempts} attempts" if attempts else ""
        lost = f"; {len(self._held)} held messages were not sent" if self._held else ""
        if self._fatal is None:
            self._hub.emit(ErrorInfo("connection_lost", f"gave up{tried}: {cause}{lost}", recoverable=False))
        self._end(ConnectionState.ERROR, cause)

    def _end(self, state: ConnectionState, cause: ConnectionError) -> None:
        """The last state of this life: whoever waits is told."""
        self._held.clear()
        self._held_audio = 0
        self._supervisor = None
        self._outage = None
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
            link = self._joining
            try:
                if link is not None:
                    link.hang_up(Close(1000))
                    await asyncio.wait([supervisor], timeout=self._config.timeouts.close * 2)
            finally:
                supervisor.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([supervisor])
        if self._state is ConnectionState.ERROR:
            self._change(ConnectionState.DISCONNECTED, "disconnected")
        if supervisor is not None:
            self._conversation = Conversation(
                self._format
            )  # after ERROR, connect() goes on; after disconnect(), it begins
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

    def _new_utterance(self) -> Utterance:
        return Utterance(self._format, manual=self._options.turn_detection is None)

    async def _websocket(self, endpoint: Endpoint) -> Transport:
        from voicechatengine.session.aiohttp_transport import connect_websocket  # noqa: PLC0415 - aiohttp loads here

        timeouts = self._config.timeouts
        return await connect_websocket(endpoint, ping=timeouts.ping, close=timeouts.close)
