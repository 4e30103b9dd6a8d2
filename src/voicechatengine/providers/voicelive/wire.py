"""What a client of Voice Live may say of a session and of a request for a response, in the service's own words. No rule, no state.

A simulated service holds these structs against what clients send; what they do not know is refused. Avatars are described by
WebRTC's and the renderer's settings, which mean nothing here: they stay mappings.

Sources, read 2026-11-22: the models of `azure-ai-voicelive` 1.3.1 (`RequestSession`, `ResponseCreateParams`);
https://learn.microsoft.com/azure/ai-services/speech-service/voice-live-api-reference (``prompt``, ``max_response_output_tokens``)
and https://learn.microsoft.com/azure/ai-services/speech-service/how-to-voice-live-auto-truncation; ``idle_timeout_ms`` as in a
recorded session of 2026-07.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

T = TypeVar("T")
Maybe: TypeAlias = T | None | UnsetType
"""A value, null, or absent."""

OpenAIName: TypeAlias = Literal[
    "alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"
]
NativeName: TypeAlias = Literal[
    "aarti", "andrew", "ava", "denise", "diya", "elsa", "florian", "francisca", "meera", "xiaoxiao", "yunxi", "ximena"
]  # fmt: skip
STANDARD: Final = r"^[a-z]{2,3}-[A-Z]\w*-\S+$"
"""How the names of Azure's standard voices look: a locale, and what the voice is called there."""

_Count: TypeAlias = Annotated[int, Meta(ge=0)]
_Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
_Name: TypeAlias = Annotated[str, Meta(min_length=1)]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """The base of all: `type` says which it is, where there are several."""


# ------------------------------------------------------------------ voices


class OpenAIVoice(Part, frozen=True, tag="openai"):
    """A voice of OpenAI's."""

    name: OpenAIName


class NativeVoice(Part, frozen=True, tag="azure-realtime-native"):
    """A voice of the model ``azure-realtime``."""

    name: NativeName


class StandardVoice(Part, frozen=True, tag="azure-standard"):
    """A voice that everybody has: ``en-US-AvaNeural``."""

    name: Annotated[str, Meta(pattern=STANDARD)]
    temperature: Maybe[_Share] = UNSET
    custom_lexicon_url: Maybe[str] = UNSET
    custom_text_normalization_url: Maybe[str] = UNSET
    prefer_locales: Maybe[list[str]] = UNSET
    locale: Maybe[str] = UNSET
    style: Maybe[str] = UNSET
    pitch: Maybe[str] = UNSET
    rate: Maybe[str] = UNSET
    volume: Maybe[str] = UNSET


class CustomVoice(Part, frozen=True, tag="azure-custom"):
    """A voice of one's own, at its endpoint."""

    name: _Name
    endpoint_id: _Name
    temperature: Maybe[_Share] = UNSET
    custom_lexicon_url: Maybe[str] = UNSET
    custom_text_normalization_url: Maybe[str] = UNSET
    prefer_locales: Maybe[list[str]] = UNSET
    locale: Maybe[str] = UNSET
    style: Maybe[str] = UNSET
    pitch: Maybe[str] = UNSET
    rate: Maybe[str] = UNSET
    volume: Maybe[str] = UNSET


class PersonalVoice(Part, frozen=True, tag="azure-personal"):
    """Somebody's voice, by its speaker profile, spoken by one of Azure's models."""

    name: _Name
    model: str
    temperature: Maybe[_Share] = UNSET
    custom_lexicon_url: Maybe[str] = UNSET
    custom_text_normalization_url: Maybe[str] = UNSET
    prefer_locales: Maybe[list[str]] = UNSET
    locale: Maybe[str] = UNSET
    style: Maybe[str] = UNSET
    pitch: Maybe[str] = UNSET
    rate: Maybe[str] = UNSET
    volume: Maybe[str] = UNSET


