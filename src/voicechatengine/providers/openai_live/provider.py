"""`OpenAILiveProvider`: the runtime bound to the dialect of OpenAI Live. It adds no method."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final, final

from voicechatengine.providers.openai_live import encode
from voicechatengine.providers.openai_live.client import OpenAILiveClient
from voicechatengine.providers.openai_live.config import OpenAILiveConfig, capabilities, check, endpoint
from voicechatengine.session.dialect import ClientDialect, Ids, Restore
from voicechatengine.session.runtime import Runtime
from voicechatengine.session.transport import Connector
from voicechatengine.session.vendor import Vendor


def _dialect(config: OpenAILiveConfig, restore: Restore, ids: Ids) -> ClientDialect:
    return OpenAILiveClient(restore, ids, patience=config.timeouts.response)


OPENAI_LIVE: Final = Vendor(
    name="openai-live",
    endpoint=endpoint,
    dialect=_dialect,
    capabilities=capabilities,
    audio_format=encode.audio_format,
    check=check,
)


@final
class OpenAILiveProvider(Runtime[OpenAILiveConfig]):
    """A session with OpenAI Live: full duplex, at OpenAI or at Azure (`OpenAILiveConfig.url`).

    The wire has no turns: responses and the user's turns are derived from sound, words and time, as
    `providers/openai_live/turns.py` says. `connector` opens transports (default: aiohttp websockets), `clock` gives Unix seconds
    that never step back, `rng` is the source of jitter and ids; they are for tests and simulations.
    """

    def __init__(
        self,
        config: OpenAILiveConfig | None = None,
        *,
        connector: Connector | None = None,
        clock: Callable[[], float] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__(config or OpenAILiveConfig(), OPENAI_LIVE, connector=connector, clock=clock, rng=rng)
