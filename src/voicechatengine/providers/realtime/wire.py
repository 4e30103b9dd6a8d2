"""OpenAI's realtime messages, one struct each: the 11 that a client sends and the 46 that the service sends. No rule, no state.

Both sides use the same structs: the client encodes the first group and decodes the second, the server the other way round.
A message's fields are written in the service's order. What a decoder does not know it ignores; what is missing has a default.
`session` and `response` of client messages stay mappings, because a client merges a vendor's own options into them and a
server must name an unknown parameter: `msgspec.convert` makes them `objects.Session` and `objects.ResponseParams`.

Sources, read 2026-11-22: https://platform.openai.com/docs/api-reference/realtime-client-events,
https://platform.openai.com/docs/api-reference/realtime-server-events and the `openai` package 3.54.0 (`RealtimeClientEvent`,
`RealtimeServerEvent`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias, get_args

import msgspec
from msgspec import UNSET

from voicechatengine.providers.realtime.objects import (
    Content,
    ErrorDetail,
    Item,
    Maybe,
    RateLimit,
    Response,
    TranscriptionUsage,
    Usage,
    Wire,
)


class Message(Wire, tag_field="type"):
    """The base of every message; `type` is its tag."""


# ------------------------------------------------------------------ from the client


class SessionUpdate(Message, tag="session.update"):
    """Changes the session; what is not named stays as it is."""

    session: dict[str, Any]
    event_id: Maybe[str] = UNSET


class BufferAppend(Message, tag="input_audio_buffer.append"):
    """Base64 audio, at most 15 MiB; never acknowledged."""

    audio: str
    event_id: Maybe[str] = UNSET


class BufferCommit(Message, tag="input_audio_buffer.commit"):
    """Makes an item of the buffered audio; an error with less than 100 ms of it."""

    event_id: Maybe[str] = UNSET


class BufferClear(Message, tag="input_audio_buffer.clear"):
    """Forgets the buffered audio."""

    event_id: Maybe[str] = UNSET


class ImageAppend(Message, tag="input_image_buffer.append"):
    """Qwen: a frame of what the camera sees, in base64; committed with the audio."""

    image: str
    event_id: Maybe[str] = UNSET


class OutputBufferClear(Message, tag="output_audio_buffer.clear"):
    """WebRTC and SIP only."""

    event_id: Maybe[str] = UNSET


class ItemCreate(Message, tag="conversation.item.create"):
    """Adds an item; `previous_item_id` ``root`` is the beginning. Ids of at most 32 characters."""

    item: Item
    previous_item_id: Maybe[str] = UNSET
    event_id: Maybe[str] = UNSET


class ItemRetrieve(Message, tag="conversation.item.retrieve"):
    """Asks for an item as the service keeps it."""

    item_id: str
    event_id: Maybe[str] = UNSET


class ItemTruncate(Message, tag="conversation.item.truncate"):
    """Cuts an assistant's spoken item; an error beyond its length."""

    item_id: str
    content_index: int = 0
    audio_end_ms: int = 0
    event_id: Maybe[str] = UNSET


class ItemDelete(Message, tag="conversation.item.delete"):
    """Removes an item."""

    item_id: str
    event_id: Maybe[str] = UNSET


class ResponseCreate(Message, tag="response.create"):
    """Asks for a response; refused while one of the conversation is active."""

    response: Maybe[dict[str, Any]] = UNSET
    event_id: Maybe[str] = UNSET


class ResponseCancel(Message, tag="response.cancel"):
    """Stops a response; an error (that harms nothing) when none is active."""

    response_id: Maybe[str] = UNSET
    event_id: Maybe[str] = UNSET


# ------------------------------------------------------------------ from the server: session, conversation


class Error(Message, tag="error"):
    """A message was refused, or the session broke."""

    event_id: str | None = ""
    error: ErrorDetail = msgspec.field(default_factory=ErrorDetail)


class SessionCreated(Message, tag="session.created"):
    """The first message of a session."""

    event_id: str | None = ""
    session: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])


class SessionUpdated(Message, tag="session.updated"):
    """The whole session after a ``session.update``."""

    event_id: str | None = ""
    session: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])


class ConversationCreated(Message, tag="conversation.created"):
    """The conversation, right after the session."""

    event_id: str | None = ""
    conversation: dict[str, Any] = msgspec.field(
        default_factory=dict[str, Any]
    )  # id, object: "realtime.conversation"


class ItemCreated(Message, tag="conversation.item.created"):
    """The beta's name; still in the union."""

    event_id: str | None = ""
    previous_item_id: str | None = None
    item: Item | None = msgspec.field(default_factory=Item)


