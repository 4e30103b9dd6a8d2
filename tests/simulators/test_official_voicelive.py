"""The vendor's own package, unchanged, holds a conversation with the simulator of Voice Live over a real socket."""

from __future__ import annotations

import audioop
import base64
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from azure.ai.voicelive import models
from azure.ai.voicelive.aio import ConnectionClosed, VoiceLiveConnection, connect
from azure.ai.voicelive.aio import ConnectionError as Refused
from azure.core.credentials import AccessToken, AzureKeyCredential

from voicechatengine.simulators import Faults, Simulator, simulator
from voicechatengine.simulators.responder import responder

pytestmark = pytest.mark.realtime

WEATHER = models.FunctionTool(
    name="get_weather",
    description="The weather of a city",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


class Entra:
    """A credential of the package's asynchronous kind."""

    def __init__(self) -> None:
        self.scopes: tuple[str, ...] = ()

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.scopes = scopes
        return AccessToken("head.claims.signature", 2**32)

    async def close(self) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...


class Client:
    """The package's connection; each event is of the package's own types."""

    def __init__(self, connection: VoiceLiveConnection) -> None:
        self.connection = connection

    async def until(self, kind: str) -> list[Any]:
        seen: list[Any] = []
        while not seen or seen[-1].type != kind:
            event = await self.connection.recv()
            assert type(event) is not models.ServerEvent, event
            seen.append(event)
        return seen

    async def last(self, kind: str) -> Any:
        return (await self.until(kind))[-1]

    async def write(self, text: str) -> None:
        await self.connection.conversation.item.create(
            item=models.UserMessageItem(content=[models.InputTextContentPart(text=text)])
        )
        await self.connection.response.create()

    async def speak(self, file: Path, rate: int = 24_000) -> None:
        """A 16 kHz file, as fast as it goes."""
        with wave.open(str(file)) as audio:
            pcm, _ = audioop.ratecv(audio.readframes(audio.getnframes()), 2, 1, 16_000, rate, None)
        for start in range(0, len(pcm), 4_800):
            piece = base64.b64encode(pcm[start : start + 4_800]).decode()
            await self.connection.input_audio_buffer.append(audio=piece)


@asynccontextmanager
async def talk(pace: float = 0, **options: Any) -> AsyncIterator[tuple[Simulator, Client]]:
    async with (
        simulator("voicelive", provider=lambda: responder("Voice Live", pace=pace), **options) as sim,
        connect(
            credential=AzureKeyCredential("key"),
            endpoint=sim.url.removesuffix("/voice-live/realtime"),
            model="gpt-realtime",
        ) as connection,
    ):
        client = Client(connection)
        await client.last("session.created")
        yield sim, client


def words(seen: list[Any]) -> str:
    return "".join(event.delta for event in seen if event.type == "response.audio_transcript.delta")


async def test_a_session_is_updated_with_all_that_the_package_can_say():
    async with talk() as (sim, client):
        session = models.RequestSession(
            modalities=[models.Modality.TEXT, models.Modality.AUDIO],
            instructions="Be brief.",
            voice=models.AzureStandardVoice(name="en-US-AvaNeural", rate="1.1"),
            input_audio_format=models.InputAudioFormat.PCM16,
            input_audio_sampling_rate=16_000,
            output_audio_format=models.OutputAudioFormat.PCM16_16000_HZ,
            turn_detection=models.AzureSemanticVadMultilingual(
                silence_duration_ms=300,
                auto_truncate=True,
                end_of_utterance_detection=models.AzureSemanticDetectionMultilingual(threshold_level="low"),
            ),
            input_audio_noise_reduction=models.AudioNoiseReduction(type="azure_deep_noise_suppression"),
            input_audio_echo_cancellation=models.AudioEchoCancellation(),
            input_audio_transcription=models.AudioInputTranscriptionOptions(
                model="azure-speech", phrase_list=["Ada"]
            ),
            output_audio_timestamp_types=[models.AudioTimestampType.WORD],
            animation=models.Animation(outputs=[models.AnimationOutputType.VISEME_ID]),
            interim_response=models.LlmInterimResponseConfig(triggers=["latency"], latency_threshold_ms=900),
            temperature=0.6,
            max_response_output_tokens=99,
        )
        await client.connection.session.update(session=session)
        told = (await client.last("session.updated")).session
        assert (
            told.as_dict().items()
            >= {
                name: value
                for name, value in session.as_dict().items()
                if name not in ("turn_detection", "input_audio_transcription", "modalities")
            }.items()
        )
        assert isinstance(told.turn_detection, models.AzureSemanticVadMultilingual)
        assert told.turn_detection.auto_truncate is True
        assert told.input_audio_transcription.phrase_list == ["Ada"]
        query = sim.connections[0].query
        assert (query["model"], query["api-version"]) == ("gpt-realtime", "2026-07-15")


async def test_a_written_turn_is_answered_in_speech():
    async with talk() as (_, client):
        await client.write("Hello there")
        seen = await client.until("response.done")
        assert words(seen) == "I am the Voice Live simulator. You said: Hello there"
        audio = b"".join(event.delta for event in seen if event.type == "response.audio.delta")
        assert len(audio) > 48_000
        assert audioop.rms(audio, 2) > 500
        done = seen[-1].response
        assert (done.status, done.voice) == ("completed", {"type": "openai", "name": "alloy"})
        assert done.usage.total_tokens > 0
        assert [part.type for part in done.output[0].content] == ["audio"]


async def test_a_spoken_turn_is_found_transcribed_and_answered(shared: Path):
    async with talk() as (_, client):
        await client.connection.session.update(
            session=models.RequestSession(
                input_audio_sampling_rate=16_000,
                turn_detection=models.AzureSemanticVad(silence_duration_ms=500),
                input_audio_transcription=models.AudioInputTranscriptionOptions(model="azure-speech"),
            )
        )
        await client.last("session.updated")
        await client.speak(shared / "speech" / "what_time_is_it_16k.wav", 16_000)
        seen = await client.until("response.done")
        kinds = [event.type for event in seen]
        assert kinds[:4] == [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.created",
        ]
        assert seen[0].audio_start_ms == pytest.approx(200, abs=150)
        transcript = next(e for e in seen if e.type.endswith("transcription.completed"))
        assert (transcript.transcript, transcript.get("usage")) == ("(speech, 1.0 s)", None)
        assert words(seen) == "I am the Voice Live simulator. I heard 1.0 seconds of speech."


async def test_a_tool_is_called_and_its_result_spoken():
    async with talk() as (_, client):
        await client.connection.session.update(session=models.RequestSession(tools=[WEATHER]))
        await client.write("What is the weather in London?")
        call = await client.last("response.function_call_arguments.done")
        assert (call.name, call.arguments) == ("get_weather", '{"city": "London"}')
        done = await client.last("response.done")
        assert [item.type for item in done.response.output] == ["function_call"]
        await client.connection.conversation.item.create(
            item=models.FunctionCallOutputItem(call_id=call.call_id, output="foggy")
        )
        await client.connection.response.create()
        said = words(await client.until("response.done"))
        assert said == "I am the Voice Live simulator. The tool says: foggy"


async def test_a_reply_is_cancelled_and_cut_to_what_was_heard():
    async with talk(pace=1) as (_, client):
        await client.write("Tell me something very long, please. " * 10)
        heard = await client.last("response.audio.delta")
        await client.connection.response.cancel()
        done = (await client.last("response.done")).response
        assert (done.status, done.status_details.reason) == ("cancelled", "client_cancelled")
        item = client.connection.conversation.item
        await item.truncate(item_id=heard.item_id, content_index=0, audio_end_ms=50)
        assert (await client.last("conversation.item.truncated")).audio_end_ms == 50
        await item.truncate(item_id=heard.item_id, content_index=0, audio_end_ms=60_000)
        error = (await client.last("error")).error
        assert error.message == "Audio content of 50ms is already shorter than 60000ms"
        await item.retrieve(item_id=heard.item_id)
        assert (await client.last("conversation.item.retrieved")).item.status == "incomplete"
        await item.delete(item_id=heard.item_id)
        await client.last("conversation.item.deleted")


async def test_a_reply_can_be_written_and_be_beside_the_conversation():
    async with talk() as (_, client):
        await client.connection.response.create(
            response=models.ResponseCreateParams(
                commit=False,
                modalities=[models.Modality.TEXT],
                max_output_tokens=50,
                input_items=[models.AssistantMessageItem(content=[models.OutputTextContentPart(text="Hi")])],
                metadata={"topic": "greeting"},
            )
        )
        done = (await client.last("response.done")).response
        assert (done.conversation_id, done.metadata, done.max_output_tokens) == (
            None,
            {"topic": "greeting"},
            50,
        )
        assert done.output[0].content[0].text == "I am the Voice Live simulator."


async def test_an_error_does_not_end_the_session():
    async with talk() as (_, client):
        await client.connection.response.cancel(event_id="mine")
        error = (await client.last("error")).error
        assert (error.code, error.event_id) == ("response_cancel_not_active", "mine")
        await client.connection.session.update(session={"voice": {"type": "azure-standard", "name": "Ava"}})
        error = (await client.last("error")).error
        assert (error.code, error.param) == ("invalid_value", "session.voice.name")
        await client.write("Still there?")
        assert (await client.last("response.done")).response.status == "completed"


async def test_a_session_that_expires_is_closed_by_the_service():
    async with talk(faults=Faults(expire_after_s=0.05)) as (_, client):
        assert (await client.last("error")).error.code == "session_expired"
        with pytest.raises(ConnectionClosed):
            await client.connection.recv()


async def test_an_agent_is_reached_with_a_token():
    entra = Entra()
    async with (
        simulator("voicelive", api_key="right") as sim,
        connect(
            credential=entra,
            endpoint=sim.url.removesuffix("/voice-live/realtime"),
            agent_name="helper",
            project_name="mine",
            conversation_id="thread",
        ) as connection,
    ):
        await Client(connection).last("session.created")
        query = sim.connections[0].query
        assert (query["agent-name"], query["agent-project-name"], query["conversation-id"]) == (
            "helper",
            "mine",
            "thread",
        )
        assert "model" not in query
    assert entra.scopes == ("https://ai.azure.com/.default",)


async def test_a_wrong_key_is_refused():
    async with simulator("voicelive", api_key="right") as sim:
        with pytest.raises(Refused, match="401"):
            async with connect(
                credential=AzureKeyCredential("wrong"),
                endpoint=sim.url.removesuffix("/voice-live/realtime"),
                model="gpt-realtime",
            ):
                pass
