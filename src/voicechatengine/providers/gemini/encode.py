"""What Gemini Live is told of a session: our options in its words. Pure functions that keep nothing, and know no item.

Each raises `MessageError` naming the field for what the service cannot do, so that it is known before a byte leaves. Sources as
in `wire`; what the models differ in is in `models`, what is said of tools in `encode_tools`, items are in `encode_content`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

import msgspec
from msgspec import UNSET

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import MessageError
from voicechatengine.messages import (
    Modality,
    Options,
    ResponseCreate,
    TurnDetection,
)
from voicechatengine.providers.gemini import encode_tools, models

INPUT: Final = AudioFormat(sample_rate=16_000)
OUTPUT: Final = AudioFormat(sample_rate=24_000)
RATES: Final = (16_000, 8_000, 24_000, 48_000)
"""Hz of input that the capabilities name; the service resamples any, and hears at 16 kHz."""
EVEN: Final = 0.5  # a threshold that says nothing: the service knows high and low

VENDOR: Final = frozenset(
    {
        "generationConfig", "systemInstruction", "realtimeInputConfig", "sessionResumption", "contextWindowCompression",
        "inputAudioTranscription", "outputAudioTranscription", "proactivity", "explicitVadSignal", "historyConfig",
        "avatarConfig", "safetySettings", "labels", "tools",
    }
)  # fmt: skip
"""The fields of `setup` that `vendor` may set: all but the model."""
_OBJECTS: Final = VENDOR - {"explicitVadSignal", "safetySettings", "tools"}
OURS: Final = ("toolBehavior", "scheduling")
"""What `vendor` may say beside: of each tool by its name, or of all."""


class Surface(msgspec.Struct, frozen=True):
    """Where the service is spoken to: the Developer API, or Vertex (the Agent Platform) with its project and location."""

    vertex: bool = False
    project: str | None = None
    location: str = "us-central1"


def model_path(model: str, surface: Surface) -> str:
    """A model's name as `setup` has it; one with a path stays as it is."""
    if "/" in model:
        return model
    if not surface.vertex:
        return f"models/{model}"
    path = f"publishers/google/models/{model}"
    return f"projects/{surface.project}/locations/{surface.location}/{path}" if surface.project else path


