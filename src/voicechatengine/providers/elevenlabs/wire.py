"""ElevenLabs' messages on two of its websockets, one struct each: Scribe realtime and multi-context speech. No rule, no state.

Both sides use the same structs. What a decoder does not know it ignores; what is missing has a default. Scribe names its
messages in ``message_type``; the messages of the other socket have no name and are known by their fields.

Sources, read 2026-11-22: https://elevenlabs.io/docs/api-reference/speech-to-text/v-1-speech-to-text-realtime,
https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input and the `elevenlabs`
package 2.78.0 (`InputAudioChunkPayload`, `ReceiveTranscription`, `WebsocketTtsClientMessageMulti`, `ReceiveMessageMulti`,
`TextToDialogueWebsocketError`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

LISTEN_PATH: Final = "/v1/speech-to-text/realtime"
SPEAK_PATH: Final = "/v1/text-to-speech/{voice}/multi-stream-input"

T = TypeVar("T")
Maybe: TypeAlias = T | UnsetType


class Wire(msgspec.Struct):
    """The base of every struct here."""


# ------------------------------------------------------------------ Scribe realtime


class InputAudioChunk(Wire, tag_field="message_type", tag="input_audio_chunk"):
    """More audio, in base64; `commit` ends the segment behind it. `previous_text` only with a session's first audio."""

    audio_base_64: str
    commit: bool
    sample_rate: int
    previous_text: Maybe[str | None] = UNSET


class SessionConfig(Wire):
    """What the session was opened with, as the service understood it."""

    sample_rate: int | None = None
    audio_format: str | None = None
    language_code: str | None = None
    commit_strategy: str | None = None
    vad_silence_threshold_secs: float | None = None
    vad_threshold: float | None = None
    min_speech_duration_ms: int | None = None
    min_silence_duration_ms: int | None = None
    model_id: str | None = None
    enable_logging: bool | None = None
    include_timestamps: bool | None = None
    include_language_detection: bool | None = None
    keyterms: list[str] | None = None
    no_verbatim: bool | None = None


class Scribed(Wire, tag_field="message_type"):
    """The base of Scribe's messages."""


class SessionStarted(Scribed, tag="session_started"):
    """The first message: the service will listen."""

    session_id: str = ""
    config: SessionConfig = msgspec.field(default_factory=SessionConfig)


class PartialTranscript(Scribed, tag="partial_transcript"):
    """The words of the open segment so far; they may change."""

    text: str


class CommittedTranscript(Scribed, tag="committed_transcript"):
    """The words of a segment that is over: one for each commit, in their order."""

    text: str


class ScribeError(Wire):
    """Something that ends the session; `message_type` is one of the kinds in `failures.SCRIBE`. The same fields for all 14."""

    message_type: str
    error: str


class Unnamed(Wire):
    """What a message that is none of the above may hold."""

    message_type: str | None = None
    error: str | None = None
    warning: str | None = None


FromScribe: TypeAlias = SessionStarted | PartialTranscript | CommittedTranscript

# ------------------------------------------------------------------ speech with several contexts


class VoiceSettings(Wire, forbid_unknown_fields=True):
    """How a voice speaks: 0..1 each, but `speed` 0.7..1.2."""

    stability: Maybe[float | None] = UNSET
    similarity_boost: Maybe[float | None] = UNSET
    style: Maybe[float | None] = UNSET
    use_speaker_boost: Maybe[bool | None] = UNSET
    speed: Maybe[float | None] = UNSET


class ToSpeech(Wire):
    """Every message of a client: text for a context (a new one begins with a space), its flush, its end, the socket's end.

    Settings only with the first message of a context. An empty text keeps a context alive.
    """

    text: Maybe[str | None] = UNSET
    voice_settings: Maybe[VoiceSettings | None] = UNSET
    generation_config: Maybe[dict[str, Any] | None] = UNSET
    pronunciation_dictionary_locators: Maybe[list[dict[str, Any]] | None] = UNSET
    xi_api_key: Maybe[str | None] = UNSET
    context_id: Maybe[str | None] = UNSET
    flush: Maybe[bool | None] = UNSET
    close_context: Maybe[bool | None] = UNSET
    close_socket: Maybe[bool | None] = UNSET


class AudioOutput(Wire, rename="camel"):
    """A piece of a context's sound in base64; with timing of its letters where that was asked for."""

    audio: str
    alignment: dict[str, Any] | None = None
    normalized_alignment: dict[str, Any] | None = None
    context_id: str | None = None


class FinalOutput(Wire, rename="camel"):
    """The end of a context that was closed: nothing more comes of it."""

    is_final: bool = True
    context_id: str | None = None


class SpeechError(Wire):
    """Something that ends the socket: what, its name, and the code with which the socket is closed right after."""

    message: str
    error: str
    code: int = 1008


class FromSpeech(Wire, rename="camel"):
    """Every message of the service: those three by their fields."""

    audio: str | None = None
    is_final: bool | None = None
    context_id: str | None = None
    error: str | None = None
    message: str | None = None


encode: Final = msgspec.json.Encoder().encode
decode_scribe: Final[Callable[[bytes | str], FromScribe]] = msgspec.json.Decoder(FromScribe).decode
decode_unnamed: Final = msgspec.json.Decoder(Unnamed).decode
decode_chunk: Final = msgspec.json.Decoder(InputAudioChunk).decode
decode_speech: Final = msgspec.json.Decoder(FromSpeech).decode
decode_text: Final = msgspec.json.Decoder(ToSpeech).decode
decode_object: Final = msgspec.json.Decoder(dict[str, Any]).decode
