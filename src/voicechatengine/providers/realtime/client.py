"""The client's side of OpenAI Realtime: commands in, frames out; frames in, events out. Pure; one object a connection.

What each command does is in `sending`, what each message tells in `receiving`; here is the dialect that has them. It is as
tolerant as the servers that speak this wire are different: either name of a renamed message; audio before
``response.created``; no ids, no indices, no ``output_item.added``; calls in any of three places; no ``session.updated``.

A reply that the service interrupts is told as interrupted when its ``response.done`` says so, one that the application
interrupts at once; nothing of it is told after that. Frames that restore a session stand before `SessionCreated` in the output;
commands are expected after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec
from pybase64 import b64decode

from voicechatengine.events import ErrorInfo, SessionExpiring, VendorMessage
from voicechatengine.messages import AudioAppend, Command
from voicechatengine.provider import Timeouts
from voicechatengine.providers.realtime import decode, encode, objects, opening, receiving, sending, wire
from voicechatengine.providers.realtime.differences import OPENAI, Differences
from voicechatengine.providers.realtime.replies import Item
from voicechatengine.providers.realtime.sounds import Series, decode_sound, is_sound, series_of
from voicechatengine.providers.realtime.state import Output, State
from voicechatengine.session.dialect import Close, Ids, Restore

EXPIRY_NOTICE_S: Final = 60.0  # before the session's limit

_KNOWN: Final = wire.SERVER_TYPES.keys() | wire.OTHER_TYPES
_AUDIO: Final = (wire.AudioDelta, wire.BetaAudioDelta)
_json: Final = msgspec.json.Decoder(dict[str, Any]).decode


class RealtimeClient:
    """The protocol state of one connection; satisfies `Dialect[Command, Event]`.

    `restore` gives the session's full options and the history to start from, `ids` fresh ids, `patience` the seconds in which
    a reply that was asked for must begin, `differences` what is different about the vendor. Raises `MessageError` for options that
    the service does not have.
    """

    __slots__ = ("_due", "_last", "_replies", "_series", "_state")

    def __init__(
        self,
        restore: Restore,
        ids: Ids,
        *,
        patience: float = Timeouts().response,
        differences: Differences = OPENAI,
    ) -> None:
        encode.opening(restore.options, differences)  # what the service does not have is told now
        self._state = State(restore, ids, patience, differences)
        self._replies = self._state.replies
        self._due: float | None = None
        self._last: Item | None = None  # the item with the last audio, and how its deltas look
        self._series: Series | None = None

    def opened(self, _now: float, /) -> Sequence[Output]:
        """The service speaks first."""
        return ()

    def send(self, message: Command, now: float, /) -> Sequence[Output]:
        """See `Dialect.send`. A request for a reply may be held, and go out after a later frame came."""
        if isinstance(message, AudioAppend):
            return sending.append(self._state, message.audio)
        sending.check(self._state, message)
        out: list[Output] = []
        sending.SENDERS[message.__class__](self._state, message, now, out)
        self._due = self._next_due()
        return out

    def receive(self, frame: bytes | str, now: float, /) -> Sequence[Output]:
        """See `Dialect.receive`."""
        if isinstance(frame, bytes):
            series = self._series
            if series is not None:
                spelling = series.spelling
                if (
                    frame[spelling.head] == spelling.before
                    and frame[spelling.middle] == series.between
                    and frame[spelling.tail] == spelling.behind
                    and not series.reply.cut
                ):
                    try:
                        audio = b64decode(frame[spelling.sound], None, True)
                    except ValueError:
                        return self._whole(frame, now)  # it tells what is wrong
                    if audio:
                        return self._replies.audio(series.reply, series.item, series.item_id, audio)
            if is_sound(frame):
                return self._sound(frame, now)
        return self._whole(frame, now)

    def _sound(self, frame: bytes, now: float) -> Sequence[Output]:
        """An audio delta that begins as one. It moves no deadline."""
        try:
            head = decode_sound(frame)
            audio = b64decode(head.delta, None, True)
        except ValueError:
            return self._whole(frame, now)
        replies = self._replies
        reply = replies.open.get(head.response_id)
        if reply is None or reply.cut:
            return receiving.sound(self._state, head.response_id, head.item_id, audio, now)
        item = replies.item(head.item_id)
        if item is self._last:
            self._series = None  # its deltas differ in more
        else:
            self._last, self._series = item, series_of(frame, reply, item, head.item_id)
        return replies.audio(reply, item, head.item_id, audio)

    def _whole(self, frame: bytes | str, now: float) -> Sequence[Output]:
        """Any message."""
        try:
            message = wire.decode_server(frame)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            return self._odd(frame, now, error)
        out: list[Output] = []
        kind = message.__class__
        handler = receiving.HANDLERS.get(kind)
        if handler is None or kind is wire.ConversationCreated:
            out.append(VendorMessage(str(message.__struct_config__.tag), _json(frame)))
        if handler is not None:
            handler(self._state, message, now, out)
            if kind not in _AUDIO:  # fifty times a second, and it moves no deadline
                self._due = self._next_due()
                for index, event in enumerate(out):
                    if isinstance(event, VendorMessage) and event.raw is receiving.AS_IT_CAME:
                        out[index] = VendorMessage(event.name, _json(frame))
        return out

    def closed(self, close: Close, now: float, /) -> Sequence[Output]:
        """See `Dialect.closed`: each open response fails with ``connection_lost``; what the close means is told before."""
        state = self._state
        out: list[Output] = []
        expired = state.expires_at is not None and state.expires_at - EXPIRY_NOTICE_S <= now
        told = decode.closing(close, expired=expired)
        if told is not None:
            out.append(told)
        for reply in tuple(state.replies.open.values()):
            state.end(reply, out, "failed", "connection_lost")
        return out

    def deadline(self) -> float | None:
        """See `Dialect.deadline`."""
        return self._due

    def _next_due(self) -> float | None:
        state = self._state
        times = [reply.due for reply in state.replies.open.values()]
        times.append(state.requests.deadline())
        if state.expires_at is not None and not state.expiry_told:
            times.append(state.expires_at - EXPIRY_NOTICE_S)
        return min((each for each in times if each is not None), default=None)

    def expired(self, now: float, /) -> Sequence[Output]:
        """See `Dialect.expired`: the session's end is near, a reply did not begin, a cancelled one did not end."""
        state = self._state
        out: list[Output] = []
        if state.expires_at is not None and not state.expiry_told:
            left = state.expires_at - now
            if left <= EXPIRY_NOTICE_S:
                state.expiry_told = True
                out.append(SessionExpiring(max(0.0, left)))
        for reply in tuple(state.replies.open.values()):
            if reply.due is not None and reply.due <= now:
                state.end(reply, out, "interrupted", "client_cancelled")
        for request in state.requests.overdue(now):
            why = "no reply began in the time that was allowed for it"
            out.append(ErrorInfo("response_timeout", why, command=request.kind))
        state.ask_held(now, out)
        self._due = self._next_due()
        return out

    def snapshot(self) -> Restore:
        """What the next connection needs, but for the history: who drives this dialect folds that, and adds it."""
        state = self._state
        return Restore(
            options=state.options,
            handle=state.conversation_id if state.differences.resumes else None,
            pending_calls=tuple(call for call, owed in state.replies.calls.items() if owed),
            reply_owed=state.requests.owed,
        )

    def _odd(self, frame: bytes | str, now: float, why: Exception) -> Sequence[Output]:
        """What is no message that we know: of an unknown type, or broken. What a broken one ends is ended all the same."""
        try:
            raw = _json(frame)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return (ErrorInfo("invalid_message", f"the server sent what is no JSON object: {why}"),)
        name = raw.get("type")
        if not isinstance(name, str):
            return (ErrorInfo("invalid_message", "the server sent a message without a type"),)
        if name not in _KNOWN:
            return (VendorMessage(name, raw),)
        out: list[Output] = [ErrorInfo("invalid_message", f"the server sent a broken {name}: {why}")]
        if name == "session.created":
            session = {"id": _text(raw, "session", "id")}
            opening.created(self._state, wire.SessionCreated(session=session), now, out)
        elif name in ("response.created", "response.done"):
            response_id, status = _text(raw, "response", "id"), _text(raw, "response", "status")
            response = objects.Response(id=response_id, status=status)
            if name == "response.created":
                receiving.began(self._state, wire.ResponseCreated(response=response), now, out)
            else:
                receiving.done(self._state, wire.ResponseDone(response=response), now, out)
        self._due = self._next_due()
        return out


def _text(raw: dict[str, Any], place: str, key: str) -> str | None:
    inner = raw.get(place)
    value = cast("dict[str, Any]", inner).get(key) if isinstance(inner, dict) else None
    return value if isinstance(value, str) else None
