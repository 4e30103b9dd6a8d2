"""A conversation written down and played again, as a test without network: python record_and_replay.py [url of a simulator]"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from voicechatengine import OpenAIConfig, OpenAIProvider, Provider, Recorded, Replayed, VoiceEngine


async def talk(provider: Provider) -> str:
    async with VoiceEngine(provider) as engine:
        reply = await engine.ask("Hello, AI!")
    return reply.text


async def main(url: str | None = None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "session.jsonl"
        live = await talk(Recorded(OpenAIProvider(OpenAIConfig(url=url)), path))
        print(f"live:     {live}")

        # check=True holds the application to what it sent then; speed=0 does not wait.
        replay = Replayed(path, speed=0, check=True)
        print(f"replayed: {await talk(replay)}")
        print(f"differs:  {replay.difference}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:2]))
