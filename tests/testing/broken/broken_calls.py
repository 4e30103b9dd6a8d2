"""Providers whose methods are wrong: each class is broken in one way, and named for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any

from meddled import Meddled
from typing_extensions import Unpack

from voicechatengine import (
    AudioFormat,
    Capabilities,
    ConnectionError,
    Interrupted,
    MessageError,
    MessageType,
    ProviderEvent,
    ResponseCompleted,
    ResponseStarted,
    SessionOptions,
    TurnDetection,
)
from voicechatengine.messages import (
    OPTIONS,
    Command,
    Image,
    ItemCreate,
    ItemTruncate,
    Options,
    ResponseCreate,
    Role,
    SessionCreate,
    SessionUpdate,
    ToolResult,
)
from voicechatengine.provider import session_options

# ------------------------------------------------------------------ life cycle


class ConnectsWithoutAnAnswer(Meddled):
    """connect() returns None."""

    async def connect(self) -> bool:
        await super().connect()
        return None  # type: ignore[return-value]


class ConnectsAgain(Meddled):
    """connect() while connected opens one more session."""

    async def connect(self) -> bool:
        if self.is_connected():
            await self.inner.disconnect()
        return await super().connect()


class IsAlwaysConnected(Meddled):
    """is_connected() is a flag that nobody takes back."""

    was = False

    async def connect(self) -> bool:
        self.was = await super().connect()
        return True

    def is_connected(self) -> bool:
        return self.was


class DisconnectsOnce(Meddled):
    """The second disconnect() is an error."""

    async def disconnect(self) -> None:
        if not self.is_connected():
            raise RuntimeError("not connected")
        await super().disconnect()


class HidesARefusal(Meddled):
    """connect() returns False where it should raise."""

    async def connect(self) -> bool:
        try:
            return await super().connect()
        except ConnectionError:
            return False


class RaisesItsOwnError(Meddled):
    """A refusal is a RuntimeError."""

    async def connect(self) -> bool:
        try:
            return await super().connect()
        except ConnectionError as error:
            raise RuntimeError("cannot connect") from error


class StaysDeadAfterDisconnect(Meddled):
    """A provider that was disconnected cannot be used again."""

    over = False

    async def connect(self) -> bool:
        if self.over:
            raise ConnectionError("closed", cure="make a new one")
        return await super().connect()

    async def disconnect(self) -> None:
        self.over = self.over or self.is_connected()
        await super().disconnect()


class WaitsForTheReplyToEnd(Meddled):
    """disconnect() lets the vendor finish first."""

    async def disconnect(self) -> None:
        if self.is_connected() and self.far.turns():
            await asyncio.sleep(60)
        await super().disconnect()


class SaysGoodbyeForever(Meddled):
    """connect() that was overtaken by disconnect() is never told."""

    opening = False

    async def connect(self) -> bool:
        self.opening = True
        await asyncio.sleep(0.01)
        if not self.opening:
            await asyncio.Event().wait()
        return await super().connect()

    async def disconnect(self) -> None:
        self.opening = False
        await super().disconnect()


# ------------------------------------------------------------------ tasks and cancellation


class KeepsATask(Meddled):
    """A pinger that nobody stops."""

    async def connect(self) -> bool:
        opened = await super().connect()
        self.pinger = asyncio.create_task(asyncio.sleep(1e6), name="pinger")
        return opened


class KeepsATaskAfterAReply(Meddled):
    """A pump for each reply, that waits for the end of its reply."""

    async def create_response(self, modalities: Any = None) -> None:
        await super().create_response(modalities)
        self.pump = asyncio.create_task(asyncio.sleep(1e6), name="pump")
        self.on_event("response_completed", self._done)

    def _done(self, event: Any) -> None:
        if event.data.status == "completed":
            self.pump.cancel()


class KeepsATaskOfAFailure(Meddled):
    """A connect() that fails leaves its time limit running."""

    async def connect(self) -> bool:
        guard = asyncio.create_task(asyncio.sleep(1e6), name="guard")
        opened = await super().connect()
        guard.cancel()
        return opened


class SwallowsCancellation(Meddled):
    """`except BaseException: pass`."""

    async def send_text(self, text: str, role: Role = "user") -> None:
        try:
            await asyncio.sleep(0.001)
        except asyncio.CancelledError:
            await asyncio.sleep(0.001)
        await super().send_text(text, role)


class LeavesACancelledConnectOpen(Meddled):
    """The session is opened by a task of its own, which nobody cancels."""

    async def connect(self) -> bool:
        opening = asyncio.ensure_future(super().connect())
        return await asyncio.shield(opening)


class DoesNotCloseWhenCancelled(Meddled):
    """A cancelled disconnect() is no disconnect()."""

    async def disconnect(self) -> None:
        await asyncio.sleep(0.001)
        await super().disconnect()


class SendsInTwoParts(Meddled):
    """A message is written in two pieces, and can be cut between them."""

    async def send_text(self, text: str, role: Role = "user") -> None:
        half = len(text) // 2
        await super().send_text(text[:half], role)
        await asyncio.sleep(0)
        await super().send_text(text[half:], role)


class SendsAudioInTwoParts(Meddled):
    """A chunk is written in two pieces, and can be cut between them."""

    async def send_audio(self, audio_data: bytes) -> None:
        half = len(audio_data) // 4 * 2
        await super().send_audio(audio_data[:half])
        await asyncio.sleep(0)
        await super().send_audio(audio_data[half:])


class RetriesWhatWasCancelled(Meddled):
    """What could not be confirmed is sent once more."""

    async def send_text(self, text: str, role: Role = "user") -> None:
        await super().send_text(text, role)
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            await super().send_text(text, role)
            raise


class BlocksTheLoop(Meddled):
    """A recogniser that computes in the event loop."""

    async def send_audio(self, audio_data: bytes) -> None:
        time.sleep(0.06)  # noqa: ASYNC251 - that is what is broken
        await super().send_audio(audio_data)


# ------------------------------------------------------------------ sending


class SwallowsMistakes(Meddled):
    """What does not fit is logged, and forgotten."""

    async def send_message(self, message_type: MessageType, data: Command | Mapping[str, Any]) -> None:
        try:
            await super().send_message(message_type, data)
        except MessageError:
            return


class NamesNoField(Meddled):
    """What does not fit is refused, and nobody knows what it was."""

    async def send_message(self, message_type: MessageType, data: Command | Mapping[str, Any]) -> None:
        try:
            await super().send_message(message_type, data)
        except MessageError as error:
            raise MessageError("the message does not fit", cure="look at it") from error


class SendsBeforeItChecks(Meddled):
    """What is refused has been sent already."""

    async def send_message(self, message_type: MessageType, data: Command | Mapping[str, Any]) -> None:
        if self.is_connected() and isinstance(data, Mapping):
            await self.inner.send_text("(an empty message)")
        await super().send_message(message_type, data)


class TakesOddAudio(Meddled):
    """A part of a sample is cut off in silence."""

    async def send_audio(self, audio_data: bytes) -> None:
        await super().send_audio(audio_data[: len(audio_data) // 2 * 2])


class LosesTheEndOfAudio(Meddled):
    """Only whole frames of 20 ms are sent; the rest waits for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.rest = b""

    async def send_audio(self, audio_data: bytes) -> None:
        self.get_audio_format().check(audio_data)
        self.rest += audio_data
        whole = len(self.rest) // 960 * 960
        if whole:
            await super().send_audio(self.rest[:whole])
        self.rest = self.rest[whole:]


