"""`VoiceLiveProvider`: the runtime bound to Voice Live's dialect. It adds no method."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from typing import Final, final

from voicechatengine.providers.realtime import family
from voicechatengine.providers.voicelive.config import VoiceLiveConfig, endpoint, prepare
from voicechatengine.providers.voicelive.table import VOICELIVE
from voicechatengine.session.runtime import Runtime
from voicechatengine.session.transport import Connector
from voicechatengine.session.vendor import Vendor

VENDOR: Final[Vendor[VoiceLiveConfig]] = dataclasses.replace(
    family.vendor("voicelive", VOICELIVE, endpoint), prepare=prepare
)


@final
class VoiceLiveProvider(Runtime[VoiceLiveConfig]):
    """A session with Azure Voice Live.

    `connector` opens transports (default: aiohttp websockets), `clock` gives Unix seconds that never step back, `rng` is the
    source of jitter and ids; they are for tests and simulations.
    """

    def __init__(
        self,
        config: VoiceLiveConfig | None = None,
        *,
        connector: Connector | None = None,
        clock: Callable[[], float] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__(config or VoiceLiveConfig(), VENDOR, connector=connector, clock=clock, rng=rng)
