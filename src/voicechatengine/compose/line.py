"""One provider at work behind a relay: opened with a session, spoken to in its own ids and audio format, listened to, left.

It knows the contract of a provider, and nothing of who else there is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, cast

import msgspec
from msgspec import UNSET

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.resample import Resampler
from voicechatengine.capabilities import Capabilities
from voicechatengine.compose.ears import Ears, Step
from voicechatengine.compose.fit import Turns, fit_history, fit_item, fit_options, fit_turns
from voicechatengine.compose.names import Names
from voicechatengine.errors import ConnectionError, MessageError, ProviderError
from voicechatengine.events import AudioChunk, ProviderEvent
from voicechatengine.messages import (
    MESSAGE_TYPES,
    OPTIONS,
    AudioAppend,
    Command,
    Item,
    ItemCreate,
    MessageItem,
    Options,
    ResponseCreate,
    SessionCreate,
    SessionUpdate,
    TurnDetection,
)
from voicechatengine.provider import Provider, SessionOptions

log: Final = logging.getLogger("voicechatengine")

UNREACHABLE: Final = (ProviderError, OSError)  # what a provider that cannot be opened raises
FAREWELL_S: Final = 1.0  # for what a provider that is left still has to tell


class Line:
    """Provider number `number` of a relay. `outward` is the format of the audio that it is given and that is told on."""

    def __init__(self, provider: Provider, number: int, outward: AudioFormat) -> None:
        self.provider = provider
        self.number = number
        self.names: Names = Names(number)
        self.ready = False  # what is said goes straight to the provider
        self.left = False  # another provider is in use
        self.failed: str | None = None  # why it can not be used (any more)
        self.name: str = name_of(provider)  # until it tells its own
        self.session_id: str | None = None
        self.begun = False  # it has told of its first session
        self.applied: Options = Options()
        self.history: tuple[Item, ...] = ()  # what it was opened with, until it is in use
        self.missing: tuple[str, ...] = ()
        self.ears: Ears | None = None
        self.steps: deque[Step] = deque()  # what our own ear made of the audio, and was not sent yet
        self._form = provider.get_audio_format()
        self._outward = outward
        self.native: bool = self._form.same_sound(outward)  # audio passes unchanged
        self._resampler: Resampler | None = None
        self._events: AsyncIterator[ProviderEvent] | None = None
        self._reader: asyncio.Task[None] | None = None

    # -- life

    async def define(self, options: Options, turns: Turns, history: tuple[Item, ...]) -> None:
        """Tells the provider, before it is connected, the session that it is to take over, as far as it can have it."""
        able = self.provider.get_capabilities()
        fitting, left_out = fit_options(options, able)
        told, untold = fit_history(history, able, self._outward, self.provider.get_audio_format())
        if turns.option is not UNSET:
            fitting = fitting.merged(Options(turn_detection=turns.option))
        missing = [*left_out, *turns.missing, *untold]
        self.names.restore(told)
        own = tuple(self.names.item(item) for item in told)
        while fitting.changes() or told:
            try:
                session = SessionCreate(fitting, own)
                await self.provider.send_message(MESSAGE_TYPES[SessionCreate], session)
                break
            except MessageError as error:
                fitting = _without(fitting, error, missing)
        self.history = told
        self.missing = tuple(dict.fromkeys(missing))
        if turns.ears is not None:
            self.ears = Ears(self._outward, turns.ears)

    async def open(self) -> None:
        """Connects. Raises what the provider raises, `ConnectionError` for one that says no, and `AudioError` where its
        audio cannot be made.
        """
        if not await self.provider.connect():
            raise ConnectionError(
                "the provider did not connect", cure="look at its state_changed and error events"
            )
        self.set_format(self._outward)
        # Now, not before: subscriptions of a session that is over end at once. What came meanwhile is kept for the first.
        self._events = self.provider.events()

    def check(self) -> None:
        """Raises `ConnectionError` if it was lost before it was in use."""
        if self.failed is not None:
            raise ConnectionError(f"the other provider was lost: {self.failed}", fault="provider")

    def start(self, take: Callable[[Line, ProviderEvent], None], end: Callable[[Line], None]) -> None:
        """Reads events from now on: `take` gets each, `end` is called when there are no more."""
        assert self._events is not None
        self._reader = asyncio.get_running_loop().create_task(
            self._read(self._events, take, end), name="relay reader"
        )

    async def close(self) -> None:
        """Stops reading and disconnects. A cancellation leaves the provider disconnected and no task."""
        reader, self._reader = self._reader, None
        try:
            if reader is not None:
                reader.cancel()
                await asyncio.wait([reader])
        finally:
            await self.provider.disconnect()
            # Read to the end: what is left unread would be the first that a later session tells.
            events = self._events or self.provider.events()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    async for _ in events:
                        pass
            await aclose(events)

    async def read_out(self) -> None:
        """Disconnects, and waits until everything that it told was read."""
        reader = self._reader
        try:
            await self.provider.disconnect()
            if reader is not None:
                await asyncio.wait([reader], timeout=FAREWELL_S)
        finally:
            if reader is not None:
                reader.cancel()
                await asyncio.wait([reader])

    async def _read(
        self,
        events: AsyncIterator[ProviderEvent],
        take: Callable[[Line, ProviderEvent], None],
        end: Callable[[Line], None],
    ) -> None:
        try:
            async for event in events:
                take(self, event)
        except (
            Exception
        ) as error:  # a defect, of the provider's iterator or of ours: the line is of no use any more
            log.exception("reading a provider's events failed")
            self.failed = f"reading its events failed: {error!r}"
        end(self)

    # -- audio and ids

    @property
    def takes_sound(self) -> bool:
        """Whether the user's audio goes to the provider as it is, without our own ear."""
        return self.ready and self.native and self.ears is None

    def set_format(self, outward: AudioFormat) -> None:
        """The outward format is this one from now on, and the provider's own may have changed."""
        self._form, self._outward = self.provider.get_audio_format(), outward
        self.native = self._form.same_sound(outward)
        self._resampler = None if self.native else Resampler(outward, self._form)
        if self.ears is not None:
            self.ears = Ears(outward, self.ears.detection)

    def set_turns(self, detection: TurnDetection) -> None:
        """Our own ear listens in another way from now on."""
        self.ears = Ears(self._outward, detection)

    def sound(self, data: AudioChunk) -> AudioChunk:
        """A chunk as it is told outside: with its ids there, and its format where that differs from the outward one."""
        if not self.native:
            form = data.format or self._form
            data = msgspec.structs.replace(data, format=None if form.same_sound(self._outward) else form)
        return self.names.sound(data)

    async def send(self, command: Command) -> None:
        """Says something to the provider. Raises what it raises."""
        if isinstance(command, AudioAppend):
            audio = command.audio if self._resampler is None else self._resampler.feed(command.audio)
            if audio:
                await self.provider.send_audio(audio)
            return
        if isinstance(command, ItemCreate):
            item = command.item
            if isinstance(item, MessageItem) and not self.native:
                able: Capabilities = {"image_input": True, "audio_input": True}
                item = fit_item(item, able, self._outward, self._form)
                command = ItemCreate(item, command.previous_item_id)
        if isinstance(command, SessionUpdate) and self.number > 1:
            # The audio that it is sent is made to fit, and turns that it cannot end are ended here.
            own = command.options.changes()
            own.pop("input_audio_format", None)
            if self.ears is not None:
                own.pop("turn_detection", None)
            if not own:
                return
            command = SessionUpdate(Options(**own))
        if isinstance(command, SessionUpdate):
            options = cast("SessionOptions", command.options.changes())
            await self.provider.update_session(**options)
            return
        command = self.names.inward(command)
        if isinstance(command, ResponseCreate) and command == ResponseCreate(modalities=command.modalities):
            await self.provider.create_response(command.modalities)
            return
        await self.provider.send_message(MESSAGE_TYPES[type(command)], command)


