"""One provider fails, the next goes on with the conversation: python failover.py [url of a simulator]"""

from __future__ import annotations

import asyncio
import sys

from voicechatengine import (
    ErrorInfo,
    Failover,
    MockConfig,
    MockProvider,
    OpenAIConfig,
    OpenAIProvider,
    VoiceEngine,
)
from voicechatengine.providers.mock import MockReply


async def main(url: str | None = None) -> None:
    gone = ErrorInfo("server_gone", "the server has gone", recoverable=False)
    script = [MockReply("Hello Ada!"), MockReply("I was just about to", error=gone)]
    fragile = MockProvider(MockConfig(script=script))  # stands for a service with a bad day
    together = Failover(
        [fragile, OpenAIProvider(OpenAIConfig(url=url))], first_audio_s=5.0, recover_after_s=60.0
    )

    async with VoiceEngine(together) as engine:
        events = engine.events()
        print((await engine.ask("My name is Ada.")).text)
        await engine.send_text("What is my name?")
        await engine.create_response()
        async for event in events:
            if event.type == "reconnected":
                print(
                    f"now with {type(together.provider).__name__}, restored: {event.data['state_restored']}"
                )
            elif event.type == "response_completed":
                print(f"a reply was {event.data['status']}")
                if together.provider is not fragile:
                    break
        print(f"{len(engine.history)} items of history")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:2]))