class KeepsQuietWhenClosed(Meddled):
    """Sending without a session does nothing."""

    async def act(self, message: Command) -> None:
        if self.is_connected() or isinstance(message, (SessionCreate, SessionUpdate)):
            await super().act(message)


class AnswersByItself(Meddled):
    """Text that is added asks for a reply."""

    async def send_text(self, text: str, role: Role = "user") -> None:
        await super().send_text(text, role)
        await super().create_response()


class LosesUmlauts(Meddled):
    """Text is sent as ASCII."""

    async def send_text(self, text: str, role: Role = "user") -> None:
        await super().send_text(text.encode("ascii", "replace").decode(), role)


class SendsTextTwice(Meddled):
    """A retry that did not need to be."""

    async def send_text(self, text: str, role: Role = "user") -> None:
        await super().send_text(text, role)
        await super().send_text(text, role)


class LosesWhatComesAtOnce(Meddled):
    """One slot for what is to be sent."""

    slot = ""

    async def send_text(self, text: str, role: Role = "user") -> None:
        self.slot = text
        await asyncio.sleep(0)
        await super().send_text(self.slot, role)


class DropsWhileReconnecting(Meddled):
    """What is sent while the line is lost is lost as well."""

    async def act(self, message: Command) -> None:
        if self.hub.session_id == "lost":
            return
        await super().act(message)

    def twist(self, event: Any) -> Any:
        if event.type == "reconnecting":
            self.hub.session_id = "lost"
        if event.type == "reconnected":
            self.hub.session_id = None
        return [event]


