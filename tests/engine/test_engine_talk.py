"""The engine in sound: a source, a provider and a sink, interruptions, and every way in which it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from puppet import FORMAT, Mic, Puppet, Sink, answer, at, audio, now

from voicechatengine import (
    AudioChunk,
    AudioError,
    AudioFormat,
    ConnectionError,
    ConnectionState,
    DeadlineError,
    ErrorInfo,
    Interrupted,
    MessageError,
    MockConfig,
    MockProvider,
    Options,
    Provider,
    ResponseCompleted,
    ResponseStarted,
    SessionCreated,
    SessionExpiredError,
    SpeechStarted,
    SpeechStopped,
    StateChanged,
    TextChunk,
    VoiceEngine,
)
from voicechatengine.audio.tone import tone
from voicechatengine.audio.wav import read_wav
from voicechatengine.engine.io import MemorySource, wav_sink, wav_source
from voicechatengine.engine.metrics import Metrics
from voicechatengine.messages import ItemTruncate, MessageItem
from voicechatengine.providers.mock import MockReply


async def talk(puppet: Puppet, source: Any, sink: Sink, **options: Any) -> tuple[Metrics, VoiceEngine]:
    engine_options = {key: options.pop(key) for key in ("barge_in",) if key in options}
    async with VoiceEngine(puppet, **engine_options) as engine:
        metrics = await engine.run(source, sink, **options)
    return metrics, engine


# ------------------------------------------------------------------ a conversation


async def test_a_spoken_question_is_answered_with_speech(shared: Path, tmp_path: Path):
    """A 16 kHz file that ends with the speech, a provider of 24 kHz, an answer of 8 kHz."""
    source = wav_source(shared / "speech" / "tell_me_a_joke_16k.wav")
    async with VoiceEngine(MockProvider(MockConfig(detect_turns=True))) as engine:
        metrics = await engine.run(source, wav_sink(tmp_path / "answer.wav", FORMAT))
        assert [item.role for item in engine.history if isinstance(item, MessageItem)] == [
            "user",
            "assistant",
        ]
    audio_format, heard = read_wav(tmp_path / "answer.wav")
    assert audio_format == FORMAT
    assert audio_format.duration_ms(len(heard)) == pytest.approx(metrics.turns[0].answer_ms, abs=1)
    assert metrics.turns[0].first_audio_ms is not None
    assert any(heard)


async def test_audio_goes_up_in_real_time_in_the_providers_frames():
    puppet = Puppet()
    source = MemorySource(tone(AudioFormat(sample_rate=24_000), 95), AudioFormat(sample_rate=24_000))
    await talk(puppet, source, Sink(), grace_s=0.1)
    frames = [what for _, what in puppet.of("audio") if isinstance(what, bytes)]
    spoken = frames[:5]
    assert [len(frame) for frame in spoken] == [320, 320, 320, 320, 240]
    assert puppet.of("audio")[1][0] == pytest.approx(0.06, abs=0.021)  # the resampler holds some back


async def test_after_the_source_silence_goes_up_in_real_time_until_the_end():
    puppet = Puppet()
    puppet.tells_at((2.0, SpeechStarted()), (3.0, SpeechStopped()), *at(3.5, answer("r", "a", 1000)))
    sink = Sink()
    await talk(puppet, MemorySource(audio(500), FORMAT), sink)
    assert now() == pytest.approx(4.5, abs=0.03)
    assert len(puppet.heard) == pytest.approx(16 * 4500, abs=640)
    assert not any(puppet.heard[16 * 500 :])
    assert bytes(sink.heard) == audio(1000)
    assert sink.closed == 1


async def test_silence_that_was_held_up_is_not_made_up_for():
    class Slow(Puppet):
        async def send_audio(self, audio_data: bytes) -> None:
            if not self.sent:
                await asyncio.sleep(60)
            await super().send_audio(audio_data)

    puppet = Slow()
    await talk(puppet, MemorySource(b"", FORMAT), Sink(), grace_s=61.0)
    assert len(puppet.sent) < 110  # a second to catch up, and a second of waiting


async def test_where_nobody_answers_it_ends_after_the_grace_time():
    await talk(Puppet(), MemorySource(audio(1000), FORMAT), Sink(), grace_s=3.0)
    assert now() == pytest.approx(4.0)


async def test_a_request_in_text_can_be_made_meanwhile():
    puppet = Puppet()
    sink = Sink()
    async with VoiceEngine(puppet) as engine:
        running = asyncio.create_task(engine.run(MemorySource(audio(100), FORMAT), sink, grace_s=2.0))
        await asyncio.sleep(0)
        puppet.tells_at(*at(1.0, answer("r", "a", 200)))
        reply = await engine.ask("Hello")
        metrics = await running
    assert reply.text == "one two three four"
    assert bytes(sink.heard) == audio(200)
    assert metrics.turns[0].first_audio_ms == pytest.approx(1000)


async def test_replies_in_several_formats_are_all_made_the_sinks():
    puppet = Puppet()
    wide = AudioFormat(sample_rate=16_000)
    sink = Sink(AudioFormat(sample_rate=24_000))
    puppet.tells_at(
        (0.2, ResponseStarted("r")),
        (0.2, AudioChunk(tone(FORMAT, 100), None, "r", "a")),
        (0.2, AudioChunk(tone(wide, 100), wide, "r", "a")),
        (0.2, AudioChunk(tone(FORMAT, 100), None, "r", "b")),
        (0.2, ResponseCompleted("r")),
    )
    metrics, _ = await talk(puppet, MemorySource(audio(100), FORMAT), sink)
    assert len(sink.heard) == pytest.approx(48 * 300, abs=8)
    assert metrics.audio_out_s == pytest.approx(0.3)


# ------------------------------------------------------------------ interruption


async def test_speech_silences_the_assistant_and_the_provider_learns_what_was_heard():
    """Two seconds of answer, of which 700 ms were heard; what comes late is dropped."""
    puppet = Puppet()
    reply = answer("r", "a", 2000)
    puppet.tells_at(
        *at(1.0, reply[:-1]),
        (1.7, SpeechStarted()),
        (1.71, AudioChunk(audio(100, 9), None, "r", "a")),
        (1.72, Interrupted("r", "a", 2100)),
        (1.72, ResponseCompleted("r", "interrupted")),
        (2.0, SpeechStopped()),
        *at(2.2, answer("s", "b", 300, words="five")),
    )
    sink = Sink()
    metrics, engine = await talk(puppet, Mic(2500), sink)
    assert puppet.of("interrupt") == [(1.7, None)]
    [(when, truncate)] = puppet.of("item_truncate")
    assert (when, truncate) == (1.7, ItemTruncate("a", pytest.approx(700, abs=1)))
    assert len(sink.heard) == pytest.approx(16 * 1000, abs=16)
    assert 9 not in sink.heard
    assert [item.text for item in engine.history if isinstance(item, MessageItem)] == ["one", "five"]
    first, second = metrics.turns
    assert (first.interruptions, first.interruption_ms, second.interruptions) == (1, 0.0, 0)


async def test_a_reply_that_is_whole_and_still_plays_is_cut_without_an_interrupt():
    puppet = Puppet()
    puppet.tells_at(*at(1.0, answer("r", "a", 2000)), (1.5, SpeechStarted()))
    await talk(puppet, Mic(2000), Sink(), grace_s=0.5)
    assert puppet.of("interrupt") == []
    assert puppet.of("item_truncate") == [(1.5, ItemTruncate("a", pytest.approx(500, abs=1)))]


async def test_of_which_nothing_was_heard_is_cut_to_nothing():
    puppet = Puppet()
    puppet.tells_at(
        (1.0, ResponseStarted("r")),
        (1.0, TextChunk("Well", spoken=True, response_id="r", item_id="a")),
        (1.1, SpeechStarted()),
        (1.2, AudioChunk(audio(100), None, "r", "a")),
        (1.3, ResponseCompleted("r", "interrupted")),
    )
    sink = Sink()
    _, engine = await talk(puppet, Mic(2000), sink, grace_s=0.5)
    assert puppet.of("item_truncate") == [(1.1, ItemTruncate("a", 0.0))]
    assert engine.history == ()
    assert not sink.heard


async def test_speech_while_nothing_plays_is_no_interruption():
    puppet = Puppet()
    puppet.tells_at((0.5, SpeechStarted()))
    metrics, _ = await talk(puppet, Mic(1000), Sink(), grace_s=0.5)
    assert (puppet.of("interrupt"), metrics.interruptions) == ([], 0)


async def test_a_provider_that_interrupts_by_itself_is_obeyed():
    puppet = Puppet()
    puppet.tells_at(
        *at(1.0, answer("r", "a", 2000)[:-1]),
        (1.5, Interrupted("r", "a", 2000)),
        (1.5, ResponseCompleted("r", "interrupted")),
    )
    sink = Sink()
    await talk(puppet, Mic(2000), sink)
    assert puppet.of("interrupt") == []
    assert puppet.of("item_truncate") == [(1.5, ItemTruncate("a", pytest.approx(500, abs=1)))]
    assert len(sink.heard) == pytest.approx(16 * 500, abs=16)


async def test_without_barge_in_the_assistant_finishes():
    puppet = Puppet()
    puppet.tells_at(
        *at(1.0, answer("r", "a", 1000)[:-1]),
        (1.2, SpeechStarted()),
        (1.2, Interrupted("r", "a", 1000)),
        (1.2, ResponseCompleted("r", "interrupted")),
    )
    sink = Sink()
    await talk(puppet, Mic(1000), sink, barge_in=False, grace_s=0.5)
    assert (puppet.of("interrupt"), puppet.of("item_truncate")) == ([], [])
    assert len(sink.heard) == 16 * 1000


async def test_a_provider_that_cannot_be_interrupted_is_only_told_what_was_heard():
    puppet = Puppet({"turn_detection": ("server_vad",)})
    puppet.tells_at(*at(1.0, answer("r", "a", 2000)[:-1]), (1.5, SpeechStarted()))
    puppet.tells_at((1.6, ResponseCompleted("r")))
    await talk(puppet, Mic(2000), Sink(), grace_s=0.5)
    assert puppet.of("interrupt") == []
    assert len(puppet.of("item_truncate")) == 1


async def test_a_provider_that_refuses_the_correction_does_not_end_the_conversation(
    caplog: pytest.LogCaptureFixture,
):
    puppet = Puppet()
    puppet.broken["item_truncate"] = MessageError("no truncation here")
    puppet.tells_at(*at(1.0, answer("r", "a", 2000)), (1.5, SpeechStarted()))
    with caplog.at_level(logging.WARNING, "voicechatengine"):
        await talk(puppet, Mic(2000), Sink(), grace_s=0.5)
    assert "no truncation here" in caplog.text


async def test_what_is_said_beside_the_conversation_is_played_and_never_corrected():
    puppet = Puppet()
    puppet.tells_at(
        (1.0, ResponseStarted("r", out_of_band=True)),
        (1.0, TextChunk("Wait", spoken=True, response_id="r", item_id="a")),
        (1.0, AudioChunk(audio(1000), None, "r", "a")),
        (1.0, ResponseCompleted("r")),
        (1.5, SpeechStarted()),
    )
    sink = Sink()
    await talk(puppet, Mic(2000), sink, grace_s=0.5)
    assert puppet.of("item_truncate") == []
    assert len(sink.heard) == pytest.approx(16 * 500, abs=16)


async def test_the_application_can_silence_the_assistant():
    puppet = Puppet()
    sink = Sink()
    async with VoiceEngine(puppet) as engine:
        puppet.tells_at(*at(1.0, answer("r", "a", 2000)[:-1]))
        running = asyncio.create_task(engine.run(Mic(2000), sink))
        await asyncio.sleep(1.5)
        await engine.interrupt()
        assert puppet.of("interrupt") == [(1.5, None)]
        puppet.tell(ResponseCompleted("r", "interrupted"))
        metrics = await running
    assert puppet.of("item_truncate") == [(1.5, ItemTruncate("a", pytest.approx(500, abs=1)))]
    assert (metrics.interruptions, metrics.turns[0].interruption_ms) == (1, None)


async def test_interrupting_before_a_reply_began_reaches_the_provider():
    puppet = Puppet()
    async with VoiceEngine(puppet) as engine:
        running = asyncio.create_task(engine.run(Mic(500), Sink(), grace_s=0.1))
        await asyncio.sleep(0.1)
        await engine.interrupt()
        await running
    assert puppet.of("interrupt") == [(0.1, None)]


# ------------------------------------------------------------------ push to talk


async def test_without_turn_detection_a_file_is_one_turn():
    sink = Sink(AudioFormat())
    async with VoiceEngine(provider := MockProvider(MockConfig(transcripts=["Hello"]))) as engine:
        metrics = await engine.run(MemorySource(audio(1000), FORMAT), sink)
    kinds = [record.type for record in provider.recording if record.direction == "sent"]
    assert (kinds[1], kinds[-2]) == ("activity_start", "activity_end")
    assert kinds.count("audio_append") == 50
    assert metrics.turns[0].first_audio_ms == pytest.approx(0)
    assert len(sink.heard) == 48_000


async def test_the_session_says_whether_it_has_turn_detection():
    puppet = Puppet()
    puppet.tell(SessionCreated("s", applied=Options(turn_detection=None)))
    await talk(puppet, MemorySource(audio(100), FORMAT), Sink(), grace_s=0.1)
    assert [kind for _, kind, _ in puppet.sent if kind != "audio"] == ["activity_start", "activity_end"]


async def test_a_microphone_is_heard_between_press_and_release_only():
    puppet = Puppet()
    sink = Sink()
    async with VoiceEngine(puppet) as engine:
        running = asyncio.create_task(engine.run(Mic(3000), sink, push_to_talk=True, grace_s=0.5))
        puppet.tells_at(*at(0.2, answer("r", "a", 2000)))
        await asyncio.sleep(1.0)
        await engine.start_turn()
        await asyncio.sleep(0.51)
        await engine.end_turn()
        await running
    times = [when for when, _ in puppet.of("audio")]
    assert 1.0 <= times[0] <= times[-1] <= 1.51
    assert len(puppet.heard) == pytest.approx(16 * 500, abs=320)
    assert [kind for _, kind, _ in puppet.sent if kind != "audio"] == [
        "interrupt",
        "item_truncate",
        "activity_start",
        "activity_end",
    ]
    assert len(sink.heard) == pytest.approx(16 * 800, abs=16)


async def test_the_rest_of_a_frame_goes_out_before_the_end_of_the_turn():
    puppet = Puppet()
    source = MemorySource(tone(AudioFormat(sample_rate=16_000), 110), AudioFormat(sample_rate=16_000))
    await talk(puppet, source, Sink(), push_to_talk=True, barge_in=False, grace_s=0.1)
    assert [kind for _, kind, _ in puppet.sent][-2:] == ["audio", "activity_end"]
    assert len(puppet.heard) == pytest.approx(16 * 110, abs=2)


async def test_a_turn_can_be_ended_by_hand_where_turns_are_detected():
    puppet = Puppet()
    async with VoiceEngine(puppet) as engine:
        running = asyncio.create_task(engine.run(Mic(500), Sink(), grace_s=0.1))
        await asyncio.sleep(0.2)
        await engine.end_turn()
        await running
    assert len(puppet.of("activity_end")) == 1
    assert puppet.of("audio")[-1][0] > 0.5


# ------------------------------------------------------------------ one room


async def test_the_microphone_is_muted_while_the_loudspeaker_plays_and_a_little_longer():
    puppet = Puppet()
    puppet.tells_at(*at(1.0, answer("r", "a", 1000)))
    await talk(puppet, Mic(3000), Sink(open_air=True), grace_s=0.1)
    loud = [ms for ms in range(0, 3000, 10) if puppet.heard[16 * ms]]
    muted = [ms for ms in range(0, 3000, 10) if not puppet.heard[16 * ms]]
    assert (min(muted), max(muted)) == (pytest.approx(1000, abs=40), pytest.approx(2270, abs=40))
    assert len(loud) + len(muted) == 300
    assert not [ms for ms in loud if min(muted) < ms < max(muted)]


@pytest.mark.parametrize(
    ("mic", "speaker", "half_duplex"), [(True, True, False), (False, True, None), (True, False, None)]
)
async def test_the_microphone_stays_open_with_headphones_or_a_file(
    mic: bool, speaker: bool, half_duplex: bool | None
):
    puppet = Puppet()
    puppet.tells_at(*at(1.0, answer("r", "a", 1000)))
    await talk(puppet, Mic(2000, open_air=mic), Sink(open_air=speaker), half_duplex=half_duplex, grace_s=0.1)
    assert puppet.heard[: 16 * 2000] == audio(2000)


# ------------------------------------------------------------------ the end


@pytest.mark.parametrize("when", [0.5, 1.5])
async def test_the_end_of_the_session_is_raised_with_its_reason(when: float):
    """While the user speaks, and while the last answer plays."""
    puppet, source, sink = Puppet(), Mic(1000), Sink()
    puppet.tells_at(
        *at(0.2, answer("r", "a", 5000)),
        (when, ErrorInfo("session_expired", "sixty minutes", recoverable=False)),
        (when, StateChanged(ConnectionState.ERROR, ConnectionState.CONNECTED)),
    )
    with pytest.raises(SessionExpiredError, match="sixty minutes"):
        await talk(puppet, source, sink)
    assert now() == pytest.approx(when)
    assert (source.closed, sink.closed) == (1, 1)
    assert puppet.of("item_truncate") == []  # there is nobody to tell


async def test_a_send_that_fails_waits_for_the_reason():
    puppet = Puppet()
    puppet.broken["audio"] = ConnectionError("not connected")
    puppet.tells_at((0.3, ErrorInfo("session_expired", "sixty minutes", recoverable=False)))
    with pytest.raises(SessionExpiredError, match="sixty minutes"):
        await talk(puppet, Mic(1000), Sink())


async def test_a_send_that_fails_without_a_reason_is_raised_itself():
    puppet = Puppet()
    puppet.broken["audio"] = ConnectionError("not connected")
    with pytest.raises(ConnectionError, match="not connected"):
        await talk(puppet, Mic(1000), Sink())


async def test_a_source_that_breaks_is_raised_and_what_was_not_heard_was_not_said():
    class Unplugged(Mic):
        async def read(self) -> bytes:
            if now() > 1:
                raise AudioError("unplugged")
            return await super().read()

    puppet, source, sink = Puppet(), Unplugged(5000), Sink()
    puppet.tells_at(*at(0.5, answer("r", "a", 2000)))
    with pytest.raises(AudioError, match="unplugged"):
        await talk(puppet, source, sink)
    assert (source.closed, sink.closed) == (1, 1)
    assert puppet.of("item_truncate") == [(1.02, ItemTruncate("a", pytest.approx(520, abs=1)))]


async def test_a_sink_that_breaks_is_raised():
    class Unplugged(Sink):
        async def write(self, audio: bytes) -> None:
            raise AudioError("unplugged")

    puppet, source, sink = Puppet(), Mic(5000), Unplugged()
    puppet.tells_at(*at(0.5, answer("r", "a", 2000)))
    with pytest.raises(AudioError, match="unplugged"):
        await talk(puppet, source, sink)
    assert (source.closed, sink.closed) == (1, 1)


async def test_of_several_failures_ours_is_raised():
    class Failing(Sink):
        async def write(self, audio: bytes) -> None:
            try:
                await super().write(audio)
            except asyncio.CancelledError:
                raise ExceptionGroup("odd", [ValueError("second")]) from None

    puppet = Puppet()
    puppet.tells_at(*at(0.1, answer("r", "a", 2000)), (0.2, ErrorInfo("gone", "gone", recoverable=False)))
    with pytest.raises(ConnectionError, match="gone"):
        await talk(puppet, Mic(5000), Failing())


async def test_a_failure_that_is_none_of_ours_is_raised_as_it_is():
    class Failing(Sink):
        async def write(self, audio: bytes) -> None:
            raise ZeroDivisionError

    puppet = Puppet()
    puppet.tells_at(*at(0.1, answer("r", "a", 200)))
    with pytest.raises(ZeroDivisionError):
        await talk(puppet, Mic(5000), Failing())


async def test_audio_that_is_none_ends_the_conversation_and_not_the_session():
    puppet = Puppet()
    puppet.tells_at((0.1, ResponseStarted("r")), (0.2, AudioChunk(b"odd", None, "r", "a")))
    async with VoiceEngine(puppet) as engine:
        with pytest.raises(AudioError, match="3 bytes"):
            await engine.run(Mic(1000), Sink())
        puppet.tells_at(*at(now() + 0.1, answer("s", "b", 100)))
        assert (await engine.ask("Hello")).text


async def test_a_reply_that_never_ends_is_an_error():
    puppet = Puppet()
    puppet.tells_at((0.1, ResponseStarted("r")))
    with pytest.raises(DeadlineError, match="nothing of it came for 30 s"):
        await talk(puppet, MemorySource(audio(100), FORMAT), Sink())
    assert now() == pytest.approx(30, abs=1)


async def test_a_connection_that_is_coming_back_is_waited_for():
    puppet = Puppet()
    puppet.tells_at(
        (0.5, StateChanged(ConnectionState.RECONNECTING, ConnectionState.CONNECTED)),
        (50.0, StateChanged(ConnectionState.CONNECTED, ConnectionState.RECONNECTING)),
        *at(51.0, answer("r", "a", 100)),
    )
    sink = Sink()
    await talk(puppet, MemorySource(audio(100), FORMAT), sink)
    assert bytes(sink.heard) == audio(100)


async def test_a_disconnect_ends_the_conversation_with_an_error():
    puppet = Puppet()
    async with VoiceEngine(puppet) as engine:
        running = asyncio.create_task(engine.run(Mic(5000), Sink()))
        await asyncio.sleep(1)
        await puppet.disconnect()
        with pytest.raises(ConnectionError, match="events ended"):
            await running


async def test_one_conversation_at_a_time():
    async with VoiceEngine(Puppet()) as engine:
        running = asyncio.create_task(engine.run(Mic(500), Sink(), grace_s=0.1))
        await asyncio.sleep(0.1)
        with pytest.raises(MessageError, match="running already"):
            await engine.run(Mic(500), Sink())
        await running
        await engine.run(Mic(500), Sink(), grace_s=0.1)


async def test_a_conversation_needs_an_open_engine():
    with pytest.raises(ConnectionError, match="not open"):
        await VoiceEngine(Puppet()).run(Mic(500), Sink())


async def test_a_provider_that_hangs_does_not_hold_up_the_end():
    class Stuck(Puppet):
        async def interrupt(self) -> None:
            await asyncio.Event().wait()

    puppet = Stuck()
    puppet.tells_at(*at(0.1, answer("r", "a", 5000)[:-1]))
    async with VoiceEngine(puppet) as engine:
        running = asyncio.create_task(engine.run(Mic(5000), Sink()))
        await asyncio.sleep(1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert now() == pytest.approx(2)


CONVERSATIONS: dict[str, Callable[[], Provider]] = {
    "detected turns": lambda: MockProvider(
        MockConfig(
            detect_turns=True,
            latency={"audio_append": 0.001, "response_cancel": 0.05, "item_truncate": 0.05, "response": 0.1},
            script=[MockReply("A long answer that is interrupted", barge_in=True), MockReply("Yes")],
        )
    ),
    "push to talk": lambda: MockProvider(MockConfig(latency={"activity_end": 0.2, "response": 0.1})),
}


@pytest.mark.parametrize("make", CONVERSATIONS.values(), ids=CONVERSATIONS)
async def test_a_cancellation_at_any_time_leaves_the_session_and_nothing_else(
    make: Callable[[], Provider], shared: Path
):
    """Virtual time reports every task that is left behind."""
    path = shared / "speech" / "stop_16k.wav"
    for step in range(120):
        source = Mic(0)
        sink = Sink(AudioFormat(sample_rate=16_000))
        recorded = wav_source(path)

        class Recorded(Mic):
            format = recorded.format
            read = recorded.read

        source = Recorded(0)
        provider = make()
        async with VoiceEngine(provider) as engine:
            running = asyncio.create_task(engine.run(source, sink))
            await asyncio.sleep(step * 0.037)
            running.cancel()
            await asyncio.wait([running])
            assert provider.is_connected()
            assert (source.closed, sink.closed) == (1, 1)
            assert running.cancelled() or running.exception() is None
            names = [task.get_name() for task in asyncio.all_tasks()]
            left = [name for name in names if not name.startswith(("mock", "reply"))]  # the provider's own
            assert len(left) == 3, left  # this test, the engine's reader and its relay's
            assert (await engine.ask("Are you there?")).text


async def test_a_cancellation_before_it_began_closes_source_and_sink():
    source, sink = Mic(100), Sink()
    async with VoiceEngine(Puppet()) as engine:
        running = asyncio.create_task(engine.run(source, sink))
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert (source.closed, sink.closed) == (1, 1)
