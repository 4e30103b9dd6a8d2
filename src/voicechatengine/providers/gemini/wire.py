"""Gemini Live's messages (BidiGenerateContent), both ways. No rule, no state.

There is no type: a client message is an object with one key, a server message one with any number of them (usage rides on
whichever comes). The service reads camelCase and snake_case and writes camelCase, in binary frames; `camel` makes one of both.
`setup` stays a mapping, because a client merges a vendor's own options into it and a server must name an unknown field.

Sources, read 2026-11-22: https://ai.google.dev/api/live and the `google-genai` package 3.4.0 (`LiveClientMessage`,
`LiveServerMessage`, `_live_converters.py` for what Vertex names otherwise); recorded sessions of 2.5 and 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, cast

import msgspec
import pybase64

from voicechatengine.providers.gemini.objects import (
    Blob,
    Content,
    FunctionCall,
    FunctionResponse,
    Part,
    Transcription,
    Usage,
    Wire,
)

# ------------------------------------------------------------------ from the client


class ClientContent(Wire):
    """Content for the conversation. It interrupts what is being generated; `turn_complete` asks for a reply."""

    turns: list[Content] | None = None
    turn_complete: bool | None = None


class RealtimeInput(Wire):
    """One of these: audio, a picture, text, the edges of a turn that the client detects, or a pause of the microphone.

    `media_chunks` is the old form of `audio` and `video`. `text` counts as the user's activity, so it is answered.
    """

    audio: Blob | None = None
    video: Blob | None = None
    text: str | None = None
    audio_stream_end: bool | None = None
    activity_start: dict[str, Any] | None = None
    activity_end: dict[str, Any] | None = None
    media_chunks: list[Blob] | None = None


class ToolResponse(Wire):
    """Results of calls, all of a round or some."""

    function_responses: list[FunctionResponse] | None = None


class ContextUpdate(Wire):
    """New instructions, new tools (``{"tools": []}`` clears them), or both; 3.8 and later."""

    system_instruction: Content | None = None
    tools: dict[str, Any] | None = None


class ClientMessage(Wire, forbid_unknown_fields=True):
    """What a client says: exactly one of these."""

    setup: dict[str, Any] | None = None
    client_content: ClientContent | None = None
    realtime_input: RealtimeInput | None = None
    tool_response: ToolResponse | None = None
    context_update: ContextUpdate | None = None


# ------------------------------------------------------------------ from the server


class SetupComplete(Wire):
    """The answer to `setup`, before anything else."""

    session_id: str | None = None


class ServerContent(Wire, forbid_unknown_fields=True):
    """What the model makes. An interrupted turn is `interrupted`, then `turn_complete`, with no `generation_complete`."""

    model_turn: Content | None = None
    output_transcription: Transcription | None = None
    input_transcription: Transcription | None = None
    interim_input_transcription: Transcription | None = None
    interrupted: bool | None = None
    generation_complete: bool | None = None
    turn_complete: bool | None = None
    turn_complete_reason: str | None = None
    waiting_for_input: bool | None = None
    interaction_status: str | None = None


class ToolCall(Wire):
    """Calls, each whole."""

    function_calls: list[FunctionCall] | None = None


class ToolCallCancellation(Wire):
    """Calls whose results are not wanted any more: the turn was interrupted."""

    ids: list[str] | None = None


class GoAway(Wire):
    """The connection will be cut; `time_left` is a duration, ``"9.5s"``."""

    time_left: str | None = None


class SessionResumptionUpdate(Wire):
    """A `new_handle` with which another connection can go on; none while `resumable` is not true.

    `last_consumed_client_message_index` comes in transparent mode: the client messages that the handle's state holds.
    """

    new_handle: str | None = None
    resumable: bool | None = None
    last_consumed_client_message_index: int | str | None = None


class VoiceActivity(Wire):
    """Speech began or ended, `audio_offset` (a duration) into the audio. The package reads `type`, and documents the other name."""

    type: str | None = None
    voice_activity_type: str | None = None
    audio_offset: str | None = None


class VadSignal(Wire):
    """The same on Vertex, where `explicitVadSignal` was asked for: ``VAD_SIGNAL_TYPE_SOS`` or ``…_EOS``."""

    vad_signal_type: str | None = None


class ServerMessage(Wire, forbid_unknown_fields=True):
    """What a server says: any of these at once, or none."""

    setup_complete: SetupComplete | None = None
    server_content: ServerContent | None = None
    tool_call: ToolCall | None = None
    tool_call_cancellation: ToolCallCancellation | None = None
    usage_metadata: Usage | None = None
    go_away: GoAway | None = None
    session_resumption_update: SessionResumptionUpdate | None = None
    voice_activity: VoiceActivity | None = None
    voice_activity_detection_signal: VadSignal | None = None


# ------------------------------------------------------------------ both ways

encode: Final[Callable[[Wire], bytes]] = msgspec.json.Encoder().encode
"""A message as UTF-8 JSON."""

decode_server: Final[Callable[[bytes | str], ServerMessage]] = msgspec.json.Decoder(ServerMessage).decode
"""A frame from a server. Raises `msgspec.DecodeError`; where something unknown is in it, its subclass `ValidationError`."""

_client: Final = msgspec.json.Decoder(ClientMessage).decode
_mapping: Final = msgspec.json.Decoder(dict[str, Any]).decode
_SERVER_KEYS: Final = frozenset(ServerMessage.__struct_encode_fields__)
_CONTENT_KEYS: Final = frozenset(ServerContent.__struct_encode_fields__)
_PART_KEYS: Final = frozenset(Part.__struct_encode_fields__)


def decode_odd(frame: bytes | str) -> tuple[ServerMessage, dict[str, Any]]:
    """The slow way: what is known of a server's frame, and as a mapping what is not. Raises `msgspec.DecodeError`.

    A part of a kind that is not known is unknown as a whole: a thing and its words belong together.
    """
    raw = cast("dict[str, Any]", camel(_mapping(frame)))
    unknown = {key: raw.pop(key) for key in raw.keys() - _SERVER_KEYS}
    content = raw.get("serverContent")
    if isinstance(content, dict):
        content = cast("dict[str, Any]", content)
        odd = {key: content.pop(key) for key in content.keys() - _CONTENT_KEYS}
        odd |= _odd_parts(content)
        if odd:
            unknown["serverContent"] = odd
    return decode_server(msgspec.json.encode(raw)), unknown


def _odd_parts(content: dict[str, Any]) -> dict[str, Any]:
    """Takes the parts of unknown kinds out of a model's turn."""
    turn = content.get("modelTurn")
    parts = cast("dict[str, Any]", turn).get("parts") if isinstance(turn, dict) else None
    if not isinstance(parts, list):
        return {}
    known: list[Any] = []
    odd: list[Any] = []
    for part in cast("list[object]", parts):
        is_known = not isinstance(part, dict) or not cast("dict[str, Any]", part).keys() - _PART_KEYS
        (known if is_known else odd).append(part)
    cast("dict[str, Any]", turn)["parts"] = known
    return {"modelTurn": {"parts": odd}} if odd else {}


