"""The stages of the offline voice, and whether they hold up the event loop.

A WAV (16 kHz, mono: the examples' question) is heard in its own time, as from a microphone. For each stage the milliseconds of all
turns: endpointing (from the last loud sample until the end is decided), recognition (until the final words), model (until its first
words), speech (until the first sound). A ticker of 1 ms tells the longest gap of the loop while talking, and in an idle loop before:
the machine's own share. It is time on the wall: other processes work here, too.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from pathlib import Path

from benchmarks.result import Result
from voicechatengine.audio.wav import read_wav
from voicechatengine.errors import ProviderError
from voicechatengine.events import AudioChunk, InputTranscript, ResponseCompleted, SpeechStopped, TextChunk
from voicechatengine.messages import MessageItem, TextPart
from voicechatengine.provider import Provider
from voicechatengine.providers.cascade.parts import Request, Words
from voicechatengine.providers.local import LocalProvider
from voicechatengine.providers.local.espeak import EspeakSpeech
from voicechatengine.providers.local.responder import Responder

QUESTION = Path(__file__).resolve().parents[1] / "examples" / "question.wav"
LOUD = 300  # a sample beyond this is speech: the recordings are clean
STEP = 640  # bytes of 20 ms
PAUSE = bytes(32 * 1500)


async def turn(provider: Provider, audio: bytes) -> dict[str, float]:
    """One turn in real time: what was reached when, in ms after the last loud sample was heard."""
    events = provider.events()
    loud = max(place for place, sample in enumerate(array("h", audio)) if abs(sample) > LOUD)
    began = time.perf_counter()

    async def play() -> None:
        sound = audio + PAUSE
        for place in range(0, len(sound), STEP):
            await asyncio.sleep(max(0.0, began + (place + STEP) / 32_000 - time.perf_counter()))
            await provider.send_audio(sound[place : place + STEP])

    reached: dict[str, float] = {}
    player = asyncio.create_task(play())
    async for event in events:
        now = 1000 * (time.perf_counter() - began) - loud / 16
        match event.data:
            case SpeechStopped():
                reached.setdefault("endpointing", now)
            case InputTranscript(final=True):
                reached.setdefault("recognition", now)
            case TextChunk():
                reached.setdefault("text", now)
            case AudioChunk():
                reached.setdefault("first audio", now)
            case ResponseCompleted():
                break
            case _:
                pass
    await player
    return reached


async def alone() -> dict[str, float]:
    """What model and speech take by themselves: in a turn they work before its end is certain."""
    speech = EspeakSpeech()
    await speech.open()
    request = Request((MessageItem("user", (TextPart("what can you do"),)),))
    began = time.perf_counter()
    text = "".join([out.text async for out in Responder().reply(request) if isinstance(out, Words)])
    model = time.perf_counter()
    sound = speech.speak(text.split(". ")[0])
    await anext(sound)
    first = time.perf_counter()
    await sound.aclose()
    await speech.close()
    return {"model": 1000 * (model - began), "speech": 1000 * (first - model)}


async def gaps(seconds: float | None, found: list[float]) -> None:
    """Appends the ms between ticks of 1 ms."""
    before = time.perf_counter()
    end = None if seconds is None else before + seconds
    while end is None or before < end:
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        found.append(1000 * (now - before))
        before = now


async def hold(turns: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """The ms of each stage, and the gaps of the loop."""
    idle: list[float] = []
    await gaps(2.0, idle)
    talking: list[float] = []
    singles = [await alone() for _ in range(5)]
    provider = LocalProvider()
    await provider.connect()
    ticker = asyncio.create_task(gaps(None, talking))
    _, audio = read_wav(QUESTION)
    reached = [await turn(provider, audio) for _ in range(turns)]
    ticker.cancel()
    await asyncio.gather(ticker, return_exceptions=True)
    await provider.disconnect()
    stages = {
        "endpointing": [one["endpointing"] for one in reached],
        "recognition": [one["recognition"] - one["endpointing"] for one in reached],
        **{stage: [one[stage] for one in singles] for stage in ("model", "speech")},
        "first audio, in all": [one["first audio"] for one in reached],
    }
    return stages, {"idle": [max(idle)], "talking": [max(talking)]}


def measure(*, quick: bool) -> Result:
    result = Result("local", quick=quick)
    try:
        stages, longest = asyncio.run(hold(3 if quick else 9))
    except ProviderError as why:  # the extra is not installed
        result.absent["local"] = str(why)
        return result
    result.add("stages of a turn", "ms", stages)
    result.add("longest gap of the event loop", "ms", longest)
    return result
