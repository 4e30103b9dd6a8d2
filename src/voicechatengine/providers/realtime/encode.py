"""What OpenAI's service is told: options, items and requests of ours in its words. Pure functions that keep nothing.

Each raises `MessageError` (or `AudioError`) naming the field for what the service cannot do, so that it is known before a
byte leaves. Sources as in `wire`; the limits are those of the API reference, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, cast

import msgspec
import pybase64

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
    TextPart,
    Tool,
    ToolCallItem,
    ToolResult,
    TurnDetection,
)
from voicechatengine.providers.realtime import objects

PCM: Final = AudioFormat()
FORMATS: Final[dict[AudioFormat, dict[str, Any]]] = {
    PCM: {"type": "audio/pcm", "rate": 24000},
    AudioFormat("g711_ulaw", 8000): {"type": "audio/pcmu"},
    AudioFormat("g711_alaw", 8000): {"type": "audio/pcma"},
}
"""The audio formats of the service. Frames of another length are the same sound."""

TRANSCRIPTION_MODEL: Final = "gpt-realtime-whisper"
ID_LENGTH: Final = 32  # longer item ids are refused
APPEND_BYTES: Final = 10 << 20  # audio in one message: 15 MiB of base64 are allowed, this makes 13.4
MIME_TYPES: Final = ("image/png", "image/jpeg")

_APPEND: Final = b'{"type":"input_audio_buffer.append","audio":"'
_END: Final = b'"}'


def merge(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `change` put over it, mapping by mapping; neither is altered."""
    merged = dict(base)
    for name, value in change.items():
        old = merged.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = merge(cast("Mapping[str, Any]", old), cast("Mapping[str, Any]", value))
        merged[name] = value
    return merged


def append(audio: bytes) -> bytes:
    """An ``input_audio_buffer.append`` with this audio. It goes out fifty times a second, so no encoder is asked."""
    return b"".join((_APPEND, pybase64.b64encode(audio), _END))


# ------------------------------------------------------------------ session


def audio_format(wanted: AudioFormat, field: str) -> dict[str, Any]:
    """A format in the service's words."""
    for known, value in FORMATS.items():
        if known.same_sound(wanted):
            return value
    raise MessageError(
        f"{field}: the service has no {wanted}",
        field=field,
        cure=f"use one of {', '.join(str(known) for known in FORMATS)}",
    )


def modalities(wanted: Iterable[Modality]) -> list[str]:
    """What to answer with: the service speaks (and sends the words along) or writes, never both."""
    names = set(wanted)
    if not names:
        raise MessageError("modalities is empty", field="modalities", cure="use ('audio',) or ('text',)")
    return ["audio"] if "audio" in names else ["text"]


def tool(each: Tool) -> dict[str, Any]:
    """A function tool."""
    described = {"description": each.description} if each.description else {}
    return {"type": "function", "name": each.name, **described, "parameters": each.parameters}


def tool_choice(wanted: str) -> str | dict[str, str]:
    """``auto``, ``none``, ``required``, or the one function of that name."""
    return wanted if wanted in ("auto", "none", "required") else {"type": "function", "name": wanted}


def max_tokens(wanted: int | None) -> int | str:
    """The limit of a reply; None is the model's own."""
    if wanted is not None and wanted < 1:
        raise MessageError(
            f"max_tokens is {wanted}", field="max_tokens", cure="use 1 or more, or None for no limit"
        )
    return "inf" if wanted is None else wanted


def turn_detection(wanted: TurnDetection | None) -> dict[str, Any] | None:
    """Turn detection; a setting that the mode does not have is refused."""
    if wanted is None:
        return None
    settings = {
        "server_vad": ("threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms"),
        "semantic_vad": ("eagerness",),
    }
    given: dict[str, Any] = {"type": wanted.mode}
    for mode, names in settings.items():
        for name in names:
            value = getattr(wanted, name)
            if value is None:
                continue
            if mode != wanted.mode:
                field = f"turn_detection.{name}"
                raise MessageError(
                    f"{field} is a setting of {mode}", field=field, cure=f"leave it out with {wanted.mode}"
                )
            given[name] = value
    return given | {
        "create_response": wanted.create_response,
        "interrupt_response": wanted.interrupt_response,
    }


