"""A provider with no network and no key, for tests and for trying things out: what it answers is set ahead."""

from __future__ import annotations

from voicechatengine.providers.mock.provider import MockProvider
from voicechatengine.providers.mock.script import (
    MockCall,
    MockConfig,
    MockRecord,
    MockReply,
    MockTurn,
    default_reply,
)

__all__ = ["MockCall", "MockConfig", "MockProvider", "MockRecord", "MockReply", "MockTurn", "default_reply"]
