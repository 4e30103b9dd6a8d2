"""What Gemini Live is told: options and items of ours in its words. Pure functions that keep nothing.

Each raises `MessageError` (or `AudioError`) naming the field for what the service cannot do, so that it is known before a
byte leaves. Sources as in `wire`; what the models differ in is in `models`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

import msgspec
import pybase64
from msgspec import UNSET

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import MessageError
from voicechatengine.messages import (
    AudioPart,
    Image,
    ImagePart,
    Item,
    MessageItem,
    Modality,
    Options,
    Part,
    ResponseCreate,
    Role,
    TextPart,
    Tool,
    ToolCallItem,
    TurnDetection,
)
from voicechatengine.providers.gemini import models, objects, schema

MODEL: Final = "gemini-3.8-live"
INPUT: Final = AudioFormat(sample_rate=16_000)
OUTPUT: Final = AudioFormat(sample_rate=24_000)
RATES: Final = (16_000, 8_000, 24_000, 48_000)
"""Hz of input that the capabilities name; the service resamples any, and hears at 16 kHz."""
MIME_TYPES: Final = ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")
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
BEHAVIORS: Final = ("BLOCKING", "NON_BLOCKING")
SCHEDULING: Final = ("SILENT", "WHEN_IDLE", "INTERRUPT")


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
    name = options.model or MODEL
    given: dict[str, Any] = {"model": model_path(name, surface), "generationConfig": _generation(options)}
    if (told := instructions(options, system)) is not None:
        given["systemInstruction"] = told
    if options.tools:
        given["tools"] = tools(options)
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
    _check_tools(options)
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
    model = options.model or MODEL
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


# ------------------------------------------------------------------ tools


def _of_tool(options: Options, key: str, name: str) -> str | None:
    """What `vendor` says of a tool under that key."""
    said = (options.vendor or {}).get(key)
    value = cast("Mapping[str, Any]", said).get(name) if isinstance(said, Mapping) else said
    return None if value is None else str(value)


def behavior(options: Options, name: str) -> str:
    """How a tool behaves: it blocks, as on every other vendor, unless `vendor` says otherwise or the model cannot."""
    wanted = _of_tool(options, "toolBehavior", name)
    known = models.traits(options.model or MODEL).behaviors
    return wanted or ("BLOCKING" if "BLOCKING" in known else known[0])


def scheduling(options: Options, name: str) -> str | None:
    """When the model is to take in a result; None leaves it to the service, and calls that block have none."""
    return _of_tool(options, "scheduling", name) if behavior(options, name) == "NON_BLOCKING" else None


def _check_tools(options: Options) -> None:
    vendor = options.vendor or {}
    model = options.model or MODEL
    choices = {"toolBehavior": BEHAVIORS, "scheduling": SCHEDULING}
    for key, known in choices.items():
        said = vendor.get(key)
        values: Iterable[Any] = (
            cast("Mapping[str, Any]", said).values()
            if isinstance(said, Mapping)
            else ()
            if said is None
            else (said,)
        )
        for value in values:
            if value not in known:
                raise MessageError(
                    f"vendor.{key}: there is no {value!r}",
                    field=f"vendor.{key}",
                    cure=f"use one of {', '.join(known)}, or such for each tool by its name",
                )
    for each in options.tools or ():
        behaves = behavior(options, each.name)
        if behaves not in models.traits(model).behaviors:
            raise MessageError(
                f"vendor.toolBehavior: a tool of {models.bare(model)} cannot be {behaves}",
                field="vendor.toolBehavior",
                cure=f"use {' or '.join(models.traits(model).behaviors)}",
            )
        if behaves == "BLOCKING" and _of_tool(options, "scheduling", each.name) is not None:
            raise MessageError(
                f"vendor.scheduling: {each.name} blocks, so its results are used at once",
                field="vendor.scheduling",
                cure="make it NON_BLOCKING with vendor.toolBehavior, or leave scheduling out",
            )


def tools(options: Options) -> list[dict[str, Any]]:
    """The tools; how one behaves is said where the model would take it otherwise."""
    default = models.traits(options.model or MODEL).default
    declared: list[dict[str, Any]] = []
    for each in options.tools or ():
        given = _function(each)
        behaves = behavior(options, each.name)
        declared.append(given if behaves == default else {**given, "behavior": behaves})
    return [{"functionDeclarations": declared}] if declared else []


def _function(tool: Tool) -> dict[str, Any]:
    given: dict[str, Any] = {"name": tool.name}
    if tool.description:
        given["description"] = tool.description
    wanted = schema.parameters(tool.parameters)
    return given if wanted is None else {**given, "parameters": wanted}


def context_update(options: Options, names: Iterable[str]) -> dict[str, Any]:
    """What changes of a running session, out of the options that are in force."""
    given: dict[str, Any] = {}
    if "instructions" in names:
        given["systemInstruction"] = instructions(options) or {"parts": [{"text": ""}], "role": "user"}
    if "tools" in names:
        given["tools"] = {"tools": tools(options)}
    return given


# ------------------------------------------------------------------ content

_ROLES: Final[dict[Role, str]] = {"user": "user", "assistant": "model", "system": "system"}


def blob(data: bytes, mime_type: str) -> objects.Blob:
    """Bytes of a type."""
    return objects.Blob(mime_type, pybase64.b64encode_as_string(data))


def picture(image: Image | ImagePart) -> objects.Blob:
    """A picture. Its detail is the session's: `vendor` has ``generationConfig.mediaResolution``."""
    if image.mime_type not in MIME_TYPES:
        raise MessageError(
            f"mime_type: the service takes no {image.mime_type}",
            field="mime_type",
            cure=f"use one of {', '.join(MIME_TYPES)}",
        )
    if image.detail != "auto":
        raise MessageError(
            "detail: the service has no detail of one picture",
            field="detail",
            cure='use vendor={"generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_HIGH"}}',
        )
    return blob(image.image, image.mime_type)


