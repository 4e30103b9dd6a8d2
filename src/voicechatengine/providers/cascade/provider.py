"""`CascadeProvider`: turn detection, speech to text, a language model and text to speech as one provider.

It obeys the contract and the event grammar as a vendor's session would. It opens its parts with the session and closes them with
it; it knows no vendor and opens no socket of its own.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

from typing_extensions import Unpack

from voicechatengine.audio.format import AudioFormat
from voicechatengine.capabilities import Capabilities
from voicechatengine.errors import ConnectionError, DeadlineError, MessageError
from voicechatengine.events import ConnectionState, ProviderEvent, SessionCreated
from voicechatengine.messages import (
    AudioAppend,
    Command,
    Item,
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
from voicechatengine.providers.cascade.check import check
from voicechatengine.providers.cascade.config import (
    CascadeConfig,
    capabilities,
    first_options,
    input_format,
)
from voicechatengine.providers.cascade.parts import (
    LanguageModel,
    SpeechToText,
    TextToSpeech,
    TurnDetector,
)
from voicechatengine.providers.cascade.session import Session
from voicechatengine.providers.cascade.together import Parts
from voicechatengine.session.clock import loop_clock
from voicechatengine.session.hub import Hub
from voicechatengine.session.phase import Phase
from voicechatengine.session.plan import Plan

log: Final = logging.getLogger("voicechatengine")


def random_id(kind: str) -> str:
    """A fresh id that begins with this word."""
    return f"{kind}_{secrets.token_hex(8)}"


class CascadeProvider:
    """A provider made of parts. Without `turns` the application ends turns, without `stt` it hears nothing, without `tts` it
    writes only.

    `clock` gives Unix seconds (by default the running loop's), `new_id` makes an id that begins with a word. Raises
    `MessageError` for a configuration that the parts cannot do. `history` stays after disconnect.
    """

    def __init__(
        self,
        turns: TurnDetector | None,
        stt: SpeechToText | None,
        llm: LanguageModel,
        tts: TextToSpeech | None,
        *,
        config: CascadeConfig | None = None,
        clock: Callable[[], float] | None = None,
        new_id: Callable[[str], str] = random_id,
    ) -> None:
        if turns is not None and stt is None:
            raise MessageError(
                "turns without stt: there is nobody to say what was said",
                field="stt",
                cure="give a part for speech to text, or leave turns out",
            )
        self.config: CascadeConfig = config or CascadeConfig()
        self._parts = Parts(turns, stt, llm, tts)
        self._new_id = new_id
        self._hub = Hub(self.config.name, clock or loop_clock(), self.config.limits)
        self._door = asyncio.Lock()
        self._sending = asyncio.Lock()
        self._phase = Phase(self._hub.emit)
        self._plan = Plan(first_options(self.config, self._parts))
        self._session: Session | None = None  # the running one, or the last
        self._opening: asyncio.Task[None] | None = None

    @property
    def history(self) -> tuple[Item, ...]:
        """The conversation of this session, or after disconnect of the last one."""
        return () if self._session is None else self._session.history

    # -- the contract; see `Provider` for what each member promises

    async def connect(self) -> bool:
        """Opens the parts and the session; raises `ConnectionError` if a part cannot be opened."""
        async with self._door:
            if self._phase.state is ConnectionState.CONNECTED:
                return True
            self._hub.open()
            self._phase.become(ConnectionState.CONNECTING)
            try:
                await self._open_parts()
            except (Exception, asyncio.CancelledError) as error:
                await self._parts.close(self.config.timeouts.close)
                if self._phase.state is ConnectionState.CONNECTING:
                    self._phase.become(ConnectionState.DISCONNECTED, str(error) or "cancelled")
                    self._hub.end()
                raise
            self._begin()
            return True

    async def disconnect(self) -> None:
        """Closes the session and its parts; what was open ends as ``failed``."""
        connected = self._phase.state is ConnectionState.CONNECTED
        tasks = self._session.close() if connected and self._session is not None else []
        if self._opening is not None:
            self._opening.cancel()
        if self._phase.state is not ConnectionState.DISCONNECTED:
            self._phase.become(ConnectionState.DISCONNECTED)
        try:
            if tasks:
                _, left = await asyncio.wait(tasks, timeout=self.config.timeouts.close)
                if left:
                    names = ", ".join(sorted(task.get_name() for task in left))
                    log.warning("parts of %s did not stop in time: %s", self.config.name, names)
            if connected:
                await self._parts.close(self.config.timeouts.close)
        finally:
            await self._hub.close()

    def is_connected(self) -> bool:
        """Whether a session is open right now."""
        return self._phase.state is ConnectionState.CONNECTED

    async def send_message(self, message_type: MessageType, data: Command | Mapping[str, Any]) -> None:
        """Sends one message; see `Provider.send_message`."""
        await self._send(command(message_type, data))

    async def send_audio(self, audio_data: bytes) -> None:
        """Sends the next stretch of the user's audio; waits while the recogniser lags behind."""
        await self._send(AudioAppend(audio_data))

    async def send_text(self, text: str, role: Role = "user") -> None:
        """Adds text to the conversation."""
        await self.send_message(MessageType.ITEM_CREATE, text_item(text, role))

    async def create_response(self, modalities: Sequence[Modality] | None = None) -> None:
        """Asks for a reply; while one runs, for one after it."""
        await self.send_message(MessageType.RESPONSE_CREATE, {"modalities": modalities})

    async def interrupt(self) -> None:
        """Stops model and speech at once; a reply that waits behind begins."""
        if self.is_connected():
            await self._send(ResponseCancel())

    async def update_session(self, **options: Unpack[SessionOptions]) -> None:
        """Changes options of the session; those under ``vendor`` go to the language model with each request."""
        await self._send(SessionUpdate(session_options(options)))

    def get_audio_format(self) -> AudioFormat:
        """What `send_audio` takes: the recogniser's own format, unless the session asks for another."""
        return input_format(self._plan.options, self._parts)

    def get_capabilities(self) -> Capabilities:
        """What these parts can do together."""
        return capabilities(self._parts, images=self.config.images)

    def events(self) -> AsyncIterator[ProviderEvent]:
        """A subscription of its own, from the moment of this call."""
        return self._hub.subscribe()

    def on_event(self, event_type: str, handler: EventHandler) -> None:
        """Calls `handler` for each event of that type, ``"*"`` for all."""
        self._hub.on(event_type, handler)

    # -- sending

    async def _send(self, message: Command) -> None:
        """Checks a message, waits for its turn, and acts. A cancellation has sent it whole or not at all."""
        check(message, self._parts, self.get_audio_format(), images=self.config.images)
        if self._phase.state is ConnectionState.DISCONNECTED:
            self._plan.define(message)
            return
        if isinstance(message, SessionCreate):
            raise MessageError("a session is open already", field="message_type", cure="send SESSION_UPDATE")
        if isinstance(message, ResponseCancel):
            self._online().act(message)  # an interruption waits for nobody
            return
        async with self._sending:
            await self._phase.settled()
            session = self._online()
            if isinstance(message, AudioAppend):
                await self._room(session)
            session = self._online()
            if isinstance(message, SessionUpdate):
                self._plan.options = self._plan.options.merged(message.options)
            session.act(message)

    def _online(self) -> Session:
        if self._phase.state is not ConnectionState.CONNECTED or self._session is None:
            raise ConnectionError("the session is closed", cure="connect() again", fault="application")
        return self._session

    async def _room(self, session: Session) -> None:
        """Waits while too much audio is unheard; the recogniser's own time limit ends that."""
        while session.unheard_ms > self.config.limits.unsent_audio_s * 1000 and self.is_connected():
            session.moved.clear()
            await session.moved.wait()

    # -- the connection

    async def _open_parts(self) -> None:
        self._opening = asyncio.get_running_loop().create_task(self._parts.open(), name="cascade opening")
        try:
            async with asyncio.timeout(self.config.timeouts.connect):
                await asyncio.shield(self._opening)
        except TimeoutError:
            raise DeadlineError(
                f"the parts of the cascade were not ready within {self.config.timeouts.connect:g} s",
                cure="raise timeouts.connect, or see what the parts wait for",
            ) from None
        except asyncio.CancelledError:
            if self._phase.state is ConnectionState.CONNECTING:
                raise
            raise ConnectionError(
                "disconnected while connecting", cure="connect again", fault="application"
            ) from None
        finally:
            opening, self._opening = self._opening, None
            opening.cancel()
            await asyncio.wait([opening])

    def _begin(self) -> None:
        session = Session(
            self._parts, self.config, self._plan.options, tell=self._hub.emit, new_id=self._new_id
        )
        self._session, self._hub.session_id = session, session.id
        self._phase.become(ConnectionState.CONNECTED)
        self._hub.emit(SessionCreated(session.id, applied=self._plan.options))
        session.restore(self._plan.take_history())
