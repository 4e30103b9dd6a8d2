"""A program that talks and records until it is killed; it prints each event that it saw, as JSON."""

from __future__ import annotations

import asyncio
import sys

import msgspec

from voicechatengine import MockConfig, MockProvider
from voicechatengine.compose.record import Recorded
from voicechatengine.providers.mock import MockReply


async def main(path: str) -> None:
    words = "This is a story without an end, and it goes on. " * 3
    provider = Recorded(MockProvider(MockConfig(script=[MockReply(words, pace=10)] * 9)), path)
    events = provider.events()
    await provider.connect()
    await provider.send_text("Tell me a story")
    await provider.create_response()
    async for event in events:
        sys.stdout.buffer.write(msgspec.json.encode(event) + b"\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
