"""What a stretch of audio bytes means: arithmetic that never loses a sample."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechatengine.audio.format import FRAME_MS, MAX_RATE, SAMPLE_BYTES, AudioFormat, Encoding
from voicechatengine.errors import AudioError

formats = st.builds(
    AudioFormat,
    encoding=st.sampled_from(get_args(Encoding)),
    sample_rate=st.integers(1, MAX_RATE),
    channels=st.integers(1, 32),
    frame_size=st.integers(0, MAX_RATE * 10),
)


def test_the_usual_format_in_figures():
    pcm = AudioFormat("pcm16", 24_000)
    assert (pcm.sample_bytes, pcm.block_bytes, pcm.frame_size) == (2, 2, 480)
    assert (pcm.frame_bytes, pcm.frame_ms, pcm.bytes_per_ms) == (960, 20.0, 48.0)
    assert (pcm.duration_ms(4800), pcm.size_of(100)) == (100.0, 4800)


@pytest.mark.parametrize(
    ("audio_format", "bytes_per_second"),
    [
        (AudioFormat("g711_ulaw", 8_000), 8_000),
        (AudioFormat("g711_alaw", 8_000), 8_000),
        (AudioFormat("float32", 16_000, 2), 128_000),
        (AudioFormat("pcm16", 44_100, 2), 176_400),
    ],
)
def test_a_second_of_every_encoding(audio_format, bytes_per_second):
    assert audio_format.size_of(1000) == bytes_per_second
    assert audio_format.bytes_per_ms * 1000 == bytes_per_second


@given(formats)
def test_a_frame_is_a_whole_number_of_samples_and_at_least_one(audio_format):
    assert audio_format.frame_size >= 1
    assert audio_format.frame_bytes == audio_format.frame_size * audio_format.block_bytes
    assert audio_format.frame_bytes % audio_format.block_bytes == 0


@given(st.integers(50, MAX_RATE))
def test_a_frame_of_no_given_size_is_twenty_milliseconds_down_to_a_sample(rate):
    assert AudioFormat("pcm16", rate).frame_size == rate * FRAME_MS // 1000


@given(formats, st.floats(0, 1e7))
def test_bytes_of_a_time_are_whole_samples_and_never_longer_than_it(audio_format, ms):
    size = audio_format.size_of(ms)
    assert size % audio_format.block_bytes == 0
    sample_ms = 1000 / audio_format.sample_rate
    assert ms - sample_ms * 1.001 <= audio_format.duration_ms(size) <= ms * (1 + 1e-12)


@given(formats, st.integers(0, 10**7))
def test_a_duration_gives_its_bytes_back_to_the_sample(audio_format, blocks):
    size = blocks * audio_format.block_bytes
    assert abs(audio_format.size_of(audio_format.duration_ms(size)) - size) <= audio_format.block_bytes


@given(formats, st.integers(0, 40))
def test_only_whole_samples_pass_the_check(audio_format, size):
    if size % audio_format.block_bytes == 0:
        audio_format.check(bytes(size))
        audio_format.check(bytearray(size))
        return
    with pytest.raises(
        AudioError, match=f"{size} bytes are no whole number of {audio_format.encoding} samples"
    ) as caught:
        audio_format.check(bytes(size))
    assert caught.value.field == "audio"


@pytest.mark.parametrize("audio", ["text", None, 5, [0, 1], memoryview(b"ab")])
def test_what_is_not_bytes_is_not_audio(audio):
    with pytest.raises(AudioError, match=f"audio is {type(audio).__name__}, not bytes") as caught:
        AudioFormat().check(audio)
    assert caught.value.field == "audio"


@pytest.mark.parametrize(
    ("encoding", "quiet"), [("pcm16", 0), ("g711_ulaw", 0xFF), ("g711_alaw", 0xD5), ("float32", 0)]
)
def test_silence_is_the_encodings_own_zero(encoding, quiet):
    silence = AudioFormat(encoding, 8_000).silence(10)
    assert set(silence) == {quiet}
    assert len(silence) == 80 * SAMPLE_BYTES[encoding]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"encoding": "mp3"}, "encoding"),
        ({"encoding": None}, "encoding"),
        ({"sample_rate": 0}, "sample_rate"),
        ({"sample_rate": MAX_RATE + 1}, "sample_rate"),
        ({"sample_rate": 24_000.0}, "sample_rate"),
        ({"sample_rate": True}, "sample_rate"),
        ({"channels": 0}, "channels"),
        ({"channels": 33}, "channels"),
        ({"channels": "1"}, "channels"),
        ({"frame_size": -1}, "frame_size"),
        ({"frame_size": MAX_RATE * 10 + 1}, "frame_size"),
    ],
)
def test_what_is_no_format_is_refused_with_its_field_and_the_cure(fields, field):
    with pytest.raises(AudioError, match="use ") as caught:
        AudioFormat(**fields)
    assert caught.value.field == field


def test_formats_of_the_same_sound_may_differ_in_their_frames():
    pcm = AudioFormat("pcm16", 24_000)
    assert pcm.same_sound(AudioFormat("pcm16", 24_000, frame_size=100))
    for other in (
        AudioFormat("pcm16", 16_000),
        AudioFormat("pcm16", 24_000, 2),
        AudioFormat("float32", 24_000),
    ):
        assert not pcm.same_sound(other)


@given(formats)
def test_a_format_is_a_value(audio_format):
    again = msgspec.convert(msgspec.to_builtins(audio_format), AudioFormat)
    assert again == audio_format
    assert hash(again) == hash(audio_format)


def test_a_format_says_what_it_is():
    assert str(AudioFormat()) == "pcm16 24000 Hz mono"
    assert str(AudioFormat("g711_ulaw", 8_000, 2)) == "g711_ulaw 8000 Hz stereo"
    assert str(AudioFormat("float32", 48_000, 6)) == "float32 48000 Hz 6 channels"
