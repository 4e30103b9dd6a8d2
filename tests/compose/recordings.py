"""Conversations to record: an application that needs nothing but the contract, and what it saw."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from voicechatengine import MessageType, MockConfig, MockProvider, Provider, ProviderEvent
from voicechatengine.audio.resample import Resampler
from voicechatengine.audio.wav import read_wav
from voicechatengine.messages import ItemTruncate, ToolResult
from voicechatengine.providers.mock import MockCall, MockReply

QUESTION = Path(__file__).resolve().parents[2] / "examples/question.wav"


def encoded(events: list[ProviderEvent]) -> list[bytes]:
    """Events byte for byte."""
    return [msgspec.json.encode(event) for event in events]


class Watcher:
    """Reads a provider's events in a task of its own, and waits for some of them."""

    def __init__(self, provider: Provider) -> None:
        self.events: list[ProviderEvent] = []
        self._stream = provider.events()
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for event in self._stream:
            self.events.append(event)
            self._news.set()
        self._news.set()

    def count(self, kind: str) -> int:
        return sum(event.type == kind for event in self.events)

    async def until(self, kind: str, count: int) -> ProviderEvent:
        """The event of that type that is the `count`-th."""
        while self.count(kind) < count:
            assert not self._task.done(), f"the session ended before {kind} {count}: {self.events[-3:]}"
            self._news.clear()
            await self._news.wait()
        return [event for event in self.events if event.type == kind][count - 1]

    async def end(self) -> list[ProviderEvent]:
        await self._task
        return self.events


def talkative() -> MockProvider:
    """A provider that is interrupted in its first reply, calls a tool in its second, and loses its connection in the last."""
    script = [
        MockReply("Let me tell you the whole long story of everything that I can do for you today."),
        MockReply("Let me look.", calls=[MockCall(name="weather", arguments={"city": "Paris"})]),
        MockReply("It is 18 degrees in Paris.", pace=1.0),
        MockReply("And this one comes after an outage.", drop="reconnect", outage_s=1.5, pace=1.0),
    ]
    transcripts = ("What can you do for me?", "Stop. How is the weather in Paris?")
    return MockProvider(MockConfig(detect_turns=True, script=script, transcripts=transcripts))


async def spoken_conversation(provider: Provider) -> list[ProviderEvent]:
    """Asks aloud, interrupts, answers a tool call, and asks once more in writing."""
    await provider.update_session(instructions="Be brief.")
    await provider.connect()
    watcher = Watcher(provider)
    await say(provider)
    await watcher.until("audio_chunk", 10)
    speaking = asyncio.create_task(say(provider))
    await watcher.until("speech_started", 2)
    reply = (await watcher.until("response_started", 1)).data["response_id"]
    item = next(e.data["item_id"] for e in watcher.events if e.type == "audio_chunk")
    assert reply
    await provider.interrupt()
    await provider.send_message(MessageType.ITEM_TRUNCATE, ItemTruncate(item, 800.0))
    call = await watcher.until("tool_call", 1)
    await speaking
    await watcher.until("response_completed", 2)
    await asyncio.sleep(0.4)
    await provider.send_message(MessageType.TOOL_RESULT, ToolResult(call.data["call_id"], "18 degrees"))
    await provider.create_response()
    await watcher.until("response_completed", 3)
    await provider.send_text("And tomorrow?")
    await provider.create_response()
    await watcher.until("reconnected", 1)
    await asyncio.sleep(1)
    await provider.disconnect()
    return await watcher.end()


async def say(provider: Provider) -> None:
    """The question, in the time that it takes to speak it."""
    source, audio = read_wav(QUESTION)
    resampler = Resampler(source, provider.get_audio_format())
    audio = resampler.feed(audio) + resampler.flush()
    size = provider.get_audio_format().frame_bytes
    for start in range(0, len(audio), size):
        await asyncio.sleep(0.02)
        await provider.send_audio(audio[start : start + size])


async def written_conversation(provider: Provider) -> list[ProviderEvent]:
    """Two questions in writing."""
    await provider.connect()
    watcher = Watcher(provider)
    for number, question in enumerate(("What is one?", "What is two?"), 1):
        await provider.send_text(question)
        await provider.create_response()
        await watcher.until("response_completed", number)
    await provider.disconnect()
    return await watcher.end()
