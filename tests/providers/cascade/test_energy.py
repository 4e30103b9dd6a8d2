"""Turns by energy: where they begin and end, and how early the end is announced."""

from __future__ import annotations

import audioop

import pytest

from voicechatengine import AudioFormat, MessageError, TurnDetection
from voicechatengine.audio.tone import tone
from voicechatengine.providers.cascade.energy import EnergyTurns

FORM = AudioFormat(sample_rate=16_000)


def speech(*parts: float) -> bytes:
    """Milliseconds of sound, and where they are negative of silence."""
    return b"".join(tone(FORM, ms, [440.0]) if ms > 0 else FORM.silence(-ms) for ms in parts)


def heard(turns: EnergyTurns, audio: bytes, step: int) -> list[tuple[str, float]]:
    return [
        (turn.kind, turn.at_ms)
        for start in range(0, len(audio), step)
        for turn in turns.hear(audio[start : start + step])
    ]


@pytest.mark.parametrize("step", [2, 640, 1000, 10**9])
async def test_a_turn_begins_pauses_goes_on_and_ends(step):
    """Each pause of 200 ms may be the end, one of 500 ms is it; in whatever pieces the audio comes."""
    turns = EnergyTurns(16_000)
    await turns.open()
    await turns.open()
    found = heard(turns, speech(-500, 600, -300, 400, -800, 300, -600), step)
    assert [kind for kind, _ in found] == [
        "began", "likely_end", "resumed", "likely_end", "ended", "began", "likely_end", "ended",
    ]  # fmt: skip
    expected = [500, 1100, 1400, 1800, 1800, 2600, 2900, 2900]
    assert [at for _, at in found] == pytest.approx(expected, abs=45)
    await turns.close()


async def test_the_end_is_announced_before_it_is_certain():
    """200 ms after the last sound it is likely, after 500 ms certain."""
    turns = EnergyTurns()
    await turns.open()
    heard(turns, speech(400), 640)
    when = [(turn.kind, passed) for passed in range(20, 700, 20) for turn in turns.hear(FORM.silence(20))]
    assert [kind for kind, _ in when] == ["likely_end", "ended"]
    assert [passed for _, passed in when] == pytest.approx([200, 500], abs=40)


async def test_settings_of_the_session_are_taken_and_taken_back():
    """`silence_duration_ms` and `threshold` of the session go before those that it was made with."""
    turns = EnergyTurns(silence_ms=500, threshold=0.5)
    await turns.open()
    turns.tune(TurnDetection(silence_duration_ms=100))
    assert [kind for kind, _ in heard(turns, speech(300, -200), 640)] == ["began", "likely_end", "ended"]
    turns.tune(TurnDetection(threshold=1.0))
    assert heard(turns, audioop.mul(speech(300, -200), 2, 0.3), 640) == []
    turns.tune(TurnDetection())
    assert [kind for kind, _ in heard(turns, speech(300, -300), 640)] == ["began", "likely_end"]


async def test_reset_forgets_a_turn_and_keeps_the_position():
    """A turn that is forgotten has no end; the next one stands where it is."""
    turns = EnergyTurns()
    await turns.open()
    heard(turns, speech(300, -240), 640)
    turns.reset()
    assert heard(turns, FORM.silence(1000), 640) == []
    ((kind, at), *_) = heard(turns, speech(300), 640)
    assert (kind, at) == ("began", pytest.approx(1540, abs=45))


async def test_opened_again_it_begins_anew():
    """Positions count from the last opening."""
    turns = EnergyTurns()
    await turns.open()
    heard(turns, speech(300), 640)
    await turns.close()
    await turns.open()
    assert heard(turns, speech(-100, 300), 640)[0] == ("began", pytest.approx(100, abs=45))


@pytest.mark.parametrize("setting", [{"silence_ms": -1}, {"likely_ms": -1}, {"threshold": 2}])
def test_what_is_no_setting_is_refused(setting):
    """The error names it."""
    with pytest.raises(MessageError) as refused:
        EnergyTurns(**setting)
    assert refused.value.field == next(iter(setting))