def transcription(options: Options) -> dict[str, Any] | None:
    """Transcription of the user's speech; the session's `language` is its language unless it names its own."""
    wanted = options.transcription
    language = options.language or None
    if wanted is None:
        if language is not None:
            raise MessageError(
                "language is the language of the transcription, which is off",
                field="language",
                cure="leave it out, or switch transcription on",
            )
        return None
    given: dict[str, Any] = {"model": TRANSCRIPTION_MODEL}
    if wanted:
        given["model"] = wanted.model or TRANSCRIPTION_MODEL
        language = wanted.language or language
        if wanted.prompt is not None:
            given["prompt"] = wanted.prompt
    if language is not None:
        given["language"] = language
    return given


FIELDS: Final[dict[str, tuple[tuple[str, ...], Callable[[Any], Any]]]] = {
    "instructions": (("instructions",), lambda o: o.instructions),
    "modalities": (("output_modalities",), lambda o: modalities(o.modalities)),
    "input_audio_format": (
        ("audio", "input", "format"),
        lambda o: audio_format(o.input_audio_format, "input_audio_format"),
    ),
    "turn_detection": (("audio", "input", "turn_detection"), lambda o: turn_detection(o.turn_detection)),
    "transcription": (("audio", "input", "transcription"), transcription),
    "language": (("audio", "input", "transcription"), transcription),
    "output_audio_format": (
        ("audio", "output", "format"),
        lambda o: audio_format(o.output_audio_format, "output_audio_format"),
    ),
    "voice": (("audio", "output", "voice"), lambda o: o.voice),
    "tools": (("tools",), lambda o: [tool(each) for each in o.tools]),
    "tool_choice": (("tool_choice",), lambda o: tool_choice(o.tool_choice)),
    "max_tokens": (("max_output_tokens",), lambda o: max_tokens(o.max_tokens)),
}
"""Each option's place in the session, and its value there, made from all options that are in force."""


