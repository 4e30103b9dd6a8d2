"""Sources pace themselves, and sinks know what was heard."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from voicechatengine import AudioError, AudioFormat
from voicechatengine.audio.wav import read_wav
from voicechatengine.engine.io import AHEAD_MS, MemorySource, VirtualSpeaker, wav_sink, wav_source

FORMAT = AudioFormat(sample_rate=8000)  # 16 bytes a millisecond


def audio(ms: int, value: int = 1) -> bytes:
    return bytes([value]) * (16 * ms)


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_memory_is_read_frame_by_frame_as_it_would_be_spoken():
    source = MemorySource(audio(50), FORMAT)
    times: list[tuple[int, float]] = []
    while frame := await source.read():
        times.append((len(frame), round(now(), 6)))
    assert times == [(320, 0.02), (320, 0.04), (160, 0.05)]
    assert await source.read() == b""


async def test_a_source_that_was_read_late_catches_up():
    source = MemorySource(audio(60), FORMAT)
    await source.read()
    await asyncio.sleep(1)
    await source.read()
    assert now() == pytest.approx(1.02)


async def test_memory_can_be_read_as_fast_as_possible():
    source = MemorySource(audio(1000), FORMAT, real_time=False)
    while await source.read():
        pass
    assert now() == 0


async def test_a_cancelled_read_loses_nothing():
    source = MemorySource(audio(20, 1) + audio(20, 2), FORMAT)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(source.read(), 0.01)
    assert await source.read() == audio(20, 1)


async def test_a_closed_source_ends_also_a_read_that_waits():
    source = MemorySource(audio(40), FORMAT)
    waiting = asyncio.create_task(source.read())
    await asyncio.sleep(0.001)
    await source.close()
    assert await waiting == b""
    assert await source.read() == b""


def test_half_samples_are_no_source():
    with pytest.raises(AudioError, match="no whole number"):
        MemorySource(b"\0", FORMAT)


async def test_a_wav_file_is_a_source(shared: Path):
    path = shared / "speech" / "stop_16k.wav"
    audio_format, content = read_wav(path)
    source = wav_source(path, real_time=False)
    read = b""
    while frame := await source.read():
        read += frame
    assert (source.format, source.open_air, read) == (audio_format, False, content)


async def test_a_sink_takes_some_audio_ahead_and_then_waits():
    sink = VirtualSpeaker(FORMAT, bytearray().extend)
    await sink.write(audio(int(AHEAD_MS)))
    assert now() == 0
    await sink.write(audio(300))
    assert now() == pytest.approx(0.3)
    assert sink.position == pytest.approx(2400, abs=1)
    assert not sink.open_air


async def test_what_was_heard_is_what_had_its_time():
    heard = bytearray()
    sink = VirtualSpeaker(FORMAT, heard.extend)
    await sink.write(audio(50, 1) + audio(50, 2))
    await asyncio.sleep(0.06)
    assert sink.position == 480
    assert bytes(heard) == audio(50, 1) + audio(10, 2)


async def test_a_flush_cuts_in_the_midst_and_the_next_audio_plays_on_from_there():
    heard = bytearray()
    sink = VirtualSpeaker(FORMAT, heard.extend)
    await sink.write(audio(100, 1))
    await asyncio.sleep(0.03)
    sink.flush()
    await asyncio.sleep(1)
    assert sink.position == 240
    await sink.write(audio(100, 2))
    await sink.drain()
    assert bytes(heard) == audio(30, 1) + audio(100, 2)
    assert now() == pytest.approx(1.13)


async def test_a_flush_frees_who_writes_and_who_drains():
    sink = VirtualSpeaker(FORMAT, bytearray().extend)
    async with asyncio.TaskGroup() as group:
        group.create_task(sink.write(audio(10_000)))
        await asyncio.sleep(0)
        group.create_task(sink.drain())
        await asyncio.sleep(0.5)
        sink.flush()
    assert now() == 0.5


async def test_silence_between_replies_is_not_counted():
    sink = VirtualSpeaker(FORMAT, bytearray().extend)
    for _ in range(2):
        await sink.write(audio(100))
        await asyncio.sleep(5)
    assert sink.position == 1600


async def test_a_wav_file_holds_what_was_heard_one_after_the_other(tmp_path: Path):
    sink = wav_sink(tmp_path / "answer.wav", FORMAT)
    await sink.write(audio(100, 1))
    await sink.drain()
    await asyncio.sleep(2)
    await sink.write(audio(100, 2))
    await asyncio.sleep(0.05)
    await sink.close()
    await sink.close()
    assert read_wav(tmp_path / "answer.wav") == (FORMAT, audio(100, 1) + audio(50, 2))


async def test_a_wav_sink_is_24_khz_by_default(tmp_path: Path):
    sink = wav_sink(tmp_path / "answer.wav")
    await sink.close()
    assert sink.format == AudioFormat()


async def test_a_closed_sink_takes_nothing():
    sink = VirtualSpeaker(FORMAT, bytearray().extend)
    await sink.close()
    with pytest.raises(AudioError, match="closed"):
        await sink.write(audio(1))


async def test_a_sink_takes_whole_samples_only():
    with pytest.raises(AudioError, match="no whole number"):
        await VirtualSpeaker(FORMAT, bytearray().extend).write(b"\0")
