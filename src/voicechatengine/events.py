"""What a provider tells an application: `ProviderEvent` and one typed payload for each event type.

One event means one thing on every vendor. Ids of responses, items and calls are on every event that has them: nothing is
to be correlated by "the current one". The legal order is in `session/grammar.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, Literal, TypeAlias

import msgspec

from voicechatengine.audio.format import AudioFormat
from voicechatengine.messages import Options, Payload, Role, show


class ConnectionState(StrEnum):
    """Where a provider's connection is. ERROR is final until the next `connect()`."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    ERROR = "error"


class Usage(Payload, frozen=True):
    """What something cost: tokens by modality, `cached_tokens` as the part of the input that was; or seconds of audio."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    cached_tokens: int = 0
    input_text_tokens: int = 0
    input_audio_tokens: int = 0
    input_image_tokens: int = 0
    output_text_tokens: int = 0
    output_audio_tokens: int = 0
    input_seconds: float = 0.0
    output_seconds: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, name) + getattr(other, name) for name in self.__struct_fields__))


class RateLimit(Payload, frozen=True):
    """One limit: how many, how many are left, and in how many seconds it is whole again."""

    name: str
    limit: float
    remaining: float
    reset_s: float


class SessionCreated(Payload, tag="session_created", frozen=True):
    """The session is open. `resumed`: the vendor continued an earlier one. `applied`: the options it reported."""

    session_id: str
    resumed: bool = False
    applied: Options = Options()


class SessionUpdated(Payload, tag="session_updated", frozen=True):
    """The session's options changed; `applied` holds those that the vendor reported."""

    session_id: str
    resumed: bool = False
    applied: Options = Options()


class StateChanged(Payload, tag="state_changed", frozen=True):
    """The connection went from one state to another."""

    state: ConnectionState
    previous: ConnectionState
    reason: str = ""


class SpeechStarted(Payload, tag="speech_started", frozen=True):
    """The user began to speak, at this position in the session's input audio (ms), as the item that will hold it."""

    position_ms: float | None = None
    item_id: str | None = None


class SpeechStopped(Payload, tag="speech_stopped", frozen=True):
    """The user stopped speaking, at this position in the session's input audio (ms)."""

    position_ms: float | None = None
    item_id: str | None = None


class InputTranscript(Payload, tag="input_transcript", frozen=True):
    """The user's words so far: the whole text each time, the last one `final`."""

    text: str
    final: bool = False
    item_id: str | None = None


class ItemAdded(Payload, tag="item_added", frozen=True):
    """An item took its place behind another (None: the first). The order of the conversation, whatever comes late."""

    item_id: str
    role: Role
    previous_item_id: str | None = None
    kind: Literal["message", "speech", "tool_call", "tool_result"] = "message"


class ResponseStarted(Payload, tag="response_started", frozen=True):
    """A reply begins. `out_of_band`: it is no part of the conversation."""

    response_id: str
    metadata: dict[str, str] | None = None
    out_of_band: bool = False


class TextChunk(Payload, tag="text_chunk", frozen=True):
    """More words of a reply: `spoken` ones are those of the audio, the others are written.

    `start_ms`: where in the item's audio they begin, where the vendor tells.
    """

    text: str
    spoken: bool = False
    response_id: str | None = None
    item_id: str | None = None
    start_ms: float | None = None


class AudioChunk(Payload, tag="audio_chunk", frozen=True, gc=False):
    """More audio of a reply; `format` where it differs from the provider's `get_audio_format()`."""

    audio: bytes
    format: AudioFormat | None = None
    response_id: str | None = None
    item_id: str | None = None


class ToolCall(Payload, tag="tool_call", frozen=True):
    """The model calls a tool: once, when the call is whole. `parsed` is None where `arguments` is no JSON object."""

    call_id: str
    name: str
    arguments: str
    parsed: dict[str, Any] | None = None
    response_id: str | None = None
    item_id: str | None = None


class ToolCallCancelled(Payload, tag="tool_call_cancelled", frozen=True):
    """The vendor no longer wants the results of these calls."""

    call_ids: tuple[str, ...]


class Interrupted(Payload, tag="interrupted", frozen=True):
    """A reply was cut short. `generated_ms` is what was made of its audio, not what was heard: only the sink knows that."""

    response_id: str | None = None
    item_id: str | None = None
    generated_ms: float = 0.0


