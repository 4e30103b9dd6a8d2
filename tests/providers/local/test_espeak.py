from __future__ import annotations

import audioop
import io
import os
import threading
from collections.abc import Iterator

import pytest

from voicechatengine.errors import AudioError, MessageError
from voicechatengine.providers.local import espeak_worker, frames
from voicechatengine.providers.local.espeak import FORMAT, EspeakSpeech
from voicechatengine.providers.local.frames import Frame, mapping

pytest.importorskip("espeakng_loader", reason="the extra local is not installed: espeakng-loader")
pytestmark = pytest.mark.realtime

LONG = "This sentence is not short at all, and it is said again and again. " * 100


async def spoken(speech: EspeakSpeech, text: str, **wish: str) -> bytes:
    return b"".join([audio async for audio in speech.speak(text, **wish)])


async def test_a_sentence_is_spoken_in_pieces_of_whole_samples() -> None:
    speech = EspeakSpeech()
    await speech.open()
    pieces = [audio async for audio in speech.speak("It is ten past three.")]
    await speech.close()
    assert len(pieces) > 10
    assert all(len(piece) % 2 == 0 for piece in pieces)
    assert 800 < FORMAT.duration_ms(sum(map(len, pieces))) < 3000
    assert audioop.max(b"".join(pieces), 2) > 3000


async def test_a_sentence_given_up_stops_and_the_next_is_whole() -> None:
    speech = EspeakSpeech()
    whole = len(await spoken(speech, "Stop."))
    long = speech.speak(LONG)
    await anext(long)
    await long.aclose()
    assert abs(len(await spoken(speech, "Stop.")) - whole) < FORMAT.size_of(50)
    await speech.close()


async def test_rate_pitch_voice_and_language_are_heard() -> None:
    text = "Good morning to you."
    plain = EspeakSpeech()
    fast, high = EspeakSpeech(rate=350), EspeakSpeech(pitch=99)
    usual = await spoken(plain, text)
    assert len(await spoken(fast, text)) < 0.7 * len(usual)
    assert await spoken(high, text) != usual
    assert await spoken(plain, text, language="de") != usual
    assert await spoken(plain, text, voice="en-us+f3") != usual
    again = await spoken(plain, text, voice="EN_US")
    assert abs(len(again) - len(usual)) < FORMAT.size_of(50)
    for speech in (plain, fast, high):
        await speech.close()


@pytest.mark.parametrize("voice", ["en", "en-gb", "de", "pt-br", "fr-fr"])
async def test_a_language_is_a_voice_from_the_first_sentence(voice: str) -> None:
    speech = EspeakSpeech(voice=voice)
    await speech.open()
    assert await spoken(speech, "Taxi.")
    await speech.close()


async def test_no_words_have_no_sound() -> None:
    speech = EspeakSpeech()
    assert await spoken(speech, " ") == b""
    await speech.close()
    await speech.close()


@pytest.mark.parametrize(("voice", "listed"), [("xx-yy", "pt-br"), ("en-us+nobody", "f3")])
async def test_a_voice_that_is_not_there_is_told_with_those_that_are(voice: str, listed: str) -> None:
    speech = EspeakSpeech(voice=voice)
    with pytest.raises(AudioError, match=listed) as caught:
        await speech.open()
    assert caught.value.field == "voice"
    speech = EspeakSpeech()
    with pytest.raises(AudioError, match=listed):
        await spoken(speech, "Hello.", voice=voice)
    assert await spoken(speech, "Hello.")
    await speech.close()


@pytest.mark.parametrize("setting", [{"rate": 20}, {"pitch": 101}])
def test_a_setting_out_of_range_is_named(setting: dict[str, int]) -> None:
    with pytest.raises(MessageError, match=next(iter(setting))):
        EspeakSpeech(**setting)


# ------------------------------------------------------------------ the process's side, in this process


def answers(sink: io.BytesIO) -> Iterator[Frame]:
    sink.seek(0)
    while (frame := frames.read(sink)) is not None:
        yield frame


def served(*sent: Frame) -> list[Frame]:
    sink = io.BytesIO()
    espeak_worker.serve(io.BytesIO(b"".join(frame.packed() for frame in sent)), sink)
    return list(answers(sink))


def test_the_process_refuses_a_voice() -> None:
    (refused,) = served(mapping(frames.SETTINGS, voice="xx-yy"))
    assert (refused.kind, refused.json()["error"]) == (frames.REFUSED, "AudioError")


def test_the_process_ends_with_its_input() -> None:
    assert served() == []
    assert [frame.kind for frame in served(mapping(frames.SETTINGS, voice="en-us"))] == [frames.READY]


def test_the_process_speaks_refuses_and_goes_on() -> None:
    heard, to_it = os.pipe()
    from_it, answered = os.pipe()
    wish = {"voice": "en-us", "rate": 175, "pitch": 50}
    with (
        os.fdopen(heard, "rb") as source,
        os.fdopen(answered, "wb") as sink,
        os.fdopen(from_it, "rb") as answers_,
    ):
        serving = threading.Thread(target=espeak_worker.serve, args=(source, sink))
        serving.start()
        with os.fdopen(to_it, "wb") as commands:
            frames.write(commands, mapping(frames.SETTINGS, voice="en-us"))
            frames.write(commands, mapping(frames.CANCEL, 1))
            frames.write(commands, mapping(frames.BEGIN, 1, text=LONG, **wish))
            frames.write(commands, mapping(frames.BEGIN, 2, text="Yes.", **wish | {"voice": "xx-yy"}))
            frames.write(commands, mapping(frames.BEGIN, 3, text="Yes.", **wish))
            found: list[tuple[bytes, int]] = []
            while not found or found[-1] != (frames.END, 3):
                frame = frames.read(answers_)
                assert frame is not None
                found.append((frame.kind, frame.job))
        serving.join()
    assert found[:3] == [(frames.READY, 0), (frames.END, 1), (frames.REFUSED, 2)]
    assert set(found[3:-1]) == {(frames.AUDIO, 3)}


def test_the_library_speaks_until_it_is_told_to_stop() -> None:
    heard: list[bytes] = []

    def enough(audio: bytes) -> bool:
        heard.append(audio)
        return len(heard) < 3

    espeak = espeak_worker.Espeak(enough)
    espeak.speak(LONG, "en-us+f3", 175, 50)
    assert len(heard) == 3
    assert espeak.rate == FORMAT.sample_rate
    assert {"en-us", "de", "pt-br"} <= set(espeak.voices)
