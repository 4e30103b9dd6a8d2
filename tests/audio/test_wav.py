"""WAV files, good, odd and broken."""

from __future__ import annotations

import struct
import wave
from array import array
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voicechatengine import AudioError, AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.audio.wav import WavWriter, parse_wav, read_wav, wav_bytes, wav_header, wav_start

PCM = AudioFormat()
FORMATS = [
    PCM,
    AudioFormat("pcm16", 44_100, 2),
    AudioFormat("g711_ulaw", 8000),
    AudioFormat("g711_alaw", 8000),
    AudioFormat("float32", 48_000, 2),
]


def chunk(name: bytes, content: bytes, size: int | None = None) -> bytes:
    told = len(content) if size is None else size
    return name + struct.pack("<I", told) + content + b"\0" * (len(content) % 2)


def fmt(tag: int = 1, bits: int = 16, channels: int = 1, rate: int = 8000, more: bytes = b"") -> bytes:
    block = bits // 8 * channels
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits) + more)


def riff(*chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + sum(map(len, chunks))) + b"WAVE" + b"".join(chunks)


def read(folder: Path, content: bytes) -> tuple[AudioFormat, bytes]:
    path = folder / "a.wav"
    path.write_bytes(content)
    return read_wav(path)


@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_what_is_written_is_read(form: AudioFormat, tmp_path: Path) -> None:
    sound = tone(form, 333)
    with WavWriter(tmp_path / "a.wav", form) as writer:
        writer.write(sound[: form.block_bytes * 100])
        writer.write(sound[form.block_bytes * 100 :])
        assert writer.written_ms == form.duration_ms(len(sound))
    read_format, audio = read_wav(tmp_path / "a.wav")
    assert read_format.same_sound(form)
    assert audio == sound


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=9).map(lambda part: part * 2), max_size=5))
def test_it_does_not_matter_in_what_pieces_it_is_written(tmp_path: Path, parts: list[bytes]) -> None:
    with WavWriter(tmp_path / "a.wav", PCM) as writer:
        for part in parts:
            writer.write(part)
    assert read_wav(tmp_path / "a.wav") == (PCM, b"".join(parts))


def test_an_odd_number_of_bytes_is_padded_in_the_file_and_not_in_the_sound(tmp_path: Path) -> None:
    with WavWriter(tmp_path / "a.wav", AudioFormat("g711_ulaw", 8000)) as writer:
        writer.write(b"abc")
    assert (tmp_path / "a.wav").stat().st_size % 2 == 0
    assert read_wav(tmp_path / "a.wav")[1] == b"abc"


def test_the_standard_library_reads_our_pcm_and_we_read_its(tmp_path: Path) -> None:
    with WavWriter(tmp_path / "ours.wav", PCM) as writer:
        writer.write(tone(PCM, 100))
    with wave.open(str(tmp_path / "ours.wav")) as ours:
        assert (ours.getframerate(), ours.getnchannels(), ours.getsampwidth()) == (24_000, 1, 2)
        assert ours.readframes(ours.getnframes()) == tone(PCM, 100)
    with wave.open(str(tmp_path / "theirs.wav"), "wb") as theirs:
        theirs.setparams((1, 2, 24_000, 0, "NONE", ""))
        theirs.writeframes(tone(PCM, 100))
    assert read_wav(tmp_path / "theirs.wav") == (PCM, tone(PCM, 100))


def test_the_file_of_a_program_that_died_can_be_played(tmp_path: Path) -> None:
    """The header is never more than a second behind, and our own reader finds even the rest."""
    writer = WavWriter(tmp_path / "a.wav", PCM)
    for _ in range(5):
        writer.write(tone(PCM, 500))
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getnframes() >= 24_000 * 1.5
    writer.close()


@pytest.mark.parametrize(
    ("bits", "samples"),
    [
        (8, bytes([128, 255, 0])),
        (24, b"\0\0\0" + b"\xff\xff\x7f" + b"\0\0\x80"),
        (32, struct.pack("<3i", 0, 2**31 - 1, -(2**31))),
    ],
)
def test_other_depths_become_pcm16(bits: int, samples: bytes, tmp_path: Path) -> None:
    form, audio = read(tmp_path, riff(fmt(1, bits), chunk(b"data", samples)))
    quiet, loud, low = array("h", audio)
    assert form == AudioFormat(sample_rate=8000)
    assert (quiet, low) == (0, -32768)
    assert loud > 32500 or (bits == 8 and loud == 127 * 256)


def test_float64_becomes_float32(tmp_path: Path) -> None:
    form, audio = read(tmp_path, riff(fmt(3, 64), chunk(b"data", struct.pack("<2d", 0.5, -1.0))))
    assert form.encoding == "float32"
    assert array("f", audio).tolist() == [0.5, -1.0]


def test_the_extensible_header_is_understood(tmp_path: Path) -> None:
    more = struct.pack("<HHIH14s", 22, 16, 4, 7, b"\0" * 14)
    form, audio = read(tmp_path, riff(fmt(0xFFFE, 8, more=more), chunk(b"data", b"ab")))
    assert (form.encoding, audio) == ("g711_ulaw", b"ab")


