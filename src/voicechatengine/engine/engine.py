"""`VoiceEngine`: a conversation with any provider, in text or in sound.

It depends on the contract of a provider alone. One task reads the provider's events, in order: it folds them into the
metrics, and hands them to the request and the spoken conversation that wait for them. The history is its relay's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, overload

from typing_extensions import Unpack

from voicechatengine.compose.line import aclose
from voicechatengine.compose.relay import Relay
from voicechatengine.engine.asking import Asking
from voicechatengine.engine.bargein import BargeIn
from voicechatengine.engine.io import AudioSink, AudioSource
from voicechatengine.engine.metrics import Fold, Metrics, MetricsFold
from voicechatengine.engine.reply import Gathering, Reply
from voicechatengine.engine.standing import Standing
from voicechatengine.engine.talk import Talk
from voicechatengine.engine.toolbox import Line, Toolbox
from voicechatengine.engine.tools import TIMEOUT_S, FunctionTool, RunSync, as_tool
from voicechatengine.errors import ConnectionError, MessageError, ProviderError
from voicechatengine.events import AudioChunk, EventData, ProviderEvent
from voicechatengine.messages import (
    ActivityEnd,
    ActivityStart,
    Item,
    MessageType,
    ResponseCreate,
    Role,
    Tool,
    ToolResult,
)
from voicechatengine.provider import EventHandler, Provider, SessionOptions

if TYPE_CHECKING:
    from voicechatengine.engine.telemetry import Telemetry

_F = TypeVar("_F", bound=Callable[..., Any])

log: logging.Logger = logging.getLogger("voicechatengine")

FAREWELL_S = 1.0  # for reading what came before the end of the session

_SAY = (
    "Say the text between the marks aloud, word for word, in the language it is written in. Add nothing before or after it,"
    " and do not answer it.\n<<<\n{text}\n>>>"
)


class VoiceEngine:
    """A conversation over one provider; an async context manager that connects and disconnects it.

    `tools` are typed functions that the model may call, see `tool`; they take the place of those in the provider's configuration.
    With none, calls are left to the application. A turn in which the model calls tools more than `max_tool_rounds` times ends
    with an error. `run_sync` runs those that are not async: by default in a thread.

    `barge_in` says when the user's speech interrupts the assistant (see `BargeIn`; True: at once). False lets the assistant finish
    whatever the user says meanwhile (a provider's own voice detection may still stop the reply: set its `interrupt_response`
    too). `telemetry` is told what happens. What goes to the provider past the engine is not in `history`.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        tools: Iterable[FunctionTool | Callable[..., Any]] = (),
        barge_in: BargeIn | bool | None = True,
        max_tool_rounds: int = 10,
        run_sync: RunSync = asyncio.to_thread,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._provider = Relay(provider)  # so that another one can take over, and nobody who listens notices
        self._barge_in = barge_in if isinstance(barge_in, BargeIn) else BargeIn() if barge_in else None
        self._conversation = self._provider.conversation
        self._metrics = MetricsFold()
        self._folds: list[Fold] = [self._metrics]
        if telemetry is not None:
            self._folds.append(telemetry)
            self._provider.on_event("session_created", telemetry.opened)
        self._toolbox = Toolbox(
            Line(
                declare=self._declare,
                send_result=self._send_result,
                ask_on=self._ask_on,
                tool_ended=self._tool_ended,
                turn_ended=self._turn_ended,
            ),
            run_sync,
            max_rounds=max_tool_rounds,
        )
        for each in tools:
            self._toolbox.add(as_tool(each))
        self._reader: asyncio.Task[None] | None = None
        self._standing = Standing()
        self._asking = Asking(self._gathering, self.interrupt)
        self._talk: Talk | None = None

    async def __aenter__(self) -> Self:
        """Connects. Raises `ConnectionError` if the provider cannot, and `MessageError` if there are tools and it knows none;
        nothing is left open then, nor by a cancellation.
        """
        await self._toolbox.declare()
        await self._provider.connect()
        self._standing.begin()
        self._conversation = self._provider.conversation
        events = self._provider.events()
        self._reader = asyncio.get_running_loop().create_task(self._read(events), name="engine reader")
        await asyncio.sleep(0)  # what the provider told while it connected is read first
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnects, and leaves no task; tools that run are cancelled. `history` and `metrics` stay readable."""
        reader = self._reader
        try:
            try:
                await self._toolbox.close()
            finally:
                await self._provider.disconnect()
            if reader is not None:
                await asyncio.wait([reader], timeout=FAREWELL_S)
        finally:
            if reader is not None:
                reader.cancel()
                await asyncio.wait([reader])

    # -- reading

    @property
    def provider(self) -> Provider:
        """The provider that the engine talks to at the moment; see `switch_provider`."""
        return self._provider.provider

    @property
    def history(self) -> tuple[Item, ...]:
        """What was said and heard so far, in order; words nobody heard because of an interruption are not in it."""
        return self._conversation.items()

    @property
    def metrics(self) -> Metrics:
        """The figures of the session so far."""
        return self._metrics.snapshot()

    def events(self) -> AsyncIterator[ProviderEvent]:
        """A subscription of its own to everything the provider tells, from the moment of this call."""
        return self._provider.events()

    def on_event(self, event_type: str, handler: EventHandler) -> None:
        """Calls `handler` (sync or async) for each event of the type, ``"*"`` for all."""
        self._provider.on_event(event_type, handler)

    async def switch_provider(self, other: Provider, *, at: Literal["pause", "now"] = "pause") -> None:
        """Goes on with another provider: the conversation, options and tools are carried over, subscriptions and handlers stay.

        `other` is opened first; then the switch comes at a pause (no reply runs, nobody speaks), or at once, which interrupts a
        running reply. `reconnected` tells what `other` could not take over. The audio format stays that of the first provider.
        Raises what opening `other` raises: the engine goes on with the one that it has. A cancellation leaves one of the two in
        use and the other closed.
        """
        await self._provider.move_to(other, at=at)

    # -- tools and options

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What the model is told of the engine's tools."""
        return self._toolbox.declarations

    @overload
    def tool(self, function: _F) -> _F: ...

    @overload
    def tool(
        self, *, name: str | None = None, description: str | None = None, timeout: float = TIMEOUT_S
    ) -> Callable[[_F], _F]: ...

    def tool(
        self,
        function: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        timeout: float = TIMEOUT_S,
    ) -> Callable[..., Any]:
        """Makes a typed function a tool, as a decorator, with or without settings; the function itself stays as it is.

        The model sees the function's name, its docstring (with ``Args:`` or ``:param x:`` for the parameters) and a JSON Schema
        of its annotations. `timeout` limits a call, in seconds. Sync functions run in a thread. Raises `MessageError` naming a
        parameter that a model could not give. In mid-session the provider is told before the next request.
        """

        def register(function: _F) -> _F:
            self._toolbox.add(FunctionTool(function, name=name, description=description, timeout=timeout))
            if self._reader is not None:
                self._toolbox.declare_soon()
            return function

        return register if function is None else register(function)

    async def add_tool(self, tool: FunctionTool | Callable[..., Any]) -> None:
        """Adds a tool, and tells the provider if there is a session. Raises like `tool` and like the provider."""
        self._toolbox.add(as_tool(tool))
        if self._reader is not None:
            await self._toolbox.declare()

    async def remove_tool(self, name: str) -> None:
        """Takes a tool away, and tells the provider if there is a session. Calls of it that run go on.

        Raises `MessageError` if there is none of that name, and like the provider.
        """
        self._toolbox.remove(name)
        if self._reader is not None:
            await self._toolbox.declare()

    async def update_session(self, **options: Unpack[SessionOptions]) -> None:
        """Changes options of the session (or before it is open, of the one to come). Raises like the provider's, and
        `MessageError` for `tools` where the engine has its own.
        """
        if "tools" in options and self._toolbox:
            raise MessageError(
                "the engine's tools are not to be replaced",
                field="tools",
                cure="use add_tool() and remove_tool()",
            )
        await self._provider.update_session(**options)

    # -- talking

    async def ask(self, text: str, *, timeout: float = 60.0) -> Reply:
        """Says `text` as the user and gives the reply once it is whole; several calls at once wait for each other.

        Where the engine has tools, their calls are answered and the reply is the one after the last; else one that calls tools
        comes back with its `tool_calls`. An interrupted one has the status ``interrupted``. Raises the typed error of a reply
        that failed or was refused, `ConnectionError` if the session ends, `DeadlineError` after `timeout` seconds, and
        `MessageError` for too many rounds of tools. A cancellation (like that time limit) stops the reply and its tools; the
        text stays in the conversation.
        """

        async def request() -> None:
            await self.send_text(text)
            await self.create_response()

        return await self._asking.reply_to(request, timeout)

    async def say(self, text: str, *, timeout: float = 60.0) -> Reply:
        """Makes the assistant speak this text, and gives the reply with what it said.

        The model is instructed to say exactly that, and only that. Models mostly do, and none promises it: compare
        ``reply.text`` where a word matters. The reply becomes part of the conversation. Raises like `ask`, and
        `MessageError` from a provider that takes no instructions for a single reply.
        """

        async def request() -> None:
            await self._toolbox.declare()
            self._asked()
            await self._provider.send_message(
                MessageType.RESPONSE_CREATE, ResponseCreate(instructions=_SAY.format(text=text))
            )

        return await self._asking.reply_to(request, timeout)

    async def send_text(self, text: str, role: Role = "user") -> None:
        """Adds text to the conversation, and to `history`. Triggers no reply by itself. Raises like the provider's."""
        await self._provider.send_text(text, role)

    async def create_response(self) -> None:
        """Ensures that a reply is coming. Raises like the provider's."""
        await self._toolbox.declare()
        self._asked()
        await self._provider.create_response()

    async def send_audio(self, audio: bytes) -> None:
        """Sends the next stretch of the user's audio, in ``provider.get_audio_format()``. Raises like the provider's.

        For an application that has its own loop; `run` sends what its source gives.
        """
        await self._provider.send_audio(audio)
        ms = self._provider.get_audio_format().duration_ms(len(audio))
        for fold in self._folds:
            fold.sent(ms)

    async def interrupt(self) -> None:
        """Stops the running reply and the tools that it called; safe when there is none. In `run`, the sink falls silent at once
        and the provider is told what was heard.
        """
        self._toolbox.interrupt()
        if self._talk is not None:
            await self._talk.interrupt()
        else:
            await self._provider.interrupt()

    async def start_turn(self) -> None:
        """Push to talk: the user begins to speak. In `run` this stops what plays, and lets the source's audio through."""
        if self._talk is not None:
            await self._talk.start_turn()
        else:
            await self._provider.send_message(MessageType.ACTIVITY_START, ActivityStart())

    async def end_turn(self) -> None:
        """Push to talk: the user has finished speaking, and a reply is wanted."""
        await self._toolbox.declare()
        self._toolbox.new_turn()
        if self._talk is not None:
            await self._talk.end_turn()
        else:
            self._asked()
            await self._provider.send_message(MessageType.ACTIVITY_END, ActivityEnd())

    async def run(
        self,
        source: AudioSource,
        sink: AudioSink,
        *,
        grace_s: float = 5.0,
        half_duplex: bool | None = None,
        push_to_talk: bool | None = None,
    ) -> Metrics:
        """Holds a spoken conversation until the source has ended and every reply has been heard; gives its figures.

        Audio is resampled and cut to the provider's format on the way up, to the sink's on the way down. After the source's
        end silence goes out in real time, so that the end of speech is noticed; a reply that is due is waited for
        `grace_s` seconds. `half_duplex` sends silence while the sink plays: None does so where a microphone and a loudspeaker
        share a room (there is no echo cancellation); with headphones, False lets the user interrupt. `push_to_talk` sends
        audio between `start_turn` and `end_turn` only (a source that is no microphone is one turn as a whole): None does so
        where the session has no turn detection.

        Raises the error that ended the session, `AudioError` of source or sink, `DeadlineError` for a reply that never ends,
        and `MessageError` while another `run` goes on. Source and sink are closed in any case, also by a cancellation, which
        leaves the session connected and no task behind.
        """
        if self._talk is not None:
            raise MessageError(
                "a conversation is running already", cure="wait for it, or make another engine"
            )
        self._check_open()
        await self._toolbox.declare()
        if push_to_talk is None:
            push_to_talk = self._standing.is_manual(self._provider.get_capabilities())
        began = self._metrics.mark()
        self._talk = Talk(
            self._provider,
            source,
            sink,
            barge_in=self._barge_in,
            half_duplex=source.open_air and sink.open_air if half_duplex is None else half_duplex,
            push_to_talk=push_to_talk,
            grace_s=grace_s,
            conversation=self._conversation,
            folds=self._folds,
            toolbox=self._toolbox,
        )
        try:
            await self._talk.run()
        except ConnectionError as error:
            if not self._provider.is_connected():
                # A send fails as soon as the session is over; why it is over may still be on its way here.
                await self._standing.ended()
            raise self._standing.error or error from None
        finally:
            self._talk = None
        return self._metrics.snapshot(began)

    # -- requests

    def _gathering(self, now: float, abandoned: bool) -> Gathering:
        self._check_open()
        audio_format = self._provider.get_audio_format()
        return Gathering(now, audio_format, abandoned=abandoned, tools=bool(self._toolbox))

    def _asked(self) -> None:
        self._toolbox.new_turn()
        now = asyncio.get_running_loop().time()
        for fold in self._folds:
            fold.requested(now)
        if self._talk is not None:
            self._talk.asked()

    def _check_open(self) -> None:
        self._standing.check()
        if self._reader is None:
            raise ConnectionError(
                "the engine is not open", cure="use it as `async with VoiceEngine(...) as engine:`"
            )

    # -- the reader

    async def _read(self, events: AsyncIterator[ProviderEvent]) -> None:
        error: ProviderError = ConnectionError(
            "the provider's events ended", cure="open a new engine; the provider's state_changed says why"
        )
        clock = asyncio.get_running_loop().time
        try:
            async for event in events:
                data = event.data
                if type(data) is AudioChunk:
                    self._hear(data, clock())
                else:
                    await self._handle(data, clock())
        except ProviderError as failure:
            error = failure
        except Exception as failure:
            log.exception("the engine failed")
            error = ProviderError(
                f"the engine failed: {failure!r}", cure="this is a defect: please report it"
            )
        finally:
            self._end(self._standing.end(error))
            await aclose(events)

    def _hear(self, data: AudioChunk, now: float) -> None:
        """`_handle` for what comes fifty times a second: it concerns few, and waits for nobody."""
        form = data.format or self._provider.get_audio_format()
        ms = form.duration_ms(len(data.audio))
        for fold in self._folds:
            fold.apply(data, now, ms)
        self._asking.apply(data, now)
        if self._talk is not None:
            try:
                self._talk.hear(data, form, ms, now)
            except ProviderError as error:
                self._talk.fail(error)

    async def _handle(self, data: EventData, now: float) -> None:
        over = self._standing.apply(data)
        if over is not None:
            self._end(over)
        for fold in self._folds:
            fold.apply(data, now)
        self._asking.apply(data, now)
        if self._talk is not None:
            try:
                await self._talk.handle(data, now)
            except ProviderError as error:  # of this conversation: the session may well go on
                self._talk.fail(error)
        # Last: what an interruption stops is what there was before the event.
        self._toolbox.apply(data)

    # -- the tools' side

    async def _declare(self, tools: tuple[Tool, ...]) -> None:
        if tools and not self._provider.get_capabilities().get("tools"):
            raise MessageError(
                "this provider knows no tools", field="tools", cure="use another one, or none of the tools"
            )
        await self._provider.update_session(tools=tools)

    async def _send_result(self, result: ToolResult) -> None:
        await self._provider.send_message(MessageType.TOOL_RESULT, result)

    async def _ask_on(self) -> None:
        if self._talk is not None:
            self._talk.asked()
        await self._provider.create_response()

    def _tool_ended(self, call_id: str) -> None:
        now = asyncio.get_running_loop().time()
        for fold in self._folds:
            fold.tool_ended(call_id, now)
        if self._talk is not None:
            self._talk.asked()

    def _turn_ended(self, response_id: str, error: ProviderError | None) -> None:
        self._asking.turn_ended(response_id, error)
        if self._talk is not None:
            self._talk.asked()

    def _end(self, error: ProviderError) -> None:
        """The session is over: whoever waits learns it."""
        self._asking.fail(error)
        if self._talk is not None:
            self._talk.fail(error)


__all__ = ["Reply", "VoiceEngine"]
