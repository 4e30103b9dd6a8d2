"""What the service's messages tell. Free functions over the connection's `State`, in the order in which one message is read.

A message may hold anything at once, so it is read in the order of cause and effect: its cost first, then what the user did, then
what the model makes, then what ends. What is missing is left out; the grammar of events is kept by `turn`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import ProviderError
from voicechatengine.events import (
    ErrorInfo,
    InputTranscript,
    SessionCreated,
    SessionExpiring,
    SpeechStopped,
    ToolCall,
    ToolCallCancelled,
    UsageReport,
    VendorMessage,
)
from voicechatengine.messages import Item, MessageItem, ToolCallItem, ToolResultItem
from voicechatengine.providers.gemini import decode, encode_content, encode_tools, objects, resume, wire
from voicechatengine.providers.gemini.state import (
    ANSWER_S,
    LATE_S,
    QUIET_S,
    Call,
    Held,
    Output,
    State,
)
from voicechatengine.session.remember import remember

GONE_S: Final = 10.0  # left after a goAway that does not say how much
_STARTS: Final = ("ACTIVITY_START", "VAD_SIGNAL_TYPE_SOS")
_ENDS: Final = ("ACTIVITY_END", "VAD_SIGNAL_TYPE_EOS")


def read(  # noqa: C901, PLR0912 - the order in which a message is read is best seen in one place
    state: State, message: wire.ServerMessage, now: float, out: list[Output]
) -> None:
    """A whole message."""
    content = message.server_content
    if message.usage_metadata is not None:
        usage(state, message.usage_metadata)
    if message.setup_complete is not None:
        created(state, message.setup_complete, now, out)
    if message.voice_activity is not None:
        given = message.voice_activity
        activity(state, given.voice_activity_type or given.type, given.audio_offset, now, out)
    if message.voice_activity_detection_signal is not None:
        activity(state, message.voice_activity_detection_signal.vad_signal_type, None, now, out)
    if content is not None and content.interrupted:
        interrupted(state, now, out)
    if message.tool_call_cancellation is not None:
        cancelled(state, message.tool_call_cancellation.ids or [], out)
    if content is not None:
        if content.interim_input_transcription is not None or content.input_transcription is not None:
            heard(state, content, now, out)
        if content.model_turn is not None:
            model_turn(state, content.model_turn, now, out)
        if content.output_transcription is not None and content.output_transcription.text:
            spoken(state, content.output_transcription.text, now, out)
    if message.tool_call is not None:
        called(state, message.tool_call.function_calls or [], now, out)
    if content is not None:
        ended(state, content, now, out)
    if state.cost is not None:
        told, state.cost = state.cost, None
        last = state.turn.last_id
        out.append(UsageReport(told, "session" if last is None else "response", last))
    if message.go_away is not None:
        state.leaving = True
        left = decode.seconds(message.go_away.time_left)
        out.append(SessionExpiring(GONE_S if left is None else left))
    if message.session_resumption_update is not None:
        resumption(state, message.session_resumption_update, out)


def usage(state: State, given: objects.Usage) -> None:
    """What the reply cost so far: the one that runs, or that begins with this message."""
    told = decode.usage(given)
    if state.turn.open is not None:
        state.turn.open.usage = told
    else:
        state.cost = told


# ------------------------------------------------------------------ the session


def created(state: State, message: wire.SetupComplete, now: float, out: list[Output]) -> None:
    """The session is there: tells it what it does not know."""
    if state.session_id:
        return
    state.session_id = message.session_id or state.ids("sess")
    resumed = state.memo is not None
    if state.memo is None:
        _seed(state, state.restore.history, out)
    else:
        resumed = _catch_up(state, state.memo.unseen, out)
    if state.restore.reply_owed is not None:
        state.wanted = state.restore.reply_owed
        state.ask_wanted(now, out)
    out.append(SessionCreated(state.session_id, resumed=resumed))


def seeds(history: tuple[Item, ...]) -> bool:
    """Whether a history has more in it than what the user wrote last, which waits for a request."""
    return any(not (isinstance(item, MessageItem) and item.role in ("user", "system")) for item in history)


def _seed(state: State, history: tuple[Item, ...], out: list[Output]) -> None:
    """A session that begins anew gets the whole history; what the user wrote last waits for a request, or for speech."""
    contents: list[tuple[Item, objects.Content]] = []
    names = _names(history)
    for index, item in enumerate(history):
        content = _replayed(state, item, names, f"item {index} of the history", out)
        if content is not None:
            contents.append((item, content))
    waiting: list[Held] = []
    while contents and isinstance(contents[-1][0], MessageItem) and contents[-1][1].role == "user":
        item, content = contents.pop()
        waiting.insert(0, Held(resume.key(item), content))
    announced = state.traits.history_config and not state.surface.vertex and seeds(history)
    if contents or announced:
        turns = encode_content.turns(content for _, content in contents)
        seed = wire.ClientContent(turns or None, turn_complete=announced)
        state.post(wire.ClientMessage(client_content=seed), out)
        state.begun = announced
        state.seeded = True
    state.pending += waiting
    for item in history:
        _known(state, item)


def _catch_up(state: State, unseen: tuple[str, ...], out: list[Output]) -> bool:
    """What came after its handle waits to be told to a resumed session; whether all of that is known."""
    history = {resume.key(item): item for item in state.restore.history}
    names = _names(state.restore.history)
    state.begun = True
    for item in state.restore.history:
        _known(state, item)
    found = [history[key] for key in unseen if key in history]
    for item in found:
        content = _replayed(state, item, names, f"the item {resume.key(item)}", out)
        if content is not None:
            state.pending.append(Held(resume.key(item), content))
    return len(found) == len(unseen)  # else there are words that never came


def _names(history: tuple[Item, ...]) -> dict[str, str]:
    """The functions of the calls in a history."""
    return {item.call_id: item.name for item in history if isinstance(item, ToolCallItem)}


def _replayed(
    state: State, item: Item, names: dict[str, str], what: str, out: list[Output]
) -> objects.Content | None:
    if isinstance(item, MessageItem) and item.role == "system" and not state.surface.vertex:
        return None  # it is among the instructions
    try:
        return encode_content.replayed(item, state.input, names)
    except ProviderError as error:
        out.append(ErrorInfo("history_item_lost", f"{what}: {error}"))
        return None


def _known(state: State, item: Item) -> None:
    """An item of the history takes its place; calls that a resumed session waits for can be answered."""
    state.turn.last_item = item.id or state.turn.last_item
    if isinstance(item, ToolCallItem):
        state.names[item.call_id] = item.name
        if state.memo is not None and resume.key(item) not in state.memo.unseen:
            remember(state.calls, item.call_id, Call(item.name, item.call_id))
    elif isinstance(item, ToolResultItem):
        state.names.pop(item.call_id, None)
        if (call := state.calls.get(item.call_id)) is not None:
            call.wanted = False


def resumption(state: State, message: wire.SessionResumptionUpdate, out: list[Output]) -> None:
    """A new handle, or none for now: then the last one stands for the session as it was."""
    if message.resumable and message.new_handle:
        index = message.last_consumed_client_message_index
        consumed = int(index) if index is not None and str(index).isdecimal() else None
        state.bookmark.updated(message.new_handle, consumed)
    out.append(VendorMessage("sessionResumptionUpdate", msgspec.to_builtins(message)))


# ------------------------------------------------------------------ the user


def activity(state: State, kind: str | None, offset: str | None, now: float, out: list[Output]) -> None:
    """Speech began or ended."""
    seconds = decode.seconds(offset)
    position = None if seconds is None else seconds * 1000
    if kind in _STARTS:
        state.hears = True
        speech = state.speech
        if speech is None or speech.placed or speech.told:
            state.new_speech(position, out, tell=True)
        if state.pending and not state.takes_content:
            state.flush(out)  # what was written belongs to the turn that begins
    elif kind in _ENDS and state.speech is not None and not state.speech.placed:
        if state.speech.told and not state.speech.stopped:
            state.speech.stopped = True
            out.append(SpeechStopped(position, state.speech.item_id))
        if not state.manual:
            state.place_speech(out)
            state.answering = "speech"
            state.answer_due = now + ANSWER_S


def heard(state: State, content: wire.ServerContent, now: float, out: list[Output]) -> None:
    """More of the user's words; they may come before the reply to them, or late."""
    given, interim = content.input_transcription, content.interim_input_transcription
    text = (given.text or "") if given is not None else ""
    guess = (interim.text or "") if interim is not None else ""
    finished = given is not None and bool(given.finished)
    speech = state.speech
    over = speech is not None and speech.over is not None and now - speech.over >= LATE_S
    if speech is None or (over and not state.hears):
        if not (text or guess):
            return
        speech = state.new_speech(None, out, tell=not state.manual)
    speech.words += text
    words = speech.words.lstrip()
    if finished or speech.final:
        speech.final = True
        out.append(InputTranscript(words.rstrip(), final=True, item_id=speech.item_id))
    elif text or guess:
        out.append(InputTranscript((words + guess).lstrip(), final=False, item_id=speech.item_id))


