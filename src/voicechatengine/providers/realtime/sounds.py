"""Audio deltas, read fast: they come fifty times a second, and all else is rare. Pure; it knows no state but the item's.

A frame that begins as most audio deltas do is read by a decoder of three fields (`decode_sound`); one that differs from an earlier
one of its item in nothing but the event id and the sound is read without JSON (`Series`). All others are left to `wire`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import msgspec

from voicechatengine.providers.realtime.replies import Item, Reply
from voicechatengine.providers.realtime.wire import AudioDelta, BetaAudioDelta


class Sound(msgspec.Struct, gc=False):
    """What counts of an `AudioDelta`."""

    response_id: str = ""
    item_id: str = ""
    delta: str = ""


decode_sound: Final[Callable[[bytes], Sound]] = msgspec.json.Decoder(Sound).decode
"""A frame that is known to be an `AudioDelta`. Raises `msgspec.DecodeError`."""

SOUNDS: Final = tuple(
    f'{{"type":{space}"{kind.__struct_config__.tag}"'.encode()
    for kind in (AudioDelta, BetaAudioDelta)
    for space in ("", " ")
)
"""How OpenAI and xAI begin an `AudioDelta`."""

_ID: Final = b'{"event_id":"'
_AFTER_ID: Final = tuple(
    f'","type":"{kind.__struct_config__.tag}"'.encode() for kind in (AudioDelta, BetaAudioDelta)
)
_HEAD: Final = re.compile(rb'(\{(?:"type": ?"[\w.]+", ?)?"event_id": ?")[^"\\]*("[^\\]*?"delta": ?")')
_LONGEST: Final = 1024  # bytes around the sound: what is learned of a service stays
_NO_SOUND: Final = b"-"  # which no base64 is


def is_sound(frame: bytes) -> bool:
    """Whether a frame is an `AudioDelta` that begins as one; Azure and Qwen begin it with its id."""
    return frame.startswith(SOUNDS) or (
        frame.startswith(_ID) and frame.startswith(_AFTER_ID, frame.find(b'"', len(_ID)))
    )


class Spelling(msgspec.Struct, frozen=True):
    """Where a service puts what in its audio deltas: `before` at `head`, then the event id, what is the item's own at `middle`, the
    sound at `sound`, and `behind` at `tail`. Where a frame is so short that these overlap, it has no sound.
    """

    before: bytes
    behind: bytes
    head: slice
    middle: slice
    sound: slice
    tail: slice


class Series(msgspec.Struct, frozen=True):
    """How the audio deltas of one item look. They differ in the event id, at which nobody looks, and in the sound; else each has what
    `spelling` says, and `between` in the middle.

    A JSON reader looks at each character, a comparison at few: see the row `codec` of the benchmarks. A slice and `==` take two
    thirds of the time that `startswith` and `endswith` take.
    """

    reply: Reply
    item: Item
    item_id: str
    between: bytes
    spelling: Spelling


def series_of(frame: bytes, reply: Reply, item: Item, item_id: str) -> Series | None:
    """The series that an audio delta of an item begins; None where its event id or its sound is in no place that we know."""
    found = _HEAD.match(frame)
    if found is None:
        return None
    begin = found.end()
    before, behind = frame[:begin], frame[frame.index(b'"', begin) :]
    if len(before) + len(behind) > _LONGEST:
        return None
    try:
        sound = decode_sound(before + _NO_SOUND + behind)
    except msgspec.DecodeError:
        return None
    if sound.delta.encode() != _NO_SOUND:  # it was the delta of something else in the message
        return None
    return Series(reply, item, item_id, found[2], _spelling(found[1], found.start(2), begin, behind))


@lru_cache(maxsize=64)
def _spelling(before: bytes, middle: int, begin: int, behind: bytes) -> Spelling:
    """One object for all sessions of a service: what many share is at hand when each of them has its turn."""
    end = -len(behind)
    return Spelling(
        before,
        behind,
        head=slice(0, len(before)),
        middle=slice(middle, begin),
        sound=slice(begin, end),
        tail=slice(end, None),
    )
