"""The server's side of OpenAI's realtime wire: a dialect that behaves like the service, over any provider that answers.

Frames come from a client; commands go to the provider behind it, whose events become the service's messages. What the service
does by itself is done here: session and item checks, turn detection, item ids and their order, cancelling, expiry. It makes no
words and no sound, opens no socket and reads no clock.

Sources, read 2026-11-22: https://platform.openai.com/docs/guides/realtime-conversations,
https://platform.openai.com/docs/api-reference/realtime-server-events; recorded sessions of 2026-07; codes and texts of errors
as users of the service report them in public issues, named where they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import UNSET

from voicechatengine.audio.format import AudioFormat
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    Event,
    InputTranscript,
    ItemAdded,
    RateLimit,
    RateLimits,
    ResponseCompleted,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TextChunk,
    ToolCall,
)
from voicechatengine.messages import (
    Command,
    Image,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    Options,
    SessionUpdate,
)
from voicechatengine.providers.realtime import objects, wire
from voicechatengine.providers.realtime import server_session as rules
from voicechatengine.providers.realtime.differences import OPENAI, PCM, Differences, from_vendor
from voicechatengine.providers.realtime.server_items import Conversation, Names, checked, decoded, meaning
from voicechatengine.providers.realtime.server_replies import Replies
from voicechatengine.providers.realtime.server_response import ServerResponse, Status
from voicechatengine.providers.realtime.server_session import Refused
from voicechatengine.providers.realtime.server_user import User
from voicechatengine.providers.realtime.server_words import place, unworded, worded
from voicechatengine.session.dialect import Close, Frame, Ids, Outgoing, Restore

SESSION_S: Final = 3_600  # https://platform.openai.com/docs/guides/realtime-conversations: 60 minutes
LIMITS: Final = (
    RateLimit("requests", 1_000, 999, 0.06),
    RateLimit("tokens", 40_000, 38_500, 2.25),
)
CONVERSATION: Final = "realtime.conversation"
KEPT: Final = 100  # conversations
Memory: TypeAlias = dict[str, list[objects.Item]]
"""The conversations of a service that resumes them, by their ids, the last ones."""

EXPIRED: Final = "Your session hit the maximum duration of 60 minutes."  # as it comes with close code 1001


class RealtimeServer:
    """One client's session. The provider behind it takes and gives audio in `audio`.

    `detects_turns` says that the provider finds the turns in the audio: then it is handed all of it, and its speech events are
    passed on. Else this dialect listens itself, hands over speech alone, and asks for the replies. `limits` are told when a
    response begins; `rate_limited` responses are refused first.
    """

    def __init__(
        self,
        ids: Ids,
        *,
        differences: Differences = OPENAI,
        memory: Memory | None = None,
        resume: str | None = None,
        audio: AudioFormat = PCM,
        model: str = "gpt-realtime",
        detects_turns: bool = False,
        expires_after_s: float = SESSION_S,
        limits: Sequence[RateLimit] = (),
        rate_limited: int = 0,
    ) -> None:
        self._ids = ids
        self._differences = differences
        self._memory = {} if memory is None else memory
        self._resume = resume if resume in self._memory else None
        self._audio = audio
        self._model = model
        self._detects_turns = detects_turns
        self._expires_after_s = expires_after_s
        self._rate_limited = rate_limited
        self._now = 0.0
        self._out: list[Command | Outgoing] = []
        self._session: dict[str, Any] = rules.new_session("", model, 0, differences)
        self._expires_at: float | None = None
        self._over = False

        self._conversation = Conversation()
        self._names = Names()
        self._user = User(
            say=self._say,
            ask=self._ask,
            ids=ids,
            conversation=self._conversation,
            names=self._names,
            audio=audio,
            differences=differences,
            detects_turns=detects_turns,
        )
        self._replies = Replies(
            self._session,
            say=self._say,
            ask=self._ask,
            ended=self._reply_ended,
            ids=ids,
            conversation=self._conversation,
            audio=audio,
            differences=differences,
            limits=limits,
            interruption="turn_detected" if detects_turns else "client_cancelled",
        )
        self._playing = ("", 0.0)  # the reply's item that was spoken last, and since when
        self._idle_at: float | None = None
        self._handlers: dict[type[wire.Message], Callable[[Any], None]] = {
            wire.SessionUpdate: self._session_update,
            wire.BufferAppend: self._append,
            wire.BufferCommit: self._user.commit,
            wire.BufferClear: self._user.clear,
            wire.OutputBufferClear: self._no_output_buffer,
            wire.ImageAppend: self._image,
            wire.ItemCreate: self._item_create,
            wire.ItemRetrieve: self._item_retrieve,
            wire.ItemTruncate: self._item_truncate,
            wire.ItemDelete: self._item_delete,
            wire.ResponseCreate: self._response_create,
            wire.ResponseCancel: self._response_cancel,
        }
        self._event_handlers: dict[type[Event], Callable[[Any], None]] = {
            TextChunk: self._text,
            AudioChunk: self._sound,
            ToolCall: self._tool_call,
            ResponseStarted: self._replies.started,
            ResponseCompleted: self._replies.completed,
            InputTranscript: self._user.transcript,
            ItemAdded: self._user.item_added,
            RateLimits: lambda event: self._replies.tell_limits(event.limits),
            ErrorInfo: self._failed,
        }
        if detects_turns:
            self._event_handlers |= {SpeechStarted: self._heard_speech, SpeechStopped: self._user.ended}

    # ------------------------------------------------------------------ the dialect

    def opened(self, now: float, /) -> Sequence[Command | Outgoing]:
        """Greets the client, or sends it away if there is no such model."""
        self._now = now
        models = self._differences.models
        if models and not self._model.startswith(models):
            # The handshake is accepted; code 4004 with this reason is what users of retired models report.
            text = f"The model `{self._model}` does not exist or you do not have access to it."
            self._error("model_not_found", text)
            self._end(Close(4004, "invalid_request_error.model_not_found"))
            return self._take()
        self._expires_at = now + self._expires_after_s
        self._session = self._replies.session = rules.new_session(
            self._ids("sess"), self._model, int(self._expires_at), self._differences
        )
        self._user.configure(self._session["audio"]["input"])
        self._say(wire.SessionCreated(session=self._session))
        if self._differences.conversation:
            replies = self._replies
            replies.conversation_id = self._resume or replies.conversation_id
            self._say(
                wire.ConversationCreated(conversation={"id": replies.conversation_id, "object": CONVERSATION})
            )
        return self._take()

    def receive(self, frame: bytes | str, now: float, /) -> Sequence[Command | Outgoing]:
        """A client's message."""
        self._now = now
        if self._over:
            return ()
        try:
            message = wire.decode_client(frame)
        except msgspec.ValidationError as error:
            refused, event_id = rules.misread(frame, error, wire.CLIENT_TYPES)
            self._error(refused.code, refused.message, refused.param, event_id)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            self._error("invalid_json", "The message is not valid JSON.")
        else:
            try:
                self._handlers[type(message)](message)
            except Refused as refused:
                event_id = message.event_id if isinstance(message.event_id, str) else None
                self._error(refused.code, refused.message, refused.param, event_id)
        return self._take()

    def send(self, message: Event, now: float, /) -> Sequence[Command | Outgoing]:
        """An event of the provider. What the wire has no word for is not passed on."""
        self._now = now
        if self._over:
            return ()
        handler = self._event_handlers.get(type(message))
        if handler is not None:
            handler(message)
        return self._take()

    def closed(self, close: Close, now: float, /) -> Sequence[Command | Outgoing]:
        """The client is gone; what the provider does for it is ended with the provider's own session."""
        del close, now
        if self._differences.resumes:
            items = [item for item in self._conversation.items() if item.content != []]
            self._memory[self._replies.conversation_id] = items
            while len(self._memory) > KEPT:
                del self._memory[next(iter(self._memory))]
        self._over = True
        self._expires_at = self._idle_at = None
        return ()

    def deadline(self) -> float | None:
        """When the session expires, or the user has been silent for too long."""
        return min((at for at in (self._expires_at, self._idle_at) if at is not None), default=None)

    def expired(self, now: float, /) -> Sequence[Command | Outgoing]:
        """Ends the session at its limit; speaks up after a silence."""
        self._now = now
        if self._expires_at is not None and now >= self._expires_at:
            self._error("session_expired", EXPIRED)
            self._end(Close(1001, EXPIRED))
        elif self._idle_at is not None and now >= self._idle_at:
            self._idle()
        return self._take()

    def snapshot(self) -> Restore:
        """The options of the session: a server's client brings the rest."""
        return Restore(options=self._options(self._session))

    # ------------------------------------------------------------------ writing

    def _take(self) -> Sequence[Command | Outgoing]:
        out, self._out = self._out, []
        return out

    def _ask(self, command: Command) -> None:
        self._out.append(command)

    def _say(self, message: wire.Message) -> None:
        msgspec.structs.force_setattr(message, "event_id", self._ids("event"))
        if self._differences is OPENAI:
            self._out.append(Frame(wire.encode(message)))
            return
        frame = worded(message, self._differences)
        if frame is not None:
            self._out.append(Frame(frame))

    def _error(
        self, code: str | None, text: str, param: str | None = None, event_id: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:  # fmt: skip
        moved = place(param, self._differences.session, "session")
        moved = place(moved, self._differences.request, "response")
        if param is not None and moved is not None:
            text = text.replace(param, moved)
        self._say(wire.Error(error=objects.ErrorDetail(kind, code, text, moved, event_id)))

    def _end(self, close: Close) -> None:
        self._over = True
        self._expires_at = self._idle_at = None
        self._out.append(close)

    # ------------------------------------------------------------------ the session

    def _options(self, session: dict[str, Any]) -> Options:
        options = rules.options(session)
        return options if self._detects_turns else msgspec.structs.replace(options, turn_detection=UNSET)

    def _session_update(self, message: wire.SessionUpdate) -> None:
        rules.check_shape(message.session, self._differences, "session")
        change = rules.given(from_vendor(message.session, self._differences.session))
        if not self._differences.typed:
            change.setdefault("type", "realtime")
        rules.check_session(change, self._differences)
        if change.get("model", self._model) != self._model:
            raise Refused("invalid_value", "The model of a session cannot be changed.", "session.model")
        session = rules.merged(self._session, change, self._differences)
        before, after = self._session["audio"], session["audio"]
        if self._replies.spoke and before["output"]["voice"] != after["output"]["voice"]:
            # https://github.com/openai/openai-python/issues/2607
            text = "Cannot update a conversation's voice if assistant audio is present."
            raise Refused("cannot_update_voice", text)
        old, new = self._options(self._session).changes(), self._options(session).changes()
        self._session = self._replies.session = session
        if before["input"] != after["input"]:
            self._user.configure(self._session["audio"]["input"])
            self._idle_at = None
        self._go_on()
        changed = {name: value for name, value in new.items() if old[name] != value}
        if changed:
            self._ask(SessionUpdate(Options(**changed)))
        self._say(wire.SessionUpdated(session=session))

    def _go_on(self) -> None:
        """Brings an earlier conversation back, once: its items under new ids, what the user said without the words."""
        kept, self._resume = self._memory.get(self._resume or "", []), None
        for old in kept:
            item = msgspec.structs.replace(old, id=self._ids("item"))
            before = self._conversation.add(item)
            meant = meaning(item, self._user.recoder())
            if meant is not None:
                self._ask(ItemCreate(meant))
            told = msgspec.structs.replace(item, content=[]) if item.role == "user" else item
            self._say(wire.ItemAdded(previous_item_id=before, item=told))

    # ------------------------------------------------------------------ the user's audio

    def _append(self, message: wire.BufferAppend) -> None:
        for speech in self._user.append(message):
            if speech.began:
                self._speech_began()
            else:
                self._speech_ended()

    def _speech_began(self) -> None:
        self._idle_at = None
        active, detection = self._replies.active, self._session["audio"]["input"]["turn_detection"]
        if active is not None and detection["interrupt_response"]:
            self._replies.cancel(active, "turn_detected")
        if detection.get("auto_truncate") and detection["interrupt_response"]:
            self._take_back()

    def _take_back(self) -> None:
        """What was not heard of the last reply, if it was played at once and at the speed of time, is taken back: Voice Live."""
        item_id, since = self._playing
        heard = max(1, int((self._now - since) * 1000))
        if item_id in self._conversation and heard < self._conversation.audio_ms.get(item_id, 0.0):
            self._item_truncate(wire.ItemTruncate(item_id=item_id, audio_end_ms=heard))

    def _speech_ended(self) -> None:
        if (
            self._replies.active is None
            and self._session["audio"]["input"]["turn_detection"]["create_response"]
        ):
            self._begin({})

    def _heard_speech(self, event: SpeechStarted) -> None:
        """The provider heard the user begin."""
        self._idle_at = None
        self._user.began(event)

    def _idle(self) -> None:
        """Nobody spoke: the model speaks up. Once, until somebody speaks."""
        self._idle_at = None
        self._user.stay_silent()
        self._begin({}, by_silence=True)

    def _no_output_buffer(self, message: wire.OutputBufferClear) -> None:
        del message
        raise Refused(
            "invalid_value", "output_audio_buffer.clear is for WebRTC and SIP sessions only.", "type"
        )

    # ------------------------------------------------------------------ items

    def _item_create(self, message: wire.ItemCreate) -> None:
        item = checked(unworded(message.item, self._differences), self._ids)
        previous = message.previous_item_id if isinstance(message.previous_item_id, str) else None
        behind = None if previous is None else self._names.at_provider(previous)
        meant = meaning(item, self._user.recoder())
        before = self._conversation.add(item, previous)
        if meant is not None:
            self._ask(ItemCreate(meant, behind))
        self._say(wire.ItemAdded(previous_item_id=before, item=item))
        self._say(wire.ItemDone(previous_item_id=before, item=item))

    def _image(self, message: wire.ImageAppend) -> None:
        if not self._differences.frames:
            raise Refused("invalid_value", "Invalid value: 'input_image_buffer.append'.", "type")
        if not self._user.buffered_ms:
            raise Refused("invalid_value", "Error append image before append audio.")
        self._ask(Image(decoded(message.image, "image"), "image/jpeg"))

    def _item_retrieve(self, message: wire.ItemRetrieve) -> None:
        self._say(wire.ItemRetrieved(item=self._conversation.get(message.item_id, "retrieve")))

    def _item_delete(self, message: wire.ItemDelete) -> None:
        item = self._conversation.get(message.item_id, "delete")
        self._conversation.remove(message.item_id)
        if not str(item.type).startswith("mcp"):
            self._ask(ItemDelete(self._names.at_provider(message.item_id)))
        self._say(wire.ItemDeleted(item_id=message.item_id))

    def _item_truncate(self, message: wire.ItemTruncate) -> None:
        item_id, end = message.item_id, message.audio_end_ms
        self._conversation.truncate(item_id, message.content_index, end)
        self._ask(ItemTruncate(self._names.at_provider(item_id), end))
        self._say(wire.ItemTruncated(item_id=item_id, content_index=message.content_index, audio_end_ms=end))

    # ------------------------------------------------------------------ responses

    def _response_create(self, message: wire.ResponseCreate) -> None:
        asked = message.response if isinstance(message.response, dict) else {}
        rules.check_shape(asked, self._differences, "response")
        params = rules.given(from_vendor(asked, self._differences.request))
        rules.check_response(params, self._differences)
        if self._rate_limited:
            self._rate_limited -= 1
            text = f"Rate limit reached for {self._model}. Please try again in 1s."
            raise Refused("rate_limit_exceeded", text)
        self._begin(params)

    def _begin(self, params: dict[str, Any], *, by_silence: bool = False) -> None:
        self._replies.begin(params, by_silence=by_silence)
        if params.get("conversation") != "none":
            self._idle_at = None

    def _response_cancel(self, message: wire.ResponseCancel) -> None:
        named = message.response_id
        found = self._replies.find(named) if isinstance(named, str) else self._replies.active
        if found is None:
            raise Refused("response_cancel_not_active", "Cancellation failed: no active response found")
        self._replies.cancel(found, "client_cancelled")

    def _text(self, event: TextChunk) -> None:
        self._name(event.item_id, self._replies.text(event))

    def _sound(self, event: AudioChunk) -> None:
        response = self._replies.sound(event)
        self._name(event.item_id, response)
        if response is not None and response.last_item != self._playing[0]:
            self._playing = (response.last_item or "", self._now)

    def _tool_call(self, event: ToolCall) -> None:
        self._name(event.item_id, self._replies.call(event))

    def _name(self, provider_id: str | None, response: ServerResponse | None) -> None:
        """Remembers which item of the provider the response's last item is."""
        item_id = None if response is None else response.last_item
        if provider_id is not None and item_id is not None:
            self._names.pair(item_id, provider_id)

    def _reply_ended(self, response: ServerResponse, status: Status) -> None:
        """The reply of the conversation is over; from then on, and the time that it takes to play, silence counts."""
        detection = self._session["audio"]["input"]["turn_detection"]
        timeout = None if detection is None else detection.get("idle_timeout_ms")
        if (
            timeout is not None
            and status == "completed"
            and not response.by_silence
            and not self._user.speaking
        ):
            self._idle_at = self._now + (response.audio_ms + timeout) / 1000

    def _failed(self, event: ErrorInfo) -> None:
        """The provider has an error: of its session, or of the reply that it was asked for."""
        self._error(event.code, event.message, kind="server_error")
        if event.command == "response_create":
            self._replies.fail_oldest(event.code, event.message)
        if not event.recoverable:
            self._end(Close(1011, "server_error"))


__all__ = ["LIMITS", "SESSION_S", "RealtimeServer"]
