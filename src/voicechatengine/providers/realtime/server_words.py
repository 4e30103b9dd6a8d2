"""What a simulated service writes, in the vendor's words: the messages of OpenAI's wire, renamed and rearranged by its differences."""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec

from voicechatengine.providers.realtime import objects, wire
from voicechatengine.providers.realtime.differences import Differences, Fields, Move, placed, to_vendor

_OBJECTS: Final = ("session", "response")


def worded(message: wire.Message, differences: Differences) -> bytes | None:
    """A message as the vendor writes it; None where it has none such."""
    kind = str(message.__struct_config__.tag)
    name = differences.named(kind)
    if not name:
        return None
    fields: Fields = msgspec.to_builtins(message)
    fields["type"] = name
    for key in _OBJECTS:
        if key in fields:
            fields[key] = to_vendor(fields[key], getattr(differences, key))
    if not differences.typed and "session" in fields:
        fields["session"].pop("type", None)
    if differences.cost_beside and isinstance(message, wire.ResponseDone):
        fields["usage"], fields["response"]["usage"] = fields["response"]["usage"], {}
    items = [fields.get("item"), *fields.get("response", {}).get("output", ())]
    for item in items:
        for part in cast("dict[str, Any]", item or {}).get("content", ()):
            part["type"] = differences.contents.get(part["type"], part["type"])
    return msgspec.json.encode(fields)


def unworded(item: objects.Item, differences: Differences) -> objects.Item:
    """An item of a client's with the parts in OpenAI's words."""
    names = {theirs: ours for ours, theirs in differences.contents.items()}
    if names and isinstance(item.content, list):
        for part in item.content:
            if isinstance(part.type, str):
                part.type = names.get(part.type, part.type)
    return item


def place(param: str | None, moves: tuple[Move, ...], root: str) -> str | None:
    """Where the vendor has the parameter that OpenAI has at ``root.…``."""
    if param is None or not param.startswith(f"{root}."):
        return param
    return ".".join((root, *placed(tuple(param.split(".")[1:]), moves)))
