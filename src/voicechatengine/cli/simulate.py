"""`voicechat simulate`: a vendor's service on this machine, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
from typing import Final

from voicechatengine.cli.exits import Exit
from voicechatengine.simulators import Faults, simulator

FAULTS: Final = {
    "drop_after": "drop_after_sent",
    "delay_ms": "delay_ms",
    "garbage_every": "garbage_every",
    "rate_limit": "rate_limit",
    "expire_after": "expire_after_s",
}
"""Arguments, and which field of `Faults` each one is."""


def run(arguments: argparse.Namespace) -> Exit:
    """Serves until Ctrl-C or SIGTERM, which are no failure here."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_until_signal(arguments))
    return Exit.OK


async def _until_signal(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    with contextlib.suppress(NotImplementedError):  # where loops know no signals, Ctrl-C cancels
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(arguments, stop)


async def serve(arguments: argparse.Namespace, stop: asyncio.Event) -> None:
    """Serves until `stop` is set; the URL is the one line that it prints."""
    given = {
        field: value for name, field in FAULTS.items() if (value := getattr(arguments, name)) is not None
    }
    async with simulator(
        arguments.vendor, host=arguments.host, port=arguments.port, faults=Faults(**given)
    ) as server:
        print(server.url, flush=True)
        await stop.wait()
