"""The server's side of Gemini Live: a dialect that behaves like the service, over any provider that answers.

Frames come from a client; commands go to the provider behind it, whose events become the service's messages. What the service
does by itself is done here: set-up checks, turn detection, interruption, tool rounds, handles, `goAway`. It makes no words and no
sound, opens no socket and reads no clock.

Sources, read 2026-11-22: https://ai.google.dev/api/live, https://ai.google.dev/gemini-api/docs/live-session; recorded sessions of
2.5 and 3.1; reasons of closes as users of the service report them in public issues.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import pybase64

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.recode import Recoder
from voicechatengine.conversation import Conversation
from voicechatengine.errors import AudioError
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
    Usage,
)
from voicechatengine.messages import (
    AudioAppend,
    AudioCommit,
    Command,
    Image,
    ImagePart,
    Item,
    ItemCreate,
    MessageItem,
    Options,
    Part,
    ResponseCancel,
    ResponseCreate,
    Role,
    SessionUpdate,
    TextPart,
    ToolCallItem,
    ToolResult,
    ToolResultItem,
)
from voicechatengine.providers.gemini import decode, objects, wire
from voicechatengine.providers.gemini.encode import OUTPUT
from voicechatengine.providers.gemini.server_input import HEARD, Ear, Edge
from voicechatengine.providers.gemini.server_sessions import Sessions
from voicechatengine.providers.gemini.server_setup import Refused, Session, read, read_update
from voicechatengine.session.dialect import Close, Frame, Ids, Outgoing, Restore

SESSION_S: Final = 600.0  # of a connection
NOTICE_S: Final = 60.0  # between goAway and the cut
ABORTED: Final = Close(1008, "The operation was aborted.")
QUOTA: Final = Close(1011, "You exceeded your current quota, please check your plan and billing details.")
INVALID: Final = "Request contains an invalid argument."

_ROLES: Final[dict[str | None, Role]] = {"model": "assistant", "system": "system"}


class GeminiServer:
    """One client's connection. The provider behind it takes and gives audio in `audio`.

    `detects_turns` says that the provider finds the turns in the audio: then it is handed all of it. Else this dialect listens
    itself, hands over speech alone, and asks for the replies. `sets_formats`: the provider can be told the service's own formats,
    so that nothing is resampled. `sessions` are those that can be resumed. The first `rate_limited`
    replies are refused, which ends the connection.
    """

    def __init__(
        self,
        ids: Ids,
        *,
        sessions: Sessions,
        audio: AudioFormat = HEARD,
        vertex: bool = False,
        detects_turns: bool = False,
        sets_formats: bool = False,
        expires_after_s: float = SESSION_S,
        rate_limited: int = 0,
    ) -> None:
        self._ids = ids
        self._sessions = sessions
        self._audio = audio
        self._vertex = vertex
        self._detects_turns = detects_turns
        self._sets_formats = sets_formats
        self._expires_after_s = expires_after_s
        self._rate_limited = rate_limited
        self._now = 0.0
        self._out: list[Command | Outgoing] = []
        self._session: Session | None = None
        self._over = False
        self._leaves_at: float | None = None  # goAway
        self._ends_at: float | None = None
        self._conversation = Conversation(audio)
        self._received = 0  # client messages

        self._ear = Ear(threshold=0.5, silence_ms=500, padding_ms=300)
        self._to_provider = Recoder(HEARD, audio)
        self._activity = False  # between the marks of a client that detects speech itself
        self._words: dict[str, str] = {}  # of the user's items, as far as they were told

        self._initial = False  # the history that comes first is not over
        self._begun = False  # the conversation has
        self._waiting = 0  # replies that were asked for and have not begun
        self._unwanted = 0  # of them, from the front
        self._active: str | None = None  # the provider's reply that is told
        self._turn = False  # a turn of the model is open
        self._recode = Recoder(audio, OUTPUT)
        self._made: list[ToolCall] = []  # by the reply that runs
        self._calls: dict[str, str] = {}  # those without a result, with their functions
        self._silent = True  # all results so far are not to be answered
        self._cost: Usage | None = None
        self._handlers: dict[type, Callable[[Any], None]] = {
            TextChunk: self._text,
            AudioChunk: self._sound,
            ToolCall: self._call,
            ResponseStarted: self._started,
            ResponseCompleted: self._completed,
            Interrupted: self._provider_interrupted,
            InputTranscript: self._transcript,
            ErrorInfo: self._failed,
        }
        if detects_turns:
            self._handlers |= {SpeechStarted: self._heard_speech, SpeechStopped: self._heard_silence}

    # ------------------------------------------------------------------ the dialect

    def opened(self, now: float, /) -> Sequence[Command | Outgoing]:
        """The client speaks first."""
        notice = min(NOTICE_S, self._expires_after_s / 2)
        self._ends_at = now + self._expires_after_s
        self._leaves_at = self._ends_at - notice
        return ()

    def receive(self, frame: bytes | str, now: float, /) -> Sequence[Command | Outgoing]:
        """A client's message: exactly one of five, the set-up first."""
        self._now = now
        if self._over:
            return ()
        self._received += 1
        try:
            self._read(frame)
        except Refused as refused:
            self._end(refused.close)
        except AudioError:
            self._end(Close(decode.CLOSE_INVALID, INVALID))
        return self._take()

    def send(self, message: Event, now: float, /) -> Sequence[Command | Outgoing]:
        """An event of the provider. What the wire has no word for is not passed on."""
        self._now = now
        if self._over:
            return ()
        self._conversation.apply(message)
        handler = self._handlers.get(type(message))
        if handler is not None:
            handler(message)
        return self._take()

    def closed(self, close: Close, now: float, /) -> Sequence[Command | Outgoing]:
        """The client is gone; what the provider does for it is ended with the provider's own session."""
        del close, now
        self._over = True
        self._ends_at = self._leaves_at = None
        return ()

    def deadline(self) -> float | None:
        """When the connection will be cut, or the client is to be told so."""
        return self._leaves_at if self._leaves_at is not None else self._ends_at

    def expired(self, now: float, /) -> Sequence[Command | Outgoing]:
        """Warns, and cuts."""
        self._now = now
        if self._leaves_at is not None and now >= self._leaves_at:
            assert self._ends_at is not None
            left, self._leaves_at = max(0.0, self._ends_at - now), None
            if self._session is not None:
                self._say(wire.ServerMessage(go_away=wire.GoAway(_duration(left))))
        elif self._ends_at is not None and now >= self._ends_at:
            self._end(ABORTED)
        return self._take()

    def snapshot(self) -> Restore:
        """The options of the session: a server's client brings the rest."""
        return Restore(options=Options() if self._session is None else self._session.options)

    # ------------------------------------------------------------------ reading and writing

    def _read(self, frame: bytes | str) -> None:
        try:
            message = wire.decode_client(frame)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise Refused(INVALID) from None
        given = [name for name in message.__struct_fields__ if getattr(message, name) is not None]
        if len(given) != 1:
            raise Refused(INVALID)
        if (message.setup is None) is (self._session is None):
            raise Refused("setup must be the first message and only the first")
        if message.setup is not None:
            self._set_up(message.setup)
        elif message.client_content is not None:
            self._content(message.client_content)
        elif message.realtime_input is not None:
            self._realtime(message.realtime_input)
        elif message.tool_response is not None:
            self._results(message.tool_response.function_responses or [])
        else:
            self._update(message.context_update)

    def _take(self) -> Sequence[Command | Outgoing]:
        out, self._out = self._out, []
        return out

    def _say(self, message: wire.ServerMessage) -> None:
        self._out.append(Frame(wire.encode(message), binary=True))

    def _tell(self, content: wire.ServerContent, cost: objects.Usage | None = None) -> None:
        self._say(wire.ServerMessage(server_content=content, usage_metadata=cost))

    def _ask(self, command: Command) -> None:
        self._conversation.apply(command)
        self._out.append(command)

    def _end(self, close: Close) -> None:
        self._over = True
        self._ends_at = self._leaves_at = None
        self._out.append(close)

    @property
    def _current(self) -> Session:
        assert self._session is not None
        return self._session

    # ------------------------------------------------------------------ the session

    def _set_up(self, setup: dict[str, Any]) -> None:
        session = read(setup, vertex=self._vertex)
        history: tuple[Item, ...] = ()
        if session.handle is not None:
            found = self._sessions.find(session.handle)
            if found is None:
                raise Refused("BidiGenerateContent session not found", decode.CLOSE_POLICY)
            history = found
        self._session = session
        self._initial = session.initial_history
        self._begun = bool(history)
        self._ear = Ear(
            threshold=session.threshold, silence_ms=session.silence_ms, padding_ms=session.padding_ms
        )
        options = session.options
        if not self._detects_turns:
            options = msgspec.structs.replace(options, turn_detection=msgspec.UNSET)
        if self._sets_formats:
            options = options.merged(Options(input_audio_format=HEARD, output_audio_format=OUTPUT))
        self._ask(SessionUpdate(options))
        for item in history:  # under new ids: another provider may have given the old ones to something else
            self._add(msgspec.structs.replace(item, id=self._ids("item")))
        self._say(wire.ServerMessage(setup_complete=wire.SetupComplete(self._ids("session"))))

    def _add(self, item: Item) -> None:
        if isinstance(item, ToolCallItem):
            self._calls[item.call_id] = item.name
        elif isinstance(item, ToolResultItem):
            self._calls.pop(item.call_id, None)
        self._ask(ItemCreate(item))

    def _update(self, update: wire.ContextUpdate | None) -> None:
        options, behaviors = read_update(update, self._current)
        if options.changes():
            self._session = msgspec.structs.replace(
                self._current, options=self._current.options.merged(options), behaviors=behaviors
            )
            self._ask(SessionUpdate(options))

    def _resumable(self) -> None:
        """A new handle, at a moment at which nothing is under way."""
        if not self._current.resumable:
            return
        handle = self._ids("handle")
        self._sessions.save(handle, self._conversation.items())
        consumed = self._received if self._current.transparent else None
        update = wire.SessionResumptionUpdate(
            handle, resumable=True, last_consumed_client_message_index=consumed
        )
        self._say(wire.ServerMessage(session_resumption_update=update))

    # ------------------------------------------------------------------ what the client says

    def _content(self, content: wire.ClientContent) -> None:
        session = self._current
        if self._begun and not session.traits.content_any_time and not self._initial:
            raise Refused(INVALID)
        items = [item for turn in content.turns or () for item in self._items(turn)]
        if not self._initial:
            self._interrupt()
        for item in items:
            self._add(item)
        if not content.turn_complete:
            return
        if self._initial:
            self._initial = False
            self._begun = True
        else:
            self._reply()

    def _items(self, turn: objects.Content) -> list[Item]:
        """The items in a turn: its words and pictures as one, calls and results each by itself."""
        role = _ROLES.get(turn.role, "user")
        if turn.role not in (None, "user", "model") and not (self._vertex and role == "system"):
            raise Refused("Please use a valid role: user, model.")
        found: list[Item] = []
        parts: list[Part] = []
        for part in turn.parts or ():
            if part.text is not None:
                parts.append(TextPart(part.text))
            elif part.inline_data is not None:
                parts += self._picture(part.inline_data)
            elif part.function_call is not None:
                call, (text, _) = part.function_call, decode.arguments(part.function_call.args)
                found.append(ToolCallItem(call.id or self._ids("call"), call.name or "", text))
            elif part.function_response is not None:
                given = part.function_response
                output, is_error = _output(given)
                found.append(ToolResultItem(given.id or "", output, is_error=is_error))
        if parts:
            found.insert(0, MessageItem(role, tuple(parts)))
        return found

    def _picture(self, blob: objects.Blob) -> list[Part]:
        kind = blob.mime_type or ""
        if not kind.startswith("image/"):
            raise Refused(f"Unsupported MIME type: {kind}")
        return [ImagePart(self._bytes(blob), kind)]

    def _bytes(self, blob: objects.Blob) -> bytes:
        try:
            return wire.base64(blob.data or "")
        except ValueError:
            raise Refused(INVALID) from None

    def _realtime(self, given: wire.RealtimeInput) -> None:
        named = [name for name in given.__struct_fields__ if getattr(given, name) is not None]
        if len(named) != 1 or self._initial:
            raise Refused(INVALID)
        if given.text is not None:
            self._said(given.text)
        elif given.audio is not None or given.media_chunks is not None:
            for blob in given.media_chunks or [given.audio or objects.Blob()]:
                self._blob(blob)
        elif given.video is not None:
            self._blob(given.video)
        elif given.audio_stream_end is not None:
            self._paused()
        else:
            self._mark(began=given.activity_start is not None)

    def _said(self, text: str) -> None:
        """Words in real time are the user's activity, and a turn by themselves; within one they are part of it."""
        self._interrupt()
        if text.strip():
            self._add(MessageItem("user", (TextPart(text),)))
        if not self._activity:
            self._reply()

    def _blob(self, blob: objects.Blob) -> None:
        kind = blob.mime_type or ""
        if kind.startswith("image/"):
            self._ask(Image(self._bytes(blob), kind))
            return
        form = decode.spoken(kind)
        if form is None:
            raise Refused(f"Unsupported MIME type: {kind}")
        self._begun = True
        rate = form.sample_rate if "rate=" in kind else HEARD.sample_rate
        pcm = self._ear.heard(self._bytes(blob), rate)
        if self._detects_turns or self._current.manual:
            if self._activity or not self._current.manual:
                self._pass_on(pcm)
            return
        for part in self._ear.feed(pcm):
            if isinstance(part, bytes):
                self._pass_on(part)
            elif part.began:
                self._speech_began(part.ms)
            else:
                self._speech_ended(part)

    def _pass_on(self, pcm: bytes) -> None:
        if pcm:
            self._out.append(AudioAppend(self._to_provider(pcm)))

    def _paused(self) -> None:
        if self._vertex:
            raise Refused(INVALID)
        if self._ear.speaking:
            self._speech_ended(Edge(began=False, ms=self._ear.position_ms))
        self._ear.pause()

    def _mark(self, *, began: bool) -> None:
        if not self._current.manual:
            raise Refused(
                "Explicit activity control is not supported when automatic activity detection is enabled."
            )
        if began is self._activity:
            raise Refused(INVALID)
        self._activity = began
        if began:
            self._begun = True
            self._interrupt()
        else:
            self._ask(AudioCommit())
            self._reply()

    def _results(self, given: Sequence[objects.FunctionResponse]) -> None:
        if not given:
            raise Refused(INVALID)
        for each in given:
            call_id = each.id or next((call for call, name in self._calls.items() if name == each.name), "")
            if call_id not in self._calls:
                raise Refused("Requested entity was not found.", decode.CLOSE_POLICY)
            name = self._calls.pop(call_id)
            output, is_error = _output(each)
            self._ask(ToolResult(call_id, output, is_error))
            if self._current.behaviors.get(name) != "NON_BLOCKING":
                self._silent = False
                continue
            self._silent = self._silent and each.scheduling == "SILENT"
            if each.scheduling == "INTERRUPT":
                self._interrupt()
        if not self._calls and not self._silent:
            self._silent = True
            self._reply()

    # ------------------------------------------------------------------ the user's speech

    def _speech_began(self, at_ms: float) -> None:
        self._activity_told("ACTIVITY_START", at_ms)
        if self._current.interrupts:
            self._interrupt()

    def _speech_ended(self, edge: Edge) -> None:
        self._activity_told("ACTIVITY_END", edge.ms)
        self._ask(AudioCommit())
        if self._active is None and not self._waiting:
            self._reply()

    def _activity_told(self, word: str, at_ms: float) -> None:
        if self._current.hears:
            told = wire.VoiceActivity(word, audio_offset=_duration(at_ms / 1000))
            self._say(wire.ServerMessage(voice_activity=told))

    def _heard_speech(self, event: SpeechStarted) -> None:
        at = self._ear.position_ms if event.position_ms is None else event.position_ms
        self._activity_told("ACTIVITY_START", at)
        if self._turn and self._active is None:  # it waits for results: the provider has nothing to interrupt
            self._interrupt()

    def _heard_silence(self, event: SpeechStopped) -> None:
        at = self._ear.position_ms if event.position_ms is None else event.position_ms
        self._activity_told("ACTIVITY_END", at)

    def _transcript(self, event: InputTranscript) -> None:
        if not self._current.writes_input:
            return
        key = event.item_id or ""
        told = self._words.get(key, "")
        more = event.text.removeprefix(told)
        self._words[key] = event.text
        if event.final:
            del self._words[key]
        if more or event.final:
            said = objects.Transcription(more, True if event.final else None)
            self._tell(wire.ServerContent(input_transcription=said))

    # ------------------------------------------------------------------ the model's turn

    def _reply(self) -> None:
        """A reply is to be made; one that was asked for and has not begun is that one."""
        if self._rate_limited:
            self._rate_limited -= 1
            self._end(QUOTA)
            return
        self._begun = True
        if self._waiting > self._unwanted:
            return
        self._turn = True
        self._waiting += 1
        self._ask(ResponseCreate())

    def _interrupt(self) -> None:
        """What the user does ends the model's turn: whatever of it still comes is dropped."""
        if not self._turn:
            return
        if self._calls and not self._made:
            blocking = [
                call
                for call, name in self._calls.items()
                if self._current.behaviors.get(name) != "NON_BLOCKING"
            ]
            if blocking:
                for call in blocking:
                    self._ask(ToolResult(call, "cancelled", is_error=True))
                    del self._calls[call]
                cancelled = wire.ToolCallCancellation(blocking)
                self._say(wire.ServerMessage(tool_call_cancellation=cancelled))
        if self._active is not None:
            self._ask(ResponseCancel(self._active))
        elif self._waiting > self._unwanted:
            self._ask(ResponseCancel())
        self._unwanted = self._waiting
        self._active = None
        self._made.clear()
        self._tell(wire.ServerContent(interrupted=True))
        self._end_turn(None)

    def _end_turn(self, reason: str | None) -> None:
        status = (
            None
            if self._current.traits.content_any_time or not self._current.traits.context_update
            else "IDLE"
        )
        content = wire.ServerContent(
            turn_complete=True, turn_complete_reason=reason, interaction_status=status
        )
        self._turn = False
        cost, self._cost = self._cost, None
        self._tell(content, None if cost is None else _usage(cost, vertex=self._vertex))
        self._resumable()

    def _started(self, event: ResponseStarted) -> None:
        if event.out_of_band:
            return
        if self._waiting:
            self._waiting -= 1
            if self._unwanted:
                self._unwanted -= 1
                return
        self._active, self._turn = event.response_id, True
        self._begun = True
        self._recode = Recoder(self._audio, OUTPUT)

    def _text(self, event: TextChunk) -> None:
        if event.response_id != self._active:
            return
        if not event.spoken:
            self._tell(_made([objects.Part(text=event.text)]))
        elif self._current.writes_output:
            self._tell(wire.ServerContent(output_transcription=objects.Transcription(event.text)))

    def _sound(self, event: AudioChunk) -> None:
        if event.response_id != self._active:
            return
        recode = self._recode if event.format is None else Recoder(event.format, OUTPUT)
        data = pybase64.b64encode_as_string(recode(event.audio))
        blob = objects.Blob(f"audio/pcm;rate={OUTPUT.sample_rate}", data)
        self._tell(_made([objects.Part(inline_data=blob)]))

    def _call(self, event: ToolCall) -> None:
        if event.response_id == self._active:
            self._made.append(event)

    def _provider_interrupted(self, event: Interrupted) -> None:
        if event.response_id == self._active:
            self._tell(wire.ServerContent(interrupted=True))

    def _completed(self, event: ResponseCompleted) -> None:
        """A reply is over. One that only waits for results of tools is a turn that goes on, and its cost is told at its end."""
        if event.response_id != self._active:
            return
        self._active = None
        if event.usage is not None:
            self._cost = event.usage if self._cost is None else self._cost + event.usage
        made, self._made = self._made, []
        if event.status == "completed" and made:
            self._calls |= {call.call_id: call.name for call in made}
            calls = [objects.FunctionCall(call.call_id, call.name, _arguments(call)) for call in made]
            self._say(wire.ServerMessage(tool_call=wire.ToolCall(calls)))
            if any(self._current.behaviors.get(call.name) != "NON_BLOCKING" for call in made):
                return
        if event.status == "completed":
            self._tell(wire.ServerContent(generation_complete=True))
        reason = (event.reason or "").upper()
        told = {"failed": "RESPONSE_REJECTED", "incomplete": reason or "GENERATED_OTHER"}
        self._end_turn(told.get(event.status))

    def _failed(self, event: ErrorInfo) -> None:
        """The provider has an error: the service has no word for one but to close."""
        if not event.recoverable:
            self._end(Close(decode.CLOSE_INTERNAL, "Internal error occurred."))
        elif event.command is not None:
            self._end(Close(decode.CLOSE_INVALID, f"{INVALID} {event.message}"[:120]))


