"""Server-sent events: bytes in, cut anywhere, events out. Pure; it knows no vendor and no connection.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html, 9.2.5 and 9.2.6 (read 2026-11-22). What the standard
says of reconnecting is left to whoever asks; `SseParser.last_id` and `SseParser.retry_ms` are what it needs for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from voicechatengine.errors import ProtocolError

MAX_EVENT: Final = 8 * 2**20  # bytes
_BOM: Final = b"\xef\xbb\xbf"


class ServerEvent(msgspec.Struct, frozen=True):
    """One event: its name (``message`` if the server gave none), its data, and the last id that the server gave."""

    name: str
    data: str
    last_id: str = ""


class SseParser:
    """The state of one stream. An event that its blank line has not ended is no event.

    `last_id` is the last id that was given, `retry_ms` the pause before a new connection that the server wishes, if it did.
    An event of more than `max_event` bytes raises `ProtocolError`; the parser is not to be used after that.
    """

    def __init__(self, max_event: int = MAX_EVENT) -> None:
        self.last_id: str = ""
        self.retry_ms: int | None = None
        self._max = max_event
        self._line = bytearray()
        self._after_cr = False
        self._first = True
        self._name = ""
        self._data: list[str] = []
        self._bytes = 0

    def feed(self, data: bytes) -> Iterator[ServerEvent]:
        """The events that these bytes end, one by one: what comes before a fault in them is given before it is raised.

        The iterator must be used up before the next call.
        """
        if self._after_cr and data:
            data = data.removeprefix(b"\n")  # the other half of a line's end that was cut in two
            self._after_cr = False
        self._after_cr = data.endswith(b"\r") or (self._after_cr and not data)
        *lines, rest = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            self._extend(line)
            whole = bytes(self._line)
            self._line.clear()
            if self._first:
                whole, self._first = whole.removeprefix(_BOM), False
            if whole:
                self._field(whole)
            elif (event := self._dispatch()) is not None:
                yield event
        self._extend(rest)

    def _extend(self, piece: bytes) -> None:
        self._line += piece
        if len(self._line) + self._bytes > self._max:
            raise ProtocolError(
                f"the server sent an event of more than {self._max} bytes",
                cure="check that the url leads to the API and not to something else",
            )

    def _field(self, line: bytes) -> None:
        name, _, value = line.decode(errors="replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
            self._bytes += len(line)
        elif name == "event":
            self._name = value
        elif name == "id" and "\0" not in value:
            self.last_id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry_ms = int(value[:9])  # a week is as good as for ever

    def _dispatch(self) -> ServerEvent | None:
        name, data = self._name, self._data
        self._name, self._data, self._bytes = "", [], 0
        return ServerEvent(name or "message", "\n".join(data), self.last_id) if data else None
