"""What a vendor sends, varied by chance as a bad day varies it: frames lost, doubled, out of order, cut and changed. Seeded."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, cast

import msgspec

from voicechatengine.errors import ProviderError
from voicechatengine.messages import (
    ActivityEnd,
    AudioClear,
    AudioCommit,
    Command,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    MessageItem,
    Options,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    TextPart,
    ToolResult,
)
from voicechatengine.testing.laws.wire import Wire


class Wait(NamedTuple):
    """Time passes."""

    seconds: float


Step: TypeAlias = bytes | str | Command | Wait

COMMANDS: Final[tuple[Command, ...]] = (
    ResponseCreate(), ResponseCancel(), ItemTruncate("item_kit1", 120.0), ItemTruncate("item_kit2", 0.0),
    ItemDelete("item_kit1"), ToolResult("call_1", "42"), AudioCommit(), AudioClear(), ActivityEnd(),
    ItemCreate(MessageItem("user", (TextPart("Hello."),))), SessionUpdate(Options(instructions="Be brief.")),
)  # fmt: skip
VALUES: Final[tuple[Any, ...]] = (
    None, 7, -1.5, "", "x", True, [], {}, {"id": 7}, [[]], "AA=", "resp_kit1",
)  # fmt: skip


def play(wire: Wire, step: Step) -> None:
    """A frame comes, a command is given, or so many seconds pass."""
    if isinstance(step, (bytes, str)):
        wire.comes(step)
    elif isinstance(step, Wait):
        wire.passes(step.seconds)
    else:
        with contextlib.suppress(
            ProviderError
        ):  # a command that does not fit at this moment may well be refused
            wire.does(step)


def varied(corpus: list[bytes | str], rng: random.Random) -> Iterator[Step]:
    """Frames of the vendor in about their order, with everything that goes wrong on the way, and commands between them."""
    for frame in corpus:
        fate = rng.choices(("as it is", "lost", "changed", "and another"), (6, 1, 2, 1))[0]
        if fate == "lost":
            continue
        yield _changed(frame, rng) if fate == "changed" else frame
        if fate == "and another":
            yield rng.choice(corpus)
        between = rng.choices(("nothing", "command", "time"), (16, 3, 1))[0]
        if between == "command":
            yield rng.choice(COMMANDS)
        elif between == "time":
            yield Wait(rng.choice((0.5, 3.0, 60.0)))


def _changed(frame: bytes | str, rng: random.Random) -> bytes | str:
    """The frame with one value changed, or cut off."""
    text = frame if isinstance(frame, str) else frame.decode(errors="replace")
    fate = rng.choices(("cut", "without", "changed"), (2, 3, 5))[0]
    if fate == "cut":
        return text[: rng.randint(0, len(text))]
    try:
        value: Any = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    places = list(_places(value))
    if not places:
        return text
    owner, key = rng.choice(places)
    if fate == "without" and isinstance(owner, dict):
        del owner[key]
    else:
        owner[key] = rng.choice(VALUES)
    return json.dumps(value)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every value within, as what holds it and its key there."""
    entries: Iterable[tuple[Any, Any]] = ()
    match value:
        case dict():
            entries = cast("Mapping[Any, Any]", value).items()
        case list():
            entries = enumerate(cast("Sequence[Any]", value))
        case _:
            pass
    for key, inner in tuple(entries):
        yield value, key
        yield from _places(inner)
