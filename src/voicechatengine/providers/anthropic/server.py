"""The Messages API from the service's side: a posted request in, commands out; events in, the stream of a reply out. Pure.

One dialect is one request. What it accepts is checked before, in `server_checks.py`.
Source: https://platform.claude.com/docs/en/build-with-claude/streaming (read 2026-11-22).
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import pybase64

from voicechatengine.events import ErrorInfo, Event, ResponseCompleted, ResponseStarted, TextChunk, ToolCall
from voicechatengine.messages import (
    Command,
    ImagePart,
    ItemCreate,
    MessageItem,
    Options,
    Part,
    ResponseCreate,
    SessionUpdate,
    TextPart,
    Tool,
    ToolCallItem,
    ToolResultItem,
)
from voicechatengine.providers.anthropic import wire
from voicechatengine.providers.anthropic.server_checks import blocks, read
from voicechatengine.session.dialect import Close, Frame, Ids, Outgoing, Restore

CHOICES: Final = {"auto": "auto", "any": "required", "none": "none"}
STOPPED: Final = {"refusal": "refusal", "content_filter": "refusal"}
"""Reasons of a reply that is not whole, in the service's words; any other is its limit."""
PIECE: Final = 16  # letters of a call's arguments in one event: clients are to put them together


class AnthropicServer:
    """Answers one request; `overloaded_after` so many deltas the service fails instead."""

    def __init__(self, ids: Ids, *, overloaded_after: int | None = None) -> None:
        self._ids = ids
        self._overloaded_after = overloaded_after
        self._streamed = True
        self._message = wire.Message(id=ids("msg"))
        self._open: wire.Block | None = None
        self._deltas = 0
        self._begun = False
        self._over = False
        self._out: list[Command | Outgoing] = []

    def opened(self, now: float, /) -> Sequence[Command | Outgoing]:
        """The service waits for the request."""
        return ()

    def receive(self, frame: bytes | str, now: float, /) -> Sequence[Command | Outgoing]:
        """The request's body, which was accepted before."""
        request = read(frame.encode() if isinstance(frame, str) else frame)
        self._streamed, self._message.model = request.stream, request.model
        return [
            SessionUpdate(_options(request)),
            *(ItemCreate(item) for turn in request.messages for item in _items(turn)),
            ResponseCreate(),
        ]

    def send(self, message: Event, now: float, /) -> Sequence[Command | Outgoing]:
        """What the provider says, on the wire."""
        if not self._over:
            match message:
                case ResponseStarted():
                    self._begin()
                case TextChunk(text=text):
                    self._text(text)
                case ToolCall():
                    self._call(message)
                case ResponseCompleted():
                    self._complete(message)
                case ErrorInfo(code=code, message=text):
                    self._fail(code if code in wire.STATUS else "api_error", text)
                case _:
                    pass  # the Messages API has no word for it
        out, self._out = self._out, []
        return out

    def closed(self, close: Close, now: float, /) -> Sequence[Command | Outgoing]:
        """The client went away: nothing is left to say."""
        self._over = True
        return ()

    def deadline(self) -> float | None:
        """There is none."""
        return None

    def expired(self, now: float, /) -> Sequence[Command | Outgoing]:
        """Never called: there is no deadline."""
        return ()

    def snapshot(self) -> Restore:
        """A request leaves nothing behind."""
        return Restore()

    # ------------------------------------------------------------------ writing

    def _say(self, event: wire.StreamEvent) -> None:
        if self._streamed:
            name = event.__struct_config__.tag
            self._out.append(Frame(b"event: %s\ndata: %s\n\n" % (str(name).encode(), wire.encode(event))))

    def _end(self) -> None:
        self._over = True
        self._out.append(Close())

    def _fail(self, kind: str, text: str) -> None:
        error = wire.Error(error=wire.ErrorDetail(kind, text))
        self._say(error)
        if not self._streamed:
            self._out.append(Frame(wire.encode(error)))
        self._end()

    # ------------------------------------------------------------------ the reply

    def _begin(self) -> None:
        if self._begun:
            return
        self._begun = True
        self._message.usage = wire.Usage(0, 0, 0, 1)
        self._say(wire.MessageStart(self._message))
        self._say(wire.Ping())
        self._strained()

    def _strained(self) -> bool:
        """Whether the service has failed, as it was told to."""
        if self._overloaded_after is not None and self._deltas >= self._overloaded_after and not self._over:
            self._fail("overloaded_error", "Overloaded")
        return self._over

    def _text(self, text: str) -> None:
        self._begin()
        if self._open is None:
            self._start(wire.text_block(""))
        if self._open is None or self._strained():
            return
        self._open["text"] += text
        self._delta(wire.Delta("text_delta", text=text))

    def _call(self, call: ToolCall) -> None:
        self._begin()
        self._stop()
        block = wire.tool_use_block(self._ids("toolu"), call.name, {})
        self._start(block)
        for at in range(0, len(call.arguments), PIECE):
            if self._strained():
                return
            self._delta(wire.Delta("input_json_delta", partial_json=call.arguments[at : at + PIECE]))
        block["input"] = call.parsed or {}
        self._stop()

    def _start(self, block: wire.Block) -> None:
        if not self._over:
            self._open = block
            self._say(wire.BlockStart(len(self._message.content), dict(block)))

    def _delta(self, delta: wire.Delta) -> None:
        self._say(wire.BlockDelta(len(self._message.content), delta))
        self._deltas += 1

    def _stop(self) -> None:
        if self._open is not None:
            self._say(wire.BlockStop(len(self._message.content)))
            self._message.content.append(self._open)
            self._open = None

    def _complete(self, done: ResponseCompleted) -> None:
        self._begin()
        if self._strained():
            return
        if done.status == "failed":
            self._fail("api_error", done.reason or "Internal server error")
            return
        self._stop()
        reason = "tool_use" if done.tool_calls else "end_turn"
        if done.status != "completed":
            reason = STOPPED.get(done.reason or "", "max_tokens")
        usage = wire.Usage(0, 0, 0, 1)
        if done.usage is not None:
            cached = done.usage.cached_tokens
            usage = wire.Usage(done.usage.input_tokens - cached, 0, cached, done.usage.output_tokens)
        self._say(wire.MessageDelta(wire.MessageEnd(reason), usage))
        self._say(wire.MessageStop())
        if not self._streamed:
            self._message.stop_reason, self._message.usage = reason, usage
            self._out.append(Frame(wire.encode(self._message)))
        self._end()


