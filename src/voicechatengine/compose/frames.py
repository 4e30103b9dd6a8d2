"""A recording transport: a transport made of a transport, which writes every frame that passes to a recording.

It knows the endpoint only to learn which texts are keys: neither its query nor its headers are ever written. It knows no
vendor's messages; those that are JSON are looked through for keys, and audio inside them is left as it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from os import PathLike
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, urlsplit

import msgspec

from voicechatengine.compose.tape import Closed, RawFrame, Tape, scrub
from voicechatengine.errors import redact
from voicechatengine.session.dialect import Close, Endpoint
from voicechatengine.session.transport import Connector, Transport

SHORTEST_KEY: Final = 8  # what is shorter in a header (a version, a yes) would only garble the frames


def recording_connector(connector: Connector, path: str | PathLike[str] | Tape) -> Connector:
    """`connector`, with every frame of its connections written to a recording of its own, or into a `Tape` that others use.

    A frame is written before it goes on, so what follows from it stands behind it. Raises `MessageError` for a file that is
    there already or in no folder.
    """
    tape = path if isinstance(path, Tape) else Tape(path)
    numbers = itertools.count(1)

    async def connect(endpoint: Endpoint) -> Transport:
        transport = await connector(endpoint)
        return _RecordingTransport(transport, tape, next(numbers), secrets_of(endpoint))

    return connect


class _RecordingTransport:
    """See `recording_connector`. What its members promise is in `Transport`."""

    def __init__(self, transport: Transport, tape: Tape, number: int, secrets: tuple[str, ...]) -> None:
        self._transport = transport
        self._tape = tape
        self._number = number
        self._secrets = secrets
        self._over = False

    async def pump(self, on_frame: Callable[[bytes | str], None], /) -> Close:
        def passing(frame: bytes | str) -> None:
            self._write("received", frame)
            on_frame(frame)

        close = await self._transport.pump(passing)
        self._ended(close)
        return close

    async def send(self, data: bytes, binary: bool, /) -> None:
        self._write("sent", data)
        await self._transport.send(data, binary)

    async def close(self, close: Close, /) -> None:
        self._ended(close)
        self._tape.close()
        await self._transport.close(close)

    def _write(self, direction: Literal["sent", "received"], frame: bytes | str) -> None:
        text, data = _read(frame)
        if text is not None:
            text = clean(text, self._secrets)
        self._tape.write(RawFrame(self._tape.now(), self._number, direction, text, data))

    def _ended(self, close: Close) -> None:
        if not self._over:
            self._over = True
            reason = redact(close.reason, *self._secrets)
            self._tape.write(Closed(self._tape.now(), self._number, close.code, reason))


def _read(frame: bytes | str) -> tuple[str | None, bytes | None]:
    if isinstance(frame, str):
        return frame, None
    try:
        return frame.decode(), None
    except UnicodeDecodeError:
        return None, frame


def secrets_of(endpoint: Endpoint) -> tuple[str, ...]:
    """What of an endpoint must not be in a recording: the words of its headers, passwords, and keys in its query."""
    url = urlsplit(endpoint.url)
    words = {word for value in endpoint.headers.values() for word in (value, *value.split())}
    queried = (
        value for name, value in parse_qsl(url.query) if redact(f"?{name}={value}") != f"?{name}={value}"
    )
    return tuple(word for word in {*words, *queried, url.password or ""} if len(word) >= SHORTEST_KEY)


def clean(text: str, secrets: tuple[str, ...]) -> str:
    """A frame's text without keys: exactly as it was, where it has none."""
    try:
        message: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return redact(text, *secrets)
    found = scrub(message, *secrets)
    return text if found == message else msgspec.json.encode(found).decode()
