"""The clock: the wall's time, and the running loop's."""

import asyncio
import time

from voicechatengine.session.clock import loop_clock


async def test_in_virtual_time_the_clock_is_virtual():
    clock = loop_clock()
    begin = clock()
    assert abs(begin - time.time()) < 60
    await asyncio.sleep(3600)
    assert 3599 < clock() - begin < 3601


def test_a_clock_that_was_made_before_any_loop_ran_agrees_with_the_wall_when_it_is_read():
    clock = loop_clock()

    async def read() -> float:
        return clock()

    first, second = asyncio.run(read()), asyncio.run(read())
    assert first <= second <= first + 60
    assert abs(second - time.time()) < 60


def test_clocks_of_real_loops_agree():
    async def both() -> tuple[float, float, float]:
        one, other = loop_clock(), loop_clock()
        return one(), other(), one()

    before, between, after = asyncio.run(both())
    assert before <= between <= after
