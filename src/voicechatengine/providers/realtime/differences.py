"""How a vendor's realtime wire differs from OpenAI's, as a table: inside, everything is in OpenAI's words. Pure.

Tables of moves say where a vendor has the fields of a session, of a request for a response and of a response, tables of names what
it calls the messages and the parts of an item. Each is read in both directions: a client writes by it and a simulated server reads by it, and the other way
round. What a table does not name is as OpenAI has it. A vendor is one `Differences`; only
OpenAI's own is here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, cast

import msgspec
from msgspec import UNSET

from voicechatengine.audio.format import AudioFormat

Fields: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str, ...]

PCM: Final = AudioFormat()
ULAW: Final = AudioFormat("g711_ulaw", 8000)
ALAW: Final = AudioFormat("g711_alaw", 8000)
FORMATS: Final[dict[AudioFormat, Fields]] = {
    PCM: {"type": "audio/pcm", "rate": 24000},
    ULAW: {"type": "audio/pcmu"},
    ALAW: {"type": "audio/pcma"},
}
"""The audio formats of OpenAI's service. Frames of another length are the same sound."""

SERVER_VAD: Final = ("threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms")
MODES: Final[dict[str, Path]] = {"server_vad": SERVER_VAD, "semantic_vad": ("eagerness",)}
"""The modes of turn detection, and the settings that each has."""


def same(value: Any) -> Any:
    """A value that is alike on both sides."""
    return value


class Move(msgspec.Struct, frozen=True):
    """A field that a vendor has in another place, or in other values: `here` OpenAI's place, `there` the vendor's.

    `write` makes the vendor's value, `read` OpenAI's again; UNSET is a value that cannot be said, and is left out. With `there`
    empty, `write` gives several fields at once, and `read` gets them all and takes its own out. `whole`: the value has no parts
    there that could be named. `write` may raise `MessageError`.
    """

    here: Path
    there: Path
    write: Callable[[Any], Any] = same
    read: Callable[[Any], Any] = same
    whole: bool = False


@dataclass(frozen=True, kw_only=True)
class Differences:
    """What is different about one vendor; the defaults are OpenAI's.

    `session`, `request` (the parameters of a ``response.create``) and `response` are the moves of those objects, `typed` whether a
    session says its type. `names` are the vendor's names of messages where they are not OpenAI's, an empty one for a message that
    it does not have; `contents` its names for the types of an item's parts. `input_formats` and `output_formats` are the audio
    formats with OpenAI's way to say them (the first one is the default), `modes` the modes of turn detection with the settings of
    each, `lacks` the options that it does not have (``transcription.prompt`` is a part of one), `refuses` the commands (their message types). `transcription_model` writes the
    user's words down unless another is named (None: nothing does). `modalities` are what it answers with, `images` the types of
    picture that it takes (`frames`: beside the user's speech, not in an item), `id_length` the longest item id. `manual`: an application may end the turns. `switches`: it can be
    told not to answer by itself, and not to be interrupted. `out_of_band`: it answers
    beside the conversation too. `rate_limits`: it says what is left. `resumes`: it continues a conversation by its id. `opening` is
    what it is told of every session, `session_limit_s` how long one may be.

    The rest is for a simulated service: the `voices` that it has (none said: any; the first is the usual one), how the names of its
    `models` begin (none said: any), `extras`, the fields of a session that OpenAI does not have. `conversation`: it says that one was
    created. `cumulative`: it repeats the user's words as they grow. `cost_beside`: it writes the usage beside a response.
    `transcript_cost`: it says what a transcription cost. `begins` is what else a session of it says, and `shapes` are the structs that
    a client's ``session`` and ``response`` must fit in the vendor's words.
    """

    session: tuple[Move, ...] = ()
    request: tuple[Move, ...] = ()
    response: tuple[Move, ...] = ()
    typed: bool = True
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    contents: Mapping[str, str] = field(default_factory=dict[str, str])
    input_formats: Mapping[AudioFormat, Fields] = field(default_factory=lambda: FORMATS)
    output_formats: Mapping[AudioFormat, Fields] = field(default_factory=lambda: FORMATS)
    modes: Mapping[str, Path] = field(default_factory=lambda: MODES)
    lacks: frozenset[str] = frozenset()
    refuses: frozenset[str] = frozenset()
    transcription_model: str | None = "gpt-realtime-whisper"
    modalities: Path = ("audio", "text")
    images: Path = ("image/png", "image/jpeg")
    frames: bool = False
    switches: bool = True
    id_length: int = 32
    manual: bool = True
    out_of_band: bool = True
    rate_limits: bool = True
    resumes: bool = False
    opening: Fields = field(default_factory=dict[str, Any])
    session_limit_s: float | None = None
    voices: Path = ()
    models: Path = ("gpt-",)
    extras: frozenset[str] = frozenset()
    conversation: bool = False
    cumulative: bool = False
    cost_beside: bool = False
    transcript_cost: bool = True
    begins: Fields = field(default_factory=dict[str, Any])
    shapes: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def input(self) -> AudioFormat:
        """What a session takes unless it says otherwise."""
        return next(iter(self.input_formats))

    @property
    def output(self) -> AudioFormat:
        """What a session gives unless it says otherwise."""
        return next(iter(self.output_formats))

    def named(self, kind: str) -> str:
        """The vendor's name of a message; empty where it has none."""
        return self.names.get(kind, kind)


