"""What of a session another provider can have: options and history made to fit its capabilities, and what is left out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.resample import Resampler
from voicechatengine.capabilities import Capabilities
from voicechatengine.messages import (
    AudioPart,
    Command,
    ImagePart,
    Item,
    ItemCreate,
    ItemDelete,
    MessageItem,
    Options,
    Part,
    TextPart,
    ToolCallItem,
    ToolResultItem,
    TurnDetection,
)

_NOT_CARRIED: Final = frozenset({"input_audio_format", "turn_detection"})
"""Each provider keeps its own input format (audio is converted); who detects turns is decided on its own."""


def fit_options(options: Options, able: Capabilities) -> tuple[Options, tuple[str, ...]]:
    """Those of the options that a provider can have, and the names of the others; turn detection aside."""
    settable = able.get("session_update", ())
    fitting: dict[str, Any] = {}
    missing: list[str] = []
    for name, value in options.changes().items():
        if name in _NOT_CARRIED:
            continue
        known = name in settable
        if name == "voice":
            known = known and (not able.get("voices") or value in able.get("voices", ()))
        elif name == "output_audio_format":
            known = known and any(value.same_sound(form) for form in able.get("output_formats", ()))
        elif name == "tools" and not value:
            known = True  # no tools are what a provider without tools has
            if name not in settable:
                continue
        if known:
            fitting[name] = value
        else:
            missing.append(f"the option {name}")
    return Options(**fitting), tuple(missing)


class Turns(msgspec.Struct, frozen=True):
    """Who ends the user's turns at a provider: `option` is what it is told (UNSET: nothing), `ears` what we do for it."""

    option: TurnDetection | None | UnsetType = UNSET
    ears: TurnDetection | None = None
    missing: tuple[str, ...] = ()


def fit_turns(wanted: TurnDetection | None | UnsetType, able: Capabilities) -> Turns:
    """How a provider gets the turn detection that the session has; UNSET is a session that has nothing to do with turns."""
    modes = able.get("turn_detection", ())
    settable = "turn_detection" in able.get("session_update", ())
    if isinstance(wanted, TurnDetection):
        if wanted.mode in modes:
            return Turns(wanted if settable else UNSET)
        if modes:
            option = TurnDetection(
                "server_vad",
                create_response=wanted.create_response,
                interrupt_response=wanted.interrupt_response,
            )
            return Turns(option if settable else UNSET, missing=(f"turn detection by {wanted.mode}",))
        if able.get("manual_turns"):
            return Turns(None if settable else UNSET, ears=wanted)
        return Turns(missing=("turn detection",))
    if wanted is None and modes:
        return Turns(None) if settable else Turns(missing=("turns that the application ends",))
    return Turns()


def fit_history(
    history: Sequence[Item], able: Capabilities, source: AudioFormat, target: AudioFormat
) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    """The history as a provider can be told it, and what it then lacks. Spoken parts go from one format to the other."""
    if not able.get("history"):
        return (), ("the conversation so far",) if history else ()
    told: list[Item] = []
    missing: list[str] = []
    for item in history:
        if isinstance(item, (ToolCallItem, ToolResultItem)):
            if able.get("tools"):
                told.append(item)
            else:
                missing.append(f"the tool call {item.call_id}")
            continue
        fitting = fit_item(item, able, source, target)
        if len(fitting.content) < len(item.content):
            missing.append(f"pictures or speech of {item.id}")
        if fitting.content:
            told.append(fitting)
    return tuple(told), tuple(dict.fromkeys(missing))


def fit_item(item: MessageItem, able: Capabilities, source: AudioFormat, target: AudioFormat) -> MessageItem:
    """An item without what the provider cannot take; speech that it cannot take is told in its words."""
    parts: list[Part] = []
    for part in item.content:
        if isinstance(part, ImagePart) and not able.get("image_input"):
            continue
        if isinstance(part, AudioPart):
            if able.get("audio_input"):
                parts.append(AudioPart(whole(part.audio, source, target), part.transcript))
            elif part.transcript:
                parts.append(TextPart(part.transcript, spoken=True))
            continue
        parts.append(part)
    return msgspec.structs.replace(item, content=tuple(parts))


def whole(audio: bytes, source: AudioFormat, target: AudioFormat) -> bytes:
    """A complete stretch of audio in another format."""
    stream = Resampler(source, target)
    return stream.feed(audio) + stream.flush()


def changes(before: Sequence[Item], after: Sequence[Item]) -> list[Command]:
    """What makes a conversation that is `before` one that is `after`: items that went, changed or came."""
    known = {_key(item): item for item in before}
    wanted = {_key(item): item for item in after}
    commands: list[Command] = [
        ItemDelete(item.id) for key, item in known.items() if item.id and wanted.get(key) != item
    ]
    last = max((index for index, item in enumerate(after) if known.get(_key(item)) == item), default=-1)
    previous: str | None = None
    for index, item in enumerate(after):
        if known.get(_key(item)) != item:
            # Behind the last item that stays, the end is the right place, whatever else the provider has there.
            commands.append(ItemCreate(item, None if index > last else previous or "root"))
        previous = item.id or previous
    return commands


def _key(item: Item) -> tuple[str, str]:
    if isinstance(item, (ToolCallItem, ToolResultItem)):
        return (type(item).__name__, item.call_id)
    return ("", item.id)
