"""The conversation as OpenAI's service keeps it: items in their order, their checks, and what they mean to another provider.

It knows no message and no connection; it refuses with the service's own error codes.

Sources: https://platform.openai.com/docs/api-reference/realtime-client-events/conversation/item (read 2026-11-22), the types
of the `openai` package 3.54.0; codes and texts as users of the service report them in public issues.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import Final

import msgspec
import pybase64
from msgspec import UNSET

from voicechatengine.messages import (
    AudioPart,
    ImagePart,
    Item,
    MessageItem,
    Part,
    Role,
    TextPart,
    ToolCallItem,
    ToolResultItem,
)
from voicechatengine.providers.realtime import objects
from voicechatengine.providers.realtime.server_session import Refused

MAX_ID: Final = 32
REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    "message": ("role", "content"),
    "function_call": ("name", "arguments"),
    "function_call_output": ("call_id", "output"),
    "mcp_approval_response": ("approval_request_id", "approve"),
}
"""The items that a client can make, and what each must have."""

PARTS: Final[dict[str, tuple[str, ...]]] = {
    "system": ("input_text",),
    "user": ("input_text", "input_audio", "input_image"),
    "assistant": ("output_text",),
}
"""What a message of each role may hold: an assistant's audio cannot be made by a client."""

FIELD: Final = {
    "input_text": "text",
    "output_text": "text",
    "input_audio": "audio",
    "input_image": "image_url",
}
ROLES: Final[dict[str, Role]] = {"system": "system", "user": "user", "assistant": "assistant"}


class Conversation:
    """Items by id, in order, and how long (ms) the assistant's spoken ones are."""

    def __init__(self) -> None:
        self._items: dict[str, objects.Item] = {}
        self._order: list[str] = []
        self.audio_ms: dict[str, float] = {}

    def add(self, item: objects.Item, previous: str | None = None) -> str | None:
        """Puts an item behind `previous` (``root``: at the beginning; None: at the end); gives the id before it."""
        item_id = str(item.id)
        if item_id in self._items:
            raise Refused(
                "item_create_duplicate_item_id",
                f"Error adding item: an item with id '{item_id}' already exists.",
            )
        if item.type == "function_call_output" and not any(
            one.type == "function_call" and one.call_id == item.call_id for one in self._items.values()
        ):
            text = f"Tool call ID '{item.call_id}' not found in conversation."
            raise Refused("invalid_tool_call_id", text, "item.call_id")
        place = len(self._order)
        if previous == "root":
            place = 0
        elif previous is not None:
            if previous not in self._items:
                raise Refused(
                    "item_create_invalid_previous_item_id",
                    f"Error adding item: the previous item with id '{previous}' does not exist.",
                )
            place = self._order.index(previous) + 1
        self._items[item_id] = item
        self._order.insert(place, item_id)
        return self._order[place - 1] if place else None

    def items(self) -> list[objects.Item]:
        """The items in their order."""
        return [self._items[item_id] for item_id in self._order]

    def before(self, item_id: str) -> str | None:
        """The id of the item before this one."""
        place = self._order.index(item_id)
        return self._order[place - 1] if place else None

    def get(self, item_id: str, doing: str) -> objects.Item:
        """The item, or the service's refusal; `doing` is ``retrieve``, ``delete`` or ``truncate``."""
        try:
            return self._items[item_id]
        except KeyError:
            raise Refused(
                f"item_{doing}_invalid_item_id",
                f"Error {doing.removesuffix('e')}ing item: the item with id '{item_id}' does not exist.",
            ) from None

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._items

    def remove(self, item_id: str) -> None:
        """Takes an item out."""
        del self._items[item_id]
        self._order.remove(item_id)
        self.audio_ms.pop(item_id, None)

    def truncate(self, item_id: str, content_index: int, end_ms: float) -> None:
        """Cuts a spoken item of the assistant to `end_ms`, and takes its words away; refuses what the service refuses."""
        item = self.get(item_id, "truncate")
        length = self.audio_ms.get(item_id, 0.0)
        if length <= 0 or end_ms <= 0:
            raise Refused("unsupported_content_type", "Only model output audio messages can be truncated")
        if content_index != 0:
            raise Refused("invalid_value", f"Invalid value: {content_index}.", "content_index")
        if end_ms > length:
            raise Refused(
                "invalid_value",
                f"Audio content of {length:.0f}ms is already shorter than {end_ms:.0f}ms",
                "audio_end_ms",
            )
        self.audio_ms[item_id] = end_ms
        for content in item.content or ():
            content.transcript = UNSET


class Names:
    """The two ids of an item that the provider has named: the wire's and its own."""

    def __init__(self) -> None:
        self._provider: dict[str, str] = {}
        self._wire: dict[str, str] = {}

    def pair(self, wire_id: str, provider_id: str) -> None:
        """These two are one item; the first pair that an id of the provider's is in counts."""
        if provider_id not in self._wire:
            self._wire[provider_id], self._provider[wire_id] = wire_id, provider_id

    def on_wire(self, provider_id: str | None) -> str | None:
        """The wire's id of an item of the provider's, if it has one."""
        return None if provider_id is None else self._wire.get(provider_id)

    def at_provider(self, wire_id: str) -> str:
        """The provider's id of an item: the wire's own where it gave none."""
        return self._provider.get(wire_id, wire_id)


