"""The file of a recorded session: JSON Lines, one line for each thing that happened, readable while it grows.

Each line is handed to the operating system before what it tells goes on, so a process that is killed leaves all of them but
perhaps the last. Audio stands inside, as base64: one file is whole whenever it ends. Keys are hidden by their form and their
name before anything is written. This module knows the vocabulary and files; it knows no provider and no event loop.
"""

from __future__ import annotations

import base64
import contextlib
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from io import BufferedReader
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, TypeAlias, TypeVar, cast

import msgspec

from voicechatengine.audio.format import AudioFormat
from voicechatengine.capabilities import Capabilities
from voicechatengine.errors import MessageError, redact
from voicechatengine.events import EVENT_TYPES, AudioChunk, Event, EventData, ProviderEvent
from voicechatengine.messages import AudioAppend, Command, Payload, show
from voicechatengine.session.clock import loop_clock

VERSION: Final = 1

P = TypeVar("P", bound=Payload)


class Line(msgspec.Struct, frozen=True, tag_field="line", omit_defaults=True):
    """One line; `at` is in seconds since the recording began."""

    at: float


class Header(Line, tag="recording", frozen=True):
    """The first line: which format this is, and when it began (Unix seconds)."""

    version: int = 0
    started: float = 0.0


class Session(Line, tag="provider", frozen=True):
    """What the provider is and can, when it is first used and whenever that changes."""

    provider: str
    audio_format: AudioFormat
    capabilities: Capabilities


class Call(Line, tag="call", frozen=True):
    """The application's call number `number`: connect, disconnect, or a message in its typed form."""

    number: int
    call: Literal["connect", "disconnect", "send"]
    message: Command | None = None


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error of this library as data: its class, its texts, and what it names."""

    error: str
    message: str
    cure: str = ""
    code: str | None = None
    status: int | None = None
    field: str | None = None
    retry_after: float | None = None


class Outcome(Line, tag="outcome", frozen=True):
    """How a call ended: for connect and disconnect always, for a message if it raised."""

    number: int
    result: bool | None = None
    failure: Failure | None = None


class Heard(Line, tag="event", frozen=True):
    """One event. `data` is one of our payloads, else `own` is the packed mapping of a provider's own event type."""

    type: str
    timestamp: float
    provider: str
    session_id: str | None = None
    error: str | None = None
    data: Event | None = None
    own: dict[str, Any] | None = None

    def event(self) -> ProviderEvent:
        """The event as it was."""
        data: EventData = self.data if self.data is not None else unpack(self.own)
        return ProviderEvent(self.type, data, self.timestamp, self.provider, self.session_id, self.error)


class Ended(Line, tag="ended", frozen=True):
    """The provider's events ended: by disconnect, by an error, or because it did not connect."""


class RawFrame(Line, tag="frame", frozen=True):
    """A frame on the wire of connection number `connection`: `text` where it is UTF-8, else `data`."""

    connection: int
    direction: Literal["sent", "received"]
    text: str | None = None
    data: bytes | None = None


class Closed(Line, tag="closed", frozen=True):
    """Connection number `connection` is over."""

    connection: int
    code: int
    reason: str = ""


AnyLine: TypeAlias = Header | Session | Call | Outcome | Heard | Ended | RawFrame | Closed


# ------------------------------------------------------------------ writing


