"""How OpenAI's audio endpoints look at a request before they answer: path, key, body. Pure: a request in, a refusal or its parts out.

What is honoured is what a simulator can do: it reads WAV, and speaks PCM and WAV. Everything else is refused in the service's form.
Sources, read 2026-11-22: https://platform.openai.com/docs/api-reference/audio, https://platform.openai.com/docs/guides/error-codes
and the `openai` package 3.54.0. No text names a key.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.wav import parse_wav
from voicechatengine.errors import AudioError
from voicechatengine.providers.speech.wire import (
    MAX_FILE,
    MAX_INPUT,
    SHORTEST_MS,
    SPEECH,
    TRANSCRIPTIONS,
    SpeechRequest,
    decode_request,
    encode,
)
from voicechatengine.session.handshake import Handshake, Refusal

EARS: Final = (
    "gpt-transcribe", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-mini-transcribe-2025-12-15", "whisper-1",
)  # fmt: skip
WHOLE: Final = "whisper-1"  # of these the one that does not stream
VOICED: Final = ("gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15", "tts-1", "tts-1-hd")
SILENT_EVENTS: Final = ("tts-1", "tts-1-hd")  # speak, but not in events
VOICES: Final = (
    "alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer", "verse", "marin", "cedar",
)  # fmt: skip
SPOKEN: Final = {"pcm": "audio/pcm", "wav": "audio/wav"}
WRITTEN: Final = {"json": "application/json", "text": "text/plain; charset=utf-8"}
EVENTS: Final = "text/event-stream; charset=utf-8"
SPEEDS: Final = (0.25, 4.0)

_BOUNDARY: Final = re.compile(r'boundary="?([^";]+)"?')
_NAME: Final = re.compile(rb'form-data;(?:.*;)? *name="([^"]*)"', re.IGNORECASE)


class Unfit(Exception):  # noqa: N818 - it says what it is, and never leaves the checks
    """The request is not as the service wants it; the text is the service's."""

    def __init__(
        self, text: str, *, param: str | None = None, code: str | None = None, status: int = 400
    ) -> None:
        super().__init__(text)
        self.param = param
        self.code = code
        self.status = status


class Transcribe(msgspec.Struct, frozen=True):
    """What is to be transcribed, and how the answer is to look."""

    model: str
    format: AudioFormat
    audio: bytes
    streamed: bool
    response_format: str = "json"
    language: str | None = None
    prompt: str | None = None


# ------------------------------------------------------------------ refusing


def refuse(handshake: Handshake, api_key: str | None = None) -> Refusal | None:
    """The service's answer to a request that it does not look into, else None. A key other than `api_key` is wrong, if given."""
    if handshake.path.rstrip("/") not in (TRANSCRIPTIONS, SPEECH):
        return refusal(404, f"Invalid URL (POST {handshake.path})")
    scheme, _, key = handshake.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        return refusal(
            401, "You didn't provide an API key. Provide it in an Authorization header using Bearer auth."
        )
    if key.endswith("invalid") or api_key not in (None, key):
        return refusal(401, "Incorrect API key provided.", code="invalid_api_key")
    return None


def rate_limited(retry_after_s: float) -> Refusal:
    """The service's answer to too many requests."""
    told = refusal(
        429, "Rate limit reached. Please try again later.", kind="requests", code="rate_limit_exceeded"
    )
    return msgspec.structs.replace(told, headers={"Retry-After": f"{retry_after_s:g}"})


def overloaded() -> Refusal:
    """The service's answer when it has too much to do."""
    return refusal(
        503, "The server is currently overloaded with other requests. Please try again.", kind="server_error"
    )


def refusal(
    status: int,
    text: str,
    *,
    kind: str = "invalid_request_error",
    param: str | None = None,
    code: str | None = None,
) -> Refusal:
    """An error as the service answers with it."""
    return Refusal(status, encode({"error": error(text, kind=kind, param=param, code=code)}))


def error(
    text: str, *, kind: str, param: str | None = None, code: str | None = None
) -> dict[str, str | None]:
    """The service's form of an error."""
    return {"message": text, "type": kind, "param": param, "code": code}


# ------------------------------------------------------------------ accepting


def accept(handshake: Handshake, body: bytes) -> Refusal | str:
    """The content type of the answer, or why there is none."""
    try:
        if handshake.path.rstrip("/") == SPEECH:
            asked = speech(body)
            return EVENTS if asked.stream_format == "sse" else SPOKEN[asked.response_format]
        wanted = transcription(handshake, body)
    except Unfit as unfit:
        return refusal(unfit.status, str(unfit), param=unfit.param, code=unfit.code)
    return EVENTS if wanted.streamed else WRITTEN[wanted.response_format]


