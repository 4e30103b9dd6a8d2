"""`Relay`: one stable provider in front of a changeable one. What is outside, subscriptions and format, outlives what is inside.

It forwards commands inward and events outward, and follows both in its own `Ledger`, so that at any moment another provider can
take the conversation over. It decides nothing: who wants another provider calls `move_to`; who wants to be asked when the
current one is lost gives `on_lost`. It knows the contract of a provider and no vendor.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NoReturn

import msgspec
from msgspec import UNSET
from typing_extensions import Unpack

from voicechatengine.audio.format import AudioFormat
from voicechatengine.capabilities import Capabilities
from voicechatengine.compose.fit import changes, fit_history
from voicechatengine.compose.inlet import say
from voicechatengine.compose.ledger import Ledger
from voicechatengine.compose.line import Line, turns_of
from voicechatengine.compose.outlet import Outlet
from voicechatengine.errors import ConnectionError, MessageError, ProviderError
from voicechatengine.events import (
    AudioChunk,
    ConnectionState,
    ErrorInfo,
    Event,
    ItemAdded,
    ProviderEvent,
    Reconnected,
    Reconnecting,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    StateChanged,
)
from voicechatengine.messages import (
    MESSAGE_TYPES,
    AudioAppend,
    Command,
    Image,
    ImagePart,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    MessageItem,
    MessageType,
    Modality,
    Options,
    ResponseCancel,
    ResponseCreate,
    Role,
    SessionCreate,
    SessionUpdate,
    TextPart,
    ToolResult,
    TurnDetection,
    command,
)
from voicechatengine.provider import EventHandler, Limits, Provider, SessionOptions, session_options
from voicechatengine.session.clock import loop_clock
from voicechatengine.session.outage import Outage

HELD_MESSAGES: Final = 1_000  # messages other than audio that are held while no provider is in use
SETTLE_S: Final = 3.0  # how long a pause is put off for a reply, or for words, that are on their way
UNREACHABLE: Final = (ProviderError, OSError)  # what a provider that cannot be opened raises

_S = ConnectionState
_BETWEEN: Final = frozenset({_S.CONNECTING, _S.RECONNECTING})
_NOT_CARRIED: Final = (SessionUpdate, ToolResult, ItemTruncate, ItemDelete)
"""Commands that the next provider is told only if they are sent to it: nothing that it is opened with holds them."""


class Relay:
    """A provider in front of `provider`, which `move_to` replaces by another while the conversation goes on.

    Ids, order of events and audio format stay those of one session. The audio format is the first provider's; audio is
    converted for the next ones, and theirs names its own format where that differs. `get_capabilities` tells of the one in
    use. A session with turn detection keeps it with a provider that has none: the relay then listens itself.

    `on_lost` is called when the provider in use is lost, and has to lead to `rescue` or `give_up`; without it the session is
    then in error. `watch` sees every command that is sent and every event. `clock` gives Unix seconds that never step back.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        on_lost: Callable[[Exception], None] | None = None,
        watch: Callable[[Command | Event], None] | None = None,
        clock: Callable[[], float] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._provider = provider
        self._on_lost = on_lost
        self._ledger = Ledger(provider.get_audio_format())
        self._outlet = Outlet(self._ledger, clock or loop_clock(), limits, watch)
        self._rng = random.Random()
        self._stopping = False
        self._life = 0  # counts sessions, so that what began in one does not end in another
        self._lines = 0
        self._line: Line | None = None
        self._opening: set[Line] = set()
        self._moving = asyncio.Lock()
        self._moves = 0  # under way, or waiting for their turn
        self._outage: Outage | None = None
        self._cause: Exception | None = None
        self._attempts = 0
        self._held: deque[tuple[Command, bool]] = deque()  # and whether it is said again
        self._held_audio = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving: dict[int, asyncio.Task[None]] = {}  # by the provider's identity

    # -- beyond the contract

    @property
    def provider(self) -> Provider:
        """The provider in use, or the one that was used last."""
        return self._provider

    async def move_to(
        self, provider: Provider, *, at: Literal["pause", "now"] = "pause", reason: str = "requested"
    ) -> None:
        """Goes on with another provider, which is opened first: options and history, tool rounds included, are its own then.

        The move itself comes at a pause (no reply runs, nobody speaks), or at once: a running reply is then interrupted. The
        user's audio that is not committed is said again, a reply that is owed is asked for again, results of pending calls go
        to the new provider. Then the one before is disconnected. `reconnected` tells what the new one could not take over.

        Raises what opening the other raises (the one in use then stays), `MessageError` for the one in use, and
        `ConnectionError` if the session ends meanwhile. A cancellation leaves one of the two in use, and the other closed.
        """
        if at not in ("pause", "now"):
            raise MessageError(f"at is {at!r}", field="at", cure="use 'pause' or 'now'")
        await self._move(provider, at, reason, again=False)

    async def rescue(self, provider: Provider, *, reason: str) -> None:
        """Like `move_to` at once, away from a provider that failed: the reply that it did not finish is asked for again."""
        await self._move(provider, "now", reason, again=True)

    def give_up(self, error: ProviderError) -> None:
        """There is no other provider. Where one is still in use it stays in use; else the session is in error."""
        if self._line is not None:
            self._outlet.emit(ErrorInfo("failover_failed", str(error)))
        elif self._outlet.state is _S.RECONNECTING:
            lost = f"; {len(self._held)} held messages were not sent" if self._held else ""
            self._outlet.emit(ErrorInfo(error.code or "connection_lost", f"{error}{lost}", recoverable=False))
            self._end(_S.ERROR, error.message)

    async def connect_first(self, providers: Iterable[Callable[[], Provider]]) -> bool:
        """Connects the first of these that can be. Raises the error of the only one, or one that tells what each said."""
        while self._outlet.state in _BETWEEN:
            await self._outlet.news()
        if self._outlet.state is _S.CONNECTED:
            return True
        self._life += 1
        life = self._life
        self._stopping = False
        self._outlet.hub.open()
        self._outlet.become(_S.CONNECTING, "connect")
        said: list[tuple[Provider, Exception]] = []
        try:
            for make in providers:
                line = Line(provider := make(), 1, self._ledger.form)
                try:
                    await self._open(line, life, new=provider is not self._provider)
                except UNREACHABLE as error:
                    self._check_life(life)
                    said.append((provider, error))
                    continue
                self._adopt(line, said)
                await asyncio.sleep(0)  # what it told while it connected is known when this returns
                return True
            _none_left(said)
        except BaseException as error:
            if self._life == life and self._outlet.state is _S.CONNECTING:
                self._end(_S.DISCONNECTED, str(error) or "cancelled")
            elif self._life == life and self._line is not None:
                await self.disconnect()  # cancelled at the last moment: the caller holds no session
            raise

    # -- the contract; see `Provider` for what each member promises

    async def connect(self) -> bool:
        """See `Provider.connect`. After an error it goes on with the conversation, after `disconnect` it begins a new one."""
        return await self.connect_first((lambda: self._provider,))

    async def disconnect(self) -> None:
        """See `Provider.disconnect`."""
        self._life += 1
        self._stopping = True
        line, opening = self._line, tuple(self._opening)
        leaving = set(self._leaving.values())  # they have begun to disconnect, and are to finish it
        tasks = self._tasks | leaving
        for task in tasks - leaving:
            task.cancel()
        self._outlet.changed.set()
        try:
            if line is not None:
                await line.read_out()
            for other in opening:
                await other.provider.disconnect()  # who opens it learns that it is over
            if tasks:
                await asyncio.wait(tasks)
        finally:
            for task in leaving:
                task.cancel()
            if self._outlet.state is not _S.DISCONNECTED:
                self._end(_S.DISCONNECTED, "disconnected")
            self._cause = None
            self._ledger.begin(self._ledger.form)
            await self._outlet.hub.close()

    def is_connected(self) -> bool:
        """See `Provider.is_connected`."""
        line = self._line
        return self._outlet.state is _S.CONNECTED and (line is None or line.provider.is_connected())

    async def send_message(self, message_type: MessageType, data: Command | Mapping[str, Any]) -> None:
        """See `Provider.send_message`."""
        await self._send(command(message_type, data))

    async def send_audio(self, audio_data: bytes) -> None:
        """See `Provider.send_audio`."""
        await self._send(AudioAppend(audio_data))

    async def send_text(self, text: str, role: Role = "user") -> None:
        """See `Provider.send_text`."""
        await self.send_message(MessageType.ITEM_CREATE, ItemCreate(MessageItem(role, (TextPart(text),))))

    async def create_response(self, modalities: Sequence[Modality] | None = None) -> None:
        """See `Provider.create_response`."""
        await self.send_message(MessageType.RESPONSE_CREATE, {"modalities": modalities})

    async def interrupt(self) -> None:
        """See `Provider.interrupt`."""
        self._ledger.sending(ResponseCancel())
        self._held = deque(held for held in self._held if not isinstance(held[0], ResponseCreate))
        if self._outage is not None:
            self._outage = msgspec.structs.replace(self._outage, reply=None)
        self._outlet.see(ResponseCancel())
        line = self._line
        if line is not None:
            await line.provider.interrupt()

    async def update_session(self, **options: Unpack[SessionOptions]) -> None:
        """See `Provider.update_session`."""
        await self._send(SessionUpdate(session_options(options)))

    def get_audio_format(self) -> AudioFormat:
        """See `Provider.get_audio_format`: the first provider's, also when another one is in use."""
        return self._ledger.form

    def get_capabilities(self) -> Capabilities:
        """See `Provider.get_capabilities`: those of the provider in use, and turn detection where the relay does it."""
        able = self._provider.get_capabilities()
        ours = self._line is not None and self._line.ears is not None
        return {**able, "turn_detection": ("server_vad",)} if ours else able

    def events(self) -> AsyncIterator[ProviderEvent]:
        """See `Provider.events`. The events of all providers are one stream."""
        return self._outlet.hub.subscribe()

    def on_event(self, event_type: str, handler: EventHandler) -> None:
        """See `Provider.on_event`."""
        self._outlet.hub.on(event_type, handler)

    # -- inward

    async def _send(self, message: Command) -> None:
        if isinstance(message, AudioAppend):
            self._ledger.form.check(message.audio)
        elif isinstance(message, ItemCreate) and not message.item.id:
            message = ItemCreate(
                msgspec.structs.replace(message.item, id=self._id()), message.previous_item_id
            )
        line = self._line
        if line is not None and line.ready:
            await self._deliver(line, message)
        elif self._outlet.state in _BETWEEN or line is not None:
            await self._hold(message)
        else:
            await self._define(message)

    async def _define(self, message: Command) -> None:
        """Before connect: the provider itself checks what the session to come is to be."""
        if not isinstance(message, (SessionCreate, SessionUpdate)):
            raise self._not_connected()
        await self._provider.send_message(MESSAGE_TYPES[type(message)], message)
        if isinstance(message, SessionCreate):
            self._cause = None
            self._ledger.begin(self._provider.get_audio_format())
            self._ledger.conversation.apply(message)
        self._ledger.options = self._ledger.options.merged(message.options)
        self._ledger.change_format(self._provider.get_audio_format())

    async def _hold(self, message: Command) -> None:
        """Keeps a message until a provider is in use; waits while too much is kept already."""
        if isinstance(message, SessionCreate):
            raise _session_open()
        life, audio = self._life, len(message.audio) if isinstance(message, AudioAppend) else 0
        most = self._ledger.form.size_of(self._outlet.hub.limits.unsent_audio_s * 1000)
        while (self._held_audio > most) if audio else (len(self._held) >= HELD_MESSAGES):
            await self._outlet.news()
            self._check_life(life)
            if self._outlet.state in (_S.DISCONNECTED, _S.ERROR):
                raise self._not_connected()
        if self._line is not None and self._line.ready:
            await self._deliver(self._line, message)
            return
        self._held.append((message, False))
        self._held_audio += audio

    async def _deliver(self, line: Line, message: Command) -> None:
        """Says something to the provider in use, and to the next one if that takes over meanwhile."""
        life = self._life
        if isinstance(message, SessionCreate):
            raise _session_open()
        folded = self._as_item(message)
        self._ledger.sending(folded)
        self._outlet.see(message)
        try:
            await say(line, message, self._ledger, self._outlet)
        except ConnectionError as error:
            await asyncio.sleep(0)  # what the provider told of its end comes first
            replaced = self._on_lost is not None or self._moves
            if replaced and self._line is line and not line.provider.is_connected():
                self._lost(line, error)
            if (
                self._life != life
                or self._line is line
                or self._outlet.state not in (_S.RECONNECTING, _S.CONNECTED)
            ):
                raise
        except ProviderError:
            if self._line is line:
                self._ledger.refused(folded)
                raise
        if self._line is line:
            self._ledger.sent(folded)
            if isinstance(message, SessionUpdate):
                self._updated(line, message.options)
        elif self._life == life and isinstance(message, _NOT_CARRIED):
            await self._send(message)  # what the other provider did with it is of no use any more

    def _as_item(self, message: Command) -> Command:
        """A picture is an item of the conversation like others."""
        if not isinstance(message, Image):
            return message
        part = ImagePart(message.image, message.mime_type, message.detail)
        return ItemCreate(MessageItem("user", (part,), id=self._id()))

    def _updated(self, line: Line, options: Options) -> None:
        form = options.input_audio_format
        if form is not UNSET:
            self._ledger.change_format(form)
            line.set_format(self._ledger.form)
        if isinstance(options.turn_detection, TurnDetection) and line.ears is not None:
            line.set_turns(options.turn_detection)

    # -- outward

    def _take(self, line: Line, event: ProviderEvent) -> None:
        """An event of a provider, in or out of use."""
        data = event.data
        if isinstance(data, Mapping):  # of a provider's own type
            if line is self._line:
                self._outlet.pass_on(event)
            return
        if isinstance(data, StateChanged):
            self._follow(line, data)
            return
        if isinstance(data, (SessionCreated, SessionUpdated)):
            line.name, line.session_id, line.applied = event.provider, data.session_id, data.applied
            line.begun = line.begun or line is not self._line
        if line is self._line:
            told = self._outward(line, data, event.provider)
            if told is not None:
                self._outlet.tell(told, event)

    def _outward(self, line: Line, data: Event, name: str) -> Event | None:
        """What is told of an event of the provider in use, if anything is."""
        if isinstance(data, AudioChunk):
            data = line.chunk(data)
        data = line.names.outward(data)
        match data:
            case SessionCreated() | SessionUpdated():
                self._outlet.hub.name, self._outlet.hub.session_id = name, data.session_id
                return self._outlet.session_event(line, data)
            case ItemAdded() if data.item_id in line.names.restored:
                return None  # told long ago
            case SpeechStarted() | SpeechStopped() if line.ears is not None:
                return None  # told by our own ear
            case ErrorInfo(recoverable=False):
                self._cause = self._cause or ConnectionError(data.message, code=data.code)
                if self._on_lost is not None:
                    self._outlet.see(data)
                    return msgspec.structs.replace(data, recoverable=True)  # the session may go on elsewhere
            case Reconnecting():
                self._attempts = data.attempt
            case _:
                pass
        return data

    def _follow(self, line: Line, data: StateChanged) -> None:
        """A provider's connection changed. Only a provider that really is gone counts as lost: it may be an old story."""
        gone = data.state in (_S.DISCONNECTED, _S.ERROR) and not line.provider.is_connected()
        if line is not self._line:
            if gone:
                line.failed = data.reason or str(data.state)
                self._outlet.changed.set()
        elif gone:
            if self._outlet.state is _S.CONNECTED or self._outlet.state is _S.RECONNECTING:
                self._lost(
                    line, self._cause or ConnectionError(data.reason or f"the provider is {data.state}")
                )
        elif data.state is _S.RECONNECTING:
            self._ledger.connection_lost()
            self._outlet.become(_S.RECONNECTING, data.reason)
        elif data.state is _S.CONNECTED:
            self._outlet.become(_S.CONNECTED, data.reason)

    # -- from one provider to the next

    async def _open(self, line: Line, life: int, *, new: bool) -> None:
        """Opens a provider. Nothing of it is left open by an error or a cancellation."""
        ledger = self._ledger
        self._opening.add(line)
        try:
            leaving = self._leaving.get(id(line.provider))
            if leaving is not None:
                await asyncio.wait([leaving])
            if new or self._cause is not None:
                outage = self._outage
                history = outage.restore.history if outage is not None else ledger.settled()
                await line.define(ledger.options, turns_of(ledger.turns, line.provider), history)
            await line.open()
            self._check_life(life)
        except BaseException:
            await line.close()
            raise
        finally:
            self._opening.discard(line)

    def _adopt(self, line: Line, said: list[tuple[Provider, Exception]]) -> None:
        """The first provider of a session is there."""
        ledger = self._ledger
        ledger.reset()
        ledger.by_itself(_by_itself(line.provider.get_capabilities()))
        self._provider, self._line, self._lines = line.provider, line, 1
        if not said:
            ledger.change_format(line.provider.get_audio_format())
            line.set_format(ledger.form)
        line.ready = True
        self._cause = None
        self._outlet.become(_S.CONNECTED, "connected")
        line.start(self._take, self._ended)
        if said:
            why = "; ".join(f"{name_of(provider)} said: {error}" for provider, error in said)
            without = f"; without {', '.join(line.missing)}" if line.missing else ""
            text = f"{name_of(line.provider)} is used, because {why}{without}"
            self._outlet.emit(ErrorInfo("failed_over", text))

    async def _move(
        self, provider: Provider, at: Literal["pause", "now"], reason: str, *, again: bool
    ) -> None:
        life = self._life
        if self._stopping or self._outlet.state not in (_S.CONNECTED, _S.RECONNECTING):
            raise self._not_connected()
        if provider is self._provider and self._line is not None:
            raise MessageError("this provider is in use", field="provider", cure="give another one")
        self._moves += 1
        try:
            async with self._moving:
                self._check_life(life)
                self._lines += 1
                line = Line(provider, self._lines, self._ledger.form)
                await self._open(line, life, new=True)
                try:
                    line.start(self._take, self._ended)
                    await asyncio.sleep(0)
                    if at == "pause":
                        await self._pause(line, life)
                    self._check_life(life, line)
                except BaseException:
                    await line.close()
                    raise
                tasks = self._switch(line, reason, again=again)
        finally:
            self._moves -= 1
            if self._life == life and self._line is None and not self._moves and self._on_lost is None:
                self._give_up_alone()
        await asyncio.wait(tasks)  # a cancellation ends the waiting, not the work

    def _give_up_alone(self) -> None:
        cause = self._cause or ConnectionError("the provider was lost")
        self.give_up(cause if isinstance(cause, ProviderError) else ConnectionError(str(cause)))

    async def _pause(self, line: Line, life: int) -> None:
        """Waits until nobody has the floor, or there is nothing to wait for any more."""
        while self._line is not None and self._life == life and line.failed is None:
            if self._ledger.busy:
                await self._outlet.news()
            elif not self._ledger.unsettled:
                return
            else:
                try:
                    async with asyncio.timeout(SETTLE_S):
                        await self._outlet.news()
                except TimeoutError:
                    return

    def _lost(self, line: Line, cause: Exception) -> None:
        """The provider in use is gone."""
        if line is not self._line or self._stopping:
            return
        self._cause = cause
        if self._on_lost is None and not self._moves:
            self._end(_S.ERROR, str(cause))
            self._leave(line)
            return
        self._part("failed", "connection_lost", str(cause), again=True)
        self._leave(line)
        if self._on_lost is not None:
            self._on_lost(cause)

    def _ended(self, line: Line) -> None:
        """A provider tells nothing any more."""
        why = line.failed or "its events ended"
        line.failed = why
        self._outlet.changed.set()
        if self._outlet.state in (_S.CONNECTED, _S.RECONNECTING):
            self._lost(line, self._cause or ConnectionError(f"the provider was lost: {why}"))

    def _part(self, status: Literal["interrupted", "failed"], why: str, reason: str, *, again: bool) -> None:
        """Leaves the provider in use: its replies end here, whatever it still says."""
        self._outage = self._ledger.stock(again=again)
        self._outlet.end_replies(status, why)
        if self._line is not None:
            self._line.left = True
        self._line = None
        if self._outlet.state is _S.CONNECTED:
            self._attempts = 0
            self._outlet.become(_S.RECONNECTING, reason)
        self._attempts += 1
        self._outlet.emit(Reconnecting(self._attempts, 0.0, reason))
        self._outlet.changed.set()

    def _switch(self, line: Line, reason: str, *, again: bool) -> list[asyncio.Task[None]]:
        """The move itself: nothing is awaited in it, so that nothing comes between. Returns what is still to be done."""
        tasks: list[asyncio.Task[None]] = []
        old, ledger = self._line, self._ledger
        if old is not None:
            self._part("failed" if again else "interrupted", "provider_changed", reason, again=again)
            tasks.append(self._leave(old))
        outage, self._outage = self._outage, None
        assert outage is not None
        self._line, self._provider, self._cause = line, line.provider, None
        items = outage.restore.history
        told, untold = fit_history(
            items, line.provider.get_capabilities(), ledger.form, ledger.form
        )  # sound is converted when it is sent
        later = changes(self._comparable(line, told), told) if told or line.history else []
        line.names.restore(told)
        ledger.go_on(outage)
        first: list[Command] = [*later, *outage.commands()]
        if outage.reply is not None and any(_is_request(held) for held, _ in self._held):
            first.pop()  # the application has asked again itself
        # What an earlier provider was to be told again and was not is in this outage too.
        self._held = deque([*((each, True) for each in first), *(held for held in self._held if not held[1])])
        missing = tuple(dict.fromkeys((*line.missing, *untold, *outage.missing)))
        self._outlet.hub.name, self._outlet.hub.session_id = (
            line.name or self._outlet.hub.name,
            line.session_id,
        )
        self._outlet.become(_S.CONNECTED, reason)
        session = SessionUpdated(line.session_id or "", applied=line.applied)
        self._outlet.emit(self._outlet.session_event(line, session))
        self._outlet.emit(Reconnected(self._attempts, not missing, missing))
        if outage.reply is not None:
            self._outlet.see(outage.reply)
        tasks.append(self._keep(self._catch_up(line)))
        return tasks

    def _comparable(self, line: Line, told: Sequence[Any]) -> tuple[Any, ...]:
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

    async def _catch_up(self, line: Line) -> None:
        """Says to a new provider what was said meanwhile; from then on everybody speaks to it directly."""
        while self._held and self._line is line:
            message, repeated = self._held.popleft()
            if isinstance(message, AudioAppend) and not repeated:
                self._held_audio -= len(message.audio)
            try:
                if repeated:
                    await say(line, message, self._ledger, self._outlet)
                else:
                    await self._deliver(line, message)
            except ConnectionError as error:
                if not line.provider.is_connected():
                    self._lost(line, error)
                    return
                self._not_sent(message, error)
            except ProviderError as error:
                self._not_sent(message, error)
            self._outlet.changed.set()
        if self._line is line:
            line.ready = True

    def _not_sent(self, message: Command, error: ProviderError) -> None:
        kind = str(MESSAGE_TYPES[type(message)])
        self._outlet.emit(ErrorInfo("not_sent", f"a held message could not be sent: {error}", command=kind))

    async def _farewell(self, line: Line) -> None:
        with contextlib.suppress(*UNREACHABLE):
            await line.close()

    def _leave(self, line: Line) -> asyncio.Task[None]:
        """Disconnects a provider that is not in use any more."""
        task = self._leaving[id(line.provider)] = self._keep(self._farewell(line))
        task.add_done_callback(lambda _: self._leaving.pop(id(line.provider), None))
        return task

    def _keep(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work, name="relay")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -- the end

    def _end(self, state: ConnectionState, reason: str) -> None:
        """The last state of this session."""
        self._outlet.end_replies("failed", "connection_lost" if state is _S.ERROR else "disconnected")
        self._ledger.reset()
        self._line = self._outage = None
        self._held.clear()
        self._held_audio = 0
        self._outlet.become(state, reason)
        self._outlet.hub.end()

    def _check_life(self, life: int, other: Line | None = None) -> None:
        if self._life != life:
            raise ConnectionError("the session was disconnected", cure="connect again", fault="application")
        if other is not None and other.failed is not None:
            raise ConnectionError(f"the other provider was lost: {other.failed}", fault="provider")

    def _not_connected(self) -> ConnectionError:
        if isinstance(self._cause, ConnectionError):
            return self._cause
        return ConnectionError(
            f"the session is {self._outlet.state}", cure="await connect() first", fault="application"
        )

    def _id(self) -> str:
        return f"item_{self._rng.getrandbits(80):020x}"


def _none_left(said: Sequence[tuple[Provider, Exception]]) -> NoReturn:
    """Raises the one error for providers of which none could be used."""
    if len(said) == 1:
        raise said[0][1]
    why = "; ".join(f"{number}. {name_of(p)} said: {error}" for number, (p, error) in enumerate(said, 1))
    raise ConnectionError(f"no provider could be used: {why}", cure="see what each of them said")


def name_of(provider: Provider) -> str:
    """What to call a provider in a text for people."""
    return type(provider).__name__


def _is_request(message: Command) -> bool:
    return isinstance(message, ResponseCreate) and not message.out_of_band


def _by_itself(able: Capabilities) -> Any:
    """Who ends turns at a provider that nobody told."""
    if able.get("turn_detection"):
        return TurnDetection()
    return None if able.get("manual_turns") else UNSET


def _session_open() -> MessageError:
    return MessageError(
        "the session is open", field="message_type", cure="use SESSION_UPDATE to change its options"
    )
