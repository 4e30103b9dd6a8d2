"""The shape of a provider, and the values that configure one.

A provider is any object with these thirteen members. It inherits and registers nothing. Everything that wraps a provider
is again a provider. This module knows no vendor, no socket and no engine.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeAlias

from typing_extensions import TypedDict, Unpack

from voicechatengine.audio.format import AudioFormat
from voicechatengine.capabilities import Capabilities
from voicechatengine.errors import AuthenticationError, redact
from voicechatengine.events import ProviderEvent
from voicechatengine.messages import (
    Command,
    MessageType,
    Modality,
    Options,
    Role,
    Tool,
    Transcription,
    TurnDetection,
    convert,
)

EventHandler: TypeAlias = Callable[[ProviderEvent], Awaitable[None] | None]


class SessionOptions(TypedDict, total=False):
    """What `update_session` takes, on every provider; see `messages.Options` for what each one means."""

    model: str
    voice: str
    language: str
    instructions: str
    tools: Sequence[Tool]
    tool_choice: str
    modalities: Sequence[Modality]
    turn_detection: TurnDetection | None
    transcription: Transcription | None
    input_audio_format: AudioFormat
    output_audio_format: AudioFormat
    max_tokens: int | None
    vendor: Mapping[str, Any]


class Provider(Protocol):
    """**Protocol:** one session with one realtime voice AI."""

    async def connect(self) -> bool:
        """Opens the session; True once events can flow, a no-op while connected.

        Raises `ConnectionError` (with the vendor's status, code and message) if it cannot; the provider is then disconnected
        and can be connected again. A cancellation leaves nothing open.
        """
        ...

    async def disconnect(self) -> None:
        """Closes the session and frees everything; idempotent.

        Events already received stay readable, then every subscription ends. A cancelled disconnect has still closed.
        """
        ...

    def is_connected(self) -> bool:
        """Whether a session is open right now."""
        ...

    async def send_message(self, message_type: MessageType, data: Command | Mapping[str, Any]) -> None:
        """Sends one message: a `MessageType` with its payload, or a mapping that converts to it.

        Raises `MessageError` naming the field for what does not fit or what the provider cannot do, and `ConnectionError`
        when disconnected; nothing is sent then. While reconnecting, messages are held and go out after.
        """
        ...

    async def send_audio(self, audio_data: bytes) -> None:
        """Sends the next stretch of the user's audio, in `get_audio_format()`.

        Raises `AudioError` for bytes that cannot be that. Waits while too much audio is unsent; a cancelled call has sent the
        stretch whole or not at all.
        """
        ...

    async def send_text(self, text: str, role: Role = "user") -> None:
        """Adds text to the conversation. Never triggers a reply by itself."""
        ...

    async def create_response(self, modalities: Sequence[Modality] | None = None) -> None:
        """Ensures that a reply is coming: a no-op where the vendor already answers."""
        ...

    async def interrupt(self) -> None:
        """Stops the running reply; idempotent, safe when there is none."""
        ...

    async def update_session(self, **options: Unpack[SessionOptions]) -> None:
        """Changes options of the session, or before connect of the session to come.

        Raises `MessageError` for an option that is unknown or that this provider cannot set; none is dropped silently.
        """
        ...

    def get_audio_format(self) -> AudioFormat:
        """What `send_audio` takes, and what audio events hold unless they say otherwise."""
        ...

    def get_capabilities(self) -> Capabilities:
        """What this provider can do."""
        ...

    def events(self) -> AsyncIterator[ProviderEvent]:
        """A subscription of its own, from the moment of this call; it ends with `aclose`, when dropped, or with the session.

        What arrives while nobody subscribes is kept (bounded) for the next subscriber. After `disconnect` it gives what nobody
        has read yet, and ends: for the events of another session, call it after that session's `connect`, or in its handlers.
        """
        ...

    def on_event(self, event_type: str, handler: EventHandler) -> None:
        """Calls `handler` (sync or async) for each event of that type, ``"*"`` for all, in order.

        A handler that raises is logged and reported as an `error` event; it stops nothing.
        """
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timeouts:
    """How long to wait, in seconds: for the handshake, for the session's first event, for a reply to begin after it was
    asked for, and for the closing handshake.

    After `ping` silent seconds the service is asked for a sign of life; where none comes in half of that time, the connection is
    lost. After `session_age` a session is handed over to a new one at a pause; None: only when the vendor's own limit comes near.
    """

    connect: float = 10.0
    session: float = 10.0
    response: float = 30.0
    ping: float = 20.0
    close: float = 2.0
    session_age: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Retry:
    """Reconnection: exponential backoff with full jitter, from `base` to `cap` seconds, and when to give up.

    It gives up after `attempts` without success or `budget` seconds, and when more than `drops` connections were lost within
    `window` seconds. ``Retry(attempts=0)`` never reconnects.
    """

    attempts: int = 6
    base: float = 0.25
    cap: float = 8.0
    budget: float = 60.0
    drops: int = 8
    window: float = 120.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """What is kept in memory at most: bytes of unread events a subscriber, their number, seconds of unsent audio."""

    received_bytes: int = 16_000_000
    received_events: int = 20_000
    unsent_audio_s: float = 10.0


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class ProviderConfig:
    """What a provider is opened with. Frozen and keyword-only; vendors subclass it to set their own defaults.

    `api_key` falls back to the vendor's usual environment variable and is never shown. `url` points at another server or a
    simulator. The fields from `model` to `vendor` are the session's first options (`messages.Options` explains each);
    None leaves `model`, `voice`, `language`, `instructions` and the formats to the vendor. `headers` are added to the
    handshake.
    """

    KEY_VARIABLES: ClassVar[tuple[str, ...]] = ()

    # No field that may hold a key is in a `repr`, not even in the one that `@dataclass` makes for a subclass.
    api_key: str | None = dataclasses.field(default=None, repr=False)
    url: str | None = dataclasses.field(default=None, repr=False)
    model: str | None = None
    voice: str | None = None
    language: str | None = None
    instructions: str | None = None
    tools: Sequence[Tool] = ()
    tool_choice: str | None = None
    modalities: Sequence[Modality] = ("audio",)
    turn_detection: TurnDetection | None = TurnDetection()
    transcription: Transcription | None = Transcription()
    input_audio_format: AudioFormat | None = None
    output_audio_format: AudioFormat | None = None
    max_tokens: int | None = None
    vendor: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str], repr=False)
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        if self.api_key is None:
            found = next((value for name in self.KEY_VARIABLES if (value := os.environ.get(name))), None)
            object.__setattr__(self, "api_key", found)
        self.options()  # a field that does not fit is told here, not at connect

    def options(self) -> Options:
        """The session's first options. Raises `MessageError` naming a field that does not fit."""
        given = {
            "model": self.model,
            "voice": self.voice,
            "language": self.language,
            "instructions": self.instructions,
            "tools": self.tools or None,
            "tool_choice": self.tool_choice,
            "modalities": self.modalities,
            "input_audio_format": self.input_audio_format,
            "output_audio_format": self.output_audio_format,
            "max_tokens": self.max_tokens,
            "vendor": dict(self.vendor) or None,
        }
        options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        options |= {"turn_detection": self.turn_detection, "transcription": self.transcription}
        return convert(options, Options, what=type(self).__name__)

    def require_key(self) -> str:
        """The key; raises `AuthenticationError` saying where to put one."""
        if self.api_key:
            return self.api_key
        names = " or ".join(self.KEY_VARIABLES) or "its environment variable"
        raise AuthenticationError(
            "no API key is set", cure=f"set {names}, or pass api_key= to {type(self).__name__}"
        )

    def __repr__(self) -> str:
        shown: list[str] = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "api_key":
                value = "…" if value else None
            elif field.name == "headers":
                value = dict.fromkeys(value, "…")
            elif callable(value):
                value = "…"  # it may hold a key too
            if value == field.default or value in ({}, ()):
                continue
            text = repr(value)
            shown.append(f"{field.name}={redact(text, self.api_key)}")
        return f"{type(self).__name__}({', '.join(shown)})"


def session_options(options: Mapping[str, Any]) -> Options:
    """The keyword arguments of `update_session` as checked `Options`; `MessageError` names one that does not fit."""
    return convert(options, Options, what="update_session")


__all__ = [
    "EventHandler",
    "Limits",
    "Provider",
    "ProviderConfig",
    "Retry",
    "SessionOptions",
    "Timeouts",
    "session_options",
]
