"""What the runtime must know of a vendor. Pure: it holds functions, and calls none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from voicechatengine.audio.format import AudioFormat
from voicechatengine.capabilities import Capabilities
from voicechatengine.messages import Options
from voicechatengine.provider import ProviderConfig
from voicechatengine.session.dialect import ClientDialect, Endpoint, Ids, Restore

C = TypeVar("C", bound=ProviderConfig)


@dataclass(frozen=True)
class Vendor(Generic[C]):
    """What the runtime must know of a vendor, all of it pure: where to connect, how to talk, and what it can do.

    `check` raises `MessageError` for options that the vendor does not have. `prepare` gets what a connection needs first, a fresh
    token say, and gives the config with it; it is called before each connection, within ``timeouts.connect``.
    """

    name: str
    endpoint: Callable[[C, Restore], Endpoint]
    dialect: Callable[[C, Restore, Ids], ClientDialect]
    capabilities: Callable[[C, Options], Capabilities]
    audio_format: Callable[[Options], AudioFormat]
    check: Callable[[Options], object]
    prepare: Callable[[C], Awaitable[C]] | None = None