class RaisesWhileReconnecting(Meddled):
    """What is sent while the line is lost is refused."""

    async def act(self, message: Command) -> None:
        if not self.is_connected() and not isinstance(message, (SessionCreate, SessionUpdate)):
            raise ConnectionError("not connected", cure="wait")
        await super().act(message)


class KnowsNoMappings(Meddled):
    """The general channel takes structs only."""

    async def send_message(self, message_type: MessageType, data: Command | Mapping[str, Any]) -> None:
        if isinstance(data, Mapping) and message_type is MessageType.ITEM_CREATE:
            raise MessageError("give a struct", field="item", cure="give a struct")
        await super().send_message(message_type, data)


class ClearsTheTableFirst(Meddled):
    """connect() begins with a disconnect(), also of the session that another task is opening."""

    async def connect(self) -> bool:
        if not self.is_connected():
            await self.inner.disconnect()
        return await super().connect()


class RaisesAnyErrorInARace(Meddled):
    """Who sends while another disconnects gets an AttributeError."""

    async def act(self, message: Command) -> None:
        try:
            await asyncio.sleep(0)
            await super().act(message)
        except ConnectionError as error:
            if isinstance(message, ItemCreate):
                told = "'NoneType' object has no attribute 'send'"
                raise AttributeError(told) from error  # noqa: TRY004 - that is what is broken
            raise


# ------------------------------------------------------------------ interruption


class IgnoresInterrupt(Meddled):
    """interrupt() is somebody else's task."""

    async def interrupt(self) -> None:
        return None


class InterruptsLate(Meddled):
    """interrupt() waits for its turn behind the audio."""

    async def interrupt(self) -> None:
        await asyncio.sleep(0.8)
        await super().interrupt()


class CancelsTheNextReply(Meddled):
    """A cancel that finds nothing to cancel waits for the next reply."""

    pending = False

    async def interrupt(self) -> None:
        await super().interrupt()
        self.pending = True

    async def create_response(self, modalities: Any = None) -> None:
        await super().create_response(modalities)
        if self.pending:
            self.pending = False
            await asyncio.sleep(0.3)
            await super().interrupt()


class LosesTheReplyBehindAnInterruption(Meddled):
    """The late end of an interrupted reply closes the one behind it."""

    cut = False
    lost = ""

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        data = event.data
        if isinstance(data, Interrupted):
            self.cut = True
        elif isinstance(data, ResponseStarted) and self.cut:
            self.cut, self.lost = False, data.response_id
            return [event, self.like(event, ResponseCompleted(data.response_id))]
        return [] if data.get("response_id") == self.lost else [event]


class TruncatesPastTheEnd(Meddled):
    """The vendor's error for a truncation beyond what was generated is raised at the application."""

    async def act(self, message: Command) -> None:
        if isinstance(message, ItemTruncate) and message.heard_ms > 60_000:
            raise MessageError("audio_end_ms is beyond the item", field="heard_ms", cure="give less")
        await super().act(message)


class RefusesToForgetAll(Meddled):
    """Truncating at 0 ms is an error."""

    async def act(self, message: Command) -> None:
        if isinstance(message, ItemTruncate) and message.heard_ms == 0:
            raise MessageError("only model output can be truncated", field="heard_ms", cure="give more")
        await super().act(message)


class RemembersWhatNobodyHeard(Meddled):
    """Truncation is accepted, and does nothing."""

    async def act(self, message: Command) -> None:
        if not isinstance(message, ItemTruncate):
            await super().act(message)


# ------------------------------------------------------------------ capabilities and options


class LiesAboutPictures(Meddled):
    """It claims pictures and refuses them."""

    async def act(self, message: Command) -> None:
        if isinstance(message, Image):
            raise MessageError("no pictures", field="image", cure="describe it")
        await super().act(message)


class HidesPictures(Meddled):
    """It takes pictures, and does not say so."""

    def get_capabilities(self) -> Capabilities:
        found = super().get_capabilities()
        del found["image_input"]
        return found


class HidesTools(Meddled):
    """It takes tools without a word, and has none."""

    def get_capabilities(self) -> Capabilities:
        return {**super().get_capabilities(), "tools": False}


class HidesHistory(Meddled):
    """It takes a history and does not claim to."""

    def get_capabilities(self) -> Capabilities:
        return {**super().get_capabilities(), "history": False}


class ForgetsTheHistory(Meddled):
    """A history is taken and not sent."""

    async def act(self, message: Command) -> None:
        if isinstance(message, SessionCreate):
            message = SessionCreate(message.options)
        await super().act(message)


class InventsACapability(Meddled):
    """A key that nobody knows."""

    def get_capabilities(self) -> Capabilities:
        return {**super().get_capabilities(), "mind_reading": True}  # type: ignore[typeddict-unknown-key]


