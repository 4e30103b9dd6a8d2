"""`GeminiProvider`: the runtime bound to Gemini's dialect. It adds no method."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import final

from voicechatengine.messages import Options
from voicechatengine.providers.gemini import encode
from voicechatengine.providers.gemini.client import GeminiClient
from voicechatengine.providers.gemini.config import (
    GeminiConfig,
    audio_format,
    capabilities,
    endpoint,
    prepare,
    surface,
)
from voicechatengine.session.dialect import ClientDialect, Ids, Restore
from voicechatengine.session.runtime import Runtime
from voicechatengine.session.transport import Connector
from voicechatengine.session.vendor import Vendor


def _dialect(config: GeminiConfig, restore: Restore, ids: Ids) -> ClientDialect:
    return GeminiClient(restore, ids, surface=surface(config), patience=config.timeouts.response)


def vendor(config: GeminiConfig) -> Vendor[GeminiConfig]:
    """The service as the runtime has to know it; what it can be told depends on where it is."""

    def check(options: Options) -> None:
        encode.check(options, surface(config))

    return Vendor(
        name="gemini",
        endpoint=endpoint,
        dialect=_dialect,
        capabilities=capabilities,
        audio_format=audio_format,
        check=check,
        prepare=prepare,
    )


@final
class GeminiProvider(Runtime[GeminiConfig]):
    """A session with Gemini Live, on the Developer API or on Vertex.

    `connector` opens transports (default: aiohttp websockets), `clock` gives Unix seconds that never step back, `rng` is the
    source of jitter and ids; they are for tests and simulations.
    """

    def __init__(
        self,
        config: GeminiConfig | None = None,
        *,
        connector: Connector | None = None,
        clock: Callable[[], float] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        given = config or GeminiConfig()
        super().__init__(given, vendor(given), connector=connector, clock=clock, rng=rng)
