"""What messages of Gemini's wire mean in our words, and how ours are put into its: for the server's side. Pure functions.

They know one message at a time: what it does to a session is for who calls them.
"""

from __future__ import annotations

from typing import Final

import msgspec
import pybase64

from voicechatengine.events import ToolCall, Usage
from voicechatengine.messages import (
    ImagePart,
    Item,
    MessageItem,
    Part,
    Role,
    TextPart,
    ToolCallItem,
    ToolResultItem,
)
from voicechatengine.providers.gemini import decode, objects, wire
from voicechatengine.providers.gemini.encode import OUTPUT
from voicechatengine.providers.gemini.server_setup import Refused
from voicechatengine.session.dialect import Ids

INVALID: Final = "Request contains an invalid argument."

_ROLES: Final[dict[str | None, Role]] = {"model": "assistant", "system": "system"}


# ------------------------------------------------------------------ what the client says


def items(turn: objects.Content, ids: Ids, *, vertex: bool) -> list[Item]:
    """The items in a turn: its words and pictures as one, calls and results each by itself. Raises `Refused`."""
    role = _ROLES.get(turn.role, "user")
    if turn.role not in (None, "user", "model") and not (vertex and role == "system"):
        raise Refused("Please use a valid role: user, model.")
    found: list[Item] = []
    parts: list[Part] = []
    for part in turn.parts or ():
        if part.text is not None:
            parts.append(TextPart(part.text))
        elif part.inline_data is not None:
            parts += _picture(part.inline_data)
        elif part.function_call is not None:
            call, (text, _) = part.function_call, decode.arguments(part.function_call.args)
            found.append(ToolCallItem(call.id or ids("call"), call.name or "", text))
        elif part.function_response is not None:
            given = part.function_response
            text, is_error = output(given)
            found.append(ToolResultItem(given.id or "", text, is_error=is_error))
    if parts:
        found.insert(0, MessageItem(role, tuple(parts)))
    return found


def _picture(blob: objects.Blob) -> list[Part]:
    kind = blob.mime_type or ""
    if not kind.startswith("image/"):
        raise Refused(f"Unsupported MIME type: {kind}")
    return [ImagePart(data(blob), kind)]


def data(blob: objects.Blob) -> bytes:
    """The bytes of a blob. Raises `Refused`."""
    try:
        return wire.base64(blob.data or "")
    except ValueError:
        raise Refused(INVALID) from None


def output(given: objects.FunctionResponse) -> tuple[str, bool]:
    """A result as text, and whether it is an error; one without either word is the output as a whole."""
    response = given.response or {}
    for name, is_error in (("error", True), ("output", False)):
        value = response.get(name)
        if isinstance(value, str):
            return value, is_error
        if value is not None:
            return msgspec.json.encode(value).decode(), is_error
    return msgspec.json.encode(response).decode(), False


# ------------------------------------------------------------------ what the service says


def duration(seconds: float) -> str:
    """A duration as protocol buffers write it in JSON: never with an exponent."""
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def written(text: str) -> wire.ServerContent:
    """Words of the model's that are no words of its audio."""
    return _made(objects.Part(text=text))


def sound(audio: bytes) -> wire.ServerContent:
    """Audio of the model's, in the service's format."""
    blob = objects.Blob(f"audio/pcm;rate={OUTPUT.sample_rate}", pybase64.b64encode_as_string(audio))
    return _made(objects.Part(inline_data=blob))


def _made(part: objects.Part) -> wire.ServerContent:
    return wire.ServerContent(model_turn=objects.Content([part]))


def call(made: ToolCall) -> objects.FunctionCall:
    """A call of a tool. Its arguments are an object here; what is none is passed on as a string."""
    given = (
        made.arguments or "{}" if made.parsed is not None else msgspec.json.encode(made.arguments).decode()
    )
    return objects.FunctionCall(made.call_id, made.name, msgspec.Raw(given.encode()))


def usage(cost: Usage, *, vertex: bool) -> objects.Usage:
    """What a turn cost; Vertex has another name for what was made."""
    read = {
        "TEXT": cost.input_text_tokens,
        "AUDIO": cost.input_audio_tokens,
        "IMAGE": cost.input_image_tokens,
    }
    made = {"TEXT": cost.output_text_tokens, "AUDIO": cost.output_audio_tokens}
    return objects.Usage(
        prompt_token_count=cost.input_tokens,
        cached_content_token_count=cost.cached_tokens or None,
        response_token_count=None if vertex else cost.output_tokens,
        candidates_token_count=cost.output_tokens if vertex else None,
        total_token_count=cost.total_tokens,
        prompt_tokens_details=_details(read),
        response_tokens_details=None if vertex else _details(made),
        candidates_tokens_details=_details(made) if vertex else None,
    )


def _details(counts: dict[str, int]) -> list[objects.ModalityCount] | None:
    found = [objects.ModalityCount(name, count) for name, count in counts.items() if count]
    return found or None