def checked(item: objects.Item, ids: Callable[[str], str], root: str = "item") -> objects.Item:
    """The item as the service keeps it: complete, with an id, and with the fields of its kind in the service's order."""
    kind = item.type
    if not isinstance(kind, str):
        raise _missing(f"{root}.type")
    if kind not in REQUIRED:
        raise Refused("invalid_value", f"Invalid value: '{kind}'.", f"{root}.type")
    for name in REQUIRED[kind]:
        if getattr(item, name) in (UNSET, None):
            raise _missing(f"{root}.{name}")
    if isinstance(item.id, str) and len(item.id) > MAX_ID:
        raise Refused(
            "string_above_max_length",
            f"Invalid '{root}.id': string too long. Expected a string with maximum length {MAX_ID},"
            f" but got a string with length {len(item.id)} instead.",
            f"{root}.id",
        )
    kept = objects.Item(id=item.id or ids("item"), type=kind)
    if kind == "message":
        kept.status, kept.role = "completed", item.role
        kept.content = _checked_content(item, root)
    elif kind == "function_call":
        kept.status, kept.name = "completed", item.name
        kept.call_id, kept.arguments = item.call_id or ids("call"), item.arguments
    elif kind == "function_call_output":
        kept.call_id, kept.output = item.call_id, item.output
    else:
        kept.approval_request_id, kept.approve, kept.reason = (
            item.approval_request_id,
            item.approve,
            item.reason,
        )
    return kept


def _checked_content(item: objects.Item, root: str) -> list[objects.Content]:
    role = str(item.role)
    if role not in PARTS:
        raise Refused("invalid_value", f"Invalid value: '{role}'.", f"{root}.role")
    content = item.content or []
    for index, part in enumerate(content):
        place = f"{root}.content[{index}]"
        if part.type not in PARTS[role]:
            allowed = ", ".join(f"'{name}'" for name in PARTS[role])
            raise Refused(
                "invalid_value",
                f"Invalid value: '{part.type}'. Supported values are: {allowed}.",
                f"{place}.type",
            )
        name = FIELD[str(part.type)]
        value = getattr(part, name)
        if not isinstance(value, str):
            raise _missing(f"{place}.{name}")
        if name == "audio":
            decoded(value, f"{place}.audio")
        if name == "image_url":
            _picture(value, f"{place}.image_url")
    return content


def decoded(audio: str, param: str) -> bytes:
    """The bytes of base64 text; refuses what is none, as the service does."""
    try:
        return pybase64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(
            "invalid_value",
            f"Invalid '{param}'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz or G.711).",
            param,
        ) from None


def _picture(url: str, param: str) -> tuple[str, bytes]:
    head, _, data = url.partition(",")
    kind = head.removeprefix("data:").removesuffix(";base64")
    if kind not in ("image/png", "image/jpeg") or not head.endswith(";base64"):
        raise Refused("invalid_value", f"Invalid '{param}'. Expected a data URI of a PNG or a JPEG.", param)
    return kind, decoded(data, param)


def _missing(param: str) -> Refused:
    return Refused("missing_required_parameter", f"Missing required parameter: '{param}'.", param)


def meaning(item: objects.Item, recode: Callable[[bytes], bytes]) -> Item | None:
    """A checked item in the library's words, its audio `recode`d for the provider; None for what only the service can use."""
    item_id = str(item.id)
    match item.type:
        case "message":
            parts = tuple(_part(part, recode) for part in item.content or ())
            return MessageItem(ROLES[str(item.role)], parts, item_id)
        case "function_call":
            return ToolCallItem(str(item.call_id), str(item.name), str(item.arguments), item_id)
        case "function_call_output":
            return ToolResultItem(str(item.call_id), str(item.output), item_id)
        case _:
            return None


def _part(part: objects.Content, recode: Callable[[bytes], bytes]) -> Part:
    """A part of an item. Of speech that is the provider's own, only the words are here, as far as they are known."""
    words = next((one for one in (part.text, part.transcript) if isinstance(one, str)), None)
    if part.type == "input_audio" and isinstance(part.audio, str):
        return AudioPart(recode(decoded(part.audio, "audio")), words)
    if part.type == "input_image":
        kind, image = _picture(str(part.image_url), "image_url")
        return ImagePart(image, kind)
    return TextPart(words or "", spoken=part.type in ("input_audio", "output_audio"))


def items_of(
    data: list[dict[str, object]],
    ids: Callable[[str], str],
    read: Callable[[objects.Item], objects.Item],
) -> list[objects.Item]:
    """The items of a response's own input, each as `read` has it; references to items of the conversation stay what they are."""
    found: list[objects.Item] = []
    for index, entry in enumerate(data):
        try:
            item = read(msgspec.convert(entry, objects.Item))
        except msgspec.ValidationError as error:
            raise Refused("invalid_type", str(error), f"response.input[{index}]") from None
        found.append(
            item if item.type == "item_reference" else checked(item, ids, f"response.input[{index}]")
        )
    return found