def session(
    options: Options, names: Iterable[str] | None = None, vendor: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The session of a ``session.update``: the options `names` (None: all that are set) out of those that are in force.

    `vendor` is merged into it last, key by key. The model is not part of it: the connection's URL names it.
    """
    nested: dict[str, Any] = {"type": "realtime"}
    named = set(options.changes() if names is None else names)
    for name, (path, value) in FIELDS.items():
        if name not in named:
            continue
        place = nested
        for step in path[:-1]:
            place = place.setdefault(step, {})
        place[path[-1]] = value(options)
    return merge(nested, vendor) if vendor else nested


def opening(options: Options) -> dict[str, Any]:
    """The session of the first ``session.update``: every option that is set, and the formats in any case."""
    full = Options(input_audio_format=PCM, output_audio_format=PCM).merged(options)
    return session(full, vendor=options.vendor or None)


def updated(options: Options, change: Options) -> Options:
    """The options that are in force after a change; vendors' own ones are merged key by key."""
    merged = options.merged(change)
    if options.vendor and change.vendor:
        merged = msgspec.structs.replace(merged, vendor=merge(options.vendor, change.vendor))
    return merged


# ------------------------------------------------------------------ items


def image(data: bytes, mime_type: str, detail: str) -> objects.Content:
    """A picture as a data URI; the service takes PNG and JPEG."""
    if mime_type not in MIME_TYPES:
        raise MessageError(
            f"mime_type: the service takes no {mime_type}",
            field="mime_type",
            cure=f"use {' or '.join(MIME_TYPES)}",
        )
    uri = f"data:{mime_type};base64,{pybase64.b64encode_as_string(data)}"
    return objects.Content(type="input_image", image_url=uri, detail=detail)


def _user_part(part: Part, audio: AudioFormat) -> objects.Content:
    match part:
        case TextPart():
            return objects.Content(type="input_text", text=part.text)
        case ImagePart():
            return image(part.image, part.mime_type, part.detail)
        case AudioPart():
            audio.check(part.audio)
            content = objects.Content(type="input_audio", audio=pybase64.b64encode_as_string(part.audio))
            if part.transcript is not None:
                content.transcript = part.transcript
            return content


def _words(part: Part, role: str) -> str:
    words = part.text if isinstance(part, TextPart) else getattr(part, "transcript", None)
    if not isinstance(words, str):
        what = "image" if isinstance(part, ImagePart) else "audio without a transcript"
        raise MessageError(
            f"item.content: an item of role {role} cannot hold {what}",
            field="item.content",
            cure="give its words as text",
        )
    return words


def message(item: MessageItem, audio: AudioFormat) -> objects.Item:
    """A message item; what an assistant said is written, because the service takes no speech of an assistant."""
    if not item.content:
        raise MessageError("item.content is empty", field="item.content", cure="give it a part")
    if item.role == "user":
        content = [_user_part(part, audio) for part in item.content]
    else:
        kind = "output_text" if item.role == "assistant" else "input_text"
        content = [objects.Content(type=kind, text=_words(part, item.role)) for part in item.content]
    return objects.Item(type="message", role=item.role, content=content)


def item(given: Item, audio: AudioFormat) -> objects.Item:
    """An item, with its id if it has one. `audio` is the format of speech in it."""
    if isinstance(given, MessageItem):
        encoded = message(given, audio)
    elif isinstance(given, ToolCallItem):
        encoded = objects.Item(
            type="function_call", name=given.name, call_id=given.call_id, arguments=given.arguments
        )
    else:
        encoded = tool_result(given)
    if given.id:
        if len(given.id) > ID_LENGTH:
            raise MessageError(
                f"item.id has {len(given.id)} characters", field="item.id", cure=f"use at most {ID_LENGTH}"
            )
        encoded.id = given.id
    return encoded


def replayed(given: Item, audio: AudioFormat) -> objects.Item | None:
    """An item of a history, without an id: speech as its words, or as it was where there are none. None: nothing to say."""
    if isinstance(given, MessageItem):
        parts = tuple(
            TextPart(part.transcript) if isinstance(part, AudioPart) and part.transcript else part
            for part in given.content
            if given.role == "user" or not isinstance(part, AudioPart) or part.transcript
        )
        if not parts:
            return None
        given = msgspec.structs.replace(given, content=parts)
    return item(msgspec.structs.replace(given, id=""), audio)


def tool_result(result: ToolResult | ToolResultItem) -> objects.Item:
    """A call's result. The service has no mark for an error, so the output says that it is one."""
    output = msgspec.json.encode({"error": result.output}).decode() if result.is_error else result.output
    return objects.Item(type="function_call_output", call_id=result.call_id, output=output)


def picture(command: Image) -> objects.Item:
    """A picture as the user's message."""
    return objects.Item(
        type="message", role="user", content=[image(command.image, command.mime_type, command.detail)]
    )


# ------------------------------------------------------------------ requests


def _metadata(given: Mapping[str, str]) -> dict[str, str]:
    pairs, key_length, value_length = 16, 64, 512
    if len(given) > pairs or any(len(k) > key_length or len(v) > value_length for k, v in given.items()):
        raise MessageError(
            "metadata is too large",
            field="metadata",
            cure=f"at most {pairs} pairs, keys of {key_length} and values of {value_length} characters",
        )
    return dict(given)


def response(command: ResponseCreate, audio: AudioFormat) -> dict[str, Any]:
    """The parameters of a ``response.create``; empty where all is left to the session."""
    given: dict[str, Any] = {}
    if command.out_of_band:
        given["conversation"] = "none"
    if command.modalities is not None:
        given["output_modalities"] = modalities(command.modalities)
    if command.instructions is not None:
        given["instructions"] = command.instructions
    if command.tools is not None:
        given["tools"] = [tool(each) for each in command.tools]
    if command.tool_choice is not None:
        given["tool_choice"] = tool_choice(command.tool_choice)
    if command.max_tokens is not None:
        given["max_output_tokens"] = max_tokens(command.max_tokens)
    if command.input is not None:
        given["input"] = [item(each, audio) for each in command.input]
    if command.metadata is not None:
        given["metadata"] = _metadata(command.metadata)
    return merge(given, command.vendor) if command.vendor else given
