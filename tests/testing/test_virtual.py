"""Virtual time: hours in milliseconds, always in the same order, and never a hang."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechatengine.testing import VirtualLoop, run_virtual
from voicechatengine.testing.virtual import EPOCH


def test_hours_pass_in_a_moment():
    async def main():
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        assert (loop.time(), loop.unix()) == (0.0, EPOCH)
        await asyncio.sleep(10 * 3600)
        return loop.time(), loop.unix() - EPOCH

    began = time.monotonic()
    assert run_virtual(main()) == (pytest.approx(36_000), pytest.approx(36_000))
    assert time.monotonic() - began < 60


@given(st.lists(st.floats(0, 1e6), max_size=10))
def test_timers_fire_in_the_order_of_their_times_and_at_their_times(delays):
    async def main():
        fired = []

        async def after(number, delay):
            await asyncio.sleep(delay)
            fired.append((number, asyncio.get_running_loop().time()))

        await asyncio.gather(*(after(number, delay) for number, delay in enumerate(delays)))
        return fired

    fired = run_virtual(main())
    assert [at for _, at in fired] == sorted(at for _, at in fired)
    for number, at in fired:
        assert at == pytest.approx(delays[number], abs=1e-6)
    assert fired == run_virtual(main())


def test_a_time_limit_runs_out_in_virtual_time():
    async def main():
        async with asyncio.timeout(3600):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        run_virtual(main())


def test_waiting_for_nothing_is_told_and_does_not_hang():
    async def main():
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="virtual time stands still"):
        run_virtual(main())


def test_a_task_left_behind_is_told_by_name():
    async def main():
        tasks = [asyncio.create_task(asyncio.sleep(3600), name=name) for name in ("late", "later")]
        assert tasks

    with pytest.raises(RuntimeError, match="tasks were left behind: late, later"):
        run_virtual(main())


def test_a_task_that_is_on_its_way_out_is_not_left_behind():
    async def main():
        task = asyncio.create_task(asyncio.sleep(3600))
        await asyncio.sleep(0)
        task.cancel()
        return "done"

    assert run_virtual(main()) == "done"


def test_an_error_comes_through_as_it_is():
    async def main():
        await asyncio.sleep(1)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run_virtual(main())
