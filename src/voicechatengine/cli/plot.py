"""A recorded conversation as a picture: speech, audio, words, tools and interruptions over time. matplotlib is an extra."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from voicechatengine.cli.exits import UsageError
from voicechatengine.cli.timeline import Timeline

LANES: Final = ("troubles", "tools", "words", "assistant", "user")  # from below
COLOURS: Final = {
    "user": "#2a7fb8",
    "heard": "#3a9d5d",
    "unheard": "#b9dec5",
    "tools": "#8d6cab",
    "cut": "#c8442f",
}
INCHES_A_SECOND: Final = 0.9
NARROWEST, WIDEST, HEIGHT = 9.0, 60.0, 4.6  # inches
DPI: Final = 110
CHARACTERS_AN_INCH: Final = 13


def draw(timeline: Timeline, path: str) -> None:
    """Writes a PNG. Raises `UsageError` where matplotlib is missing or the file cannot be written."""
    try:
        figures: Any = import_module("matplotlib.figure")
    except ImportError as error:
        raise UsageError("--plot needs matplotlib: pip install 'voicechatengine[plot]'") from error
    length = max(timeline.length_s, 1.0)
    width = min(max(length * INCHES_A_SECOND, NARROWEST), WIDEST)
    figure = figures.Figure(figsize=(width, HEIGHT), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.set_yticks(range(len(LANES)), LANES)
    axes.set_ylim(-0.6, len(LANES) - 0.4)
    axes.set_xlim(0, length * 1.02)
    axes.set_xlabel("seconds")
    axes.set_title(
        f"{timeline.provider}: light green was generated and not heard, red lines are interruptions",
        loc="left",
        fontsize=9,
    )
    axes.grid(axis="x", alpha=0.3)
    characters = CHARACTERS_AN_INCH * width / length  # that fit into a second
    _user(axes, timeline, length, characters)
    _assistant(axes, timeline, length, characters)
    for tool in timeline.tools.values():
        end = tool.end_s if tool.end_s is not None else length
        _bar(axes, "tools", tool.start_s, end, COLOURS["tools"])
        _write(axes, "tools", tool.start_s, tool.text, max(end - tool.start_s, 2.0) * characters)
    nexts = [note.start_s for note in timeline.notes[1:]]
    for note, following in zip(timeline.notes, [*nexts, length], strict=False):
        axes.plot([note.start_s], [LANES.index("troubles")], marker="x", color=COLOURS["cut"])
        _write(axes, "troubles", note.start_s, note.text, (following - note.start_s) * characters)
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def _user(axes: Any, timeline: Timeline, length: float, characters: float) -> None:
    starts = [stretch.start_s for stretch in timeline.speech[1:]]
    for stretch, following in zip(timeline.speech, [*starts, length], strict=True):
        _bar(
            axes,
            "user",
            stretch.start_s,
            stretch.end_s if stretch.end_s is not None else length,
            COLOURS["user"],
        )
        _write(axes, "user", stretch.start_s, stretch.text, (following - stretch.start_s) * characters)


def _assistant(axes: Any, timeline: Timeline, length: float, characters: float) -> None:
    replies = list(timeline.replies.values())
    starts = [reply.start_s for reply in replies[1:]]
    for reply, following in zip(replies, [*starts, length], strict=True):
        if reply.audio_s is not None:
            heard = reply.audio_ms if reply.heard_ms is None else min(reply.heard_ms, reply.audio_ms)
            _bar(axes, "assistant", reply.audio_s, reply.audio_s + reply.audio_ms / 1000, COLOURS["unheard"])
            _bar(axes, "assistant", reply.audio_s, reply.audio_s + heard / 1000, COLOURS["heard"])
        _write(axes, "words", reply.start_s, reply.text, (following - reply.start_s) * characters)
        if reply.cut_s is not None:
            axes.axvline(reply.cut_s, color=COLOURS["cut"], linestyle="--", linewidth=1.2)


def _bar(axes: Any, lane: str, start: float, end: float, colour: str) -> None:
    axes.broken_barh([(start, max(end - start, 0.03))], (LANES.index(lane) - 0.3, 0.35), color=colour)


def _write(axes: Any, lane: str, start: float, text: str, room: float) -> None:
    """Words above their bar, as many as there is room for."""
    text = " ".join(text.split())
    shown = text if len(text) <= room else f"{text[: max(int(room) - 1, 0)]}…"
    # A dollar sign would begin mathematics.
    axes.text(
        start, LANES.index(lane) + 0.12, shown.replace("$", r"\$"), fontsize=8, va="bottom", clip_on=True
    )
