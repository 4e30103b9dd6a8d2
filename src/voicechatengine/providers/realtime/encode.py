"""What OpenAI's service is told: options, items and requests of ours in its words. Pure functions that keep nothing.

Each raises `MessageError` (or `AudioError`) naming the field for what the service cannot do, so that it is known before a
byte leaves. Sources as in `wire`; the limits are those of the API reference, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, cast

import msgspec
import pybase64
from msgspec import UNSET
from pybase64 import b64encode

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
    ToolResultItem,
    Transcription,
    TurnDetection,
)
from voicechatengine.providers.realtime import objects
from voicechatengine.providers.realtime.differences import (
    SERVER_VAD,
    Differences,
    Fields,
    Path,
    at,
    merge,
    placed,
    put,
    to_vendor,
)

APPEND_BYTES: Final = 10 << 20  # audio in one message: 15 MiB of base64 are allowed, this makes 13.4

SETTINGS: Final = (*SERVER_VAD, "eagerness")
SWITCHES: Final = ("create_response", "interrupt_response")

_APPEND: Final = b'{"type":"input_audio_buffer.append","audio":"'
_END: Final = b'"}'


def append(audio: bytes) -> bytes:
    """An ``input_audio_buffer.append`` with this audio. It goes out fifty times a second, so no encoder is asked."""
    return b"".join((_APPEND, b64encode(audio), _END))


# ------------------------------------------------------------------ session


def audio_format(wanted: AudioFormat, field: str, formats: Mapping[AudioFormat, Fields]) -> Fields:
    """A format in OpenAI's words."""
    for known, value in formats.items():
        if known.same_sound(wanted):
            return value
    raise MessageError(
        f"{field}: the service has no {wanted}",
        field=field,
        cure=f"use one of {', '.join(str(known) for known in formats)}",
    )


def modalities(wanted: Iterable[Modality], differences: Differences) -> list[str]:
    """What to answer with: the service speaks (and sends the words along) or writes, never both."""
    names = set(wanted)
    modality = "audio" if "audio" in names else "text"
    if not names or modality not in differences.modalities:
        raise MessageError(
            f"modalities: the service has no {modality} alone" if names else "modalities is empty",
            field="modalities",
            cure=f"use {' or '.join(f'({each!r},)' for each in differences.modalities)}",
        )
    return [modality]


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


def turn_detection(wanted: TurnDetection | None, differences: Differences) -> Fields | None:
    """Turn detection; a mode that the service lacks is refused, and a setting that the mode does not have."""
    modes = differences.modes
    if wanted is None:
        if not differences.manual:
            raise MessageError(
                "turn_detection: the service finds the turns itself, always",
                field="turn_detection",
                cure="leave it to the service",
            )
        return None
    if wanted.mode not in modes:
        raise MessageError(
            f"turn_detection.mode: the service has no {wanted.mode}",
            field="turn_detection.mode",
            cure=f"use {' or '.join(modes)}",
        )
    given: Fields = {"type": wanted.mode}
    for name in SETTINGS:
        value = getattr(wanted, name)
        if value is None:
            continue
        if name not in modes[wanted.mode]:
            field = f"turn_detection.{name}"
            owners = [mode for mode, names in modes.items() if name in names]
            what = f"is a setting of {' and '.join(owners)}" if owners else "is no setting of the service"
            raise MessageError(f"{field} {what}", field=field, cure=f"leave it out with {wanted.mode}")
        given[name] = value
    for name in SWITCHES:
        if differences.switches:
            given[name] = getattr(wanted, name)
        elif not getattr(wanted, name):
            field = f"turn_detection.{name}"
            raise MessageError(
                f"{field} is always on at this service",
                field=field,
                cure="leave it on, or end the turns yourself",
            )
    return given


