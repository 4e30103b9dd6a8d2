"""One exchange with OpenAI's real service. Run by pytest, or by itself: OPENAI_API_KEY=… python tests/smoke/test_openai_provider.py

It is the one test that leaves the machine, and only where a key is set.
"""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from voicechatengine import OpenAIConfig, OpenAIProvider, ProviderError, Reply, VoiceEngine

KEY = os.environ.get("OPENAI_API_KEY")


async def exchange() -> Reply:
    """Asks for one short spoken answer."""
    config = OpenAIConfig(instructions="Answer with one short sentence.", max_tokens=300)
    async with VoiceEngine(OpenAIProvider(config)) as engine:
        return await engine.ask("Say hello.")


@pytest.mark.realtime
@pytest.mark.skipif(not KEY, reason="skipped: no key (OPENAI_API_KEY)")
async def test_openai_answers():
    """The service answers in words and in sound."""
    reply = await exchange()
    assert reply.text
    assert reply.audio


def main() -> int:
    """Runs the exchange; 1 if it fails."""
    if not KEY:
        print("skipped: no key (set OPENAI_API_KEY to run this)")
        return 0
    try:
        reply = asyncio.run(exchange())
    except ProviderError as error:
        print(f"FAILED  {error}")
        return 1
    print(f"words   {reply.text}")
    print(f"sound   {len(reply.audio)} bytes, {reply.audio_ms / 1000:.1f} s of {reply.format}")
    print(f"usage   {reply.usage}")
    if not (reply.text and reply.audio):
        print("FAILED  the answer has no words or no sound")
        return 1
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