def _options(request: wire.MessagesRequest) -> Options:
    tools = request.tools if isinstance(request.tools, list) else []
    choice = "auto"
    if isinstance(request.tool_choice, wire.ToolChoice):
        choice = CHOICES.get(request.tool_choice.type) or request.tool_choice.name or "auto"
    system = request.system
    return Options(
        modalities=("text",),
        instructions=_words(system) if isinstance(system, (str, list)) else "",
        tools=tuple(Tool(tool.name, tool.description, tool.input_schema) for tool in tools),
        tool_choice=choice,
        max_tokens=request.max_tokens,
    )


def _items(turn: wire.Turn) -> list[MessageItem | ToolCallItem | ToolResultItem]:
    """The items of a message, in their order; thoughts mean nothing to another model."""
    items: list[MessageItem | ToolCallItem | ToolResultItem] = []
    parts: list[Part] = []

    def close() -> None:
        if parts:
            items.append(MessageItem(turn.role, tuple(parts)))
            parts.clear()

    for block in blocks(turn):
        match block["type"]:
            case "text":
                parts.append(TextPart(str(block["text"])))
            case "image":
                parts.append(_image(block["source"]))
            case "tool_use":
                close()
                arguments = msgspec.json.encode(block["input"]).decode()
                items.append(ToolCallItem(str(block["id"]), str(block["name"]), arguments))
            case "tool_result":
                close()
                output = _words(block.get("content") or "")
                failed = block.get("is_error") is True
                items.append(ToolResultItem(str(block["tool_use_id"]), output, is_error=failed))
            case _:
                pass
    close()
    return items


def _image(source: Any) -> Part:
    try:
        return ImagePart(pybase64.b64decode(source["data"], validate=True), str(source["media_type"]))
    except (KeyError, TypeError, binascii.Error):
        return TextPart(
            "(a picture that is elsewhere)"
        )  # by a url or a file id: the simulator fetches nothing


def _words(content: str | list[wire.Block]) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(block["text"]) for block in content if block.get("type") == "text")
