"""The server's side of OpenAI Live: a dialect that behaves like the service, over any provider that answers.

Frames come from a client; commands go to the provider behind it, whose events become the service's messages. What the service
does by itself is done here: strict checks, one output without a gap paced by deadlines, silence included, transcripts on one
timeline, delegation, muting, usage, the end. It makes no words and no sound, opens no socket and reads no clock.

It is no model, so what a model would judge it decides by rule:

- it speaks when the user has spoken, on commentary, and on an instruction that has one of the words of `SPEAK`; silent context
  never makes it speak. Context that says ``The user wrote:`` is a message of the user's.
- it falls silent when the user begins to speak;
- a provider's calls of tools are those of the Responses backend; in a session that delegates to the client the provider has one
  tool, ``delegate``, and a call of that is a delegation. Commentary on it is its result.

Decisions are not simulated: they are refused. Sources as in `wire`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import pybase64
from msgspec import DecodeError, ValidationError

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.recode import Recoder
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    Event,
    InputTranscript,
    Interrupted,
    ResponseCompleted,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TextChunk,
    ToolCall,
)
from voicechatengine.messages import (
    AudioAppend,
    AudioCommit,
    Command,
    ItemCreate,
    MessageItem,
    ResponseCancel,
    ResponseCreate,
    Role,
    SessionUpdate,
    TextPart,
    ToolResult,
    merge,
)
from voicechatengine.providers.openai_live import encode, schema, wire
from voicechatengine.providers.openai_live import server_checks as checks
from voicechatengine.providers.openai_live import server_session as sessions
from voicechatengine.providers.openai_live.server_backend import Backend
from voicechatengine.providers.openai_live.server_checks import Refused
from voicechatengine.providers.openai_live.server_voice import FRAME_MS, Ears, Mouth
from voicechatengine.session.dialect import Close, Frame, Ids, Outgoing, Restore

SESSION_S: Final = 3_600.0  # no document says how long a session may last
USAGE_S: Final = 15.0  # between reports, as users of the service measured
LATE_S: Final = 1.0  # what the loop has missed beyond this is not made up for
FIXTURE_MS: Final = 30_000
FIXTURE: Final = AudioFormat()
SPEAK: Final = re.compile(
    r"\b(reply|respond|answer|say|speak|tell|greet|ask|introduce|welcome|read)\b", re.IGNORECASE
)

_ROLES: Final[dict[str, Role]] = {encode.WROTE: "user", encode.SAID: "assistant"}
_HISTORY: Final[dict[str, Role]] = {"developer": "system", "user": "user", "assistant": "assistant"}


class OpenAILiveServer:
    """One client's session. The provider behind it takes and gives audio in `audio`.

    `detects_turns` says that the provider finds the turns in the audio: then it is handed all of it. Else this dialect listens
    itself, hands over speech alone, and asks for the replies. The first `rate_limited` requests to speak are refused.
    """

    def __init__(
        self,
        ids: Ids,
        *,
        audio: AudioFormat = FIXTURE,
        detects_turns: bool = False,
        expires_after_s: float = SESSION_S,
        rate_limited: int = 0,
    ) -> None:
        self._ids = ids
        self._audio = audio
        self._detects_turns = detects_turns
        self._expires_after_s = expires_after_s
        self._rate_limited = rate_limited
        self._out: list[Command | Outgoing] = []
        self._now = 0.0
        self._over = False
        self._client_event_id: str | None = None  # of the message that is being answered

        self._session: dict[str, Any] | None = None
        self._started = 0.0
        self._expires_at = 0.0
        self._usage_at = 0.0
        self._frame_at = 0.0
        self._form = FIXTURE
        self._mouth = Mouth(self._form)
        self._ears = Ears(self._form)
        self._hear = Recoder(self._form, audio)
        self._speak: dict[AudioFormat, Recoder] = {}
        self._backend = Backend(ids, self._say)
        self._muted = False
        self._fixture: str | None = None  # that is played: the event id of who asked for it, or nothing
        self._speech = (0.0, 0.0)  # where the user's last utterance is on the timeline
        self._heard: dict[str, str] = {}  # the user's words that were told, by item
        self._handlers: dict[type[wire.Message], Callable[[Any], None]] = {
            wire.SessionStart: self._start,
            wire.SessionUpdate: self._update,
            wire.SessionClose: self._close,
            wire.AudioAppend: self._append,
            wire.AudioMute: self._mute,
            wire.AudioUnmute: self._unmute,
            wire.FixturePlay: self._play,
            wire.InstructionsAppend: self._instructions,
            wire.ThinkingAppend: self._thinking,
            wire.CommentaryAppend: self._commentary,
            wire.ResponseItemCreate: self._item,
            wire.ResponseCreate: self._create,
            wire.DecisionCreate: self._no_decisions,
            wire.DecisionItemCreate: self._no_decisions,
            wire.DecisionItemDelete: self._no_decisions,
        }
        self._event_handlers: dict[type[Event], Callable[[Any], None]] = {
            TextChunk: self._text,
            AudioChunk: self._sound,
            ToolCall: self._tool_call,
            ResponseCompleted: self._completed,
            ResponseStarted: lambda _: self._mouth.breathe(),
            Interrupted: lambda _: self._mouth.stop(),
            InputTranscript: self._transcript,
            ErrorInfo: self._failed,
        }
        if detects_turns:
            self._event_handlers |= {SpeechStarted: self._began, SpeechStopped: self._ended}

    # ------------------------------------------------------------------ the dialect

    def opened(self, now: float, /) -> Sequence[Command | Outgoing]:
        """The client speaks first."""
        self._now = now
        return ()

    def receive(self, frame: bytes | str, now: float, /) -> Sequence[Command | Outgoing]:
        """A client's message."""
        self._now = now
        if self._over:
            return ()
        try:
            message = wire.decode_client(frame)
        except ValidationError as error:
            refused, self._client_event_id = checks.misread(frame, error)
            self._error(refused.code, refused.message, refused.param)
        except (DecodeError, UnicodeError, RecursionError):
            self._client_event_id = None
            self._error("invalid_json", "The message is not valid JSON.")
        else:
            self._client_event_id = message.event_id if isinstance(message.event_id, str) else None
            try:
                self._handle(message)
            except Refused as refused:
                self._error(refused.code, refused.message, refused.param)
        return self._take()

    def _handle(self, message: wire.Client) -> None:
        if self._session is None and not isinstance(message, wire.SessionStart):
            raise Refused("session_not_started", "The first message must be 'session.start'.", "type")
        self._handlers[type(message)](message)

    def send(self, message: Event, now: float, /) -> Sequence[Command | Outgoing]:
        """An event of the provider. What the wire has no word for is not passed on."""
        self._now = now
        self._client_event_id = None
        handler = self._event_handlers.get(type(message))
        if self._session is not None and not self._over and handler is not None:
            handler(message)
        return self._take()

    def closed(self, close: Close, now: float, /) -> Sequence[Command | Outgoing]:
        """The client is gone; what the provider does for it is ended with the provider's own session."""
        self._over = True
        return ()

    def deadline(self) -> float | None:
        """When the next frame of output is due, or a report, or the end."""
        if self._session is None or self._over:
            return None
        return min(self._frame_at, self._usage_at, self._expires_at)

    def expired(self, now: float, /) -> Sequence[Command | Outgoing]:
        """Goes on with the output; reports; ends the session at its limit."""
        self._now = now
        self._client_event_id = None
        if self._session is None or self._over:
            return ()
        if now >= self._expires_at:
            self._finish("expired")
            return self._take()
        self._frame_at = max(self._frame_at, now - LATE_S)
        while self._frame_at <= now:
            self._frame_at += FRAME_MS / 1000
            self._output()
        if now >= self._usage_at:
            self._usage_at = now + USAGE_S
            self._say(wire.SessionUsageUpdated(usage=self._used()))
        return self._take()

    def snapshot(self) -> Restore:
        """Nothing: a server's client brings all that there is."""
        return Restore()

    # ------------------------------------------------------------------ writing

    def _take(self) -> Sequence[Command | Outgoing]:
        out, self._out = self._out, []
        return out

    def _ask(self, command: Command) -> None:
        self._out.append(command)

    def _say(self, message: Any) -> None:
        """Writes a message of the service, with an id of its own and that of what it answers."""
        message.event_id = self._ids("event")
        if self._client_event_id is not None:
            message.client_event_id = self._client_event_id
        self._out.append(Frame(wire.encode(message)))

    def _error(
        self, code: str, text: str, param: str | None = None, kind: str = "invalid_request_error"
    ) -> None:
        detail = wire.ErrorDetail(kind, code, text)
        if param is not None:
            detail.param = param
        if self._client_event_id is not None:
            detail.client_event_id = self._client_event_id
        self._say(wire.Error(error=detail))

    def _appended(self, kind: Callable[..., wire.ServerMessage]) -> None:
        at = int(self._mouth.position_ms)
        self._say(kind(start_ms=at, end_ms=at))

    def _used(self) -> wire.SessionUsage:
        return wire.SessionUsage(round(self._now - self._started, 2))

    def _finish(self, reason: str, close: Close | None = None) -> None:
        self._over = True
        self._say(wire.SessionClosed(reason=reason, session=self._session or {}, usage=self._used()))
        self._out.append(close or Close(1000))

    # ------------------------------------------------------------------ the session

    def _start(self, message: wire.SessionStart) -> None:
        if self._session is not None:
            raise Refused("session_already_started", "The session has started.", "type")
        given = checks.checked(message.session, schema.SessionConfig)
        if not given.model.startswith("gpt-live"):
            text = f"The model '{given.model}' does not exist or you do not have access to it."
            raise Refused("model_not_found", text, "session.model")
        checks.voice(given)
        if isinstance(given.delegation, schema.DecisionsDelegation) or given.triggers:
            raise self._refused_decisions()
        now = self._now
        self._started, self._expires_at = now, now + self._expires_after_s
        self._frame_at, self._usage_at = now + FRAME_MS / 1000, now + USAGE_S
        session = sessions.new(message.session, self._ids("live"), int(self._expires_at))
        self._form = sessions.audio_format(session)
        self._mouth, self._ears = Mouth(self._form), Ears(self._form)
        self._hear = Recoder(self._form, self._audio)
        self._session = session
        self._ask(SessionUpdate(sessions.options(session)))
        for each in given.input or ():
            role = _HISTORY[str(each.__struct_config__.tag)]
            self._ask(ItemCreate(MessageItem(role, (TextPart(each.content[0].text),))))
        self._say(wire.SessionStarted(session=session))

    def _update(self, message: wire.SessionUpdate) -> None:
        assert self._session is not None
        change = checks.checked(message.session, schema.SessionUpdateConfig)
        if change.triggers:
            raise self._refused_decisions()
        delegation = sessions.without_nulls(message.session).get("delegation", {})
        if delegation and delegation["type"] != self._session["delegation"]["type"]:
            text = "The type of the delegation cannot change."
            raise Refused("invalid_value", text, "session.delegation.type")
        before = sessions.options(self._session)
        self._session = merge(self._session, {"delegation": delegation})
        after = sessions.options(self._session)
        if after != before:
            self._ask(SessionUpdate(after))
        self._say(wire.SessionUpdated(session=self._session))

    def _close(self, _: wire.SessionClose) -> None:
        self._finish("close_requested")

    def _no_decisions(self, _: wire.ClientMessage) -> None:
        raise self._refused_decisions()

    def _refused_decisions(self) -> Refused:
        return Refused("not_simulated", "This simulator makes no decisions.", "type")

    # ------------------------------------------------------------------ the user's audio

    def _append(self, message: wire.AudioAppend) -> None:
        audio = checks.sound(message.audio, self._form)
        if self._muted or self._fixture is not None:
            audio = self._form.silence(self._form.duration_ms(len(audio)))
        if self._detects_turns:
            self._pass_on(audio)
            return
        for part in self._ears.hear(audio):
            if isinstance(part, bytes):
                self._pass_on(part)
            elif part.began:
                self._speech = (self._at(part.ago_ms), 0.0)
                if not self._mouth.idle:
                    self._ask(ResponseCancel())
                self._mouth.stop()
            else:
                self._speech = (self._speech[0], self._at(part.ago_ms))
                self._ask(AudioCommit())
                self._ask(ResponseCreate())

    def _pass_on(self, audio: bytes) -> None:
        if audio:
            self._ask(AudioAppend(self._hear(audio)))

    def _at(self, ago_ms: float) -> float:
        """So long ago on the session's timeline."""
        return max(0.0, (self._now - self._started) * 1000 - ago_ms)

    def _began(self, _: SpeechStarted) -> None:
        self._speech = (self._at(0.0), 0.0)
        self._mouth.stop()

    def _ended(self, _: SpeechStopped) -> None:
        self._speech = (self._speech[0], self._at(0.0))

    def _transcript(self, event: InputTranscript) -> None:
        """The words that are new. The timeline has one place for an utterance; its later words are told at its end."""
        key = event.item_id or ""
        told = self._heard.get(key, "")
        if event.text.startswith(told) and len(event.text) > len(told):
            start, end = self._speech
            end = max(end or self._at(0.0), start)
            place = start if not told else end
            delta = event.text[len(told) :]
            self._say(wire.InputTranscriptDelta(delta=delta, start_ms=int(place), end_ms=int(end)))
            self._heard[key] = event.text
        if event.final:
            self._heard.pop(key, None)

    def _mute(self, _: wire.AudioMute) -> None:
        self._muted = True
        self._say(wire.AudioMuted())

    def _unmute(self, _: wire.AudioUnmute) -> None:
        self._muted = False
        self._say(wire.AudioUnmuted())

    # ------------------------------------------------------------------ context

    def _instructions(self, message: wire.InstructionsAppend) -> None:
        text = self._context(message)
        speaks = bool(SPEAK.search(text))
        self._limit(speaks=speaks)
        self._ask(ItemCreate(MessageItem("system", (TextPart(text),))))
        self._appended(wire.InstructionsAppended)
        if speaks:
            self._ask(ResponseCreate())

    def _thinking(self, message: wire.ThinkingAppend) -> None:
        text = self._context(message)
        prefix = next((each for each in _ROLES if text.startswith(each)), "")
        said = TextPart(text.removeprefix(prefix))
        self._ask(ItemCreate(MessageItem(_ROLES.get(prefix, "system"), (said,))))
        self._appended(wire.ThinkingAppended)

    def _commentary(self, message: wire.CommentaryAppend) -> None:
        text = self._context(message)
        self._limit(speaks=True)
        call_id = self._backend.answer_delegation(message.delegation_id)
        if call_id is None:
            self._ask(ItemCreate(MessageItem("system", (TextPart(f"Tell the user: {text}"),))))
        else:
            self._ask(ToolResult(call_id, text))
        self._appended(wire.CommentaryAppended)
        self._ask(ResponseCreate())

    def _context(self, message: wire.InstructionsAppend | wire.ThinkingAppend | wire.CommentaryAppend) -> str:
        assert self._session is not None
        if self._fixture is not None:
            raise Refused("fixture_active", "Context cannot be appended while a fixture is played.", "type")
        text = checks.content(message.content)
        if message.delegation_id is not None:
            if self._session["delegation"]["type"] != "client":
                why = "A delegation_id is not accepted with Responses delegation."
                raise Refused("invalid_value", why, "delegation_id")
            self._backend.check_delegation(message.delegation_id)
        return text

    def _limit(self, *, speaks: bool) -> None:
        if speaks and self._rate_limited:
            self._rate_limited -= 1
            raise Refused("rate_limit_exceeded", "Rate limit reached. Please try again in 1s.")

    # ------------------------------------------------------------------ the output

    def _play(self, message: wire.FixturePlay) -> None:
        if self._fixture is not None:
            raise Refused("fixture_active", "A fixture is being played.", "type")
        audio = checks.sound(message.audio, FIXTURE)
        if not 0 < FIXTURE.duration_ms(len(audio)) <= FIXTURE_MS:
            raise Refused("invalid_value", "Invalid 'audio': at most 30 seconds.", "audio")
        if not self._mouth.idle:
            self._ask(ResponseCancel())
        self._mouth.stop()
        self._mouth.say(Recoder(FIXTURE, self._form)(audio))
        self._fixture = self._client_event_id or ""
        self._say(wire.FixturePlaying())

    def _output(self) -> None:
        """The next frame, and the words in it."""
        begun = self._mouth.position_ms
        frame, said = self._mouth.take()
        for words in said:
            end = begun + words.length_ms
            self._say(wire.OutputTranscriptDelta(delta=words.text, start_ms=int(begun), end_ms=int(end)))
        delta = wire.AudioDelta(delta=pybase64.b64encode_as_string(frame))
        self._out.append(Frame(wire.encode(delta)))
        if self._fixture is not None and self._mouth.idle:
            self._client_event_id, self._fixture = self._fixture or None, None
            self._say(wire.FixturePlayed())
            self._client_event_id = None

    def _text(self, event: TextChunk) -> None:
        self._mouth.words(event.text)

    def _sound(self, event: AudioChunk) -> None:
        if self._fixture is None:
            form = event.format or self._audio
            recoder = self._speak.setdefault(form, Recoder(form, self._form))
            self._mouth.say(recoder(event.audio))

    # ------------------------------------------------------------------ delegated work

    def _tool_call(self, event: ToolCall) -> None:
        assert self._session is not None
        at = int(self._mouth.position_ms)
        if self._session["delegation"]["type"] == "client":
            self._backend.delegate(event.call_id, at)
        else:
            self._backend.call(event, at)

    def _completed(self, event: ResponseCompleted) -> None:
        self._backend.completed(event)

    def _item(self, message: wire.ResponseItemCreate) -> None:
        self._need_responses()
        item = message.item
        if item.get("type") == "function_call_output":
            self._ask(self._backend.result(item))
        elif item.get("role") == "user" and isinstance(item.get("content"), str):
            self._ask(ItemCreate(MessageItem("user", (TextPart(item["content"]),))))
        else:
            text = "This simulator takes function_call_output, and text of a user."
            raise Refused("invalid_value", text, "item.type")

    def _create(self, _: wire.ResponseCreate) -> None:
        self._need_responses()
        self._backend.check_whole()
        self._ask(ResponseCreate())

    def _need_responses(self) -> None:
        assert self._session is not None
        if self._session["delegation"]["type"] != "responses":
            raise Refused("invalid_value", "This session has no Responses delegation.", "type")

    def _failed(self, event: ErrorInfo) -> None:
        """The provider has an error."""
        self._error(event.code, event.message, kind="server_error")
        if not event.recoverable:
            self._finish("connection_lost", Close(1011, "server_error"))


__all__ = ["SESSION_S", "USAGE_S", "OpenAILiveServer"]
