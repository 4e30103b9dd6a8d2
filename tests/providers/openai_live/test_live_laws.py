"""OpenAI Live obeys the laws of the contract, as far as they can be about a provider without turns."""

from __future__ import annotations

import random

from live_script import Script

from voicechatengine import OpenAILiveConfig, OpenAILiveProvider
from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.events import AudioChunk, InputTranscript, ResponseStarted, TextChunk, ToolCall
from voicechatengine.providers.openai_live.client import OpenAILiveClient
from voicechatengine.providers.openai_live.server import OpenAILiveServer
from voicechatengine.session.dialect import Frame
from voicechatengine.testing import DialectSubject, SimulatedFarEnd, check_dialect, check_provider, simulated

KEY = "kit-0123456789abcdef0123456789"


def over(far: SimulatedFarEnd) -> OpenAILiveProvider:
    return OpenAILiveProvider(OpenAILiveConfig(api_key=KEY), connector=far.connector, rng=random.Random(1))


def test_the_provider_obeys_every_law_that_can_be_about_it():
    report = check_provider(simulated("openai-live", over), secret=KEY)
    assert report.passed, str(report)
    excuses = {verdict.why for verdict in report.of("not applicable")}
    assert {why for why in excuses if "full-duplex" not in why and "does not claim" not in why} == set()
    assert len(report.of("passed")) >= 45


def test_the_dialect_obeys_every_law_that_needs_no_turns():
    """The laws get what the simulated service writes in time; its two sides have no replies at one moment."""
    server, frames = OpenAILiveServer(lambda word: f"{word}_1"), list[bytes]()
    client = OpenAILiveClient(Script().restore, lambda word: f"{word}_1")
    for out in client.opened(1.0):
        assert isinstance(out, Frame)
        frames += [each.data for each in server.receive(out.data, 1.0) if isinstance(each, Frame)]
    for chunk in _spoken():
        server.send(chunk, 1.0)
    while (due := server.deadline()) is not None and due < 5.0:
        frames += [each.data for each in server.expired(due) if isinstance(each, Frame)]
    report = check_dialect(DialectSubject(OpenAILiveClient, frames=frames))
    assert report.passed, str(report)
    assert len(report.of("passed")) >= 8


def _spoken():
    return (
        InputTranscript("Hello", final=True, item_id="i"),
        ResponseStarted("r"),
        TextChunk("Yes", True, "r"),
        AudioChunk(tone(AudioFormat(), 900), None, "r"),
        ToolCall("c", "delegate", "{}", response_id="r"),
    )
