"""`MockProvider`: a whole provider in memory, in the time of the running event loop (so virtual time works).

It obeys the contract and the event grammar as a vendor's would, answers as its configuration says, and remembers what was
done to it. It knows no vendor and opens no socket.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final, Literal

from typing_extensions import Unpack

from voicechatengine.audio.format import AudioFormat
from voicechatengine.capabilities import Capabilities
from voicechatengine.errors import ConnectionError, MessageError, ProviderError
from voicechatengine.events import (
    EVENT_TYPES,
    AudioChunk,
    ConnectionState,
    ErrorInfo,
    Event,
    ProviderEvent,
    Reconnected,
    Reconnecting,
    SessionCreated,
)
from voicechatengine.messages import (
    MESSAGE_TYPES,
    OPTIONS,
    AudioAppend,
    AudioPart,
    Command,
    Item,
    ItemCreate,
    MessageItem,
    MessageType,
    Modality,
    Options,
    ResponseCancel,
    ResponseCreate,
    Role,
    SessionCreate,
    SessionUpdate,
    TurnDetection,
    command,
    text_item,
)
from voicechatengine.provider import EventHandler, SessionOptions, session_options
from voicechatengine.providers.mock.script import Luck, MockConfig, MockRecord, MockReply, Script
from voicechatengine.providers.mock.session import Session
from voicechatengine.providers.mock.turn import input_format
from voicechatengine.session.clock import loop_clock
from voicechatengine.session.hub import Hub
from voicechatengine.session.phase import Phase
from voicechatengine.session.plan import Plan

FORMATS: Final = tuple(
    AudioFormat(encoding, rate, channels)
    for encoding in ("pcm16", "g711_ulaw", "g711_alaw", "float32")
    for rate in (24_000, 8_000, 16_000, 48_000)
    for channels in (1, 2)
)
CAPABILITIES: Final[Capabilities] = {
    "text_input": True, "text_output": True, "audio_input": True, "audio_output": True, "image_input": True,
    "input_formats": FORMATS, "output_formats": FORMATS, "turn_detection": (), "manual_turns": True,
    "interruption": True, "truncation": True, "item_deletion": True, "input_transcription": True,
    "output_transcription": True, "tools": True, "out_of_band": True, "session_update": OPTIONS, "history": True,
    "resumption": True, "usage": True,
}  # fmt: skip


class MockProvider:
    """A provider that answers as `config` says; see `MockConfig`.

    `clock` gives Unix seconds; by default they are the running loop's. `recording` and `history` stay after disconnect.
    """

    def __init__(self, config: MockConfig | None = None, *, clock: Callable[[], float] | None = None) -> None:
        self.config: MockConfig = config or MockConfig()
        self._clock = clock or loop_clock()
        self._hub = Hub(self.config.name, self._clock, self.config.limits)
        self._script = Script(self.config)
        self._luck = Luck(self.config)
        self._door = asyncio.Lock()
        self._sending = asyncio.Lock()
        self._session: Session | None = None  # the running one, or the last
        self._phase = Phase(self._publish)
        self._plan = Plan(self.config.options())
        self._check_options(self._plan.options)
        self._outage: asyncio.Task[None] | None = None
        self._recording: deque[MockRecord] = deque()
        self._recorded_bytes = 0

    # -- what the mock has beyond the contract

    @property
    def recording(self) -> tuple[MockRecord, ...]:
        """Every interaction so far, oldest first; bounded as the configuration says."""
        return tuple(self._recording)

    @property
    def history(self) -> tuple[Item, ...]:
        """The conversation of this session, or after disconnect of the last one."""
        return () if self._session is None else self._session.history

    # -- the contract; see `Provider` for what each member promises

    async def connect(self) -> bool:
        """Opens the session; raises `ConnectionError` as often as ``error_rate["connect"]`` says."""
        async with self._door:
            if self._phase.state is ConnectionState.RECONNECTING:
                await self._online()
            if self._phase.state is ConnectionState.CONNECTED:
                return True
            self._record("sent", "connect", None)
            self._hub.open()
            self._phase.become(ConnectionState.CONNECTING)
            try:
                await self._dial()
            except (ConnectionError, asyncio.CancelledError) as error:
                if self._phase.state is ConnectionState.CONNECTING:
                    self._phase.become(ConnectionState.DISCONNECTED, str(error) or "cancelled")
                    self._hub.end()
                raise
            session_id = self._hub.session_id = self._luck.id("sess")
            self._session = Session(
                session_id, self._plan.options, self._script, self._luck, tell=self._publish, lose=self._lose
            )
            self._phase.become(ConnectionState.CONNECTED)
            self._publish(SessionCreated(session_id, applied=self._plan.options))
            self._session.restore(self._plan.take_history())
            return True

    async def disconnect(self) -> None:
        """Closes the session at once; what was open ends as ``failed``."""
        self._record("sent", "disconnect", None)
        tasks: list[asyncio.Task[None]] = []
        if self._session is not None:
            tasks += self._session.close("disconnected")
        if self._phase.state is ConnectionState.ERROR:
            self._plan.history = ()  # after an error connect() goes on; after this it begins
        if self._phase.state is not ConnectionState.DISCONNECTED:
            self._phase.become(ConnectionState.DISCONNECTED)
        if self._outage is not None and self._outage is not asyncio.current_task():
            self._outage.cancel()
            tasks.append(self._outage)
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            await self._hub.close()

    def is_connected(self) -> bool:
        """Whether a session is open right now."""
        return self._phase.state is ConnectionState.CONNECTED

    async def send_message(self, message_type: MessageType, data: Command | Mapping[str, Any]) -> None:
        """Sends one message; see `Provider.send_message`."""
        try:
            message = command(message_type, data)
        except MessageError as error:
            self._record("sent", str(message_type), data, refused=str(error))
            raise
        await self._send(message)

    async def send_audio(self, audio_data: bytes) -> None:
        """Sends the next stretch of the user's audio."""
        await self._send(AudioAppend(audio_data))

    async def send_text(self, text: str, role: Role = "user") -> None:
        """Adds text to the conversation."""
        await self.send_message(MessageType.ITEM_CREATE, text_item(text, role))

    async def create_response(self, modalities: Sequence[Modality] | None = None) -> None:
        """Asks for a reply; while one runs, for one after it."""
        await self.send_message(MessageType.RESPONSE_CREATE, {"modalities": modalities})

    async def interrupt(self) -> None:
        """Stops the running reply; one that waits behind it begins. Without a connection, none begins when it is back."""
        if self.is_connected():
            await self._send(ResponseCancel())
        elif self._session is not None:
            self._session.forget_request()

    async def update_session(self, **options: Unpack[SessionOptions]) -> None:
        """Changes options of the session; options under ``vendor`` are kept and reported, and do nothing."""
        await self._send(SessionUpdate(session_options(options)))

    def get_audio_format(self) -> AudioFormat:
        """What `send_audio` takes."""
        return input_format(self._plan.options)

    def get_capabilities(self) -> Capabilities:
        """What the mock can do: all but what needs a vendor, turn detection only with `detect_turns`."""
        modes = ("server_vad",) if self.config.detect_turns else ()
        return {**CAPABILITIES, "turn_detection": modes}

    def events(self) -> AsyncIterator[ProviderEvent]:
        """A subscription of its own, from the moment of this call."""
        return self._hub.subscribe()

    def on_event(self, event_type: str, handler: EventHandler) -> None:
        """Calls `handler` for each event of that type, ``"*"`` for all."""
        self._hub.on(event_type, handler)

    # -- sending

    async def _send(self, message: Command) -> None:
        """Checks a message, waits for its turn and its latency, and acts. A cancellation has sent it whole or not at all."""
        kind = str(MESSAGE_TYPES[type(message)])
        try:
            self._check(message)
            if self._phase.state in (ConnectionState.DISCONNECTED, ConnectionState.ERROR):
                self._plan.define(message)
                self._record("sent", kind, message)
                return
            if isinstance(message, SessionCreate):
                raise MessageError(
                    "a session is open already", field="message_type", cure="send SESSION_UPDATE"
                )
            async with self._sending:
                await self._online()
                await asyncio.sleep(self._luck.delay(kind))
                await self._online()
        except ProviderError as error:
            self._record("sent", kind, message, refused=str(error))
            raise
        self._record("sent", kind, message)
        if self._luck.fails(kind):
            self._publish(
                ErrorInfo("mock_error", f"the mock refused {kind}, as error_rate says", command=kind)
            )
            return
        session = self._session
        assert session is not None  # it is online
        session.act(message)
        self._plan.options = session.options

    async def _online(self) -> None:
        """Waits while the connection is on its way; raises `ConnectionError` if it does not come."""
        await self._phase.settled()
        if self._phase.state is not ConnectionState.CONNECTED:
            raise ConnectionError("the session is closed", cure="connect() again", fault="application")

    def _check(self, message: Command) -> None:
        """Raises for what this provider cannot do."""
        match message:
            case AudioAppend(audio=audio):
                self.get_audio_format().check(audio)
            case SessionCreate(options=options) | SessionUpdate(options=options):
                self._check_options(options)
            case ItemCreate(item=MessageItem(content=content)):
                for part in content:
                    if isinstance(part, AudioPart):
                        self.get_audio_format().check(part.audio)
            case ResponseCreate(modalities=()):
                raise MessageError("modalities is empty", field="modalities", cure="give text, audio or None")
            case _:
                pass

    def _check_options(self, options: Options) -> None:
        detection = options.turn_detection
        if isinstance(detection, TurnDetection):
            if not self.config.detect_turns or detection.mode != "server_vad":
                raise MessageError(
                    f"this mock has no turn detection by {detection.mode}",
                    field="turn_detection",
                    cure="use server_vad and MockConfig(detect_turns=True), or None",
                )
            for name in ("idle_timeout_ms", "eagerness"):
                if detection[name] is not None:
                    raise MessageError(f"{name} is not known to the mock", field=name, cure="leave it out")
        for name in ("input_audio_format", "output_audio_format"):
            form = options[name]
            if isinstance(form, AudioFormat) and not any(form.same_sound(known) for known in FORMATS):
                raise MessageError(
                    f"{name}: the mock has no {form}", field=name, cure="see get_capabilities()"
                )
        if options.modalities == ():
            raise MessageError("modalities is empty", field="modalities", cure="give text or audio")

    # -- the connection

    async def _dial(self) -> None:
        await asyncio.sleep(self._luck.delay("connect"))
        if self._phase.state is not ConnectionState.CONNECTING:
            raise ConnectionError("disconnected while connecting", cure="connect again", fault="application")
        if self._luck.fails("connect"):
            raise ConnectionError("the mock refused to connect", cure="lower error_rate", code="mock_error")

    def _lose(self, reply: MockReply) -> None:
        """The connection is cut, as a reply's script says."""
        session = self._session
        assert session is not None
        if reply.drop == "reconnect":
            session.pause()
            cause = "the mock's script cut the connection"
            self._phase.become(ConnectionState.RECONNECTING, cause)
            self._publish(Reconnecting(1, reply.outage_s, cause))
            self._outage = asyncio.get_running_loop().create_task(
                self._come_back(session, reply.outage_s), name=f"{self.config.name} outage"
            )
        else:
            session.close("connection_lost")
            if reply.drop is not None:
                cause = "the mock's script cut the connection"
                self._publish(ErrorInfo("connection_lost", cause, recoverable=False))
            self._plan.history = session.history
            self._phase.become(ConnectionState.ERROR, "the session was lost")
            self._hub.end()

    async def _come_back(self, session: Session, outage_s: float) -> None:
        await asyncio.sleep(outage_s)
        self._phase.become(ConnectionState.CONNECTED)
        self._publish(SessionCreated(session.id, resumed=True, applied=session.options))
        self._publish(Reconnected(1, state_restored=True))
        session.resume()

    # -- telling

    def _publish(self, data: Event) -> None:
        self._record("received", EVENT_TYPES[type(data)], data)
        self._hub.emit(data)

    def _record(
        self, direction: Literal["sent", "received"], kind: str, payload: object, refused: str | None = None
    ) -> None:
        self._recording.append(MockRecord(self._clock(), direction, kind, payload, refused))
        self._recorded_bytes += _size(payload)
        config = self.config
        while len(self._recording) > config.recorded or self._recorded_bytes > config.recorded_bytes:
            self._recorded_bytes -= _size(self._recording.popleft().payload)


def _size(payload: object) -> int:
    return len(payload.audio) if isinstance(payload, (AudioAppend, AudioChunk)) else 0
