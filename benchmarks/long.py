"""Memory over ten hours of one conversation, in virtual time: an engine, its provider, and frames that are made as they are needed.

Each twenty seconds the user says something and hears five seconds of answer, so 3,600 items of history come to be. What Python holds is
taken each hour (`tracemalloc`, after a collection), with the history in the application's hands. That is the conversation itself,
which an application wants to have: what its items take, each object counted once, is told apart from the rest.
"""

from __future__ import annotations

import asyncio
import gc
import re
import sys
import tracemalloc
from collections.abc import Sequence
from typing import Any, cast

import msgspec

from benchmarks.harness import LOG
from benchmarks.result import Result
from benchmarks.wires import SESSION, USAGE, sound
from voicechatengine import AudioFormat, OpenAIConfig, OpenAIProvider, VoiceEngine
from voicechatengine.session.dialect import Close, Endpoint
from voicechatengine.session.transport import MemoryTransport, memory_pair
from voicechatengine.testing import run_virtual

TURN_S = 20.0
DELTA_MS, DELTAS = 100, 50
WORDS = 10  # deltas of the transcript, among those of the sound
HOUR_S = 3_600.0
TICK_S = 0.02

AUDIO = msgspec.json.encode(sound(DELTA_MS)).decode()[1:-1]


def pieces(text: str, count: int) -> list[str]:
    """The text cut between words into about so many pieces."""
    words = re.findall(r"\S+\s*", text)
    size = -(-len(words) // count)
    return ["".join(words[start : start + size]) for start in range(0, len(words), size)]


async def service(end: MemoryTransport) -> None:
    """The vendor: a turn each `TURN_S`, with texts of its own each time."""

    async def say(*messages: dict[str, Any]) -> None:
        for message in messages:
            await end.send(msgspec.json.encode({"event_id": "event_1", **message}), False)

    await say(
        {"type": "session.created", "session": SESSION}, {"type": "session.updated", "session": SESSION}
    )
    turn = 0
    while True:
        await asyncio.sleep(TURN_S - DELTAS * DELTA_MS / 1000)
        turn += 1
        asked, answer, reply = f"item_u{turn:018}", f"item_a{turn:018}", f"resp_{turn:020}"
        where = {"response_id": reply, "item_id": answer, "output_index": 0, "content_index": 0}
        heard = {"item_id": asked, "content_index": 0}
        spoken = (
            f"This is what the assistant answers in turn {turn}, in a sentence or two of the usual length."
        )
        user = {
            "id": asked,
            "type": "message",
            "role": "user",
            "status": "completed",
            "content": [{"type": "input_audio"}],
        }
        item = {"id": answer, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        whole = {**item, "status": "completed", "content": [{"type": "output_audio", "transcript": spoken}]}
        response = {"id": reply, "status": "in_progress", "output": []}
        await say(
            {"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": asked},
            {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 900, "item_id": asked},
            {"type": "input_audio_buffer.committed", "previous_item_id": None, "item_id": asked},
            {"type": "conversation.item.added", "previous_item_id": None, "item": user},
            {"type": "conversation.item.done", "previous_item_id": None, "item": user},
            {
                "type": "conversation.item.input_audio_transcription.completed",
                **heard,
                "transcript": f"What the user asked in turn {turn}",
            },
            {"type": "response.created", "response": response},
            {"type": "response.output_item.added", "response_id": reply, "output_index": 0, "item": item},
            {"type": "conversation.item.added", "previous_item_id": asked, "item": item},
        )
        words = iter(pieces(spoken, WORDS))
        for number in range(DELTAS):
            if number % (DELTAS // WORDS) == 0:
                await say(
                    {"type": "response.output_audio_transcript.delta", **where, "delta": next(words, "")}
                )
            await say({"type": "response.output_audio.delta", **where, "delta": AUDIO})
            await asyncio.sleep(DELTA_MS / 1000)
        await say(
            {"type": "response.output_audio.done", **where},
            {"type": "response.output_audio_transcript.done", **where, "transcript": spoken},
            {"type": "response.output_item.done", "response_id": reply, "output_index": 0, "item": whole},
            {"type": "conversation.item.done", "previous_item_id": asked, "item": whole},
            {
                "type": "response.done",
                "response": {"id": reply, "status": "completed", "output": [whole], "usage": USAGE},
            },
        )


class Microphone:
    """Silence, in the time that it takes."""

    format = AudioFormat()
    open_air = False

    async def read(self) -> bytes:
        await asyncio.sleep(TICK_S)
        return bytes(960)

    async def close(self) -> None:
        return


class Speaker:
    """Plays at once."""

    format = AudioFormat()
    open_air = False
    position = 0

    async def write(self, audio: bytes) -> None:
        self.position += len(audio) // 2

    def flush(self) -> None:
        return

    async def drain(self) -> None:
        return

    async def close(self) -> None:
        return


def size(value: object, seen: set[int]) -> int:
    """Bytes of an item and all that it holds, but for what was `seen`."""
    if id(value) in seen:
        return 0
    seen.add(id(value))
    own = sys.getsizeof(value)
    parts: Sequence[object] = ()
    if isinstance(value, msgspec.Struct):
        parts = [getattr(value, name) for name in value.__struct_fields__]
    elif isinstance(value, (tuple, list)):
        parts = cast("Sequence[object]", value)
    return own + sum(size(part, seen) for part in parts)


async def hold(hours: int) -> list[tuple[float, float, int]]:
    """For each hour: bytes that Python holds, of them in the history's items, and how many those are."""
    kept: list[tuple[float, float, int]] = []
    ours, theirs = memory_pair()

    async def connect(_: Endpoint) -> MemoryTransport:
        return ours

    vendor = (asyncio.create_task(service(theirs)), asyncio.create_task(theirs.pump(lambda _: None)))
    provider = OpenAIProvider(OpenAIConfig(api_key="none", url="ws://there"), connector=connect)
    async with VoiceEngine(provider) as engine:
        running = asyncio.create_task(engine.run(Microphone(), Speaker()))
        for hour in range(1, hours + 1):
            await asyncio.sleep(HOUR_S)
            gc.collect()
            history = engine.history
            kept.append((tracemalloc.get_traced_memory()[0], size(history, set()), len(history)))
            del history
            LOG.info("hour %d of %d", hour, hours)
        running.cancel()
        await asyncio.wait([running])
        for task in vendor:
            task.cancel()
        await asyncio.wait(vendor)
        await theirs.close(Close())
    return kept


def measure(*, quick: bool) -> Result:
    hours = 2 if quick else 10
    result = Result("long", quick=quick)
    tracemalloc.start()
    try:
        found = run_virtual(hold(hours))
    finally:
        tracemalloc.stop()
    base, last = found[0], found[-1]
    grew = {
        "in all": [last[0] - base[0]],
        "items of the history": [last[1] - base[1]],
        "all but those": [last[0] - last[1] - base[0] + base[1]],
    }
    result.add(f"growth from hour 1 to hour {hours}", "MB", grew, scale=1e-6)
    items = last[2] - base[2]
    result.add("memory of an item of history", "B", {"in all": [(last[0] - base[0]) / items]})
    result.curves["MB by hour"] = {
        "in all": [(hour, held / 1e6) for hour, (held, _, _) in enumerate(found, 1)],
        "all but the items of the history": [
            (hour, (held - own) / 1e6) for hour, (held, own, _) in enumerate(found, 1)
        ],
    }
    return result
