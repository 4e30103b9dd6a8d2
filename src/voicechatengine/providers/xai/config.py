"""Where xAI's service is, and how its realtime wire differs from OpenAI's. Pure: it opens nothing.

Sources, read 2026-11-22: https://docs.x.ai/docs/guides/voice/agent and https://docs.x.ai/voice-realtime.ws.json (2026-10); what
the service writes as in recorded sessions of 2026-07; an hour as the limit of a session: https://fal.ai/models/xai/grok-voice.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Final, cast

from voicechatengine.audio.format import AudioFormat
from voicechatengine.provider import ProviderConfig
from voicechatengine.providers.realtime import encode, family
from voicechatengine.providers.realtime.differences import ALAW, SERVER_VAD, ULAW, Differences, Fields, Move
from voicechatengine.session.dialect import Endpoint, Restore

URL: Final = "wss://api.x.ai/v1/realtime"
PATH: Final = "/v1/realtime"
MODEL: Final = "grok-voice-latest"
RATES: Final = (24_000, 8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000)  # Hz; the first is the default
FORMATS: Final[dict[AudioFormat, Fields]] = {
    **{AudioFormat("pcm16", rate): {"type": "audio/pcm", "rate": rate} for rate in RATES},
    ULAW: {"type": "audio/pcmu"},
    ALAW: {"type": "audio/pcma"},
}
KEYTERMS: Final = 100


def _turns(wanted: dict[str, Any] | None) -> dict[str, Any]:
    """No turn detection is one without a type."""
    return {"type": None} if wanted is None else wanted


def _no_turns(said: Any) -> Any:
    if not isinstance(said, dict):
        return None
    fields = cast("Fields", said)
    return None if fields.get("type") is None else fields


def _terms(prompt: str | None) -> list[str]:
    """Names and terms, one by one."""
    return [] if prompt is None else [term.strip() for term in prompt.split(",") if term.strip()][:KEYTERMS]


_HEARD: Final = ("audio", "input", "transcription")
DIFFERENCES: Final = Differences(
    session=(
        Move((*_HEARD, "language"), (*_HEARD, "language_hint")),
        Move((*_HEARD, "prompt"), (*_HEARD, "keyterms"), _terms, ", ".join),
        Move(("audio", "input", "turn_detection"), ("turn_detection",), _turns, _no_turns),
        Move(("audio", "output", "voice"), ("voice",)),
    ),
    typed=False,
    input_formats=FORMATS,
    output_formats=FORMATS,
    modes={"server_vad": SERVER_VAD},
    lacks=frozenset({"max_tokens"}),
    modalities=("audio",),
    transcription_model="grok-transcribe",
    images=(),
    out_of_band=False,
    rate_limits=False,
    resumes=True,
    opening={"resumption": {"enabled": True}},
    session_limit_s=3600.0,
    voices=("eve", "ara", "rex", "sal", "leo"),
    models=(),
    extras=frozenset(
        {"reasoning", "resumption", "replace", "speed", "transport", "language_hint", "keyterms"}
    ),
    conversation=True,
    cumulative=True,
    cost_beside=True,
)


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class XAIConfig(ProviderConfig):
    """A session with xAI's Grok Voice.

    `api_key` falls back to ``XAI_API_KEY``. `url` is another server. A `prompt` of the transcription is a list of names and terms,
    with commas. `vendor` takes the service's own session fields: ``{"reasoning": {"effort": "high"}}``. Raises `MessageError`
    naming the field for what the service does not have.
    """

    KEY_VARIABLES: ClassVar[tuple[str, ...]] = ("XAI_API_KEY",)

    model: str | None = MODEL

    def __post_init__(self) -> None:
        super().__post_init__()
        encode.opening(self.options(), DIFFERENCES)
        family.address(self.url or URL, PATH, {})


def endpoint(config: XAIConfig, restore: Restore) -> Endpoint:
    """Where to connect, with which headers. Raises `AuthenticationError` without a key."""
    model = restore.options.model or config.model or MODEL
    query = {"model": model} | ({"conversation_id": restore.handle} if restore.handle else {})
    url = family.address(config.url or URL, PATH, query)
    return Endpoint(url, family.bearer(config.require_key()) | dict(config.headers))
