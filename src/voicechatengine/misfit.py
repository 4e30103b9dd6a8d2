"""Why a value does not fit a struct, in words that name the field and what could stand there.

It knows how msgspec says it, and no message of ours.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import cast, get_args, get_type_hints

import msgspec

from voicechatengine.errors import MessageError

_AT = re.compile(r"(?P<text>.*?) - at (?:`key` in )?`\$\.?(?P<path>.*)`", re.DOTALL)
_NAMED = re.compile(r"Object (?P<wrong>contains unknown|missing required) field `(?P<name>.*)`")
_STEP = re.compile(r"\[(?P<index>\d+)\]|\.?(?P<name>\w+)")


def misfit(
    error: msgspec.ValidationError, data: object, kind: type[msgspec.Struct], what: str
) -> MessageError:
    """The error for `data`, made of plain mappings and lists, that `msgspec.convert` could not make a `kind` of.

    `field` is the whole path, such as ``options.tools[1].name``; the cure lists what the struct at that place has.
    """
    at = _AT.fullmatch(str(error))
    text, path = (at["text"], at["path"].replace("[...]", "")) if at else (str(error), "")
    named = _NAMED.fullmatch(text)
    owner_path = path if named else path.rpartition(".")[0]
    owners = _structs_at(owner_path, data, kind)
    fields = [name for owner in owners for name in owner.__struct_fields__]
    cure = "; ".join(f"{owner.__name__} has {_listed(owner.__struct_fields__)}" for owner in owners)
    if "vendor" in fields:
        cure += "; a vendor's own options go under vendor"
    if named:
        path = f"{path}.{named['name']}".lstrip(".")
        text = "it is required" if named["wrong"] == "missing required" else "there is no such field"
        if text != "it is required" and (close := difflib.get_close_matches(named["name"], fields, 1)):
            text += f" (did you mean {close[0]}?)"
    elif text.startswith("Invalid"):
        cure = f"use one of {_listed(_choices(path.rpartition('.')[2], owners))}"
    return MessageError(f"{what}{f', field {path}' if path else ''}: {text}", field=path or None, cure=cure)


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words) or "no fields"


def _structs_at(path: str, data: object, kind: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    """The structs that may stand at a path of `kind`; where a tag in the data says which one, that one."""
    structs = [kind]
    for step in _STEP.finditer(path):
        if step["index"]:
            data = cast("Sequence[object]", data)[int(step["index"])]
        else:
            data = cast("Mapping[str, object]", data)[step["name"]]
            leaves = [leaf for owner in structs for leaf in _leaves(get_type_hints(owner)[step["name"]])]
            structs = [leaf for leaf in leaves if isinstance(leaf, type) and issubclass(leaf, msgspec.Struct)]
        tag = cast("Mapping[str, object]", data).get("type") if isinstance(data, Mapping) else None
        structs = [struct for struct in structs if struct.__struct_config__.tag == tag] or structs
    return structs


def _choices(name: str, owners: Sequence[type[msgspec.Struct]]) -> list[str]:
    """The words that a field of these structs may be, or their tags."""
    if name == "type":
        return [str(owner.__struct_config__.tag) for owner in owners]
    hints = [get_type_hints(owner)[name.partition("[")[0]] for owner in owners]
    return [word for hint in hints for leaf in _leaves(hint) for word in _words(leaf)]


def _words(leaf: object) -> list[str]:
    """What may be written for one part of an annotation: a literal's word, an enum's values."""
    if isinstance(leaf, type) and issubclass(leaf, Enum):
        return [str(member.value) for member in leaf]
    return [leaf] if isinstance(leaf, str) else []


def _leaves(hint: object) -> Iterator[object]:
    """What a type annotation is made of in the end: classes, and the words of literals."""
    parts = get_args(hint)
    if not parts:
        yield hint
    for part in parts:
        yield from _leaves(part)


__all__ = ["misfit"]
