"""What each message of the service tells. Free functions over the connection's `State`, and the table of them.

They take any order and leave out what is missing; the grammar of events is kept by `replies`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import UNSET
from pybase64 import b64decode

from voicechatengine.events import (
    ErrorInfo,
    InputTranscript,
    SpeechStarted,
    SpeechStopped,
    UsageReport,
    VendorMessage,
)
from voicechatengine.messages import Role
from voicechatengine.providers.realtime import decode, objects, opening, wire
from voicechatengine.providers.realtime.replies import Kind, Reply, Status
from voicechatengine.providers.realtime.state import Output, State

STATUS: Final[dict[str | None, Status]] = {
    "cancelled": "interrupted",
    "failed": "failed",
    "incomplete": "incomplete",
}
"""How a response ended; all else is completed."""

KINDS: Final[dict[str, Kind]] = {
    "message": "message",
    "function_call": "tool_call",
    "function_call_output": "tool_result",
}
"""The kinds of item that have a common meaning."""

AS_IT_CAME: Final[dict[str, Any]] = {}
"""Stands for the message itself, with all that the structs do not know of it: the dialect puts that in its place."""

ROLES: Final[dict[object, Role]] = {"user": "user", "system": "system"}


def error(state: State, message: wire.Error, now: float, out: list[Output]) -> None:
    """Something was refused. Two refusals are only races, and are absorbed."""
    detail = message.error
    kind = state.sent.pop(detail.event_id or "", None)
    if detail.code == "response_cancel_not_active":
        return
    active = detail.code == "conversation_already_has_active_response"
    request = state.requests.refused(detail.event_id, active=active)
    if kind in ("audio_commit", "activity_end") and request is None:
        state.commits = max(0, state.commits - 1)
    if not (active and request is not None):
        out.append(decode.error(detail, kind or (request.kind if request is not None else None)))
    state.ask_held(now, out)


def limits(state: State, message: wire.RateLimitsUpdated, _now: float, out: list[Output]) -> None:
    """What is left."""
    out.append(decode.rate_limits(message.rate_limits))


def speech_started(state: State, message: wire.SpeechStarted, _now: float, out: list[Output]) -> None:
    """The user speaks; the service will answer."""
    if state.answers():
        state.requests.speaking()
    out.append(SpeechStarted(message.audio_start_ms, message.item_id or None))


def speech_stopped(state: State, message: wire.SpeechStopped, now: float, out: list[Output]) -> None:
    """The user has spoken; the service commits it next."""
    if state.answers():
        state.requests.spoken(now, committed=False)
    out.append(SpeechStopped(message.audio_end_ms, message.item_id or None))


def committed(state: State, message: wire.BufferCommitted, now: float, out: list[Output]) -> None:
    """Audio became an item. The service answers what it committed itself, and not what we committed."""
    if state.commits:
        state.commits -= 1
    else:
        state.buffered = 0
        if state.answers():
            state.requests.spoken(now, committed=True)
    state.announce(message.item_id, "user", message.previous_item_id, "speech", out)


def cleared(state: State, message: wire.BufferCleared, now: float, out: list[Output]) -> None:
    """The buffer is empty."""
    state.requests.no_turn()
    out.append(VendorMessage("input_audio_buffer.cleared", AS_IT_CAME))
    state.ask_held(now, out)


def item(
    state: State, message: wire.ItemAdded | wire.ItemCreated | wire.ItemDone, _now: float, out: list[Output]
) -> None:
    """An item has its place in the conversation."""
    item = message.item
    if item is None:  # it says nothing
        return
    if state.resuming is not None:
        state.resuming.append(item)
        return
    kind = KINDS.get(item.type or "message")
    if kind is None:
        out.append(VendorMessage(str(message.__struct_config__.tag), AS_IT_CAME))
        return
    role: Role = "assistant" if kind == "tool_call" else "user"
    if kind == "message":
        role = ROLES.get(item.role, "assistant")
        if role == "user" and any(part.type == "input_audio" for part in item.content or ()):
            kind = "speech"
    # The previous item of a `done` is not to be trusted: recordings have null there.
    previous = None if isinstance(message, wire.ItemDone) else message.previous_item_id
    state.announce(item.id or "", role, previous, kind, out)


def truncated(state: State, message: wire.ItemTruncated, _now: float, out: list[Output]) -> None:
    """An item is shorter now, by our wish or the service's own: it cannot be cut at what is gone."""
    item = state.replies.item(message.item_id)
    item.size = min(item.size, state.replies.output.size_of(message.audio_end_ms))
    out.append(VendorMessage("conversation.item.truncated", AS_IT_CAME))