class ItemAdded(Message, tag="conversation.item.added"):
    """An item took its place, perhaps still empty."""

    event_id: str | None = ""
    previous_item_id: str | None = None
    item: Item | None = msgspec.field(default_factory=Item)


class ItemDone(Message, tag="conversation.item.done"):
    """An item is complete."""

    event_id: str | None = ""
    previous_item_id: str | None = None
    item: Item | None = msgspec.field(default_factory=Item)


class ItemRetrieved(Message, tag="conversation.item.retrieved"):
    """The answer to a retrieve."""

    event_id: str | None = ""
    item: Item | None = msgspec.field(default_factory=Item)


class ItemTruncated(Message, tag="conversation.item.truncated"):
    """The answer to a truncate."""

    event_id: str | None = ""
    item_id: str = ""
    content_index: int | None = 0
    audio_end_ms: float = 0


class ItemDeleted(Message, tag="conversation.item.deleted"):
    """The answer to a delete."""

    event_id: str | None = ""
    item_id: str = ""


# ------------------------------------------------------------------ from the server: the user's audio


class TranscriptionDelta(Message, tag="conversation.item.input_audio_transcription.delta"):
    """More of the user's words."""

    event_id: str | None = ""
    item_id: str = ""
    content_index: int | None = 0
    delta: str | None = ""
    logprobs: Any = UNSET
    obfuscation: Maybe[str] = UNSET


class TranscriptionUpdated(Message, tag="conversation.item.input_audio_transcription.updated"):
    """All of the user's words so far, and earlier ones may have changed: xAI (https://docs.x.ai/voice-realtime.ws.json, 2026-10)."""

    event_id: str | None = ""
    item_id: str = ""
    transcript: str = ""


class TranscriptionCompleted(Message, tag="conversation.item.input_audio_transcription.completed"):
    """All of the user's words."""

    event_id: str | None = ""
    item_id: str = ""
    content_index: int | None = 0
    transcript: str = ""
    logprobs: Any = UNSET
    usage: Maybe[TranscriptionUsage] = UNSET
    languages: Any = UNSET


class TranscriptionSegment(Message, tag="conversation.item.input_audio_transcription.segment"):
    """Words with their speaker and time (seconds)."""

    event_id: str | None = ""
    item_id: str = ""
    content_index: int | None = 0
    id: str = ""
    text: str = ""
    speaker: str = ""
    start: float = 0
    end: float = 0


class TranscriptionFailed(Message, tag="conversation.item.input_audio_transcription.failed"):
    """The words of this item will not come."""

    event_id: str | None = ""
    item_id: str = ""
    content_index: int | None = 0
    error: ErrorDetail = msgspec.field(default_factory=ErrorDetail)


class BufferCommitted(Message, tag="input_audio_buffer.committed"):
    """The buffered audio will be this item."""

    event_id: str | None = ""
    previous_item_id: str | None = None
    item_id: str = ""


class BufferCleared(Message, tag="input_audio_buffer.cleared"):
    """The answer to a clear."""

    event_id: str | None = ""


class SpeechStarted(Message, tag="input_audio_buffer.speech_started"):
    """Speech begins at this ms of all audio written to the buffer."""

    event_id: str | None = ""
    audio_start_ms: float = 0
    item_id: str = ""


class SpeechStopped(Message, tag="input_audio_buffer.speech_stopped"):
    """Speech ended at this ms of all audio written to the buffer."""

    event_id: str | None = ""
    audio_end_ms: float = 0
    item_id: str = ""


class Ping(Message, tag="ping"):
    """xAI and others: to be left unanswered."""

    event_id: str | None = ""
    timestamp: float = 0  # Unix milliseconds


class TimeoutTriggered(Message, tag="input_audio_buffer.timeout_triggered"):
    """Nobody spoke for `idle_timeout_ms`; the silence becomes an item, and a response follows."""

    event_id: str | None = ""
    audio_start_ms: float = 0
    audio_end_ms: float = 0
    item_id: str = ""


class DtmfReceived(Message, tag="input_audio_buffer.dtmf_event_received"):
    """A telephone key (SIP only); the one message without an `event_id`."""

    event: str = ""
    received_at: float = 0


# ------------------------------------------------------------------ from the server: responses


class OutputBufferStarted(Message, tag="output_audio_buffer.started"):
    """WebRTC and SIP only."""

    event_id: str | None = ""
    response_id: str = ""


class OutputBufferStopped(Message, tag="output_audio_buffer.stopped"):
    """WebRTC and SIP only."""

    event_id: str | None = ""
    response_id: str = ""


class OutputBufferCleared(Message, tag="output_audio_buffer.cleared"):
    """WebRTC and SIP only."""

    event_id: str | None = ""
    response_id: str = ""


class ResponseCreated(Message, tag="response.created"):
    """A response begins."""

    event_id: str | None = ""
    response: Response = msgspec.field(default_factory=Response)


