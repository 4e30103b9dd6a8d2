"""A conversation longer than a vendor's session, a new one each second here: python long_session.py [url of a simulator]"""

from __future__ import annotations

import asyncio
import sys

from voicechatengine import OpenAIConfig, OpenAIProvider, ProviderEvent, Timeouts, VoiceEngine


def handed_over(event: ProviderEvent) -> None:
    restored = "all restored" if event.data["state_restored"] else f"missing: {event.data['missing']}"
    print(f"now in {event.session_id}, {restored}")


async def main(url: str | None = None) -> None:
    # Without session_age a session is handed over when the vendor says that its end is near.
    config = OpenAIConfig(url=url, timeouts=Timeouts(session_age=1.0))
    async with VoiceEngine(OpenAIProvider(config)) as engine:
        engine.on_event("reconnected", handed_over)
        for question in ("One?", "Two?", "Three?"):
            news = engine.events()
            reply = await engine.ask(question)
            print(reply.text)
            async for event in news:  # an application would simply go on; this one waits to show it
                if event.type == "reconnected":
                    break
        print(f"{len(engine.history)} items of history")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:2]))
