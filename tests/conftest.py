"""Async tests run in virtual time; those marked `realtime` run on a real loop, because they use real sockets."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path

import pytest
from hypothesis import settings

from voicechatengine.testing import run_virtual

SHARED = Path(__file__).resolve().parents[2] / "shared"
TIME_LIMIT = 180  # seconds that a test over real sockets may take before it counts as hanging

settings.register_profile("any machine", deadline=None)  # no test here looks at how fast anything is
settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "realtime: uses real sockets or processes, so runs in real time")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    if pyfuncitem.get_closest_marker("realtime"):

        async def limited() -> None:
            async with asyncio.timeout(TIME_LIMIT):
                await pyfuncitem.obj(**arguments)
            left = [t for t in asyncio.all_tasks() if t is not asyncio.current_task() and not t.cancelling()]
            assert not left, f"tasks were left behind: {left}"

        asyncio.run(limited())
    else:
        run_virtual(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture
def shared() -> Path:
    """The folder of recordings and speech, where it is present."""
    if not SHARED.is_dir():
        pytest.skip("the recordings (../shared) are not here")
    return SHARED