class Tape:
    """A recording that is being written. Nothing is made before the first line; then `path` must be new.

    `clock` gives Unix seconds that never step back (default: the running loop's). Where writing fails later (a full disk),
    `failure` says why and the rest is not written: a session must not die of its recording.
    """

    def __init__(self, path: str | PathLike[str], *, clock: Callable[[], float] | None = None) -> None:
        self._path = Path(path)
        if not self._path.parent.is_dir():
            raise MessageError(
                f"{self._path} cannot be written: {self._path.parent} is no folder",
                field="path",
                cure="make the folder first",
            )
        self._refuse_old()
        self._clock = clock or loop_clock()
        self._started: float | None = None
        self._begun = False
        self._file: BinaryIO | None = None
        self._encode = msgspec.json.Encoder(enc_hook=show).encode
        self.failure: Exception | None = None

    def now(self) -> float:
        """Seconds since the recording began."""
        now = self._clock()
        if self._started is None:
            self._started = now
        return round(now - self._started, 6)

    def write(self, line: AnyLine) -> None:
        """Writes a line through to the operating system. Raises `MessageError` if the file cannot be made at all."""
        if self.failure is not None:
            return
        try:
            file = self._file or self._open()
            file.write(self._encode(line) + b"\n")
            file.flush()
        except (OSError, TypeError, ValueError, OverflowError) as error:
            if isinstance(error, MessageError):
                raise
            self.failure = error
            self.close()

    def close(self) -> None:
        """Lets go of the file; a later `write` goes on behind what is there."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):  # what was not written is told by `failure`
                file.close()

    def _refuse_old(self) -> None:
        if os.path.exists(self._path):  # noqa: PTH110 - Path.exists() raises for a name that is too long, before 3.12
            raise MessageError(
                f"{self._path} is there already",
                field="path",
                cure="a recording replaces nothing: name a new file",
            )

    def _open(self) -> BinaryIO:
        if self._begun:
            self._file = self._path.open("ab")
            return self._file
        self.now()
        try:
            self._file = self._path.open("xb")
        except FileExistsError:
            self._refuse_old()
            raise
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise MessageError(
                f"{self._path} cannot be written: {why}", field="path", cure="name another file"
            ) from error
        self._begun = True
        self._file.write(self._encode(Header(0.0, VERSION, self._started or 0.0)) + b"\n")
        return self._file


def heard(event: ProviderEvent, at: float) -> Heard:
    """The line for an event, its keys hidden."""
    data = event.data
    ours = isinstance(data, Payload) and type(data) in EVENT_TYPES
    return Heard(
        at,
        event.type,
        event.timestamp,
        event.provider,
        event.session_id,
        None if event.error is None else redact(event.error),
        scrubbed(data) if isinstance(data, Payload) and ours else None,
        None if ours else pack(scrub(dict(data))),
    )


# ------------------------------------------------------------------ reading


def read(path: str | PathLike[str]) -> Iterator[AnyLine]:
    """The lines of a recording, one after the other, up to the last complete one; the file is never whole in memory.

    Raises `MessageError` for a file that is no recording, of another version, or damaged in its midst.
    """
    decode = msgspec.json.Decoder(AnyLine).decode
    with _opened(Path(path)) as file:
        for number, text in enumerate(file, 1):
            try:
                line = decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
                if not text.endswith(b"\n") and number > 1:
                    return  # the process was killed while it wrote this
                what = (
                    f"is no recording ({error})" if number == 1 else f"is damaged in line {number}: {error}"
                )
                raise MessageError(
                    f"{path} {what}", field="path", cure="name a file that Recorded wrote"
                ) from None
            if number == 1 and not (isinstance(line, Header) and line.version == VERSION):
                found = f"of version {line.version}" if isinstance(line, Header) else "without a first line"
                raise MessageError(
                    f"{path} is a recording {found}",
                    field="path",
                    cure=f"this library reads version {VERSION}",
                )
            yield line


def _opened(path: Path) -> BufferedReader:
    try:
        file = path.open("rb")
    except OSError as error:
        raise MessageError(
            f"{path} cannot be read: {error.strerror}", field="path", cure="name a recording"
        ) from error
    if not file.peek(1):
        file.close()
        raise MessageError(f"{path} is empty", field="path", cure="name a file that Recorded wrote")
    return file


# ------------------------------------------------------------------ keys stay out

_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{256,}={0,2}")
"""Audio inside a vendor's message: no key is that long, and chance would find something like a key in it."""


def scrub(value: object, *secrets: str) -> Any:
    """A value of mappings, lists and texts without these secrets, and without what by its form or its name is a key."""
    return _scrub(value, "", secrets)


def scrubbed(payload: P) -> P:
    """The payload without keys: itself, where it has none."""
    if isinstance(payload, (AudioChunk, AudioAppend)):
        return payload
    plain = msgspec.to_builtins(payload, builtin_types=(bytes,), enc_hook=show)
    clean = scrub(plain)
    return payload if clean == plain else msgspec.convert(clean, type(payload), builtin_types=(bytes,))


def _scrub(value: object, name: str, secrets: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return _scrub_text(value, name, secrets)
    if isinstance(value, Mapping):
        entries = cast("Mapping[object, object]", value).items()
        return {
            redact(key, *secrets) if isinstance(key, str) else key: _scrub(entry, str(key), secrets)
            for key, entry in entries
        }
    if isinstance(value, (list, tuple)):
        parts = [_scrub(entry, name, secrets) for entry in cast("Sequence[object]", value)]
        return parts if isinstance(value, list) else tuple(parts)
    return value


def _scrub_text(text: str, name: str, secrets: tuple[str, ...]) -> str:
    if _BASE64.fullmatch(text):
        return text
    clean = redact(text, *secrets)
    if clean == text and _is_telling(name):
        named = f'{name}="{text}"'
        return "…" if redact(named) != named else text
    return clean


@lru_cache(maxsize=1024)
def _is_telling(name: str) -> bool:
    """Whether what stands under this name may be a key."""
    named = f'{name}="0a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d"'
    return bool(name) and redact(named) != named


# ------------------------------------------------------------------ values that JSON does not have


def pack(value: object) -> Any:
    """A value as JSON can hold it, so that `unpack` gives it back: bytes, tuples and keys that are no text included.

    What is none of these is told by its `repr`.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": str(value)}
    if isinstance(value, int):
        return value if abs(value) < 2**63 else {"$int": str(value)}
    if isinstance(value, (bytes, bytearray)):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        entries = [(key, pack(entry)) for key, entry in cast("Mapping[object, object]", value).items()]
        if all(isinstance(key, str) and not key.startswith("$") for key, _ in entries):
            return dict(entries)
        return {"$map": [[pack(key), entry] for key, entry in entries]}
    if isinstance(value, list):
        return [pack(entry) for entry in cast("list[object]", value)]
    if isinstance(value, tuple):
        return {"$tuple": [pack(entry) for entry in cast("tuple[object, ...]", value)]}
    return show(value)


def unpack(value: object) -> Any:
    """What `pack` was given."""
    if isinstance(value, list):
        return [unpack(entry) for entry in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    match cast("dict[str, Any]", value):
        case {"$int": digits}:
            return int(digits)
        case {"$float": text}:
            return float(text)
        case {"$bytes": text}:
            return base64.b64decode(text)
        case {"$tuple": entries}:
            return tuple(unpack(entry) for entry in entries)
        case {"$map": entries}:
            return {unpack(key): unpack(entry) for key, entry in entries}
        case plain:
            return {key: unpack(entry) for key, entry in plain.items()}
