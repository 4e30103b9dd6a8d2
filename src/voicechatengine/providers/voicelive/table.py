"""How Voice Live's wire differs from OpenAI's: the beta's words, and Azure's own for voices, formats, turns and transcription.

Sources as in `wire`; the fields of a new session as in a recorded session of 2026-07.
"""

from __future__ import annotations

import re
from typing import Any, Final, cast, get_args

from msgspec import UNSET

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import MessageError
from voicechatengine.providers.realtime import beta
from voicechatengine.providers.realtime.differences import ALAW, PCM, ULAW, Differences, Fields, Move
from voicechatengine.providers.voicelive import wire

VOICES: Final[tuple[str, ...]] = get_args(wire.OpenAIName)
_KINDS: Final[dict[str, str]] = {
    **dict.fromkeys(get_args(wire.NativeName), "azure-realtime-native"),
    **dict.fromkeys(VOICES, "openai"),
}
_STANDARD: Final = re.compile(wire.STANDARD)

PCM_16K: Final = AudioFormat("pcm16", 16_000)
PCM_8K: Final = AudioFormat("pcm16", 8_000)
FORMATS: Final[dict[AudioFormat, Fields]] = {
    PCM: {"type": "audio/pcm", "rate": 24000},
    PCM_16K: {"type": "audio/pcm", "rate": 16000},
    PCM_8K: {"type": "audio/pcm", "rate": 8000},
    ULAW: {"type": "audio/pcmu"},
    ALAW: {"type": "audio/pcma"},
}
OUTPUT: Final[dict[str, Fields]] = {
    **beta.FORMATS,
    "pcm16_16000hz": FORMATS[PCM_16K],
    "pcm16_8000hz": FORMATS[PCM_8K],
}

SPEECH: Final = "azure-speech"
"""Azure's own transcription: the one that every model of the service has."""

_INPUT_FORMAT, _INPUT_RATE = "input_audio_format", "input_audio_sampling_rate"
_G711_RATE = 8000


# ------------------------------------------------------------------ voices


def voice(name: Any) -> Any:
    """A voice by its name; an object is taken as it is. Raises `MessageError` for a name that is none."""
    if isinstance(name, dict):
        return cast("Fields", name)
    kind = _KINDS.get(name) or ("azure-standard" if _STANDARD.match(name) else None)
    if kind is None:
        raise MessageError(
            f"voice: the service has no {name!r}",
            field="voice",
            cure=f"use {', '.join(VOICES)}, a name such as en-US-AvaNeural, or an object as vendor={{'voice': {{…}}}}",
        )
    return {"type": kind, "name": name}


def voice_name(said: Any) -> Any:
    """The name of a voice that its name alone describes; other objects stay what they are."""
    if not isinstance(said, dict):
        return said
    described = cast("Fields", said)
    name = described.get("name")
    plain = described.keys() == {"type", "name"} and isinstance(name, str)
    return name if plain and (name in _KINDS or _STANDARD.match(cast("str", name))) else described


# ------------------------------------------------------------------ audio


def input_format(value: Fields) -> Fields:
    """The input's format in two fields: what it is, and its rate."""
    rate = value.get("rate", 24000 if value["type"] == "audio/pcm" else _G711_RATE)
    return {_INPUT_FORMAT: beta.format_word({"type": value["type"]}), _INPUT_RATE: rate}


def read_input_format(fields: Fields) -> Any:
    """Takes the two out; one that is not said is the usual one. What is unknown is left to be refused."""
    word, rate = fields.pop(_INPUT_FORMAT, None), fields.pop(_INPUT_RATE, None)
    if word is None and rate is None:
        return UNSET
    known = beta.format_of("pcm16" if word is None else word)
    return known if "rate" not in known or rate is None else known | {"rate": rate}


# ------------------------------------------------------------------ turns, transcription, modalities

_SEMANTIC: Final = "azure_semantic_vad"


def turns(value: Fields | None) -> Fields | None:
    """Semantic turn detection is Azure's; a variant of it is kept under that name (`read_turns`)."""
    if value is None or value["type"] != "semantic_vad":
        return value
    rest = {name: setting for name, setting in value.items() if name != "variant"}
    return rest | {"type": value.get("variant", _SEMANTIC)}


def read_turns(said: Any) -> Any:
    """The variants of semantic turn detection are one mode."""
    if not isinstance(said, dict):
        return said
    detection = cast("Fields", said)
    kind = detection.get("type")
    if not isinstance(kind, str) or "semantic_vad" not in kind:
        return detection
    variant = {} if kind == _SEMANTIC else {"variant": kind}
    return detection | {"type": "semantic_vad"} | variant


