"""Barge-in in a conversation: what is heard, what the provider is told, and what history holds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from puppet import FORMAT, Mic, Puppet, Sink, answer, at, now

from voicechatengine import (
    AudioChunk,
    InputTranscript,
    Interrupted,
    ResponseCompleted,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    VoiceEngine,
)
from voicechatengine.engine.bargein import BargeIn
from voicechatengine.engine.io import MemorySource
from voicechatengine.engine.metrics import Metrics
from voicechatengine.messages import ItemTruncate, MessageItem

SHORT = BargeIn(min_speech_ms=500)
KEEP = BargeIn(resume_ms=1000)


async def talk(
    puppet: Puppet, sink: Sink, barge_in: BargeIn | bool | None, source: Any = None
) -> tuple[Metrics, VoiceEngine]:
    async with VoiceEngine(puppet, barge_in=barge_in) as engine:
        metrics = await engine.run(source or Mic(4000), sink, grace_s=0.5)
    return metrics, engine


def spoken(engine: VoiceEngine) -> list[tuple[str, bool]]:
    return [(item.text, item.estimated) for item in engine.history if isinstance(item, MessageItem)]


def heard_ms(sink: Sink) -> float:
    return len(sink.heard) / 16


async def test_a_cough_does_not_stop_the_assistant():
    puppet, sink = Puppet(), Sink()
    puppet.tells_at(*at(1, answer("r", "a", 2000)), (1.5, SpeechStarted()), (1.8, SpeechStopped()))
    metrics, engine = await talk(puppet, sink, SHORT)
    assert heard_ms(sink) == 2000
    assert (puppet.of("interrupt"), puppet.of("item_truncate")) == ([], [])
    assert spoken(engine) == [("one two three four", False)]
    assert metrics.interruptions == 0


async def test_speech_that_lasts_does():
    """Until it had lasted long enough the reply played on."""
    puppet, sink = Puppet(), Sink()
    puppet.tells_at(*at(1, answer("r", "a", 2000)[:-1]), (1.5, SpeechStarted()))
    puppet.tells_at((2.1, ResponseCompleted("r", "interrupted")), (2.5, SpeechStopped()))
    metrics, engine = await talk(puppet, sink, SHORT)
    assert heard_ms(sink) == pytest.approx(1000, abs=1)
    assert puppet.of("interrupt") == [(2.0, None)]
    assert puppet.of("item_truncate") == [(2.0, ItemTruncate("a", pytest.approx(1000, abs=1)))]
    assert spoken(engine) == [("one two", True)]
    assert metrics.turns[0].interruption_ms == pytest.approx(500)


async def test_a_reply_that_the_vendor_stopped_at_a_cough_is_heard_as_far_as_it_came():
    puppet, sink = Puppet(), Sink()
    puppet.tells_at(
        *at(1, answer("r", "a", 2000)[:-1]),
        (1.5, SpeechStarted()),
        (1.5, Interrupted("r", "a", 2000)),
        (1.5, ResponseCompleted("r", "interrupted")),
        (1.8, SpeechStopped()),
    )
    await talk(puppet, sink, SHORT)
    assert heard_ms(sink) == 2000
    assert puppet.of("item_truncate") == []


async def test_a_false_interruption_is_a_pause():
    """Silence from the first sign of speech, and the rest once it is clear that there were no words."""
    puppet, sink = Puppet(), Sink()
    puppet.tells_at(
        *at(1, answer("r", "a", 2000)),
        (1.5, SpeechStarted()),
        (1.7, SpeechStopped()),
        (1.8, InputTranscript("")),
    )
    async with VoiceEngine(puppet, barge_in=KEEP) as engine:
        running = asyncio.create_task(engine.run(Mic(4000), sink, grace_s=0.5))
        places = []
        for when in (1.49, 1.51, 2.69, 2.8):
            await asyncio.sleep(when - now())
            places.append(sink.position / 8)
        await running
    assert places == pytest.approx([490, 500, 500, 600], abs=2)
    assert bytes(sink.heard) == b"\1" * (16 * 2000)
    assert (puppet.of("interrupt"), puppet.of("item_truncate")) == ([], [])


async def test_a_true_one_is_told_when_it_is_certain_with_what_was_heard_until_it_began():
    puppet, sink = Puppet(), Sink()
    puppet.tells_at(
        *at(1, answer("r", "a", 2000)),
        (1.5, SpeechStarted(item_id="u")),
        (2.2, SpeechStopped(item_id="u")),
        (2.6, InputTranscript("Stop", final=True, item_id="u")),
        *at(2.9, answer("s", "b", 200, words="yes")),
    )
    metrics, engine = await talk(puppet, sink, KEEP)
    assert heard_ms(sink) == pytest.approx(700, abs=1)
    assert puppet.of("item_truncate") == [(2.6, ItemTruncate("a", pytest.approx(500, abs=1)))]
    assert spoken(engine) == [("one", True), ("Stop", False), ("yes", False)]
    assert metrics.turns[0].interruption_ms == 0  # it was silent at once


async def test_an_answer_to_what_was_said_is_not_taken_for_what_was_interrupted():
    puppet, sink = Puppet(), Sink()
    puppet.tells_at(
        *at(1, answer("r", "a", 2000)),
        (1.5, SpeechStarted()),
        (2.2, SpeechStopped()),
        (2.5, ResponseStarted("s")),
        (2.5, AudioChunk(b"\7" * 1600, None, "s", "b")),
        (2.6, ResponseCompleted("s")),
    )
    await talk(puppet, sink, KEEP)
    assert sink.heard.count(7) == 1600
    assert puppet.of("interrupt") == []
    assert [what for _, what in puppet.of("item_truncate")] == [ItemTruncate("a", pytest.approx(500, abs=1))]


async def test_what_comes_while_it_is_held_is_kept():
    puppet, sink = Puppet(), Sink()
    reply = answer("r", "a", 1000)
    puppet.tells_at(*at(1, reply[:-1]), (1.5, SpeechStarted()), (1.6, SpeechStopped()))
    puppet.tells_at((1.9, AudioChunk(b"\2" * 1600, None, "r", "a")), (2, reply[-1]))
    await talk(puppet, sink, KEEP)
    assert bytes(sink.heard) == b"\1" * 16_000 + b"\2" * 1600


async def test_an_interruption_by_the_application_ends_the_doubt():
    puppet, sink = Puppet(), Sink()
    puppet.tells_at(*at(1, answer("r", "a", 2000)), (1.5, SpeechStarted()))
    async with VoiceEngine(puppet, barge_in=KEEP) as engine:
        running = asyncio.create_task(engine.run(Mic(2500), sink, grace_s=0.5))
        await asyncio.sleep(2)
        await engine.interrupt()
        await running
    assert heard_ms(sink) == pytest.approx(500, abs=1)
    assert len(puppet.of("item_truncate")) == 1


@pytest.mark.parametrize("barge_in", [False, None])
async def test_no_interruption_at_all(barge_in: bool | None):
    puppet, sink = Puppet(), Sink()
    puppet.tells_at(*at(1, answer("r", "a", 1000)), (1.5, SpeechStarted()), (2.5, InputTranscript("Stop")))
    await talk(puppet, sink, barge_in)
    assert heard_ms(sink) == 1000


async def test_the_end_of_the_source_waits_for_the_doubt():
    """A file that ends while the reply is held: the rest of the reply is heard all the same."""
    puppet, sink = Puppet(), Sink()
    puppet.tells_at(*at(0.5, answer("r", "a", 1000)), (0.8, SpeechStarted()), (2, SpeechStopped()))
    await talk(puppet, sink, KEEP, MemorySource(bytes(16 * 900), FORMAT))
    assert heard_ms(sink) == 1000


async def test_a_cancellation_in_doubt_leaves_no_timer_and_tells_what_was_heard():
    for when in (1.6, 2.0, 2.01):
        puppet, sink = Puppet(), Sink()
        start = now()
        loop = asyncio.get_running_loop()
        loop.call_at(start + 1, puppet.tell, *answer("r", "a", 2000))
        loop.call_at(start + 1.5, puppet.tell, SpeechStarted())
        async with VoiceEngine(puppet, barge_in=SHORT) as engine:
            running = asyncio.create_task(engine.run(Mic(4000), sink))
            await asyncio.sleep(when)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert [what for _, what in puppet.of("item_truncate")] == [
                ItemTruncate("a", pytest.approx(min(when, 2.0) * 1000 - 1000, abs=2))
            ]


async def test_a_provider_that_is_slow_to_be_told_does_not_outlive_the_conversation():
    class Stuck(Puppet):
        async def interrupt(self) -> None:
            await asyncio.Event().wait()

    puppet = Stuck()
    puppet.tells_at(*at(0.1, answer("r", "a", 5000)[:-1]), (0.5, SpeechStarted()))
    async with VoiceEngine(puppet, barge_in=SHORT) as engine:
        running = asyncio.create_task(engine.run(Mic(5000), Sink()))
        await asyncio.sleep(2)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert now() == pytest.approx(2)


async def test_the_microphone_is_open_while_the_loudspeaker_is_held():
    """With microphone and loudspeaker in one room, so that what the user says can be heard."""
    puppet, sink = Puppet(), Sink(open_air=True)
    puppet.tells_at(*at(1, answer("r", "a", 2000)), (1.5, SpeechStarted()), (2.5, SpeechStopped()))
    await talk(puppet, sink, KEEP, Mic(4000))
    loud = [ms for ms in range(0, 4000, 10) if puppet.heard[16 * ms]]
    assert not [ms for ms in loud if 1050 < ms < 1450]
    assert set(range(1900, 3400, 10)) <= set(loud)
