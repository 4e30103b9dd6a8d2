"""What each message of the service tells. Free functions over the connection's `State`, and the table of them.

They take any order and leave out what is missing; the turns are derived in `turns`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
from pybase64 import b64decode

from voicechatengine.events import ErrorInfo, SessionCreated, SessionUpdated, UsageReport, VendorMessage
from voicechatengine.providers.openai_live import decode, encode, sending, wire
from voicechatengine.providers.openai_live.state import State
from voicechatengine.providers.openai_live.turns import Output
from voicechatengine.session.dialect import Close

_json: Final = msgspec.json.Decoder(dict[str, Any]).decode

WHOLE: Final = frozenset(
    {"response.completed", "response.failed", "response.incomplete", "response.cancelled"}
)
"""How a response of the backend ends."""


def started(state: State, message: wire.SessionStarted, now: float, out: list[Output]) -> None:
    """The session is there."""
    if state.started:
        updated(state, message, now, out)
        return
    state.started = True
    state.session_id = decode.text(message.session.get("id")) or state.ids("sess")
    ends = decode.expires_at(message.session)
    state.expires_at = ends if ends is not None and ends > now else None  # one in the past is another clock's
    state.fed = now
    if encode.is_muted(state.options):
        sending.mute(state, out, muted=True)
    out.extend(ErrorInfo("history_item_lost", f"the session does not know {what}") for what in state.lost)
    if state.restore.reply_owed is not None:
        sending.ask(state, state.restore.reply_owed, now, out)
    out.append(SessionCreated(state.session_id, applied=decode.applied(message.session)))


def updated(
    state: State, message: wire.SessionStarted | wire.SessionUpdated, _now: float, out: list[Output]
) -> None:
    """The session changed."""
    out.append(SessionUpdated(state.session_id, applied=decode.applied(message.session)))


def closed(state: State, message: wire.SessionClosed, _now: float, out: list[Output]) -> None:
    """The session is over, for a reason."""
    used(state, message.usage, out)
    unknown = ErrorInfo(f"session_ended_{message.reason}", f"the service ended the session: {message.reason}")
    told = decode.ENDS.get(message.reason, unknown)
    if told is not None:
        out.append(told)
    out.append(Close(1000))


def usage(state: State, message: wire.SessionUsageUpdated, _now: float, out: list[Output]) -> None:
    """What the session cost until now; how full the model's context is has no word of ours."""
    used(state, message.usage, out)
    if isinstance(message.context_window, dict):
        other(state, message, _now, out)


def used(_state: State, given: wire.SessionUsage | None, out: list[Output]) -> None:
    """The seconds of the session."""
    seconds = decode.seconds(given)
    if seconds is not None:
        out.append(UsageReport(seconds, "session"))


def error(state: State, message: wire.Error, _now: float, out: list[Output]) -> None:
    """Something was refused. What keeps a session from starting ends the connection."""
    detail = message.error or wire.ErrorDetail()
    event_id = detail.client_event_id or message.client_event_id
    kind = state.sent.pop(event_id, None) if isinstance(event_id, str) else None
    out.append(decode.error(detail, kind, started=state.started))
    if not state.started:
        out.append(Close(1000))


def audio(state: State, message: wire.AudioDelta, now: float, out: list[Output]) -> None:
    """More of the output."""
    try:
        sound = b64decode(message.delta, None, True)
    except ValueError as error:
        out.append(ErrorInfo("invalid_audio", f"the server sent audio that is no base64: {error}"))
        return
    state.turns.audio(sound, now, out)


def spoken(state: State, message: wire.OutputTranscriptDelta, now: float, out: list[Output]) -> None:
    """More of the model's words."""
    state.turns.words(message.delta, message.start_ms, message.end_ms, now, out)


def heard(state: State, message: wire.InputTranscriptDelta, now: float, out: list[Output]) -> None:
    """More of the user's words."""
    state.turns.heard(message.delta, message.start_ms, message.end_ms, now, out)


def delegated(state: State, message: wire.DelegationCreated, now: float, out: list[Output]) -> None:
    """The model hands work over: to the application as a call, with the words that the user said last."""
    given = message.delegation or wire.Delegation()
    if given.target != "client" or not given.id:
        if isinstance(given.response_id, str) and given.id:
            state.backend.correlate(given.id, given.response_id)
        other(state, message, now, out)
    elif state.backend.delegated(given.id):
        state.turns.call(decode.delegation(given.id, state.turns.said), now, out)


def backend(state: State, message: wire.ResponseEvent, now: float, out: list[Output]) -> None:
    """A response of the backend: its calls and its cost have a meaning, the rest is told as it is."""
    event = message.event
    kind = decode.text(event.get("type"))
    response = decode.mapping(event.get("response"))
    delegation = message.delegation_id if isinstance(message.delegation_id, str) else None
    if kind == "response.output_item.done":
        call = decode.function_call(decode.mapping(event.get("item")))
        if call is not None:
            run = state.backend.run(None, delegation)
            if state.backend.called(run, call.call_id):
                state.turns.call(call, now, out, hold=run.id)
            return
    elif kind == "response.created":
        state.backend.run(decode.text(response.get("id")) or None, delegation, begins=True)
    elif kind in WHOLE:
        run = state.backend.run(decode.text(response.get("id")) or None, delegation)
        cost = decode.tokens(response)
        if not state.turns.whole(run.id, cost) and cost is not None:
            out.append(UsageReport(cost, "response", run.id))
        failure = decode.mapping(response.get("error"))
        if kind == "response.failed":
            why = decode.text(failure.get("message")) or "the backend's response failed"
            out.append(ErrorInfo(decode.text(failure.get("code")) or "response_failed", why))
        if state.backend.whole(run):
            state.continue_backend(now, out)
        elif not run.calls:
            state.requests.answers(now)
        return
    other(state, message, now, out)


def other(state: State, message: wire.Server, _now: float, out: list[Output]) -> None:
    """What has no common meaning, as it came."""
    out.append(VendorMessage(str(message.__struct_config__.tag), _json(state.frame)))


def appended(
    state: State,
    message: wire.InstructionsAppended | wire.ThinkingAppended | wire.CommentaryAppended,
    _now: float,
    out: list[Output],
) -> None:
    """The service has taken what was sent: an item is in its place."""
    item = (
        state.added.pop(message.client_event_id, None) if isinstance(message.client_event_id, str) else None
    )
    if item is not None:
        out.append(item)


HANDLERS: Final[dict[type, Callable[[State, Any, float, list[Output]], None]]] = {
    **dict.fromkeys(wire.SERVER_TYPES.values(), other),
    wire.AudioDelta: audio,
    wire.OutputTranscriptDelta: spoken,
    wire.InputTranscriptDelta: heard,
    wire.SessionStarted: started,
    wire.SessionUpdated: updated,
    wire.SessionClosed: closed,
    wire.SessionUsageUpdated: usage,
    wire.Error: error,
    wire.DelegationCreated: delegated,
    wire.ResponseEvent: backend,
    wire.InstructionsAppended: appended,
    wire.ThinkingAppended: appended,
    wire.CommentaryAppended: appended,
}
"""What each message does."""
