"""What an engine keeps of a long conversation: the items of its history, and next to nothing else."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from puppet import FORMAT, Puppet, audio

from voicechatengine import (
    AudioChunk,
    InputTranscript,
    ItemAdded,
    ResponseCompleted,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TextChunk,
    Usage,
    VoiceEngine,
)
from voicechatengine.engine.io import VirtualSpeaker
from voicechatengine.engine.metrics import MAX_TURNS
from voicechatengine.events import Event


class Silence:
    """A source that never says anything."""

    format = FORMAT
    open_air = False

    async def read(self) -> bytes:
        await asyncio.Event().wait()
        return b""

    async def close(self) -> None:
        return


@asynccontextmanager
async def talking(puppet: Puppet) -> AsyncGenerator[VoiceEngine]:
    sink = VirtualSpeaker(FORMAT, lambda _: None)
    async with VoiceEngine(puppet) as engine:
        running = asyncio.create_task(engine.run(Silence(), sink, push_to_talk=False))
        await asyncio.sleep(0)
        yield engine
        running.cancel()
        await asyncio.wait([running])


def turn(number: int) -> list[Event]:
    asked, answered, reply = f"u{number}", f"a{number}", f"r{number}"
    words = [
        TextChunk(word, spoken=True, response_id=reply, item_id=answered)
        for word in f"This is what is answered in turn {number} .".split()
    ]
    return [
        SpeechStarted(0, asked),
        SpeechStopped(900, asked),
        ItemAdded(asked, "user", f"a{number - 1}", "speech"),
        InputTranscript(f"What is asked in turn {number}", final=True, item_id=asked),
        ResponseStarted(reply),
        ItemAdded(answered, "assistant", asked),
        *words,
        *(AudioChunk(audio(100), None, reply, answered) for _ in range(5)),
        ResponseCompleted(reply, usage=Usage(1000 + number, 2000 + number, 3000 + number)),
    ]


async def grown(play: Callable[[int], None], times: int, seconds: float) -> int:
    """Bytes that are held after so many times more than after the first tenth of them."""
    tracemalloc.start()
    try:
        held: list[int] = []
        for number in range(times):
            play(number)
            await asyncio.sleep(seconds)
            if number in (times // 10, times - 1):
                gc.collect()
                held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    return held[1] - held[0]


async def test_a_turn_leaves_its_words_and_its_figures():
    """The latest turns have figures; of those that are older there is the conversation alone."""
    puppet = Puppet()
    async with talking(puppet) as engine:
        growth = await grown(lambda number: puppet.tell(*turn(number)), 1000, 10.0)
        assert len(engine.history) == 2000
        assert len(engine.metrics.turns) == MAX_TURNS
    # Bytes of a turn: ids and words are 330 of them, and the items that hold them 120.
    assert growth / 900 < 650


async def test_a_reply_that_goes_on_for_an_hour_leaves_nothing():
    puppet = Puppet()
    chunk = AudioChunk(audio(1000), None, "r", "a")
    async with talking(puppet):
        puppet.tell(ResponseStarted("r"))
        assert await grown(lambda _: puppet.tell(chunk), 3600, 1.0) < 20_000
        puppet.tell(ResponseCompleted("r"))