def _part(part: Part, role: Role, audio: AudioFormat) -> objects.Part:
    if isinstance(part, TextPart):
        return objects.Part(text=part.text)
    if role == "user" and isinstance(part, ImagePart):
        return objects.Part(inline_data=picture(part))
    if role == "user" and isinstance(part, AudioPart):
        audio.check(part.audio)
        return objects.Part(inline_data=blob(part.audio, mime_type(audio)))
    if isinstance(part, AudioPart) and part.transcript:
        return objects.Part(text=part.transcript)
    what = "image" if isinstance(part, ImagePart) else "audio without a transcript"
    raise MessageError(
        f"item.content: an item of role {role} cannot hold {what}",
        field="item.content",
        cure="give its words as text",
    )


def mime_type(audio: AudioFormat) -> str:
    """The type of the user's audio."""
    return f"audio/pcm;rate={audio.sample_rate}"


def content(item: Item, audio: AudioFormat, names: Mapping[str, str]) -> objects.Content:
    """An item as a turn. `audio` is the format of speech in it, `names` the functions of the calls that are known."""
    if isinstance(item, MessageItem):
        if not item.content:
            raise MessageError("item.content is empty", field="item.content", cure="give it a part")
        parts = [_part(part, item.role, audio) for part in item.content]
        return objects.Content(parts, _ROLES[item.role])
    if isinstance(item, ToolCallItem):
        call = objects.FunctionCall(item.call_id, item.name, msgspec.Raw(_object(item.arguments)))
        return objects.Content([objects.Part(function_call=call)], "model")
    name = names.get(item.call_id)
    if name is None:
        raise MessageError(
            f"item.call_id: there is no call {item.call_id!r}",
            field="item.call_id",
            cure="give the result of a call that was made",
        )
    given = result(item.call_id, name, item.output, is_error=item.is_error)
    return objects.Content([objects.Part(function_response=given)], "user")


def _object(text: str) -> bytes:
    """A call's arguments as the object that the service has: what is none is put into one."""
    try:
        return msgspec.json.encode(msgspec.json.decode(text or "{}", type=dict[str, Any]))
    except (msgspec.DecodeError, RecursionError):
        return msgspec.json.encode({"arguments": text})


def replayed(item: Item, audio: AudioFormat, names: Mapping[str, str]) -> objects.Content | None:
    """An item of a history: speech as its words, or as it was where there are none. None: nothing to say."""
    if isinstance(item, MessageItem):
        parts = tuple(
            TextPart(part.transcript) if isinstance(part, AudioPart) and part.transcript else part
            for part in item.content
            if item.role == "user" or not isinstance(part, AudioPart) or part.transcript
        )
        if not parts:
            return None
        item = msgspec.structs.replace(item, content=parts)
    return content(item, audio, names)


def turns(contents: Iterable[objects.Content]) -> list[objects.Content]:
    """Contents as the service wants its turns: what the model said together with its calls, results of calls together, and
    pictures with the words that follow them.
    """
    joined: list[objects.Content] = []
    for each in contents:
        if joined and joined[-1].role == each.role and _belong(joined[-1], each):
            joined[-1] = objects.Content([*(joined[-1].parts or ()), *(each.parts or ())], each.role)
        else:
            joined.append(each)
    return joined


def _belong(before: objects.Content, after: objects.Content) -> bool:
    results = _all(before, "function_response") and _all(after, "function_response")
    return after.role == "model" or results or _all(before, "inline_data")


def _all(content: objects.Content, kind: str) -> bool:
    return all(getattr(part, kind) is not None for part in content.parts or (None,))


def result(
    call_id: str | None, name: str, output: str, *, is_error: bool, scheduling: str | None = None
) -> objects.FunctionResponse:
    """A call's result."""
    response = {"error" if is_error else "output": output}
    return objects.FunctionResponse(call_id, name, response, scheduling)


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
