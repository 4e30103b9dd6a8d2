"""The vendor's own package, unchanged, holds a live conversation with the simulator over a real socket."""

from __future__ import annotations

import audioop
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, get_args

import pytest
from openai import AsyncOpenAI
from openai.types.live.server_event import ServerEvent
from websockets.exceptions import ConnectionClosed, InvalidStatus

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.providers.mock import MockCall, MockConfig, MockProvider, MockReply
from voicechatengine.simulators import Faults, Simulator, simulator

pytestmark = pytest.mark.realtime

KINDS = get_args(get_args(ServerEvent)[0])
TOOL = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}
RESPONSES = {"type": "responses", "responses": {"model": "gpt-x", "tools": [TOOL]}}
PCM = AudioFormat()


class Client:
    """The package's connection, with each event checked: it is of the package's own types, and it validates."""

    def __init__(self, connection: Any) -> None:
        self.connection: Any = connection

    async def until(self, kind: str) -> list[Any]:
        seen: list[Any] = []
        while not seen or seen[-1].type != kind:
            event = await self.connection.recv()
            assert isinstance(event, KINDS)
            type(event).model_validate(event.to_dict())
            seen.append(event)
        return seen

    async def last(self, kind: str) -> Any:
        return (await self.until(kind))[-1]


@asynccontextmanager
async def talk(
    *script: MockReply, faults: Faults | None = None, **session: Any
) -> AsyncIterator[tuple[Simulator, Client]]:
    def behind() -> MockProvider:
        return MockProvider(MockConfig(script=script, transcripts=["What time is it?"]))

    async with (
        simulator("openai-live", provider=behind, faults=faults) as sim,
        AsyncOpenAI(api_key="sk-test", websocket_base_url=sim.url.removesuffix("/live/sessions")) as package,
        package.live.connect() as connection,
    ):
        await connection.session.start(session={"model": "gpt-live-1", **session}, event_id="start")
        client = Client(connection)
        started = await client.last("session.started")
        assert started.client_event_id == "start"
        yield sim, client


async def test_context_is_added_and_the_model_greets():
    async with talk(MockReply("Hi."), instructions="Be kind.") as (sim, client):
        session = client.connection.session
        await session.thinking.append(content="The caller is Ada.", delegation_id=None, event_id="mine")
        assert (await client.last("session.thinking.appended")).client_event_id == "mine"
        await session.instructions.append(content="Greet the caller.", delegation_id=None)
        seen = await client.until("session.output_transcript.delta")
        assert seen[-1].delta == "Hi."
        assert seen[-1].end_ms > seen[-1].start_ms
        audio = base64.b64decode((await client.last("session.output_audio.delta")).delta)
        assert audioop.rms(audio, 2) > 500
        assert [frame["type"] for frame in sim.received] == [
            "session.start",
            "session.thinking.append",
            "session.instructions.append",
        ]


async def test_speech_is_heard_transcribed_and_answered():
    async with talk(MockReply("Noon.")) as (_, client):
        sound = PCM.silence(300) + tone(PCM, 700) + PCM.silence(700)
        await client.connection.session.input_audio.append(audio=base64.b64encode(sound).decode())
        heard = await client.last("session.input_transcript.delta")
        assert heard.delta == "What time is it?"
        assert (await client.last("session.output_transcript.delta")).delta == "Noon."


async def test_the_model_delegates_to_the_application():
    call = MockReply(calls=(MockCall(name="delegate", arguments={"request": "Book it."}),))
    async with talk(call, MockReply("Booked.")) as (_, client):
        session = client.connection.session
        await session.instructions.append(content="Ask for a table.", delegation_id=None)
        delegation = (await client.last("session.delegation.created")).delegation
        assert delegation.target == "client"
        await session.commentary.append(content="There is one.", delegation_id=delegation.id)
        await client.last("session.commentary.appended")
        assert (await client.last("session.output_transcript.delta")).delta == "Booked."


async def test_the_model_delegates_to_a_backend_with_tools():
    call = MockReply(calls=(MockCall(name="get_weather", arguments={}),))
    async with talk(call, MockReply("Fog."), delegation=RESPONSES) as (_, client):
        await client.connection.session.instructions.append(
            content="Say how the weather is.", delegation_id=None
        )
        assert (await client.last("session.delegation.created")).delegation.target == "responses"
        event: dict[str, Any] = {}
        while event.get("type") != "response.output_item.done":
            event = (await client.last("response.event")).event
        item = {"type": "function_call_output", "call_id": event["item"]["call_id"], "output": "foggy"}
        await client.connection.response.create()
        assert (await client.last("error")).error.code == "missing_tool_output"
        await client.connection.response.item.create(item=item)
        await client.connection.response.create()
        assert (await client.last("session.output_transcript.delta")).delta == "Fog."


async def test_an_error_does_not_end_the_session_and_muting_is_confirmed():
    async with talk() as (_, client):
        await client.connection.send(
            {"type": "session.update", "session": {"instructions": "Other."}, "event_id": "mine"}
        )
        error = (await client.last("error")).error
        assert (error.code, error.param, error.client_event_id) == (
            "unknown_parameter",
            "session.instructions",
            "mine",
        )
        await client.connection.session.input_audio.mute(event_id="m")
        assert (await client.last("session.input_audio.muted")).client_event_id == "m"
        await client.connection.session.input_audio.unmute()
        await client.last("session.input_audio.unmuted")


async def test_a_fixture_is_played():
    async with talk() as (_, client):
        sound = base64.b64encode(tone(PCM, 100)).decode()
        await client.connection.session.output_audio.fixture.play(audio=sound, event_id="f")
        await client.last("session.output_audio.fixture.playing")
        assert (await client.last("session.output_audio.fixture.played")).client_event_id == "f"


async def test_a_session_closes_on_request_with_its_reason_and_usage():
    async with talk() as (sim, client):
        await client.connection.session.close()
        closed = await client.last("session.closed")
        assert (closed.reason, closed.usage.seconds >= 0) == ("close_requested", True)
        with pytest.raises(ConnectionClosed):
            await client.connection.recv()
        assert (await sim.connections[0].closed()).code == 1000


async def test_a_session_that_expires_says_so():
    async with talk(faults=Faults(expire_after_s=0.2)) as (_, client):
        assert (await client.last("session.closed")).reason == "expired"


async def test_a_wrong_key_is_refused():
    async with (
        simulator("openai-live", api_key="sk-right") as sim,
        AsyncOpenAI(api_key="sk-wrong", websocket_base_url=sim.url.removesuffix("/live/sessions")) as package,
    ):
        with pytest.raises(InvalidStatus) as refused:
            async with package.live.connect():
                pass
        assert refused.value.response.status_code == 401
