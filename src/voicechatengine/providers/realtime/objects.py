"""The objects inside OpenAI's realtime messages: session, item, response, usage. It knows no message and no rule.

One struct serves both directions. Encoding writes the fields in the order in which the service writes them; `UNSET` fields
stay away, None is written as null. Decoding ignores what it does not know and tolerates what is missing.

Sources, read 2026-11-22: https://platform.openai.com/docs/api-reference/realtime-server-events and the types of the
`openai` package 3.54.0 (`openai/types/realtime`); the order of the fields is that of recorded sessions of 2026-07.
"""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

T = TypeVar("T")
Maybe: TypeAlias = T | None | UnsetType
"""A value, null, or absent."""


class Wire(msgspec.Struct):
    """The base of every wire struct; untagged, so that each message has a tag of its own."""


# ------------------------------------------------------------------ session


class Format(Wire):
    """`RealtimeAudioFormats`: ``audio/pcm`` (with `rate`, only 24000), ``audio/pcmu``, ``audio/pcma`` (both 8000 Hz)."""

    type: Maybe[str] = UNSET
    rate: Maybe[int] = UNSET


class Transcription(Wire):
    """`AudioTranscription`: `delay` only for gpt-realtime-whisper, `languages` and `keywords` for gpt-(live-)transcribe."""

    model: Maybe[str] = UNSET
    language: Maybe[str] = UNSET
    prompt: Maybe[str] = UNSET
    delay: Maybe[str] = UNSET
    languages: Maybe[list[str]] = UNSET
    keywords: Maybe[list[str]] = UNSET


class NoiseReduction(Wire):
    """``near_field`` or ``far_field``."""

    type: Maybe[str] = UNSET
    strength: Maybe[float] = UNSET


class TurnDetection(Wire):
    """`RealtimeAudioInputTurnDetection`: ``server_vad`` (threshold to idle_timeout_ms) or ``semantic_vad`` (eagerness)."""

    type: str = "server_vad"
    threshold: Maybe[float] = UNSET
    prefix_padding_ms: Maybe[int] = UNSET
    silence_duration_ms: Maybe[int] = UNSET
    idle_timeout_ms: Maybe[int] = UNSET
    eagerness: Maybe[str] = UNSET
    create_response: Maybe[bool] = UNSET
    interrupt_response: Maybe[bool] = UNSET


class AudioInput(Wire):
    """`RealtimeAudioConfigInput`."""

    format: Maybe[Format] = UNSET
    transcription: Maybe[Transcription] = UNSET
    noise_reduction: Maybe[NoiseReduction] = UNSET
    turn_detection: Maybe[TurnDetection] = UNSET


class AudioOutput(Wire):
    """`RealtimeAudioConfigOutput`; `voice` is a name or ``{"id": "voice_…"}``. A response's has no `speed`."""

    format: Maybe[Format] = UNSET
    voice: Any = UNSET
    speed: Maybe[float] = UNSET


class Audio(Wire):
    """`RealtimeAudioConfig`; a response's has only `output`."""

    input: Maybe[AudioInput] = UNSET
    output: Maybe[AudioOutput] = UNSET


class Session(Wire):
    """`RealtimeSessionCreateResponse`, and with fewer fields the session of ``session.update``."""

    type: str = "realtime"
    object: Maybe[str] = UNSET
    id: Maybe[str] = UNSET
    model: Maybe[str] = UNSET
    output_modalities: Maybe[list[str]] = UNSET
    instructions: Maybe[str] = UNSET
    tools: Maybe[list[dict[str, Any]]] = UNSET
    tool_choice: Any = UNSET  # auto, none, required, or an object that names one tool
    max_output_tokens: Maybe[int | str] = UNSET  # a number or "inf"
    tracing: Any = UNSET  # "auto", an object or null
    truncation: Any = UNSET  # auto, disabled, or an object
    prompt: Any = UNSET
    expires_at: Maybe[int | float] = UNSET  # Unix seconds
    audio: Maybe[Audio] = UNSET
    include: Maybe[list[str]] = UNSET
    parallel_tool_calls: Maybe[bool] = UNSET
    reasoning: Any = UNSET


# ------------------------------------------------------------------ items


class Content(Wire):
    """A part of an item's content (``input_text``, ``input_audio``, ``input_image``, ``output_text``, ``output_audio``), or of
    a ``content_part`` event (there ``text`` or ``audio``).
    """

    type: Maybe[str] = UNSET
    text: Maybe[str] = UNSET
    audio: Maybe[str] = UNSET  # base64
    transcript: Maybe[str] = UNSET
    image_url: Maybe[str] = UNSET  # a data URI
    detail: Maybe[str] = UNSET


