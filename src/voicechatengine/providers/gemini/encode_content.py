"""What Gemini Live is told in a conversation: our items in its words. Pure functions that keep nothing, and know no session.

Each raises `MessageError` (or `AudioError`) naming the field for what the service cannot do, so that it is known before a
byte leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

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
    Part,
    Role,
    TextPart,
    ToolCallItem,
)
from voicechatengine.providers.gemini import objects

MIME_TYPES: Final = ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")
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


def audio_head(audio: AudioFormat) -> bytes:
    """What stands before the base64 of a ``realtimeInput.audio``. It goes out fifty times a second, so no encoder is asked."""
    return f'{{"realtimeInput":{{"audio":{{"mimeType":"{mime_type(audio)}","data":"'.encode()


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
