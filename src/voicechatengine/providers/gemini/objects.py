"""The objects inside Gemini Live's messages: content, calls, transcriptions, usage. It knows no message and no rule.

One struct serves both directions. Names are camelCase on the wire; what is None is absent, as in proto3 JSON. 64-bit numbers
may come as strings, which is why they are read as either. Decoding ignores what it does not know, but for `Part`.

Sources, read 2026-11-22: https://ai.google.dev/api/live, https://ai.google.dev/api/caching#Content and the types of the
`google-genai` package 3.4.0 (`google/genai/types.py`).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec


class Wire(msgspec.Struct, rename="camel", omit_defaults=True):
    """The base of every wire struct."""


class Blob(Wire):
    """Bytes as base64, standard or url-safe, with their type: ``audio/pcm;rate=24000``, ``image/jpeg``."""

    mime_type: str | None = None
    data: str | None = None
    display_name: str | None = None


NO_ARGS: Final = msgspec.Raw()
"""Arguments that are absent: a `Raw` cannot be None as well."""


class FunctionCall(Wire):
    """A call; `args` is a JSON object. `partial_args` and `will_continue`: streamed arguments, on Vertex where asked for."""

    id: str | None = None
    name: str | None = None
    args: msgspec.Raw = NO_ARGS
    partial_args: list[dict[str, Any]] | None = None
    will_continue: bool | None = None


class FunctionResponse(Wire):
    """What a call gave: `response` holds ``output`` or ``error``. `scheduling` and `will_continue`: non-blocking calls only."""

    id: str | None = None
    name: str | None = None
    response: dict[str, Any] | None = None
    scheduling: str | None = None
    will_continue: bool | None = None
    parts: list[dict[str, Any]] | None = None


class Part(Wire, forbid_unknown_fields=True):
    """One piece of content: text (a thought, where `thought`), bytes, a call or its result.

    The kinds that only ever pass through are `dict`; what is no kind at all is refused, so that it can be told as it came.
    """

    text: str | None = None
    inline_data: Blob | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None


class Content(Wire):
    """A turn, or a part of one: `role` is ``user`` or ``model`` (on Vertex also ``system``)."""

    parts: list[Part] | None = None
    role: str | None = None


class Transcription(Wire):
    """More words of something spoken; `finished` with the last ones, where the service says so."""

    text: str | None = None
    finished: bool | None = None
    language_code: str | None = None


class ModalityCount(Wire):
    """Tokens of one modality: TEXT, AUDIO, IMAGE, VIDEO, DOCUMENT."""

    modality: str | None = None
    token_count: int | None = None


class Usage(Wire):
    """`UsageMetadata`; Vertex says ``candidates…`` for what the Developer API calls ``response…``."""

    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    response_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    thoughts_token_count: int | None = None
    total_token_count: int | None = None
    prompt_tokens_details: list[ModalityCount] | None = None
    cache_tokens_details: list[ModalityCount] | None = None
    response_tokens_details: list[ModalityCount] | None = None
    tool_use_prompt_tokens_details: list[ModalityCount] | None = None
    candidates_token_count: int | None = None
    candidates_tokens_details: list[ModalityCount] | None = None