def _without(options: Options, error: MessageError, missing: list[str]) -> Options:
    """The options without the one that the provider refused; raises the error if it is about something else."""
    changes = options.changes()
    field = (error.field or "").split(".")[0]
    detection = changes.get("turn_detection")
    if field in changes:
        del changes[field]
        missing.append(f"the option {field}")
    elif field in TurnDetection.__struct_fields__ and isinstance(detection, TurnDetection):
        plain: dict[str, Any] = dict.fromkeys(("create_response", "interrupt_response"))
        plain = {name: getattr(detection, name) for name in plain}
        if TurnDetection(detection.mode, **plain) == detection:
            raise error
        changes["turn_detection"] = TurnDetection(detection.mode, **plain)
        missing.append("settings of turn detection")
    else:
        raise error
    return Options(**{name: changes[name] for name in OPTIONS if name in changes})


def name_of(provider: Provider) -> str:
    """What to call a provider for people, where it has not told its own name: the contract has none before the first event."""
    return type(provider).__name__


def turns_of(wanted: Any, provider: Provider) -> Turns:
    """How this provider gets the turn detection that the session has."""
    return fit_turns(wanted, provider.get_capabilities())


async def aclose(events: AsyncIterator[ProviderEvent]) -> None:
    """Ends a subscription, of a provider whose iterators can be closed."""
    aclose: Callable[[], Awaitable[object]] | None = getattr(events, "aclose", None)
    if aclose is not None:
        await aclose()
