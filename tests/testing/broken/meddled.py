"""A mock with something between it and the application: what is said passes through here, and can be meddled with.

As it stands it changes nothing, and obeys every law. What is broken in it is one method of one small class each.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from typing_extensions import Unpack

from voicechatengine import AudioFormat, Capabilities, MessageType, ProviderEvent, SessionOptions
from voicechatengine.events import ConnectionState, Event, StateChanged
from voicechatengine.messages import (
    AudioAppend,
    Command,
    ItemCreate,
    MessageItem,
    Modality,
    ResponseCancel,
    ResponseCreate,
    Role,
    SessionUpdate,
    TextPart,
    command,
)
from voicechatengine.provider import EventHandler, session_options
from voicechatengine.providers.mock import MockProvider
from voicechatengine.session.hub import Hub
from voicechatengine.testing import MockFarEnd


class Meddled:
    """Passes everything on: events by `twist`, commands by `act`, the rest as it is."""

    def __init__(self) -> None:
        self.far = self.made()
        self.inner: MockProvider = self.far.provider
        self.hub = self.new_hub()
        self.inner.on_event("*", self._pass)

    def made(self) -> MockFarEnd:
        return MockFarEnd()

    def new_hub(self) -> Hub:
        return Hub("meddled", lambda: asyncio.get_running_loop().time())

    def _pass(self, event: ProviderEvent) -> None:
        for each in self.twist(event):
            self.publish(each)
        if isinstance(event.data, StateChanged) and event.data.state is ConnectionState.ERROR:
            self.hub.end()

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        """What becomes of an event."""
        return [event]

    def publish(self, event: ProviderEvent) -> None:
        self.hub.publish(event)

    def like(self, event: ProviderEvent, data: Event) -> ProviderEvent:
        """The event with another payload."""
        return self.hub_event(data, event)

    def hub_event(self, data: Event, event: ProviderEvent) -> ProviderEvent:
        tag = str(data.__struct_config__.tag)
        return ProviderEvent(tag, data, event.timestamp, event.provider, event.session_id)

    # -- the contract

    async def connect(self) -> bool:
        if not self.inner.is_connected():
            self.hub.open()
        try:
            return await self.inner.connect()
        except BaseException:
            if not self.inner.is_connected():
                self.hub.end()
            raise

    async def disconnect(self) -> None:
        try:
            await self.inner.disconnect()
        finally:
            await self.hub.close()

    def is_connected(self) -> bool:
        return self.inner.is_connected()

    async def act(self, message: Command) -> None:
        """What becomes of a command."""
        await self.inner.send_message(MessageType(str(message.__struct_config__.tag)), message)

    async def send_message(self, message_type: MessageType, data: Command | Mapping[str, Any]) -> None:
        await self.act(command(message_type, data))

    async def send_audio(self, audio_data: bytes) -> None:
        await self.act(AudioAppend(audio_data))

    async def send_text(self, text: str, role: Role = "user") -> None:
        await self.act(ItemCreate(MessageItem(role, (TextPart(text),))))

    async def create_response(self, modalities: Sequence[Modality] | None = None) -> None:
        await self.act(ResponseCreate(modalities=None if modalities is None else tuple(modalities)))

    async def interrupt(self) -> None:
        if self.is_connected():
            await self.act(ResponseCancel())

    async def update_session(self, **options: Unpack[SessionOptions]) -> None:
        await self.act(SessionUpdate(session_options(options)))

    def get_audio_format(self) -> AudioFormat:
        return self.inner.get_audio_format()

    def get_capabilities(self) -> Capabilities:
        return self.inner.get_capabilities()

    def events(self) -> AsyncIterator[ProviderEvent]:
        return self.hub.subscribe()

    def on_event(self, event_type: str, handler: EventHandler) -> None:
        self.hub.on(event_type, handler)
