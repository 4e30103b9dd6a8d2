"""Checked by mypy and pyright, never run: `match` over every command is exhaustive, as a dialect's `send` needs it."""

from __future__ import annotations

from typing import assert_never, assert_type

from voicechatengine.messages import (
    ActivityEnd,
    ActivityStart,
    AudioAppend,
    AudioClear,
    AudioCommit,
    AudioPart,
    Command,
    Image,
    ImagePart,
    Item,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    MessageItem,
    MessageType,
    Options,
    Part,
    ResponseCancel,
    ResponseCreate,
    SessionCreate,
    SessionUpdate,
    TextPart,
    ToolCallItem,
    ToolResult,
    ToolResultItem,
    command,
)


def every_command(message: Command) -> None:
    match message:
        case SessionCreate(options=options, history=history):
            assert_type(options, Options)
            assert_type(history, tuple[Item, ...])
        case SessionUpdate(options=options):
            assert_type(options, Options)
        case ItemCreate(item=item, previous_item_id=previous):
            assert_type(item, Item)
            assert_type(previous, str | None)
        case AudioAppend(audio=audio):
            assert_type(audio, bytes)
        case AudioCommit() | AudioClear() | ActivityStart() | ActivityEnd():
            pass
        case ResponseCreate(out_of_band=apart):
            assert_type(apart, bool)
        case ResponseCancel(response_id=response):
            assert_type(response, str | None)
        case ItemTruncate(item_id=item_id, heard_ms=heard):
            assert_type(item_id, str)
            assert_type(heard, float)
        case ItemDelete(item_id=item_id):
            assert_type(item_id, str)
        case ToolResult(call_id=call, output=output):
            assert_type(call, str)
            assert_type(output, str)
        case Image(image=image):
            assert_type(image, bytes)
        case _:
            assert_never(message)


def every_item(item: Item) -> None:
    match item:
        case MessageItem(content=content):
            assert_type(content, tuple[Part, ...])
        case ToolCallItem(arguments=text) | ToolResultItem(output=text):
            assert_type(text, str)
        case _:
            assert_never(item)


def every_part(part: Part) -> None:
    match part:
        case TextPart(text=text):
            assert_type(text, str)
        case AudioPart(audio=content) | ImagePart(image=content):
            assert_type(content, bytes)
        case _:
            assert_never(part)


def one_is_forgotten(message: Command) -> None:
    match message:  # type: ignore[exhaustive-match]  # pyright: ignore[reportMatchNotExhaustive]
        case SessionCreate() | SessionUpdate():
            pass


def what_fits_is_a_command() -> None:
    assert_type(command(MessageType.AUDIO_APPEND, {"audio": b""}), Command)
    command(MessageType.AUDIO_APPEND, b"")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
