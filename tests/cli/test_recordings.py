"""`record`, `replay` and `inspect`, as scripts see them."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import pytest

from voicechatengine import MockConfig, MockProvider
from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.wav import read_wav
from voicechatengine.cli.main import main
from voicechatengine.cli.timeline import timeline_of
from voicechatengine.compose.record import Recorded
from voicechatengine.compose.tape import Call, Ended, Heard, Session, Tape, heard, read
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    InputTranscript,
    Interrupted,
    Reconnected,
    Reconnecting,
    ResponseCompleted,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TextChunk,
    ToolCall,
    Usage,
    event_of,
)
from voicechatengine.messages import (
    ActivityEnd,
    ActivityStart,
    AudioAppend,
    Image,
    ItemCreate,
    ItemTruncate,
    MessageItem,
    ResponseCreate,
    TextPart,
    ToolResult,
)
from voicechatengine.testing import run_virtual

QUESTION = str(Path(__file__).resolve().parents[2] / "examples/question.wav")
SECOND = AudioFormat().silence(1000)


@pytest.fixture
def call(capsys):
    """Calls the command; gives its exit code, its output and its errors."""

    def called(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        return code, *capsys.readouterr()

    return called


CONVERSATION = [
    (0.0, "connect"),
    (1.0, SpeechStarted(item_id="u1")),
    (1.5, AudioAppend(SECOND)),
    (2.0, SpeechStopped(item_id="u1")),
    (2.1, InputTranscript("Costs it $5 or $6?", final=True, item_id="u1")),
    (2.2, ResponseStarted("r1")),
    (2.3, TextChunk("It is a very long story that nobody will ever hear to its end", response_id="r1", item_id="a1")),
    (2.5, AudioChunk(SECOND * 4, response_id="r1", item_id="a1")),
    (2.6, ResponseCompleted("r1", usage=Usage(total_tokens=7))),
    (3.0, SpeechStarted(item_id="u2")),
    (3.05, ItemTruncate("a1", 500.0)),
    (3.05, ItemTruncate("other", 500.0)),
    (4.0, SpeechStopped(item_id="u2")),
    (4.2, ResponseStarted("r2")),
    (4.3, ToolCall("c1", "weather", "{}", response_id="r2")),
    (4.3, ToolCall("c2", "weather", "{}", response_id="r2")),
    (4.4, ResponseCompleted("r2")),
    (4.9, ToolResult("c1", "18")),
    (4.9, ToolResult("c9", "18")),
    (4.9, ResponseCreate()),
    (5.0, ResponseStarted("r3")),
    (5.1, AudioChunk(SECOND, response_id="r3", item_id="a3")),
    (5.2, AudioChunk(SECOND)),
    (5.3, Interrupted("r3", "a3", 1000.0)),
    (5.3, ResponseCompleted("r3", "interrupted")),
    (5.3, ResponseCompleted("r9")),
    (6.0, Reconnecting(1, 0.5, "cut")),
    (6.5, Reconnected(1, False, ("some words",))),
    (6.6, Reconnected(1, True)),
    (7.0, ErrorInfo("odd", "something odd")),
    (8.0, ItemCreate(MessageItem("user", (TextPart("In writing"),)))),
    (8.1, Image(b"x")),
    (8.2, ResponseCreate()),
    (8.7, ResponseStarted("r4")),
    (8.8, ResponseCompleted("r4")),
    (9.0, ActivityStart()),
    (9.5, ActivityEnd()),
    (9.9, ResponseStarted("r5")),
]  # fmt: skip


def recording(path: Path, *, ended: bool) -> str:
    """A file in which all of that happened."""
    tape = Tape(path, clock=lambda: 1_750_000_000.0)
    tape.write(Session(0.0, "SomeProvider", AudioFormat(), {"tools": True}))
    for number, (at, what) in enumerate(CONVERSATION, 1):
        if what == "connect":
            tape.write(Call(at, number, "connect"))
        elif type(what).__module__.endswith("messages"):
            tape.write(Call(at, number, "send", what))
        else:
            tape.write(heard(event_of(what, timestamp=at, provider="some"), at))
    if ended:
        tape.write(Ended(10.0))
    tape.close()
    return str(path)


def test_a_timeline_knows_who_did_what_when(tmp_path):
    """Speech, replies, tools, interruptions and troubles, with the engine's figures."""
    timeline = timeline_of(read(recording(tmp_path / "a.jsonl", ended=True)))
    assert (timeline.provider, timeline.sessions, timeline.complete) == ("SomeProvider", 1, True)
    assert [(s.start_s, s.end_s, s.text) for s in timeline.speech] == [
        (1.0, 2.0, "Costs it $5 or $6?"),
        (3.0, 4.0, ""),
        (8.0, 8.0, "In writing"),
        (9.0, 9.5, ""),
    ]
    first, _, third, _, last = timeline.replies.values()
    assert (first.audio_s, first.audio_ms, first.heard_ms, first.cut_s) == (2.5, 4000.0, 500.0, 3.05)
    assert (third.cut_s, third.status, third.audio_ms) == (5.3, "interrupted", 1000.0)
    assert (last.end_s, last.status) == (None, None)
    assert [(tool.start_s, tool.end_s) for tool in timeline.tools.values()] == [(4.3, 4.9), (4.3, None)]
    assert len(timeline.notes) == 4
    turns = timeline.metrics.turns
    assert [turn.responses for turn in turns] == [("r1",), ("r2", "r3"), ("r4",), ("r5",)]
    assert [round(turn.first_audio_ms or 0) for turn in turns] == [500, 1100, 0, 0]
    assert round(turns[0].interruption_ms or 0) == 50
    assert timeline.metrics.interruptions == 2
    assert timeline.metrics.audio_in_s == 1.0


