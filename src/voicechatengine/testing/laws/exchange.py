"""What was said between a law and a provider, as lines that people read when something is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from typing import Any, Final, TypeVar

from typing_extensions import Unpack

from voicechatengine.audio.format import AudioFormat
from voicechatengine.capabilities import Capabilities
from voicechatengine.events import ProviderEvent
from voicechatengine.messages import Command, MessageType, Modality, Role, show
from voicechatengine.provider import EventHandler, Provider, SessionOptions

T = TypeVar("T")

KEPT: Final = 400  # lines
WIDTH: Final = 160  # characters of a line


class Exchange:
    """Lines of what was said, with the time in seconds since the first. Many audio chunks in a row are one line."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._began: float | None = None
        self._repeated = 0
        self._last = ""

    def add(self, sign: str, text: str, key: str = "") -> None:
        """A line; several of one `key` in a row become one."""
        now = asyncio.get_running_loop().time()
        self._began = now if self._began is None else self._began
        line = f"{now - self._began:9.3f} {sign} {text}"
        line = line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"
        if key and key == self._last:
            self._repeated += 1
            self._lines[-1] = f"{line}  (and {self._repeated} before it)"
            return
        self._repeated, self._last = 0, key
        self._lines.append(line)
        if len(self._lines) > KEPT:
            del self._lines[KEPT // 4]

    def __str__(self) -> str:
        return "\n".join(self._lines)


class Told:
    """A provider whose every call is written down, and that is otherwise the one within; see `Provider`."""

    def __init__(self, inner: Provider, exchange: Exchange) -> None:
        self._inner = inner
        self._exchange = exchange

    async def _tell(self, text: str, call: Awaitable[T]) -> T:
        self._exchange.add("→", text)
        try:
            return await call
        except asyncio.CancelledError:
            self._exchange.add("✗", f"{text} was cancelled")
            raise
        except Exception as error:
            self._exchange.add("✗", f"{text} raised {type(error).__name__}: {error}")
            raise

    async def connect(self) -> bool:
        """See `Provider.connect`."""
        return await self._tell("connect()", self._inner.connect())

    async def disconnect(self) -> None:
        """See `Provider.disconnect`."""
        await self._tell("disconnect()", self._inner.disconnect())

    def is_connected(self) -> bool:
        """See `Provider.is_connected`."""
        return self._inner.is_connected()

    async def send_message(self, message_type: MessageType, data: Command | Mapping[str, Any]) -> None:
        """See `Provider.send_message`."""
        text = f"send_message({message_type}, {show(data)})"
        await self._tell(text, self._inner.send_message(message_type, data))

    async def send_audio(self, audio_data: bytes) -> None:
        """See `Provider.send_audio`."""
        self._exchange.add("→", f"send_audio({show(audio_data)})", "send_audio")
        try:
            await self._inner.send_audio(audio_data)
        except Exception as error:
            self._exchange.add("✗", f"send_audio raised {type(error).__name__}: {error}")
            raise

    async def send_text(self, text: str, role: Role = "user") -> None:
        """See `Provider.send_text`."""
        await self._tell(f"send_text({text!r}, {role!r})", self._inner.send_text(text, role))

    async def create_response(self, modalities: Sequence[Modality] | None = None) -> None:
        """See `Provider.create_response`."""
        given = "" if modalities is None else show(modalities)
        await self._tell(f"create_response({given})", self._inner.create_response(modalities))

    async def interrupt(self) -> None:
        """See `Provider.interrupt`."""
        await self._tell("interrupt()", self._inner.interrupt())

    async def update_session(self, **options: Unpack[SessionOptions]) -> None:
        """See `Provider.update_session`."""
        given = ", ".join(f"{name}={show(value)}" for name, value in options.items())
        await self._tell(f"update_session({given})", self._inner.update_session(**options))

    def get_audio_format(self) -> AudioFormat:
        """See `Provider.get_audio_format`."""
        return self._inner.get_audio_format()

    def get_capabilities(self) -> Capabilities:
        """See `Provider.get_capabilities`."""
        return self._inner.get_capabilities()

    def events(self) -> AsyncIterator[ProviderEvent]:
        """See `Provider.events`."""
        return self._inner.events()

    def on_event(self, event_type: str, handler: EventHandler) -> None:
        """See `Provider.on_event`."""
        self._inner.on_event(event_type, handler)
