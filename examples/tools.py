"""Tools: typed functions that the model may call. The docstring and the annotations are all that there is to write.

python tools.py                  with a scripted provider, which needs no key
python tools.py live [url]       with OpenAI (OPENAI_API_KEY), or a server that speaks like it
"""

from __future__ import annotations

import asyncio
import sys
from enum import Enum
from typing import Annotated

import msgspec

from voicechatengine import MockConfig, MockProvider, OpenAIConfig, OpenAIProvider, Provider, VoiceEngine
from voicechatengine.providers.mock import MockCall, MockReply


class Unit(Enum):
    CELSIUS = "celsius"
    FAHRENHEIT = "fahrenheit"


class Weather(msgspec.Struct):
    city: str
    degrees: int
    unit: Unit


async def weather(
    city: str, days: Annotated[int, msgspec.Meta(ge=1, le=7)] = 1, unit: Unit = Unit.CELSIUS
) -> Weather:
    """Looks up the weather.

    Args:
        city: the city's name, in English
        days: how many days ahead
        unit: of the temperature
    """
    await asyncio.sleep(0.1)  # an async tool may take its time: others, and the conversation, go on
    return Weather(city, 18 + days, unit)


def scripted() -> Provider:
    """A model that first gets an argument wrong, and is told so."""
    wrong = MockCall(name="weather", arguments={"city": "Bonn", "days": 9})
    right = MockCall(name="weather", arguments={"city": "Bonn", "days": 2})
    return MockProvider(
        MockConfig(script=[MockReply(calls=[wrong]), MockReply("One moment.", calls=[right])])
    )


async def main(live: bool, url: str | None = None) -> None:
    provider = OpenAIProvider(OpenAIConfig(url=url)) if live else scripted()
    engine = VoiceEngine(provider, tools=[weather])

    @engine.tool(timeout=5)
    def remember(note: str) -> None:  # not async: it runs in a thread
        """Writes something down."""

    async with engine:
        print("tools:", *(tool.name for tool in engine.tools))
        reply = await engine.ask("What will the weather be in Bonn, the day after tomorrow?")
        for call in reply.tool_calls:
            print("call:", call.name, call.arguments)
        print("reply:", reply.text)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:2] == ["live"], *sys.argv[2:3]))
