"""Figures are a fold over events and their times."""

from __future__ import annotations

from voicechatengine import (
    AudioChunk,
    ErrorInfo,
    EventData,
    Reconnected,
    ResponseCompleted,
    ResponseStarted,
    SessionExpiring,
    SpeechStarted,
    SpeechStopped,
    TextChunk,
    ToolCall,
    Usage,
    UsageReport,
)
from voicechatengine.engine.metrics import MAX_TURNS, Metrics, MetricsFold, Turn

COST = Usage(input_tokens=3, output_tokens=4, total_tokens=7)


def folded(*events: tuple[float, EventData], fold: MetricsFold | None = None) -> MetricsFold:
    fold = fold or MetricsFold()
    for now, data in events:
        fold.apply(data, now, 100.0 if isinstance(data, AudioChunk) else 0.0)
    return fold


def test_a_spoken_turn_counts_from_the_end_of_speech():
    fold = folded(
        (1.0, SpeechStarted()),
        (2.0, SpeechStopped()),
        (2.25, ResponseStarted("r")),
        (2.5, TextChunk("Hi", spoken=True, response_id="r")),
        (2.75, AudioChunk(b"", response_id="r")),
        (3.0, AudioChunk(b"", response_id="r")),
        (3.0, TextChunk("!", spoken=True, response_id="r")),
        (3.5, ResponseCompleted("r", usage=COST)),
    )
    metrics = fold.snapshot()
    assert metrics.turns == (
        Turn(
            responses=("r",),
            first_text_ms=500.0,
            first_audio_ms=750.0,
            answer_ms=200.0,
            status="completed",
            usage=COST,
        ),
    )
    assert (metrics.audio_out_s, metrics.usage) == (0.2, COST)


def test_a_written_turn_counts_from_the_request():
    fold = MetricsFold()
    fold.requested(1.0)
    folded((1.5, ResponseStarted("r")), (2.0, AudioChunk(b"", response_id="r")), fold=fold)
    assert fold.snapshot().turns[0].first_audio_ms == 1000.0


def test_a_reply_that_nobody_asked_for_counts_from_its_own_beginning():
    fold = folded((1.0, ResponseStarted("r")), (1.5, AudioChunk(b"", response_id="r")))
    assert fold.snapshot().turns[0].first_audio_ms == 500.0


def test_the_reply_after_a_tool_call_belongs_to_the_same_turn_and_the_one_after_does_not():
    fold = folded(
        (0.0, SpeechStopped()),
        (1.0, ResponseStarted("r")),
        (1.0, ToolCall("c", "f", "{}", response_id="r")),
        (1.0, ResponseCompleted("r", tool_calls=1, usage=COST)),
        (3.0, ResponseStarted("s")),
        (3.0, AudioChunk(b"", response_id="s")),
        (3.0, ResponseCompleted("s", usage=COST)),
        (4.0, ResponseStarted("t")),
    )
    first, second = fold.snapshot().turns
    assert (first.responses, first.first_audio_ms, first.tool_calls) == (("r", "s"), 3000.0, 1)
    assert first.usage == COST + COST
    assert second.responses == ("t",)


def test_what_is_said_beside_the_conversation_is_no_turn_and_its_cost_counts():
    fold = folded(
        (0.0, ResponseStarted("r", out_of_band=True)),
        (0.0, TextChunk("x", response_id="r")),
        (0.0, ToolCall("c", "f", "{}", response_id="r")),
        (0.0, AudioChunk(b"", response_id="r")),
        (0.0, ResponseCompleted("r", usage=COST)),
    )
    assert (fold.snapshot().turns, fold.snapshot().usage) == ((), COST)


def test_an_interruption_counts_once_and_has_its_latency():
    fold = folded((0.0, ResponseStarted("r")), (1.0, SpeechStarted()))
    fold.flushed(("r",), 1.125, by_speech=True)
    folded((1.5, ResponseCompleted("r", "interrupted")), fold=fold)
    turn = fold.snapshot().turns[0]
    assert (turn.interruptions, turn.interruption_ms, turn.status) == (1, 125.0, "interrupted")
    assert fold.snapshot().interruptions == 1


def test_an_interruption_by_the_application_has_no_latency():
    fold = folded((0.0, SpeechStarted()), (0.5, ResponseStarted("r")), (0.5, ResponseCompleted("r")))
    fold.flushed(("r", "unknown"), 1.0, by_speech=False)
    assert fold.snapshot().turns[0].interruption_ms is None
    assert fold.snapshot().interruptions == 1


def test_a_session_counts_audio_cost_reconnects_and_overflow():
    fold = folded(
        (0.0, UsageReport(COST, "transcription")),
        (0.0, UsageReport(COST)),
        (0.0, Reconnected(1, state_restored=True)),
        (0.0, ErrorInfo("overflow", "")),
        (0.0, ErrorInfo("other", "")),
        (0.0, ResponseCompleted("of nobody")),
        (0.0, SessionExpiring(1.0)),
    )
    fold.sent(1500)
    metrics = fold.snapshot()
    assert (metrics.usage, metrics.reconnects, metrics.overflow) == (COST + COST, 1, 1)
    assert metrics.audio_in_s == 1.5


