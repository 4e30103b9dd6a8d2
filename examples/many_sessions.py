"""Many conversations in one process, on uvloop where that is installed: python many_sessions.py [url of a simulator]"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from voicechatengine import OpenAIConfig, OpenAIProvider, VoiceEngine

CALLERS = 10


async def call(number: int, url: str | None) -> float:
    async with VoiceEngine(OpenAIProvider(OpenAIConfig(url=url))) as engine:
        reply = await engine.ask(f"Hello, this is caller {number}!")
    return reply.audio_ms


async def main(url: str | None = None) -> None:
    answers = await asyncio.gather(*(call(number, url) for number in range(1, CALLERS + 1)))
    loop = type(asyncio.get_running_loop()).__module__
    print(f"{len(answers)} callers heard {sum(answers) / 1000:.1f} s on {loop}")


def fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, which holds more sessions on a core; without it None, for asyncio's own."""
    try:
        import uvloop  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        runner.run(main(*sys.argv[1:2]))