class LiesAboutUpdates(Meddled):
    """It names an option that it cannot change in mid-session."""

    async def act(self, message: Command) -> None:
        if (
            isinstance(message, SessionUpdate)
            and self.is_connected()
            and "language" in message.options.changes()
        ):
            raise MessageError("the language is fixed", field="language", cure="reconnect")
        await super().act(message)


class HidesAnUpdate(Meddled):
    """It can change an option that it does not name."""

    def get_capabilities(self) -> Capabilities:
        named = tuple(name for name in OPTIONS if name != "instructions")
        return {**super().get_capabilities(), "session_update": named}


class LiesAboutItsFormat(Meddled):
    """get_audio_format() is a constant."""

    def get_audio_format(self) -> AudioFormat:
        return AudioFormat()

    async def send_audio(self, audio_data: bytes) -> None:
        self.get_audio_format().check(audio_data)
        await super().send_audio(audio_data)


class TakesAnyTurnDetection(Meddled):
    """A mode that it does not have is taken, and another is used."""

    async def act(self, message: Command) -> None:
        if isinstance(message, SessionUpdate) and isinstance(message.options.turn_detection, object):
            detection = message.options.turn_detection
            if getattr(detection, "mode", "") == "semantic_vad":
                return
        await super().act(message)


class DropsUnknownOptions(Meddled):
    """An option that it does not know is dropped."""

    async def update_session(self, **options: Unpack[SessionOptions]) -> None:
        known: Any = {name: value for name, value in options.items() if name in OPTIONS}
        await super().update_session(**known)


class DropsInstructions(Meddled):
    """An option that it knows is dropped."""

    async def act(self, message: Command) -> None:
        if isinstance(message, SessionUpdate):
            kept = {
                name: value for name, value in message.options.changes().items() if name != "instructions"
            }
            message = SessionUpdate(Options(**kept))
        await super().act(message)


class AppliesBeforeItChecks(Meddled):
    """What is refused has been applied in part."""

    async def update_session(self, **options: Unpack[SessionOptions]) -> None:
        try:
            session_options(options)
        except MessageError:
            await self.inner.update_session(input_audio_format=AudioFormat("g711_ulaw", 8_000))
            raise
        await super().update_session(**options)


class RecreatesAnOpenSession(Meddled):
    """SESSION_CREATE while a session is open is dropped in silence."""

    async def act(self, message: Command) -> None:
        if not (isinstance(message, SessionCreate) and self.is_connected()):
            await super().act(message)


class SpeaksWhenAskedToWrite(Meddled):
    """The modalities of a request are ignored."""

    async def create_response(self, modalities: Any = None) -> None:
        await super().create_response(None)


class AddsWhatIsOutOfBand(Meddled):
    """A reply beside the conversation is made part of it."""

    async def act(self, message: Command) -> None:
        if isinstance(message, ResponseCreate) and message.out_of_band:
            message = ResponseCreate(modalities=message.modalities)
        await super().act(message)


class SendsAResultTwice(Meddled):
    """A result is sent as an item, and once more as a message."""

    async def act(self, message: Command) -> None:
        await super().act(message)
        if isinstance(message, ToolResult):
            await super().act(message)


class LosesAResult(Meddled):
    """A result is kept for a reply that was asked for already."""

    async def act(self, message: Command) -> None:
        if not isinstance(message, ToolResult):
            await super().act(message)


class SaysNothingOfACure(Meddled):
    """Errors say what happened, and not what to do."""

    async def act(self, message: Command) -> None:
        try:
            await super().act(message)
        except ConnectionError as error:
            raise ConnectionError(error.message) from error


class ShowsItsKey(Meddled):
    """The key is in the repr."""

    key = "sk-broken-0123456789abcdef"

    def __repr__(self) -> str:
        return f"ShowsItsKey(api_key={self.key!r})"


class LetsTheUserTalkInVain(Meddled):
    """Speech over a reply is told, and the reply goes on."""

    async def act(self, message: Command) -> None:
        if isinstance(message, SessionUpdate) and message.options.turn_detection:
            message = SessionUpdate(Options(turn_detection=TurnDetection(interrupt_response=False)))
        await super().act(message)


class HearsNoTurns(Meddled):
    """Turn detection is claimed, and what was heard is not answered."""

    async def act(self, message: Command) -> None:
        if isinstance(message, SessionUpdate) and message.options.turn_detection:
            message = SessionUpdate(Options(turn_detection=TurnDetection(create_response=False)))
        await super().act(message)
