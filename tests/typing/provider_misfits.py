"""Checked by mypy and pyright, never run: each way of not being a `Provider`, and of calling one wrongly.

Both checkers report an ignore that nothing needs: a check that was loosened shows here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Literal

from typing_extensions import Unpack

from voicechatengine import (
    AudioFormat,
    Capabilities,
    MessageType,
    Provider,
    ProviderConfig,
    ProviderEvent,
    SessionOptions,
    VoiceEngine,
)
from voicechatengine.messages import Command, Modality, Role
from voicechatengine.provider import EventHandler


class WithoutInterrupt:
    async def connect(self) -> bool:
        return True

    async def disconnect(self) -> None: ...

    def is_connected(self) -> bool:
        return True

    async def send_message(self, message_type: MessageType, data: Command | Mapping[str, Any]) -> None: ...

    async def send_audio(self, audio_data: bytes) -> None: ...

    async def send_text(self, text: str, role: Role = "user") -> None: ...

    async def create_response(self, modalities: Sequence[Modality] | None = None) -> None: ...

    async def update_session(self, **options: Unpack[SessionOptions]) -> None: ...

    def get_audio_format(self) -> AudioFormat:
        return AudioFormat()

    def get_capabilities(self) -> Capabilities:
        return {}

    def events(self) -> AsyncIterator[ProviderEvent]:
        raise NotImplementedError

    def on_event(self, event_type: str, handler: EventHandler) -> None: ...


class Whole(WithoutInterrupt):
    async def interrupt(self) -> None: ...


class SyncConnect(Whole):
    def connect(self) -> bool:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return True


class AsyncIsConnected(Whole):
    async def is_connected(self) -> bool:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return True


class AsyncEvents(Whole):
    async def events(self) -> AsyncIterator[ProviderEvent]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        raise NotImplementedError


class EventsOfAnotherKind(Whole):
    def events(self) -> AsyncIterator[str]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        raise NotImplementedError


class SyncEvents(Whole):
    def events(self) -> list[ProviderEvent]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return []


class AudioAsText(Whole):
    async def send_audio(self, audio_data: str) -> None: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]


class FewerRoles(Whole):
    async def send_text(self, text: str, role: Literal["user"] = "user") -> None: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]


class RoleIsRequired(Whole):
    async def send_text(self, text: str, role: Role) -> None: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]


class FormatAsText(Whole):
    def get_audio_format(self) -> str:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return "pcm16"


class AnyCapabilities(Whole):
    def get_capabilities(self) -> dict[str, bool]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return {}


class ConnectsToNothing(Whole):
    async def connect(self) -> None: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]


class FewerOptions(Whole):
    async def update_session(self, *, voice: str = "") -> None: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]


class FewerMessages(Whole):
    async def send_message(self, message_type: MessageType, data: Command) -> None: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]


class SyncHandlersOnly(Whole):
    def on_event(self, event_type: str, handler: Callable[[ProviderEvent], None]) -> None: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]


class OtherName(Whole):
    async def send_audio(self, audio: bytes) -> None: ...  # pyright: ignore[reportIncompatibleMethodOverride]


def fits(provider: Provider) -> None: ...


def wrong_shapes() -> None:
    fits(Whole())
    fits(WithoutInterrupt())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    fits(SyncConnect())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    fits(AsyncIsConnected())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    fits(AsyncEvents())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    fits(EventsOfAnotherKind())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    fits(SyncEvents())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    fits(AudioAsText())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    fits(FewerRoles())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    fits(RoleIsRequired())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    fits(FormatAsText())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    fits(AnyCapabilities())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    fits(ConnectsToNothing())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    fits(FewerOptions())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    fits(FewerMessages())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    fits(SyncHandlersOnly())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    fits(OtherName())  # pyright: ignore[reportArgumentType]


async def wrong_calls(provider: Provider, event: ProviderEvent) -> None:
    provider.connect()  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    await provider.is_connected()  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    await provider.send_audio("audio")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await provider.send_text(b"text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await provider.send_text("text", "bot")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await provider.send_message("session_update", {})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await provider.send_message(MessageType.AUDIO_APPEND, b"audio")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await provider.create_response(["video"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    await provider.update_session(vioce="alloy")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await provider.update_session(voice=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await provider.update_session(temperature=0.8)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    provider.on_event("*", print, 5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    provider.on_event("*", len)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    for _ in provider.events():  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType]
        pass
    event.type = "other"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    print(event.data.text)  # type: ignore[union-attr]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType, reportUnknownMemberType]
    ProviderConfig("key")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ProviderConfig(temperature=0.8)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ProviderConfig().model = "other"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    AudioFormat("mp3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    VoiceEngine(WithoutInterrupt())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
