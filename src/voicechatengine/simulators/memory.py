"""A simulated service without a socket: a connector whose connections end at a `Simulator` in the same event loop.

So a client's whole runtime talks to a vendor's whole dialect in virtual time.
"""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qsl, urlsplit

from voicechatengine.session.dialect import Endpoint
from voicechatengine.session.handshake import Handshake
from voicechatengine.session.refusal import refused
from voicechatengine.session.transport import Connector, Transport, memory_pair
from voicechatengine.simulators.service import Simulator


def memory_connector(simulator: Simulator) -> Connector:
    """Connections to `simulator` in memory. They end by themselves with `simulator.stop()`, or cut with `simulator.cut()`.

    A refused handshake raises what a websocket's would.
    """
    running: set[asyncio.Task[object]] = set()

    async def connect(endpoint: Endpoint) -> Transport:
        parts = urlsplit(endpoint.url)
        headers = {name.lower(): value for name, value in endpoint.headers.items()}
        handshake = Handshake(parts.path, dict(parse_qsl(parts.query)), headers)
        refusal = simulator.refuse(handshake)
        if refusal is not None:
            raise refused(refusal.status, refusal.body.decode(), refusal.headers.get("Retry-After"))
        theirs, ours = memory_pair()
        serving = asyncio.get_running_loop().create_task(
            simulator.serve(handshake, ours, ours.cut), name="simulator in memory"
        )
        running.add(serving)
        serving.add_done_callback(running.discard)
        return theirs

    return connect
