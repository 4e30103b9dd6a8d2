"""Streams from one format to another, and frames."""

from __future__ import annotations

import math
import subprocess
import sys
from array import array
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicechatengine import AudioError, AudioFormat
from voicechatengine.audio.convert import convert
from voicechatengine.audio.resample import Reframer, Resampler

PCM = AudioFormat()
RATES = (8000, 16_000, 24_000, 44_100, 48_000)


def sine(form: AudioFormat, ms: float, hz: float = 440) -> bytes:
    count = int(ms * form.sample_rate / 1000)
    return array(
        "h", [round(8000 * math.sin(2 * math.pi * hz * n / form.sample_rate)) for n in range(count)]
    ).tobytes()


def whole(source: AudioFormat, target: AudioFormat, audio: bytes) -> bytes:
    resampler = Resampler(source, target)
    return resampler.feed(audio) + resampler.flush()


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(RATES),
    st.sampled_from(RATES),
    st.lists(st.integers(0, 3000), min_size=1, max_size=6),
)
def test_chunks_give_what_the_whole_gives(before: int, after: int, cuts: list[int]) -> None:
    source, target = AudioFormat(sample_rate=before), AudioFormat(sample_rate=after)
    audio, resampler = sine(source, 250), Resampler(source, target)
    edges = sorted({0, *(2 * min(cut, len(audio) // 2) for cut in cuts), len(audio)})
    parts = [resampler.feed(audio[a:b]) for a, b in pairwise(edges)]
    joined, expected = (
        array("h", b"".join(parts) + resampler.flush()),
        array("h", whole(source, target, audio)),
    )
    assert abs(len(joined) - 0.25 * after) <= 1
    assert len(joined) == len(expected)
    assert max(abs(a - b) for a, b in zip(joined, expected, strict=True)) <= 1


@pytest.mark.parametrize("after", [8000, 16_000, 48_000])
def test_a_sine_stays_the_same_sine(after: int) -> None:
    target = AudioFormat(sample_rate=after)
    got, want = array("h", whole(PCM, target, sine(PCM, 400))), array("h", sine(target, 400))
    middle = slice(after // 20, -after // 20)  # the filter rings where sound begins and ends abruptly
    assert max(abs(a - b) for a, b in zip(got[middle], want[middle], strict=True)) < 80


@pytest.mark.parametrize("encoding", ["pcm16", "g711_ulaw", "g711_alaw", "float32"])
def test_silence_stays_silence(encoding: str) -> None:
    target = AudioFormat(encoding, 8000, 2)  # type: ignore[arg-type]  # parametrize gives plain strings
    assert whole(PCM, target, PCM.silence(300)) == target.silence(300)


def test_encoding_channels_and_rate_change_at_once() -> None:
    source, target = AudioFormat("float32", 48_000, 2), AudioFormat("g711_ulaw", 8000)
    audio = convert(sine(AudioFormat(sample_rate=48_000), 200), AudioFormat(sample_rate=48_000), source)
    assert len(whole(source, target, audio)) == target.size_of(200)


def test_float32_stays_float32_through_the_filter() -> None:
    source, target = AudioFormat("float32", 24_000), AudioFormat("float32", 16_000)
    audio = convert(sine(PCM, 200), PCM, source)
    heard = convert(whole(source, target, audio), target, AudioFormat(sample_rate=16_000))
    assert heard == whole(PCM, AudioFormat(sample_rate=16_000), sine(PCM, 200))


def test_after_a_flush_a_new_stream_begins() -> None:
    resampler = Resampler(PCM, AudioFormat(sample_rate=8000))
    first = resampler.feed(sine(PCM, 100)) + resampler.flush()
    assert resampler.feed(sine(PCM, 100)) + resampler.flush() == first


def test_a_part_of_a_sample_is_refused() -> None:
    with pytest.raises(AudioError):
        Resampler(PCM, AudioFormat(sample_rate=8000)).feed(b"abc")


def run(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_the_same_rate_imports_no_soxr() -> None:
    program = """
import sys
from voicechatengine.audio.resample import AudioFormat, Resampler
resampler = Resampler(AudioFormat(), AudioFormat("g711_ulaw", 24000, 2))
print(len(resampler.feed(bytes(480)) + resampler.flush()), "soxr" in sys.modules, "numpy" in sys.modules)
"""
    assert run(program).split() == ["480", "False", "False"]


def test_without_soxr_the_error_names_the_install() -> None:
    program = """
import sys
sys.modules["soxr"] = None
from voicechatengine.audio.resample import AudioFormat, Resampler
try:
    Resampler(AudioFormat(), AudioFormat(sample_rate=8000))
except Exception as error:
    print(type(error).__name__, error)
"""
    text = run(program)
    assert text.startswith("AudioError")
    assert "pip install 'voicechatengine[audio]'" in text


@given(st.lists(st.binary(max_size=40)), st.integers(1, 17))
def test_frames_are_whole_and_nothing_is_lost(chunks: list[bytes], size: int) -> None:
    reframer = Reframer(size)
    frames = [frame for chunk in chunks for frame in reframer.feed(chunk)]
    assert all(len(frame) == size for frame in frames)
    rest = reframer.flush()
    assert len(rest) < size
    assert b"".join((*frames, rest)) == b"".join(chunks)
    assert reframer.flush() == b""


def test_a_frame_of_nothing_is_refused() -> None:
    with pytest.raises(AudioError, match="frame_bytes"):
        Reframer(0)