def heard(state: State, message: wire.TranscriptionDelta, _now: float, out: list[Output]) -> None:
    """More of the user's words; each delta begins where the last one ended."""
    item = state.replies.item(message.item_id)
    if item.final or not message.delta:
        return
    item.words += message.delta
    out.append(InputTranscript(item.words.lstrip(), final=False, item_id=message.item_id or None))


def heard_so_far(state: State, message: wire.TranscriptionUpdated, _now: float, out: list[Output]) -> None:
    """The user's words so far, of which earlier ones may have changed."""
    item = state.replies.item(message.item_id)
    words = message.transcript.strip()
    if not item.final and words and words != item.words:
        item.words = words
        out.append(InputTranscript(words, final=False, item_id=message.item_id or None))


def transcript(state: State, message: wire.TranscriptionCompleted, _now: float, out: list[Output]) -> None:
    """All of the user's words, and what it cost to write them down."""
    item = state.replies.item(message.item_id)
    item_id = message.item_id or None
    if not item.final or item_id is None:
        item.final, item.words = item_id is not None, ""
        out.append(InputTranscript(message.transcript.strip(), final=True, item_id=item_id))
    if message.usage:
        usage = decode.transcription_usage(message.usage)
        out.append(UsageReport(usage, "transcription", item_id=item_id))


def transcript_failed(
    state: State, message: wire.TranscriptionFailed, _now: float, out: list[Output]
) -> None:
    """The words of a turn will not come."""
    why = ": ".join(filter(None, (message.error.code, message.error.message))) or "no reason given"
    out.append(ErrorInfo("transcription_failed", f"the words of {message.item_id} are not known: {why}"))


def began(state: State, message: wire.ResponseCreated, now: float, out: list[Output]) -> None:
    """A response begins, by its name."""
    body = message.response
    conversation = body.conversation_id
    in_conversation = None if conversation is UNSET else conversation is not None
    response_id = body.id or state.unnamed()
    if response_id in state.replies.open:
        return
    if state.replies.has_ended(response_id):
        out.append(VendorMessage("response.created", AS_IT_CAME))
        return
    state.begin(response_id, now, out, in_conversation=in_conversation, metadata=body.metadata)


def audio(state: State, message: wire.AudioDelta, now: float, out: list[Output]) -> None:
    """More sound."""
    try:
        decoded = b64decode(message.delta, None, True)
    except ValueError as error:
        out.append(ErrorInfo("invalid_audio", f"the server sent audio that is no base64: {error}"))
        return
    out += sound(state, message.response_id, message.item_id, decoded, now)


def sound(state: State, response_id: str, item_id: str, audio: bytes, now: float) -> Sequence[Output]:
    """More sound, of a response that may have to be begun."""
    out: list[Output] = []
    reply = state.reply(response_id, now, out)
    if reply is not None:
        out += state.replies.audio(reply, state.replies.item(item_id), item_id, audio)
    return out


def text(state: State, message: wire.TextDelta, now: float, out: list[Output]) -> None:
    """More written words."""
    words(state, message, message.delta, now, out, spoken=False)


def text_done(state: State, message: wire.TextDone, now: float, out: list[Output]) -> None:
    """All written words of a part: told where no delta came."""
    words(state, message, message.text, now, out, spoken=False, whole=True)


def spoken(state: State, message: wire.TranscriptDelta, now: float, out: list[Output]) -> None:
    """More spoken words."""
    words(state, message, message.delta, now, out, spoken=True)


def spoken_done(state: State, message: wire.TranscriptDone, now: float, out: list[Output]) -> None:
    """All spoken words of a part: told where no delta came."""
    words(state, message, message.transcript, now, out, spoken=True, whole=True)


def words(
    state: State,
    message: wire.TextDelta | wire.TextDone | wire.TranscriptDelta | wire.TranscriptDone,
    text: str,
    now: float,
    out: list[Output],
    *,
    spoken: bool,
    whole: bool = False,
) -> None:
    """Words of a response; `whole` ones repeat what came as deltas."""
    reply = state.reply(message.response_id, now, out)
    if reply is not None:
        place = (message.item_id, message.content_index or 0, spoken)
        state.replies.text(reply, place, text, out, whole=whole)


def arguments(state: State, message: wire.ArgumentsDone, now: float, out: list[Output]) -> None:
    """A call is whole."""
    reply = state.reply(message.response_id, now, out)
    if reply is not None:
        item = objects.Item(
            id=message.item_id, call_id=message.call_id, name=message.name, arguments=message.arguments
        )
        state.replies.call(reply, item, out)


def output_added(state: State, message: wire.OutputItemAdded, now: float, out: list[Output]) -> None:
    """A response begins an item; of a call, its name is kept."""
    reply = state.reply(message.response_id, now, out)
    item = message.item
    if reply is not None and item is not None and item.type == "function_call" and item.id:
        reply.functions[item.id] = (item.call_id or "", item.name or "")


