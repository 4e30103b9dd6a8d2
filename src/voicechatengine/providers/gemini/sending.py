"""What each command of ours makes the client send. Free functions over the connection's `State`, and the table of them.

Each raises before it changes anything. What the service refuses in any case is refused here, so that the error names the field.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from pybase64 import b64encode

from voicechatengine.errors import MessageError
from voicechatengine.events import SessionUpdated
from voicechatengine.messages import (
    ActivityEnd,
    ActivityStart,
    AudioClear,
    AudioCommit,
    Image,
    Item,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    MessageItem,
    ResponseCancel,
    ResponseCreate,
    SessionCreate,
    SessionUpdate,
    ToolCallItem,
    ToolResult,
    ToolResultItem,
)
from voicechatengine.providers.gemini import encode, encode_content, encode_tools, objects, resume, wire
from voicechatengine.providers.gemini.state import ANSWER_S, Asked, Output, State
from voicechatengine.session.dialect import Frame

APPEND_BYTES: Final = 3 << 20  # audio in one message: a message of 4 MiB is taken everywhere
CHANGEABLE: Final = ("instructions", "tools")

_END: Final = b'"}}}'  # after `State.head` and the base64


def append(state: State, audio: bytes) -> Sequence[Output]:
    """The fast way. In push to talk the first audio begins the user's turn, if nobody said that it began."""
    size = len(audio)
    if audio.__class__ is not bytes or size % state.block:
        state.input.check(audio)  # says what is wrong, if anything is
    if not size:
        return ()
    out: list[Output] = []
    if state.pending and not state.busy and state.takes_content:
        state.flush(out)
    if state.manual and not state.activity:
        begin_activity(state, out)
    state.streaming = state.unanswered_audio = True
    for at in range(0, size, APPEND_BYTES):
        piece = audio[at : at + APPEND_BYTES] if size > APPEND_BYTES else audio
        state.bookmark.sent()
        out.append(Frame(b"".join((state.head, b64encode(piece), _END))))
    return out


def create_session(state: State, _command: SessionCreate, _now: float, _out: list[Output]) -> None:
    """Refused: the session is there."""
    raise MessageError(
        "the session is open", field="message_type", cure="use SESSION_UPDATE to change its options"
    )


def update(state: State, command: SessionUpdate, _now: float, out: list[Output]) -> None:
    """Sends what changes: instructions and tools, to the models that can take them in mid-session."""
    changes = command.options.changes()
    known = CHANGEABLE if state.traits.context_update else ()
    for name in changes:
        if name not in known:
            raise MessageError(
                f"{name} of an open session cannot change",
                field=name,
                cure="disconnect, set it, and connect again"
                + (f"; {' and '.join(known)} can change" if known else ""),
            )
    options = state.options.merged(command.options)
    encode.check(options, state.surface)
    state.options = options
    if changes:
        content = msgspec.convert(encode.context_update(options, changes), wire.ContextUpdate)
        state.post(wire.ClientMessage(context_update=content), out)
    out.append(SessionUpdated(state.session_id))


def create_item(state: State, command: ItemCreate, _now: float, out: list[Output]) -> None:
    """Adds an item at the end; it is sent with the next request, or before the user's speech."""
    item = command.item
    if command.previous_item_id not in (None, state.turn.last_item):
        raise MessageError(
            "previous_item_id: the service adds at the end only",
            field="previous_item_id",
            cure="leave it out",
        )
    if isinstance(item, ToolResultItem) and item.call_id in state.calls:
        result(state, ToolResult(item.call_id, item.output, item.is_error), _now, out, item.id)
        return
    content = encode_content.content(item, state.input, state.names)
    role = item.role if isinstance(item, MessageItem) else "user"
    if role == "system" and not state.surface.vertex:
        raise MessageError(
            "role: the Developer API takes no words of the system in mid-session",
            field="role",
            cure="use update_session(instructions=...) where the model can, or say it as the user",
        )
    if content.role != "user" and not state.takes_content:
        raise MessageError(
            f"role: {state.model} takes the user's words only once the conversation has begun",
            field="role",
            cure="add other items before the first turn, as the history of SESSION_CREATE",
        )
    state.check_room()
    if isinstance(item, ToolCallItem):
        state.names[item.call_id] = item.name
    state.hold(place(state, item, item.id or state.ids("item")), content, out)


def place(state: State, item: Item, item_id: str) -> str:
    """Keeps where an item stands; gives by what it is known, see `resume.key`."""
    if isinstance(item, MessageItem):
        state.turn.note(item_id, item.role, "message")
    elif isinstance(item, ToolCallItem):
        state.turn.note(item_id, "assistant", "tool_call")
    else:
        state.turn.note(item_id, "user", "tool_result")
    return item_id if isinstance(item, MessageItem) else resume.key(item)


def result(
    state: State, command: ToolResult, now: float, out: list[Output], item_id: str | None = None
) -> None:
    """Gives a call's result, at once. One whose call was cancelled is of no use to anybody."""
    call = state.calls.get(command.call_id)
    if call is None:
        _late_result(state, command, item_id, out)
        return
    if not call.wanted:
        if call.cancelled:
            return
        raise MessageError(
            f"the call {command.call_id} has its result", field="call_id", cure="give each call one result"
        )
    scheduling = encode_tools.scheduling(state.options, call.name)
    given = encode_content.result(
        call.id, call.name, command.output, is_error=command.is_error, scheduling=scheduling
    )
    call.wanted = False
    state.post(wire.ClientMessage(tool_response=wire.ToolResponse([given])), out)
    item = ToolResultItem(command.call_id, command.output)
    state.bookmark.said(place(state, item, item_id or state.ids("item")))
    if state.calling or scheduling == "SILENT":
        return
    if any(each.dropped for each in state.calls.values()):
        state.mute_due = now + ANSWER_S
        for each in state.calls.values():
            each.dropped = False
    state.answering = "tools"


