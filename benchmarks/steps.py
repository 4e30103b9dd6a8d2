"""The path of one chunk of audio of 20 ms, step by step: CPU time of each, without a socket; `docs/performance.md` tells its story.

The steps of receiving are what happens between aiohttp's frame and the event in the application's hands, those of sending what
happens between `send_audio` and aiohttp's frame. Each is measured alone, so their sum is a little more than the whole.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from pybase64 import b64decode, b64encode, b64encode_as_string

from benchmarks.harness import interleaved
from benchmarks.result import Result
from benchmarks.wires import WIRES, sound
from voicechatengine.audio.format import AudioFormat
from voicechatengine.conversation import Conversation
from voicechatengine.events import AudioChunk, ResponseStarted
from voicechatengine.messages import AudioAppend
from voicechatengine.providers.realtime import encode
from voicechatengine.session.clock import loop_clock
from voicechatengine.session.dialect import Close
from voicechatengine.session.hub import Hub
from voicechatengine.session.link import Link
from voicechatengine.session.utterance import Utterance

MS = 20
CHUNK = sound(MS)
TEXT = b64encode_as_string(CHUNK)
FRAME = WIRES["openai"].cases[f"audio {MS} ms"](1)[0]
EVENT = AudioChunk(CHUNK, None, "resp_1", "item_1")

Step = Callable[[int], Coroutine[Any, Any, None]]


class Nowhere:
    """A transport that takes everything and gives nothing."""

    async def pump(self, on_frame: Callable[[bytes | str], None], /) -> Close:
        await asyncio.Event().wait()
        return Close()

    async def send(self, data: bytes, binary: bool, /) -> None:
        """Taken."""

    async def close(self, close: Close, /) -> None:
        """Nothing to close."""


def plain(call: Callable[[], object]) -> Step:
    """A step that is one call."""

    async def run(times: int) -> None:
        for _ in range(times):
            call()

    return run


async def reading(times: int) -> None:
    """The hub, and the subscription's reader."""
    hub = Hub("bench", loop_clock())
    events = hub.subscribe()
    for _ in range(times):
        hub.emit(EVENT, 1.0)
        await anext(events)


async def linked(times: int) -> None:
    """The link, around the dialect."""
    link = Link(WIRES["openai"].dialect(), Nowhere(), loop_clock(), lambda event, now: None)
    take = link._on_frame
    for _ in range(times):
        take(FRAME)


async def writing(times: int) -> None:
    """The link, around the dialect, with the write of a frame."""
    link: Any = Link(WIRES["openai"].dialect(), Nowhere(), loop_clock(), lambda event, now: None)
    for _ in range(times):
        link.post(AudioAppend(CHUNK))
        await link.flush()


def steps() -> tuple[dict[str, Step], dict[str, Step]]:
    """Those of receiving and those of sending, each with what it contains of the ones before."""
    form = AudioFormat()
    dialect = WIRES["openai"].dialect()
    conversation = Conversation(form)
    conversation.apply(ResponseStarted("resp_1"))
    utterance = Utterance(form, manual=False)
    receiving = {
        "base64 alone": plain(partial(b64decode, TEXT, None, True)),
        "dialect: JSON, base64, event": plain(partial(dialect.receive, FRAME, 1.0)),
        "link around the dialect: clock, timer": linked,
        "conversation: how much was generated": plain(partial(conversation.sound, EVENT)),
        "hub, and the reader's await": reading,
    }
    sending = {
        "base64 alone": plain(partial(b64encode, CHUNK)),
        "JSON around it": plain(partial(encode.append, CHUNK)),
        "dialect: check, count, frame": plain(partial(dialect.send, AudioAppend(CHUNK), 1.0)),
        "link around the dialect: clock, timer, write": writing,
        "utterance: what would be said again": plain(partial(utterance.append, CHUNK)),
    }
    return receiving, sending


def timed(step: Step, times: int) -> float:
    """CPU seconds for each time."""

    async def whole() -> float:
        began = time.process_time()
        await step(times)
        return (time.process_time() - began) / times

    return asyncio.run(whole())


def measure(*, quick: bool) -> Result:
    times, rounds = (2_000, 7) if quick else (20_000, 21)
    result = Result("steps", quick=quick)
    for title, found in zip(("received", "sent"), steps(), strict=True):
        contestants = {name: partial(timed, step, times) for name, step in found.items()}
        result.add(f"{MS} ms {title}", "µs", interleaved(contestants, rounds), scale=1e6)
    return result
