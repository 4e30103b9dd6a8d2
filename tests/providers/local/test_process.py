from __future__ import annotations

import pytest

from voicechatengine.errors import ProviderError
from voicechatengine.providers.local import frames
from voicechatengine.providers.local.frames import mapping
from voicechatengine.providers.local.process import Process

pytestmark = pytest.mark.realtime


async def test_a_process_that_dies_is_one_clear_error() -> None:
    process = Process("voicechatengine.providers.local.nowhere", {}, "speech to text")
    with pytest.raises(ProviderError, match=r"speech to text ended unexpectedly \(exit status 1\)"):
        await process.start()
    assert not process.running
    await process.stop()


async def test_what_is_sent_to_no_process_is_told_by_receiving_only() -> None:
    process = Process("voicechatengine.providers.local.nowhere", {}, "speech to text")
    process.post(mapping(frames.BEGIN, 1))
    await process.send(mapping(frames.BEGIN, 1))
    assert not process.running
