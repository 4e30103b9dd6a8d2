"""What `make bench-check` counts: the work of the codec and path rows and of their floors, in forks of one process under callgrind.

Each case is done once and then so many times more, each in a fork that ends at once; the difference of their instruction counts, by
the number of times, is what one costs, to the instruction: what happens before is in both. The path goes through a real socket
of the loopback, whose other end is in the same process and does next to nothing: it answers the handshake, writes prepared bytes, and
drops what it gets.

``python -m benchmarks.counted DIRECTORY`` is run by `check.py` under valgrind: it writes which process did what into the directory.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks import codec
from benchmarks.contestants import Heard, Session, provider, raw
from benchmarks.server import SESSION, Reply, frame
from benchmarks.wires import WIRES

FEW, MANY = 20, 220
SHORT, LONG = 100, 600  # deltas, and chunks: fewer would count what the socket happens to join
CONTESTANTS: dict[str, Callable[[str, Heard], Awaitable[Session]]] = {
    "floor": raw.connect,
    "provider": provider.connect,
}

Case = Callable[[int], object]


def codec_cases() -> dict[str, Case]:
    """Every vendor's dialect and its floor."""
    return {
        f"codec {vendor}: {case}/{name}": runs[name]
        for vendor in WIRES
        for case, runs in codec.own_runs(vendor).items()
        for name in (codec.FLOOR, vendor)
    }


class Peer(asyncio.Protocol):
    """The other end of a websocket: it costs next to nothing, and always the same."""

    def __init__(self) -> None:
        self.got = 0
        self.expected = 0
        self.enough = asyncio.Event()
        self._open = False
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._open:
            self.got += len(data)
            if self.got >= self.expected:
                self.enough.set()
            return
        self._open = True
        key = next(line for line in data.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
        digest = hashlib.sha1(
            key.partition(b":")[2].strip() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        ).digest()
        self.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )
        self.write(frame({"type": "session.created", "session": SESSION}))
        self.write(frame({"type": "session.updated", "session": SESSION}))

    def write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)


async def talk(connect: Callable[[str, Heard], Awaitable[Session]], deltas: int, chunks: int) -> None:
    """One session that hears so many deltas, and sends so many chunks."""
    peer, heard, whole = Peer(), 0, asyncio.Event()

    def take(audio: bytes) -> None:
        nonlocal heard
        heard += 1
        if heard == deltas:
            whole.set()

    server = await asyncio.get_running_loop().create_server(lambda: peer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    session = await connect(f"http://127.0.0.1:{port}", take)
    await asyncio.sleep(0.1)
    reply = Reply(1, 20)
    if deltas:
        peer.write(reply.begin + reply.delta * deltas)
        await whole.wait()
    if chunks:
        peer.expected = (
            peer.got + chunks * 1_300
        )  # bytes: each is a little more, so the last few need not have come
        await session.send(bytes(960), chunks)
        await peer.enough.wait()
    os._exit(0)  # nothing of the end is counted


def path_cases() -> dict[str, Case]:
    """The provider and the raw loop, both ways."""

    def case(name: str, *, sends: bool) -> Case:
        def run(times: int) -> None:
            deltas, chunks = (0, times) if sends else (times, 0)
            asyncio.run(talk(CONTESTANTS[name], deltas, chunks))

        return run

    return {
        f"path {way}/{name}": case(name, sends=way == "sent")
        for way in ("received", "sent")
        for name in CONTESTANTS
    }


def fork(case: Case, times: int) -> int:
    """Does it in a process of its own, and gives its number."""
    child = os.fork()
    if child == 0:
        case(times)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit(f"a fork ended with {status}")
    return child


def warm_up() -> None:
    """What happens once, happens here."""
    for case in codec_cases().values():
        case(3)
    for case in path_cases().values():
        fork(case, 3)


def main(directory: Path) -> None:
    warm_up()
    gc.collect()
    gc.freeze()
    done: dict[str, Any] = {}
    for cases, few, many in ((codec_cases(), FEW, MANY), (path_cases(), SHORT, LONG)):
        for name, case in cases.items():
            done[name] = {"few": fork(case, few), "many": fork(case, many), "times": many - few}
    (directory / "done.json").write_text(json.dumps(done))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
