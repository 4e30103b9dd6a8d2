"""The conversation, step by step, and the events that each step has on every provider that can do it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

from voicechatengine.audio.tone import tone
from voicechatengine.capabilities import Capabilities
from voicechatengine.events import ProviderEvent
from voicechatengine.messages import MessageType, Tool
from voicechatengine.provider import Provider
from voicechatengine.session.grammar import Grammar

from .cases import Case

WEATHER = Tool(
    "get_weather",
    "The weather of a city",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
PICTURE = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")
NEUTRAL = {"vendor", "usage", "rate_limits", "session_updated"}
"""What a vendor may tell at any time."""

PATIENCE_S = 30.0
FRAME_S = 0.02


class Talk:
    """A conversation in progress."""

    def __init__(
        self, provider: Provider, events: AsyncIterator[ProviderEvent], cut: Callable[[], None] | None
    ):
        self.provider = provider
        self.cut = cut
        self.able: Capabilities = provider.get_capabilities()
        self.seen: list[ProviderEvent] = []
        self._events = events
        self._grammar = Grammar()

    async def until(self, fits: Callable[[ProviderEvent], bool]) -> ProviderEvent:
        """Reads on to an event that fits; every event is checked against the grammar."""
        async with asyncio.timeout(PATIENCE_S):
            async for event in self._events:
                wrong = self._grammar.check(event.data)
                assert wrong is None, f"{event.type}: {wrong}"
                assert event.type != "error", event.data
                self.seen.append(event)
                if fits(event):
                    return event
        raise AssertionError("the events ended")

    async def reply(self) -> str:
        """Reads a reply to its end; gives what it said."""
        first = len(self.seen)
        done = await self.until(lambda event: event.type == "response_completed")
        assert done.data["status"] == "completed", done.data
        return "".join(event.data["text"] for event in self.seen[first:] if event.type == "text_chunk")

    async def ask(self, text: str) -> None:
        """Writes, and asks for a reply."""
        await self.provider.send_text(text)
        await self.provider.create_response()

    async def say(self, sound: bytes) -> None:
        """Sends audio at the pace of speech."""
        size = self.provider.get_audio_format().frame_bytes
        for start in range(0, len(sound), size):
            await self.provider.send_audio(sound[start : start + size])
            await asyncio.sleep(FRAME_S)


class Step(NamedTuple):
    """A part of the conversation. `can`: whether capabilities declare it; `expects`: the types of event that come, and no others."""

    name: str
    can: Callable[[Capabilities], object]
    run: Callable[[Talk], Awaitable[None]]
    expects: Callable[[Capabilities], set[str]]


def replied(able: Capabilities) -> set[str]:
    """The events of any reply."""
    return {
        "item_added",
        "response_started",
        "text_chunk",
        "response_completed",
        *(("audio_chunk",) if able.get("audio_output") else ()),
    }


async def written(talk: Talk) -> None:
    await talk.ask("Good morning")
    assert "Good morning" in await talk.reply()


async def spoken(talk: Talk) -> None:
    form = talk.provider.get_audio_format()
    await talk.say(form.silence(300) + tone(form, 800) + form.silence(1_500))
    assert "seconds of speech" in await talk.reply()


def heard(able: Capabilities) -> set[str]:
    """The events of a spoken turn."""
    words = ("input_transcript",) if able.get("input_transcription") else ()
    return {*replied(able), "speech_started", "speech_stopped", *words}


async def tool(talk: Talk) -> None:
    await talk.ask("Tell me the weather in Paris")
    call = await talk.until(lambda event: event.type == "tool_call")
    assert call.data["parsed"] == {"city": "Paris"}
    result = {"call_id": call.data["call_id"], "output": "sunny"}
    await talk.provider.send_message(MessageType.TOOL_RESULT, result)
    await talk.provider.create_response()
    await talk.until(lambda event: event.type == "text_chunk")
    await talk.until(lambda event: event.type == "response_completed")
    said = "".join(event.data["text"] for event in talk.seen if event.type == "text_chunk")
    assert "sunny" in said


async def interrupted(talk: Talk) -> None:
    await talk.ask("Say something long. " + "It goes on and on. " * 20)
    await talk.until(lambda event: event.type == "text_chunk")
    await talk.provider.interrupt()
    done = await talk.until(lambda event: event.type == "response_completed")
    assert done.data["status"] == "interrupted"


async def image(talk: Talk) -> None:
    if talk.able.get("audio_input"):
        await talk.provider.send_audio(talk.provider.get_audio_format().silence(100))
    await talk.provider.send_message(MessageType.IMAGE, {"image": PICTURE, "mime_type": "image/jpeg"})
    await talk.ask("What is this?")
    assert "shown" in await talk.reply()


async def reconnected(talk: Talk) -> None:
    assert talk.cut is not None
    talk.cut()
    back = await talk.until(lambda event: event.type == "reconnected")
    assert back.data["state_restored"], back.data
    await talk.ask("Still there?")
    assert "Still there?" in await talk.reply()


STEPS = (
    Step("text turn", lambda able: able.get("text_input"), written, replied),
    Step("spoken turn", lambda able: able.get("audio_input"), spoken, heard),
    Step("tool round", lambda able: able.get("tools"), tool, lambda able: {*replied(able), "tool_call"}),
    Step(
        "interruption",
        lambda able: able.get("interruption"),
        interrupted,
        lambda able: {*replied(able), "interrupted"},
    ),
    Step("image", lambda able: able.get("image_input"), image, replied),
    Step(
        "reconnect",
        lambda able: True,
        reconnected,
        lambda able: {*replied(able), "state_changed", "reconnecting", "reconnected", "session_created"},
    ),
)
MAYBE = {"audio_chunk", "item_added"}
"""An interrupted reply may not have come so far."""


async def run(case: Case) -> dict[str, str]:
    """Runs the script; gives for each step ``yes``, ``no`` (the capabilities say so), or what was wrong."""
    results: dict[str, str] = {}
    async with case.open(tools=(WEATHER,)) as (provider, cut):
        events = provider.events()
        assert await provider.connect()
        talk = Talk(provider, events, cut)
        await talk.until(lambda event: event.type == "session_created")
        for step in STEPS:
            if not step.can(talk.able) or (step.run is reconnected and cut is None):
                results[step.name] = "no"
                continue
            talk.seen.clear()
            await step.run(talk)
            came = {event.type for event in talk.seen} - NEUTRAL
            expected = step.expects(talk.able)
            maybe = MAYBE if step.run is interrupted else set[str]()
            wrong = (expected - came - maybe, came - expected)
            results[step.name] = "yes" if wrong == (set(), set()) else f"missing {wrong[0]}, more {wrong[1]}"
    return results
