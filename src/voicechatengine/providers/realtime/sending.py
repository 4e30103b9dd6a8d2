"""What each command of ours makes the client send. Free functions over the connection's `State`, and the table of them.

Each raises before it changes anything. What the service refuses in any case is refused here, so that the error names the field.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import pybase64
from msgspec import UNSET

from voicechatengine.errors import MessageError
from voicechatengine.messages import (
    MESSAGE_TYPES,
    ActivityEnd,
    ActivityStart,
    AudioClear,
    AudioCommit,
    Command,
    Image,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    MessageType,
    ResponseCancel,
    ResponseCreate,
    SessionCreate,
    SessionUpdate,
    ToolCallItem,
    ToolResult,
    ToolResultItem,
)
from voicechatengine.providers.realtime import encode, wire
from voicechatengine.providers.realtime.state import Output, State
from voicechatengine.session.dialect import Frame
from voicechatengine.session.remember import remember

LEAST_COMMIT_MS: Final = 100.0  # less is refused


def check(state: State, command: Command) -> None:
    """Refuses what the service has no word for."""
    kind = MESSAGE_TYPES[command.__class__]
    if kind in state.differences.refuses and kind != MessageType.ITEM_TRUNCATE:
        raise MessageError(
            f"{kind} is nothing that this service has", field="message_type", cure="see get_capabilities()"
        )


def append(state: State, audio: bytes) -> Sequence[Output]:
    """The fast way: no event id, so an error about audio names none."""
    size = len(audio)
    if audio.__class__ is not bytes or size % state.block:
        state.input.check(audio)  # says what is wrong, if anything is
    if not size:
        return ()
    state.buffered += size
    if size > encode.APPEND_BYTES:
        return _appended(audio)
    return (Frame(encode.append(audio)),)


def _appended(audio: bytes) -> Sequence[Output]:
    """More audio than fits into one message."""
    most = encode.APPEND_BYTES
    return [Frame(encode.append(audio[at : at + most])) for at in range(0, len(audio), most)]


def create_session(state: State, _command: SessionCreate, _now: float, _out: list[Output]) -> None:
    """Refused: the session is there."""
    raise MessageError(
        "the session is open", field="message_type", cure="use SESSION_UPDATE to change its options"
    )


def update(state: State, command: SessionUpdate, now: float, out: list[Output]) -> None:
    """Sends what changes, and only that."""
    change = command.options
    names = change.changes().keys() - {"model"}
    if change.model is not UNSET and change.model != state.options.model:
        raise MessageError(
            "the model of an open session cannot change",
            field="model",
            cure="disconnect, set it, and connect again",
        )
    options = encode.updated(state.options, change)
    session = encode.session(options, state.differences, names, change.vendor or None)
    state.options = options
    state.set_formats()
    if not state.answers():
        state.requests.no_turn()
    if names:
        state.post(wire.SessionUpdate(session=session), "session_update", out)
    state.ask_held(now, out)


def create_item(state: State, command: ItemCreate, _now: float, out: list[Output]) -> None:
    """Adds an item, under an id of ours if it has none."""
    given = command.item
    item = encode.item(given, state.input, state.differences)
    if isinstance(given, ToolResultItem):
        state.answer_call(given.call_id)
    elif isinstance(given, ToolCallItem):
        remember(state.replies.calls, given.call_id, value=True)
    item.id = item.id or state.ids("item")
    previous = command.previous_item_id or ""
    message = wire.ItemCreate(item=item, previous_item_id=state.aliases.get(previous, previous) or UNSET)
    state.post(message, "item_create", out)
    state.requests.unanswered = True


def result(state: State, command: ToolResult, _now: float, out: list[Output]) -> None:
    """Adds a call's result."""
    state.answer_call(command.call_id)
    item = encode.tool_result(command)
    item.id = state.ids("item")
    state.post(wire.ItemCreate(item=item), "tool_result", out)
    state.requests.unanswered = True


def image(state: State, command: Image, _now: float, out: list[Output]) -> None:
    """Adds a picture, as an item or as a frame beside the user's speech."""
    item = encode.picture(command, state.differences)
    if state.differences.frames:
        if not state.buffered:
            raise MessageError(
                "the service takes a picture only after audio of the same turn",
                field="image",
                cure="send audio first, silence if nothing else",
            )
        state.post(wire.ImageAppend(image=pybase64.b64encode_as_string(command.image)), "image", out)
        return
    item.id = state.ids("item")
    state.post(wire.ItemCreate(item=item), "image", out)
    state.requests.unanswered = True


