"""The client's side of Gemini Live: commands in, frames out; frames in, events out. Pure; one object a connection.

What each command does is in `sending`, what each message tells in `receiving`; here is the dialect that has them. The service has
no ids, no reply that can be cancelled, and no error but the code and the sentence with which it closes.

A reply that the service interrupts is told as interrupted at once, and as over when its turn is; one that the application
interrupts is told as over at once. A reply that calls a tool which blocks is over with the call: the service goes on by itself
when it has the result, and that is told as another reply. Frames that restore a session stand before `SessionCreated`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec

from voicechatengine.events import AudioChunk, ErrorInfo, VendorMessage
from voicechatengine.messages import AudioAppend, Command, MessageItem
from voicechatengine.provider import Timeouts
from voicechatengine.providers.gemini import decode, encode, envelope, objects, receiving, sending, wire
from voicechatengine.providers.gemini.encode import Surface
from voicechatengine.providers.gemini.state import Output, State
from voicechatengine.session.dialect import Close, Ids, Restore

DEVELOPER: Final = Surface()


class GeminiClient:
    """The protocol state of one connection; satisfies `Dialect[Command, Event]`.

    `restore` gives the session's full options, and the history or the handle to start from; `ids` fresh ids; `patience` the
    seconds in which a reply that was asked for must begin. Raises `MessageError` for options that the service does not have.
    """

    def __init__(
        self,
        restore: Restore,
        ids: Ids,
        *,
        surface: Surface = DEVELOPER,
        patience: float = Timeouts().response,
    ) -> None:
        encode.check(restore.options, surface)  # what the service does not have is told now
        self._state = State(restore, ids, surface, patience)
        self._due: float | None = None
        self._envelope: envelope.Envelope | None = None  # of the sound that came last

    def opened(self, _now: float, /) -> Sequence[Output]:
        """The client speaks first: it says what session it wants."""
        state = self._state
        history = state.restore.history
        system = () if state.surface.vertex else _of_the_system(history)
        handle = state.memo.handle if state.memo is not None else None
        setup = encode.setup(
            state.options,
            state.surface,
            handle=handle,
            history=handle is None and receiving.seeds(history),
            system=system,
        )
        out: list[Output] = []
        state.post(wire.ClientMessage(setup=setup), out)
        return out

    def send(self, message: Command, now: float, /) -> Sequence[Output]:
        """See `Dialect.send`. What is written may be held, and go out with the next request or before the user's speech."""
        if isinstance(message, AudioAppend):
            return sending.append(self._state, message.audio)
        out: list[Output] = []
        sending.SENDERS[message.__class__](self._state, message, now, out)
        self._due = self._state.next_due()
        return out

    def receive(self, frame: bytes | str, now: float, /) -> Sequence[Output]:
        """See `Dialect.receive`."""
        known = self._envelope
        if known is not None and isinstance(frame, bytes):
            audio = known.sound(frame)
            if audio:
                return self._settled(receiving.sound(self._state, audio, known.form, now))
        out: list[Output] = []
        try:
            message = wire.decode_server(frame)
        except (msgspec.DecodeError, ValueError, RecursionError):
            found = self._odd(frame, out)
            if found is None:
                return out
            message = found
        receiving.read(self._state, message, now, out)
        if isinstance(frame, bytes) and len(out) == 1 and isinstance(out[0], AudioChunk):
            self._envelope = envelope.learned(frame, message)
        return self._settled(out)

    def _settled(self, out: Sequence[Output]) -> Sequence[Output]:
        """Sound alone comes fifty times a second, and moves no deadline."""
        state = self._state
        if len(out) != 1 or out[0].__class__ is not AudioChunk or state.quiet_due is not None:
            self._due = state.next_due()
        return out

    def closed(self, close: Close, now: float, /) -> Sequence[Output]:
        """See `Dialect.closed`: an open reply fails with ``connection_lost``; what the close means is told before."""
        state = self._state
        out: list[Output] = []
        resuming = state.memo is not None and not state.session_id
        told = decode.closing(
            close,
            begun=bool(state.session_id),
            resuming=resuming,
            refused=state.seeded,
            leaving=state.leaving,
        )
        if told is not None:
            out.append(told)
        if resuming and close.code in (decode.CLOSE_INVALID, decode.CLOSE_POLICY, decode.CLOSE_INTERNAL):
            state.bookmark.refused()
        state.end(now, out, "failed", "connection_lost")
        return out

    def deadline(self) -> float | None:
        """See `Dialect.deadline`."""
        return self._due

    def expired(self, now: float, /) -> Sequence[Output]:
        """See `Dialect.expired`: a reply did not begin, an interrupted turn did not end, speech was not answered."""
        state = self._state
        out: list[Output] = []
        if state.cut_due is not None and state.cut_due <= now:
            state.cut_due = None
            state.end(now, out, "interrupted", "turn_detected")
        if state.quiet_due is not None and state.quiet_due <= now:
            state.end(now, out, "completed")
        if state.answer_due is not None and state.answer_due <= now:
            state.answering = state.answer_due = None
        if state.mute_due is not None and state.mute_due <= now:
            state.mute_due = None
        if state.results_due is not None and state.results_due <= now:
            state.results_due = None
        if state.asked is not None and state.asked.due <= now:
            why = "no reply began in the time that was allowed for it"
            out.append(ErrorInfo("response_timeout", why, command=state.asked.kind))
            state.asked = None
        state.ask_wanted(now, out)
        self._due = state.next_due()
        return out

    def snapshot(self) -> Restore:
        """What the next connection needs, but for the history: who drives this dialect folds that, and adds it."""
        state = self._state
        return Restore(
            options=state.options,
            handle=state.bookmark.write(each.key for each in state.pending),
            pending_calls=tuple(call for call, each in state.calls.items() if each.wanted),
            reply_owed=state.owed,
        )

    def _odd(self, frame: bytes | str, out: list[Output]) -> wire.ServerMessage | None:
        """A message with something unknown in it, told as it came; or a broken one, of which the end of a turn still counts."""
        try:
            message, unknown = wire.decode_odd(frame)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            out.append(ErrorInfo("invalid_message", f"the server sent what cannot be read: {error}"))
            return _salvaged(frame)
        for name, value in unknown.items():
            if name == "error":
                out.append(decode.error(value))
            else:
                out.append(VendorMessage(name, _object(value) or {name: value}))
        return message


def _object(value: object) -> dict[str, Any] | None:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


class _Ends(objects.Wire):
    """The few words of a message that end something, whatever else is in it."""

    setup_complete: object = None
    server_content: dict[str, Any] | None = None


_ends: Final = msgspec.json.Decoder(_Ends).decode


def _salvaged(frame: bytes | str) -> wire.ServerMessage | None:
    try:
        found = _ends(frame)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    words = found.server_content or {}
    ends = {name: words.get(name) is True for name in ("interrupted", "generationComplete", "turnComplete")}
    return wire.ServerMessage(
        setup_complete=None if found.setup_complete is None else wire.SetupComplete(),
        server_content=msgspec.convert(ends, wire.ServerContent),
    )


def _of_the_system(history: Sequence[object]) -> tuple[str, ...]:
    return tuple(item.text for item in history if isinstance(item, MessageItem) and item.role == "system")
