"""What each command of ours makes the client send. Free functions over the connection's `State`, and the table of them.

Each raises before it changes anything. What the service cannot do is refused here, so that the error names the field.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from voicechatengine.errors import MessageError
from voicechatengine.messages import (
    ActivityEnd,
    ActivityStart,
    AudioClear,
    AudioCommit,
    Command,
    Image,
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
from voicechatengine.providers.openai_live import encode, wire
from voicechatengine.providers.openai_live.state import State
from voicechatengine.providers.openai_live.turns import Output
from voicechatengine.session.dialect import Frame


def append(state: State, audio: bytes, now: float) -> Sequence[Output]:
    """The fast way: no event id, so an error about audio names none."""
    state.form.check(audio)
    if not audio:
        return ()
    state.appended += len(audio)
    state.fed = now
    size = encode.APPEND_BYTES
    if len(audio) <= size:
        return (Frame(encode.append(audio)),)
    return [Frame(encode.append(audio[at : at + size])) for at in range(0, len(audio), size)]


def update(state: State, command: SessionUpdate, _now: float, out: list[Output]) -> None:
    """Sends what changes, and only that."""
    before, after = state.options, state.options.merged(command.options)
    changed = encode.update(before, command.options)
    if changed:
        state.post(wire.SessionUpdate(changed), "session_update", out)
    if encode.is_muted(before) != encode.is_muted(after):
        mute(state, out, muted=encode.is_muted(after))
    state.options = after


def mute(state: State, out: list[Output], *, muted: bool) -> None:
    """Closes or opens the model's ears."""
    state.post(wire.AudioMute() if muted else wire.AudioUnmute(), "session_update", out)


def create_item(state: State, command: ItemCreate, now: float, out: list[Output]) -> None:
    """Adds text as context, and a call's result as context that is not spoken of by itself."""
    item = command.item
    if command.previous_item_id is not None:
        raise MessageError(
            "this service has no places among items: what is added comes last",
            field="previous_item_id",
            cure="leave it out",
        )
    if isinstance(item, ToolCallItem):
        raise MessageError(
            "item: this service takes no calls of tools", field="item", cure="tell of it as text"
        )
    if isinstance(item, ToolResultItem):
        silent_result(state, item, now, out)
        return
    add(state, item, out)


def add(state: State, item: MessageItem, out: list[Output]) -> None:
    """Adds a message. That it is there is told when the service has taken it."""
    first, *rest = encode.context(item)
    event_id = state.post(first, "item_create", out)
    for message in rest:
        state.post(message, "item_create", out)
    state.added[event_id] = state.turns.place(item.id or state.ids("item"), item.role)
    state.requests.unanswered = True


def silent_result(state: State, item: ToolResultItem, now: float, out: list[Output]) -> None:
    """A result as an item: of a delegation it is told to the model silently, as progress; any other as `result` has it."""
    kind = state.backend.kind(item.call_id)
    if kind != "delegation":
        result(state, ToolResult(item.call_id, item.output, item.is_error), now, out)
        return
    for piece in encode.pieces(encode.result(item.output, is_error=item.is_error)):
        state.post(wire.ThinkingAppend(piece, item.call_id), "item_create", out)


def result(state: State, command: ToolResult, now: float, out: list[Output]) -> None:
    """A call's result. Of a delegation it is commentary, so the model speaks of it; of a function the backend goes on with the
    last one. A call of an earlier session is told of as text: this one knows nothing of it.
    """
    kind = state.backend.kind(command.call_id)
    output = encode.result(command.output, is_error=command.is_error)
    if kind == "function":
        item = {"type": "function_call_output", "call_id": command.call_id, "output": output}
        state.post(wire.ResponseItemCreate(item), "tool_result", out)
        announce(state, out)
        if state.backend.answer(command.call_id):
            state.continue_backend(now, out)
        return
    delegation = command.call_id if kind == "delegation" else None
    for piece in encode.pieces(output or "Done."):
        state.post(wire.CommentaryAppend(piece, delegation), "tool_result", out)
    announce(state, out)
    state.backend.answer(command.call_id)
    state.turns.answered(out)
    state.requests.answers(now)


def announce(state: State, out: list[Output]) -> None:
    """A result takes its place in the conversation."""
    state.turns.announce(state.ids("item"), "user", out, "tool_result")


def ask(state: State, command: ResponseCreate, now: float, out: list[Output]) -> None:
    """Ensures that a reply is coming; see `requests`."""
    encode.request(command)  # what cannot be asked is told now, not when its time comes
    busy, listening = state.turns.reply is not None, state.turns.listening
    state.turns.wanted()
    if state.requests.ask(command, now, busy=busy, listening=listening):
        state.tell(command, out)


def cancel(state: State, command: ResponseCancel, now: float, out: list[Output]) -> None:
    """Stops a reply for the listener: the wire has no word for it, so what still comes of it is dropped here."""
    reply = state.turns.reply
    if command.response_id is not None and (reply is None or reply.id != command.response_id):
        return
    awaited = state.requests.drop() and not state.turns.listening  # what the user says now wants an answer
    state.turns.interrupt(now, out, awaited=awaited)


def truncate(state: State, command: ItemTruncate, _now: float, _out: list[Output]) -> None:
    """The conversation is corrected by who keeps it; the model cannot learn of it."""


def refused(state: State, command: Command, _now: float, _out: list[Output]) -> None:
    """What the service cannot do."""
    why, cure = _REFUSED[command.__class__]
    raise MessageError(why, field="message_type", cure=cure)


_MANUAL: Final = (
    "the model itself decides when the user's turn is over",
    "leave turns to it; vendor={'muted': True} closes its ears",
)
_REFUSED: Final[dict[type, tuple[str, str]]] = {
    SessionCreate: ("the session is open", "use SESSION_UPDATE to change its options"),
    AudioCommit: _MANUAL,
    AudioClear: ("audio that was sent has been heard", "leave it out"),
    ActivityStart: _MANUAL,
    ActivityEnd: _MANUAL,
    Image: ("this service takes no images", "leave it out"),
    ItemDelete: ("this service has no items that could be deleted", "leave it out"),
}

SENDERS: Final[dict[type, Callable[[State, Any, float, list[Output]], None]]] = {
    SessionUpdate: update,
    ItemCreate: create_item,
    ResponseCreate: ask,
    ResponseCancel: cancel,
    ItemTruncate: truncate,
    ToolResult: result,
    **dict.fromkeys(_REFUSED, refused),
}
"""What each command does."""
