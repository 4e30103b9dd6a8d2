"""`voicechat inspect`: a recorded conversation as a table of its turns, as JSON, or as a picture."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from typing import Final

import msgspec

from voicechatengine.cli.exits import Exit
from voicechatengine.cli.output import painter, plain, table
from voicechatengine.cli.plot import draw
from voicechatengine.cli.timeline import Timeline, timeline_of
from voicechatengine.compose.tape import read
from voicechatengine.engine.metrics import Turn

COLUMNS: Final = (
    "turn", "at", "first text", "first audio", "length", "tools", "cut", "to silence", "status", "user", "assistant"
)  # fmt: skip
WORDS: Final = 32  # characters of what was said, in the table


def run(arguments: argparse.Namespace) -> Exit:
    """Shows a recording; nothing is played, and no network is used."""
    timeline = timeline_of(read(arguments.recording))
    if arguments.plot is not None:
        draw(timeline, arguments.plot)
    if arguments.json:
        print(json.dumps(plain(msgspec.to_builtins(timeline)), ensure_ascii=False))
        return Exit.OK
    paint = painter(sys.stdout)
    for line, style in lines(timeline):
        paint(line, style, "\n")
    if arguments.plot is not None:
        paint(f"the picture is in {arguments.plot}", "bold", "\n")
    return Exit.OK


def lines(timeline: Timeline) -> list[tuple[str, str]]:
    """The report, line by line, each with its style."""
    metrics = timeline.metrics
    began = datetime.fromtimestamp(timeline.started, UTC).isoformat(sep=" ", timespec="seconds")
    sessions = "" if timeline.sessions == 1 else f", {timeline.sessions} sessions"
    report = [(f"{timeline.provider}, {began}, {timeline.length_s:.1f} s{sessions}", "bold")]
    if not timeline.complete:
        report.append(("the recording ends in the midst of a session", "yellow"))
    rows = [row(number, turn, timeline) for number, turn in enumerate(metrics.turns, 1)]
    report += table(COLUMNS, rows)
    report += [(f"{note.start_s:8.2f} s  {note.text}", "yellow") for note in timeline.notes]
    heard = f"audio in {metrics.audio_in_s:.1f} s, out {metrics.audio_out_s:.1f} s"
    events = f"interruptions {metrics.interruptions}, reconnects {metrics.reconnects}"
    report.append((f"{heard}; {events}; tokens {metrics.usage.total_tokens}", ""))
    return report


def row(number: int, turn: Turn, timeline: Timeline) -> tuple[str, ...]:
    """A turn's line."""
    replies = [timeline.replies[response] for response in turn.responses]
    start = replies[0].start_s
    said = [stretch.text for stretch in timeline.speech if stretch.start_s <= start and stretch.text]
    return (
        str(number),
        f"{start:.2f} s",
        _ms(turn.first_text_ms),
        _ms(turn.first_audio_ms),
        f"{turn.answer_ms / 1000:.1f} s",
        str(turn.tool_calls),
        str(turn.interruptions),
        _ms(turn.interruption_ms),
        turn.status or "unfinished",
        _words(said[-1] if said else ""),
        _words(" ".join(reply.text.strip() for reply in replies)),
    )


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"


def _words(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= WORDS else f"{text[: WORDS - 1]}…"