def test_inspect_as_a_table(call, tmp_path):
    """A line a turn, then the troubles, then the whole."""
    code, output, errors = call("inspect", recording(tmp_path / "a.jsonl", ended=True))
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert lines[0] == "SomeProvider, 2025-06-15 15:06:40+00:00, 10.0 s"
    assert lines[1].split("  ")[0] == "turn"
    assert lines[2].split()[:9] == ["1", "2.20", "s", "300", "ms", "500", "ms", "4.0", "s"]
    assert "Costs it $5 or $6?" in lines[2]
    assert "It is a very long story that no…" in lines[2]
    assert len(lines) == 2 + 4 + 4 + 1
    assert "6.50 s  reconnected; lost: some words" in output
    assert lines[-1].startswith("audio in 1.0 s, out 6.0 s; interruptions 2, reconnects 2; tokens 7")


def test_inspect_says_when_the_end_is_missing(call, tmp_path):
    """A process that was killed, or still runs."""
    _, output, _ = call("inspect", recording(tmp_path / "a.jsonl", ended=False))
    assert "ends in the midst of a session" in output


def test_inspect_as_json(call, tmp_path):
    """The timeline as one object."""
    _, output, _ = call("inspect", recording(tmp_path / "a.jsonl", ended=True), "--json")
    found = json.loads(output)
    assert found["replies"]["r1"]["heard_ms"] == 500.0
    assert len(found["metrics"]["turns"]) == 4


def test_inspect_draws(call, tmp_path):
    """A PNG, wide enough for its time."""
    pytest.importorskip("matplotlib")
    picture = tmp_path / "a.png"
    code, output, errors = call(
        "inspect", recording(tmp_path / "a.jsonl", ended=False), "--plot", str(picture)
    )
    assert (code, errors) == (0, "")
    assert output.splitlines()[-1] == f"the picture is in {picture}"
    content = picture.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(content[16:20], "big") > 800
    code, _, errors = call("inspect", str(tmp_path / "a.jsonl"), "--plot", str(tmp_path / "no/a.png"))
    assert code == 2
    assert "cannot be written" in errors


class Missing:
    """An import system without matplotlib."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "matplotlib":
            raise ImportError(f"No module named {name!r}")


def test_inspect_names_the_package_that_draws(call, tmp_path):
    """Where it is missing, one line says how to install it."""
    path = recording(tmp_path / "a.jsonl", ended=True)
    hidden = {
        name: sys.modules.pop(name) for name in [*sys.modules] if name.partition(".")[0] == "matplotlib"
    }
    sys.meta_path.insert(0, Missing())
    try:
        code, _, errors = call("inspect", path, "--plot", str(tmp_path / "a.png"))
    finally:
        del sys.meta_path[0]
        sys.modules.update(hidden)
    assert code == 2
    assert "pip install 'voicechatengine[plot]'" in errors


@pytest.mark.realtime
def test_record_then_replay(call, tmp_path):
    """Talk's arguments and a file; the replay says the same, and gives the same audio."""
    path, answer, again = (str(tmp_path / name) for name in ("a.jsonl", "answer.wav", "again.wav"))
    code, talked, errors = call("record", "--provider", "mock", "--text", "Hello", "--output", answer, path)
    assert (code, errors) == (0, "")
    code, replayed, errors = call("replay", path, "--speed", "0", "--output", again)
    assert (code, errors) == (0, "")
    said = [line for line in talked.splitlines() if line.startswith("assistant")]
    assert said == ["assistant  You said: Hello"]
    assert said == [line for line in replayed.splitlines() if line.startswith("assistant")]
    assert read_wav(again) == read_wav(answer)
    code, output, _ = call("replay", path, "--speed", "50", "--json")
    events = [json.loads(line) for line in output.splitlines()]
    assert [event["type"] for event in events[:-1]] == [x.type for x in read(path) if isinstance(x, Heard)]
    assert (events[-1]["type"], len(events[-1]["turns"]), events[-1]["output"]) == ("summary", 1, None)
    code, _, errors = call("record", "--provider", "mock", "--text", "Hello", path)
    assert code == 2
    assert "is there already" in errors