class AvatarVoice(Part, frozen=True, tag="avatar-voice-sync"):
    """The voice that belongs to an avatar."""

    model: str
    temperature: Maybe[_Share] = UNSET
    custom_lexicon_url: Maybe[str] = UNSET
    custom_text_normalization_url: Maybe[str] = UNSET
    prefer_locales: Maybe[list[str]] = UNSET
    locale: Maybe[str] = UNSET
    style: Maybe[str] = UNSET
    pitch: Maybe[str] = UNSET
    rate: Maybe[str] = UNSET
    volume: Maybe[str] = UNSET


Voice: TypeAlias = (
    OpenAIName | OpenAIVoice | NativeVoice | StandardVoice | CustomVoice | PersonalVoice | AvatarVoice
)

# ------------------------------------------------------------------ what is done with the user's audio


class EndOfUtterance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model that looks at the words to tell whether the user has finished; `timeout_ms` is how long it may doubt."""

    model: Literal["semantic_detection_v1", "semantic_detection_v1_en", "semantic_detection_v1_multilingual"]
    threshold_level: Maybe[Literal["low", "medium", "high", "default"]] = UNSET
    timeout_ms: Maybe[Annotated[float, Meta(ge=0)]] = UNSET


class ServerVad(Part, frozen=True, tag="server_vad"):
    """Silence ends a turn."""

    threshold: Maybe[_Share] = UNSET
    prefix_padding_ms: Maybe[_Count] = UNSET
    silence_duration_ms: Maybe[_Count] = UNSET
    idle_timeout_ms: Maybe[_Count] = UNSET
    end_of_utterance_detection: Maybe[EndOfUtterance] = UNSET
    auto_truncate: Maybe[bool] = UNSET
    create_response: Maybe[bool] = UNSET
    interrupt_response: Maybe[bool] = UNSET


class OpenAISemanticVad(Part, frozen=True, tag="semantic_vad"):
    """OpenAI's semantic detection, for its own models."""

    eagerness: Maybe[Literal["low", "medium", "high", "auto"]] = UNSET
    auto_truncate: Maybe[bool] = UNSET
    create_response: Maybe[bool] = UNSET
    interrupt_response: Maybe[bool] = UNSET


class _AzureVad(Part, frozen=True):
    threshold: Maybe[_Share] = UNSET
    prefix_padding_ms: Maybe[_Count] = UNSET
    silence_duration_ms: Maybe[_Count] = UNSET
    end_of_utterance_detection: Maybe[EndOfUtterance] = UNSET
    speech_duration_ms: Maybe[_Count] = UNSET
    remove_filler_words: Maybe[bool] = UNSET
    auto_truncate: Maybe[bool] = UNSET
    appended_text_after_truncation: Maybe[str] = UNSET
    create_response: Maybe[bool] = UNSET
    interrupt_response: Maybe[bool] = UNSET


class AzureSemanticVad(_AzureVad, frozen=True, tag="azure_semantic_vad"):
    """Azure's semantic detection."""

    languages: Maybe[list[str]] = UNSET


class AzureSemanticVadEn(_AzureVad, frozen=True, tag="azure_semantic_vad_en"):
    """The same, for English alone."""


class AzureSemanticVadMultilingual(_AzureVad, frozen=True, tag="azure_semantic_vad_multilingual"):
    """The same, for several languages."""

    languages: Maybe[list[str]] = UNSET


class Transcription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`phrase_list` and `custom_speech` are for ``azure-speech``, `prompt` for OpenAI's models."""

    model: str
    language: Maybe[str] = UNSET
    prompt: Maybe[str] = UNSET
    phrase_list: Maybe[list[str]] = UNSET
    custom_speech: Maybe[dict[str, str]] = UNSET


class NoiseReduction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Takes noise out of the user's audio before anything listens to it."""

    type: Literal["azure_deep_noise_suppression", "near_field", "far_field"]


