"""`Replayed`: a provider that plays a recording back.

It gives the recorded events as they were, timestamps and ids included, in the time of the running event loop: real, scaled or
virtual. With `check` it holds the application to what the recorded one did, and what came of a call waits for that call. It
knows no vendor and no wire.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from os import PathLike
from typing import Any, ClassVar, Final

from typing_extensions import Unpack

from voicechatengine.audio.format import AudioFormat
from voicechatengine.capabilities import Capabilities
from voicechatengine.compose.check import Checker
from voicechatengine.compose.failure import error_of
from voicechatengine.compose.tape import Call, Ended, Heard, Outcome, Session, read
from voicechatengine.errors import ConnectionError, MessageError, ProviderError
from voicechatengine.events import (
    ConnectionState,
    ErrorInfo,
    ProviderEvent,
    ResponseCompleted,
    StateChanged,
)
from voicechatengine.messages import (
    AudioAppend,
    Command,
    MessageType,
    Modality,
    ResponseCancel,
    Role,
    SessionCreate,
    SessionUpdate,
    command,
    text_item,
)
from voicechatengine.provider import EventHandler, SessionOptions, session_options
from voicechatengine.session.grammar import OF_A_RESPONSE, QUIET, Grammar
from voicechatengine.session.hub import Hub

log: Final = logging.getLogger("voicechatengine")

PATIENCE_S: Final = 10.0  # for a call that the recording goes on with, beyond the time that it took then


class Replayed:
    """The recording at `path` as a provider: the thirteen members, and `difference`.

    `speed` 1 is real time, 2 twice as fast, 0 without waiting. Without `check`, events come at their times after `connect()`,
    and what is sent is taken and changes nothing. With it, an event comes only after the application has made all calls that
    stood before it; a call that differs from the recorded one raises `MessageError`, one that does not come in time is told, and
    both end the session with an `error` event ``replay_mismatch``.

    Each recorded session needs a `connect()` of its own. Raises `MessageError` for a file that is no recording of a provider.
    """

    def __init__(self, path: str | PathLike[str], *, speed: float = 1.0, check: bool = False) -> None:
        if not 0 <= speed < math.inf:
            raise MessageError(
                f"speed is {speed!r}",
                field="speed",
                cure="use 1 for real time, more for faster, 0 for no waiting",
            )
        self._speed = speed
        self._session = _first_session(path)
        self._checker = Checker(path) if check else None
        self._lines = read(path)
        self._opening: Call | None = None  # the connect and the disconnect of the session that is played
        self._closing: Call | None = None
        self._upcoming: tuple[Session, Call] | MessageError | None = None  # what the next connect() comes to
        self._hub = Hub(self._session.provider)
        self._player: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[bool] | None = None
        self._connected = False
        self._leaving = False  # the application disconnects: what is left does not wait for its time
        self._hurry = asyncio.Event()
        self._news = asyncio.Event()  # the application did something, or the connection changed
        self._base = (0.0, 0.0)  # this place of the recording was played at this time of the loop
        self._difference: MessageError | None = None
        self._grammar = Grammar()  # knows the replies that run

    @property
    def difference(self) -> MessageError | None:
        """The first thing in which the application differed from the recorded one, whoever may have caught it when it was raised."""
        return self._difference

    # -- life cycle

    async def connect(self) -> bool:
        """See `Provider.connect`. Takes as long as it took, and raises what it raised."""
        if self._connected:
            return True
        if self._player is not None and not self._player.done():
            await self._until_connected()
            return True
        self._take("connect")
        self._leaving = False
        self._hurry, self._news = asyncio.Event(), asyncio.Event()  # new ones: this may be another event loop
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[bool] = loop.create_future()
        self._hub.open()
        self._player = loop.create_task(self._play(ready), name="replay")
        try:
            return await asyncio.shield(ready)
        except asyncio.CancelledError:
            await self._leave()
            raise

    async def disconnect(self) -> None:
        """See `Provider.disconnect`. What the recording says of its own disconnect follows at once."""
        if self._connected or not self._is_over():
            with contextlib.suppress(MessageError):  # told as an event, and in `difference`
                self._take("disconnect")
        await self._leave()

    def is_connected(self) -> bool:
        """See `Provider.is_connected`."""
        return self._connected

    # -- sending

    async def send_message(self, message_type: MessageType, data: Command | Mapping[str, Any]) -> None:
        """See `Provider.send_message`."""
        self._send(command(message_type, data))

    async def send_audio(self, audio_data: bytes) -> None:
        """See `Provider.send_audio`."""
        self._send(AudioAppend(audio_data))

    async def send_text(self, text: str, role: Role = "user") -> None:
        """See `Provider.send_text`."""
        self._send(command(MessageType.ITEM_CREATE, text_item(text, role)))

    async def create_response(self, modalities: Sequence[Modality] | None = None) -> None:
        """See `Provider.create_response`."""
        self._send(command(MessageType.RESPONSE_CREATE, {"modalities": modalities}))

    async def interrupt(self) -> None:
        """See `Provider.interrupt`."""
        self._send(ResponseCancel())

    async def update_session(self, **options: Unpack[SessionOptions]) -> None:
        """See `Provider.update_session`."""
        self._send(SessionUpdate(session_options(options)))

    def _send(self, message: Command) -> None:
        if isinstance(message, AudioAppend):
            self._session.audio_format.check(message.audio)
        self._take("send", message)
        if isinstance(message, (SessionUpdate, ResponseCancel)):
            return  # these make sense at any time
        if isinstance(message, SessionCreate):
            if not self._is_over():
                raise MessageError("the session is open", field="message_type", cure="send SESSION_UPDATE")
        elif self._is_over():
            raise ConnectionError(
                "the replay is not connected", cure="await connect() first", fault="application"
            )

    # -- asking and listening

    def get_audio_format(self) -> AudioFormat:
        """See `Provider.get_audio_format`. As it was at this place of the recording."""
        return self._session.audio_format

    def get_capabilities(self) -> Capabilities:
        """See `Provider.get_capabilities`. As they were at this place of the recording."""
        return {**self._session.capabilities}

    def events(self) -> AsyncIterator[ProviderEvent]:
        """See `Provider.events`."""
        return self._hub.subscribe()

    def on_event(self, event_type: str, handler: EventHandler) -> None:
        """See `Provider.on_event`."""
        self._hub.on(event_type, handler)

    # -- the application

    def _take(self, call: str, message: Command | None = None) -> None:
        """A call of the application: checked, if that was asked for."""
        if self._checker is None or self._difference is not None:
            return
        try:
            error = self._checker.take(call, message)
        except MessageError as difference:
            self._differ(difference)
            raise
        self._news.set()
        if error is not None and call == "send":
            raise error

    def _differ(self, difference: MessageError) -> None:
        """The application is not the recorded one: what follows would make no sense to it."""
        self._difference = difference
        self._hub.emit(ErrorInfo("replay_mismatch", str(difference), recoverable=False))
        if self._player is None or self._player.done():
            self._hub.end()
        else:
            self._player.cancel()

    def _is_over(self) -> bool:
        return self._player is None or self._player.done()

    async def _until_connected(self) -> None:
        """The session is under way and not open: it comes, or it ends."""
        while not self._connected and not self._is_over():
            self._news.clear()
            await self._news.wait()
        if not self._connected:
            raise ConnectionError("the recorded session ended before it was open", cure="look at its events")

    async def _leave(self) -> None:
        self._leaving = True
        self._hurry.set()
        self._news.set()
        player = self._player
        try:
            if player is not None:
                await asyncio.wait([player])
        finally:
            if player is not None:
                player.cancel()
            self._connected = False
            await self._hub.close()

    # -- the playback

    async def _play(self, ready: asyncio.Future[bool]) -> None:
        """One session: from its connect to its disconnect, the next connect, or the end of the recording."""
        cause: ProviderError = ConnectionError("the replay was ended", fault="application")
        try:
            await self._play_session(ready)
            self._look_ahead()
            cause = ConnectionError("the recording ends before the session was open", cure="make a new one")
        except ProviderError as error:
            cause = error
        except Exception as error:
            log.exception("the replay failed")
            self._hub.emit(ErrorInfo("internal", repr(error), recoverable=False))
        finally:
            self._connected = False
            self._end_replies()
            if not ready.done():
                ready.set_exception(self._difference or cause)
                ready.exception()  # connect() may have been cancelled: nobody is left to ask
            self._hub.end()
            self._news.set()

    async def _play_session(self, ready: asyncio.Future[bool]) -> None:
        coming = self._upcoming or self._next_connect()
        if isinstance(coming, MessageError):
            raise coming
        if coming is None:
            raise ConnectionError(
                "the recording holds no further session", cure="make a new Replayed", fault="application"
            )
        self._session, opening = coming
        self._upcoming = self._closing = None
        self._opening, self._ready = opening, ready
        self._base = (opening.at, asyncio.get_running_loop().time())
        if self._checker is not None:
            self._checker.passed(opening)
        for line in self._lines:
            step = self._STEPS.get(type(line))
            if step is not None and not await step(self, line):
                return

    async def _event(self, line: Heard) -> bool:
        if not await self._is_due(line.at):
            return True
        event = line.event()
        data = event.data
        if isinstance(data, StateChanged):
            if data.state in QUIET:
                self._end_replies()
            self._connected = data.state is ConnectionState.CONNECTED
            self._news.set()
        wrong = self._grammar.check(data)
        if wrong is not None and self._leaving and type(data) in OF_A_RESPONSE:
            return True  # of a reply whose beginning nobody was told
        self._hub.name, self._hub.session_id = event.provider, event.session_id
        self._hub.publish(event)
        return True

    def _end_replies(self) -> None:
        """Who leaves before the recorded one did leaves replies that run: they end before the session does."""
        for response in self._grammar.open_responses if self._leaving else ():
            self._hub.emit(ResponseCompleted(response, "failed", "disconnected"))
        self._grammar = Grammar()

    async def _outcome(self, line: Outcome) -> bool:
        if self._opening is not None and line.number == self._opening.number:
            if line.failure is not None:
                raise error_of(line.failure)
            await self._is_due(line.at)
            if self._leaving:
                raise ConnectionError("disconnected while connecting", fault="application")
            self._connected = bool(line.result)
            self._news.set()
            if self._ready is not None and not self._ready.done():
                self._ready.set_result(self._connected)
        return self._closing is None or line.number != self._closing.number

    async def _call(self, line: Call) -> bool:
        if line.call == "connect":
            self._upcoming = (self._session, line)
            return False
        if line.call == "disconnect":
            self._closing = line
        return self._checker is None or await self._is_called(line, self._checker)

    async def _described(self, line: Session) -> bool:
        self._session = line
        return True

    async def _ended(self, line: Ended) -> bool:
        self._hub.end()
        return True

    _STEPS: ClassVar[dict[type, Callable[[Replayed, Any], Awaitable[bool]]]] = {
        Heard: _event,
        Outcome: _outcome,
        Call: _call,
        Session: _described,
        Ended: _ended,
    }
    """What a line does to a session that is played; False ends it. Other lines are not about the session."""

    def _look_ahead(self) -> None:
        """Reads on at once: where nothing follows, the file is closed. Damage is told by the `connect()` that comes to it."""
        try:
            self._upcoming = self._upcoming or self._next_connect()
        except MessageError as damage:
            self._upcoming = damage

    def _next_connect(self) -> tuple[Session, Call] | None:
        session = self._session
        for line in self._lines:
            if isinstance(line, Session):
                session = line
            elif isinstance(line, Call):
                if line.call == "connect":
                    return session, line
                if self._checker is not None:
                    self._checker.passed(line)
        return None

    async def _is_due(self, at: float) -> bool:
        """Waits for the time of this place. False if the application leaves before it, and so never sees what stands here."""
        place, time = self._base
        wait = 0.0
        if self._speed and not self._leaving:
            wait = time + (at - place) / self._speed - asyncio.get_running_loop().time()
        if wait > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._hurry.wait()
        else:
            await asyncio.sleep(0)  # readers take turns with the playback
        # Behind the recorded disconnect are its own events; and who made every recorded call saw what stood between them.
        return not self._leaving or self._closing is not None or self._checker is not None

    async def _is_called(self, line: Call, checker: Checker) -> bool:
        """Waits until the application has made this call; False if it does not."""
        await self._is_due(line.at)
        checker.passed(line)
        # A session may stay open for as long as one likes; anything else has its time.
        patience = None if line is self._closing else PATIENCE_S + max(0.0, line.at - self._base[0])
        waited = False
        while not checker.caught_up() and not self._leaving:
            waited = True
            self._news.clear()
            try:
                async with asyncio.timeout(patience):
                    await self._news.wait()
            except TimeoutError:
                self._differ(checker.missing())
                return False
        if waited:
            self._base = (line.at, asyncio.get_running_loop().time())
        return True


def _first_session(path: str | PathLike[str]) -> Session:
    """What the recorded provider was when it first connected."""
    found: Session | None = None
    for line in read(path):
        if isinstance(line, Session):
            found = line
        elif isinstance(line, Call) and line.call == "connect" and found is not None:
            return found
    if found is None:
        raise MessageError(
            f"{path} holds no session of a provider", field="path", cure="name a file that Recorded wrote"
        )
    return found
