"""What people and programs are shown of a conversation."""

from __future__ import annotations

import io
import json

import pytest

from voicechatengine.audio.format import AudioFormat
from voicechatengine.cli.output import COLUMNS, JsonLines, Screen, line_of, painter, plain, row, table
from voicechatengine.engine.metrics import Metrics, Turn
from voicechatengine.events import (
    AudioChunk,
    ConnectionState,
    ErrorInfo,
    InputTranscript,
    Interrupted,
    ProviderEvent,
    RateLimits,
    Reconnected,
    Reconnecting,
    ResponseCompleted,
    ResponseStarted,
    SessionExpiring,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    StateChanged,
    TextChunk,
    ToolCall,
    event_of,
)
from voicechatengine.messages import Options

S = ConnectionState


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def told(data) -> ProviderEvent:
    return event_of(data, timestamp=1.0, provider="mock", session_id="s")


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (StateChanged(S.CONNECTED, S.CONNECTING), "· connected"),
        (StateChanged(S.CONNECTED, S.RECONNECTING), None),
        (StateChanged(S.ERROR, S.CONNECTED, "gone"), "· the session has failed: gone"),
        (SpeechStarted(1500.0), "· speech started at 1.5 s"),
        (SpeechStarted(), "· speech started"),
        (SpeechStopped(2000.0), "· speech stopped at 2.0 s"),
        (InputTranscript("Hel", final=False), None),
        (InputTranscript("Hello", final=True), "you        Hello"),
        (ToolCall("c", "look", '{"a":1}'), '· calls look({"a":1})'),
        (Interrupted(generated_ms=2500.0), "· interrupted; 2.5 s of the answer were made"),
        (ResponseCompleted("r", "failed", "quota"), "· the reply is failed: quota"),
        (ResponseCompleted("r", "incomplete"), "· the reply is incomplete: no reason was given"),
        (ResponseCompleted("r"), None),
        (SessionExpiring(60.0), "· the session ends in 60 s"),
        (Reconnecting(2, 0.5, "cut"), "· reconnecting (attempt 2 in 0.5 s): cut"),
        (Reconnected(2, state_restored=True), "· reconnected"),
        (Reconnected(2, state_restored=False, missing=("speech",)), "· reconnected; lost: speech"),
        (ErrorInfo("bad", "It broke."), "· error bad: It broke."),
        (RateLimits(()), None),
        ({"custom": 1}, None),
    ],
)
def test_a_line_for_what_people_want_to_know(data, line):
    """Each event of interest is one line, the others are none."""
    found = line_of(data)
    assert (found and found[0]) == line


def test_screen_shows_words_as_they_come_and_figures_at_the_end():
    """The assistant's line stays open until something else is told; a new response opens a new one."""
    stream = io.StringIO()
    screen = Screen(stream)
    for data in (
        InputTranscript("Hello", final=True),
        ResponseStarted("r1"),
        TextChunk("Good ", response_id="r1"),
        AudioChunk(b"\0\0", response_id="r1"),
        TextChunk("day", response_id="r1"),
        SpeechStarted(),
        TextChunk("!", response_id="r1"),
        ResponseCompleted("r1"),
        TextChunk("More", response_id="r2"),
        TextChunk("Else", response_id="r3"),
    ):
        screen.event(told(data))
    turn = Turn(first_audio_ms=123.4, answer_ms=2500.0, interruptions=1, status="completed")
    screen.end(Metrics(turns=(turn, Turn())), "answer.wav", None, 0)
    assert stream.getvalue().splitlines() == [
        "you        Hello",
        "assistant  Good day",
        "· speech started",
        "assistant  !",
        "assistant  More",
        "assistant  Else",
        "",
        "turn  first audio  length  interruptions  status",
        "1     123 ms       2.5 s   1              completed",
        "2     none         0.0 s   0              unfinished",
        "the answer is in answer.wav",
    ]


def test_screen_without_a_turn_shows_no_table():
    """Nothing happened: nothing is claimed."""
    stream = io.StringIO()
    screen = Screen(stream)
    screen.asked("Anybody?")
    screen.end(Metrics(), None, "no answer", 1)
    assert stream.getvalue() == "you        Anybody?\n"


def test_a_terminal_gets_colour():
    """With rich installed a terminal is written to in styles; the words are the same."""
    stream = Terminal()
    painter(stream)("Hello [bold]", "bold red", "\n")
    assert "Hello [bold]" in stream.getvalue()


def test_json_lines_hold_everything_but_sound():
    """Each event is an object on a line of its own; audio is its number of bytes; the summary comes last."""
    stream = io.StringIO()
    out = JsonLines(stream)
    out.asked("Hi")
    out.event(told(AudioChunk(b"\0" * 960, format=AudioFormat(), response_id="r")))
    out.event(told(SessionUpdated("s", applied=Options(voice="alloy"))))
    out.event(ProviderEvent("custom", {"raw": b"12", "list": (1, {2})}, 1.0, "mine"))
    out.end(Metrics(turns=(Turn(answer_ms=20.0),)), "a.wav", None, 0)
    asked, audio, updated, custom, summary = map(json.loads, stream.getvalue().splitlines())
    assert asked == {"type": "asked", "text": "Hi"}
    assert audio["type"] == "audio_chunk"
    assert audio["data"]["audio"] == {"bytes": 960}
    assert audio["data"]["format"]["sample_rate"] == 24_000
    assert updated["data"]["applied"] == {"voice": "alloy"}
    assert custom["data"] == {"raw": {"bytes": 2}, "list": [1, "{2}"]}
    assert summary["type"] == "summary"
    assert (summary["exit"], summary["error"], summary["output"]) == (0, None, "a.wav")
    assert summary["turns"][0]["answer_ms"] == 20.0


def test_plain_knows_enumerations():
    """A state is its word."""
    assert plain(S.CONNECTED) == "connected"


def test_table_is_aligned():
    """Columns are as wide as their widest cell."""
    assert [line for line, _ in table(("a", "b"), [("long", "x")])] == ["a     b", "long  x"]
    assert len(row(1, Turn())) == len(COLUMNS)
