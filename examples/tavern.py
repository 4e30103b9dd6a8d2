"""Tavern Voice, a vendor that nobody has: OpenAI's realtime wire, with its voice at the top, 16 kHz and no pictures."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from typing import ClassVar, Final, final

from voicechatengine import AudioFormat, ProviderConfig
from voicechatengine.providers.realtime import encode, family
from voicechatengine.providers.realtime.differences import SERVER_VAD, Differences, Move
from voicechatengine.session.dialect import Endpoint, Restore
from voicechatengine.session.runtime import Runtime
from voicechatengine.session.transport import Connector

URL: Final = "wss://voice.tavern.example/v1/realtime"
PATH: Final = "/v1/realtime"
FORMATS: Final = {AudioFormat("pcm16", 16_000): {"type": "audio/pcm", "rate": 16_000}}
DIFFERENCES: Final = Differences(
    session=(Move(("audio", "output", "voice"), ("voice",)),),
    input_formats=FORMATS,
    output_formats=FORMATS,
    modes={"server_vad": SERVER_VAD},
    transcription_model="tavern-ears",
    images=(),
    voices=("innkeeper", "bard"),
    models=("tavern-",),
)


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class TavernConfig(ProviderConfig):
    """A session with Tavern Voice. `api_key` falls back to ``TAVERN_API_KEY``."""

    KEY_VARIABLES: ClassVar[tuple[str, ...]] = ("TAVERN_API_KEY",)

    model: str | None = "tavern-1"

    def __post_init__(self) -> None:
        super().__post_init__()
        encode.opening(self.options(), DIFFERENCES)  # what the service does not have is refused here


def endpoint(config: TavernConfig, restore: Restore) -> Endpoint:
    """Where to connect, with which headers."""
    model = restore.options.model or config.model or ""
    url = family.address(config.url or URL, PATH, {"model": model})
    return Endpoint(url, family.bearer(config.require_key()) | dict(config.headers))


VENDOR: Final = family.vendor("tavern", DIFFERENCES, endpoint)


@final
class TavernProvider(Runtime[TavernConfig]):
    """A session with Tavern Voice."""

    def __init__(
        self,
        config: TavernConfig | None = None,
        *,
        connector: Connector | None = None,
        clock: Callable[[], float] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__(config or TavernConfig(), VENDOR, connector=connector, clock=clock, rng=rng)