class EchoCancellation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Takes the service's own speech out of the user's audio; with `reference_source` ``client`` that is a second channel."""

    type: Literal["server_echo_cancellation"]
    reference_source: Maybe[Literal["server", "client"]] = UNSET
    channels: Maybe[Annotated[int, Meta(ge=1, le=2)]] = UNSET


# ------------------------------------------------------------------ the rest


class _Interim(Part, frozen=True):
    triggers: Maybe[list[Literal["latency", "tool"]]] = UNSET
    latency_threshold_ms: Maybe[_Count] = UNSET


class StaticInterim(_Interim, frozen=True, tag="static_interim_response"):
    """One of these texts fills a wait."""

    texts: Maybe[list[str]] = UNSET


class LlmInterim(_Interim, frozen=True, tag="llm_interim_response"):
    """A model fills a wait."""

    model: Maybe[str] = UNSET
    instructions: Maybe[str] = UNSET
    max_completion_tokens: Maybe[_Count] = UNSET


class Animation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What moves a face along with the speech."""

    model_name: Maybe[str] = UNSET
    outputs: Maybe[list[Literal["blendshapes", "viseme_id"]]] = UNSET


Modalities: TypeAlias = list[Literal["text", "audio", "animation", "avatar"]]
OutputFormat: TypeAlias = Literal["pcm16", "pcm16_8000hz", "pcm16_16000hz", "g711_ulaw", "g711_alaw"]
Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
Metadata: TypeAlias = dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]]


class RequestSession(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The session of a ``session.update``."""

    model: Maybe[str] = UNSET
    modalities: Maybe[Modalities] = UNSET
    animation: Maybe[Animation] = UNSET
    voice: Maybe[Voice] = UNSET
    instructions: Maybe[str] = UNSET
    input_audio_sampling_rate: Maybe[Literal[8000, 16000, 24000]] = UNSET
    input_audio_format: Maybe[Literal["pcm16", "g711_ulaw", "g711_alaw"]] = UNSET
    output_audio_format: Maybe[OutputFormat] = UNSET
    turn_detection: Maybe[
        ServerVad | OpenAISemanticVad | AzureSemanticVad | AzureSemanticVadEn | AzureSemanticVadMultilingual
    ] = UNSET
    input_audio_noise_reduction: Maybe[NoiseReduction] = UNSET
    input_audio_echo_cancellation: Maybe[EchoCancellation] = UNSET
    avatar: Maybe[dict[str, Any]] = UNSET
    input_audio_transcription: Maybe[Transcription] = UNSET
    output_audio_timestamp_types: Maybe[list[Literal["word"]]] = UNSET
    tools: Maybe[list[dict[str, Any]]] = UNSET
    tool_choice: Maybe[str | dict[str, Any]] = UNSET
    parallel_tool_calls: Maybe[bool] = UNSET
    temperature: Maybe[Annotated[float, Meta(ge=0, le=1.2)]] = UNSET
    max_response_output_tokens: Maybe[int | Literal["inf"]] = UNSET
    reasoning_effort: Maybe[Effort] = UNSET
    interim_response: Maybe[StaticInterim | LlmInterim] = UNSET
    include: Maybe[list[str]] = UNSET
    metadata: Maybe[Metadata] = UNSET


class ResponseParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The response of a ``response.create``; `commit` False is out of band, as `conversation` ``none`` was."""

    commit: Maybe[bool] = UNSET
    conversation: Maybe[Literal["auto", "none"]] = UNSET
    cancel_previous: Maybe[bool] = UNSET
    append_input_items: Maybe[list[dict[str, Any]]] = UNSET
    input_items: Maybe[list[dict[str, Any]]] = UNSET
    modalities: Maybe[Modalities] = UNSET
    instructions: Maybe[str] = UNSET
    voice: Maybe[Voice] = UNSET
    output_audio_format: Maybe[OutputFormat] = UNSET
    tools: Maybe[list[dict[str, Any]]] = UNSET
    tool_choice: Maybe[str | dict[str, Any]] = UNSET
    temperature: Maybe[Annotated[float, Meta(ge=0, le=1.2)]] = UNSET
    max_output_tokens: Maybe[int | Literal["inf"]] = UNSET
    max_response_output_tokens: Maybe[int | Literal["inf"]] = UNSET
    pre_generated_assistant_message: Maybe[dict[str, Any]] = UNSET
    reasoning_effort: Maybe[Effort] = UNSET
    metadata: Maybe[Metadata] = UNSET
    interim_response: Maybe[StaticInterim | LlmInterim] = UNSET
    invoke_input: Maybe[dict[str, Any]] = UNSET