# ------------------------------------------------------------------ the model


def model_turn(state: State, content: objects.Content, now: float, out: list[Output]) -> None:
    """More of the reply. Thoughts are no words of it."""
    for part in content.parts or ():
        if part.inline_data is not None:
            _bytes(state, part.inline_data, now, out)
        elif part.text and part.thought:
            out.append(VendorMessage("thought", {"text": part.text}))
        elif part.text:
            reply = state.reply(now, out)
            if reply is not None:
                state.turn.text(reply, part.text, spoken=False, out=out)
        elif part.function_call is not None:
            called(state, [part.function_call], now, out)
        elif part.function_response is not None:
            out.append(VendorMessage("modelTurn", {"parts": [msgspec.to_builtins(part)]}))


def _bytes(state: State, blob: objects.Blob, now: float, out: list[Output]) -> None:
    form = decode.spoken(blob.mime_type)
    if form is None:
        out.append(VendorMessage("modelTurn", {"parts": [{"inlineData": msgspec.to_builtins(blob)}]}))
        return
    reply = state.reply(now, out)
    if reply is None or not blob.data:
        return
    try:
        audio = wire.base64(blob.data)
    except ValueError as error:
        out.append(ErrorInfo("invalid_audio", f"the server sent audio that is no base64: {error}"))
        return
    state.turn.audio(reply, audio, form, out)


