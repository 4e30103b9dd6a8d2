"""What an application says to a provider: `MessageType` and one typed payload for each of its members.

These are the library's own words; a vendor's words live in that vendor's folder. Values are stable strings. A payload
can be given as its struct or as a mapping that converts to it. Nothing here sends anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar, cast

import msgspec
from msgspec import UNSET, UnsetType

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import MessageError
from voicechatengine.misfit import misfit

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
Role = Literal["user", "assistant", "system"]
Modality = Literal["text", "audio"]


def show(value: object) -> str:
    """The `repr` of a value, in which bytes are their number: nobody wants to see audio, and some must not."""
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes>"
    if isinstance(value, Mapping):
        entries = cast("Mapping[object, object]", value).items()
        return f"{{{', '.join(f'{key!r}: {show(entry)}' for key, entry in entries)}}}"
    if isinstance(value, (list, tuple)):
        opening, closing = "[]" if isinstance(value, list) else "()"
        return f"{opening}{', '.join(map(show, cast('Sequence[object]', value)))}{closing}"
    return repr(value)


class Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The base of every payload: a typed struct that also answers like a mapping of its fields.

    ``payload["text"]``, ``payload.get("text")``, ``"text" in payload`` and ``dict(payload)`` work; what is not a field
    raises `KeyError`. Bytes are shown by their number only.
    """

    def __getitem__(self, key: str) -> Any:  # the interface promises mapping access to values of any type
        if key in self.__struct_fields__:
            return getattr(self, key)
        raise KeyError(
            f"{key} ({type(self).__name__} has {', '.join(self.__struct_fields__) or 'no fields'})"
        )

    def get(self, key: str, default: object = None) -> Any:
        """The field's value, or `default` where there is no such field."""
        return getattr(self, key) if key in self.__struct_fields__ else default

    def __contains__(self, key: object) -> bool:
        return key in self.__struct_fields__

    def __iter__(self) -> Iterator[str]:
        return iter(self.__struct_fields__)

    def keys(self) -> tuple[str, ...]:
        """The names of the fields."""
        return self.__struct_fields__

    def __repr__(self) -> str:
        shown: list[str] = []
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is UNSET:
                continue
            shown.append(f"{name}={show(value)}")
        return f"{type(self).__name__}({', '.join(shown)})"


