"""`OpenAIProvider`: the runtime bound to OpenAI's dialect. It adds no method."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final, final

from voicechatengine.providers.openai.config import OpenAIConfig, audio_format, capabilities, check, endpoint
from voicechatengine.providers.realtime.client import RealtimeClient
from voicechatengine.session.connection import Vendor
from voicechatengine.session.dialect import ClientDialect, Ids, Restore
from voicechatengine.session.runtime import Runtime
from voicechatengine.session.transport import Connector


def _dialect(config: OpenAIConfig, restore: Restore, ids: Ids) -> ClientDialect:
    return RealtimeClient(restore, ids, patience=config.timeouts.response)


OPENAI: Final = Vendor(
    name="openai",
    endpoint=endpoint,
    dialect=_dialect,
    capabilities=capabilities,
    audio_format=audio_format,
    check=check,
)


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
        super().__init__(config or OpenAIConfig(), OPENAI, connector=connector, clock=clock, rng=rng)
