"""Conversations with the simulated service: in virtual time over memory, cut at every message, and over a real socket."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from live_script import Script, counted_ids

from voicechatengine import (
    AudioFormat,
    AuthenticationError,
    ConnectionError,
    OpenAILiveConfig,
    OpenAILiveProvider,
    ProviderEvent,
    Retry,
    Tool,
    VoiceEngine,
)
from voicechatengine.audio.tone import tone
from voicechatengine.engine.io import MemorySource, VirtualSpeaker
from voicechatengine.events import AudioChunk, ResponseCompleted, ResponseStarted, TextChunk
from voicechatengine.messages import MessageItem, MessageType, SessionCreate, TextPart
from voicechatengine.providers.mock import MockReply
from voicechatengine.providers.openai_live.encode import DELEGATE_TOOL
from voicechatengine.providers.openai_live.server import OpenAILiveServer
from voicechatengine.session.dialect import Frame
from voicechatengine.session.grammar import Grammar
from voicechatengine.simulators import Faults, Simulator, memory_connector, simulator
from voicechatengine.simulators.responder import responder
from voicechatengine.simulators.vendors import vendor

PCM = AudioFormat()
SPEECH = PCM.silence(300) + tone(PCM, 700) + PCM.silence(1500)
WEATHER = Tool(
    "get_weather", "", {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
)


async def inline(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


@asynccontextmanager
async def service(
    *script: MockReply, faults: Faults | None = None, transcripts: tuple[str, ...] = (), **config: Any
) -> AsyncIterator[tuple[OpenAILiveProvider, Simulator]]:
    loop = asyncio.get_running_loop()

    def clock() -> float:
        return 1.75e9 + loop.time()

    sim = Simulator(
        vendor("openai-live"),
        provider=lambda: responder("OpenAI Live", script=script, transcripts=transcripts),
        faults=faults,
        clock=clock,
        seed=1,
    )
    given_config = OpenAILiveConfig(api_key="k", url="ws://simulated", **config)
    provider = OpenAILiveProvider(
        given_config, connector=memory_connector(sim), clock=clock, rng=random.Random(2)
    )
    try:
        yield provider, sim
    finally:
        await provider.disconnect()
        await sim.stop()


async def say(provider: OpenAILiveProvider, sound: bytes = SPEECH) -> None:
    for start in range(0, len(sound), PCM.frame_bytes):
        await provider.send_audio(sound[start : start + PCM.frame_bytes])
        await asyncio.sleep(PCM.frame_ms / 1000)


def kinds(sim: Simulator) -> list[str]:
    """What the client sent, each run of a kind once, silence and audio left out."""
    names = [frame["type"] for frame in sim.received if frame["type"] != "session.input_audio.append"]
    return [name for name, _ in itertools.groupby(names)]


# ------------------------------------------------------------------ the engine over the provider


async def test_a_written_turn_is_answered_in_speech():
    async with service() as (provider, sim), VoiceEngine(provider) as engine:
        reply = await engine.ask("Hello there")
        assert reply.text == "I am the OpenAI Live simulator. You said: Hello there"
        assert reply.audio_ms > 2_000
        again = await engine.ask("And again")
        assert again.text.endswith("You said: And again")
        assert [item.text for item in engine.history if isinstance(item, MessageItem)] == [
            "Hello there",
            reply.text,
            "And again",
            again.text,
        ]
    assert kinds(sim) == ["session.start"] + ["session.thinking.append", "session.instructions.append"] * 2


async def test_the_assistant_says_what_it_is_told():
    async with service(MockReply("Good morning.")) as (provider, sim), VoiceEngine(provider) as engine:
        assert (await engine.say("Good morning.")).text == "Good morning."
    assert "Good morning." in sim.received[1]["content"]


async def test_a_spoken_turn_is_answered_and_kept_in_its_order():
    async with service(transcripts=("What time is it?",)) as (provider, _), VoiceEngine(provider) as engine:
        events: list[str] = []
        engine.on_event("*", lambda event: events.append(event.type))
        await say(provider)
        await asyncio.sleep(8)
        assert [(item.role, item.text) for item in engine.history if isinstance(item, MessageItem)] == [
            ("user", "What time is it?"),
            (
                "assistant",
                "I am the OpenAI Live simulator. I heard 0.7 seconds of speech. You said: What time is it?",
            ),
        ]
        turn = [name for name, _ in itertools.groupby(events) if name not in ("state_changed", "usage")]
        assert turn[:8] == [
            "speech_started",
            "input_transcript",
            "speech_stopped",
            "item_added",
            "input_transcript",
            "response_started",
            "item_added",
            "text_chunk",
        ]


async def test_a_conversation_from_a_source_to_a_sink_in_which_the_user_speaks_over_a_reply():
    """The model falls silent by itself; the reply that it broke off is whole as far as it came."""
    sound = PCM.silence(500) + tone(PCM, 800) + PCM.silence(2500) + tone(PCM, 800) + PCM.silence(500)
    heard = bytearray()
    async with (
        service(transcripts=("One", "Two")) as (provider, _),
        VoiceEngine(provider, barge_in=False) as engine,
    ):
        metrics = await engine.run(MemorySource(sound, PCM), VirtualSpeaker(PCM, heard.extend))
        assert [turn.status for turn in metrics.turns] == ["completed", "completed"]
        said = [item.text for item in engine.history if isinstance(item, MessageItem)]
        assert said[0::2] == ["One", "Two"]
        assert said[1] != said[3]
        assert said[3].endswith("You said: Two")
        assert PCM.duration_ms(len(heard)) == pytest.approx(metrics.audio_out_s * 1000)


async def test_tools_are_called_through_the_backend():
    def get_weather(city: str) -> str:
        """The weather of a city."""
        return f"foggy in {city}"

    async with (
        service() as (provider, sim),
        VoiceEngine(provider, tools=[get_weather], run_sync=inline) as engine,
    ):
        reply = await engine.ask("What is the weather in Oslo?")
        assert reply.text.endswith("The tool says: foggy in Oslo")
        assert [call.name for call in reply.tool_calls] == ["get_weather"]
        assert [type(item).__name__ for item in engine.history] == [
            "MessageItem",
            "ToolCallItem",
            "ToolResultItem",
            "MessageItem",
        ]
    assert kinds(sim)[-2:] == ["response.item.create", "response.create"]
    assert kinds(sim).count("response.create") == 1


async def test_delegated_work_is_a_tool_of_the_application():
    def delegate(request: str) -> str:
        """Does what is asked for."""
        return f"done: {request}"

    async with (
        service(transcripts=("Please delegate this.",)) as (provider, sim),
        VoiceEngine(provider, tools=[delegate], run_sync=inline) as engine,
    ):
        await say(provider)
        await asyncio.sleep(10)
        (said,) = [
            item.text for item in engine.history if isinstance(item, MessageItem) and item.role == "assistant"
        ]
        assert said.endswith("The tool says: done: Please delegate this.")
    assert kinds(sim)[-1] == "session.commentary.append"


async def test_an_interrupted_reply_is_silent_at_once_and_the_next_one_is_heard():
    long = MockReply(" ".join(["word"] * 40), pace=5)
    async with service(long, MockReply("Short.")) as (provider, _), VoiceEngine(provider) as engine:
        asking = asyncio.create_task(engine.ask("Tell me a story"))
        await asyncio.sleep(2)
        await engine.interrupt()
        reply = await asking
        assert reply.status == "interrupted"
        assert 1_000 < reply.audio_ms < 2_200
        assert (await engine.ask("Something short")).text == "Short."


async def test_a_session_that_expires_is_handed_over_with_what_was_said():
    async with (
        service(faults=Faults(expire_after_s=65, connections=1)) as (provider, sim),
        VoiceEngine(provider) as engine,
    ):
        await engine.ask("My name is Ada")
        told: list[ProviderEvent] = []
        engine.on_event("reconnected", told.append)
        await asyncio.sleep(70)
        assert [(event.data["state_restored"], event.data["missing"]) for event in told] == [(True, ())]
        (restored,) = [
            frame["session"]["input"] for frame in sim.connections[1].received if "session" in frame
        ]
        assert [message["role"] for message in restored] == ["user", "assistant"]
        assert restored[0]["content"][0]["text"] == "My name is Ada"
        assert (await engine.ask("Still there?")).text.endswith("Still there?")


async def test_a_session_begins_with_a_history():
    async with service() as (provider, sim):
        history = (MessageItem("user", (TextPart("Hi"),)), MessageItem("system", (TextPart("Be kind."),)))
        await provider.send_message(MessageType.SESSION_CREATE, SessionCreate(history=history))
        await provider.connect()
        roles = [message["role"] for message in sim.received[0]["session"]["input"]]
        assert roles == ["user", "developer"]


async def test_a_session_that_is_refused_is_a_connection_error_with_the_vendors_words():
    async with service(model="gpt-9") as (provider, _):
        with pytest.raises(ConnectionError) as refused:
            await provider.connect()
        assert refused.value.code == "model_not_found"
        assert "gpt-9" in str(refused.value)


async def test_an_unknown_voice_is_refused_by_the_service_and_told_with_its_place():
    async with service(voice="nobody") as (provider, _):
        with pytest.raises(ConnectionError, match="nobody") as refused:
            await provider.connect()
        assert refused.value.code == "invalid_value"


async def test_a_wrong_key_is_told_as_such_and_not_shown():
    simulated = Simulator(vendor("openai-live"), api_key="sk-the-right-one-0001")
    config = OpenAILiveConfig(api_key="sk-the-wrong-one-0001", url="ws://simulated")
    provider = OpenAILiveProvider(config, connector=memory_connector(simulated))
    with pytest.raises(AuthenticationError) as refused:
        await provider.connect()
    assert refused.value.code == "invalid_api_key"
    assert "wrong-one" not in str(refused.value)


async def test_the_microphone_is_muted():
    async with (
        service(transcripts=("Nobody hears this",)) as (provider, sim),
        VoiceEngine(provider) as engine,
    ):
        await provider.update_session(vendor={"muted": True})
        await say(provider)
        assert engine.history == ()
        await provider.update_session(vendor={"muted": False})
        await say(provider)
        assert [item.role for item in engine.history if isinstance(item, MessageItem)][:1] == ["user"]
    assert kinds(sim) == ["session.start", "session.input_audio.mute", "session.input_audio.unmute"]


# ------------------------------------------------------------------ cut at every message


class Conversation:
    """A text turn, a spoken turn and a tool round, by an application that asks again where it is told that it must."""

    def __init__(self, provider: OpenAILiveProvider) -> None:
        self.provider = provider
        self.events: list[ProviderEvent] = []
        self._reading = provider.events()

    async def hold(self) -> None:
        await self.provider.connect()
        await self.provider.send_text("Hello")
        await self._answered(self.provider.create_response)
        await self._answered(lambda: say(self.provider))
        await self.provider.send_text("What is the weather in Oslo?")
        await self._answered(self.provider.create_response)

    async def _answered(self, ask: Callable[[], Any]) -> None:
        await ask()
        async with asyncio.timeout(300):
            async for event in self._reading:
                self.events.append(event)
                data = event.data
                if event.type == "tool_call":
                    result = {"call_id": data["call_id"], "output": "12 degrees"}
                    await self.provider.send_message(MessageType.TOOL_RESULT, result)
                    await self.provider.create_response()
                elif event.type == "response_completed" and data["status"] == "failed":
                    await self.provider.create_response()
                elif event.type == "reconnected" and any("reply" in what for what in data["missing"]):
                    await ask()
                elif (
                    event.type == "response_completed"
                    and data["status"] == "completed"
                    and not data["tool_calls"]
                ):
                    return
        raise ConnectionError("the session ended")


@pytest.mark.parametrize("direction", ["drop_after_sent", "drop_after_received"])
@pytest.mark.parametrize("after", [*range(1, 12), 20, 40, 60, 62, 64, 66, 80, 120, 150])
async def test_a_conversation_goes_on_wherever_it_is_cut(direction: str, after: int):
    faults = Faults(**{direction: after}, connections=1)
    async with service(faults=faults, tools=(WEATHER,)) as (provider, sim):
        conversation = Conversation(provider)
        failed = False
        try:
            await conversation.hold()
        except ConnectionError:
            failed = True
        await provider.disconnect()
        grammar = Grammar()
        assert [wrong for event in conversation.events if (wrong := grammar.check(event.data))] == []
        assert [event.data for event in conversation.events if event.type == "error"] == []
        if failed:  # only the first connection may fail: nobody has promised a session yet
            assert not any(event.type == "session_created" for event in conversation.events)
        for connection in sim.connections:
            frames = connection.received
            assert frames[0]["type"] == "session.start"
            starts = Counter(frame["type"] for frame in frames)
            assert starts["session.start"] == 1
            outputs = Counter(f["item"]["call_id"] for f in frames if f["type"] == "response.item.create")
            assert max(outputs.values(), default=1) == 1


async def test_it_gives_up_when_the_service_is_gone():
    retry = Retry(attempts=2, base=0.1)
    async with service(faults=Faults(drop_after_received=1), retry=retry) as (provider, _):
        with pytest.raises(ConnectionError):
            await provider.connect()


async def test_a_delegation_of_a_lost_session_is_answered_in_the_next_one():
    async with service(transcripts=("Please delegate this",), tools=(DELEGATE_TOOL,)) as (provider, sim):
        reading = provider.events()
        await provider.connect()
        await say(provider)
        call_id = ""
        async for event in reading:
            if event.type == "tool_call":
                call_id = event.data["call_id"]
                sim.cut()
            elif event.type == "reconnected":
                break
        await provider.send_message(MessageType.TOOL_RESULT, {"call_id": call_id, "output": "It is done."})
        async with asyncio.timeout(20):
            async for event in reading:
                if event.type == "response_completed":
                    break
        (told,) = [f for f in sim.connections[1].received if f["type"] == "session.commentary.append"]
        assert (told["content"], told["delegation_id"]) == ("It is done.", None)


# ------------------------------------------------------------------ the round trip

SOUND = st.integers(1, 6).map(lambda tenths: tone(PCM, tenths * 80))
TOLD = st.lists(st.one_of(st.sampled_from(["Yes,", " and", " no."]), SOUND), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(st.lists(TOLD, min_size=1, max_size=3))
def test_what_the_service_says_is_read_as_the_same_meaning(replies: list[list[Any]]):
    """Each reply of a provider comes out as one with the same words and the same sound, but for silence around it."""
    server, script = OpenAILiveServer(counted_ids()), Script()
    script.now = now = 1000.0
    server.receive('{"type":"session.start","session":{"model":"gpt-live-1"}}', now)
    events: list[Any] = []
    for number, parts in enumerate(replies):
        server.send(ResponseStarted(f"r{number}"), now)
        for part in parts:
            chunk = (
                TextChunk(part, True, f"r{number}")
                if isinstance(part, str)
                else AudioChunk(part, None, f"r{number}")
            )
            server.send(chunk, now)
        server.send(ResponseCompleted(f"r{number}"), now)
        end = now + 5
        while (due := server.deadline()) is not None and due <= end:
            now = script.now = due
            for frame in server.expired(due):
                assert isinstance(frame, Frame)
                events += script.raw(frame.data).events
            events += script.waits(0).events
    told = [event.response_id for event in events if isinstance(event, ResponseStarted)]
    assert (
        len(told) == len([event for event in events if isinstance(event, ResponseCompleted)]) == len(replies)
    )
    for response_id, parts in zip(told, replies, strict=True):
        mine = [event for event in events if getattr(event, "response_id", None) == response_id]
        words = "".join(event.text for event in mine if isinstance(event, TextChunk))
        sound = b"".join(event.audio for event in mine if isinstance(event, AudioChunk))
        assert words == "".join(part for part in parts if isinstance(part, str))
        assert sound.startswith(b"".join(part for part in parts if isinstance(part, bytes)))


# ------------------------------------------------------------------ over a real socket


@pytest.mark.realtime
async def test_a_conversation_over_a_socket():
    async with simulator("openai-live", provider=lambda: responder("s", script=[MockReply("Yes.")])) as sim:
        provider = OpenAILiveProvider(OpenAILiveConfig(api_key="k", url=sim.url))
        async with VoiceEngine(provider) as engine:
            assert (await engine.ask("Are you there?")).text == "Yes."
        assert (await sim.connections[0].closed()).code == 1000