def sound(state: State, audio: bytes, form: AudioFormat, now: float) -> Sequence[Output]:
    """A message that is sound alone, of the reply that runs or of a new one."""
    out: list[Output] = []
    reply = state.turn.open
    if reply is None or reply.cut or reply.calls:
        reply = state.reply(now, out)
    if reply is not None:
        state.turn.audio(reply, audio, form, out)
    return out


def spoken(state: State, text: str, now: float, out: list[Output]) -> None:
    """More of the words that are spoken. Some come after their turn has ended: those begin no reply."""
    turn = state.turn
    expected = state.busy or state.calling or state.unanswered_audio or turn.last_id is None
    if turn.open is None and not turn.muted and not expected:
        out.append(VendorMessage("outputTranscription", {"text": text}))
        return
    reply = state.reply(now, out)
    if reply is not None:
        turn.text(reply, text, spoken=True, out=out)


def called(state: State, calls: list[objects.FunctionCall], now: float, out: list[Output]) -> None:
    """Calls. The reply that makes one that blocks is over: what the model says with the result is another."""
    blocking = False
    refused: list[objects.FunctionResponse] = []
    for given in calls:
        call_id = given.id or state.ids("call")
        if given.partial_args is not None or given.will_continue:
            out.append(VendorMessage("toolCall", {"functionCalls": [_plain(given)]}))
            continue
        if not given.name:
            out.append(ErrorInfo("tool_call_without_name", f"the call {call_id} has no name"))
            continue
        if call_id in state.calls:
            continue
        reply = state.reply(now, out)
        if reply is None:
            # Nobody hears of it, and the service waits for a result all the same.
            text = "cancelled: the user interrupted"
            refused.append(encode_content.result(given.id, given.name, text, is_error=True))
            continue
        remember(state.calls, call_id, Call(given.name, given.id))
        text, parsed = decode.arguments(given.args)
        state.turn.call(reply, ToolCall(call_id, given.name, text, parsed), out)
        state.bookmark.said(resume.key(ToolCallItem(call_id, given.name, text)))
        blocking |= encode_tools.behavior(state.options, given.name) == "BLOCKING"
    if refused:
        state.post(wire.ClientMessage(tool_response=wire.ToolResponse(refused)), out)
    reply = state.turn.open
    if reply is not None and reply.calls:
        if blocking:
            state.end(now, out, "completed")
            if state.wanted is not None:
                state.results_due = now + state.patience
        else:
            state.quiet_due = now + QUIET_S


