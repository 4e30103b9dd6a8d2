"""A recorded session of the real service, served on loopback: what comes out, and what the client was expected to say."""

from __future__ import annotations

import pytest
from replaying import replay, talk, told

from voicechatengine import VoiceLiveConfig, VoiceLiveProvider

pytestmark = pytest.mark.realtime


async def test_text_in_audio_out(shared):
    recording = shared / "wire" / "voicelive" / "text_in_audio_out.yaml"
    async with replay(shared).serve(str(recording), dialect="openai") as server:
        config = VoiceLiveConfig(
            api_key="k", url=server.url, instructions="Answer in two or three words.", voice="alloy"
        )
        events = await talk(VoiceLiveProvider(config), "Say a short greeting.")
        await server.finished(timeout=10)
    assert server.report["clean"], server.report
    assert server.report["soft_differences"] == []
    assert replay(shared).diff(replay(shared).expected(str(recording)), told(events)) == []
    created, updated = (
        next(event.data for event in events if event.type == kind)
        for kind in ("session_created", "session_updated")
    )
    assert created["applied"].voice == "alloy"
    assert updated["applied"].transcription.model == "whisper-1"
    assert updated["applied"].turn_detection.silence_duration_ms == 500
    assert not [event for event in events if event.type == "vendor"]
