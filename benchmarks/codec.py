"""The codec: CPU time for decoding what a vendor sends, and for encoding what it is sent, without a socket.

The floor of audio is base64 alone, of all else its JSON alone (`msgspec`, into plain objects). `raw msgspec` is what a loop by hand
would do: decode into a struct of four fields, then the base64. `least` is what no dialect can do without, even if it were told what each
frame is and where its sound is: a call, a slice, base64, the event. Beside each vendor's dialect stand the packages `openai` and
`google-genai`, each with the messages of its own service; to theirs the decoding of base64 is added where the application has to do
it. A tool call and `response.done` are each a whole reply: see `wires.py`.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import msgspec
from pybase64 import b64decode, b64encode, b64encode_as_string

from benchmarks.harness import LOG, interleaved
from benchmarks.result import Result
from benchmarks.wires import WIRES, Wire, sound
from voicechatengine.events import AudioChunk
from voicechatengine.messages import AudioAppend

ENCODED = (20, 100)  # ms
FLOOR = "floor"
UNITS = 500  # that have ids of their own
RUNNER = asyncio.Runner()

Run = Callable[[int], object]
"""Does it so many times."""

Frames = list[list[bytes]]
"""The frames of each unit."""


# ------------------------------------------------------------------ the floor


def base64_decoding(ms: int) -> Run:
    text = b64encode_as_string(sound(ms))

    def run(times: int) -> None:
        for _ in range(times):
            b64decode(text, None, True)

    return run


def base64_encoding(ms: int, rate: int) -> Run:
    audio = sound(ms, rate)

    def run(times: int) -> None:
        for _ in range(times):
            b64encode(audio)

    return run


def json_decoding(frames: Frames) -> Run:
    decode = msgspec.json.Decoder().decode

    def run(times: int) -> None:
        for number in range(times):
            for frame in frames[number % UNITS]:
                decode(frame)

    return run


def raw_decoding(wire: Wire, frames: Frames) -> Run:
    def run(times: int) -> None:
        raw = wire.raw
        for number in range(times):
            for frame in frames[number % UNITS]:
                raw(frame)

    return run


class Least:
    """Takes every frame for an audio delta whose sound is at that place."""

    def __init__(self, place: slice) -> None:
        self._place = place

    def receive(self, frame: bytes, _now: float) -> tuple[AudioChunk]:
        return (AudioChunk(b64decode(frame[self._place], None, True), None, "response", "item"),)


def least_decoding(ms: int, frames: Frames) -> Run:
    text = b64encode(sound(ms))
    [begin] = {frame.index(text) for unit in frames for frame in unit}
    place = slice(begin, begin + len(text))

    def run(times: int) -> None:
        receive = Least(place).receive
        for number in range(times):
            for frame in frames[number % UNITS]:
                receive(frame, 1.0)

    return run


# ------------------------------------------------------------------ ours


def decoding(wire: Wire, frames: Frames) -> Run:
    def run(times: int) -> None:
        receive = wire.dialect().receive
        for number in range(times):
            for frame in frames[number % UNITS]:
                receive(frame, 1.0)

    return run


def encoding(wire: Wire, ms: int) -> Run:
    audio = sound(ms, wire.input_rate)

    def run(times: int) -> None:
        send = wire.dialect().send
        for _ in range(times):
            send(AudioAppend(audio), 1.0)

    return run


# ------------------------------------------------------------------ others


class Socket:
    """Stands for the websocket of a package."""

    frame = b""

    async def recv(self, decode: bool | None = None) -> bytes:
        return self.frame

    async def send(self, data: object) -> None:
        pass


def in_loop(loop: Callable[[int], Coroutine[Any, Any, None]]) -> Run:
    """Of what asks for a running event loop, though it never waits."""
    return lambda times: RUNNER.run(loop(times))


def openai_connection() -> Any:
    from openai.resources.realtime.realtime import AsyncRealtimeConnection  # noqa: PLC0415 - may be absent

    socket: Any = Socket()
    return AsyncRealtimeConnection(socket)


def openai_decoding(frames: Frames, *, audio: bool) -> Run:
    connection = openai_connection()

    def run(times: int) -> None:
        parse = connection.parse_event
        for number in range(times):
            for frame in frames[number % UNITS]:
                event = parse(frame)
                if audio:
                    base64.b64decode(event.delta)

    return run


def openai_encoding(ms: int) -> Run:
    connection = openai_connection()
    audio = sound(ms)

    async def loop(times: int) -> None:
        for _ in range(times):
            await connection.input_audio_buffer.append(audio=base64.b64encode(audio).decode())

    return in_loop(loop)


def genai_session() -> tuple[Any, Any]:
    from google import genai  # noqa: PLC0415 - may be absent
    from google.genai.live import AsyncSession  # noqa: PLC0415 - likewise

    socket: Any = Socket()
    return AsyncSession(genai.Client(api_key="none")._api_client, socket), socket


def genai_decoding(frames: Frames) -> Run:
    session, socket = genai_session()

    async def loop(times: int) -> None:
        for number in range(times):
            for frame in frames[number % UNITS]:
                socket.frame = frame
                await session._receive()

    return in_loop(loop)


def genai_encoding(ms: int) -> Run:
    from google.genai import types  # noqa: PLC0415 - may be absent

    session, _ = genai_session()
    audio = sound(ms, 16_000)

    async def loop(times: int) -> None:
        for _ in range(times):
            await session.send_realtime_input(audio=types.Blob(data=audio, mime_type="audio/pcm;rate=16000"))

    return in_loop(loop)


# ------------------------------------------------------------------ the row


def own_runs(vendor: str) -> dict[str, dict[str, Run]]:
    """For each case of a vendor: the floor, the dialect, and what a loop by hand would do."""
    wire = WIRES[vendor]
    found: dict[str, dict[str, Run]] = {}
    for case, unit in wire.cases.items():
        frames = [unit(number) for number in range(UNITS)]
        audio = case.startswith("audio")
        floor = base64_decoding(int(case.split()[1])) if audio else json_decoding(frames)
        runs = found[f"decode {case}"] = {FLOOR: floor, vendor: decoding(wire, frames)}
        if audio:
            runs["raw msgspec"] = raw_decoding(wire, frames)
            runs["least"] = least_decoding(int(case.split()[1]), frames)
    for ms in ENCODED:
        found[f"encode audio {ms} ms"] = {
            FLOOR: base64_encoding(ms, wire.input_rate),
            vendor: encoding(wire, ms),
        }
    return found


def others_runs(vendor: str) -> dict[str, tuple[str, Callable[[], Run]]]:
    """For each case of a vendor that has a package of its own: the package, and how to make its run."""
    cases = {case: [unit(number) for number in range(UNITS)] for case, unit in WIRES[vendor].cases.items()}
    found: dict[str, tuple[str, Callable[[], Run]]] = {}
    for case, frames in cases.items():
        if vendor == "openai":
            audio = case.startswith("audio")
            found[f"decode {case}"] = ("openai package", partial(openai_decoding, frames, audio=audio))
        elif vendor == "gemini":
            found[f"decode {case}"] = ("google-genai", partial(genai_decoding, frames))
    for ms in ENCODED:
        if vendor == "openai":
            found[f"encode audio {ms} ms"] = ("openai package", partial(openai_encoding, ms))
        elif vendor == "gemini":
            found[f"encode audio {ms} ms"] = ("google-genai", partial(genai_encoding, ms))
    return found


def timed(run: Run, times: int) -> float:
    """CPU seconds for each time."""
    began = time.process_time()
    run(times)
    return (time.process_time() - began) / times


def measure(*, quick: bool) -> Result:
    times, rounds = (2_000, 3) if quick else (4_000, 21)
    result = Result("codec", quick=quick)
    for vendor in WIRES:
        others = others_runs(vendor)
        for case, runs in own_runs(vendor).items():
            if case in others:
                name, make = others[case]
                try:
                    runs[name] = make()
                except ImportError as why:
                    result.absent[name] = str(why)
            LOG.info("%s: %s", vendor, case)
            contestants = {name: partial(timed, run, times) for name, run in runs.items()}
            result.add(f"{vendor}: {case}", "µs", interleaved(contestants, rounds), FLOOR, scale=1e6)
    return result