def transcription(handshake: Handshake, body: bytes) -> Transcribe:
    """What a form asks for; raises `Unfit`."""
    fields = read_form(handshake.headers.get("content-type", ""), body)
    if "file" not in fields:
        raise Unfit("Field required: file", param="file")
    words = {name: value.decode(errors="replace") for name, value in fields.items() if name != "file"}
    model, response_format = words.get("model", ""), words.get("response_format", "json")
    if not model:
        raise Unfit("you must provide a model parameter", param="model")
    _check_model(model, EARS)
    if response_format not in WRITTEN:
        raise Unfit(
            f"response_format '{response_format}' is not compatible with model '{model}'. Use 'json' or 'text' instead.",
            param="response_format",
            code="unsupported_value",
        )
    form, audio = _wav(fields["file"])
    return Transcribe(
        model,
        form,
        audio,
        words.get("stream", "").lower() in ("true", "1") and model != WHOLE,
        response_format,
        words.get("language") or None,
        words.get("prompt") or None,
    )


def _wav(file: bytes) -> tuple[AudioFormat, bytes]:
    if len(file) > MAX_FILE:
        raise Unfit(f"Maximum content size limit ({MAX_FILE}) exceeded ({len(file)} bytes read)", status=413)
    try:
        form, audio = parse_wav(file)
    except AudioError as broken:
        raise Unfit(
            f"Invalid file format. Supported formats: ['wav'] ({broken.message})", param="file"
        ) from None
    if form.duration_ms(len(audio)) < SHORTEST_MS:
        raise Unfit(
            "Audio file is too short. Minimum audio length is 0.1 seconds.",
            param="file",
            code="audio_too_short",
        )
    return form, audio


def speech(body: bytes) -> SpeechRequest:
    """What a body asks to be spoken; raises `Unfit`."""
    try:
        asked = decode_request(body)
    except msgspec.ValidationError as broken:
        raise Unfit(str(broken)) from None
    except msgspec.DecodeError:
        raise Unfit("We could not parse the JSON body of your request.") from None
    _check_model(asked.model, VOICED)
    if isinstance(asked.voice, str) and asked.voice not in VOICES:
        raise Unfit(f"Input should be {_listed(VOICES)}", param="voice")
    if not asked.input:
        raise Unfit("String should have at least 1 character", param="input")
    if len(asked.input) > MAX_INPUT:
        raise Unfit(
            f"String should have at most {MAX_INPUT} characters", param="input", code="string_too_long"
        )
    if asked.response_format not in SPOKEN:
        raise Unfit(f"Input should be {_listed(tuple(SPOKEN))} (here)", param="response_format")
    if asked.stream_format not in ("audio", "sse"):
        raise Unfit("Input should be 'audio' or 'sse'", param="stream_format")
    if asked.stream_format == "sse" and asked.model in SILENT_EVENTS:
        raise Unfit(f"stream_format 'sse' is not supported with model '{asked.model}'", param="stream_format")
    if not SPEEDS[0] <= asked.speed <= SPEEDS[1]:
        raise Unfit(f"Input should be from {SPEEDS[0]} to {SPEEDS[1]}", param="speed")
    return asked


def read_form(content_type: str, body: bytes) -> dict[str, bytes]:
    """The fields of a body of ``multipart/form-data``, the last of each name; raises `Unfit`."""
    boundary = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/form-data") or boundary is None:
        raise Unfit(
            f"Unsupported content type: '{content_type}'. This API method only accepts 'multipart/form-data' requests.",
            code="unsupported_content_type",
        )
    edge = b"\r\n--" + boundary[1].strip().encode()
    parts = (b"\r\n" + body).split(edge)
    if len(parts) < 3 or not parts[-1].startswith(b"--"):  # noqa: PLR2004 - what is before, a field, the end
        raise Unfit("We could not parse the form of your request: it is cut off, or has another boundary.")
    fields: dict[str, bytes] = {}
    for part in parts[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name is not None:
            fields[name[1].decode(errors="replace")] = content
    return fields


def _check_model(model: str, known: tuple[str, ...]) -> None:
    if model not in known:
        raise Unfit(
            f"The model `{model}` does not exist or you do not have access to it.",
            param="model",
            code="model_not_found",
            status=404,
        )


def _listed(words: tuple[str, ...]) -> str:
    return f"{', '.join(map(repr, words[:-1]))} or {words[-1]!r}"
