"""`Failover`: several providers as one. When the one in use fails, the conversation goes on with the next.

A relay does the moving; here is the policy: what counts as a failure, who is next, when it is time to give up, and when to come
back to the first. It knows the contract of a provider and no vendor.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias, cast

from typing_extensions import Unpack

from voicechatengine.audio.format import AudioFormat
from voicechatengine.capabilities import Capabilities
from voicechatengine.compose.line import UNREACHABLE, name_of
from voicechatengine.compose.relay import Relay
from voicechatengine.errors import ConnectionError, MessageError
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    Event,
    Interrupted,
    ProviderEvent,
    Reconnecting,
    ResponseCompleted,
    SpeechStarted,
    SpeechStopped,
    TextChunk,
    ToolCall,
)
from voicechatengine.messages import (
    ActivityEnd,
    Command,
    MessageType,
    Modality,
    ResponseCancel,
    ResponseCreate,
    Role,
)
from voicechatengine.provider import EventHandler, Limits, Provider, SessionOptions

Source: TypeAlias = Provider | Callable[[], Provider]

PROVEN_S: Final = (
    30.0  # a provider that was in use for so long without failing has ended the outage before it
)


class Failover:
    """A provider made of several, in order of preference; each is a provider, or a function that makes one.

    It moves on when a provider cannot be connected, ends in error, reconnects `drops` times within `window_s` seconds, or lets
    a reply that was asked for (or that the user's words are due) wait for its first audio for more than `first_audio_s` seconds
    (None: for ever). The conversation goes with it; see `Relay`. In one outage each provider is tried once, then it gives up
    with one error that says what each of them said. After `recover_after_s` seconds with another provider it comes back to
    the first, at a pause, as soon as that one can be connected (None: it stays).
    """

    def __init__(
        self,
        providers: Sequence[Source],
        *,
        first_audio_s: float | None = 10.0,
        drops: int = 3,
        window_s: float = 60.0,
        recover_after_s: float | None = None,
        clock: Callable[[], float] | None = None,
        limits: Limits | None = None,
    ) -> None:
        if not providers:
            raise MessageError("there is no provider", field="providers", cure="give one or more")
        for name, value in (
            ("first_audio_s", first_audio_s),
            ("drops", drops),
            ("recover_after_s", recover_after_s),
        ):
            if value is not None and value <= 0:
                raise MessageError(
                    f"{name} is {value!r}", field=name, cure="give more than 0, or None for never"
                )
        self._sources = tuple(providers)
        self._first_audio_s = first_audio_s
        self._drops: deque[float] = deque(maxlen=drops)
        self._window_s = window_s
        self._recover_after_s = recover_after_s
        first = _made(self._sources[0])
        self._spare: Provider | None = first  # made for the relay, and not yet used
        self._made = {0: first}  # the last of each source
        self._relay = Relay(first, on_lost=self._failed, watch=self._seen, clock=clock, limits=limits)
        self._tried: dict[int, str] = {}  # in this outage: who failed, and what was said
        self._since = 0.0
        self._deadline: asyncio.TimerHandle | None = None
        self._rescuer: asyncio.Task[None] | None = None
        self._recovery: asyncio.Task[None] | None = None
        self._failure: tuple[Provider, Exception] | None = (
            None  # of which provider, while one is being replaced
        )

    @property
    def provider(self) -> Provider:
        """The provider in use, or the one that was used last."""
        return self._relay.provider

    # -- the contract; see `Provider` for what each member promises

    async def connect(self) -> bool:
        """See `Provider.connect`. Connects the first that can be; raises what each of them said."""
        if not self._relay.is_connected() and self._rescuer is None:
            self._tried = {}
            self._drops.clear()
        done = await self._relay.connect_first(self._candidates())
        self._since = asyncio.get_running_loop().time()
        self._recover()
        return done

    async def disconnect(self) -> None:
        """See `Provider.disconnect`."""
        self._wait_no_more()
        tasks = [task for task in (self._rescuer, self._recovery) if task is not None]
        self._rescuer = self._recovery = None
        for task in tasks:
            task.cancel()
        try:
            await self._relay.disconnect()
        finally:
            if tasks:
                await asyncio.wait(tasks)

    def is_connected(self) -> bool:
        """See `Provider.is_connected`."""
        return self._relay.is_connected()

    async def send_message(self, message_type: MessageType, data: Command | Mapping[str, Any]) -> None:
        """See `Provider.send_message`."""
        await self._relay.send_message(message_type, data)

    async def send_audio(self, audio_data: bytes) -> None:
        """See `Provider.send_audio`."""
        await self._relay.send_audio(audio_data)

    async def send_text(self, text: str, role: Role = "user") -> None:
        """See `Provider.send_text`."""
        await self._relay.send_text(text, role)

    async def create_response(self, modalities: Sequence[Modality] | None = None) -> None:
        """See `Provider.create_response`."""
        await self._relay.create_response(modalities)

    async def interrupt(self) -> None:
        """See `Provider.interrupt`."""
        await self._relay.interrupt()

    async def update_session(self, **options: Unpack[SessionOptions]) -> None:
        """See `Provider.update_session`."""
        await self._relay.update_session(**options)

    def get_audio_format(self) -> AudioFormat:
        """See `Provider.get_audio_format`: the first provider's."""
        return self._relay.get_audio_format()

    def get_capabilities(self) -> Capabilities:
        """See `Provider.get_capabilities`: those of the provider in use."""
        return self._relay.get_capabilities()

    def events(self) -> AsyncIterator[ProviderEvent]:
        """See `Provider.events`."""
        return self._relay.events()

    def on_event(self, event_type: str, handler: EventHandler) -> None:
        """See `Provider.on_event`."""
        self._relay.on_event(event_type, handler)

    # -- who is next

    def _candidates(self) -> Iterator[Callable[[], Provider]]:
        return (partial(self._make, index) for index in range(len(self._sources)))

    def _make(self, index: int) -> Provider:
        spare, self._spare = self._spare, None
        made = spare if index == 0 and spare is not None else _made(self._sources[index])
        self._made[index] = made
        return made

    @property
    def _current(self) -> int:
        return next(index for index, made in self._made.items() if made is self._relay.provider)

    def _next(self) -> int | None:
        count = len(self._sources)
        order = ((self._current + step) % count for step in range(1, count))
        return next((index for index in order if index not in self._tried), None)

    # -- what counts as a failure

    def _seen(self, message: Command | Event) -> None:
        """A command that was sent, or an event that came."""
        match message:
            case ResponseCreate(out_of_band=False) | ActivityEnd():
                self._wait_for_audio()
            case SpeechStopped():
                self._wait_for_audio()
            case AudioChunk() | ToolCall() | TextChunk(spoken=False):
                self._wait_no_more()
            case ResponseCompleted(status="completed" | "interrupted" | "incomplete"):
                self._wait_no_more()
                self._tried = {}  # it works: whatever fails next is another outage
            case SpeechStarted() | ResponseCompleted() | Interrupted() | ResponseCancel():
                self._wait_no_more()
            case Reconnecting():
                now = asyncio.get_running_loop().time()
                self._drops.append(now)
                if len(self._drops) == self._drops.maxlen and now - self._drops[0] < self._window_s:
                    times = f"{len(self._drops)} times within {self._window_s:g} s"
                    self._failed(ConnectionError(f"the connection was lost {times}: {message.cause}"))
            case ErrorInfo(recoverable=False):
                self._failed(ConnectionError(message.message, code=message.code))
            case _:
                pass

    def _wait_for_audio(self) -> None:
        self._wait_no_more()
        if self._first_audio_s is not None:
            self._deadline = asyncio.get_running_loop().call_later(self._first_audio_s, self._late)

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._deadline = None
        self._failed(ConnectionError(f"no audio of a reply came within {self._first_audio_s:g} s"))

    def _failed(self, cause: Exception) -> None:
        """The provider in use is not good enough. One that is already being replaced is not replaced again."""
        self._wait_no_more()
        if self._rescuer is not None:
            self._failure = (self._relay.provider, cause)
            return
        loop = asyncio.get_running_loop()
        if loop.time() - self._since > PROVEN_S:
            self._tried = {}
        self._tried[self._current] = f"{name_of(self._relay.provider)} said: {cause}"
        self._drops.clear()
        recovery, self._recovery = self._recovery, None
        self._rescuer = self._start(self._rescue(cause, recovery))

    # -- what is done about it

    async def _rescue(self, cause: Exception, recovery: asyncio.Task[None] | None) -> None:
        try:
            if recovery is not None:
                recovery.cancel()
                await asyncio.wait([recovery])
            while (index := self._next()) is not None:
                provider = self._make(index)
                try:
                    await self._relay.rescue(provider, reason=str(cause))
                except UNREACHABLE as error:
                    self._tried[index] = f"{name_of(provider)} said: {error}"
                    continue
                self._since = asyncio.get_running_loop().time()
                if self._failure is None or self._failure[0] is not provider:
                    return
                self._tried[index] = f"{name_of(provider)} said: {self._failure[1]}"
            why = "; ".join(self._tried.values())
            self._relay.give_up(
                ConnectionError(f"no provider could be used: {why}", cure="see what each of them said")
            )
        finally:
            self._rescuer = None
            self._recover()

    def _recover(self) -> None:
        """Has the first provider come back some time, if it is not the one in use."""
        if (
            self._recover_after_s is not None
            and self._current
            and self._relay.is_connected()
            and self._recovery is None
        ):
            self._recovery = self._start(self._come_back(self._recover_after_s))

    async def _come_back(self, after_s: float) -> None:
        while True:
            await asyncio.sleep(after_s)
            with contextlib.suppress(*UNREACHABLE):  # not healthy yet
                await self._relay.move_to(self._make(0), at="pause", reason="the first provider is back")
                self._since = asyncio.get_running_loop().time()
                self._recovery = None
                return

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work, name="failover")


def _made(source: Source) -> Provider:
    # A class has the members of a provider too, and makes one.
    if isinstance(source, type) or not hasattr(source, "connect"):
        return cast("Callable[[], Provider]", source)()
    return cast("Provider", source)