def commit(state: State, _command: AudioCommit, _now: float, out: list[Output]) -> None:
    """Ends a turn without asking for a reply."""
    check_commit(state)
    post_commit(state, "audio_commit", out)


def check_commit(state: State) -> None:
    """A turn of the application's own has to be long enough; what the service detects it counts itself."""
    least = state.input.size_of(LEAST_COMMIT_MS)
    if state.options.turn_detection is None and state.buffered < least:
        raise MessageError(
            f"{state.input.duration_ms(state.buffered):g} ms of audio are too little for a turn",
            field="audio",
            cure=f"send at least {LEAST_COMMIT_MS:g} ms before the turn ends",
            code="input_audio_buffer_commit_empty",
        )


def post_commit(state: State, kind: str, out: list[Output]) -> None:
    """Commits what was sent."""
    state.post(wire.BufferCommit(), kind, out)
    state.buffered = 0
    state.commits += 1
    state.requests.unanswered = True


def clear(state: State, _command: AudioClear, _now: float, out: list[Output]) -> None:
    """Forgets what was sent and not committed."""
    state.post(wire.BufferClear(), "audio_clear", out)
    state.buffered = 0


def activity_start(state: State, _command: ActivityStart, _now: float, _out: list[Output]) -> None:
    """The service is told nothing: a turn begins with its audio."""


def activity_end(state: State, _command: ActivityEnd, now: float, out: list[Output]) -> None:
    """Ends the turn and asks for a reply, with turn detection on as well: the service answers no commit by itself."""
    check_commit(state)
    state.requests.add(ResponseCreate(), "activity_end", insisted=True)
    post_commit(state, "activity_end", out)
    state.requests.unanswered = False
    state.ask_held(now, out)


def ask(state: State, command: ResponseCreate, now: float, out: list[Output]) -> None:
    """Asks for a reply, now or when one can be asked for; see `requests`."""
    encode.response(
        command, state.input, state.differences
    )  # what cannot be asked is told now, not when its time comes
    state.requests.add(command)
    state.ask_held(now, out)


def cancel(state: State, command: ResponseCancel, now: float, out: list[Output]) -> None:
    """Stops a response: the one named, or the conversation's. One that has not begun is cancelled when it does."""
    reply = state.replies.open.get(command.response_id or state.requests.active or "")
    if reply is not None:
        if not reply.cut:
            state.interrupt(reply, now, out)
    elif command.response_id is None and state.requests.cancel(now):
        state.post(wire.ResponseCancel(), "response_cancel", out)


def truncate(state: State, command: ItemTruncate, _now: float, out: list[Output]) -> None:
    """Cuts an item at what was heard, and at most at what came of it. One of which nothing was heard is deleted: the
    service refuses to cut at 0. Written words were read, not heard: only 0 removes them.
    """
    item_id = state.aliases.get(command.item_id, command.item_id)
    item = state.replies.item(item_id)
    output = state.replies.output
    heard = int(min(command.heard_ms, output.duration_ms(item.size)))
    if (
        MessageType.ITEM_TRUNCATE in state.differences.refuses
    ):  # whoever folds the conversation knows it; the model does not
        return
    if item.gone or (item.size == 0 and item.written and command.heard_ms > 0):
        return
    if heard <= 0:
        item.gone = True
        state.post(wire.ItemDelete(item_id=item_id), "item_truncate", out)
        return
    message = wire.ItemTruncate(item_id=item_id, content_index=0, audio_end_ms=heard)
    state.post(message, "item_truncate", out)
    item.size = output.size_of(heard)


def delete(state: State, command: ItemDelete, _now: float, out: list[Output]) -> None:
    """Removes an item, once."""
    item_id = state.aliases.get(command.item_id, command.item_id)
    item = state.replies.item(item_id)
    if not item.gone:
        item.gone = True
        state.post(wire.ItemDelete(item_id=item_id), "item_delete", out)


SENDERS: Final[dict[type, Callable[[State, Any, float, list[Output]], None]]] = {
    SessionCreate: create_session,
    SessionUpdate: update,
    ItemCreate: create_item,
    AudioCommit: commit,
    AudioClear: clear,
    ResponseCreate: ask,
    ResponseCancel: cancel,
    ItemTruncate: truncate,
    ItemDelete: delete,
    ToolResult: result,
    Image: image,
    ActivityStart: activity_start,
    ActivityEnd: activity_end,
}
"""What each command does."""
