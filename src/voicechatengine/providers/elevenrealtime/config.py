"""Where Eleven Realtime is, and how its wire differs from OpenAI's. Pure: it opens nothing.

Sources, read 2026-11-22: the session of the `elevenlabs` package 2.78.0 (`types/open_ai_session_config_input.py` and what it
names); the address and that OpenAI's own client works as it is: https://docs.memberjunction.org/v6.2/api/modules/
_memberjunction_ai-elevenlabs.html. Which events the service sends is not documented, nor how a server's key goes along: both
forms are sent.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Final, cast

from voicechatengine.audio.format import AudioFormat
from voicechatengine.provider import ProviderConfig
from voicechatengine.providers.realtime import encode, family
from voicechatengine.providers.realtime.differences import PCM, ULAW, Differences, Fields, Move
from voicechatengine.session.dialect import Endpoint, Restore

URL: Final = "wss://api.elevenlabs.io/v1/convai/realtime"
PATH: Final = "/v1/convai/realtime"
MODEL: Final = "eleven_realtime_v1_mini"
KEY_HEADER: Final = "xi-api-key"
FORMATS: Final[dict[AudioFormat, Fields]] = {
    PCM: {"type": "audio/pcm", "rate": 24_000},
    ULAW: {"type": "audio/pcmu"},
}
_USUAL: Final = "usual"  # the service's own transcription, which has no name


def _transcription(wanted: Fields | None) -> Any:
    """The service names no model."""
    return None if wanted is None else {name: value for name, value in wanted.items() if name != "model"}


def _format(wanted: Fields) -> Fields:
    """An output format has one rate, and does not say it."""
    return {"type": wanted["type"]}


def _with_rate(said: Fields) -> Fields:
    return next((dict(known) for known in FORMATS.values() if known["type"] == said["type"]), said)


def _heard(said: Any) -> Any:
    return {"model": _USUAL} | cast("Fields", said) if isinstance(said, dict) else said


_WORDS: Final = ("audio", "input", "transcription")
_SPOKEN: Final = ("audio", "output", "format")
LIMIT: Final = Move(("max_output_tokens",), ("max_response_output_tokens",))
DIFFERENCES: Final = Differences(
    session=(
        LIMIT,
        Move(_WORDS, _WORDS, _transcription, _heard),
        Move(_SPOKEN, _SPOKEN, _format, _with_rate),
    ),
    request=(LIMIT,),
    input_formats=FORMATS,
    output_formats=FORMATS,
    modes={
        "server_vad": ("threshold", "prefix_padding_ms", "silence_duration_ms"),
        "semantic_vad": ("eagerness",),
    },
    lacks=frozenset({"transcription.model", "transcription.prompt"}),
    transcription_model=_USUAL,
    images=(),
    models=("eleven_realtime_",),
    extras=frozenset({"temperature", "max_duration_seconds", "pacing", "turn_timeout"}),
)


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class ElevenRealtimeConfig(ProviderConfig):
    """A session with Eleven Realtime.

    `api_key` falls back to ``ELEVENLABS_API_KEY``. `url` is another server. `voice` is the id of a voice. `vendor` takes the
    service's own session fields: ``{"max_duration_seconds": 600}``. Raises `MessageError` naming the field for what the service
    does not have.
    """

    KEY_VARIABLES: ClassVar[tuple[str, ...]] = ("ELEVENLABS_API_KEY",)

    model: str | None = MODEL

    def __post_init__(self) -> None:
        super().__post_init__()
        encode.opening(self.options(), DIFFERENCES)
        family.address(self.url or URL, PATH, {})


def endpoint(config: ElevenRealtimeConfig, restore: Restore) -> Endpoint:
    """Where to connect, with which headers. Raises `AuthenticationError` without a key."""
    url = family.address(config.url or URL, PATH, {"model": restore.options.model or config.model or MODEL})
    key = config.require_key()
    return Endpoint(url, family.bearer(key) | {KEY_HEADER: key} | dict(config.headers))
