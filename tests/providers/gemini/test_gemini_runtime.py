"""Gemini under the runtime and the engine, against its simulator in virtual time: hand-over, resumption, tools, a spoken turn."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from voicechatengine import AudioFormat, GeminiConfig, GeminiProvider, ProviderEvent, VoiceEngine
from voicechatengine.audio.tone import tone
from voicechatengine.errors import AuthenticationError, ConnectionError
from voicechatengine.messages import MessageType
from voicechatengine.provider import Retry
from voicechatengine.session.dialect import Endpoint
from voicechatengine.session.transport import Transport
from voicechatengine.simulators import Faults, Simulator, memory_connector
from voicechatengine.simulators.vendors import vendor

FORMAT = AudioFormat(sample_rate=16_000)
MODELS = ["gemini-3.8-live", "gemini-3.1-flash-live-preview", "gemini-2.5-flash-native-audio-latest"]


def clock() -> float:
    return 1.75e9 + asyncio.get_running_loop().time()


class Bench:
    """A provider and the services that it meets: each connection the next one, the last one for the rest."""

    def __init__(self, *services: Simulator, **config: Any) -> None:
        self.services = services
        self._dialled = 0
        self.provider = GeminiProvider(
            GeminiConfig(**{"api_key": "k", "url": "ws://simulated", **config}),
            connector=self._connect,
            clock=clock,
            rng=random.Random(1),
        )

    async def _connect(self, endpoint: Endpoint) -> Transport:
        service = self.services[min(self._dialled, len(self.services) - 1)]
        self._dialled += 1
        return await memory_connector(service)(endpoint)


@contextlib.asynccontextmanager
async def bench(*faults: Faults, **config: Any) -> AsyncIterator[Bench]:
    services = [
        Simulator(vendor("gemini"), faults=each, clock=clock, seed=1) for each in faults or (Faults(),)
    ]
    made = Bench(*services, **config)
    try:
        yield made
    finally:
        await made.provider.disconnect()
        for service in services:
            await service.stop()


async def until(events: AsyncIterator[ProviderEvent], name: str) -> list[ProviderEvent]:
    seen: list[ProviderEvent] = []
    async with asyncio.timeout(1_000):
        async for event in events:
            seen.append(event)
            if event.type == name:
                return seen
    raise AssertionError(f"no {name}: {[event.type for event in seen]}")


def said(seen: list[ProviderEvent]) -> str:
    return "".join(event.data["text"] for event in seen if event.type == "text_chunk")


@pytest.mark.parametrize("model", MODELS)
async def test_a_session_is_handed_over_at_a_pause_before_the_service_leaves(model):
    async with bench(Faults(expire_after_s=100, connections=1), model=model) as made:
        provider = made.provider
        await provider.connect()
        events = provider.events()
        await provider.send_text("My name is Ada.")
        await provider.create_response()
        await until(events, "response_completed")
        seen = await until(events, "reconnected")
        expiring = next(event for event in seen if event.type == "session_expiring")
        assert expiring.data["seconds_left"] == pytest.approx(50)
        assert next(event for event in seen if event.type == "session_created").data["resumed"]
        assert seen[-1].data["state_restored"]
        assert not any(event.type == "reconnecting" for event in seen)
        await provider.send_text("Hello again.")
        await provider.create_response()
        assert said(await until(events, "response_completed")).endswith("You said: Hello again.")
        first, second = made.services[0].connections
        assert first.ended is not None
        assert first.ended.code == 1000
        assert second.received[0]["setup"]["sessionResumption"]["handle"].startswith("handle_")
        assert "Ada" not in str(second.received)


@pytest.mark.parametrize("model", MODELS)
async def test_a_handle_that_is_refused_gives_way_to_the_history(model):
    async with bench(Faults(), Faults(), model=model) as made:
        provider = made.provider
        await provider.connect()
        events = provider.events()
        await provider.send_text("My name is Ada.")
        await provider.create_response()
        await until(events, "response_completed")
        await until(events, "vendor")
        made.services[0].cut()
        seen = await until(events, "reconnected")
        assert [e.data["code"] for e in seen if e.type == "error"] == ["session_resumption_refused"]
        assert seen[-1].data["state_restored"]
        await provider.send_text("And now?")
        await provider.create_response()
        await until(events, "response_completed")
        refused, told = made.services[1].connections
        assert "handle" in refused.received[0]["setup"]["sessionResumption"]
        assert told.received[0]["setup"]["sessionResumption"] == {}
        assert "Ada" in str(told.received[1])


async def test_a_spoken_turn_that_is_cut_is_said_again_whole():
    async with bench() as made:
        provider = made.provider
        await provider.connect()
        events = provider.events()
        await provider.send_audio(FORMAT.silence(200) + tone(FORMAT, 400))
        await until(events, "speech_started")
        made.services[0].cut()
        await until(events, "reconnected")
        await provider.send_audio(tone(FORMAT, 300) + FORMAT.silence(900))
        assert said(await until(events, "response_completed")).endswith("I heard 0.7 seconds of speech.")


@pytest.mark.parametrize("behavior", ["BLOCKING", "NON_BLOCKING"])
@pytest.mark.parametrize("model", ["gemini-3.8-live", "gemini-2.5-flash-native-audio-latest"])
async def test_the_engine_answers_calls_and_gives_the_reply_to_their_results(model, behavior):
    async def get_weather(city: str) -> str:
        """The weather of a city."""
        return f"foggy in {city}"

    async with bench(model=model, vendor={"toolBehavior": behavior}) as made:
        async with VoiceEngine(made.provider, tools=[get_weather]) as engine:
            reply = await engine.ask("What is the weather in London?")
            assert reply.text == "I am the Gemini simulator. The tool says: foggy in London"
            assert [call.name for call in reply.tool_calls] == ["get_weather"]
            assert (await engine.ask("Thanks")).text.endswith("You said: Thanks")
        requests = [
            frame
            for frame in made.services[0].received
            if "clientContent" in frame or "realtimeInput" in frame
        ]
        assert len(requests) == 2  # the reply to the result came by itself


async def test_push_to_talk_with_a_picture():
    async with bench(turn_detection=None) as made:
        provider = made.provider
        await provider.connect()
        events = provider.events()
        await provider.send_message(MessageType.ACTIVITY_START, {})
        await provider.send_audio(tone(FORMAT, 600))
        await provider.send_message(MessageType.IMAGE, {"image": b"png"})
        await provider.send_message(MessageType.ACTIVITY_END, {})
        words = said(await until(events, "response_completed"))
        assert "I heard 0.6 seconds of speech." in words
        assert "I was shown 1 picture." in words


async def test_a_set_up_that_is_refused_is_a_typed_error():
    async with bench(voice="Bob", retry=Retry(attempts=0)) as made:
        with pytest.raises(ConnectionError, match="Bob") as refused:
            await made.provider.connect()
        assert refused.value.code == "invalid_argument"
    async with bench(model="gemini-pro") as made:
        with pytest.raises(ConnectionError, match="gemini-pro") as unknown:
            await made.provider.connect()
        assert unknown.value.code == "model_not_found"
    async with bench(api_key="invalid") as made:
        with pytest.raises(AuthenticationError, match="API key not valid"):
            await made.provider.connect()
