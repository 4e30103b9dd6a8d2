"""The `openai` package, unchanged, holds conversations with the simulator of Azure OpenAI over a real socket, in both forms."""

from __future__ import annotations

import audioop
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, get_args

import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI
from openai.types.beta.realtime import RealtimeServerEvent as BetaEvent
from openai.types.realtime import RealtimeServerEvent as ReleasedEvent
from websockets.exceptions import InvalidStatus

from voicechatengine.simulators import Simulator, simulator
from voicechatengine.simulators.responder import responder

pytestmark = pytest.mark.realtime

DATED = "2025-04-01-preview"
TOKEN = "head.claims.signature"


class Client:
    """The package's connection, with each event checked: it is of these types, and it validates."""

    def __init__(self, connection: Any, union: Any) -> None:
        self.connection = connection
        self.kinds = get_args(get_args(union)[0])

    async def until(self, kind: str) -> list[Any]:
        seen: list[Any] = []
        while not seen or seen[-1].type != kind:
            event = await self.connection.recv()
            assert isinstance(event, self.kinds)
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


def base_of(sim: Simulator) -> str:
    return sim.url.removesuffix("/openai/v1/realtime")


@asynccontextmanager
async def served(**options: Any) -> AsyncIterator[Simulator]:
    provider = lambda: responder("Azure OpenAI", pace=0)  # noqa: E731 - one line says it
    async with simulator("azure", provider=provider, **options) as sim:
        yield sim


@asynccontextmanager
async def released() -> AsyncIterator[Client]:
    """With the package's usual client, as Azure's documents have it: the newer form and a token."""
    async with (
        served() as sim,
        AsyncOpenAI(api_key=TOKEN, websocket_base_url=f"{base_of(sim)}/openai/v1") as package,
        package.realtime.connect(model="voice") as connection,
    ):
        client = Client(connection, ReleasedEvent)
        await client.last("session.created")
        assert sim.connections[0].query == {"model": "voice"}
        yield client


@asynccontextmanager
async def dated(**auth: Any) -> AsyncIterator[Client]:
    """With the package's client for Azure: the dated form, with the beta's types."""
    async with (
        served(api_key="right") as sim,
        AsyncAzureOpenAI(
            azure_endpoint="https://mine.openai.azure.com",
            websocket_base_url=f"{base_of(sim)}/openai",
            api_version=DATED,
            **(auth or {"api_key": "right"}),
        ) as package,
        package.beta.realtime.connect(model="gpt-realtime") as connection,
    ):
        client = Client(connection, BetaEvent)
        await client.last("session.created")
        assert sim.connections[0].query == {"api-version": DATED, "deployment": "gpt-realtime"}
        yield client


def words(seen: list[Any], kind: str) -> str:
    return "".join(event.delta for event in seen if event.type == kind)


async def test_the_newer_form_speaks_openais_wire():
    async with released() as client:
        await client.write("Hello there")
        seen = await client.until("response.done")
        said = words(seen, "response.output_audio_transcript.delta")
        assert said == "I am the Azure OpenAI simulator. You said: Hello there"


async def test_the_dated_form_speaks_the_beta():
    async with dated() as client:
        await client.connection.session.update(
            session={
                "instructions": "Be brief.",
                "modalities": ["text", "audio"],
                "voice": "echo",
                "input_audio_format": "g711_ulaw",
                "turn_detection": {"type": "semantic_vad", "eagerness": "high"},
                "input_audio_transcription": {"model": "scribe"},
                "max_response_output_tokens": 100,
                "temperature": 0.8,
            }
        )
        session = (await client.last("session.updated")).session
        assert (session.instructions, session.voice, session.input_audio_format) == (
            "Be brief.",
            "echo",
            "g711_ulaw",
        )
        assert (session.turn_detection.eagerness, session.temperature) == ("high", 0.8)
        assert session.max_response_output_tokens == 100
        await client.write("Hello there")
        seen = await client.until("response.done")
        said = words(seen, "response.audio_transcript.delta")
        assert said == "I am the Azure OpenAI simulator. You said: Hello there"
        audio = b"".join(base64.b64decode(e.delta) for e in seen if e.type == "response.audio.delta")
        assert audioop.rms(audio, 2) > 500
        done = seen[-1].response
        assert (done.status, done.modalities, done.voice) == ("completed", ["text", "audio"], "echo")
        assert [part.type for part in done.output[0].content] == ["audio"]
        assert "conversation.item.created" in [event.type for event in seen]


async def test_a_written_reply_and_a_history_in_the_betas_words():
    async with dated() as client:
        await client.connection.conversation.item.create(
            item={"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hi."}]}
        )
        created = await client.last("conversation.item.created")
        assert created.item.content[0].type == "text"
        await client.connection.response.create(
            response={"modalities": ["text"], "max_response_output_tokens": 9}
        )
        seen = await client.until("response.done")
        assert words(seen, "response.text.delta") == "I am the Azure OpenAI simulator."
        assert seen[-1].response.max_output_tokens == 9


async def test_a_mistake_is_named_where_the_beta_has_it():
    async with dated() as client:
        for session, param in (
            ({"input_audio_format": "mp3"}, "session.input_audio_format"),
            ({"turn_detection": {"type": "server_vad", "threshold": 7}}, "session.turn_detection.threshold"),
            ({"voice": "nobody"}, "session.voice"),
            ({"output_modalities": ["text"], "color": 1}, "session.color"),
        ):
            await client.connection.session.update(session=session)
            assert (await client.last("error")).error.param == param


async def test_a_token_opens_the_dated_form_too():
    async def token() -> str:
        return TOKEN

    async with dated(azure_ad_token_provider=token) as client:
        await client.write("Hello")
        assert (await client.last("response.done")).response.status == "completed"


@pytest.mark.parametrize(("key", "model", "status"), [("wrong", "voice", 401), ("right", "invalid", 404)])
async def test_a_wrong_key_and_an_unknown_deployment_are_refused(key: str, model: str, status: int):
    async with (
        served(api_key="right") as sim,
        AsyncAzureOpenAI(
            azure_endpoint="https://mine.openai.azure.com",
            websocket_base_url=f"{base_of(sim)}/openai",
            api_version=DATED,
            api_key=key,
        ) as package,
    ):
        with pytest.raises(InvalidStatus) as refused:
            async with package.beta.realtime.connect(model=model):
                pass
        assert refused.value.response.status_code == status
