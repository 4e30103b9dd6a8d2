"""Recorded sessions of the real service, served on loopback: what comes out, and what the client was expected to say."""

from __future__ import annotations

import pytest
from replaying import WEATHER, replay, talk, told

from voicechatengine import OpenAIConfig, OpenAIProvider

pytestmark = pytest.mark.realtime


async def test_text_in_audio_out(shared):
    recording = shared / "wire" / "openai" / "text_in_audio_out.yaml"
    async with replay(shared).serve(str(recording), dialect="openai") as server:
        config = OpenAIConfig(api_key="k", url=server.url, instructions="Answer in two or three words.")
        events = await talk(OpenAIProvider(config), "Say a short greeting.")
        await server.finished(timeout=10)
    assert server.report["clean"], server.report
    assert server.report["soft_differences"] == []
    assert replay(shared).diff(replay(shared).expected(str(recording)), told(events)) == []


async def test_a_tool_round(shared):
    recording = shared / "wire" / "openai" / "tool_call.yaml"
    async with replay(shared).serve(str(recording), dialect="openai") as server:
        config = OpenAIConfig(
            api_key="k",
            url=server.url,
            instructions="Use the get_weather tool for any weather question, then answer in one short sentence.",
            modalities=("text",),
            tools=(WEATHER,),
        )
        weather = "It is foggy and 12 degrees in London."
        events = await talk(OpenAIProvider(config), "What is the weather in London?", weather)
        await server.finished(timeout=10)
    assert server.report["clean"], server.report
    assert server.report["soft_differences"] == []
    assert replay(shared).diff(replay(shared).expected(str(recording)), told(events)) == []