def transcription(options: Options, differences: Differences) -> Fields | None:
    """Transcription of the user's speech; the session's `language` is its language unless it names its own."""
    wanted = options.transcription
    language = options.language or None
    model = (wanted.model if wanted else None) or differences.transcription_model
    if wanted is None or (model is None and wanted in (UNSET, Transcription())):
        if language is not None:
            raise MessageError(
                "language is the language of the transcription, which is off",
                field="language",
                cure="leave it out, or switch transcription on",
            )
        return None
    if model is None:
        raise MessageError(
            "transcription.model: the service has no usual one", field="transcription.model", cure="name one"
        )
    given: Fields = {"model": model}
    if wanted:
        for name in ("model", "language", "prompt"):
            field = f"transcription.{name}"
            if getattr(wanted, name) is not None and field in differences.lacks:
                raise MessageError(f"{field} is no option of this service", field=field, cure="leave it out")
        language = wanted.language or language
        if wanted.prompt is not None:
            given["prompt"] = wanted.prompt
    if language is not None:
        given["language"] = language
    return given


FIELDS: Final[dict[str, tuple[Path, Callable[[Any, Differences], Any]]]] = {
    "instructions": (("instructions",), lambda o, _: o.instructions),
    "modalities": (("output_modalities",), lambda o, d: modalities(o.modalities, d)),
    "input_audio_format": (
        ("audio", "input", "format"),
        lambda o, d: audio_format(o.input_audio_format, "input_audio_format", d.input_formats),
    ),
    "turn_detection": (
        ("audio", "input", "turn_detection"),
        lambda o, d: turn_detection(o.turn_detection, d),
    ),
    "transcription": (("audio", "input", "transcription"), transcription),
    "language": (("audio", "input", "transcription"), transcription),
    "output_audio_format": (
        ("audio", "output", "format"),
        lambda o, d: audio_format(o.output_audio_format, "output_audio_format", d.output_formats),
    ),
    "voice": (("audio", "output", "voice"), lambda o, _: o.voice),
    "tools": (("tools",), lambda o, _: [tool(each) for each in o.tools]),
    "tool_choice": (("tool_choice",), lambda o, _: tool_choice(o.tool_choice)),
    "max_tokens": (("max_output_tokens",), lambda o, _: max_tokens(o.max_tokens)),
}
"""Each option's place in OpenAI's session, and its value there, made from all options that are in force."""


def session(
    options: Options,
    differences: Differences,
    names: Iterable[str] | None = None,
    vendor: Mapping[str, Any] | None = None,
) -> Fields:
    """The session of a ``session.update``: the options `names` (None: all that are set) out of those that are in force.

    `vendor` is merged into it last, key by key, in the vendor's own words. The model is not part of it: the connection's URL
    names it.
    """
    nested: Fields = {"type": "realtime"} if differences.typed else {}
    named = set(options.changes() if names is None else names)
    for name, (path, value) in FIELDS.items():
        if name not in named:
            continue
        if name in differences.lacks:
            raise MessageError(f"{name} is no option of this service", field=name, cure="leave it out")
        said = value(options, differences)
        if name == "modalities" and len(differences.modalities) == 1:
            continue  # there is nothing to say
        place = nested
        for step in path[:-1]:
            place = place.setdefault(step, {})
        place[path[-1]] = said
    moved = to_vendor(nested, differences.session)
    if names is not None and options.vendor:
        vendor = merge(_kept(moved, options.vendor, differences), vendor or {})
    return merge(moved, vendor) if vendor else moved


def _kept(session: Fields, vendor: Mapping[str, Any], differences: Differences) -> Fields:
    """The vendor's own settings in force of what a session says anew: services replace it whole, and would forget them."""
    kept: Fields = {}
    for name in ("turn_detection", "transcription"):
        place = placed(FIELDS[name][0], differences.session)
        own = at(vendor, place)
        if isinstance(own, Mapping) and isinstance(at(session, place), dict):
            put(kept, place, cast("Fields", own))
    return kept


def opening(options: Options, differences: Differences) -> Fields:
    """The session of the first ``session.update``: every option that is set, and the formats in any case."""
    formats = Options(input_audio_format=differences.input, output_audio_format=differences.output)
    vendor = merge(differences.opening, options.vendor or {})
    return session(formats.merged(options), differences, vendor=vendor)


def updated(options: Options, change: Options) -> Options:
    """The options that are in force after a change; vendors' own ones are merged key by key."""
    merged = options.merged(change)
    if options.vendor and change.vendor:
        merged = msgspec.structs.replace(merged, vendor=merge(options.vendor, change.vendor))
    return merged


# ------------------------------------------------------------------ items


