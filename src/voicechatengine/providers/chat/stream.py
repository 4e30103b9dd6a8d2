"""Reads the stream of a chat endpoint: bytes in, words, calls and the end out. Pure; it is a `session.fold.Fold`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from voicechatengine.errors import ConnectionError, ProtocolError
from voicechatengine.events import Usage
from voicechatengine.providers.cascade.parts import Call, Finished, ModelOutput, Words
from voicechatengine.providers.chat import wire
from voicechatengine.session.refusal import SERVER_ERROR, explain, of_status
from voicechatengine.session.sse import SseParser

CUT_SHORT: Final = frozenset({"length", "content_filter"})
"""Reasons for which a reply is not whole."""


class _Growing:
    """A call as it grows."""

    def __init__(self, call_id: str) -> None:
        self.call_id = call_id
        self.name = ""
        self.arguments = ""


class ChatFold:
    """The state of one reply's stream."""

    def __init__(self) -> None:
        self.done: bool = False
        self._parser = SseParser()
        self._id = ""
        self._calls: list[_Growing] = []
        self._by_index: dict[int, _Growing] = {}
        self._reason: str | None = None
        self._usage: Usage | None = None

    def feed(self, data: bytes, /) -> Iterator[ModelOutput]:
        """What these bytes give. Raises the error that the server tells of, or `ProtocolError` for what is no chat's stream."""
        for event in self._parser.feed(data):
            if self.done:
                return
            if event.data.strip() == wire.DONE:
                yield from self._finish()
            else:
                yield from self._chunk(event.data)

    def end(self) -> Iterator[ModelOutput]:
        """The stream has ended: some servers say that they are done by that alone."""
        if self._reason is None:
            raise ConnectionError(
                "the server broke off in the midst of a reply", cure="try again", code="connection_lost"
            )
        yield from self._finish()

    def _chunk(self, data: str) -> Iterator[ModelOutput]:
        try:
            chunk = wire.decode(data)
        except msgspec.DecodeError as error:
            raise ProtocolError(
                f"the server sent what cannot be read ({error})",
                cure="check that the url leads to a chat endpoint",
            ) from None
        if chunk.error is not None:
            code, message = explain(data)
            raise of_status(SERVER_ERROR, f"the server failed: {message}", code=code)
        self._id = chunk.id or self._id
        if chunk.usage is not None:
            self._usage = _usage(chunk.usage)
        for choice in chunk.choices or ():
            if choice.delta.content:
                yield Words(choice.delta.content)
            for delta in choice.delta.tool_calls or ():
                self._grow(delta)
            self._reason = choice.finish_reason or self._reason

    def _grow(self, delta: wire.CallDelta) -> None:
        """Servers that send calls whole give them no index, or all the same one: a new id is a new call."""
        index = delta.index or 0
        growing = self._by_index.get(index)
        if growing is None or (delta.id and delta.id != growing.call_id):
            growing = _Growing(delta.id or f"{self._id or 'call'}_{len(self._calls)}")
            self._by_index[index] = growing
            self._calls.append(growing)
        growing.name += delta.function.name or ""
        written = delta.function.arguments
        growing.arguments += (
            written if isinstance(written, str) else msgspec.json.encode(written).decode() if written else ""
        )

    def _finish(self) -> Iterator[ModelOutput]:
        self.done = True
        status: Literal["completed", "incomplete"] = (
            "incomplete" if self._reason in CUT_SHORT else "completed"
        )
        if status == "completed":  # a call that was cut short is none
            for call in self._calls:
                yield Call(call.call_id, call.name, call.arguments or "{}")
        yield Finished(status, self._reason if status == "incomplete" else None, self._usage)


def _usage(told: wire.Usage) -> Usage:
    details = told.prompt_tokens_details
    return Usage(
        input_tokens=told.prompt_tokens,
        output_tokens=told.completion_tokens,
        total_tokens=told.prompt_tokens + told.completion_tokens,
        cached_tokens=(details.cached_tokens if details is not None else None) or 0,
    )
