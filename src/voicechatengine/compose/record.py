"""`Recorded`: a provider that writes down what passes through another one.

Events go on unchanged and in order; commands, events, how calls ended, and when, go to a file (`tape.py`). It reads the
other provider's events by one subscription of its own and gives them out by its own hub, so it takes nothing from anybody.
It knows no vendor and no wire; raw frames are `frames.py`'s business.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from os import PathLike
from typing import Any, Final, Literal

from typing_extensions import Unpack

from voicechatengine.audio.format import AudioFormat
from voicechatengine.capabilities import Capabilities
from voicechatengine.compose.failure import failure_of
from voicechatengine.compose.tape import AnyLine, Call, Ended, Outcome, Session, Tape, heard, scrubbed
from voicechatengine.errors import redact
from voicechatengine.events import ErrorInfo, ProviderEvent, SessionUpdated
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
from voicechatengine.provider import EventHandler, Provider, SessionOptions, session_options
from voicechatengine.session.hub import Hub

log: Final = logging.getLogger("voicechatengine")

FAREWELL_S: Final = 1.0  # for the last events, after the provider has closed


class Recorded:
    """`provider`, written down: the thirteen members, and nothing else in public.

    `path` names a new file, or is a `Tape` that a `recording_connector` writes to as well. Keys are hidden in the file, never
    in the events. A recording that cannot go on (a full disk) is told by one `error` event ``recording_failed``, and the
    session lives. Raises `MessageError` for a file that is there already or in no folder.
    """

    def __init__(self, provider: Provider, path: str | PathLike[str] | Tape) -> None:
        self._provider = provider
        self._tape = path if isinstance(path, Tape) else Tape(path)
        self._hub = Hub(type(provider).__name__)
        self._reader: asyncio.Task[None] | None = None  # from connect to disconnect
        self._door = asyncio.Lock()
        self._calls = 0
        self._described: tuple[AudioFormat, Capabilities] | None = None
        self._failure_told = False

    # -- life cycle

    async def connect(self) -> bool:
        """See `Provider.connect`."""
        async with self._door:
            if self._reader is not None and not self._reader.done():
                return await self._provider.connect()  # open, or coming back by itself
            number = self._called("connect")
            self._hub.open()
            self._listen()
            connected = False
            try:
                connected = await self._provider.connect()
                await asyncio.sleep(0)  # what was told meanwhile is read first
                if connected and self._reader is not None and self._reader.done():  # it subscribed too early
                    self._hub.open()
                    self._listen()
                self._describe()
                self._ended(number, connected)
            except asyncio.CancelledError:
                await self._provider.disconnect()
                raise
            except Exception as error:
                await asyncio.sleep(0)
                self._ended(number, error=error)
                raise
            finally:
                if not connected:
                    await self._finish(0)
            return connected

    async def disconnect(self) -> None:
        """See `Provider.disconnect`."""
        reader = self._reader
        if reader is None:
            try:
                await self._provider.disconnect()
                await self._hub.close()
            finally:
                self._tape.close()  # what was said before connect() is in it
            return
        number = self._called("disconnect")
        was_over = reader.done()
        try:
            await self._provider.disconnect()
        finally:
            if was_over:
                self._listen()  # the session had ended by itself; what it says now nobody else would read
            await self._finish(FAREWELL_S)
            self._ended(number, result=True)
            self._tape.close()

    def is_connected(self) -> bool:
        """See `Provider.is_connected`."""
        return self._provider.is_connected()

    # -- sending

    async def send_message(self, message_type: MessageType, data: Command | Mapping[str, Any]) -> None:
        """See `Provider.send_message`."""
        with self._noted(command(message_type, data)):
            await self._provider.send_message(message_type, data)

    async def send_audio(self, audio_data: bytes) -> None:
        """See `Provider.send_audio`."""
        self._provider.get_audio_format().check(audio_data)
        with self._noted(AudioAppend(audio_data)):
            await self._provider.send_audio(audio_data)

    async def send_text(self, text: str, role: Role = "user") -> None:
        """See `Provider.send_text`."""
        with self._noted(command(MessageType.ITEM_CREATE, text_item(text, role))):
            await self._provider.send_text(text, role)

    async def create_response(self, modalities: Sequence[Modality] | None = None) -> None:
        """See `Provider.create_response`."""
        with self._noted(command(MessageType.RESPONSE_CREATE, {"modalities": modalities})):
            await self._provider.create_response(modalities)

    async def interrupt(self) -> None:
        """See `Provider.interrupt`."""
        with self._noted(ResponseCancel()):
            await self._provider.interrupt()

    async def update_session(self, **options: Unpack[SessionOptions]) -> None:
        """See `Provider.update_session`."""
        with self._noted(SessionUpdate(session_options(options))):
            await self._provider.update_session(**options)

    # -- asking and listening

    def get_audio_format(self) -> AudioFormat:
        """See `Provider.get_audio_format`."""
        return self._provider.get_audio_format()

    def get_capabilities(self) -> Capabilities:
        """See `Provider.get_capabilities`."""
        return self._provider.get_capabilities()

    def events(self) -> AsyncIterator[ProviderEvent]:
        """See `Provider.events`."""
        return self._hub.subscribe()

    def on_event(self, event_type: str, handler: EventHandler) -> None:
        """See `Provider.on_event`."""
        self._hub.on(event_type, handler)

    # -- the one reader

    def _listen(self) -> None:
        self._reader = asyncio.get_running_loop().create_task(self._read(), name="recorder")
        # Here as well, because a disconnect() that is cancelled does not wait for the reader's last line.
        self._reader.add_done_callback(lambda _: self._tape.close())

    async def _read(self) -> None:
        # Subscribes at its first step: then the provider has begun its session, and keeps what it has told already.
        try:
            async for event in self._provider.events():
                self._write(heard(event, self._tape.now()))
                self._hub.name, self._hub.session_id = event.provider, event.session_id
                self._hub.publish(event)
                if isinstance(event.data, SessionUpdated):
                    self._describe()
        except Exception as error:
            log.exception("the recorded provider's events raised")
            text = f"the provider's events() raised {redact(repr(error))}"
            self._hub.emit(ErrorInfo("events_failed", text, recoverable=False))
        finally:
            self._write(Ended(self._tape.now()))
            self._hub.end()

    async def _finish(self, patience: float) -> None:
        """The session is over: no task and no open file stay."""
        reader, self._reader = self._reader, None
        try:
            if reader is not None:
                try:
                    await asyncio.wait([reader], timeout=patience)
                finally:
                    reader.cancel()
                await asyncio.wait([reader])
            await self._hub.close()
        finally:
            self._hub.end()
            self._tape.close()

    # -- writing

    @contextlib.contextmanager
    def _noted(self, message: Command) -> Generator[None]:
        """A message on its way: written before it goes, so that what follows from it stands behind it."""
        number = self._called("send", message)
        try:
            yield
        except Exception as error:
            self._ended(number, error=error)
            raise
        if isinstance(message, (SessionCreate, SessionUpdate)):
            self._describe()

    def _called(self, call: Literal["connect", "disconnect", "send"], message: Command | None = None) -> int:
        if self._described is None:
            self._describe()
        self._calls += 1
        clean = None if message is None else scrubbed(message)
        self._write(Call(self._tape.now(), self._calls, call, clean))
        return self._calls

    def _ended(self, number: int, result: bool | None = None, error: Exception | None = None) -> None:
        failure = None if error is None else failure_of(error)
        self._write(Outcome(self._tape.now(), number, result, failure))

    def _describe(self) -> None:
        """What the provider is, if that has changed."""
        found = (self._provider.get_audio_format(), self._provider.get_capabilities())
        if found != self._described:
            self._described = found
            self._write(Session(self._tape.now(), type(self._provider).__name__, *found))

    def _write(self, line: AnyLine) -> None:
        self._tape.write(line)
        failure = self._tape.failure
        if failure is not None and not self._failure_told:
            self._failure_told = True
            self._hub.emit(ErrorInfo("recording_failed", f"the recording ends here: {redact(str(failure))}"))
