"""How a session that the application ends looks to the vendor."""

from __future__ import annotations

import pytest

from voicechatengine import OpenAIConfig, OpenAIProvider
from voicechatengine.session.dialect import Close
from voicechatengine.simulators import simulator


@pytest.mark.realtime
async def test_disconnect_takes_part_in_the_closing_handshake():
    """The vendor sees a session that was closed, not one that was lost."""
    async with simulator("openai") as server:
        provider = OpenAIProvider(OpenAIConfig(api_key="made-up", url=server.url))
        await provider.connect()
        await provider.disconnect()
    [connection] = server.connections
    assert connection.ended == Close(1000)
