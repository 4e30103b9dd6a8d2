"""How a session begins: it is told its options and its history, or goes on with a conversation that the service has kept.

A service that keeps conversations is asked for one by its id. It goes on if it says that id again: its items come under new ids
before the options are confirmed, and are told to nobody. Else the history is told, as to a service that keeps none.
"""

from __future__ import annotations

from typing import Any, Final

from voicechatengine.errors import ProviderError
from voicechatengine.events import ErrorInfo, SessionCreated, SessionUpdated
from voicechatengine.messages import Item, MessageItem, ToolCallItem, ToolResultItem
from voicechatengine.providers.realtime import decode, encode, objects, sending, wire
from voicechatengine.providers.realtime.state import Output, State
from voicechatengine.session.remember import remember

_TYPES: Final[dict[type, str]] = {ToolCallItem: "function_call", ToolResultItem: "function_call_output"}


def created(state: State, message: wire.SessionCreated, now: float, out: list[Output]) -> None:
    """The session is there."""
    session = message.session
    if state.session_id:
        updated(state, message, now, out)
        return
    state.session_id = decode.text(session, "id") or state.ids("sess")
    expires_at = session.get("expires_at")
    if isinstance(expires_at, (int, float)) and expires_at > now:  # a limit in the past is another clock's
        state.expires_at = expires_at
    update = wire.SessionUpdate(session=encode.opening(state.options, state.differences))
    state.post(update, "session_update", out)
    if state.restore.handle is not None and state.differences.resumes:
        state.resuming = []
    else:
        _tell(state, session, now, out)


def conversation(state: State, message: wire.ConversationCreated, now: float, out: list[Output]) -> None:
    """The conversation is there: by its id, it is known whether an earlier one goes on."""
    state.conversation_id = decode.text(message.conversation, "id") or None
    if state.resuming is not None and state.conversation_id != state.restore.handle:
        _tell(state, {}, now, out)


def updated(
    state: State, message: wire.SessionCreated | wire.SessionUpdated, now: float, out: list[Output]
) -> None:
    """The session changed, or goes on."""
    if state.resuming is None:
        applied = decode.applied(message.session, state.differences)
        out.append(SessionUpdated(state.session_id, applied=applied))
    elif state.conversation_id is None:  # it is another one, and says nothing of it
        _tell(state, message.session, now, out)
    else:
        _go_on(state, message.session, out)


def _tell(state: State, session: dict[str, Any], now: float, out: list[Output]) -> None:
    """Replays the history, asks for the reply that is owed."""
    state.resuming = None
    restore = state.restore
    for index, item in enumerate(restore.history):
        try:
            encoded = encode.replayed(item, state.input, state.differences)
        except ProviderError as error:
            out.append(ErrorInfo("history_item_lost", f"item {index} of the history: {error}"))
            continue
        if encoded is None:
            continue
        known = state.replies.items.get(item.id)
        fits = 0 < len(item.id) <= state.differences.id_length and known is None
        encoded.id = item.id if fits else state.ids("item")
        added = state.replies.item(encoded.id)
        added.announced = added.written = True
        _call(state, item)
        state.post(wire.ItemCreate(item=encoded), "session_create", out)
    if restore.reply_owed is not None:
        sending.ask(state, restore.reply_owed, now, out)
    out.append(SessionCreated(state.session_id, applied=decode.applied(session, state.differences)))


def _go_on(state: State, session: dict[str, Any], out: list[Output]) -> None:
    """Finds the items that we know among those that the service has, the last ones first: they have new ids now."""
    kept, state.resuming = list(state.resuming or ()), None
    for item in reversed(state.restore.history):
        _call(state, item)
        while kept:
            theirs = kept.pop()
            if _alike(item, theirs) and theirs.id:
                state.aliases[item.id] = theirs.id
                known = state.replies.item(theirs.id)
                known.announced = known.written = True
                break
    applied = decode.applied(session, state.differences)
    out.append(SessionCreated(state.session_id, resumed=True, applied=applied))


def _alike(item: Item, theirs: objects.Item) -> bool:
    role = item.role if isinstance(item, MessageItem) else None
    return theirs.type == _TYPES.get(type(item), "message") and role in (None, theirs.role)


def _call(state: State, item: Item) -> None:
    """A call of the history is not told again, and gets one result."""
    if isinstance(item, ToolResultItem):
        remember(state.replies.calls, item.call_id, value=False)
    elif isinstance(item, ToolCallItem) and item.call_id not in state.replies.calls:
        remember(state.replies.calls, item.call_id, value=True)