def decode_client(frame: bytes | str) -> ClientMessage:
    """A frame from a client, in either case. Raises `msgspec.DecodeError`; for what is unknown its subclass `ValidationError`."""
    return _client(msgspec.json.encode(camel(_mapping(frame))))


# ------------------------------------------------------------------ spelling

_FREE: Final = frozenset(
    {"args", "response", "parametersJsonSchema", "responseJsonSchema", "labels", "partMetadata", "default"}
)
"""Fields whose value is the application's own."""
_NAMED: Final = frozenset({"properties", "defs"})
"""Fields that are mappings by names of the application's own, to objects of the service's."""

_WORD: Final = re.compile(r"_([a-z0-9])")


def camel(value: object) -> object:
    """JSON with the service's names in camelCase; what an application named stays as it is."""
    if isinstance(value, dict):
        return {
            (name := _camel_name(key)): (
                each
                if name in _FREE
                else {inner: camel(entry) for inner, entry in cast("dict[str, object]", each).items()}
                if name in _NAMED and isinstance(each, dict)
                else camel(each)
            )
            for key, each in cast("dict[str, object]", value).items()
        }
    if isinstance(value, list):
        return [camel(each) for each in cast("list[object]", value)]
    return value


def _camel_name(key: str) -> str:
    return _WORD.sub(lambda found: found[1].upper(), key) if "_" in key else key


def base64(text: str) -> bytes:
    """Bytes from base64 of either alphabet, padded or not. Raises `ValueError`."""
    try:
        return pybase64.b64decode(text, None, True)  # strict, which is the fast way
    except ValueError:
        plain = text.replace("-", "+").replace("_", "/").rstrip("=")
        return pybase64.b64decode(plain + "=" * (-len(plain) % 4), None, True)