class ResponseDone(Message, tag="response.done"):
    """A response is over, however it went. Some write what it cost beside it (xAI, recorded 2026-07)."""

    event_id: str | None = ""
    response: Response = msgspec.field(default_factory=Response)
    usage: Maybe[Usage] = UNSET


class OutputItemAdded(Message, tag="response.output_item.added"):
    """A response's next item begins."""

    event_id: str | None = ""
    response_id: str = ""
    output_index: int | None = 0
    item: Item | None = msgspec.field(default_factory=Item)


class OutputItemDone(Message, tag="response.output_item.done"):
    """A response's item is complete."""

    event_id: str | None = ""
    response_id: str = ""
    output_index: int | None = 0
    item: Item | None = msgspec.field(default_factory=Item)


class ContentPartAdded(Message, tag="response.content_part.added"):
    """An item's next part begins; `part.type` is ``text`` or ``audio``."""

    event_id: str | None = ""
    response_id: str = ""
    item_id: str = ""
    output_index: int | None = 0
    content_index: int | None = 0
    part: Content = msgspec.field(default_factory=Content)


class ContentPartDone(Message, tag="response.content_part.done"):
    """An item's part is complete."""

    event_id: str | None = ""
    response_id: str = ""
    item_id: str = ""
    output_index: int | None = 0
    content_index: int | None = 0
    part: Content = msgspec.field(default_factory=Content)


class TextDelta(Message, tag="response.output_text.delta"):
    """More written words."""

    event_id: str | None = ""
    response_id: str = ""
    item_id: str = ""
    output_index: int | None = 0
    content_index: int | None = 0
    delta: str = ""
    obfuscation: Maybe[str] = UNSET


class TextDone(Message, tag="response.output_text.done"):
    """All written words of a part."""

    event_id: str | None = ""
    response_id: str = ""
    item_id: str = ""
    output_index: int | None = 0
    content_index: int | None = 0
    text: str = ""


class AudioDelta(Message, tag="response.output_audio.delta"):
    """More audio, base64. The one message that comes often."""

    event_id: str | None = ""
    response_id: str = ""
    item_id: str = ""
    output_index: int | None = 0
    content_index: int | None = 0
    delta: str = ""


class AudioDone(Message, tag="response.output_audio.done"):
    """All audio of a part was sent."""

    event_id: str | None = ""
    response_id: str = ""
    item_id: str = ""
    output_index: int | None = 0
    content_index: int | None = 0


class TranscriptDelta(Message, tag="response.output_audio_transcript.delta"):
    """More of the words that the audio speaks."""

    event_id: str | None = ""
    response_id: str = ""
    item_id: str = ""
    output_index: int | None = 0
    content_index: int | None = 0
    delta: str = ""
    obfuscation: Maybe[str] = UNSET


class TranscriptDone(Message, tag="response.output_audio_transcript.done"):
    """All words that the audio of a part speaks."""

    event_id: str | None = ""
    response_id: str = ""
    item_id: str = ""
    output_index: int | None = 0
    content_index: int | None = 0
    transcript: str = ""


class ArgumentsDelta(Message, tag="response.function_call_arguments.delta"):
    """More of a call's arguments."""

    event_id: str | None = ""
    response_id: str = ""
    item_id: str = ""
    output_index: int | None = 0
    call_id: str = ""
    delta: str = ""
    obfuscation: Maybe[str] = UNSET


class ArgumentsDone(Message, tag="response.function_call_arguments.done"):
    """A call is whole; some servers leave `name` out."""

    event_id: str | None = ""
    response_id: str = ""
    item_id: str = ""
    output_index: int | None = 0
    call_id: str = ""
    name: Maybe[str] = UNSET
    arguments: str = ""


# ------------------------------------------------------------------ from the server: MCP, limits


class McpListToolsInProgress(Message, tag="mcp_list_tools.in_progress"):
    """The service asks an MCP server for its tools."""

    event_id: str | None = ""
    item_id: str = ""


class McpListToolsCompleted(Message, tag="mcp_list_tools.completed"):
    """It has them."""

    event_id: str | None = ""
    item_id: str = ""


class McpListToolsFailed(Message, tag="mcp_list_tools.failed"):
    """It could not get them."""

    event_id: str | None = ""
    item_id: str = ""


class McpArgumentsDelta(Message, tag="response.mcp_call_arguments.delta"):
    """More of an MCP call's arguments."""

    event_id: str | None = ""
    response_id: str = ""
    item_id: str = ""
    output_index: int | None = 0
    delta: str = ""
    obfuscation: Maybe[str] = UNSET


