"""A recorded session of the real service, served on loopback: what comes out, and what the client was expected to say."""

from __future__ import annotations

import pytest
from replaying import WEATHER, replay, talk, told

from voicechatengine import XAIConfig, XAIProvider

pytestmark = pytest.mark.realtime


async def test_a_tool_round(shared):
    recording = shared / "wire" / "xai" / "tool_call.yaml"
    async with replay(shared).serve(str(recording), dialect="openai") as server:
        config = XAIConfig(
            api_key="k",
            url=server.url,
            instructions="Use the get_weather tool for any weather question, then answer in one short sentence.",
            tools=(WEATHER,),
        )
        weather = "It is foggy and 12 degrees in London."
        events = await talk(XAIProvider(config), "What is the weather in London?", weather)
        await server.finished(timeout=10)
    assert server.report["clean"], server.report
    assert server.report["soft_differences"] == []
    assert replay(shared).diff(replay(shared).expected(str(recording)), told(events)) == []