def image(data: bytes, mime_type: str, detail: str, differences: Differences) -> objects.Content:
    """A picture as a data URI, of a type that the service takes."""
    if mime_type not in differences.images:
        cure = f"use {' or '.join(differences.images)}" if differences.images else "describe it in words"
        raise MessageError(
            f"mime_type: the service takes no {mime_type if differences.images else 'pictures'}",
            field="mime_type",
            cure=cure,
        )
    uri = f"data:{mime_type};base64,{pybase64.b64encode_as_string(data)}"
    return objects.Content(type="input_image", image_url=uri, detail=detail)


def _user_part(part: Part, audio: AudioFormat, differences: Differences) -> objects.Content:
    match part:
        case TextPart():
            return objects.Content(type="input_text", text=part.text)
        case ImagePart():
            if differences.frames:
                raise MessageError(
                    "item.content: the service takes pictures beside the user's speech only",
                    field="item.content",
                    cure="send each as MessageType.IMAGE",
                )
            return image(part.image, part.mime_type, part.detail, differences)
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


def message(item: MessageItem, audio: AudioFormat, differences: Differences) -> objects.Item:
    """A message item; what an assistant said is written, because the service takes no speech of an assistant."""
    if not item.content:
        raise MessageError("item.content is empty", field="item.content", cure="give it a part")
    if item.role == "user":
        content = [_user_part(part, audio, differences) for part in item.content]
    else:
        kind = "output_text" if item.role == "assistant" else "input_text"
        kind = differences.contents.get(kind, kind)
        content = [objects.Content(type=kind, text=_words(part, item.role)) for part in item.content]
    return objects.Item(type="message", role=item.role, content=content)


def item(given: Item, audio: AudioFormat, differences: Differences) -> objects.Item:
    """An item, with its id if it has one. `audio` is the format of speech in it."""
    if isinstance(given, MessageItem):
        encoded = message(given, audio, differences)
    elif isinstance(given, ToolCallItem):
        encoded = objects.Item(
            type="function_call", name=given.name, call_id=given.call_id, arguments=given.arguments
        )
    else:
        encoded = tool_result(given)
    if given.id:
        most = differences.id_length
        if len(given.id) > most:
            raise MessageError(
                f"item.id has {len(given.id)} characters", field="item.id", cure=f"use at most {most}"
            )
        encoded.id = given.id
    return encoded


def replayed(given: Item, audio: AudioFormat, differences: Differences) -> objects.Item | None:
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
    return item(msgspec.structs.replace(given, id=""), audio, differences)


def tool_result(result: ToolResult | ToolResultItem) -> objects.Item:
    """A call's result. The service has no mark for an error, so the output says that it is one."""
    output = msgspec.json.encode({"error": result.output}).decode() if result.is_error else result.output
    return objects.Item(type="function_call_output", call_id=result.call_id, output=output)


def picture(command: Image, differences: Differences) -> objects.Item:
    """A picture as the user's message."""
    return objects.Item(
        type="message",
        role="user",
        content=[image(command.image, command.mime_type, command.detail, differences)],
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


def response(command: ResponseCreate, audio: AudioFormat, differences: Differences) -> Fields:
    """The parameters of a ``response.create``; empty where all is left to the session."""
    given: Fields = {}
    if command.out_of_band:
        if not differences.out_of_band:
            raise MessageError(
                "out_of_band: the service answers in the conversation only",
                field="out_of_band",
                cure="leave it out",
            )
        given["conversation"] = "none"
    if command.modalities is not None:
        given["output_modalities"] = modalities(command.modalities, differences)
    if command.instructions is not None:
        given["instructions"] = command.instructions
    if command.tools is not None:
        given["tools"] = [tool(each) for each in command.tools]
    if command.tool_choice is not None:
        given["tool_choice"] = tool_choice(command.tool_choice)
    if command.max_tokens is not None:
        given["max_output_tokens"] = max_tokens(command.max_tokens)
    if command.input is not None:
        given["input"] = [item(each, audio, differences) for each in command.input]
    if command.metadata is not None:
        given["metadata"] = _metadata(command.metadata)
    moved = to_vendor(given, differences.request)
    return merge(moved, command.vendor) if command.vendor else moved
