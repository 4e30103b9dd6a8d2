from __future__ import annotations

import io
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest

from voicechatengine.audio.wav import read_wav
from voicechatengine.errors import AudioError, MessageError
from voicechatengine.providers.cascade.parts import Heard
from voicechatengine.providers.local import frames, sphinx_worker
from voicechatengine.providers.local.frames import Frame, mapping
from voicechatengine.providers.local.sphinx import SphinxRecogniser

pytest.importorskip("pocketsphinx", reason="the extra local is not installed: pocketsphinx")
pytestmark = pytest.mark.realtime

QUESTION = Path(__file__).resolve().parents[3] / "examples" / "question.wav"
SAID = {
    "what_time_is_it": "what time is it",
    "what_is_the_weather_in_paris": "what is the weather in paris",
    "turn_on_the_lights_in_the_kitchen": "turn on the lights in the kitchen",
    "tell_me_a_joke": "tell me a joke",
    "stop": "stop",
}
ONE_WORD = "#JSGF V1.0; grammar g; public <utterance> = stop;"


async def played(audio: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(audio), 640):
        yield audio[start : start + 640]


async def heard(recogniser: SphinxRecogniser, path: Path) -> list[Heard]:
    await recogniser.open()
    return [heard async for heard in recogniser.recognise(played(read_wav(path)[1]))]


@pytest.mark.parametrize("name", SAID)
async def test_a_spoken_command_is_recognised_while_it_is_spoken(shared: Path, name: str) -> None:
    recogniser = SphinxRecogniser()
    try:
        found = await heard(recogniser, shared / "speech" / f"{name}_16k.wav")
    finally:
        await recogniser.close()
    assert found[-1] == Heard(SAID[name], final=True)
    assert len(found) > 1
    assert not any(partial.final for partial in found[:-1])


async def test_the_shipped_question_is_recognised() -> None:
    recogniser = SphinxRecogniser()
    try:
        found = await heard(recogniser, QUESTION)
    finally:
        await recogniser.close()
    assert found[-1].text == "hello what can you do for me"


async def test_phrases_of_the_application_are_added_to_the_grammar() -> None:
    recogniser = SphinxRecogniser(phrases=["Open the garden gate"])
    try:
        assert (await heard(recogniser, QUESTION))[-1].text == "hello what can you do for me"
    finally:
        await recogniser.close()


async def test_silence_has_no_words() -> None:
    recogniser = SphinxRecogniser(grammar=ONE_WORD)
    await recogniser.open()
    found = [heard async for heard in recogniser.recognise(played(bytes(3200)))]
    await recogniser.close()
    assert found == [Heard("", final=True)]


async def test_an_utterance_given_up_does_not_disturb_the_next() -> None:
    recogniser = SphinxRecogniser()
    await recogniser.open()

    async def endless() -> AsyncIterator[bytes]:
        async for chunk in played(read_wav(QUESTION)[1]):
            yield chunk
        raise AssertionError("read to its end")

    first: AsyncGenerator[Heard] = recogniser.recognise(endless())
    await anext(first)
    await first.aclose()
    found = await heard(recogniser, QUESTION)
    await recogniser.close()
    assert found[-1].text == "hello what can you do for me"


async def test_what_the_audio_raises_comes_through() -> None:
    recogniser = SphinxRecogniser(grammar=ONE_WORD)
    await recogniser.open()
    with pytest.raises(AudioError):
        async for _ in recogniser.recognise(played(b"\0")):
            pass
    await recogniser.close()


async def test_it_starts_by_itself_and_again_after_close() -> None:
    recogniser = SphinxRecogniser(grammar=ONE_WORD)
    for _ in range(2):
        assert [heard.text async for heard in recogniser.recognise(played(bytes(640)))] == [""]
        await recogniser.close()
    await recogniser.close()


@pytest.mark.parametrize(
    ("grammar", "message"),
    [
        ("#JSGF V1.0; grammar g; public <utterance> = xyzzyq;", "xyzzyq"),
        ("#JSGF V1.0; grammar g; public <utterance> = (stop;", "cannot be read"),
    ],
)
async def test_a_grammar_that_does_not_do_is_told_when_it_is_opened(grammar: str, message: str) -> None:
    recogniser = SphinxRecogniser(grammar=grammar)
    with pytest.raises(MessageError, match=message) as caught:
        await recogniser.open()
    assert caught.value.field == "grammar"
    await recogniser.close()


def test_a_grammar_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(MessageError, match=r"none\.gram"):
        SphinxRecogniser(grammar=tmp_path / "none.gram")
    with pytest.raises(MessageError, match="phrases"):
        SphinxRecogniser(grammar=ONE_WORD, phrases=["stop"])


def test_a_grammar_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "one.gram"
    path.write_text(ONE_WORD)
    assert SphinxRecogniser(grammar=path).format.sample_rate == 16_000


async def test_another_language_and_a_prompt_are_refused() -> None:
    recogniser = SphinxRecogniser()
    for wish, field in (({"language": "pt-BR"}, "language"), ({"prompt": "Kubernetes"}, "prompt")):
        with pytest.raises(MessageError) as caught:
            await anext(recogniser.recognise(played(b""), **wish))
        assert caught.value.field == field
    await recogniser.close()


# ------------------------------------------------------------------ the process's side, in this process


def served(*sent: Frame) -> list[Frame]:
    sink = io.BytesIO()
    sphinx_worker.serve(io.BytesIO(b"".join(frame.packed() for frame in sent)), sink)
    sink.seek(0)
    answers: list[Frame] = []
    while (frame := frames.read(sink)) is not None:
        answers.append(frame)
    return answers


def test_the_process_answers_frame_by_frame() -> None:
    _, audio = read_wav(QUESTION)
    shipped = Path(sphinx_worker.__file__).with_name("responder.gram").read_text()
    answers = served(
        mapping(frames.SETTINGS, grammar=shipped),
        Frame(frames.BEGIN, 1),
        Frame(frames.AUDIO, 1, audio[:32_000]),
        Frame(frames.CANCEL, 1),
        Frame(frames.BEGIN, 2),
        *(Frame(frames.AUDIO, 2, audio[start : start + 3200]) for start in range(0, len(audio), 3200)),
        Frame(frames.END, 2),
    )
    kinds = [(answer.kind, answer.job) for answer in answers if answer.kind != frames.PARTIAL]
    assert kinds == [(frames.READY, 0), (frames.DROPPED, 1), (frames.FINAL, 2)]
    assert answers[-1].payload == b"hello what can you do for me"


def test_what_fits_no_sentence_is_recognised_freely() -> None:
    _, audio = read_wav(QUESTION)
    answers = served(
        mapping(
            frames.SETTINGS,
            grammar="#JSGF V1.0; grammar g; public <utterance> = stop stop stop stop stop stop stop;",
        ),
        Frame(frames.BEGIN, 1),
        Frame(frames.AUDIO, 1, audio[:48_000]),
        Frame(frames.END, 1),
    )
    words = answers[-1].payload.decode().split()
    assert answers[-1].kind == frames.FINAL
    assert words
    assert "stop" not in words


def test_the_process_refuses_as_the_application_sees_it() -> None:
    (refused,) = served(mapping(frames.SETTINGS, grammar="#JSGF V1.0; grammar g; public <u> = xyzzyq;"))
    assert refused.kind == frames.REFUSED
    assert refused.json()["error"] == "MessageError"


def test_the_process_ends_with_its_input() -> None:
    assert served() == []
