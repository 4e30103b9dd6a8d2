"""What can be made to go wrong on a connection, and the transport that makes it: a transport made of a transport.

It counts frames and knows nothing of what they say.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Final

from voicechatengine.session.dialect import Close
from voicechatengine.session.transport import Transport

GARBAGE: Final = (b"<html>this is no JSON", b'{"type":"simulator.nonsense","event_id":"event_nonsense"}')
"""In turn: what cannot be read, and what is of no known type."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Faults:
    """Faults on request; the defaults are none.

    `drop_after_sent` and `drop_after_received` cut a connection as a pulled cable does, after so many frames to or from the
    client. `close_after_sent` closes it properly instead, with `close_code`. `delay_ms` holds each frame to the client back.
    After every `garbage_every` frames one of nonsense is put in. A service that answers by HTTP refuses the first `overloaded`
    requests because it has too much to do, and says so after `overloaded_after` pieces of a reply (0: before the first). The first `rate_limit` handshakes are refused with HTTP 429
    and `retry_after_s`; the first `rate_limit_responses` replies of a session are refused. A session expires after
    `expire_after_s`. The first `connections` connections suffer from all this but the refused handshakes; None: all of them.
    """

    drop_after_sent: int | None = None
    drop_after_received: int | None = None
    close_after_sent: int | None = None
    close_code: int = 1011
    delay_ms: float = 0.0
    garbage_every: int | None = None
    rate_limit: int = 0
    retry_after_s: float = 1.0
    rate_limit_responses: int = 0
    expire_after_s: float | None = None
    overloaded: int = 0
    overloaded_after: int | None = None
    connections: int | None = None


class FaultyTransport:
    """A `Transport` with faults; `cut` ends the connection under it with no closing handshake."""

    def __init__(self, inner: Transport, faults: Faults, cut: Callable[[], None]) -> None:
        self._inner = inner
        self._faults = faults
        self._cut = cut
        self._sent = 0
        self._received = 0

    async def pump(self, on_frame: Callable[[bytes | str], None], /) -> Close:
        """See `Transport.pump`."""
        last = self._faults.drop_after_received

        def counted(frame: bytes | str) -> None:
            if last is not None and self._received >= last:
                return  # it was on the way when the cable was pulled
            self._received += 1
            on_frame(frame)
            if self._received == last:
                self._cut()

        return await self._inner.pump(counted)

    async def send(self, data: bytes, binary: bool, /) -> None:
        """See `Transport.send`."""
        faults = self._faults
        if faults.delay_ms:
            await asyncio.sleep(faults.delay_ms / 1000)
        await self._inner.send(data, binary)
        self._sent += 1
        if faults.garbage_every and self._sent % faults.garbage_every == 0:
            await self._inner.send(GARBAGE[self._sent // faults.garbage_every % len(GARBAGE)], binary)
        if self._sent == faults.close_after_sent:
            await self._inner.close(Close(faults.close_code, "on request"))
        if self._sent == faults.drop_after_sent:
            self._cut()

    async def close(self, close: Close, /) -> None:
        """See `Transport.close`."""
        await self._inner.close(close)
