"""Voice activity: edges where speech begins and ends, on recorded speech and on made signals."""

from __future__ import annotations

import array
import audioop
import math
import random
import wave
from pathlib import Path

import pytest

from voicechatengine.audio.vad import Edge, Vad

RATE = 24_000


def tone(ms: float, level: float = 0.2, rate: int = RATE) -> bytes:
    return array.array(
        "h",
        (int(32767 * level * math.sin(2 * math.pi * 300 * n / rate)) for n in range(int(rate * ms / 1000))),
    ).tobytes()


def quiet(ms: float, rate: int = RATE) -> bytes:
    return bytes(int(rate * ms / 1000) * 2)


def hiss(ms: float, level: int, rate: int = RATE) -> bytes:
    noise = random.Random(1)
    return array.array("h", (int(noise.gauss(0, level)) for _ in range(int(rate * ms / 1000)))).tobytes()


@pytest.mark.parametrize(
    "name",
    [
        "stop",
        "tell_me_a_joke",
        "turn_on_the_lights_in_the_kitchen",
        "what_is_the_weather_in_paris",
        "what_time_is_it",
    ],
)
@pytest.mark.parametrize("law", [False, True], ids=["pcm", "g711"])
def test_spoken_sentences_have_their_two_borders(shared: Path, name: str, law: bool):
    """Start and end lie within 150 ms of the first and the last sample that is not silence."""
    with wave.open(str(shared / "speech" / f"{name}_16k.wav")) as file:
        rate, audio = file.getframerate(), file.readframes(file.getnframes())
    loud = [n / rate * 1000 for n, sample in enumerate(array.array("h", audio)) if abs(sample) > 300]
    if law:
        audio = audioop.ulaw2lin(audioop.lin2ulaw(audio, 2), 2)
    vad = Vad(rate)
    edges = vad.feed(audio)
    assert [edge.speaking for edge in edges] == [True, False]
    assert edges[0].at_ms == pytest.approx(loud[0], abs=150)
    assert edges[1].at_ms == pytest.approx(loud[-1], abs=150)


def test_a_person_with_a_pause_is_one_or_two_utterances_by_the_silence_asked_for(shared: Path):
    with wave.open(str(shared / "speech" / "hello_my_name_is_marcelo_16k.wav")) as file:
        audio = file.readframes(file.getnframes())
    edges = Vad(16_000, silence_ms=500).feed(audio)
    assert [edge.speaking for edge in edges] == [True, False]
    assert edges[0].at_ms == pytest.approx(1720, abs=150)
    assert edges[1].at_ms == pytest.approx(3950, abs=150)
    assert len(Vad(16_000, silence_ms=60).feed(audio)) > 2


@pytest.mark.parametrize("size", [1, 7, 960, 961, 100_000])
def test_how_the_audio_is_cut_changes_nothing(size: int):
    audio = quiet(200) + tone(400) + quiet(700)
    vad = Vad(RATE)
    found = [edge for start in range(0, len(audio), size) for edge in vad.feed(audio[start : start + size])]
    assert [Edge(speaking=True, at_ms=200), Edge(speaking=False, at_ms=600)] == found
    assert vad.position_ms == 1300


def test_a_click_is_no_speech():
    assert Vad(RATE).feed(quiet(200) + tone(40) + quiet(1000)) == []


def test_a_stream_may_begin_with_speech():
    vad = Vad(RATE)
    assert vad.feed(tone(500)) == [Edge(speaking=True, at_ms=0)]
    assert vad.speaking


def test_the_threshold_says_how_loud_speech_has_to_be():
    soft = quiet(200) + tone(500, level=0.005)
    assert Vad(RATE, threshold=0.5).feed(soft) == []
    assert len(Vad(RATE, threshold=0.1).feed(soft)) == 1
    assert Vad(RATE, threshold=1.0).feed(quiet(200) + tone(500, level=0.1)) == []


def test_a_noisy_room_becomes_silence_once_it_is_known_and_speech_stands_out_of_it():
    room = hiss(6000, level=500)
    vad = Vad(RATE)
    edges = vad.feed(room)
    assert [edge.speaking for edge in edges] == [True, False]
    assert not vad.speaking
    assert [edge.speaking for edge in vad.feed(tone(400, level=0.4) + hiss(1000, level=500))] == [True, False]


def test_reset_forgets_an_utterance_and_keeps_the_position():
    vad = Vad(RATE, position_ms=1000)
    vad.feed(tone(200))
    vad.reset()
    assert not vad.speaking
    assert vad.feed(quiet(1000)) == []
    assert vad.position_ms == 2200
