"""OpenAI's HTTP endpoints for transcription and speech, as far as servers agree about them. No rule, no state.

What is read has a default for every field, because LocalAI, Speaches, whisper.cpp and vLLM leave out different ones; what the
simulator writes is OpenAI's own form. Sources, read 2026-11-22: the types of the `openai` package 3.54.0 (`audio.transcriptions`,
`audio.speech`) and https://platform.openai.com/docs/api-reference/audio. The forms of a request's body: RFC 7578.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

TRANSCRIPTIONS: Final = "/v1/audio/transcriptions"
SPEECH: Final = "/v1/audio/speech"
DONE: Final = "[DONE]"
MAX_FILE: Final = (
    25 * 2**20
)  # bytes of audio in a request: https://platform.openai.com/docs/guides/speech-to-text
MAX_INPUT: Final = 4096  # characters to be spoken
SAMPLE_RATE: Final = 24_000  # Hz, of `pcm`
SHORTEST_MS: Final = 100  # of audio: less is refused


class Wire(msgspec.Struct):
    """The base of every struct here."""


class TokenDetails(Wire):
    """What the input was made of."""

    text_tokens: int | None = None
    audio_tokens: int | None = None


class Usage(Wire):
    """What it cost: `type` is ``tokens`` or ``duration``. Speech has no details."""

    type: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    input_token_details: TokenDetails | None = None
    seconds: float | None = None


class ChoiceDelta(Wire):
    """Words in vLLM's form."""

    content: str | None = None


class Choice(Wire):
    """An entry of vLLM's ``transcription.chunk``, which has the form of a chat's: https://docs.vllm.ai (read 2026-11-22)."""

    delta: ChoiceDelta = msgspec.field(default_factory=ChoiceDelta)


class Told(Wire):
    """An event of either stream, or a whole transcription.

    `type` is ``transcript.text.delta`` (`delta`), ``transcript.text.done`` (`text`, `usage`), ``speech.audio.delta`` (`audio` in
    base64), ``speech.audio.done`` (`usage`), or another. A whole transcription has no type, nor has a segment (`text`) in older
    releases of Speaches.
    """

    type: str | None = None
    delta: str | None = None
    text: str | None = None
    audio: str | None = None
    usage: Usage | None = None
    choices: list[Choice] | None = None
    error: Any = None


class SpeechRequest(Wire):
    """What the speech endpoint is asked; `voice` is a name, or a mapping with the id of a voice of one's own."""

    model: str
    input: str
    voice: str | dict[str, Any]
    instructions: str | None = None
    response_format: str = "mp3"
    speed: float = 1.0
    stream_format: str = "audio"


decode: Final = msgspec.json.Decoder(Told).decode
decode_request: Final = msgspec.json.Decoder(SpeechRequest).decode
encode: Final = msgspec.json.Encoder().encode


def form(fields: Iterable[tuple[str, str]], audio: bytes, boundary: str) -> bytes:
    """A body of ``multipart/form-data``: the fields, then the WAV file `audio`. `boundary` is text that occurs in none of them."""
    edge = b"--" + boundary.encode() + b"\r\n"
    written = [edge + _disposition(name) + b"\r\n\r\n" + value.encode() + b"\r\n" for name, value in fields]
    file = _disposition("file") + b'; filename="speech.wav"\r\nContent-Type: audio/wav\r\n\r\n'
    return b"".join((*written, edge, file, audio, b"\r\n--", boundary.encode(), b"--\r\n"))


def form_type(boundary: str) -> str:
    """The content type of such a body."""
    return f"multipart/form-data; boundary={boundary}"


def _disposition(name: str) -> bytes:
    quoted = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    return f'Content-Disposition: form-data; name="{quoted}"'.encode()
