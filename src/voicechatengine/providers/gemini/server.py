"""The server's side of Gemini Live: a dialect that behaves like the service, over any provider that answers.

Frames come from a client; commands go to the provider behind it, whose events become the service's messages. What the service
does by itself is done here: set-up checks, turn detection, handles, `goAway`; and by `server_turn`: interruption, tool rounds. It
makes no words and no sound, opens no socket and reads no clock.

Sources, read 2026-11-22: https://ai.google.dev/api/live, https://ai.google.dev/gemini-api/docs/live-session; recorded sessions of
2.5 and 3.1; reasons of closes as users of the service report them in public issues.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.recode import Recoder
from voicechatengine.conversation import Conversation
from voicechatengine.errors import AudioError
from voicechatengine.events import (
    ErrorInfo,
    Event,
    InputTranscript,
    SpeechStarted,
    SpeechStopped,
)
from voicechatengine.messages import (
    AudioAppend,
    AudioCommit,
    Command,
    Image,
    Item,
    ItemCreate,
    MessageItem,
    Options,
    SessionUpdate,
    TextPart,
)
from voicechatengine.providers.gemini import decode, objects, server_content, wire
from voicechatengine.providers.gemini.encode import OUTPUT
from voicechatengine.providers.gemini.server_content import INVALID
from voicechatengine.providers.gemini.server_input import HEARD, Ear, Edge
from voicechatengine.providers.gemini.server_sessions import Sessions
from voicechatengine.providers.gemini.server_setup import Refused, Session, read, read_update
from voicechatengine.providers.gemini.server_turn import ServerTurn
from voicechatengine.session.dialect import Close, Frame, Ids, Outgoing, Restore

SESSION_S: Final = 600.0  # of a connection
NOTICE_S: Final = 60.0  # between goAway and the cut
ABORTED: Final = Close(1008, "The operation was aborted.")


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
        self._begun = False  # the conversation has, by what the user did
        self._turn = ServerTurn(
            say=self._say,
            ask=self._ask,
            over=self._resumable,
            audio=audio,
            vertex=vertex,
            rate_limited=rate_limited,
        )
        self._handlers: dict[type, Callable[[Any], None]] = {
            **self._turn.handlers,
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
                self._say(wire.ServerMessage(go_away=wire.GoAway(server_content.duration(left))))
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
            self._turn.results(message.tool_response.function_responses or [])
        else:
            self._update(message.context_update)

    def _take(self) -> Sequence[Command | Outgoing]:
        out, self._out = self._out, []
        return out

    def _say(self, message: wire.ServerMessage) -> None:
        self._out.append(Frame(wire.encode(message), binary=True))

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
        self._session = self._turn.session = session
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
        self._turn.note(item)
        self._ask(ItemCreate(item))

    def _update(self, update: wire.ContextUpdate | None) -> None:
        options, behaviors = read_update(update, self._current)
        if options.changes():
            self._session = self._turn.session = msgspec.structs.replace(
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
        begun = self._begun or self._turn.begun
        if begun and not session.traits.content_any_time and not self._initial:
            raise Refused(INVALID)
        said = [server_content.items(turn, self._ids, vertex=self._vertex) for turn in content.turns or ()]
        if not self._initial:
            self._turn.interrupt()
        for item in (item for items in said for item in items):
            self._add(item)
        if not content.turn_complete:
            return
        if self._initial:
            self._initial = False
            self._begun = True
        else:
            self._turn.reply()

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
        self._turn.interrupt()
        if text.strip():
            self._add(MessageItem("user", (TextPart(text),)))
        if not self._activity:
            self._turn.reply()

    def _blob(self, blob: objects.Blob) -> None:
        kind = blob.mime_type or ""
        if kind.startswith("image/"):
            self._ask(Image(server_content.data(blob), kind))
            return
        form = decode.spoken(kind)
        if form is None:
            raise Refused(f"Unsupported MIME type: {kind}")
        self._begun = True
        rate = form.sample_rate if "rate=" in kind else HEARD.sample_rate
        pcm = self._ear.heard(server_content.data(blob), rate)
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
            self._turn.interrupt()
        else:
            self._ask(AudioCommit())
            self._turn.reply()

    # ------------------------------------------------------------------ the user's speech

    def _speech_began(self, at_ms: float) -> None:
        self._activity_told("ACTIVITY_START", at_ms)
        if self._current.interrupts:
            self._turn.interrupt()

    def _speech_ended(self, edge: Edge) -> None:
        self._activity_told("ACTIVITY_END", edge.ms)
        self._ask(AudioCommit())
        if self._turn.idle:
            self._turn.reply()

    def _activity_told(self, word: str, at_ms: float) -> None:
        if self._current.hears:
            told = wire.VoiceActivity(word, audio_offset=server_content.duration(at_ms / 1000))
            self._say(wire.ServerMessage(voice_activity=told))

    def _heard_speech(self, event: SpeechStarted) -> None:
        at = self._ear.position_ms if event.position_ms is None else event.position_ms
        self._activity_told("ACTIVITY_START", at)
        if self._turn.waits:
            self._turn.interrupt()

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
            self._say(wire.ServerMessage(server_content=wire.ServerContent(input_transcription=said)))

    def _failed(self, event: ErrorInfo) -> None:
        """The provider has an error: the service has no word for one but to close."""
        if not event.recoverable:
            self._end(Close(decode.CLOSE_INTERNAL, "Internal error occurred."))
        elif event.command is not None:
            self._end(Close(decode.CLOSE_INVALID, f"{INVALID} {event.message}"[:120]))