class McpArgumentsDone(Message, tag="response.mcp_call_arguments.done"):
    """An MCP call is whole."""

    event_id: str | None = ""
    response_id: str = ""
    item_id: str = ""
    output_index: int | None = 0
    arguments: str | None = ""


class McpCallInProgress(Message, tag="response.mcp_call.in_progress"):
    """The service makes an MCP call."""

    event_id: str | None = ""
    output_index: int | None = 0
    item_id: str = ""


class McpCallCompleted(Message, tag="response.mcp_call.completed"):
    """An MCP call succeeded."""

    event_id: str | None = ""
    output_index: int | None = 0
    item_id: str = ""


class McpCallFailed(Message, tag="response.mcp_call.failed"):
    """An MCP call failed."""

    event_id: str | None = ""
    output_index: int | None = 0
    item_id: str = ""


class RateLimitsUpdated(Message, tag="rate_limits.updated"):
    """What is left, at the beginning of a response."""

    event_id: str | None = ""
    rate_limits: list[RateLimit] = msgspec.field(default_factory=list[RateLimit])


# ------------------------------------------------------------------ the beta's names for six of them


class BetaTextDelta(TextDelta, tag="response.text.delta"):
    """`TextDelta` as self-hosted servers and Azure write it."""


class BetaTextDone(TextDone, tag="response.text.done"):
    """`TextDone` as self-hosted servers and Azure write it."""


class BetaAudioDelta(AudioDelta, tag="response.audio.delta"):
    """`AudioDelta` as self-hosted servers and Azure write it."""


class BetaAudioDone(AudioDone, tag="response.audio.done"):
    """`AudioDone` as self-hosted servers and Azure write it."""


class BetaTranscriptDelta(TranscriptDelta, tag="response.audio_transcript.delta"):
    """`TranscriptDelta` as self-hosted servers and Azure write it."""


class BetaTranscriptDone(TranscriptDone, tag="response.audio_transcript.done"):
    """`TranscriptDone` as self-hosted servers and Azure write it."""


# ------------------------------------------------------------------ both ways

ClientMessage: TypeAlias = (
    SessionUpdate | BufferAppend | BufferCommit | BufferClear | OutputBufferClear | ItemCreate | ItemRetrieve
    | ItemTruncate | ItemDelete | ResponseCreate | ResponseCancel
)  # fmt: skip
ServerMessage: TypeAlias = (
    Error | SessionCreated | SessionUpdated | ConversationCreated | ItemCreated | ItemAdded | ItemDone | ItemRetrieved
    | ItemTruncated | ItemDeleted | TranscriptionDelta | TranscriptionCompleted | TranscriptionSegment
    | TranscriptionFailed | BufferCommitted | BufferCleared | SpeechStarted | SpeechStopped | TimeoutTriggered
    | DtmfReceived | OutputBufferStarted | OutputBufferStopped | OutputBufferCleared | ResponseCreated | ResponseDone
    | OutputItemAdded | OutputItemDone | ContentPartAdded | ContentPartDone | TextDelta | TextDone | AudioDelta
    | AudioDone | TranscriptDelta | TranscriptDone | ArgumentsDelta | ArgumentsDone | McpListToolsInProgress
    | McpListToolsCompleted | McpListToolsFailed | McpArgumentsDelta | McpArgumentsDone | McpCallInProgress
    | McpCallCompleted | McpCallFailed | RateLimitsUpdated
)  # fmt: skip
OtherMessage: TypeAlias = (
    BetaTextDelta | BetaTextDone | BetaAudioDelta | BetaAudioDone | BetaTranscriptDelta | BetaTranscriptDone
    | TranscriptionUpdated | Ping
)  # fmt: skip

CLIENT_TYPES: Final[dict[str, type[Message]]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(ClientMessage)
}
SERVER_TYPES: Final[dict[str, type[Message]]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(ServerMessage)
}

OTHER_TYPES: Final = frozenset(str(kind.__struct_config__.tag) for kind in get_args(OtherMessage))
"""Messages of other services that speak this wire."""

encode: Final[Callable[[Message], bytes]] = msgspec.json.Encoder().encode
"""A message as UTF-8 JSON; `type` comes first."""

decode_server: Final[Callable[[bytes | str], ServerMessage | OtherMessage]] = msgspec.json.Decoder[
    ServerMessage | OtherMessage
](ServerMessage | OtherMessage).decode
"""A frame from a server. Raises `msgspec.DecodeError`; for an unknown type its subclass `ValidationError`."""


decode_client: Final[Callable[[bytes | str], ClientMessage | ImageAppend]] = msgspec.json.Decoder[
    ClientMessage | ImageAppend
](ClientMessage | ImageAppend).decode
"""A frame from a client. Raises `msgspec.DecodeError`; for an unknown type its subclass `ValidationError`."""
