"""The tools of an engine, and the calls that the model makes of them: each run once, each answered once.

The calls of one response are a round. After the last result of a round, and not before, the next reply is asked for, unless
the round was interrupted. Knows no provider: what it sends goes through the `Line` that it is given.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from voicechatengine.engine.tools import FunctionTool, RunSync
from voicechatengine.errors import ConnectionError, MessageError, ProviderError, redact
from voicechatengine.events import (
    ConnectionState,
    EventData,
    Interrupted,
    ResponseCompleted,
    ResponseStarted,
    SpeechStopped,
    StateChanged,
    ToolCall,
    ToolCallCancelled,
)
from voicechatengine.messages import Tool, ToolResult

log: logging.Logger = logging.getLogger("voicechatengine")

REMEMBERED: Final = 1024  # calls that are known by their ids after their end; a vendor may tell of one again
FAREWELL_S: Final = 1.0  # for tools that take their time over being cancelled


@dataclass(frozen=True, kw_only=True)
class Line:
    """The engine's side of the calls.

    `declare` tells the provider which tools there are, `send_result` a call's result, `ask_on` asks it for the reply that
    uses the results; each raises like the provider. `tool_ended` is told of a call that is over (answered, or not wanted any
    more), `turn_ended` of the response whose calls no reply follows: the turn was interrupted, or for this error.
    """

    declare: Callable[[tuple[Tool, ...]], Awaitable[None]]
    send_result: Callable[[ToolResult], Awaitable[None]]
    ask_on: Callable[[], Awaitable[None]]
    tool_ended: Callable[[str], None]
    turn_ended: Callable[[str, ProviderError | None], None]


class _Call:
    """One call. `runs` until its result is being sent; then nothing stops it; `unsent` is a result that found no session."""

    __slots__ = ("id", "name", "round", "state", "task", "unsent")

    def __init__(self, data: ToolCall, of: _Round) -> None:
        self.id = data.call_id
        self.name = data.name
        self.round = of
        self.state: Literal["runs", "sends", "done"] = "runs"
        self.task: asyncio.Task[str] | None = None  # the function's
        self.unsent: ToolResult | None = None


class _Round:
    """The calls of one response. `whole`: no more of them will come. `stopped`: no reply is wanted."""

    __slots__ = ("answered", "calls", "error", "response_id", "stopped", "task", "whole")

    def __init__(self, response_id: str, *, stopped: bool) -> None:
        self.response_id = response_id
        self.calls: dict[str, _Call] = {}  # those without a result
        # A vendor without responses tells of no end either: such a round is whole when all its calls are answered.
        self.whole = not response_id
        self.stopped = stopped
        self.answered = 0
        self.error: ProviderError | None = None
        self.task: asyncio.Task[None] | None = None  # asks for the next reply


class Toolbox:
    """See the module. `max_rounds` is how often in one turn the model may call tools."""

    def __init__(self, line: Line, run_sync: RunSync, *, max_rounds: int) -> None:
        self._line = line
        self._run_sync = run_sync
        self._max_rounds = max_rounds
        self._tools: dict[str, FunctionTool] = {}
        self._rounds: dict[str, _Round] = {}
        self._calls: dict[str, _Call] = {}  # by id: those that run, and the last that did
        self._beside: set[str] = set()  # responses out of band: their calls are the application's
        self._open: set[str] = set()
        self._unwanted: set[str] = set()  # responses that were open when the turn was interrupted
        self._used = 0  # rounds since the user's last turn
        self._told = True  # the provider knows the tools that there are
        self._telling = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()

    # -- the tools

    def __bool__(self) -> bool:
        """Whether there are tools: without, calls are left to the application."""
        return bool(self._tools)

    @property
    def declarations(self) -> tuple[Tool, ...]:
        """What the model is to be told of the tools."""
        return tuple(tool.declaration for tool in self._tools.values())

    def add(self, tool: FunctionTool) -> None:
        """Adds a tool. Raises `MessageError` if there is one of that name."""
        if tool.name in self._tools:
            raise MessageError(
                f"there is a tool {tool.name} already", field="name", cure="remove it first, or give name="
            )
        self._tools[tool.name] = tool
        self._told = False

    def remove(self, name: str) -> FunctionTool:
        """Takes a tool away; calls of it that run go on. Raises `MessageError` if there is none of that name."""
        if name not in self._tools:
            raise MessageError(f"there is no tool {name}", field="name", cure=f"there are {self._names()}")
        self._told = False
        return self._tools.pop(name)

    async def declare(self) -> None:
        """Tells the provider of the tools, where it does not know them yet. Raises like its `update_session`."""
        async with self._telling:
            if not self._told:
                self._told = True
                try:
                    await self._line.declare(self.declarations)
                except BaseException:
                    self._told = False
                    raise

    def declare_soon(self) -> None:
        """The same, without waiting. What goes wrong is logged, and raised by the next `declare`."""
        self._spawn(self._declare_quietly(), "tool declaration")

    async def _declare_quietly(self) -> None:
        try:
            await self.declare()
        except ProviderError as error:
            log.warning("the provider could not be told of the tools: %s", error)

    def _names(self) -> str:
        return ", ".join(self._tools) or "no tools"

    # -- what happens

    @property
    def busy(self) -> bool:
        """Whether a call runs, or the reply to the results is about to be asked for."""
        return bool(self._rounds)

    def new_turn(self) -> None:
        """The user began something new: rounds are counted from here."""
        self._used = 0

    def apply(self, data: EventData) -> None:
        """An event came. Never waits."""
        rule = self._RULES.get(type(data))
        if rule is not None:
            rule(self, data)

    def interrupt(self) -> None:
        """The turn is not wanted any more: async tools are cancelled, the results of others dropped, and no reply follows.

        Each call that ran is answered: it was cancelled. A conversation with a call that nobody answered is a broken one.
        """
        self._unwanted |= self._open
        for each in list(self._rounds.values()):
            self._stop(each)

    async def close(self) -> None:
        """Cancels what runs, and leaves no task, but for a tool that does not let itself be cancelled: that is logged."""
        for task in self._tasks:
            task.cancel()
        for call in [call for call in self._calls.values() if call.state != "done"]:
            call.state, call.unsent = "done", None
            self._line.tool_ended(call.id)
        self._rounds.clear()
        self._open.clear()
        self._told = not self._tools  # a session to come does not know them
        if self._tasks:
            _, left = await asyncio.wait(set(self._tasks), timeout=FAREWELL_S)
            for task in left:
                log.error("%s does not end when it is cancelled", task.get_name())

    # -- one call

    def _call(self, data: ToolCall) -> None:
        response_id = data.response_id or ""
        if not self._tools or response_id in self._beside:
            return
        known = self._calls.get(data.call_id)
        of = self._rounds.get(response_id)
        if of is None or of.task is not None:
            of = self._rounds[response_id] = _Round(response_id, stopped=response_id in self._unwanted)
            self._used += 1
        if (
            known is not None
        ):  # told again, in a session that was restored: it belongs to the response that named it last
            of.answered += known.state == "done"
            if known.state != "done" and known.round is not of:
                del known.round.calls[known.id]
                self._settle(known.round, quiet=True)
                known.round, of.calls[known.id] = of, known
            return
        call = _Call(data, of)
        self._calls[data.call_id] = of.calls[data.call_id] = call
        self._forget()
        self._spawn(self._answer(call, data.arguments))

    def _forget(self) -> None:
        if len(self._calls) > REMEMBERED:
            for call in [call for call in self._calls.values() if call.state == "done"][: REMEMBERED // 2]:
                del self._calls[call.id]

    async def _answer(self, call: _Call, arguments: str) -> None:
        """Runs a call to its result, and sends that. Not cancelled by an interruption, but by the engine's end."""
        try:
            output, is_error = await self._result(call, arguments)
        except Exception as error:  # whatever it is, the model waits for a result
            log.exception("tool call %s failed", call.id)
            output, is_error = f"the call failed: {type(error).__name__}", True
        if call.state == "runs":  # still wanted
            call.unsent = ToolResult(call.id, output, is_error)
            await self._send(call)

    async def _result(self, call: _Call, arguments: str) -> tuple[str, bool]:
        """What a call gives, and whether that is an error."""
        tool = self._tools.get(call.name)
        if tool is None:
            return f"there is no tool {call.name}; there are {self._names()}", True
        if self._used > self._max_rounds:
            call.round.error = MessageError(
                f"the model called tools in more than {self._max_rounds} rounds for one turn",
                field="max_tool_rounds",
                cure="raise max_tool_rounds=, or tell the model when to stop",
            )
            return "no more tools in this turn", True
        try:
            given = tool.arguments(arguments)
        except MessageError as error:
            return str(error), True
        if call.round.stopped:
            return _CANCELLED, True
        task = call.task = self._spawn(tool.call(given, self._run_sync), f"tool {call.name} ({call.id})")
        task.add_done_callback(_fetch)
        done, _ = await asyncio.wait({task}, timeout=tool.timeout)
        if not done:
            task.cancel()
            return f"{call.name} took longer than {tool.timeout:g} s", True
        if task.cancelled():
            return _CANCELLED, True
        failure = task.exception()
        if failure is None:
            return task.result(), False
        log.error("tool %s failed: %s", call.name, redact("".join(traceback.format_exception(failure))))
        return redact(f"{type(failure).__name__}: {failure}"), True

    async def _send(self, call: _Call) -> None:
        """Sends a result; one that finds no session is sent when there is one again."""
        result, call.unsent, call.state = call.unsent, None, "sends"
        assert result is not None
        try:
            await self._line.send_result(result)
            call.round.answered += 1
        except ConnectionError as error:
            log.warning("the result of tool call %s has to wait: %s", call.id, error)
            call.unsent = result
            return
        except ProviderError as error:
            log.warning("the result of tool call %s was refused: %s", call.id, error)
        self._done(call)

    def _done(self, call: _Call) -> None:
        call.state = "done"
        call.round.calls.pop(call.id, None)
        self._line.tool_ended(call.id)
        self._settle(call.round)

    # -- rounds

    def _spoke(self, data: SpeechStopped) -> None:
        self.new_turn()

    def _started(self, data: ResponseStarted) -> None:
        (self._beside if data.out_of_band else self._open).add(data.response_id)

    def _interrupted(self, data: Interrupted) -> None:
        self._stop(self._rounds.get(data.response_id or ""))

    def _completed(self, data: ResponseCompleted) -> None:
        self._beside.discard(data.response_id)
        self._open.discard(data.response_id)
        self._unwanted.discard(data.response_id)
        of = self._rounds.get(data.response_id)
        if of is None:
            return
        of.whole = True
        if data.status == "interrupted":
            self._stop(of)
        elif data.status == "failed" and data.reason != "connection_lost":
            of.stopped = True  # the vendor gave up on this turn; what runs is answered all the same
        self._settle(of)

    def _cancelled(self, data: ToolCallCancelled) -> None:
        """The vendor does not want these calls' results."""
        for call in [self._calls[call_id] for call_id in data.call_ids if call_id in self._calls]:
            if call.state == "runs" or call.unsent is not None:
                call.unsent = None
                self._done(call)
                if call.task is not None:
                    call.task.cancel()

    def _changed(self, data: StateChanged) -> None:
        if data.state is ConnectionState.CONNECTED:
            for call in [call for call in self._calls.values() if call.unsent is not None]:
                self._spawn(self._send(call))

    def _stop(self, of: _Round | None) -> None:
        if of is None or of.stopped:
            return
        of.stopped = True
        if of.task is not None:
            of.task.cancel()
        for call in of.calls.values():
            if call.state == "runs" and call.task is not None:
                call.task.cancel()

    def _settle(self, of: _Round, *, quiet: bool = False) -> None:
        """Asks for the next reply, if this was the last that it waited for. `quiet`: its calls went to another round."""
        if of.calls or not of.whole or of.task is not None:
            return
        if quiet:
            self._remove(of)
        else:
            of.task = self._spawn(self._continue(of), "tool round")

    def _remove(self, of: _Round) -> None:
        if self._rounds.get(of.response_id) is of:
            del self._rounds[of.response_id]

    async def _continue(self, of: _Round) -> None:
        error = of.error
        asked = False
        try:
            if not of.stopped and of.answered and error is None:
                await self._line.ask_on()
                asked = True
        except ProviderError as failure:
            log.warning("the reply to tool results could not be asked for: %s", failure)
            error = failure
        finally:  # also of a cancellation: the turn was interrupted
            self._remove(of)
            if not asked:
                self._line.turn_ended(of.response_id, error)

    def _spawn(self, work: Coroutine[Any, Any, Any], name: str = "tool call") -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    _RULES: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        ToolCall: _call,
        ToolCallCancelled: _cancelled,
        SpeechStopped: _spoke,
        ResponseStarted: _started,
        Interrupted: _interrupted,
        ResponseCompleted: _completed,
        StateChanged: _changed,
    }
    """What each event does; the others say nothing of calls."""


def _fetch(task: asyncio.Task[Any]) -> None:
    """A tool that nobody waits for any more may fail unseen."""
    if not task.cancelled():
        task.exception()


_CANCELLED: Final = "cancelled: the user interrupted"

__all__ = ["Line", "Toolbox"]
