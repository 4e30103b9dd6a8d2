"""`AzureProvider`: the runtime bound to the dialect of Azure OpenAI. It adds no method."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from typing import final

from voicechatengine.providers.azure.config import AzureConfig, differences, endpoint, prepare
from voicechatengine.providers.realtime import family
from voicechatengine.session.runtime import Runtime
from voicechatengine.session.transport import Connector
from voicechatengine.session.vendor import Vendor


def vendor(config: AzureConfig) -> Vendor[AzureConfig]:
    """What the runtime must know of a session: its wire depends on the config."""
    return dataclasses.replace(family.vendor("azure", differences(config), endpoint), prepare=prepare)


@final
class AzureProvider(Runtime[AzureConfig]):
    """A session with a realtime model that is deployed in Azure OpenAI.

    `connector` opens transports (default: aiohttp websockets), `clock` gives Unix seconds that never step back, `rng` is the
    source of jitter and ids; they are for tests and simulations.
    """

    def __init__(
        self,
        config: AzureConfig | None = None,
        *,
        connector: Connector | None = None,
        clock: Callable[[], float] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        config = config or AzureConfig()
        super().__init__(config, vendor(config), connector=connector, clock=clock, rng=rng)