def merge(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `change` put over it, mapping by mapping, where None takes a field out; neither is altered."""
    merged = dict(base)
    for name, value in change.items():
        old = merged.get(name)
        if value is None:
            merged.pop(name, None)
        elif isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[name] = merge(cast("Mapping[str, Any]", old), cast("Mapping[str, Any]", value))
        else:
            merged[name] = value
    return merged


# ------------------------------------------------------------------ setup


def setup(
    options: Options,
    surface: Surface,
    *,
    handle: str | None = None,
    history: bool = False,
    system: Sequence[str] = (),
) -> dict[str, Any]:
    """The `setup` of a session with these options; raises `MessageError` for what the model or the service does not have.

    `handle` resumes a session. `history`: one is sent first. `system` are words of the system beside the instructions.
    """
    vendor = _vendor(options, surface)
    name = options.model or models.MODEL
    given: dict[str, Any] = {"model": model_path(name, surface), "generationConfig": _generation(options)}
    if (told := instructions(options, system)) is not None:
        given["systemInstruction"] = told
    if options.tools:
        given["tools"] = encode_tools.tools(options)
    if (listening := _listening(options.turn_detection)) is not None:
        given["realtimeInputConfig"] = listening
    given["contextWindowCompression"] = {"slidingWindow": {}}
    if (heard := _transcription(options)) is not None:
        given["inputAudioTranscription"] = heard
    if "AUDIO" in modalities(options):
        given["outputAudioTranscription"] = {}
    if history and models.traits(name).history_config and not surface.vertex:
        given["historyConfig"] = {"initialHistoryInClientContent": True}
    more: list[Any] = vendor.pop("tools", None) or []
    if more:
        given["tools"] = [*given.get("tools", ()), *more]
    merged = merge(given, vendor)
    resumption = vendor.get("sessionResumption", {})
    if resumption is not None:  # without a handle there must be none, not null
        merged["sessionResumption"] = {**resumption, "handle": handle}
        if handle is None:
            del merged["sessionResumption"]["handle"]
    return merged


def first_handle(options: Options) -> str | None:
    """The handle that `vendor` gives, of a session of another process: for the first connection only."""
    given: dict[str, Any] = (options.vendor or {}).get("sessionResumption") or {}
    return given.get("handle")


def _vendor(options: Options, surface: Surface) -> dict[str, Any]:
    """The service's own fields, checked by their names and by where they are known."""
    vendor: dict[str, Any] = dict(options.vendor or {})
    for name in vendor.keys() - VENDOR - set(OURS):
        raise MessageError(
            f"vendor.{name}: a session has no such field",
            field=f"vendor.{name}",
            cure=f"use one of {', '.join(sorted(VENDOR | set(OURS)))}",
        )
    for name in vendor.keys() & _OBJECTS:
        if vendor[name] is not None and not isinstance(vendor[name], Mapping):
            raise MessageError(
                f"vendor.{name} is no object", field=f"vendor.{name}", cure="give a mapping of its fields"
            )
    transparent = "transparent" in (vendor.get("sessionResumption") or {})
    only = {"explicitVadSignal": True, "historyConfig": False, "labels": False}
    for name, on_vertex in only.items():
        if name in vendor and surface.vertex is not on_vertex:
            raise _elsewhere(f"vendor.{name}", on_vertex=on_vertex)
    if transparent and not surface.vertex:
        raise _elsewhere("vendor.sessionResumption.transparent", on_vertex=True)
    encode_tools.check(options)
    return {name: value for name, value in vendor.items() if name not in OURS}


def _elsewhere(field: str, *, on_vertex: bool) -> MessageError:
    place = "Vertex" if on_vertex else "the Developer API"
    return MessageError(
        f"{field} is known on {place} only", field=field, cure=f"leave it out, or use {place}"
    )


def modalities(options: Options) -> list[str]:
    """What to answer with: the service speaks (and sends the words along) or writes, never both."""
    wanted = options.modalities
    if wanted is UNSET:
        return ["AUDIO"]
    if not wanted:
        raise MessageError("modalities is empty", field="modalities", cure="use ('audio',) or ('text',)")
    if "audio" in wanted:
        return ["AUDIO"]
    model = options.model or models.MODEL
    if not models.writes(model):
        raise MessageError(
            f"modalities: {models.bare(model)} answers in speech only",
            field="modalities",
            cure="use ('audio',), which brings the words along",
        )
    return ["TEXT"]


def _generation(options: Options) -> dict[str, Any]:
    generation: dict[str, Any] = {"responseModalities": modalities(options)}
    if "AUDIO" in modalities(options) and (speech := _speech(options)):
        generation["speechConfig"] = speech
    if options.max_tokens:
        generation["maxOutputTokens"] = options.max_tokens
    return generation


def _speech(options: Options) -> dict[str, Any]:
    speech: dict[str, Any] = {}
    if options.voice:
        speech["voiceConfig"] = {"prebuiltVoiceConfig": {"voiceName": options.voice}}
    if options.language:
        speech["languageCode"] = options.language
    return speech


def instructions(options: Options, system: Sequence[str] = ()) -> dict[str, Any] | None:
    """The system instruction: the options' instructions, and what else the system said."""
    texts = [text for text in (options.instructions or "", *system) if text]
    return {"parts": [{"text": text} for text in texts], "role": "user"} if texts else None


def _listening(wanted: object) -> dict[str, Any] | None:
    """`realtimeInputConfig`; a setting that the service does not have is refused."""
    if wanted is UNSET:
        return None
    if not isinstance(wanted, TurnDetection):
        return {"automaticActivityDetection": {"disabled": True}}
    refused = {
        "mode": wanted.mode != "server_vad",
        "idle_timeout_ms": wanted.idle_timeout_ms is not None,
        "eagerness": wanted.eagerness is not None,
        "create_response": not wanted.create_response,
    }
    for name, wrong in refused.items():
        if wrong:
            field = f"turn_detection.{name}"
            raise MessageError(
                f"{field}: the service has no {getattr(wanted, name)!r}",
                field=field,
                cure="use server_vad with threshold, prefix_padding_ms, silence_duration_ms and interrupt_response; it always"
                " answers",
            )
    detection: dict[str, Any] = {}
    if wanted.threshold is not None and wanted.threshold != EVEN:
        word = "HIGH" if wanted.threshold < EVEN else "LOW"
        detection["startOfSpeechSensitivity"] = f"START_SENSITIVITY_{word}"
    if wanted.prefix_padding_ms is not None:
        detection["prefixPaddingMs"] = wanted.prefix_padding_ms
    if wanted.silence_duration_ms is not None:
        detection["silenceDurationMs"] = wanted.silence_duration_ms
    given: dict[str, Any] = {"automaticActivityDetection": detection} if detection else {}
    if not wanted.interrupt_response:
        given["activityHandling"] = "NO_INTERRUPTION"
    return given or None


def _transcription(options: Options) -> dict[str, Any] | None:
    """Transcription of the user's speech. The service has no choice of models for it; a prompt is a list of terms."""
    wanted = options.transcription
    if wanted is None:
        return None
    if not wanted:
        return {}
    if wanted.model is not None:
        raise MessageError(
            "transcription.model: the live model writes the user's words itself",
            field="transcription.model",
            cure="leave it out",
        )
    given: dict[str, Any] = {}
    if wanted.language is not None:
        given["languageCodes"] = [wanted.language]
    if wanted.prompt is not None:
        terms = [term.strip() for term in wanted.prompt.replace("\n", ",").split(",")]
        given["customVocabulary"] = [term for term in terms if term]
    return given


def audio_format(options: Options) -> AudioFormat:
    """The format of the user's audio: mono PCM16, at 16 kHz unless said otherwise. Raises `MessageError` for another one."""
    spoken = options.output_audio_format
    if spoken and not spoken.same_sound(OUTPUT):
        raise MessageError(
            f"output_audio_format: the service has no {spoken}",
            field="output_audio_format",
            cure=f"use {OUTPUT}",
        )
    heard = options.input_audio_format or INPUT
    if (heard.encoding, heard.channels) != ("pcm16", 1):
        raise MessageError(
            f"input_audio_format: the service has no {heard}",
            field="input_audio_format",
            cure="use pcm16 mono",
        )
    return heard


def check(options: Options, surface: Surface) -> None:
    """Raises `MessageError` naming the option that the service or the model does not have."""
    setup(options, surface)
    audio_format(options)
    if options.tool_choice not in (UNSET, "auto"):
        raise MessageError(
            f"tool_choice: the service has no {options.tool_choice!r}",
            field="tool_choice",
            cure="leave it out: the model decides",
        )


def context_update(options: Options, names: Iterable[str]) -> dict[str, Any]:
    """What changes of a running session, out of the options that are in force."""
    given: dict[str, Any] = {}
    if "instructions" in names:
        given["systemInstruction"] = instructions(options) or {"parts": [{"text": ""}], "role": "user"}
    if "tools" in names:
        given["tools"] = {"tools": encode_tools.tools(options)}
    return given


# ------------------------------------------------------------------ requests


def check_request(command: ResponseCreate, options: Options) -> None:
    """Raises `MessageError` for a request that names anything: a reply here is the session's."""
    given = {
        name: getattr(command, name)
        for name in ("instructions", "out_of_band", "input", "tools", "tool_choice", "max_tokens", "vendor")
    }
    wanted = command.modalities
    if wanted is not None and _same(wanted, options):
        wanted = None
    for name, value in {**given, "modalities": wanted}.items():
        if value not in (None, False):
            raise MessageError(
                f"{name}: the service takes no {name} for a single reply",
                field=name,
                cure="set it for the session",
            )


def _same(wanted: tuple[Modality, ...], options: Options) -> bool:
    return bool(wanted) and ("audio" in wanted) == ("AUDIO" in modalities(options))
