"""`OpenAIProvider`: the runtime bound to OpenAI's dialect. It adds no method."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import final

from voicechatengine.providers.openai.config import OpenAIConfig, differences, endpoint
from voicechatengine.providers.realtime import family
from voicechatengine.session.runtime import Runtime
from voicechatengine.session.transport import Connector
from voicechatengine.session.vendor import Vendor


def vendor(config: OpenAIConfig) -> Vendor[OpenAIConfig]:
    """What the runtime must know of a session: its wire depends on the config."""
    return family.vendor("openai", differences(config), endpoint)


@final
class OpenAIProvider(Runtime[OpenAIConfig]):
    """A session with OpenAI Realtime, or with any server that speaks its wire (`OpenAIConfig.url`).

    `connector` opens transports (default: aiohttp websockets), `clock` gives Unix seconds that never step back, `rng` is the
    source of jitter and ids; they are for tests and simulations.
    """

    def __init__(
        self,
        config: OpenAIConfig | None = None,
        *,
        connector: Connector | None = None,
        clock: Callable[[], float] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        config = config or OpenAIConfig()
        super().__init__(config, vendor(config), connector=connector, clock=clock, rng=rng)