def output_done(state: State, message: wire.OutputItemDone, now: float, out: list[Output]) -> None:
    """A response has an item whole: its words and its call, if nothing told them yet."""
    reply = state.reply(message.response_id, now, out)
    if reply is not None and message.item is not None:
        output(state, reply, message.item, out)


def output(state: State, reply: Reply, item: objects.Item, out: list[Output]) -> None:
    """An item as a whole: tells what no message before told."""
    item_id = item.id or ""
    if item.type == "function_call":
        state.replies.call(reply, item, out)
    elif item.type == "message" and not any(place[0] == item_id for place in reply.texts):
        for index, part in enumerate(item.content or ()):
            state.replies.text(reply, (item_id, index, True), part.transcript or "", out, whole=True)
            state.replies.text(reply, (item_id, index, False), part.text or "", out, whole=True)


def unsaid(state: State, reply: Reply, item: objects.Item, out: list[Output]) -> None:
    """An item of a response that was interrupted before anything of it was told: nobody heard it, so it was not said."""
    item_id = item.id or ""
    known = state.replies.item(item_id)
    told = any(place[0] == item_id for place in reply.texts) or item.call_id in state.replies.calls
    if item_id and not (told or known.size or known.gone):
        known.gone = True
        state.post(wire.ItemDelete(item_id=item_id), "item_delete", out)


def done(state: State, message: wire.ResponseDone, now: float, out: list[Output]) -> None:
    """A response is over. One without an id is the one that has run longest: they end in the order in which they began."""
    body = message.response
    response_id = body.id or next(iter(state.replies.open), "")
    if state.replies.has_ended(response_id):
        return
    reply = state.replies.open.get(response_id)
    if reply is None:
        conversation = body.conversation_id
        known = None if conversation is UNSET else conversation is not None
        reply = state.begin(
            response_id or state.unnamed(), now, out, in_conversation=known, metadata=body.metadata
        )
    for item in body.output or ():
        if not reply.cut:
            output(state, reply, item, out)
        elif not reply.beside:
            unsaid(state, reply, item, out)
    details = decode.details(body.status_details)
    failure = details.error or objects.StatusError()
    reason = details.reason or failure.code or failure.type or None
    status = STATUS.get(body.status, "completed")
    if status == "failed":
        told = objects.ErrorDetail(
            type=failure.type or None,
            code=failure.code or failure.type or "response_failed",
            message=failure.message or "the response failed",
        )
        out.append(decode.error(told))
    if status == "interrupted" and reason == "turn_detected" and state.answers() and not reply.beside:
        state.requests.drop()
    cost = message.usage or body.usage
    usage = decode.usage(cost) if cost is not None else None
    state.end(reply, out, status, reason, usage=usage, metadata=body.metadata)
    state.ask_held(now, out)


def nothing(state: State, message: wire.Message, _now: float, out: list[Output]) -> None:
    """What other messages tell already."""


HANDLERS: Final[dict[type, Callable[[State, Any, float, list[Output]], None]]] = {
    wire.AudioDelta: audio,
    wire.BetaAudioDelta: audio,
    wire.TextDelta: text,
    wire.BetaTextDelta: text,
    wire.TextDone: text_done,
    wire.BetaTextDone: text_done,
    wire.TranscriptDelta: spoken,
    wire.BetaTranscriptDelta: spoken,
    wire.TranscriptDone: spoken_done,
    wire.BetaTranscriptDone: spoken_done,
    wire.ArgumentsDone: arguments,
    wire.OutputItemAdded: output_added,
    wire.OutputItemDone: output_done,
    wire.ResponseCreated: began,
    wire.ResponseDone: done,
    wire.SessionCreated: opening.created,
    wire.SessionUpdated: opening.updated,
    wire.ConversationCreated: opening.conversation,
    wire.Error: error,
    wire.RateLimitsUpdated: limits,
    wire.SpeechStarted: speech_started,
    wire.SpeechStopped: speech_stopped,
    wire.BufferCommitted: committed,
    wire.BufferCleared: cleared,
    wire.ItemAdded: item,
    wire.ItemCreated: item,
    wire.ItemDone: item,
    wire.ItemTruncated: truncated,
    wire.TranscriptionDelta: heard,
    wire.TranscriptionUpdated: heard_so_far,
    wire.TranscriptionCompleted: transcript,
    wire.TranscriptionFailed: transcript_failed,
    wire.ContentPartAdded: nothing,
    wire.ContentPartDone: nothing,
    wire.ArgumentsDelta: nothing,
    wire.Ping: nothing,
    wire.AudioDone: nothing,
    wire.BetaAudioDone: nothing,
}
"""What each message does; one that is not here has no common meaning."""
