"""A provider of one's own: thirteen members, nothing inherited, nothing registered. It repeats what it is told.

Run it: python custom_provider.py, or talk to it: voicechat talk --provider custom_provider:Parrot --text "Hello"
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from typing_extensions import Unpack

from voicechatengine import (
    AudioChunk,
    AudioFormat,
    Capabilities,
    ConnectionError,
    ConnectionState,
    MessageError,
    MessageType,
    Provider,
    ProviderEvent,
    ResponseCompleted,
    ResponseStarted,
    SessionCreated,
    SessionOptions,
    StateChanged,
    TextChunk,
    VoiceEngine,
)
from voicechatengine.audio.tone import tone
from voicechatengine.messages import (
    AudioAppend,
    Command,
    ItemCreate,
    ItemTruncate,
    MessageItem,
    Modality,
    ResponseCancel,
    ResponseCreate,
    Role,
    SessionCreate,
    TextPart,
    command,
)
from voicechatengine.provider import EventHandler
from voicechatengine.session.hub import Hub


class Parrot:
    """Says what it was told, in the same words and the same sound."""

    def __init__(self) -> None:
        self._hub = Hub("parrot")  # subscriptions, handlers and their bounds, ready to use
        self._connected = False
        self._words: list[str] = []
        self._sound = bytearray()
        self._replies = 0

    async def connect(self) -> bool:
        if not self._connected:
            self._hub.open()
            self._hub.session_id = "session_1"
            self._change(ConnectionState.CONNECTING, ConnectionState.DISCONNECTED)
            self._change(ConnectionState.CONNECTED, ConnectionState.CONNECTING)
            self._hub.emit(SessionCreated(session_id="session_1"))
            self._connected = True
        return True

    async def disconnect(self) -> None:
        if self._connected:
            self._connected = False
            self._change(ConnectionState.DISCONNECTED, ConnectionState.CONNECTED)
            await self._hub.close()

    def is_connected(self) -> bool:
        return self._connected

    async def send_message(self, message_type: MessageType, data: Command | Mapping[str, Any]) -> None:
        checked = command(message_type, data)  # MessageError names the field that does not fit
        if isinstance(
            checked, SessionCreate
        ):  # before connect() it defines the session; a parrot's has nothing to define
            if self._connected or checked.history or checked.options.changes():
                raise MessageError(
                    "a parrot has no options and no past", field="options", cure="leave it out"
                )
            return
        if not self._connected:
            raise ConnectionError("the parrot is not connected", cure="call connect() first")
        match checked:
            case ItemCreate(item=MessageItem() as item):
                self._words.append(item.text)
            case AudioAppend(audio=audio):
                self.get_audio_format().check(audio)
                self._sound += audio
            case ResponseCreate(out_of_band=False, modalities=modalities):
                self._reply(modalities or ("text", "audio"))
            case ResponseCancel() | ItemTruncate():
                pass  # a reply is over as soon as it has begun, and forgotten
            case _:
                raise MessageError(
                    f"a parrot cannot do {message_type}", field="message_type", cure="just talk"
                )

    async def send_audio(self, audio_data: bytes) -> None:
        await self.send_message(MessageType.AUDIO_APPEND, AudioAppend(audio_data))

    async def send_text(self, text: str, role: Role = "user") -> None:
        item = MessageItem(role=role, content=(TextPart(text),))
        await self.send_message(MessageType.ITEM_CREATE, ItemCreate(item))

    async def create_response(self, modalities: Sequence[Modality] | None = None) -> None:
        wanted = None if modalities is None else tuple(modalities)
        await self.send_message(MessageType.RESPONSE_CREATE, ResponseCreate(modalities=wanted))

    async def interrupt(self) -> None:
        """Never has anything to stop."""

    async def update_session(self, **options: Unpack[SessionOptions]) -> None:
        for name in options:
            raise MessageError(f"a parrot has no option {name!r}", field=name, cure="take it as it is")

    def get_audio_format(self) -> AudioFormat:
        return AudioFormat(sample_rate=16_000)

    def get_capabilities(self) -> Capabilities:
        return {"text_input": True, "text_output": True, "audio_input": True, "audio_output": True}

    def events(self) -> AsyncIterator[ProviderEvent]:
        return self._hub.subscribe()

    def on_event(self, event_type: str, handler: EventHandler) -> None:
        self._hub.on(event_type, handler)

    def _change(self, state: ConnectionState, previous: ConnectionState) -> None:
        self._hub.emit(StateChanged(state=state, previous=previous))

    def _reply(self, modalities: Sequence[Modality]) -> None:
        self._replies += 1
        response, item = f"response_{self._replies}", f"item_{self._replies}"
        words = " ".join(self._words)
        sound = bytes(self._sound) or tone(
            self.get_audio_format(), 60 * len(words), [880.0]
        )  # it whistles what it read
        self._hub.emit(ResponseStarted(response))
        if "text" in modalities:
            self._hub.emit(TextChunk(words, response_id=response, item_id=item))
        if "audio" in modalities:
            self._hub.emit(AudioChunk(sound, response_id=response, item_id=item))
        self._hub.emit(ResponseCompleted(response))
        self._words.clear()
        self._sound.clear()


async def main() -> None:
    provider: Provider = Parrot()  # the type checkers prove that it fits
    async with VoiceEngine(provider) as engine:
        reply = await engine.ask("Pieces of eight!")
        print(reply.text)


if __name__ == "__main__":
    asyncio.run(main())
