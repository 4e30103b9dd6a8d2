"""How long the stages of the local provider take, and whether they hold up the event loop.

    python benchmarks/local.py [WAV …]

Each WAV (16 kHz, mono; by default the examples' question) is heard in its own time, as from a microphone. For each stage it
prints the median over all turns in milliseconds: endpointing (from the last loud sample until the end is decided), recognition
(until the final words), model (until its first words), speech (until the first sound). `loop` is the longest gap that a
ticker of 1 ms saw while talking; the machine's own share is what the same ticker saw in an idle loop before.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from array import array
from pathlib import Path

from voicechatengine.audio.wav import read_wav
from voicechatengine.events import AudioChunk, InputTranscript, ResponseCompleted, SpeechStopped, TextChunk
from voicechatengine.messages import MessageItem, TextPart
from voicechatengine.providers.cascade.parts import Request, Words
from voicechatengine.providers.local import LocalProvider
from voicechatengine.providers.local.espeak import EspeakSpeech
from voicechatengine.providers.local.responder import Responder

QUESTION = Path(__file__).resolve().parents[1] / "examples" / "question.wav"
LOUD = 300  # a sample beyond this is speech: the recordings are clean
STEP = 640  # bytes of 20 ms
PAUSE = bytes(32 * 1500)
TURNS = 3  # of each recording


async def turn(provider, audio: bytes) -> dict[str, float]:
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


async def main(paths: list[Path]) -> None:
    idle: list[float] = []
    await gaps(2.0, idle)
    talking: list[float] = []
    turns: list[dict[str, float]] = []
    singles = [await alone() for _ in range(5)]
    provider = LocalProvider()
    await provider.connect()
    ticker = asyncio.create_task(gaps(None, talking))
    for path in paths:
        _, audio = read_wav(path)
        turns += [await turn(provider, audio) for _ in range(TURNS)]
    ticker.cancel()
    await asyncio.gather(ticker, return_exceptions=True)
    await provider.disconnect()

    def middle(values: list[float]) -> str:
        return f"{statistics.median(values):6.0f} ms"

    print(f"{len(turns)} turns")
    print(f"endpointing  {middle([turn['endpointing'] for turn in turns])}")
    print(f"recognition  {middle([turn['recognition'] - turn['endpointing'] for turn in turns])}")
    for stage in ("model", "speech"):
        print(f"{stage:12} {middle([single[stage] for single in singles])}")
    print(
        f"first audio  {middle([turn['first audio'] for turn in turns])}  (longest {max(turn['first audio'] for turn in turns):.0f})"
    )
    for name, ticks in (("idle", idle), ("talking", talking)):
        over = sum(1 for gap in ticks if gap > 10)
        print(f"loop, {name:8} longest gap {max(ticks):.1f} ms, {over} of {len(ticks)} over 10 ms")


if __name__ == "__main__":
    asyncio.run(main([Path(name) for name in sys.argv[1:]] or [QUESTION]))