OPENAI: Final = Differences(
    voices=("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"),
    session_limit_s=3600.0,
)
"""OpenAI's own service: no difference. Voices and limit: https://platform.openai.com/docs/guides/realtime-conversations."""


def to_vendor(fields: Fields, moves: tuple[Move, ...]) -> Fields:
    """Fields in OpenAI's places, in the vendor's; the given ones are not altered."""
    moved = copied(fields)
    for move in moves:
        value = _pop(moved, move.here)
        if value is UNSET:
            continue
        value = move.write(value)
        if value is UNSET:
            continue
        if move.there:
            put(moved, move.there, value)
        else:
            moved |= value
    return moved


def from_vendor(fields: Fields, moves: tuple[Move, ...]) -> Fields:
    """Fields in the vendor's places, in OpenAI's, but for what cannot be read; the given ones are not altered."""
    moved = copied(fields)
    for move in reversed(moves):
        value: Any = _pop(moved, move.there) if move.there else moved
        if value is UNSET:
            continue
        try:
            value = move.read(value)
        except (TypeError, ValueError, KeyError, AttributeError):  # it is not what the vendor documents
            continue
        if value is not UNSET:
            put(moved, move.here, value)
    return moved


def at(fields: Mapping[str, Any], path: Path) -> Any:
    """What stands at a path; UNSET if there is nothing."""
    found: Any = fields
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            return UNSET
        found = cast("Mapping[str, Any]", found)[name]
    return found


def placed(path: Path, moves: tuple[Move, ...]) -> Path:
    """Where a vendor has what is at this place of OpenAI's."""
    for move in moves:
        length = len(move.here)
        if path[:length] == move.here and move.there:
            return (*move.there, *(() if move.whole else path[length:]))
    return path


def merge(base: Mapping[str, Any], change: Mapping[str, Any]) -> Fields:
    """`base` with `change` put over it, mapping by mapping; neither is altered."""
    merged = dict(base)
    for name, value in change.items():
        old = merged.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = merge(cast("Mapping[str, Any]", old), cast("Mapping[str, Any]", value))
        merged[name] = value
    return merged


def copied(fields: Fields) -> Fields:
    """The same fields, whose mappings can be altered."""
    return {
        name: copied(cast("Fields", value)) if isinstance(value, dict) else value
        for name, value in fields.items()
    }


def _pop(fields: Fields, path: Path) -> Any:
    """Takes out what stands at a path, and the mappings that are empty then; UNSET if there is nothing."""
    name, rest = path[0], path[1:]
    if name not in fields:
        return UNSET
    if not rest:
        return fields.pop(name)
    inner = fields[name]
    if not isinstance(inner, dict):
        return UNSET
    value = _pop(cast("Fields", inner), rest)
    if value is not UNSET and not inner:
        del fields[name]
    return value


def put(fields: Fields, path: Path, value: Any) -> None:
    """Sets what stands at a path, and makes the mappings on the way."""
    for step in path[:-1]:
        inner = fields.get(step)
        if not isinstance(inner, dict):
            inner = fields[step] = {}
        fields = cast("Fields", inner)
    fields[path[-1]] = value