def test_where_the_vendor_counts_the_session_its_count_holds():
    fold = folded((0.0, UsageReport(COST, "session")), (0.0, ResponseCompleted("r", usage=COST)))
    assert fold.snapshot().usage == COST


def test_the_figures_since_a_mark_are_those_of_the_time_after_it():
    fold = folded(
        (0.0, ResponseStarted("old")),
        (0.0, AudioChunk(b"", response_id="old")),
        (0.0, Reconnected(1, state_restored=True)),
        (0.0, ErrorInfo("overflow", "")),
        (0.0, ResponseCompleted("old", "interrupted", usage=COST)),
    )
    fold.sent(500)
    mark = fold.mark()
    assert fold.snapshot(mark) == Metrics()
    fold.sent(20)
    folded(
        (1.0, ResponseStarted("new")),
        (1.0, AudioChunk(b"", response_id="new")),
        (1.0, ResponseCompleted("new", "interrupted", usage=COST)),
        (1.0, Reconnected(1, state_restored=True)),
        (1.0, ErrorInfo("overflow", "")),
        fold=fold,
    )
    since = fold.snapshot(mark)
    assert [turn.responses for turn in since.turns] == [("new",)]
    assert (since.audio_in_s, since.audio_out_s, since.usage) == (0.02, 0.1, COST)
    assert (since.interruptions, since.reconnects, since.overflow) == (1, 1, 1)


def test_since_a_mark_that_is_older_than_all_turns_kept_all_of_them_count():
    fold = MetricsFold()
    mark = fold.mark()
    for number in range(MAX_TURNS + 5):
        folded((0.0, ResponseStarted(f"r{number}")), (0.0, ResponseCompleted(f"r{number}")), fold=fold)
    assert fold.snapshot(mark).turns == fold.snapshot().turns


def test_a_vendors_count_that_begins_again_is_no_gain():
    fold = folded((0.0, UsageReport(COST, "session")))
    mark = fold.mark()
    folded((1.0, UsageReport(Usage(input_tokens=5), "session")), fold=fold)
    assert fold.snapshot(mark).usage == Usage(input_tokens=2)


def test_of_an_endless_session_the_latest_turns_are_kept():
    fold = MetricsFold()
    for number in range(MAX_TURNS + 1):
        folded((0.0, ResponseStarted(f"r{number}")), (0.0, ResponseCompleted(f"r{number}")), fold=fold)
    assert len(fold.snapshot().turns) == MAX_TURNS
    assert fold.snapshot().turns[0].responses == ("r1",)


def test_the_time_of_tools_is_that_in_which_at_least_one_ran():
    """Two at once for three seconds, then one for half a second."""
    fold = folded(
        (0.0, ResponseStarted("r")),
        (1.0, ToolCall("c", "f", "{}", response_id="r")),
        (2.0, ToolCall("d", "f", "{}", response_id="r")),
        (2.0, ResponseCompleted("r", tool_calls=2)),
    )
    assert fold.snapshot().turns[0].tool_ms is None
    for call, when in (("d", 2.5), ("c", 4.0), ("unknown", 4.0), ("c", 4.5)):
        fold.tool_ended(call, when)
    assert fold.snapshot().turns[0].tool_ms == 3000
    folded(
        (5.0, ResponseStarted("s")),
        (5.0, ToolCall("e", "f", "{}", response_id="s")),
        (5.0, ResponseCompleted("s", tool_calls=1)),
        fold=fold,
    )
    fold.tool_ended("e", 5.5)
    assert [turn.tool_ms for turn in fold.snapshot().turns] == [3500]


def test_what_is_told_twice_runs_once():
    """The call in the next turn, by a session that was restored; the response by a provider that says so twice."""
    fold = folded(
        (0.0, ResponseStarted("r")),
        (0.0, ResponseStarted("r")),
        (0.0, ToolCall("c", "f", "{}", response_id="r")),
        (0.0, ResponseCompleted("r", "failed")),
        (1.0, SpeechStopped()),
        (1.0, ResponseStarted("s")),
        (1.0, ToolCall("c", "f", "{}", response_id="s")),
    )
    fold.tool_ended("c", 3.0)
    folded((3.0, ResponseCompleted("s")), (4.0, ResponseStarted("t")), fold=fold)
    folded((4.0, ResponseCompleted("t")), (5.0, ResponseStarted("u")), fold=fold)
    turns = fold.snapshot().turns
    assert [turn.responses for turn in turns] == [("r", "r"), ("s", "t"), ("u",)]
    assert [turn.tool_ms for turn in turns] == [None, 2000, None]


def test_of_calls_that_nobody_answers_the_latest_are_kept():
    fold = folded((0.0, ResponseStarted("r")))
    for number in range(MAX_TURNS + 1):
        folded((float(number), ToolCall(f"c{number}", "f", "{}", response_id="r")), fold=fold)
    fold.tool_ended("c0", 5000.0)
    assert fold.snapshot().turns[0].tool_ms is None
