"""`ElevenRealtimeProvider`: the runtime bound to Eleven Realtime's dialect. It adds no method."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final, final

from voicechatengine.providers.elevenrealtime.config import DIFFERENCES, ElevenRealtimeConfig, endpoint
from voicechatengine.providers.realtime import family
from voicechatengine.session.runtime import Runtime
from voicechatengine.session.transport import Connector

VENDOR: Final = family.vendor("elevenrealtime", DIFFERENCES, endpoint)


@final
class ElevenRealtimeProvider(Runtime[ElevenRealtimeConfig]):
    """A session with Eleven Realtime.

    `connector` opens transports (default: aiohttp websockets), `clock` gives Unix seconds that never step back, `rng` is the
    source of jitter and ids; they are for tests and simulations.
    """

    def __init__(
        self,
        config: ElevenRealtimeConfig | None = None,
        *,
        connector: Connector | None = None,
        clock: Callable[[], float] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__(config or ElevenRealtimeConfig(), VENDOR, connector=connector, clock=clock, rng=rng)
