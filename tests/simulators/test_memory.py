"""A simulated service in memory and in virtual time: the whole client runtime against the whole server dialect."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from voicechatengine import OpenAIConfig, OpenAIProvider
from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.errors import AuthenticationError, ConnectionError, MessageError, RateLimitError
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    InputTranscript,
    ItemAdded,
    ProviderEvent,
    Reconnected,
    ResponseCompleted,
    SpeechStarted,
    SpeechStopped,
    TextChunk,
)
from voicechatengine.messages import MessageItem, MessageType, SessionCreate, TextPart
from voicechatengine.provider import Provider, Retry
from voicechatengine.providers.mock import MockConfig, MockProvider, MockReply
from voicechatengine.session.dialect import Close
from voicechatengine.simulators import Faults, Simulator, memory_connector
from voicechatengine.simulators.vendors import vendor

PCM = AudioFormat()


@contextlib.asynccontextmanager
async def talk(
    *, faults: Faults | None = None, provider: Callable[[], Provider] | None = None, **config: Any
) -> AsyncIterator[tuple[Simulator, OpenAIProvider]]:
    """A client that is about to connect to a service, and both gone at the end."""
    service = Simulator(vendor("openai"), faults=faults, provider=provider, seed=1)
    given = {"api_key": "sk-test", "retry": Retry(attempts=0)} | config
    client = OpenAIProvider(OpenAIConfig(**given), connector=memory_connector(service))
    try:
        yield service, client
    finally:
        await client.disconnect()
        await service.stop()


async def until_done(events: AsyncIterator[ProviderEvent]) -> list[Any]:
    """The payloads up to the end of a reply."""
    seen: list[Any] = []
    async for event in events:
        seen.append(event.data)
        if isinstance(event.data, ResponseCompleted):
            break
    return seen


def spoken(seen: list[Any]) -> str:
    return "".join(one.text for one in seen if isinstance(one, TextChunk))


async def test_a_spoken_question_is_heard_transcribed_and_answered():
    async with talk() as (service, client):
        await client.connect()
        events = client.events()
        await client.send_audio(PCM.silence(400) + tone(PCM, 2100) + PCM.silence(800))
        seen = await until_done(events)
        assert [type(one) for one in seen if isinstance(one, (SpeechStarted, SpeechStopped))] == [
            SpeechStarted,
            SpeechStopped,
        ]
        assert [one.text for one in seen if isinstance(one, InputTranscript) and one.final] == [
            "(speech, 2.1 s)"
        ]
        assert spoken(seen) == "I am the OpenAI simulator. I heard 2.1 seconds of speech."
        audio = b"".join(one.audio for one in seen if isinstance(one, AudioChunk))
        assert PCM.duration_ms(len(audio)) > 1000
        assert max(audio) > 0
        assert service.connections[0].query["model"].startswith("gpt-")
        assert {frame["type"] for frame in service.received} == {
            "session.update",
            "input_audio_buffer.append",
        }


async def test_answers_come_faster_than_they_play():
    async with talk() as (_, client):
        await client.connect()
        events = client.events()
        await client.send_text("Hello")
        await client.create_response()
        times: list[float] = []
        size = 0
        async for event in events:
            if isinstance(event.data, AudioChunk):
                times.append(event.timestamp)
                size += len(event.data.audio)
            if isinstance(event.data, ResponseCompleted):
                break
        assert PCM.duration_ms(size) / 1000 / (times[-1] - times[0]) == pytest.approx(5, rel=0.1)


async def test_any_provider_can_answer():
    def mock() -> Provider:
        return MockProvider(
            MockConfig(script=[MockReply("Scripted.")], output_audio_format=AudioFormat("g711_ulaw", 8000))
        )

    async with talk(provider=mock) as (_, client):
        await client.connect()
        events = client.events()
        await client.send_text("Hello")
        await client.create_response()
        assert spoken(await until_done(events)) == "Scripted."


async def test_a_provider_that_finds_turns_is_left_to_it():
    def mock() -> Provider:
        return MockProvider(MockConfig(detect_turns=True, script=[MockReply("Mine.")]))

    async with talk(provider=mock) as (_, client):
        await client.connect()
        events = client.events()
        await client.send_audio(tone(PCM, 600) + PCM.silence(1500))
        assert spoken(await until_done(events)) == "Mine."


async def test_a_provider_that_cannot_be_reached_ends_the_connection():
    async with talk(provider=lambda: MockProvider(MockConfig(error_rate={"connect": 1.0}))) as (
        service,
        client,
    ):
        with contextlib.suppress(ConnectionError):
            await client.connect()
        assert await service.connections[0].closed() == Close(1011, "the provider cannot be reached")


async def test_a_provider_that_is_lost_ends_the_connection():
    def mock() -> Provider:
        return MockProvider(MockConfig(script=[MockReply("This will not end well.", drop="fail")]))

    async with talk(provider=mock) as (service, client):
        await client.connect()
        events = client.events()
        await client.send_text("Hello")
        await client.create_response()
        seen = [event.data async for event in events]
        assert [one.status for one in seen if isinstance(one, ResponseCompleted)] == ["failed"]
        assert await service.connections[0].closed() == Close(1011, "server_error")


async def test_a_refused_handshake_raises_what_a_websockets_would():
    async with talk(faults=Faults(rate_limit=1, retry_after_s=3)) as (service, client):
        with pytest.raises(RateLimitError) as limited:
            await client.connect()
        assert limited.value.retry_after == 3
        assert await client.connect()
        assert len(service.connections) == 1
    async with talk(api_key="sk-invalid") as (_, client):
        with pytest.raises(AuthenticationError) as wrong:
            await client.connect()
        assert wrong.value.code == "invalid_api_key"


async def test_a_cut_connection_comes_back():
    async with talk(retry=Retry(base=0.01)) as (service, client):
        await client.connect()
        events = client.events()
        await client.send_text("Hello")
        await client.create_response()
        await until_done(events)
        service.cut()
        async for event in events:
            if isinstance(event.data, Reconnected):
                break
        assert [one.ended for one in service.connections] == [Close(1006, "connection lost"), None]
        service.connections[0].cut()  # nothing is left to cut
        await client.send_text("Again")
        await client.create_response()
        assert "You said" in spoken(await until_done(events))


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        (Faults(drop_after_sent=3), 1006),
        (Faults(drop_after_received=2), 1006),
        (Faults(close_after_sent=3, close_code=1012), 1012),
        (Faults(expire_after_s=70), 1000),  # handed over in time
    ],
)
async def test_a_connection_ends_on_request_and_the_next_one_lives(faults: Faults, code: int):
    once = dataclasses.replace(faults, connections=1)
    async with talk(faults=once, retry=Retry(base=0.01)) as (service, client):
        await client.connect()
        events = client.events()
        await client.send_text("Hello")
        await client.create_response()
        seen: list[Any] = []
        async for event in events:
            seen.append(event.data)
            if isinstance(event.data, Reconnected):
                break
        assert (await service.connections[0].closed()).code == code
        assert len(service.connections) == 2
        assert client.is_connected()


async def test_garbage_between_the_frames_harms_no_conversation():
    async with talk(faults=Faults(garbage_every=2)) as (_, client):
        await client.connect()
        events = client.events()
        await client.send_text("Hello")
        await client.create_response()
        seen = await until_done(events)
        assert spoken(seen) == "I am the OpenAI simulator. You said: Hello"
        assert any(isinstance(one, ErrorInfo) for one in seen)


async def test_frames_are_held_back():
    times: list[float] = []
    for delay in (0, 50):
        async with talk(faults=Faults(delay_ms=delay), provider=MockProvider) as (_, client):
            await client.connect()
            events = client.events()
            await client.send_text("Hello")
            await client.create_response()
            began = ended = 0.0
            async for event in events:
                began = began or event.timestamp
                ended = event.timestamp
                if isinstance(event.data, ResponseCompleted):
                    break
            times.append(ended - began)
    assert times[1] > times[0] + 0.3


async def test_replies_are_refused_for_their_rate():
    async with talk(faults=Faults(rate_limit_responses=1)) as (_, client):
        await client.connect()
        events = client.events()
        await client.send_text("Hello")
        await client.create_response()
        async for event in events:
            if isinstance(event.data, ErrorInfo):
                assert event.data.code == "rate_limit_exceeded"
                break


async def test_a_stopping_service_says_goodbye():
    async with talk() as (service, client):
        await client.connect()
        await service.stop()
        assert service.connections[0].ended == Close(1001, "the simulator stops")


def test_a_vendor_that_there_is_none_of_is_named():
    with pytest.raises(MessageError, match="use one of openai"):
        vendor("nobody")


async def test_a_history_of_days_is_restored_at_once_and_none_of_it_is_told_as_new():
    """So many items are neither too many messages nor forgotten before their echoes come."""
    said = tuple(MessageItem("user", (TextPart(str(number)),)) for number in range(5_000))
    async with talk() as (service, client):
        await client.send_message(MessageType.SESSION_CREATE, SessionCreate(history=said))
        events = client.events()
        await client.connect()
        await client.send_text("Hello")
        await client.create_response()
        seen = await until_done(events)
        assert service.connections[0].ended is None
    assert [data.role for data in seen if isinstance(data, ItemAdded)] == ["user", "assistant"]
