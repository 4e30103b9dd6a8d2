"""History holds what the sink played: conversations at random, compared word by word with the sound that came out."""

from __future__ import annotations

import array
import random
from collections import Counter

import pytest
from puppet import Sink

from voicechatengine import AudioFormat, MockConfig, MockProvider, TurnDetection, VoiceEngine
from voicechatengine.audio.tone import tone
from voicechatengine.engine.bargein import BargeIn
from voicechatengine.engine.io import MemorySource
from voicechatengine.messages import Item, MessageItem
from voicechatengine.providers.mock import MockReply

FORMAT = AudioFormat(sample_rate=8000)
CHARS_PER_S = 15
LONGEST = 10  # word
SETTINGS = [
    BargeIn(),
    BargeIn(min_speech_ms=700),
    BargeIn(resume_ms=400),
    BargeIn(min_speech_ms=700, resume_ms=400),
]


def reply(luck: random.Random, number: int) -> MockReply:
    """Words that nobody else says, and as long as they take a sound that nobody else makes."""
    words = " ".join("abcdefghij"[: luck.randint(1, LONGEST)] for _ in range(luck.randint(1, 60)))
    words = f"r{number} {words}"
    samples = array.array("h", [number]) * int(len(words) / CHARS_PER_S * FORMAT.sample_rate)
    return MockReply(
        words, audio=samples.tobytes(), pace=luck.choice([0, 1.5, 8]), delay_s=luck.choice([0, 0.3])
    )


def speech(luck: random.Random) -> bytes:
    """Somebody who speaks up seven times, briefly or for long, with pauses in which a reply is heard in part or whole."""
    audio = b""
    for _ in range(7):
        audio += tone(FORMAT, luck.choice([120, 300, 900])) + bytes(16 * luck.randint(600, 5000))
    return audio


def said(items: tuple[Item, ...]) -> list[MessageItem]:
    return [item for item in items if isinstance(item, MessageItem) and item.role == "assistant"]


@pytest.mark.parametrize("settings", SETTINGS, ids=repr)
@pytest.mark.parametrize("seed", range(12))
async def test_history_is_what_was_played(seed: int, settings: BargeIn):
    """Within a word: the place of a cut is known in time and estimated in words."""
    luck = random.Random(f"{seed} {settings}")
    replies = {number: reply(luck, number) for number in range(1, 30)}
    provider = MockProvider(
        MockConfig(
            seed=seed,
            script=list(replies.values()),
            detect_turns=True,
            turn_detection=TurnDetection(
                create_response=True, interrupt_response=luck.random() < 0.5, silence_duration_ms=300
            ),
            transcripts=lambda *_: luck.choice(["", "Yes?"]),
            input_audio_format=FORMAT,
            latency={"response": 0.2},
        )
    )
    sink = Sink(FORMAT)
    async with VoiceEngine(provider, barge_in=settings) as engine:
        metrics = await engine.run(MemorySource(speech(luck), FORMAT), sink)
    played = Counter(array.array("h", bytes(sink.heard)))
    texts = {int(item.text.split()[0][1:]): item for item in said(engine.history)}
    for number, script in replies.items():
        words = script.text.split()
        found = texts.pop(number).text.split() if number in texts else []
        assert found == words[: len(found)]
        chars = played[number] / FORMAT.sample_rate * CHARS_PER_S
        assert len(" ".join(found)) == pytest.approx(chars, abs=LONGEST + 1.1), number
    assert not texts
    assert [item.text for item in said(engine.history)] == [item.text for item in said(provider.history)]
    assert all(item.interrupted for item in said(engine.history) if item.estimated)
    assert len(metrics.turns) >= 2
