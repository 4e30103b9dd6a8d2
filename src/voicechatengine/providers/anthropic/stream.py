"""Reads the stream of a reply: bytes in, words, calls and the end out. Pure; it is a `session.fold.Fold`.

Source: https://platform.claude.com/docs/en/build-with-claude/streaming (read 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec

from voicechatengine.errors import ConnectionError, DeadlineError, ProtocolError
from voicechatengine.events import Usage
from voicechatengine.providers.anthropic import wire
from voicechatengine.providers.cascade.parts import Call, Finished, ModelOutput, Words
from voicechatengine.session.refusal import SERVER_ERROR, of_status
from voicechatengine.session.sse import SseParser

COMPLETED: Final = frozenset({"end_turn", "stop_sequence", "tool_use"})
"""Reasons for which a reply is whole; all others, also new ones, cut it short."""

PINGS: Final = 20
"""So many in a row, with nothing else, are no sign of life any more: the service sends one every some seconds."""

_decode_object: Final = msgspec.json.Decoder(dict[str, Any]).decode


class _Open:
    """A content block as it grows."""

    def __init__(self, block: wire.Block) -> None:
        self.block = block
        self.json: list[str] = []


class MessageFold:
    """The state of one reply's stream."""

    def __init__(self) -> None:
        self.done: bool = False
        self._parser = SseParser()
        self._blocks: dict[int, _Open] = {}
        self._whole: list[wire.Block] = []
        self._doubtful: list[Call] = []
        self._usage = wire.Usage()
        self._stop: str | None = None
        self._pings = 0

    def feed(self, data: bytes, /) -> Iterator[ModelOutput]:
        """What these bytes give. Raises the error that the service tells of, or `ProtocolError` for what is no stream of its."""
        for event in self._parser.feed(data):
            if self.done:
                return
            read = _read(event.data)
            if read is not None:
                yield from self._event(read)

    def end(self) -> Iterator[ModelOutput]:
        """The stream ended without its end."""
        raise ConnectionError(
            "the service broke off in the midst of a reply", cure="try again", code="connection_lost"
        )

    def _event(self, event: wire.StreamEvent) -> Iterator[ModelOutput]:
        self._pings = self._pings + 1 if isinstance(event, wire.Ping) else 0
        match event:
            case wire.BlockDelta(index, delta):
                yield from self._delta(index, delta)
            case wire.BlockStart(index, block):
                yield from self._block(index, block)
            case wire.BlockStop(index):
                yield from self._block_whole(index)
            case wire.MessageStart(message):
                self._count(message.usage)
            case wire.MessageDelta(delta, usage):
                self._count(usage)
                self._stop = delta.stop_reason or self._stop
            case wire.MessageStop():
                yield from self._finish()
            case wire.Error(told):
                status = wire.STATUS.get(told.type, SERVER_ERROR)
                raise of_status(status, f"the service failed: {told.message}", code=told.type)
            case wire.Ping():
                if self._pings > PINGS:
                    raise DeadlineError(
                        f"the service sent {PINGS} pings and not a word", cure="try again later"
                    )

    def _block(self, index: int, block: wire.Block) -> Iterator[ModelOutput]:
        self._blocks[index] = _Open(block)
        if block.get("type") == "text" and block.get("text"):
            yield Words(str(block["text"]))

    def _delta(self, index: int, delta: wire.Delta) -> Iterator[ModelOutput]:
        growing = self._blocks.get(index)
        if growing is None:
            raise ProtocolError("the service went on with a content block that it had not begun")
        block = growing.block
        if delta.type == "text_delta":
            block["text"] = block.get("text", "") + delta.text
            if delta.text:
                yield Words(delta.text)
        elif delta.type == "input_json_delta":
            growing.json.append(delta.partial_json)
        elif delta.type == "thinking_delta":
            block["thinking"] = block.get("thinking", "") + delta.thinking
        elif delta.type == "signature_delta":
            block["signature"] = block.get("signature", "") + delta.signature

    def _block_whole(self, index: int) -> Iterator[ModelOutput]:
        growing = self._blocks.pop(index, None)
        if growing is None:
            return
        block, arguments = growing.block, "".join(growing.json)
        self._whole.append(block)
        if block.get("type") != "tool_use":
            if arguments:
                block["input"] = _object(arguments) or {}
            return
        if not arguments:
            arguments = msgspec.json.encode(block.get("input") or {}).decode()
        call = Call(str(block.get("id", "")), str(block.get("name", "")), arguments)
        parsed = _object(arguments)
        block["input"] = parsed or {}
        if parsed is None:
            self._doubtful.append(call)  # cut short by a limit, or badly written: the stop reason will tell
        else:
            yield call

    def _finish(self) -> Iterator[ModelOutput]:
        self.done = True
        if self._stop == "tool_use":
            yield from self._doubtful
        status: Literal["completed", "incomplete"] = "completed" if self._stop in COMPLETED else "incomplete"
        thought = any(block.get("type") in wire.THINKING for block in self._whole)
        yield Finished(
            status,
            None if status == "completed" else self._stop or "unknown",
            _usage(self._usage),
            [_asked_back(block) for block in self._whole] if thought else None,
        )

    def _count(self, usage: wire.Usage) -> None:
        """Figures are cumulative, and those that are not told stay."""
        told = {name: value for name, value in msgspec.structs.asdict(usage).items() if value is not None}
        self._usage = msgspec.structs.replace(self._usage, **told)


def _object(text: str) -> dict[str, Any] | None:
    try:
        return _decode_object(text)
    except msgspec.DecodeError:
        return None


def _asked_back(block: wire.Block) -> wire.Block:
    """A block as a request may hold it: thoughts exactly as they came, others without the nulls that only answers have."""
    if block.get("type") in wire.THINKING:
        return block
    return {name: value for name, value in block.items() if value is not None}


def _read(data: str) -> wire.StreamEvent | None:
    """The event; None for one of a type that this version does not know, which is to be passed over."""
    try:
        return wire.decode_event(data)
    except msgspec.DecodeError as error:
        try:
            known = wire.decode_kind(data).type in wire.EVENTS
        except msgspec.DecodeError:
            known = True
        if not known:
            return None
        raise ProtocolError(
            f"the service sent what cannot be read ({error})",
            cure="check that the url leads to the Messages API",
        ) from None


def _usage(told: wire.Usage) -> Usage:
    cached = told.cache_read_input_tokens or 0
    read = (told.input_tokens or 0) + (told.cache_creation_input_tokens or 0) + cached
    written = told.output_tokens or 0
    return Usage(input_tokens=read, output_tokens=written, total_tokens=read + written, cached_tokens=cached)
