"""The sound that stands for a voice."""

from __future__ import annotations

import audioop
from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechatengine import AudioFormat
from voicechatengine.audio.format import Encoding
from voicechatengine.audio.tone import tone

PCM = AudioFormat()


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 44_100])
def test_it_is_audible_and_not_loud(rate: int) -> None:
    sound = tone(AudioFormat(sample_rate=rate), 1500)
    assert 0.05 < audioop.rms(sound, 2) / 32768 < 0.25
    assert audioop.max(sound, 2) / 32768 <= 0.25


def test_it_never_clicks() -> None:
    """It begins and ends at zero, and no sample is far from the one before."""
    sound = array("h", tone(PCM, 1234))
    steps = [abs(b - a) for a, b in pairwise(sound)]
    assert (sound[0], sound[-1]) == (0, 0)
    assert max(steps) < 1700  # a click would be several thousand


@given(
    st.floats(0, 900),
    st.sampled_from(("pcm16", "g711_ulaw", "g711_alaw", "float32")),
    st.sampled_from((8000, 24_000)),
    st.integers(1, 2),
)
def test_it_is_as_long_as_asked_in_every_format(
    ms: float, encoding: Encoding, rate: int, channels: int
) -> None:
    form = AudioFormat(encoding, rate, channels)
    assert len(tone(form, ms)) == form.size_of(ms)


def test_the_same_arguments_give_the_same_bytes_and_other_notes_others() -> None:
    assert tone(PCM, 500) == tone(PCM, 500)
    assert tone(PCM, 500, [440.0]) != tone(PCM, 500)
