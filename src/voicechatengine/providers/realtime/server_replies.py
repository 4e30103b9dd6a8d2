"""The responses of one session of OpenAI's service: who asked for which, which run, which were cancelled.

A response is on the wire from the moment that it is asked for, and the provider behind begins it later, under an id of its own;
here the two find each other. It knows nothing of the user's audio and of frames.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.recode import Recoder
from voicechatengine.events import (
    AudioChunk,
    RateLimit,
    ResponseCompleted,
    ResponseStarted,
    TextChunk,
    ToolCall,
    Usage,
)
from voicechatengine.messages import Command, Item, ResponseCancel, ResponseCreate
from voicechatengine.providers.realtime import objects, wire
from voicechatengine.providers.realtime import server_session as rules
from voicechatengine.providers.realtime.differences import Differences
from voicechatengine.providers.realtime.server_items import Conversation, items_of, meaning
from voicechatengine.providers.realtime.server_response import Plan, ServerResponse, Status
from voicechatengine.providers.realtime.server_session import Refused, known_format
from voicechatengine.providers.realtime.server_words import unworded
from voicechatengine.session.dialect import Ids

TOKEN: Final = "wire_response_id"  # noqa: S105 - the name of a pair of metadata, by which a reply finds its request
MAX_PAIRS: Final = 16  # of metadata
STATUS: Final[dict[str, Status]] = {
    "completed": "completed",
    "interrupted": "cancelled",
    "failed": "failed",
    "incomplete": "incomplete",
}


class Replies:
    """Writes responses through `say`, and asks the provider for them through `ask`.

    `ended` is called with each response of the conversation that is over; `session` is to be kept up to date. `interruption` is
    the reason for a reply that the provider cut short by itself.
    """

    def __init__(
        self,
        session: dict[str, Any],
        *,
        say: Callable[[wire.Message], None],
        ask: Callable[[Command], None],
        ended: Callable[[ServerResponse, Status], None],
        ids: Ids,
        conversation: Conversation,
        audio: AudioFormat,
        differences: Differences,
        limits: Sequence[RateLimit],
        interruption: str,
    ) -> None:
        self.session = session
        self.active: ServerResponse | None = None  # the one of the conversation
        self.spoke: bool = False  # ever
        self._say = say
        self._ask = ask
        self._ended = ended
        self._ids = ids
        self._conversation = conversation
        self.conversation_id: str = ids("conv")
        self._audio = audio
        self._differences = differences
        self._limits = tuple(limits)
        self._interruption = interruption
        self._waiting: deque[ServerResponse] = deque()  # asked for, and not begun by the provider
        self._running: dict[str, ServerResponse] = {}  # by the provider's id
        self._dead: set[str] = set()  # cancelled before the provider began them, by the wire's id

    # -- what the client and the turns ask for

    def begin(self, params: dict[str, Any], *, by_silence: bool = False) -> None:
        """Opens a response on the wire and asks the provider for it; `params` are those of a checked `response.create`."""
        beside = params.get("conversation") == "none"
        if not beside and self.active is not None:
            raise Refused(
                "conversation_already_has_active_response",
                f"Conversation already has an active response in progress: {self.active.plan.response_id}."
                " Wait until the response is finished before creating a new one.",
            )
        request = self._request(params, beside=beside)
        response = self._open(params, beside=beside)
        response.by_silence = by_silence
        metadata = dict(request.metadata or {})
        if len(metadata) < MAX_PAIRS:
            metadata[TOKEN] = response.plan.response_id
        self._waiting.append(response)
        self._ask(msgspec.structs.replace(request, metadata=metadata))

    def find(self, response_id: str) -> ServerResponse | None:
        """The response of that id, if it is not over."""
        alive = (*self._waiting, *self._running.values())
        return next((one for one in alive if one.plan.response_id == response_id), None)

    def cancel(self, response: ServerResponse, reason: str) -> None:
        """Ends a response on the wire now; whatever the provider still says of it is dropped by its id."""
        if response in self._waiting:
            self._waiting.remove(response)
            self._dead.add(response.plan.response_id)
            if response.plan.conversation:
                self._ask(ResponseCancel())
        for provider_id, running in list(self._running.items()):
            if running is response:
                del self._running[provider_id]
                self._ask(ResponseCancel(provider_id))
        self._finish(response, "cancelled", objects.StatusDetails(type="cancelled", reason=reason))

    def fail_oldest(self, code: str, text: str) -> None:
        """The provider refused the oldest response that it has not begun."""
        if self._waiting:
            error = objects.StatusError("server_error", code, text)
            details = objects.StatusDetails(type="failed", error=error)
            self._finish(self._waiting.popleft(), "failed", details)

    def tell_limits(self, limits: Sequence[RateLimit]) -> None:
        """Says what is left: "emitted at the beginning of a Response", says the reference."""
        told = [
            objects.RateLimit(one.name, int(one.limit), int(one.remaining), one.reset_s) for one in limits
        ]
        self._say(wire.RateLimitsUpdated(rate_limits=told))

    # -- what the provider says; each gives the response that it is about, or None

    def started(self, event: ResponseStarted) -> None:
        """A reply begins: one that was asked for, one that was cancelled meanwhile, or one of the provider's own accord."""
        token = (event.metadata or {}).get(TOKEN)
        found = next(
            (
                one
                for one in self._waiting
                if (token is None or one.plan.response_id == token)
                and one.plan.conversation != event.out_of_band
            ),
            None,
        )
        if found is not None:
            self._waiting.remove(found)
        elif self._dead and (token is None or token in self._dead):
            self._dead.discard(token or next(iter(self._dead)))
            self._ask(ResponseCancel(event.response_id))
        elif token is None and (self.active is None or event.out_of_band):
            found = self._open({}, beside=event.out_of_band)
        if found is not None:
            self._running[event.response_id] = found

    def text(self, event: TextChunk) -> ServerResponse | None:
        """More words."""
        response = self._running.get(event.response_id or "")
        if response is not None:
            response.text(event.text, spoken=event.spoken, key=event.item_id)
        return response

    def sound(self, event: AudioChunk) -> ServerResponse | None:
        """More audio."""
        response = self._running.get(event.response_id or "")
        if response is not None:
            self.spoke = True
            response.audio(event.audio, event.format, key=event.item_id)
        return response

    def call(self, event: ToolCall) -> ServerResponse | None:
        """A tool call."""
        response = self._running.get(event.response_id or "")
        if response is not None:
            response.call(event.call_id, event.name, event.arguments)
        return response

    def completed(self, event: ResponseCompleted) -> None:
        """A reply is over."""
        response = self._running.pop(event.response_id, None)
        if response is None:
            return
        status = STATUS[event.status]
        details: objects.StatusDetails | None = None
        if status == "cancelled":
            details = objects.StatusDetails(type="cancelled", reason=self._interruption)
        elif status == "incomplete":
            reason = "content_filter" if event.reason == "content_filter" else "max_output_tokens"
            details = objects.StatusDetails(type="incomplete", reason=reason)
        elif status == "failed":
            error = objects.StatusError("server_error", "server_error", event.reason or "The model failed.")
            details = objects.StatusDetails(type="failed", error=error)
        self._finish(response, status, details, event.usage)

    # -- the making of one

    def _finish(
        self,
        response: ServerResponse,
        status: Status,
        details: objects.StatusDetails | None,
        usage: Usage | None = None,
    ) -> None:
        response.finish(status, details, usage)
        if response is self.active:
            self.active = None
            self._ended(response, status)

    def _request(self, params: dict[str, Any], *, beside: bool) -> ResponseCreate:
        limit, choice = params.get("max_output_tokens", "inf"), params.get("tool_choice")
        return ResponseCreate(
            modalities=rules.modalities(params["output_modalities"])
            if "output_modalities" in params
            else None,
            instructions=params.get("instructions"),
            out_of_band=beside,
            input=self._context(params["input"]) if "input" in params else None,
            tools=rules.tools(params["tools"]) if "tools" in params else None,
            tool_choice=None if choice is None else rules.choice(choice),
            max_tokens=None if limit == "inf" else limit,
            metadata=params.get("metadata"),
        )

    def _context(self, given: list[dict[str, object]]) -> tuple[Item, ...]:
        """A response's own input, with what it refers to."""
        heard = known_format(self.session["audio"]["input"]["format"], self._differences.input_formats)
        recode = Recoder(heard or self._differences.input, self._audio)
        found: list[Item] = []
        for item in items_of(given, self._ids, partial(unworded, differences=self._differences)):
            if item.type == "item_reference":
                item = self._conversation.get(str(item.id), "retrieve")
            meant = meaning(item, recode)
            found += [] if meant is None else [meant]
        return tuple(found)

    def _open(self, params: dict[str, Any], *, beside: bool) -> ServerResponse:
        session, asked = self.session, params.get("audio", {}).get("output", {})
        output = session["audio"]["output"]
        audio_output = {name: asked.get(name, output[name]) for name in ("format", "voice")}
        plan = Plan(
            response_id=self._ids("resp"),
            conversation_id=None if beside else self.conversation_id,
            output_modalities=params.get("output_modalities", session["output_modalities"]),
            max_output_tokens=params.get("max_output_tokens", session["max_output_tokens"]),
            audio_output=audio_output,
            metadata=params.get("metadata"),
            conversation=not beside,
        )
        response = ServerResponse(
            plan,
            say=self._say,
            ids=self._ids,
            conversation=self._conversation,
            source=self._audio,
            target=known_format(audio_output["format"], self._differences.output_formats)
            or self._differences.output,
        )
        if not beside:
            self.active = response
        if self._limits:
            self.tell_limits(self._limits)
        return response