class ResponseCompleted(Payload, tag="response_completed", frozen=True):
    """The one end of a reply. `reason` says why where it is not completed; `tool_calls` counts the calls it made."""

    response_id: str
    status: Literal["completed", "interrupted", "failed", "incomplete"] = "completed"
    reason: str | None = None
    usage: Usage | None = None
    metadata: dict[str, str] | None = None
    tool_calls: int = 0


class UsageReport(Payload, tag="usage", frozen=True):
    """A cost that is not on a `response_completed`: of a transcription, or of the session so far."""

    usage: Usage
    scope: Literal["response", "transcription", "session"] = "response"
    response_id: str | None = None
    item_id: str | None = None


class RateLimits(Payload, tag="rate_limits", frozen=True):
    """What is left of the vendor's limits."""

    limits: tuple[RateLimit, ...]


class SessionExpiring(Payload, tag="session_expiring", frozen=True):
    """The vendor will end the session in so many seconds."""

    seconds_left: float


class Reconnecting(Payload, tag="reconnecting", frozen=True):
    """The connection was lost; attempt number `attempt` begins in `delay_s` seconds."""

    attempt: int
    delay_s: float
    cause: str


class Reconnected(Payload, tag="reconnected", frozen=True):
    """The connection is back. `state_restored` only if the new session knows all that the old one knew; else see `missing`."""

    attempts: int
    state_restored: bool
    missing: tuple[str, ...] = ()


class ErrorInfo(Payload, tag="error", frozen=True):
    """Something went wrong. `recoverable`: the session goes on. `command`: the message type that was refused, if one was."""

    code: str
    message: str
    recoverable: bool = True
    retry_after: float | None = None
    command: str | None = None


class VendorMessage(Payload, tag="vendor", frozen=True):
    """A vendor's message that has no common meaning, as it came."""

    name: str
    raw: dict[str, Any]


Event: TypeAlias = (
    SessionCreated
    | SessionUpdated
    | StateChanged
    | SpeechStarted
    | SpeechStopped
    | InputTranscript
    | ItemAdded
    | ResponseStarted
    | TextChunk
    | AudioChunk
    | ToolCall
    | ToolCallCancelled
    | Interrupted
    | ResponseCompleted
    | UsageReport
    | RateLimits
    | SessionExpiring
    | Reconnecting
    | Reconnected
    | ErrorInfo
    | VendorMessage
)
"""The payloads of the library's own event types: what dialects give."""

EventData: TypeAlias = Event | Mapping[str, Any]
"""What `ProviderEvent.data` holds: one of ours, or the plain mapping of a custom provider's own event type."""

EVENT_TYPES: Final[dict[type, str]] = {
    kind: str(kind.__struct_config__.tag)
    for kind in (
        SessionCreated, SessionUpdated, StateChanged, SpeechStarted, SpeechStopped, InputTranscript, ItemAdded,
        ResponseStarted, TextChunk, AudioChunk, ToolCall, ToolCallCancelled, Interrupted, ResponseCompleted, UsageReport,
        RateLimits, SessionExpiring, Reconnecting, Reconnected, ErrorInfo, VendorMessage,
    )
}  # fmt: skip


class ProviderEvent(msgspec.Struct, frozen=True):
    """One thing that happened.

    `type` is a stable string such as ``"text_chunk"``; `data` its payload, to be read by key or by `match`; `timestamp` in
    Unix seconds; `provider` the provider's name; `error` a line of text on events that tell of a failure.
    """

    type: str
    data: EventData
    timestamp: float
    provider: str
    session_id: str | None = None
    error: str | None = None

    def __repr__(self) -> str:
        fields = (f"{name}={show(getattr(self, name))}" for name in self.__struct_fields__)
        return f"ProviderEvent({', '.join(fields)})"


def event_of(data: Event, *, timestamp: float, provider: str, session_id: str | None = None) -> ProviderEvent:
    """The event that carries a payload of ours: its type and error line follow from the payload."""
    error = data.message if isinstance(data, ErrorInfo) else None
    return ProviderEvent(EVENT_TYPES[data.__class__], data, timestamp, provider, session_id, error)