def merge(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `change` put over it, mapping by mapping; neither is altered."""
    merged = dict(base)
    for name, value in change.items():
        old = merged.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = merge(cast("Mapping[str, Any]", old), cast("Mapping[str, Any]", value))
        merged[name] = value
    return merged


class MessageType(StrEnum):
    """The kinds of message that `Provider.send_message` takes. The two chunk types only ever arrive."""

    SESSION_CREATE = "session_create"
    SESSION_UPDATE = "session_update"
    ITEM_CREATE = "item_create"
    AUDIO_APPEND = "audio_append"
    RESPONSE_CREATE = "response_create"
    RESPONSE_CANCEL = "response_cancel"
    TEXT_CHUNK = "text_chunk"
    AUDIO_CHUNK = "audio_chunk"
    AUDIO_COMMIT = "audio_commit"
    AUDIO_CLEAR = "audio_clear"
    ITEM_TRUNCATE = "item_truncate"
    ITEM_DELETE = "item_delete"
    TOOL_RESULT = "tool_result"
    IMAGE = "image"
    ACTIVITY_START = "activity_start"
    ACTIVITY_END = "activity_end"


class Tool(Payload, frozen=True):
    """A function that the model may call: its name, what it is for, and the JSON Schema of its arguments."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = msgspec.field(default_factory=lambda: {"type": "object", "properties": {}})


class TurnDetection(Payload, frozen=True):
    """Who says that the user's turn is over: the vendor, in one of these modes.

    ``server_vad`` listens for silence: `threshold` 0..1, `prefix_padding_ms` of audio kept from before the speech,
    `silence_duration_ms` that end a turn, `idle_timeout_ms` after which the model speaks up by itself. ``semantic_vad``
    also looks at the words: `eagerness` low, medium, high or auto. None leaves a setting to the vendor. With
    `create_response` the vendor answers by itself; with `interrupt_response` speech stops a running answer. A session
    whose turn detection is None is push to talk: `ACTIVITY_END` (or commit and create_response) ends a turn.
    """

    mode: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    prefix_padding_ms: Count | None = None
    silence_duration_ms: Count | None = None
    idle_timeout_ms: Count | None = None
    eagerness: Literal["low", "medium", "high", "auto"] | None = None
    create_response: bool = True
    interrupt_response: bool = True


class Transcription(Payload, frozen=True):
    """The user's speech as text: model (None: the provider's usual one), language as ISO-639-1, a prompt of names and terms."""

    model: str | None = None
    language: str | None = None
    prompt: str | None = None


class Options(Payload, frozen=True):
    """What a session can be told, the same on every provider. UNSET means: leave it as it is.

    `modalities` is what the model answers with: ``audio`` brings the spoken words as text along. `tools` replaces the
    whole list. `turn_detection` None is push to talk, `transcription` None switches the user's transcript off.
    `max_tokens` None is the vendor's maximum. `vendor` holds a vendor's own options under its own names.
    """

    model: str | UnsetType = UNSET
    voice: str | UnsetType = UNSET
    language: str | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    tools: tuple[Tool, ...] | UnsetType = UNSET
    tool_choice: str | UnsetType = UNSET
    modalities: tuple[Modality, ...] | UnsetType = UNSET
    turn_detection: TurnDetection | None | UnsetType = UNSET
    transcription: Transcription | None | UnsetType = UNSET
    input_audio_format: AudioFormat | UnsetType = UNSET
    output_audio_format: AudioFormat | UnsetType = UNSET
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None | UnsetType = UNSET
    vendor: dict[str, Any] | UnsetType = UNSET

    def changes(self) -> dict[str, Any]:
        """The options that are set, by name."""
        return {name: value for name in OPTIONS if (value := getattr(self, name)) is not UNSET}

    def merged(self, change: Options) -> Options:
        """These options with those that are set in `change` put over them; a vendor's own ones mapping by mapping."""
        options = {**self.changes(), **change.changes()}
        if self.vendor and change.vendor:
            options["vendor"] = merge(self.vendor, change.vendor)
        return Options(**options)


OPTIONS: Final = Options.__struct_fields__


# ------------------------------------------------------------------ items: what a conversation is made of


class TextPart(Payload, tag="text", frozen=True):
    """Written words, or the words of something spoken."""

    text: str
    spoken: bool = False


class AudioPart(Payload, tag="audio", frozen=True):
    """Speech as an item's content, in the session's input format, with its words where they are known."""

    audio: bytes
    transcript: str | None = None


class ImagePart(Payload, tag="image", frozen=True):
    """A still picture: the bytes of a PNG or JPEG file."""

    image: bytes
    mime_type: str = "image/png"
    detail: Literal["auto", "low", "high"] = "auto"


Part: TypeAlias = TextPart | AudioPart | ImagePart


class MessageItem(Payload, tag="message", frozen=True):
    """Something said by somebody. `id` may be chosen by the application; empty: by the provider.

    In a history, `interrupted` marks words that were cut at what was heard, and `estimated` that the place of the cut was
    computed in proportion to the time heard.
    """

    role: Role
    content: tuple[Part, ...]
    id: str = ""
    interrupted: bool = False
    estimated: bool = False

    @property
    def text(self) -> str:
        """The words, written or spoken."""
        return "".join(
            part.text
            if isinstance(part, TextPart)
            else (part.transcript or "")
            if isinstance(part, AudioPart)
            else ""
            for part in self.content
        )


class ToolCallItem(Payload, tag="tool_call", frozen=True):
    """A call that the model made; `arguments` is the JSON text as the model wrote it."""

    call_id: str
    name: str
    arguments: str
    id: str = ""


class ToolResultItem(Payload, tag="tool_result", frozen=True):
    """What a call gave; `output` is text, usually JSON. With `is_error` it says why the call failed."""

    call_id: str
    output: str
    id: str = ""
    is_error: bool = False


Item: TypeAlias = MessageItem | ToolCallItem | ToolResultItem


# ------------------------------------------------------------------ commands: one payload a message type


class SessionCreate(Payload, tag="session_create", frozen=True):
    """Defines the session that `connect()` opens: options, and a history to start from. Only before connect."""

    options: Options = Options()
    history: tuple[Item, ...] = ()


class SessionUpdate(Payload, tag="session_update", frozen=True):
    """Changes the running session (or, before connect, the one to come)."""

    options: Options = Options()


class ItemCreate(Payload, tag="item_create", frozen=True):
    """Adds an item to the conversation, at its end or behind `previous_item_id` ("root": at the beginning)."""

    item: Item
    previous_item_id: str | None = None


class AudioAppend(Payload, tag="audio_append", frozen=True, gc=False):
    """The next stretch of the user's audio, in the provider's `get_audio_format()`."""

    audio: bytes


class AudioCommit(Payload, tag="audio_commit", frozen=True):
    """Makes the audio sent so far the user's turn, without asking for a reply."""


class AudioClear(Payload, tag="audio_clear", frozen=True):
    """Forgets the audio that was sent and is not part of a turn yet."""


class ResponseCreate(Payload, tag="response_create", frozen=True):
    """Asks for a reply; None leaves a setting to the session.

    `out_of_band` answers beside the conversation and adds nothing to it; `input` then replaces the context. `metadata`
    comes back on `response_started` and `response_completed` where the vendor echoes it.
    """

    modalities: tuple[Modality, ...] | None = None
    instructions: str | None = None
    out_of_band: bool = False
    input: tuple[Item, ...] | None = None
    tools: tuple[Tool, ...] | None = None
    tool_choice: str | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    metadata: dict[str, str] | None = None
    vendor: dict[str, Any] | None = None


class ResponseCancel(Payload, tag="response_cancel", frozen=True):
    """Stops a running reply: this one, or without an id whichever runs. Harmless when none does."""

    response_id: str | None = None


class ItemTruncate(Payload, tag="item_truncate", frozen=True):
    """Corrects the conversation to what was heard of a spoken item: its first `heard_ms` milliseconds. 0 removes it."""

    item_id: str
    heard_ms: Annotated[float, msgspec.Meta(ge=0)]


class ItemDelete(Payload, tag="item_delete", frozen=True):
    """Takes an item out of the conversation."""

    item_id: str


class ToolResult(Payload, tag="tool_result", frozen=True):
    """What a tool call gave, or with `is_error` why it failed. A reply that uses it is asked for with `RESPONSE_CREATE` after
    the last result of a turn.
    """

    call_id: str
    output: str
    is_error: bool = False


class Image(Payload, tag="image", frozen=True):
    """Shows the model a still picture as the user's."""

    image: bytes
    mime_type: str = "image/png"
    detail: Literal["auto", "low", "high"] = "auto"


class ActivityStart(Payload, tag="activity_start", frozen=True):
    """The user begins to speak (push to talk)."""


class ActivityEnd(Payload, tag="activity_end", frozen=True):
    """The user has finished speaking (push to talk): ends the turn and asks for a reply, on every vendor."""


Command: TypeAlias = (
    SessionCreate
    | SessionUpdate
    | ItemCreate
    | AudioAppend
    | AudioCommit
    | AudioClear
    | ResponseCreate
    | ResponseCancel
    | ItemTruncate
    | ItemDelete
    | ToolResult
    | Image
    | ActivityStart
    | ActivityEnd
)

COMMANDS: Final[dict[MessageType, type[Command]]] = {
    MessageType.SESSION_CREATE: SessionCreate,
    MessageType.SESSION_UPDATE: SessionUpdate,
    MessageType.ITEM_CREATE: ItemCreate,
    MessageType.AUDIO_APPEND: AudioAppend,
    MessageType.AUDIO_COMMIT: AudioCommit,
    MessageType.AUDIO_CLEAR: AudioClear,
    MessageType.RESPONSE_CREATE: ResponseCreate,
    MessageType.RESPONSE_CANCEL: ResponseCancel,
    MessageType.ITEM_TRUNCATE: ItemTruncate,
    MessageType.ITEM_DELETE: ItemDelete,
    MessageType.TOOL_RESULT: ToolResult,
    MessageType.IMAGE: Image,
    MessageType.ACTIVITY_START: ActivityStart,
    MessageType.ACTIVITY_END: ActivityEnd,
}
MESSAGE_TYPES: Final[dict[type, MessageType]] = {command: kind for kind, command in COMMANDS.items()}


def text_item(text: str, role: Role = "user") -> ItemCreate:
    """What adds text to the conversation."""
    return ItemCreate(MessageItem(role, (TextPart(text),)))


def image_item(image: Image, item_id: str = "") -> ItemCreate:
    """What adds a picture to the conversation, as an item like others."""
    part = ImagePart(image.image, image.mime_type, image.detail)
    return ItemCreate(MessageItem("user", (part,), item_id))


def result_item(result: ToolResult) -> ToolResultItem:
    """The item that a tool's result is."""
    return ToolResultItem(result.call_id, result.output, is_error=result.is_error)


_P = TypeVar("_P", bound=Payload)


def convert(data: object, kind: type[_P], *, what: str) -> _P:
    """`data` (a struct of that kind, or a mapping) as a checked `kind`; `MessageError` names the field that does not fit.

    Structs are checked as mappings are, because their constructors check nothing. Bytes are bytes: text is not decoded.
    """
    plain = _plain(data)
    try:
        return msgspec.convert(plain, kind, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise misfit(error, plain, kind, what) from None


def _plain(value: object) -> object:
    """Structs as mappings, all the way down, without what is not set."""
    if isinstance(value, msgspec.Struct):
        config = value.__struct_config__
        fields: dict[object, object] = {name: getattr(value, name) for name in value.__struct_fields__}
        if config.tag_field is not None:
            fields[config.tag_field] = config.tag
        value = fields
    if isinstance(value, Mapping):
        entries = cast("Mapping[object, object]", value).items()
        return {key: _plain(entry) for key, entry in entries if entry is not UNSET}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in cast("Sequence[object]", value)]
    return value


def command(message_type: MessageType | str, data: Command | Mapping[str, Any]) -> Command:
    """The checked command of a message type. Raises `MessageError` naming the field for what does not fit.

    ``SESSION_UPDATE`` takes its options flat as well: ``{"voice": "alloy"}`` means ``{"options": {"voice": "alloy"}}``.
    """
    try:
        kind = COMMANDS[MessageType(message_type)]
    except ValueError:
        raise MessageError(
            f"message type {message_type!r} is not known",
            field="message_type",
            cure="use a member of MessageType",
        ) from None
    except KeyError:
        raise MessageError(
            f"{message_type} only ever arrives from a provider",
            field="message_type",
            cure="read it from events(); audio goes out as AUDIO_APPEND, text as ITEM_CREATE",
        ) from None
    if not isinstance(data, (kind, Mapping)):
        raise MessageError(
            f"{kind.__name__} was expected for {MessageType(message_type).name}, not {type(data).__name__}",
            field="data",
            cure=f"give a {kind.__name__} or a mapping of its fields",
        )
    what = MessageType(message_type).name
    if kind is SessionUpdate and isinstance(data, Mapping) and "options" not in data:
        return SessionUpdate(convert(data, Options, what=what))
    return convert(data, kind, what=what)