def _plain(call: objects.FunctionCall) -> dict[str, Any]:
    return msgspec.json.decode(msgspec.json.encode(call), type=dict[str, Any])


def cancelled(state: State, ids: list[str], out: list[Output]) -> None:
    """Results of these calls are not wanted any more."""
    for call_id in ids:
        call = state.calls.get(call_id)
        if call is not None:
            call.wanted, call.cancelled = False, True
    if ids:
        out.append(ToolCallCancelled(tuple(ids)))


def interrupted(state: State, now: float, out: list[Output]) -> None:
    """The service has interrupted its turn: because the user spoke, or because more was said."""
    turn = state.turn
    state.absorb = False
    if turn.muted:
        return
    if turn.open is None:
        if state.asked is None or state.asked.kind == "tool_result":
            state.answering = state.asked = None
            return
        state.reply(now, out)
    if not state.hears and not state.manual and state.unanswered_audio and _unbroken(state):
        state.new_speech(None, out, tell=True)
    turn.cut(out)
    state.cut_due = now + ANSWER_S
    if state.speech is not None and state.speech.placed and state.speech.over is None:
        state.speech.over = now


def _unbroken(state: State) -> bool:
    """Whether nothing tells yet that the user speaks."""
    return state.speech is None or state.speech.placed


def ended(state: State, content: wire.ServerContent, now: float, out: list[Output]) -> None:
    """The end of what is generated, and of the turn: that is when all of it was told, and its cost is known."""
    turn = state.turn
    if content.generation_complete and turn.open is None and state.asked is not None:
        state.reply(now, out)  # a reply of no words at all
    if content.waiting_for_input:
        out.append(VendorMessage("serverContent", {"waitingForInput": True}))
        if state.answering == "speech":  # no answer: it expects the user to go on
            state.answering = state.answer_due = None
    status = content.interaction_status
    if not (status == "IDLE" or (content.turn_complete and status != "IN_PROGRESS")):
        return
    how, reason = decode.ending(content.turn_complete_reason)
    if turn.open is None and not turn.muted and how != "completed" and state.asked is not None:
        state.reply(now, out)  # it ended before it began, and somebody waits for it
    if turn.open is not None:
        if how == "failed":
            out.append(ErrorInfo(reason or "failed", f"the model gave up on the turn: {reason}"))
        cut = turn.open.cut
        state.end(now, out, how, "turn_detected" if cut else reason)
    turn.muted = False
    state.cut_due = None
    if state.speech is not None and state.speech.placed:
        state.finish_words(out)
        state.speech.over = state.speech.over or now
    state.ask_wanted(now, out)