class Item(Wire):
    """`ConversationItem`, all nine kinds: `type` says which, and so which fields it has."""

    id: Maybe[str] = UNSET
    type: Maybe[str] = UNSET
    object: Maybe[str] = UNSET
    status: Maybe[str] = UNSET
    role: Maybe[str] = UNSET
    content: Maybe[list[Content]] = UNSET
    name: Maybe[str] = UNSET
    call_id: Maybe[str] = UNSET
    arguments: Maybe[str] = UNSET
    output: Maybe[str] = UNSET
    server_label: Maybe[str] = UNSET
    tools: Maybe[list[dict[str, Any]]] = UNSET
    approval_request_id: Maybe[str] = UNSET
    approve: Maybe[bool] = UNSET
    reason: Maybe[str] = UNSET
    error: Any = UNSET


# ------------------------------------------------------------------ responses


class ErrorDetail(Wire):
    """`RealtimeError`: what went wrong, and the `event_id` of the client message that it is about."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None
    event_id: str | None = None


class StatusError(Wire):
    """Why a response failed."""

    type: Maybe[str] = UNSET
    code: Maybe[str] = UNSET
    message: Maybe[str] = UNSET


class StatusDetails(Wire):
    """`RealtimeResponseStatus`: `reason` is turn_detected, client_cancelled, max_output_tokens or content_filter."""

    type: Maybe[str] = UNSET
    reason: Maybe[str] = UNSET
    error: Maybe[StatusError] = UNSET


class CachedTokens(Wire):
    """The cached part of the input, by modality."""

    text_tokens: int | None = 0
    audio_tokens: int | None = 0
    image_tokens: int | None = 0


class InputTokens(Wire):
    """The input by modality, and how much of it was cached."""

    text_tokens: int | None = 0
    audio_tokens: int | None = 0
    image_tokens: int | None = 0
    cached_tokens: int | None = 0
    cached_tokens_details: Maybe[CachedTokens] = UNSET


class OutputTokens(Wire):
    """The output by modality."""

    text_tokens: int | None = 0
    audio_tokens: int | None = 0


class Usage(Wire):
    """`RealtimeResponseUsage`."""

    total_tokens: int | None = 0
    input_tokens: int | None = 0
    output_tokens: int | None = 0
    input_token_details: Maybe[InputTokens] = UNSET
    output_token_details: Maybe[OutputTokens] = UNSET


class TranscriptionInputTokens(Wire):
    """The input of a transcription by modality."""

    text_tokens: int | None = 0
    audio_tokens: int | None = 0


class TranscriptionUsage(Wire):
    """What a transcription cost: `type` ``tokens`` with the counts, or ``duration`` with `seconds`."""

    type: str = "tokens"
    total_tokens: Maybe[int] = UNSET
    input_tokens: Maybe[int] = UNSET
    input_token_details: Maybe[TranscriptionInputTokens] = UNSET
    output_tokens: Maybe[int] = UNSET
    seconds: Maybe[float] = UNSET


class Response(Wire):
    """`RealtimeResponse`."""

    object: str | None = "realtime.response"
    id: str | None = None
    status: str | None = None  # in_progress, completed, cancelled, failed, incomplete
    status_details: Any = None  # `StatusDetails`; some say a word instead
    output: list[Item] | None = None
    conversation_id: Maybe[str] = UNSET  # null: out of band
    output_modalities: list[str] | None = None
    max_output_tokens: int | str | None = None
    audio: Maybe[Audio] = UNSET
    usage: Usage | None = None
    metadata: dict[str, str] | None = None


class ResponseParams(Wire):
    """`RealtimeResponseCreateParams`; `input` holds items, also ``{"type": "item_reference", "id": …}``."""

    conversation: Maybe[str] = UNSET  # auto, or none: out of band
    output_modalities: Maybe[list[str]] = UNSET
    instructions: Maybe[str] = UNSET
    audio: Maybe[Audio] = UNSET
    tools: Maybe[list[dict[str, Any]]] = UNSET
    tool_choice: Any = UNSET
    max_output_tokens: Maybe[int | str] = UNSET
    input: Maybe[list[Item]] = UNSET
    metadata: Maybe[dict[str, str]] = UNSET
    prompt: Any = UNSET
    parallel_tool_calls: Maybe[bool] = UNSET
    reasoning: Any = UNSET


class RateLimit(Wire):
    """One limit: ``requests`` or ``tokens``."""

    name: str | None = None
    limit: float | None = None
    remaining: float | None = None
    reset_seconds: float | None = None
