"""A question in writing, a reply in words and sound: python ask.py [url of a simulator]"""

from __future__ import annotations

import asyncio
import sys

from voicechatengine import OpenAIConfig, OpenAIProvider, VoiceEngine


async def main(url: str | None = None) -> None:
    config = OpenAIConfig(url=url)  # the key comes from OPENAI_API_KEY
    async with VoiceEngine(OpenAIProvider(config)) as engine:
        reply = await engine.ask("Hello, AI!")
        print(reply.text)
        print(
            f"{reply.audio_ms / 1000:.1f} s of {reply.format}, first heard after {reply.first_audio_ms or 0:.0f} ms"
        )


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:2]))
