"""Streams of audio from one format to another with the standard library."""

from __future__ import annotations

import audioop

import pytest

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.recode import Recoder
from voicechatengine.audio.tone import tone
from voicechatengine.errors import AudioError

PCM = AudioFormat()
LAW = AudioFormat("g711_ulaw", 8_000)


def test_the_same_sound_is_not_touched():
    assert Recoder(PCM, AudioFormat(frame_size=7))(b"\x01\x02") == b"\x01\x02"


def test_the_encoding_alone_is_changed():
    audio = tone(PCM, 100)
    assert Recoder(PCM, AudioFormat("g711_ulaw"))(audio) == audioop.lin2ulaw(audio, 2)


@pytest.mark.parametrize(
    ("source", "target"), [(LAW, PCM), (PCM, LAW), (AudioFormat(sample_rate=16_000), PCM)]
)
def test_a_stream_keeps_its_length_and_its_loudness_however_it_is_cut(
    source: AudioFormat, target: AudioFormat
):
    audio, recode = tone(source, 1000), Recoder(source, target)
    step = 37 * source.block_bytes
    out = b"".join(recode(audio[start : start + step]) for start in range(0, len(audio), step))
    assert target.duration_ms(len(out)) == pytest.approx(1000, abs=1)
    loud = audioop.rms(out if target == PCM else audioop.ulaw2lin(out, 2), 2)
    assert loud == pytest.approx(audioop.rms(tone(PCM, 1000), 2), rel=0.1)
    assert out == Recoder(source, target)(audio)


def test_half_a_sample_is_refused():
    with pytest.raises(AudioError):
        Recoder(AudioFormat(sample_rate=16_000), PCM)(b"\x00")
