"""Checked by mypy and pyright, never run: what fits `Provider`, and the type of everything one can ask of it.

`Duck` inherits nothing and registers nothing; it fits because it has the shape.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any, assert_type

from typing_extensions import Unpack

from voicechatengine import (
    AudioFormat,
    AzureConfig,
    AzureProvider,
    Capabilities,
    EventData,
    GeminiConfig,
    GeminiProvider,
    MessageType,
    MockConfig,
    MockProvider,
    OpenAIConfig,
    OpenAILiveConfig,
    OpenAILiveProvider,
    OpenAIProvider,
    Provider,
    ProviderEvent,
    Recorded,
    Replayed,
    SessionOptions,
    Tool,
    TurnDetection,
    VoiceLiveConfig,
    VoiceLiveProvider,
)
from voicechatengine.compose.failover import Failover
from voicechatengine.compose.relay import Relay
from voicechatengine.messages import AudioAppend, Command, Modality, Role
from voicechatengine.provider import EventHandler
from voicechatengine.providers.cascade import (
    CascadeConfig,
    CascadeProvider,
    EnergyTurns,
    Finished,
    Heard,
    ModelOutput,
    Request,
    SpeechToText,
    TextToSpeech,
    TurnDetector,
    Words,
)


class Duck:
    async def connect(self) -> bool:
        return True

    async def disconnect(self) -> None: ...

    def is_connected(self) -> bool:
        return True

    async def send_message(self, message_type: MessageType, data: Command | Mapping[str, Any]) -> None: ...

    async def send_audio(self, audio_data: bytes) -> None: ...

    async def send_text(self, text: str, role: Role = "user") -> None: ...

    async def create_response(self, modalities: Sequence[Modality] | None = None) -> None: ...

    async def interrupt(self) -> None: ...

    async def update_session(self, **options: Unpack[SessionOptions]) -> None: ...

    def get_audio_format(self) -> AudioFormat:
        return AudioFormat()

    def get_capabilities(self) -> Capabilities:
        return {"tools": True}

    def events(self) -> AsyncIterator[ProviderEvent]:
        return self._stream()

    async def _stream(self) -> AsyncIterator[ProviderEvent]:
        yield ProviderEvent("own", {"a": 1}, 0.0, "duck")

    def on_event(self, event_type: str, handler: EventHandler) -> None: ...


class Generous:
    """Takes more and gives less than it must: that fits as well, an async generator of events included."""

    async def connect(self, again: bool = False) -> bool:
        return again

    async def disconnect(self) -> None: ...

    def is_connected(self) -> bool:
        return True

    async def send_message(self, message_type: str, data: object) -> None: ...

    async def send_audio(self, audio_data: bytes | bytearray) -> None: ...

    async def send_text(self, text: object, role: str = "user") -> None: ...

    async def create_response(self, modalities: Sequence[str] | None = None) -> None: ...

    async def interrupt(self) -> None: ...

    async def update_session(self, **options: Unpack[SessionOptions]) -> None: ...

    def get_audio_format(self) -> AudioFormat:
        return AudioFormat()

    def get_capabilities(self) -> Capabilities:
        return {}

    async def events(self) -> AsyncIterator[ProviderEvent]:
        yield ProviderEvent("own", {"a": 1}, 0.0, "generous")

    def on_event(self, event_type: str, handler: object) -> None: ...


class Piece:
    """What every part of a cascade does; it inherits nothing of ours."""

    format = AudioFormat(sample_rate=16_000)

    async def open(self) -> None: ...

    async def close(self) -> None: ...


class Listens(Piece):
    async def recognise(
        self, audio: AsyncIterator[bytes], *, language: str | None = None, prompt: str | None = None
    ) -> AsyncGenerator[Heard]:
        yield Heard("words", final=True)


class Answers(Piece):
    async def reply(
        self, request: Request, *, kept: Sequence[tuple[int, Any]] = ()
    ) -> AsyncGenerator[ModelOutput]:
        yield Words("Yes.")
        yield Finished()


class Speaks(Piece):
    async def speak(
        self, text: str, *, voice: str | None = None, language: str | None = None
    ) -> AsyncGenerator[bytes]:
        yield b""


TURNS: TurnDetector = EnergyTurns()
LISTENS: SpeechToText = Listens()
SPEAKS: TextToSpeech = Speaks()


FITTING: tuple[Provider, ...] = (
    Duck(),
    Generous(),
    MockProvider(),
    MockProvider(MockConfig()),
    OpenAIProvider(OpenAIConfig(api_key="key")),
    AzureProvider(AzureConfig(api_key="key")),
    VoiceLiveProvider(VoiceLiveConfig(api_key="key")),
    OpenAILiveProvider(OpenAILiveConfig(api_key="key")),
    GeminiProvider(GeminiConfig(api_key="key")),
    Recorded(MockProvider(), "session.jsonl"),
    Recorded(Recorded(Duck(), "inner.jsonl"), "outer.jsonl"),
    Recorded(Replayed("session.jsonl"), "again.jsonl"),
    Replayed("session.jsonl", speed=0, check=True),
    CascadeProvider(EnergyTurns(), Listens(), Answers(), Speaks(), config=CascadeConfig(voice="calm")),
    CascadeProvider(None, None, Answers(), None),
    Relay(MockProvider()),
    Failover([Duck(), Generous, lambda: Relay(Duck())]),
    Failover((Failover([MockProvider]), Relay(Duck()))),
)


async def every_call(provider: Provider) -> None:
    assert_type(await provider.connect(), bool)
    assert_type(provider.is_connected(), bool)
    assert_type(provider.get_audio_format(), AudioFormat)
    assert_type(provider.get_capabilities(), Capabilities)
    assert_type(provider.get_capabilities().get("tools"), bool | None)
    assert_type(provider.events(), AsyncIterator[ProviderEvent])
    await provider.send_message(MessageType.AUDIO_APPEND, AudioAppend(b""))
    await provider.send_message(MessageType.SESSION_UPDATE, {"voice": "alloy"})
    await provider.send_audio(b"")
    await provider.send_text("hi")
    await provider.send_text("be brief", "system")
    await provider.create_response()
    await provider.create_response(["text"])
    await provider.create_response(modalities=("text", "audio"))
    await provider.update_session()
    await provider.update_session(
        voice="alloy", tools=[Tool("f")], turn_detection=None, max_tokens=None, vendor={"x": 1}
    )
    await provider.update_session(turn_detection=TurnDetection("semantic_vad"))
    await provider.interrupt()
    await provider.disconnect()


async def every_field(provider: Provider) -> None:
    async for event in provider.events():
        assert_type(event, ProviderEvent)
        assert_type(event.type, str)
        assert_type(event.data, EventData)
        assert_type(event.timestamp, float)
        assert_type(event.provider, str)
        assert_type(event.session_id, str | None)
        assert_type(event.error, str | None)
        assert_type(event.data["text"], Any)
        assert_type("text" in event.data, bool)


def handlers(provider: Provider) -> None:
    heard: list[ProviderEvent] = []

    def quick(event: ProviderEvent) -> None:
        heard.append(event)

    async def slow(event: ProviderEvent) -> None:
        await provider.send_text(event.type)

    provider.on_event("text_chunk", quick)
    provider.on_event("*", slow)
    provider.on_event("*", heard.append)
