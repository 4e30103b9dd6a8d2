"""The model's turn as Gemini's service has it: asked for, begun, interrupted, waiting for results of tools, over.

A reply is asked for of the provider behind, and begins later; one that was interrupted before that is told by its place in the
row. It knows nothing of the user's audio, of handles and of frames, and reads no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.recode import Recoder
from voicechatengine.events import (
    AudioChunk,
    Interrupted,
    ResponseCompleted,
    ResponseStarted,
    TextChunk,
    ToolCall,
    Usage,
)
from voicechatengine.messages import (
    Command,
    Item,
    ResponseCancel,
    ResponseCreate,
    ToolCallItem,
    ToolResult,
    ToolResultItem,
)
from voicechatengine.providers.gemini import decode, objects, server_content, wire
from voicechatengine.providers.gemini.encode import OUTPUT
from voicechatengine.providers.gemini.server_content import INVALID
from voicechatengine.providers.gemini.server_setup import Refused, Session

QUOTA: Final = "You exceeded your current quota, please check your plan and billing details."


class ServerTurn:
    """Tells the turn through `say`, and asks the provider for it through `ask`; `over` is called when one has ended.

    `session` is to be kept up to date. Sound comes in the format `audio` where an event names none. The first `rate_limited`
    replies are refused.
    """

    def __init__(
        self,
        *,
        say: Callable[[wire.ServerMessage], None],
        ask: Callable[[Command], None],
        over: Callable[[], None],
        audio: AudioFormat,
        vertex: bool,
        rate_limited: int,
    ) -> None:
        self.session: Session | None = None
        self.begun: bool = False  # ever
        self._say = say
        self._ask = ask
        self._over = over
        self._audio = audio
        self._vertex = vertex
        self._rate_limited = rate_limited
        self._waiting = 0  # replies that were asked for and have not begun
        self._unwanted = 0  # of them, from the front
        self._active: str | None = None  # the provider's reply that is told
        self._open = False
        self._recode = Recoder(audio, OUTPUT)
        self._made: list[ToolCall] = []  # by the reply that runs
        self._calls: dict[str, str] = {}  # those without a result, with their functions
        self._silent = True  # all results so far are not to be answered
        self._cost: Usage | None = None
        self.handlers: Final[dict[type, Callable[[Any], None]]] = {
            TextChunk: self._text,
            AudioChunk: self._sound,
            ToolCall: self._call,
            ResponseStarted: self._started,
            ResponseCompleted: self._completed,
            Interrupted: self._provider_interrupted,
        }

    @property
    def _current(self) -> Session:
        assert self.session is not None
        return self.session

    @property
    def idle(self) -> bool:
        """Whether no reply runs or is on its way."""
        return self._active is None and not self._waiting

    @property
    def waits(self) -> bool:
        """Whether it is open and the provider makes nothing of it: it has nothing to interrupt."""
        return self._open and self._active is None

    # -- what the client brings about

    def note(self, item: Item) -> None:
        """An item that the client adds: a call can be answered, or is."""
        if isinstance(item, ToolCallItem):
            self._calls[item.call_id] = item.name
        elif isinstance(item, ToolResultItem):
            self._calls.pop(item.call_id, None)

    def reply(self) -> None:
        """A reply is to be made; one that was asked for and has not begun is that one. Raises `Refused`."""
        if self._rate_limited:
            self._rate_limited -= 1
            raise Refused(QUOTA, decode.CLOSE_INTERNAL)
        self.begun = True
        if self._waiting > self._unwanted:
            return
        self._open = True
        self._waiting += 1
        self._ask(ResponseCreate())

    def results(self, given: Sequence[objects.FunctionResponse]) -> None:
        """Results of tools; the last one asks for a reply. Raises `Refused`."""
        if not given:
            raise Refused(INVALID)
        for each in given:
            call_id = each.id or next((call for call, name in self._calls.items() if name == each.name), "")
            if call_id not in self._calls:
                raise Refused("Requested entity was not found.", decode.CLOSE_POLICY)
            name = self._calls.pop(call_id)
            output, is_error = server_content.output(each)
            self._ask(ToolResult(call_id, output, is_error))
            if self._blocks(name):
                self._silent = False
                continue
            self._silent = self._silent and each.scheduling == "SILENT"
            if each.scheduling == "INTERRUPT":
                self.interrupt()
        if not self._calls and not self._silent:
            self._silent = True
            self.reply()

    def interrupt(self) -> None:
        """What the user does ends the turn: whatever of it still comes is dropped."""
        if not self._open:
            return
        if not self._made:
            self._cancel([call for call, name in self._calls.items() if self._blocks(name)])
        if self._active is not None:
            self._ask(ResponseCancel(self._active))
        elif self._waiting > self._unwanted:
            self._ask(ResponseCancel())
        self._unwanted = self._waiting
        self._active = None
        self._made.clear()
        self._tell(wire.ServerContent(interrupted=True))
        self._end(None)

    def _cancel(self, calls: list[str]) -> None:
        if not calls:
            return
        for call in calls:
            self._ask(ToolResult(call, "cancelled", is_error=True))
            del self._calls[call]
        self._say(wire.ServerMessage(tool_call_cancellation=wire.ToolCallCancellation(calls)))

    def _blocks(self, name: str) -> bool:
        return self._current.behaviors.get(name) != "NON_BLOCKING"

    # -- what the provider makes

    def _started(self, event: ResponseStarted) -> None:
        if event.out_of_band:
            return
        if self._waiting:
            self._waiting -= 1
            if self._unwanted:
                self._unwanted -= 1
                return
        self._active, self._open = event.response_id, True
        self.begun = True
        self._recode = Recoder(self._audio, OUTPUT)

    def _text(self, event: TextChunk) -> None:
        if event.response_id != self._active:
            return
        if not event.spoken:
            self._tell(server_content.written(event.text))
        elif self._current.writes_output:
            self._tell(wire.ServerContent(output_transcription=objects.Transcription(event.text)))

    def _sound(self, event: AudioChunk) -> None:
        if event.response_id != self._active:
            return
        recode = self._recode if event.format is None else Recoder(event.format, OUTPUT)
        self._tell(server_content.sound(recode(event.audio)))

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
            calls = [server_content.call(each) for each in made]
            self._say(wire.ServerMessage(tool_call=wire.ToolCall(calls)))
            if any(self._blocks(call.name) for call in made):
                return
        if event.status == "completed":
            self._tell(wire.ServerContent(generation_complete=True))
        reason = (event.reason or "").upper()
        told = {"failed": "RESPONSE_REJECTED", "incomplete": reason or "GENERATED_OTHER"}
        self._end(told.get(event.status))

    # -- telling it

    def _tell(self, content: wire.ServerContent, cost: objects.Usage | None = None) -> None:
        self._say(wire.ServerMessage(server_content=content, usage_metadata=cost))

    def _end(self, reason: str | None) -> None:
        traits = self._current.traits
        status = None if traits.content_any_time or not traits.context_update else "IDLE"
        content = wire.ServerContent(
            turn_complete=True, turn_complete_reason=reason, interaction_status=status
        )
        self._open = False
        cost, self._cost = self._cost, None
        self._tell(content, None if cost is None else server_content.usage(cost, vertex=self._vertex))
        self._over()
