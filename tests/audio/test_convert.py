"""Conversion between formats of one sample rate."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechatengine import AudioError, AudioFormat
from voicechatengine.audio.convert import convert
from voicechatengine.audio.format import Encoding
from voicechatengine.audio.tone import tone

PCM = AudioFormat()
SAMPLES = st.lists(st.integers(-32768, 32767), max_size=64).map(lambda values: array("h", values).tobytes())
ENCODINGS: tuple[Encoding, ...] = ("pcm16", "g711_ulaw", "g711_alaw", "float32")


def like(encoding: Encoding, channels: int = 1) -> AudioFormat:
    return AudioFormat(encoding, PCM.sample_rate, channels)


@given(SAMPLES)
def test_pcm16_survives_float32_exactly(audio: bytes) -> None:
    assert convert(convert(audio, PCM, like("float32")), like("float32"), PCM) == audio


@given(st.binary(max_size=64), st.sampled_from(("g711_ulaw", "g711_alaw")))
def test_g711_survives_pcm16_in_sound(audio: bytes, encoding: Encoding) -> None:
    """Mu-law has two codes for zero, so the bytes may differ where the sound does not."""
    pcm = convert(audio, like(encoding), PCM)
    assert convert(convert(pcm, PCM, like(encoding)), like(encoding), PCM) == pcm


@given(SAMPLES, st.sampled_from(ENCODINGS), st.integers(2, 5))
def test_more_channels_and_back_is_the_same_sound(audio: bytes, encoding: Encoding, channels: int) -> None:
    mono = convert(audio, PCM, like(encoding))
    wide = convert(mono, like(encoding), like(encoding, channels))
    assert len(wide) == len(mono) * channels
    back = convert(wide, like(encoding, channels), like(encoding))
    assert convert(back, like(encoding), PCM) == convert(mono, like(encoding), PCM)


@given(SAMPLES, SAMPLES, st.sampled_from(ENCODINGS), st.integers(1, 3))
def test_conversion_can_be_cut_at_any_sample(
    first: bytes, second: bytes, encoding: Encoding, channels: int
) -> None:
    target = like(encoding, channels)
    whole = convert(first + second, PCM, target)
    assert convert(first, PCM, target) + convert(second, PCM, target) == whole


@pytest.mark.parametrize(("before", "after"), [(2, 1), (3, 1), (2, 3), (4, 2)])
def test_fewer_channels_are_the_mean_of_all(before: int, after: int) -> None:
    audio = array("h", [1000, 3000, *([2000] * (before - 2))]).tobytes()
    mixed = array("h", convert(audio, like("pcm16", before), like("pcm16", after)))
    assert mixed.tolist() == [2000] * after


def test_float32_beyond_full_scale_is_clipped() -> None:
    loud = array("f", [2.0, -2.0, 1.0, -1.0, float("inf")]).tobytes()
    assert array("h", convert(loud, like("float32"), PCM)).tolist() == [32767, -32768, 32767, -32768, 32767]


def test_float32_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(AudioError, match="not a number"):
        convert(array("f", [0.0, float("nan")]).tobytes(), like("float32"), PCM)


def test_another_sample_rate_is_refused_and_the_resampler_named() -> None:
    with pytest.raises(AudioError, match="Resampler") as caught:
        convert(b"", PCM, AudioFormat(sample_rate=8000))
    assert caught.value.field == "sample_rate"


def test_a_part_of_a_sample_is_refused() -> None:
    with pytest.raises(AudioError, match="3 bytes"):
        convert(b"abc", PCM, like("g711_ulaw"))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_silence_stays_silence(encoding: Encoding) -> None:
    assert convert(PCM.silence(20), PCM, like(encoding, 2)) == like(encoding, 2).silence(20)


@pytest.mark.parametrize("encoding", ["g711_ulaw", "g711_alaw"])
def test_g711_keeps_a_tone_within_its_noise(encoding: Encoding) -> None:
    sound = tone(PCM, 200)
    heard = array("h", convert(convert(sound, PCM, like(encoding)), like(encoding), PCM))
    assert max(abs(a - b) for a, b in zip(heard, array("h", sound), strict=True)) < 7161 / 16