def test_chunks_that_say_nothing_of_sound_are_skipped(tmp_path: Path) -> None:
    content = riff(chunk(b"LIST", b"odd"), fmt(), chunk(b"data", b"abcd"), chunk(b"LIST", b"after"))
    assert read(tmp_path, content)[1] == b"abcd"


@pytest.mark.parametrize("size", [0, 0xFFFF_FFFF, 100])
def test_a_size_that_was_never_brought_up_to_date_means_all_there_is(size: int, tmp_path: Path) -> None:
    assert read(tmp_path, riff(fmt(), chunk(b"data", b"abcd", size)))[1] == b"abcd"


def test_a_file_that_ends_within_a_sample_is_cut_at_the_one_before(tmp_path: Path) -> None:
    assert read(tmp_path, riff(fmt(), b"data" + struct.pack("<I", 100) + b"abc"))[1] == b"ab"


def test_an_empty_recording_with_a_list_behind_it_is_empty(tmp_path: Path) -> None:
    assert read(tmp_path, riff(fmt(), chunk(b"data", b""), chunk(b"LIST", b"INFO")))[1] == b""


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "RIFF"),
        (b"ID3\x04 a song", "RIFF"),
        (riff(), "no audio"),
        (riff(fmt()), "no audio"),
        (riff(chunk(b"data", b"ab"), fmt()), "before its format"),
        (riff(chunk(b"fmt ", b"short"), chunk(b"data", b"")), "cut off"),
        (riff(fmt(0x55, 0), chunk(b"data", b"mp3")), "0x0055"),
        (riff(fmt(1, 12), chunk(b"data", b"")), "12 bits"),
        (riff(fmt(rate=0), chunk(b"data", b"")), "sample_rate"),
        (riff(fmt(channels=0), chunk(b"data", b"ab")), "channels"),
    ],
)
def test_what_is_no_wav_file_is_told_with_its_name_and_a_cure(
    content: bytes, says: str, tmp_path: Path
) -> None:
    with pytest.raises(AudioError, match=says) as caught:
        read(tmp_path, content)
    assert "a.wav is not a WAV file" in str(caught.value)
    assert "ffmpeg" in caught.value.cure


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80), st.integers(0, 60))
def test_garbage_gives_audio_or_one_clear_error(tmp_path: Path, garbage: bytes, kept: int) -> None:
    told = ""
    try:
        form, audio = read(tmp_path, riff(fmt(), chunk(b"data", b"abcd"))[:kept] + garbage)
        form.check(audio)
    except AudioError as error:
        told = str(error)
    assert not told or told.startswith("a.wav is not a WAV file")


@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_a_file_in_memory_is_what_a_written_one_is(form: AudioFormat, tmp_path: Path) -> None:
    sound = tone(form, 33)
    with WavWriter(tmp_path / "a.wav", form) as writer:
        writer.write(sound)
    content = wav_bytes(form, sound)
    assert content == (tmp_path / "a.wav").read_bytes()
    assert parse_wav(content)[1] == sound
    with pytest.raises(AudioError, match="no whole number"):
        wav_bytes(AudioFormat(channels=2), b"abc")


@pytest.mark.parametrize(("told", "size"), [(4, 4), (0, None), (0xFFFF_FFFF, None)])
def test_the_beginning_of_a_stream_is_found_as_soon_as_it_is_there(told: int, size: int | None) -> None:
    content = riff(chunk(b"LIST", b"odd"), fmt(rate=22_050), chunk(b"data", b"abcd", told))
    place = content.index(b"abcd")
    assert {wav_start(content[:cut]) for cut in range(place)} == {None}
    assert wav_start(content[:place]) == (AudioFormat(sample_rate=22_050), place, size)


def test_a_stream_of_unknown_length_begins_with_such_a_header() -> None:
    assert wav_start(wav_header(PCM, 0xFFFF_FFFF)) == (PCM, 44, None)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"RIFX", "RIFF"), (b"RIFF0000WEBP", "RIFF"), (riff(fmt(1, 24), chunk(b"data", b"abc")), "24 bits")],
)
def test_what_cannot_be_read_as_it_comes_is_told(content: bytes, says: str) -> None:
    with pytest.raises(AudioError, match=says):
        wav_start(content)


def test_a_missing_file_is_an_audio_error(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"none\.wav cannot be read"):
        read_wav(tmp_path / "none.wav")


def test_a_folder_that_is_not_there_is_an_audio_error(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"a\.wav cannot be written"):
        WavWriter(tmp_path / "none" / "a.wav", PCM)


def test_bytes_of_another_format_and_writes_after_the_end_are_refused(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "a.wav", PCM)
    with pytest.raises(AudioError, match="3 bytes"):
        writer.write(b"abc")
    writer.close()
    writer.close()
    with pytest.raises(AudioError, match="closed"):
        writer.write(b"ab")


def test_the_shipped_speech_can_be_read(shared: Path) -> None:
    for path in sorted((shared / "speech").glob("*.wav"))[:5]:
        form, audio = read_wav(path)
        assert form.duration_ms(len(audio)) > 300