def _duration(seconds: float) -> str:
    """A duration as protocol buffers write it in JSON: never with an exponent."""
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def _made(parts: list[objects.Part]) -> wire.ServerContent:
    return wire.ServerContent(model_turn=objects.Content(parts))


def _arguments(call: ToolCall) -> msgspec.Raw:
    """The arguments of a call, which are an object here; what is none is passed on as a string."""
    given = (
        call.arguments or "{}" if call.parsed is not None else msgspec.json.encode(call.arguments).decode()
    )
    return msgspec.Raw(given.encode())


def _output(given: objects.FunctionResponse) -> tuple[str, bool]:
    """A result as text, and whether it is an error; one without either word is the output as a whole."""
    response = given.response or {}
    for name, is_error in (("error", True), ("output", False)):
        value = response.get(name)
        if isinstance(value, str):
            return value, is_error
        if value is not None:
            return msgspec.json.encode(value).decode(), is_error
    return msgspec.json.encode(response).decode(), False


def _usage(cost: Usage, *, vertex: bool) -> objects.Usage:
    read = {
        "TEXT": cost.input_text_tokens,
        "AUDIO": cost.input_audio_tokens,
        "IMAGE": cost.input_image_tokens,
    }
    made = {"TEXT": cost.output_text_tokens, "AUDIO": cost.output_audio_tokens}
    return objects.Usage(
        prompt_token_count=cost.input_tokens,
        cached_content_token_count=cost.cached_tokens or None,
        response_token_count=None if vertex else cost.output_tokens,
        candidates_token_count=cost.output_tokens if vertex else None,
        total_token_count=cost.total_tokens,
        prompt_tokens_details=_details(read),
        response_tokens_details=None if vertex else _details(made),
        candidates_tokens_details=_details(made) if vertex else None,
    )


def _details(counts: dict[str, int]) -> list[objects.ModalityCount] | None:
    found = [objects.ModalityCount(name, count) for name, count in counts.items() if count]
    return found or None
