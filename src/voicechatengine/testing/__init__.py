"""What one needs to prove a provider, and to test an application without network, sleep or key. Knows no test framework.

`contract` holds the laws as pytest classes, `machine` and `strategies` need hypothesis; what is named here needs neither. Names
load when they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from voicechatengine.testing.virtual import VirtualLoop, run_virtual

if TYPE_CHECKING:
    from voicechatengine.providers.mock import MockCall, MockConfig, MockProvider, MockReply, MockTurn
    from voicechatengine.session.grammar import Grammar
    from voicechatengine.session.http import MemoryHttp
    from voicechatengine.session.transport import MemoryTransport, memory_pair
    from voicechatengine.simulators import Faults, Simulator, memory_connector, memory_http, simulator
    from voicechatengine.testing.far_ends import MockFarEnd, SimulatedFarEnd, mock_subject, simulated
    from voicechatengine.testing.laws import (
        DialectSubject,
        FarEnd,
        NotApplicable,
        Report,
        Subject,
        Verdict,
        Violation,
        check_dialect,
        check_provider,
    )

_LAZY = {
    **dict.fromkeys(("MockCall", "MockConfig", "MockProvider", "MockReply", "MockTurn"), "providers.mock"),
    **dict.fromkeys(("Faults", "Simulator", "memory_connector", "memory_http", "simulator"), "simulators"),
    **dict.fromkeys(("MockFarEnd", "SimulatedFarEnd", "mock_subject", "simulated"), "testing.far_ends"),
    **dict.fromkeys(
        (
            "DialectSubject", "FarEnd", "NotApplicable", "Report", "Subject", "Verdict", "Violation", "check_dialect",
            "check_provider",
        ),
        "testing.laws",
    ),
    **dict.fromkeys(("MemoryTransport", "memory_pair"), "session.transport"),
    "Grammar": "session.grammar",
    "MemoryHttp": "session.http",
}  # fmt: skip


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"voicechatengine.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


__all__ = [
    "DialectSubject",
    "FarEnd",
    "Faults",
    "Grammar",
    "MemoryHttp",
    "MemoryTransport",
    "MockCall",
    "MockConfig",
    "MockFarEnd",
    "MockProvider",
    "MockReply",
    "MockTurn",
    "NotApplicable",
    "Report",
    "SimulatedFarEnd",
    "Simulator",
    "Subject",
    "Verdict",
    "Violation",
    "VirtualLoop",
    "check_dialect",
    "check_provider",
    "memory_connector",
    "memory_http",
    "memory_pair",
    "mock_subject",
    "run_virtual",
    "simulated",
    "simulator",
]
