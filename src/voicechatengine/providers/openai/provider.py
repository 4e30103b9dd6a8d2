"""`OpenAIProvider`: the runtime bound to OpenAI's dialect. It adds no method."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from typing import Final, final

from voicechatengine.providers.openai.config import OpenAIConfig, capabilities, endpoint
from voicechatengine.providers.realtime import family
from voicechatengine.providers.realtime.differences import OPENAI
from voicechatengine.session.runtime import Runtime
from voicechatengine.session.transport import Connector

VENDOR: Final = dataclasses.replace(family.vendor("openai", OPENAI, endpoint), capabilities=capabilities)


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
        super().__init__(config or OpenAIConfig(), VENDOR, connector=connector, clock=clock, rng=rng)