def transcription(value: Fields | None) -> Fields | None:
    """Azure's own transcription takes a list of phrases instead of a prompt: the names and terms between the commas."""
    if value is None or value["model"] != SPEECH or not value.get("prompt"):
        return value
    rest = {name: setting for name, setting in value.items() if name != "prompt"}
    return rest | {"phrase_list": [term.strip() for term in value["prompt"].split(",") if term.strip()]}


def read_transcription(said: Any) -> Any:
    """A list of phrases is a prompt."""
    if not isinstance(said, dict):
        return said
    rest = dict(cast("Fields", said))
    phrases = rest.pop("phrase_list", None)
    return rest | {"prompt": ", ".join(phrases)} if phrases else rest


def read_modalities(said: Any) -> Any:
    """Speech comes with its words; a face that moves along is not ours."""
    if not isinstance(said, list):
        return said
    names = cast("list[object]", said)
    return ["audio"] if "audio" in names else ["text"] if "text" in names else names


MODALITIES: Final = Move(beta.MODALITIES.here, beta.MODALITIES.there, beta.MODALITIES.write, read_modalities)
VOICE: Final = Move(("audio", "output", "voice"), ("voice",), voice, voice_name, whole=True)
OUTPUT_FORMAT: Final = beta.formatted(("audio", "output", "format"), "output_audio_format", OUTPUT)

SESSION: Final[tuple[Move, ...]] = (
    MODALITIES,
    VOICE,
    OUTPUT_FORMAT,
    Move(("audio", "input", "format"), (), input_format, read_input_format),
    Move(("audio", "input", "turn_detection"), ("turn_detection",), turns, read_turns),
    Move(
        ("audio", "input", "transcription"), ("input_audio_transcription",), transcription, read_transcription
    ),
    Move(("audio", "input", "noise_reduction"), ("input_audio_noise_reduction",)),
    Move(("max_output_tokens",), ("max_response_output_tokens",)),
    Move(("audio", "output", "speed"), ("speed",), lambda value: UNSET),
    *beta.without("truncation", "prompt", "tracing"),
)

# ------------------------------------------------------------------ requests


def _beside(conversation: str) -> Any:
    """A reply that is not committed to the conversation, and for which none in it is cancelled."""
    return {"commit": False, "cancel_previous": False} if conversation == "none" else {}


def _read_beside(fields: Fields) -> Any:
    fields.pop("cancel_previous", None)
    return "none" if fields.pop("commit", None) is False else UNSET


def _limit(tokens: Any) -> Fields:
    return {"max_output_tokens": tokens}


def _read_limit(fields: Fields) -> Any:
    """The package and the reference call it differently."""
    said = [fields.pop(name, UNSET) for name in ("max_response_output_tokens", "max_output_tokens")]
    return next((each for each in said if each is not UNSET), UNSET)


RESPONSE: Final[tuple[Move, ...]] = (MODALITIES, VOICE, OUTPUT_FORMAT)
REQUEST: Final[tuple[Move, ...]] = (
    *RESPONSE,
    Move(("input",), ("input_items",)),
    Move(("max_output_tokens",), (), _limit, _read_limit),
    Move(("conversation",), (), _beside, _read_beside),
)

_TURNS: Final = ("threshold", "prefix_padding_ms", "silence_duration_ms")
VOICELIVE: Final = Differences(
    session=SESSION,
    request=REQUEST,
    response=RESPONSE,
    typed=False,
    names=beta.NAMES,
    contents=beta.CONTENTS,
    input_formats=FORMATS,
    output_formats=FORMATS,
    modes={"server_vad": _TURNS, "semantic_vad": _TURNS},
    transcription_model=SPEECH,
    rate_limits=False,
    voices=VOICES,
    models=(),
    shapes={"session": wire.RequestSession, "response": wire.ResponseParams},
    extras=frozenset(
        {*wire.RequestSession.__struct_fields__, *wire.ResponseParams.__struct_fields__}
        - {"model", "instructions", "tools", "tool_choice", "parallel_tool_calls", "metadata", "conversation"}
        | {
            "noise_reduction",
            "variant",
            "idle_timeout_ms",
            "end_of_utterance_detection",
            "speech_duration_ms",
        }
        | {
            "remove_filler_words",
            "auto_truncate",
            "appended_text_after_truncation",
            "languages",
            "custom_speech",
        }
    ),
    begins=dict.fromkeys(
        (
            "animation",
            "input_audio_echo_cancellation",
            "avatar",
            "output_audio_timestamp_types",
            "truncation_strategy",
        )
    ),
    transcript_cost=False,
)
"""Voice Live as a whole. What `shapes` has checked in the service's words is no business of OpenAI's checks."""
