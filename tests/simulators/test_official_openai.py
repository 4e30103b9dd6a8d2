"""The vendor's own package, unchanged, holds a conversation with the simulator over a real socket."""

from __future__ import annotations

import audioop
import base64
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, get_args

import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from websockets.exceptions import ConnectionClosed, InvalidStatus

from voicechatengine.simulators import Faults, Simulator, simulator
from voicechatengine.simulators.responder import responder

pytestmark = pytest.mark.realtime

KINDS = get_args(get_args(RealtimeServerEvent)[0])
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


class Client:
    """The package's connection, with each event checked: it is of the package's own types, and it validates."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
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

    async def write(self, text: str) -> None:
        await self.connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        )
        await self.connection.response.create()

    async def speak(self, file: Path) -> None:
        """A 16 kHz file, as fast as it goes."""
        with wave.open(str(file)) as audio:
            pcm, _ = audioop.ratecv(audio.readframes(audio.getnframes()), 2, 1, 16_000, 24_000, None)
        for start in range(0, len(pcm), 4_800):
            piece = base64.b64encode(pcm[start : start + 4_800]).decode()
            await self.connection.input_audio_buffer.append(audio=piece)


@asynccontextmanager
async def talk(pace: float = 0, **options: Any) -> AsyncIterator[tuple[Simulator, Client]]:
    async with (
        simulator("openai", provider=lambda: responder("OpenAI", pace=pace), **options) as sim,
        AsyncOpenAI(api_key="sk-test", websocket_base_url=sim.url.removesuffix("/realtime")) as package,
        package.realtime.connect(model="gpt-realtime") as connection,
    ):
        client = Client(connection)
        await client.last("session.created")
        yield sim, client


def words(seen: list[Any]) -> str:
    return "".join(event.delta for event in seen if event.type == "response.output_audio_transcript.delta")


async def test_a_session_is_updated():
    async with talk() as (sim, client):
        await client.connection.session.update(
            session={
                "type": "realtime",
                "instructions": "Be brief.",
                "audio": {"input": {"turn_detection": None}, "output": {"voice": "marin"}},
            }
        )
        session = (await client.last("session.updated")).session
        assert (session.instructions, session.audio.output.voice) == ("Be brief.", "marin")
        assert session.audio.input.turn_detection is None
        assert sim.received[0]["type"] == "session.update"


async def test_a_written_turn_is_answered_in_speech():
    async with talk() as (_, client):
        await client.write("Hello there")
        seen = await client.until("response.done")
        assert words(seen) == "I am the OpenAI simulator. You said: Hello there"
        audio = b"".join(base64.b64decode(e.delta) for e in seen if e.type == "response.output_audio.delta")
        assert len(audio) > 48_000
        assert audioop.rms(audio, 2) > 500
        assert seen[-1].response.status == "completed"
        assert seen[-1].response.usage.total_tokens > 0


async def test_a_spoken_turn_is_found_transcribed_and_answered(shared: Path):
    async with talk() as (_, client):
        await client.connection.session.update(
            session={
                "type": "realtime",
                "audio": {
                    "input": {
                        "transcription": {"model": "whisper-1"},
                        "turn_detection": {"type": "server_vad", "silence_duration_ms": 500},
                    }
                },
            }
        )
        await client.last("session.updated")
        await client.speak(shared / "speech" / "what_time_is_it_16k.wav")
        seen = await client.until("response.done")
        kinds = [event.type for event in seen]
        assert kinds[:5] == [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
        ]
        assert seen[0].audio_start_ms == pytest.approx(200, abs=150)
        transcript = next(e for e in seen if e.type.endswith("transcription.completed"))
        assert transcript.transcript == "(speech, 1.0 s)"
        assert transcript.item_id == seen[0].item_id
        assert words(seen) == "I am the OpenAI simulator. I heard 1.0 seconds of speech."


async def test_a_tool_is_called_and_its_result_spoken():
    async with talk() as (_, client):
        await client.connection.session.update(session={"type": "realtime", "tools": [WEATHER]})
        await client.write("What is the weather in London?")
        call = await client.last("response.function_call_arguments.done")
        assert (call.name, call.arguments) == ("get_weather", '{"city": "London"}')
        done = await client.last("response.done")
        assert [item.type for item in done.response.output] == ["function_call"]
        await client.connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": call.call_id, "output": "foggy"}
        )
        await client.connection.response.create()
        assert words(await client.until("response.done")) == "I am the OpenAI simulator. The tool says: foggy"


async def test_a_reply_is_cancelled_and_cut_to_what_was_heard():
    async with talk(pace=1) as (_, client):
        await client.write("Tell me something very long, please. " * 10)
        heard = await client.last("response.output_audio.delta")
        await client.connection.response.cancel()
        done = (await client.until("response.done"))[-1].response
        assert (done.status, done.status_details.reason) == ("cancelled", "client_cancelled")
        await client.connection.conversation.item.truncate(
            item_id=heard.item_id, content_index=0, audio_end_ms=50
        )
        assert (await client.last("conversation.item.truncated")).audio_end_ms == 50
        await client.connection.conversation.item.truncate(
            item_id=heard.item_id, content_index=0, audio_end_ms=60_000
        )
        error = (await client.last("error")).error
        assert error.message == "Audio content of 50ms is already shorter than 60000ms"
        await client.connection.conversation.item.retrieve(item_id=heard.item_id)
        assert (await client.last("conversation.item.retrieved")).item.status == "incomplete"
        await client.connection.conversation.item.delete(item_id=heard.item_id)
        await client.last("conversation.item.deleted")


async def test_an_error_does_not_end_the_session():
    async with talk() as (_, client):
        await client.connection.response.cancel(event_id="mine")
        error = (await client.last("error")).error
        assert (error.code, error.event_id) == ("response_cancel_not_active", "mine")
        await client.connection.input_audio_buffer.commit()
        assert (await client.last("error")).error.code == "input_audio_buffer_commit_empty"
        await client.connection.send(
            {"type": "session.update", "session": {"type": "realtime", "temperature": 1}}
        )
        assert (await client.last("error")).error.param == "session.temperature"
        await client.write("Still there?")
        assert (await client.last("response.done")).response.status == "completed"


async def test_a_client_that_closes_is_seen_to_close():
    async with talk() as (sim, client):
        await client.connection.close()
        with pytest.raises(ConnectionClosed):
            await client.connection.recv()
        assert (await sim.connections[0].closed()).code == 1000


async def test_a_session_that_expires_is_closed_by_the_service():
    async with talk(faults=Faults(expire_after_s=0.05)) as (_, client):
        assert (await client.last("error")).error.code == "session_expired"
        with pytest.raises(ConnectionClosed) as closed:
            await client.connection.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001


async def test_a_wrong_key_is_refused():
    async with (
        simulator("openai", api_key="sk-right") as sim,
        AsyncOpenAI(api_key="sk-wrong", websocket_base_url=sim.url.removesuffix("/realtime")) as package,
    ):
        with pytest.raises(InvalidStatus) as refused:
            async with package.realtime.connect(model="gpt-realtime"):
                pass
        assert refused.value.response.status_code == 401
