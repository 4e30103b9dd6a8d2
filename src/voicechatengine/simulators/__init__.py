"""Vendors' services on this machine: each a server dialect over any provider, behind a websocket, behind HTTP, or in memory.

`simulator("openai")` serves one; `SIMULATORS` are the names that there are. Nothing of a vendor or of aiohttp is imported
before one is asked for.
"""

from __future__ import annotations

from voicechatengine.simulators.faults import Faults
from voicechatengine.simulators.memory import memory_connector, memory_http
from voicechatengine.simulators.server import simulator
from voicechatengine.simulators.service import Connection, Simulator
from voicechatengine.simulators.vendors import SIMULATORS, Vendor, realtime

__all__ = [
    "SIMULATORS",
    "Connection",
    "Faults",
    "Simulator",
    "Vendor",
    "memory_connector",
    "memory_http",
    "realtime",
    "simulator",
]
