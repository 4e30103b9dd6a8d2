"""Another provider in mid-conversation, by choice: python switch_provider.py [url of a simulator]"""

from __future__ import annotations

import asyncio
import sys

from voicechatengine import MockProvider, OpenAIConfig, OpenAIProvider, VoiceEngine


async def main(url: str | None = None) -> None:
    async with VoiceEngine(MockProvider()) as engine:
        print((await engine.ask("My name is Ada.")).text)

        # Opened first, told the conversation, then used from the next pause on. Listeners notice nothing.
        await engine.switch_provider(OpenAIProvider(OpenAIConfig(url=url)))
        print((await engine.ask("And I live in Oslo.")).text)
        print(f"{len(engine.history)} items of history, now with {type(engine.provider).__name__}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:2]))
