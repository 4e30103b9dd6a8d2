"""What the service refuses, and how: handshakes, messages that are none, sessions and audio that do not fit. Pure.

Sources as in `wire`, and https://platform.openai.com/docs/guides/error-codes (read 2026-11-22). Of the codes of errors the
documents name ``unknown_parameter`` alone; the others are those of OpenAI's realtime service. No text names a key.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

import msgspec
import pybase64

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import AudioError
from voicechatengine.providers.openai_live import schema, wire
from voicechatengine.providers.openai_live.config import AZURE_PATH, PATH, VOICES
from voicechatengine.session.handshake import Handshake, Refusal

CONTENT: Final = 2_000  # bytes of one append: about 500 tokens

_T = TypeVar("_T", bound=msgspec.Struct)
_AT: Final = re.compile(r"(?P<text>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)
_FIELD: Final = re.compile(r"Object (?P<wrong>contains unknown|missing required) field `(?P<name>.*)`")


class Refused(Exception):  # noqa: N818 - what the service does, not what went wrong here
    """The service answers a client's message with an `error` of this code, message and parameter."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param


# ------------------------------------------------------------------ the handshake


def refuse(handshake: Handshake, api_key: str | None = None) -> Refusal | None:
    """The service's answer to a handshake that it does not accept, else None. A key other than `api_key` is wrong, if given."""
    path = handshake.path.rstrip("/")
    if path not in (PATH, AZURE_PATH):
        return _refusal(404, f"Invalid URL (GET {handshake.path})", None)
    if handshake.query:
        names = ", ".join(handshake.query)
        return _refusal(400, f"Unknown query parameters: {names}. This endpoint takes none.", None)
    scheme, _, key = handshake.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        key = handshake.headers.get("api-key", "") if path == AZURE_PATH else ""
    if not key.strip():
        return _refusal(401, "You didn't provide an API key.", None)
    if key.endswith("invalid") or api_key not in (None, key):
        return _refusal(401, "Incorrect API key provided.", "invalid_api_key")
    return None


def rate_limited(retry_after_s: float) -> Refusal:
    """The service's answer to too many handshakes."""
    refusal = _refusal(429, "Rate limit reached. Please try again later.", "rate_limit_exceeded")
    return msgspec.structs.replace(refusal, headers={"Retry-After": f"{retry_after_s:g}"})


def _refusal(status: int, text: str, code: str | None) -> Refusal:
    error = {"message": text, "type": "invalid_request_error", "param": None, "code": code}
    return Refusal(status, msgspec.json.encode({"error": error}))


# ------------------------------------------------------------------ messages


def misread(frame: bytes | str, error: msgspec.ValidationError) -> tuple[Refused, str | None]:
    """The service's words for JSON that is no message of a client, and the `event_id` that it bears."""
    try:
        message = msgspec.json.decode(frame, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return Refused("invalid_type", "Invalid type: expected an object."), None
    kind, given_id = message.get("type"), message.get("event_id")
    event_id = given_id if isinstance(given_id, str) else None
    if kind is None:
        return Refused("missing_required_parameter", "Missing required parameter: 'type'.", "type"), event_id
    if kind not in wire.CLIENT_TYPES:
        return Refused("invalid_value", f"Invalid value: '{kind}'.", "type"), event_id
    return refused(error, ""), event_id


def checked(session: dict[str, Any], kind: type[_T]) -> _T:
    """A session that fits; raises `Refused` naming the parameter that does not."""
    try:
        return msgspec.convert(session, kind)
    except msgspec.ValidationError as error:
        raise refused(error, "session") from None


def refused(error: msgspec.ValidationError, place: str) -> Refused:
    """The service's words for a value that does not fit, below this place."""
    found = _AT.fullmatch(str(error))
    assert found is not None, "the pattern takes any text"
    text, path = found["text"], ".".join(each for each in (place, found["path"] or "") if each)
    field = _FIELD.fullmatch(text)
    if field is not None:
        param = ".".join(each for each in (path, field["name"]) if each)
        if field["wrong"] == "contains unknown":
            return Refused("unknown_parameter", f"Unknown parameter: '{param}'.", param)
        return Refused("missing_required_parameter", f"Missing required parameter: '{param}'.", param)
    code = "invalid_type" if text.startswith("Expected") else "invalid_value"
    return Refused(code, f"Invalid value for '{path}': {text}.", path or None)


def voice(session: schema.SessionConfig) -> None:
    """Refuses a voice that is none of the built-in ones, nor somebody's own."""
    output = session.audio.output if isinstance(session.audio, schema.Audio) else None
    wanted = output.voice if isinstance(output, schema.AudioOutput) else None
    if isinstance(wanted, str) and wanted not in VOICES:
        text = f"Invalid value: '{wanted}'. Supported values are: {', '.join(VOICES)}."
        raise Refused("invalid_value", text, "session.audio.output.voice")


def sound(audio: str, form: AudioFormat) -> bytes:
    """The audio of a message; raises `Refused` for what is none of the format."""
    try:
        data = pybase64.b64decode(audio, None, True)
    except ValueError:
        raise Refused("invalid_value", "Invalid 'audio': it is no base64.", "audio") from None
    try:
        form.check(data)
    except AudioError as error:
        raise Refused("invalid_value", f"Invalid 'audio': {error.message}.", "audio") from None
    return data


def content(text: str) -> str:
    """What is appended; raises `Refused` for nothing and for too much."""
    if not text.strip():
        raise Refused("invalid_value", "Invalid 'content': it is empty.", "content")
    if len(text.encode()) > CONTENT:
        raise Refused("invalid_value", "Invalid 'content': it is limited to 500 tokens.", "content")
    return text
