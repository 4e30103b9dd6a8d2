"""`XAIProvider`: the runtime bound to xAI's dialect. It adds no method."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final, final

from voicechatengine.providers.realtime import family
from voicechatengine.providers.xai.config import DIFFERENCES, XAIConfig, endpoint
from voicechatengine.session.runtime import Runtime
from voicechatengine.session.transport import Connector

VENDOR: Final = family.vendor("xai", DIFFERENCES, endpoint)


@final
class XAIProvider(Runtime[XAIConfig]):
    """A session with xAI's Grok Voice. After a cut the service goes on with the conversation, for half an hour.

    `connector` opens transports (default: aiohttp websockets), `clock` gives Unix seconds that never step back, `rng` is the
    source of jitter and ids; they are for tests and simulations.
    """

    def __init__(
        self,
        config: XAIConfig | None = None,
        *,
        connector: Connector | None = None,
        clock: Callable[[], float] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__(config or XAIConfig(), VENDOR, connector=connector, clock=clock, rng=rng)
