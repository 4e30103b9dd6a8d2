"""`Relay`: one stable provider in front of a changeable one. What is outside, subscriptions and format, outlives what is inside.

It forwards commands inward and events outward, and follows both in its own `Ledger`, so that at any moment another provider can
take the conversation over. It decides nothing: who wants another provider calls `move_to`; who wants to be asked when the
current one is lost gives `on_lost`. It knows the contract of a provider and no vendor.

This is its surface; `session` holds its state, and `connecting`, `delivery`, `following` and `moving` are what it does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from typing_extensions import Unpack

from voicechatengine.audio.format import AudioFormat
from voicechatengine.capabilities import Capabilities
from voicechatengine.compose.connecting import connect_first, disconnect
from voicechatengine.compose.delivery import Delivery
from voicechatengine.compose.ledger import Ledger
from voicechatengine.compose.line import name_of
from voicechatengine.compose.moving import Moving
from voicechatengine.compose.outlet import Outlet
from voicechatengine.compose.session import Session
from voicechatengine.conversation import Conversation
from voicechatengine.errors import MessageError, ProviderError
from voicechatengine.events import ConnectionState, Event, ProviderEvent
from voicechatengine.messages import (
    Command,
    MessageType,
    Modality,
    Role,
    SessionUpdate,
    command,
    text_item,
)
from voicechatengine.provider import EventHandler, Limits, Provider, SessionOptions, session_options
from voicechatengine.session.clock import loop_clock


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
        ledger = Ledger(provider.get_audio_format())
        self._outlet = Outlet(name_of(provider), ledger, clock or loop_clock(), limits, watch)
        self._session = Session(provider, ledger, self._outlet, on_lost)
        self._delivery = Delivery(self._session)
        self._moving = Moving(self._session, self._delivery)

    # -- beyond the contract

    @property
    def provider(self) -> Provider:
        """The provider in use, or the one that was used last."""
        return self._session.provider

    @property
    def conversation(self) -> Conversation:
        """What was said and heard in the session that is open, or was open last: followed here, through all its providers.

        Another session has another one. Who knows how much of an item was heard may tell it at once, before any provider is told.
        """
        return self._session.ledger.conversation

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
        await self._moving.move(provider, at, reason, again=False)

    async def rescue(self, provider: Provider, *, reason: str) -> None:
        """Like `move_to` at once, away from a provider that failed: the reply that it did not finish is asked for again."""
        await self._moving.move(provider, "now", reason, again=True)

    def give_up(self, error: ProviderError) -> None:
        """There is no other provider. Where one is still in use it stays in use; else the session is in error."""
        self._session.give_up(error)

    async def connect_first(self, providers: Iterable[Callable[[], Provider]]) -> bool:
        """Connects the first of these that can be. Raises the error of the only one, or one that tells what each said."""
        return await connect_first(self._session, providers)

    # -- the contract; see `Provider` for what each member promises

    async def connect(self) -> bool:
        """See `Provider.connect`. After an error it goes on with the conversation, after `disconnect` it begins a new one."""
        return await self.connect_first((lambda: self._session.provider,))

    async def disconnect(self) -> None:
        """See `Provider.disconnect`."""
        await disconnect(self._session)

    def is_connected(self) -> bool:
        """See `Provider.is_connected`."""
        line = self._session.line
        return self._session.state is ConnectionState.CONNECTED and (
            line is None or line.provider.is_connected()
        )

    async def send_message(self, message_type: MessageType, data: Command | Mapping[str, Any]) -> None:
        """See `Provider.send_message`."""
        await self._delivery.send(command(message_type, data))

    async def send_audio(self, audio_data: bytes) -> None:
        """See `Provider.send_audio`."""
        await self._delivery.sound(audio_data)

    async def send_text(self, text: str, role: Role = "user") -> None:
        """See `Provider.send_text`."""
        await self.send_message(MessageType.ITEM_CREATE, text_item(text, role))

    async def create_response(self, modalities: Sequence[Modality] | None = None) -> None:
        """See `Provider.create_response`."""
        await self.send_message(MessageType.RESPONSE_CREATE, {"modalities": modalities})

    async def interrupt(self) -> None:
        """See `Provider.interrupt`."""
        await self._delivery.interrupt()

    async def update_session(self, **options: Unpack[SessionOptions]) -> None:
        """See `Provider.update_session`."""
        await self._delivery.send(SessionUpdate(session_options(options)))

    def get_audio_format(self) -> AudioFormat:
        """See `Provider.get_audio_format`: the first provider's, also when another one is in use."""
        return self._session.ledger.form

    def get_capabilities(self) -> Capabilities:
        """See `Provider.get_capabilities`: those of the provider in use, and turn detection where the relay does it."""
        line, able = self._session.line, self._session.provider.get_capabilities()
        ours = line is not None and line.ears is not None
        return {**able, "turn_detection": ("server_vad",)} if ours else able

    def events(self) -> AsyncIterator[ProviderEvent]:
        """See `Provider.events`. The events of all providers are one stream."""
        return self._outlet.hub.subscribe()

    def on_event(self, event_type: str, handler: EventHandler) -> None:
        """See `Provider.on_event`."""
        self._outlet.hub.on(event_type, handler)