def _late_result(state: State, command: ToolResult, item_id: str | None, out: list[Output]) -> None:
    """The result of a call that the service knows from the history only."""
    item = ToolResultItem(command.call_id, command.output, is_error=command.is_error)
    content = encode_content.content(item, state.input, state.names)
    del state.names[command.call_id]
    state.hold(place(state, item, item_id or state.ids("item")), content, out)


def image(state: State, command: Image, _now: float, out: list[Output]) -> None:
    """Shows a picture: while audio flows as a frame of video, at once; else with the next request."""
    blob = encode_content.picture(command)
    state.check_room()
    key = place(state, MessageItem("user", ()), state.ids("item"))
    if state.streaming:
        state.realtime(wire.RealtimeInput(video=blob), out)
        state.bookmark.said(key)
    else:
        state.hold(key, objects.Content([objects.Part(inline_data=blob)], "user"), out)


# ------------------------------------------------------------------ the user's turn


def begin_activity(state: State, out: list[Output]) -> None:
    """Push to talk: the user's turn begins."""
    state.activity, state.committed = True, False
    state.realtime(wire.RealtimeInput(activity_start={}), out)


def activity_start(state: State, _command: ActivityStart, _now: float, out: list[Output]) -> None:
    """The user begins to speak, which interrupts the model. With turn detection, the service finds that by itself."""
    if state.manual and not state.activity:
        if state.pending and not state.busy and state.takes_content:
            state.flush(out)
        begin_activity(state, out)


def end_activity(state: State, command: ResponseCreate, kind: str, now: float, out: list[Output]) -> None:
    """Push to talk: the user's turn is over, which asks for a reply."""
    if state.pending and not state.takes_content:
        state.flush(out)  # as part of the turn
    state.activity = state.committed = False
    state.realtime(wire.RealtimeInput(activity_end={}), out)
    state.begun = True
    state.mute_due = None
    state.asked = Asked(command, now + state.patience, kind)


def activity_end(state: State, _command: ActivityEnd, now: float, out: list[Output]) -> None:
    """Ends the turn and asks for a reply; where the service detects turns, by telling it that no more audio comes."""
    if not state.manual:
        end_stream(state, out)
        return
    check_activity(state)
    end_activity(state, ResponseCreate(), "activity_end", now, out)


def check_activity(state: State) -> None:
    """There must be a turn to end."""
    if not state.activity:
        raise MessageError(
            "there is no turn to end", field="audio", cure="send audio, or ACTIVITY_START, first"
        )


def end_stream(state: State, out: list[Output]) -> None:
    """The microphone pauses: the service takes what it has for the whole turn."""
    if state.surface.vertex:
        raise MessageError(
            "the service detects the end of a turn by itself",
            field="turn_detection",
            cure="send silence, or use turn_detection=None",
        )
    state.realtime(wire.RealtimeInput(audio_stream_end=True), out)


def commit(state: State, _command: AudioCommit, _now: float, out: list[Output]) -> None:
    """Ends a turn without asking for a reply. The service answers each turn, so it is told when a reply is wanted."""
    if not state.manual:
        end_stream(state, out)
        return
    check_activity(state)
    state.committed = True


def clear(state: State, _command: AudioClear, _now: float, out: list[Output]) -> None:
    """Refused, unless there is nothing to forget: what was sent was heard."""
    if state.activity or (state.unanswered_audio and not state.manual):
        raise MessageError(
            "audio that was sent cannot be taken back", field="message_type", cure="interrupt the reply to it"
        )


# ------------------------------------------------------------------ replies


def ask(state: State, command: ResponseCreate, now: float, out: list[Output]) -> None:
    """Ensures that a reply is coming, see `State`. One to results of tools comes by itself, and so does one to speech."""
    encode.check_request(command, state.options)
    if state.committed:
        end_activity(state, command, "activity_end", now, out)
    elif state.pending:
        state.wanted = command
        state.ask_wanted(now, out)
    elif state.absorb:
        state.absorb = False
    elif state.asked is not None:
        return
    elif state.answering == "tools" and state.mute_due is None:
        state.asked, state.answering = Asked(command, now + state.patience, "tool_result"), None
    else:
        state.wanted = command
        state.ask_wanted(now, out)


def cancel(state: State, command: ResponseCancel, now: float, out: list[Output]) -> None:
    """Stops the reply: the one named, or whichever runs. The service cannot, so what still comes of it is dropped."""
    reply = state.turn.open
    if command.response_id is not None and (reply is None or reply.id != command.response_id):
        return
    state.wanted = None
    if reply is not None:
        state.interrupt(now, out)
        return
    if state.asked is not None or state.answering == "tools":
        state.asked = None
        state.mute_due = now + ANSWER_S
    state.drop_calls()


def truncate(state: State, _command: ItemTruncate, _now: float, _out: list[Output]) -> None:
    """Nothing is sent: the service cannot be told what was heard, so only our history is corrected."""


def delete(state: State, _command: ItemDelete, _now: float, _out: list[Output]) -> None:
    """Refused: the service deletes nothing."""
    raise MessageError(
        "the service deletes no items",
        field="message_type",
        cure="begin another session with the history that is wanted",
    )


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