def test_replay_converts_what_changes(call, tmp_path):
    """One WAV file has one format, whatever the chunks have."""
    tape = Tape(tmp_path / "a.jsonl", clock=lambda: 0.0)
    tape.write(Session(0.0, "P", AudioFormat(), {}))
    tape.write(Call(0.0, 1, "connect"))
    telephone = AudioFormat("g711_ulaw", 8000)
    for chunk in (AudioChunk(SECOND), AudioChunk(telephone.silence(1000), telephone)):
        tape.write(heard(event_of(chunk, timestamp=0.0, provider="p"), 0.0))
    tape.close()
    with contextlib.chdir(tmp_path):
        code, _, errors = call("replay", "a.jsonl", "--speed", "0", "--output", "out.wav")
    assert code == 4
    assert "the recording ends before the session was open" in errors
    assert not (tmp_path / "out.wav").exists()


@pytest.mark.realtime
def test_replay_of_two_sessions_in_two_formats(call, tmp_path):
    """Each session is connected again; the file keeps the first one's format."""

    async def twice() -> None:
        provider = Recorded(MockProvider(MockConfig()), tmp_path / "a.jsonl")
        for rate in (24_000, 16_000):
            await provider.update_session(output_audio_format=AudioFormat(sample_rate=rate))
            await provider.connect()
            await provider.send_text("Hello")
            await provider.create_response()
            async for event in provider.events():
                if event.type == "response_completed":
                    break
            await provider.disconnect()

    run_virtual(twice())
    answer = str(tmp_path / "out.wav")
    code, output, errors = call("replay", str(tmp_path / "a.jsonl"), "--speed", "0", "--output", answer)
    assert (code, errors) == (0, "")
    assert output.count("assistant  You said: Hello") == 2
    format, audio = read_wav(answer)
    assert format.sample_rate == 24_000
    assert 1800 < format.duration_ms(len(audio)) < 2400
    assert "2 sessions" in call("inspect", str(tmp_path / "a.jsonl"))[1]


def test_replay_looks_at_where_it_is_to_write_first(call, tmp_path):
    """Nothing is played for a file that cannot be."""
    path = recording(tmp_path / "a.jsonl", ended=True)
    code, output, errors = call("replay", path, "--speed", "0", "--output", str(tmp_path / "no/out.wav"))
    assert (code, output) == (2, "")
    assert f"{tmp_path / 'no'} is no folder" in errors


def test_a_replay_that_fails_has_a_summary_too(call, tmp_path):
    """The last line is one, however it ended."""
    tape = Tape(tmp_path / "a.jsonl", clock=lambda: 0.0)
    tape.write(Session(0.0, "P", AudioFormat(), {}))
    tape.write(Call(0.0, 1, "connect"))
    tape.close()
    code, output, errors = call("replay", str(tmp_path / "a.jsonl"), "--speed", "0", "--json")
    summary = json.loads(output.splitlines()[-1])
    assert (summary["type"], summary["exit"], summary["output"]) == ("summary", code, None)
    assert errors == f"voicechat: {summary['error']}\n"


@pytest.mark.parametrize("command", ["replay", "inspect"])
@pytest.mark.parametrize(("name", "text"), [("none.jsonl", "cannot be read"), (QUESTION, "is no recording")])
def test_what_is_no_recording(call, command, name, text):
    """One line, and the code of a wrong command line."""
    code, _, errors = call(command, name)
    assert (code, errors.count("\n")) == (2, 1)
    assert text in errors
