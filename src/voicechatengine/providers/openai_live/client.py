"""The client's side of OpenAI Live: commands in, frames out; frames in, events out. Pure; one object a connection.

The service has no turns, no items and no requests: it listens and speaks at the same time. What is told of it as turns is derived,
by the rules in `turns`; what commands mean on this wire is in `sending`, and what asking for a reply means in `requests`:

- text of the user is added as silent context, an instruction as an instruction; `RESPONSE_CREATE` is an instruction to speak;
- an interruption is told at once, and what still comes of that reply is dropped: the model itself is not told, and goes on until
  it stops by itself;
- truncation corrects our own history; the model does not learn of it.

A session advances with the audio that it is given. While something is waited for and the application sends none, this dialect
sends silence in its place, in real time, so that a written conversation needs no microphone.

Sources as in `wire`; that nothing happens in a session without audio, a user measured (github.com/Travizm/dsh-openai-live,
2026-10-07).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from voicechatengine.events import AudioChunk, ErrorInfo, SessionExpiring, VendorMessage
from voicechatengine.messages import AudioAppend, Command
from voicechatengine.provider import Timeouts
from voicechatengine.providers.openai_live import decode, encode, receiving, sending, wire
from voicechatengine.providers.openai_live.state import State
from voicechatengine.providers.openai_live.turns import Output
from voicechatengine.session.dialect import Close, Ids, Restore

EXPIRY_NOTICE_S: Final = 60.0  # before the session's limit

_json: Final = msgspec.json.Decoder(dict[str, Any]).decode


class OpenAILiveClient:
    """The protocol state of one connection; satisfies `Dialect[Command, Event]`.

    `restore` gives the session's full options and the history to start from, `ids` fresh ids, `patience` the seconds in which
    a reply that was asked for must begin. Raises `MessageError` for options that the service does not have.
    """

    def __init__(self, restore: Restore, ids: Ids, *, patience: float = Timeouts().response) -> None:
        self._session = encode.opening(restore.options)
        self._state = State(restore, ids, patience)
        self._due: float | None = None

    def opened(self, _now: float, /) -> Sequence[Output]:
        """Starts the session; nothing else is said before the service has answered."""
        state, out = self._state, list[Output]()
        history, state.lost = encode.history(state.restore.history)
        session = self._session | ({"input": history} if history else {})
        state.post(wire.SessionStart(session), "session_create", out)
        return out

    def send(self, message: Command, now: float, /) -> Sequence[Output]:
        """See `Dialect.send`. Text that is long goes out in pieces."""
        if isinstance(message, AudioAppend):
            return sending.append(self._state, message.audio, now)
        out: list[Output] = []
        sending.SENDERS[message.__class__](self._state, message, now, out)
        return self._settled(now, out)

    def receive(self, frame: bytes | str, now: float, /) -> Sequence[Output]:
        """See `Dialect.receive`."""
        sound = wire.sound(frame) if isinstance(frame, bytes) else b""
        if not sound:
            return self._whole(frame, now)
        turns = self._state.turns
        chunk = turns.more(sound, now)
        if chunk is not None:
            return (chunk,)
        out: list[Output] = []
        turns.audio(sound, now, out)
        if not out or (len(out) == 1 and isinstance(out[0], AudioChunk)):
            return out  # it moves deadlines away only, and one that comes early does nothing
        return self._settled(now, out)

    def _whole(self, frame: bytes | str, now: float) -> Sequence[Output]:
        """Any message."""
        try:
            message = wire.decode_server(frame)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            return self._odd(frame, now, error)
        out: list[Output] = []
        self._state.frame = frame
        receiving.HANDLERS[message.__class__](self._state, message, now, out)
        return self._settled(now, out)

    def closed(self, close: Close, now: float, /) -> Sequence[Output]:
        """See `Dialect.closed`: the reply that runs fails with ``connection_lost``; what the close means is told before."""
        out: list[Output] = []
        told = decode.closing(close)
        if told is not None:
            out.append(told)
        self._state.turns.close(out)
        return out

    def deadline(self) -> float | None:
        """See `Dialect.deadline`."""
        return self._due

    def expired(self, now: float, /) -> Sequence[Output]:
        """See `Dialect.expired`: a turn or a reply is over, a reply did not begin, the session's end is near, silence is due."""
        state, out = self._state, list[Output]()
        if state.expires_at is not None and not state.expiry_told:
            left = state.expires_at - now
            if left <= EXPIRY_NOTICE_S:
                state.expiry_told = True
                out.append(SessionExpiring(max(0.0, left)))
        state.turns.expired(now, out)
        tell, late = state.requests.expired(now)
        if tell is not None:
            state.tell(tell, out)
        if late:
            why = "no reply began in the time that was allowed for it"
            out.append(ErrorInfo("response_timeout", why, command="response_create"))
        state.fill(now, out)
        return self._settled(now, out)

    def snapshot(self) -> Restore:
        """What the next connection needs, but for the history: who drives this dialect folds that, and adds it."""
        state = self._state
        return Restore(
            options=state.options,
            pending_calls=state.backend.waiting,
            reply_owed=state.requests.owed,
        )

    def _settled(self, now: float, out: list[Output]) -> Sequence[Output]:
        self._state.settle(now, out)
        self._due = self._next_due()
        return out

    def _next_due(self) -> float | None:
        state = self._state
        times = [state.turns.deadline(), state.requests.deadline(), state.fill_due()]
        if state.expires_at is not None and not state.expiry_told:
            times.append(state.expires_at - EXPIRY_NOTICE_S)
        return min((each for each in times if each is not None), default=None)

    def _odd(self, frame: bytes | str, now: float, why: Exception) -> Sequence[Output]:
        """What is no message that we know: of an unknown type, or broken. What a broken one begins or ends happens all the same."""
        try:
            raw = _json(frame)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return (ErrorInfo("invalid_message", f"the server sent what is no JSON object: {why}"),)
        name = raw.get("type")
        if not isinstance(name, str):
            return (ErrorInfo("invalid_message", "the server sent a message without a type"),)
        if name not in wire.SERVER_TYPES:
            return (VendorMessage(name, raw),)
        out: list[Output] = [ErrorInfo("invalid_message", f"the server sent a broken {name}: {why}")]
        state = self._state
        if name == "session.started":
            receiving.started(
                state, wire.SessionStarted(session=dict(decode.mapping(raw.get("session")))), now, out
            )
        elif name == "session.closed":
            receiving.closed(state, wire.SessionClosed(reason=decode.text(raw.get("reason"))), now, out)
        elif name == "error":
            receiving.error(state, wire.Error(), now, out)
        return self._settled(now, out)
