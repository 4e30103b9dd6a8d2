"""What the user does while the connection is lost counts as if it were there."""

from __future__ import annotations

import asyncio

import pytest
from puppet import Puppet

from voicechatengine import (
    AudioFormat,
    ConnectionError,
    MessageError,
    MockConfig,
    MockProvider,
    VoiceEngine,
)
from voicechatengine.engine.io import MemorySource, VirtualSpeaker
from voicechatengine.messages import ItemTruncate, MessageItem
from voicechatengine.providers.mock import MockReply


async def test_what_was_heard_is_told_to_the_provider_when_it_is_back():
    lost = MockReply("one two three four five six", audio=3.0, drop="reconnect", outage_s=1.0, at=1.0, pace=0)
    provider = MockProvider(MockConfig(script=[lost]))
    form = AudioFormat()
    async with VoiceEngine(provider) as engine:
        sink = VirtualSpeaker(form, lambda _: None)
        running = asyncio.create_task(
            engine.run(MemorySource(form.silence(2_000), form), sink, push_to_talk=False)
        )
        await engine.send_text("Count")
        await engine.create_response()
        await asyncio.sleep(0.5)
        assert not provider.is_connected()
        await engine.interrupt()
        await running
        heard = engine.history[-1]
        assert isinstance(heard, MessageItem)
        assert (heard.text, heard.interrupted) == ("one", True)
    told = [record.payload for record in provider.recording if record.type == "item_truncate"]
    assert [(item.item_id, item.heard_ms) for item in told if isinstance(item, ItemTruncate)] == [
        (heard.id, 500)
    ]
    assert provider.history[-1] == heard


async def test_text_that_could_not_be_sent_is_not_in_the_history():
    puppet = Puppet()
    async with VoiceEngine(puppet) as engine:
        for error in (ConnectionError("not connected"), MessageError("not now")):
            puppet.broken["item_create"] = error
            with pytest.raises(type(error)):
                await engine.send_text("Hello?")
            assert engine.history == ()
            puppet.up = True
        puppet.broken.clear()
        await engine.send_text("Hello?")
        assert [item.text for item in engine.history if isinstance(item, MessageItem)] == ["Hello?"]
