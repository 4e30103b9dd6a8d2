"""The vendor's own package, unchanged, holds a conversation with the simulator over a real socket.

It dials ``wss://`` whatever the base URL says, so a TLS server stands in front of the simulator here.
"""

from __future__ import annotations

import asyncio
import audioop
import contextlib
import datetime as dt
import ipaddress
import ssl
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google import genai
from google.genai import errors, types
from websockets.exceptions import InvalidStatus

from voicechatengine.simulators import Faults, Simulator, simulator
from voicechatengine.simulators.responder import responder

pytestmark = pytest.mark.realtime

MODEL = "gemini-3.8-live"
WEATHER = {
    "function_declarations": [
        {
            "name": "get_weather",
            "description": "The weather of a city",
            "parameters": {
                "type": "OBJECT",
                "properties": {"city": {"type": "STRING"}},
                "required": ["city"],
            },
        }
    ]
}
KEPT: list[genai.Client] = []  # a client that is forgotten while a loop runs starts a task to close itself
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(64)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A throw-away certificate for loopback, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "cert.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@asynccontextmanager
async def tls(certificate: Path, url: str) -> AsyncIterator[str]:
    """An address at which the server of `url` can be reached with TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    target = urlsplit(url)
    tasks: set[asyncio.Task[None]] = set()

    async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            sink.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        inner_reader, inner_writer = await asyncio.open_connection(target.hostname, target.port)
        await asyncio.gather(pipe(reader, inner_writer), pipe(inner_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.wait(tasks, timeout=5) if tasks else None


class Client:
    """The package's session."""

    def __init__(self, session: Any) -> None:
        self.session = session

    async def turn(self) -> list[types.LiveServerMessage]:
        """Every message up to the end of the model's turn; the package validates each."""
        return [message async for message in self.session.receive()]

    async def until(self, name: str) -> Any:
        """The next message that has this field: its value."""
        while True:
            message = await self.session._receive()
            value = getattr(message, name)
            if value is not None:
                return value

    async def write(self, text: str) -> None:
        await self.session.send_client_content(turns={"role": "user", "parts": [{"text": text}]})

    async def speak(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), 3_200):
            blob = types.Blob(data=pcm[start : start + 3_200], mime_type="audio/pcm;rate=16000")
            await self.session.send_realtime_input(audio=blob)


@asynccontextmanager
async def package(
    certificate: Path, url: str, key: str = "key-test", **options: Any
) -> AsyncIterator[genai.Client]:
    async with tls(certificate, url) as address:
        trust = ssl.create_default_context(cafile=str(certificate))
        http = types.HttpOptions(base_url=address, async_client_args={"ssl": trust}, **options)
        client = genai.Client(api_key=key, http_options=http)
        KEPT.append(client)
        yield client
        await client.aio.aclose()


@asynccontextmanager
async def talk(
    certificate: Path,
    config: dict[str, Any] | None = None,
    *,
    model: str = MODEL,
    pace: float = 0,
    **options: Any,
) -> AsyncIterator[tuple[Simulator, Client]]:
    given = {
        "response_modalities": ["AUDIO"],
        "output_audio_transcription": {},
        "input_audio_transcription": {},
    } | (config or {})
    async with (
        simulator("gemini", provider=lambda: responder("Gemini", pace=pace), **options) as sim,
        package(certificate, sim.url) as client,
        client.aio.live.connect(model=model, config=given) as session,
    ):
        yield sim, Client(session)


def words(seen: list[types.LiveServerMessage]) -> str:
    contents = [message.server_content for message in seen if message.server_content is not None]
    return "".join(c.output_transcription.text for c in contents if c.output_transcription is not None)


def question(shared: Path) -> bytes:
    with wave.open(str(shared / "speech" / "what_time_is_it_16k.wav")) as audio:
        return audio.readframes(audio.getnframes())


async def test_a_written_turn_is_answered_in_speech(certificate):
    async with talk(certificate) as (sim, client):
        assert client.session.session_id.startswith("session_")
        await client.write("Hello there")
        seen = await client.turn()
        assert words(seen) == "I am the Gemini simulator. You said: Hello there"
        audio = b"".join(message.data for message in seen if message.data)
        assert len(audio) > 48_000
        assert audioop.rms(audio, 2) > 500
        assert seen[-2].server_content.generation_complete
        assert seen[-1].server_content.turn_complete
        assert seen[-1].usage_metadata.total_token_count > 0
        assert sim.received[0]["setup"]["model"] == "models/gemini-3.8-live"


async def test_a_session_in_writing(certificate):
    async with talk(certificate, {"response_modalities": ["TEXT"]}) as (_, client):
        await client.write("Hello")
        seen = await client.turn()
        assert "".join(message.text or "" for message in seen) == "I am the Gemini simulator. You said: Hello"


async def test_a_spoken_turn_is_found_transcribed_and_answered(certificate, shared):
    async with talk(certificate) as (_, client):
        await client.speak(question(shared) + bytes(32_000))
        started = await client.until("voice_activity")
        assert started.voice_activity_type == types.VoiceActivityType.ACTIVITY_START
        assert float(started.audio_offset.removesuffix("s")) == pytest.approx(0.5, abs=0.15)
        assert (
            await client.until("voice_activity")
        ).voice_activity_type == types.VoiceActivityType.ACTIVITY_END
        seen = await client.turn()
        heard = [m.server_content.input_transcription for m in seen if m.server_content is not None]
        said = [each for each in heard if each is not None]
        assert ("".join(each.text for each in said), said[-1].finished) == ("(speech, 1.0 s)", True)
        assert words(seen) == "I am the Gemini simulator. I heard 1.0 seconds of speech."


async def test_a_turn_that_the_client_marks(certificate, shared):
    manual = {"realtime_input_config": {"automatic_activity_detection": {"disabled": True}}}
    async with talk(certificate, manual) as (_, client):
        await client.session.send_realtime_input(activity_start=types.ActivityStart())
        await client.speak(question(shared))
        await client.session.send_realtime_input(activity_end=types.ActivityEnd())
        assert words(await client.turn()).endswith("seconds of speech.")


async def test_a_microphone_that_is_switched_off_ends_the_turn(certificate, shared):
    async with talk(certificate) as (_, client):
        await client.speak(question(shared)[:32_000])
        await client.session.send_realtime_input(audio_stream_end=True)
        assert "seconds of speech" in words(await client.turn())


@pytest.mark.parametrize(
    "model", ["gemini-2.5-flash-native-audio-preview-12-2025", "gemini-3.1-flash-live-preview"]
)
async def test_a_tool_is_called_and_the_turn_goes_on_with_its_result(certificate, model):
    async with talk(certificate, {"tools": [WEATHER]}, model=model) as (_, client):
        await client.write("What is the weather in London?")
        (call,) = (await client.until("tool_call")).function_calls
        assert (call.name, call.args) == ("get_weather", {"city": "London"})
        await client.session.send_tool_response(
            function_responses=types.FunctionResponse(
                id=call.id, name=call.name, response={"output": "foggy"}
            )
        )
        assert words(await client.turn()) == "I am the Gemini simulator. The tool says: foggy"


async def test_a_tool_that_does_not_block_lets_the_turn_end_first(certificate):
    async with talk(certificate, {"tools": [WEATHER]}) as (_, client):
        await client.write("What is the weather in London?")
        seen = await client.turn()
        (call,) = next(message.tool_call for message in seen if message.tool_call is not None).function_calls
        await client.session.send_tool_response(
            function_responses=types.FunctionResponse(
                id=call.id, name=call.name, response={"output": "foggy"}, scheduling="WHEN_IDLE"
            )
        )
        assert words(await client.turn()) == "I am the Gemini simulator. The tool says: foggy"


async def test_a_picture_and_words_in_real_time(certificate):
    async with talk(certificate) as (_, client):
        await client.session.send_realtime_input(video=types.Blob(data=PICTURE, mime_type="image/png"))
        await client.session.send_realtime_input(text="What is this?")
        said = words(await client.turn())
        assert said == "I am the Gemini simulator. You said: What is this? I was shown 1 picture."


async def test_speech_interrupts_the_model(certificate, shared):
    async with talk(certificate, pace=1) as (_, client):
        await client.write("Tell me something very long, please. " * 10)
        await client.until("server_content")
        await client.speak(question(shared) + bytes(32_000))
        seen = await client.turn()
        contents = [message.server_content for message in seen if message.server_content is not None]
        assert any(content.interrupted for content in contents)
        assert not any(content.generation_complete for content in contents)
        assert "seconds of speech" in words(await client.turn())


async def test_a_session_is_resumed_by_its_handle(certificate):
    wanted = {"session_resumption": {}}
    async with (
        simulator("gemini", provider=lambda: responder("Gemini", pace=0)) as sim,
        package(certificate, sim.url) as google,
    ):
        async with google.aio.live.connect(model=MODEL, config=wanted) as session:
            client = Client(session)
            await client.write("My name is Ada")
            await client.turn()
            update = await client.until("session_resumption_update")
            assert update.resumable
        again = {"session_resumption": {"handle": update.new_handle}}
        async with google.aio.live.connect(model=MODEL, config=again) as session:
            await session.send_realtime_input(text="And now?")
            await Client(session).turn()
        strange = {"session_resumption": {"handle": "nobody's"}}
        with pytest.raises(errors.APIError) as refused:
            async with google.aio.live.connect(model=MODEL, config=strange):
                pass
        assert refused.value.code == 1008


async def test_instructions_and_tools_change_in_mid_session(certificate):
    async with talk(certificate) as (_, client):
        await client.session.send_context_update(
            system_instruction="Be brief.", tools=[types.Tool(**WEATHER)]
        )
        await client.write("What is the weather in London?")
        assert (await client.until("tool_call")).function_calls[0].name == "get_weather"


async def test_a_connection_is_left_with_notice(certificate):
    async with talk(certificate, faults=Faults(expire_after_s=0.4)) as (_, client):
        left = await client.until("go_away")
        assert float(left.time_left.removesuffix("s")) == pytest.approx(0.2, abs=0.1)
        with pytest.raises(errors.APIError) as cut:
            await client.until("go_away")
        assert cut.value.code == 1008


async def test_a_wrong_key_is_refused(certificate):
    async with simulator("gemini", api_key="right") as sim, package(certificate, sim.url, "wrong") as google:
        with pytest.raises(InvalidStatus) as refused:
            async with google.aio.live.connect(model=MODEL):
                pass
        assert refused.value.response.status_code == 401


@pytest.mark.parametrize(
    ("model", "config", "code", "reason"),
    [
        ("gemini-pro", {}, 1008, "is not found for API version"),
        (MODEL, {"response_modalities": ["AUDIO", "TEXT"]}, 1007, "invalid argument"),
        (
            MODEL,
            {"speech_config": {"voice_config": {"prebuilt_voice_config": {"voice_name": "Bob"}}}},
            1007,
            "Bob",
        ),
        (
            "gemini-2.5-flash-native-audio-latest",
            {"response_modalities": ["TEXT"]},
            1007,
            "non-audio request",
        ),
    ],
)
async def test_a_set_up_that_the_service_refuses(certificate, model, config, code, reason):
    async with simulator("gemini") as sim, package(certificate, sim.url) as google:
        with pytest.raises(errors.APIError) as refused:
            async with google.aio.live.connect(model=model, config=config):
                pass
        assert refused.value.code == code
        assert reason in str(refused.value)


async def test_an_ephemeral_token_opens_the_constrained_service(certificate):
    async with (
        simulator("gemini", provider=lambda: responder("Gemini", pace=0)) as sim,
        package(certificate, sim.url, "auth_tokens/abc", api_version="v1alpha") as google,
    ):
        connection = google.aio.live.connect(model=MODEL)
        with pytest.warns(errors.ExperimentalWarning):
            session = await connection.__aenter__()
        await Client(session).write("Hello")
        await Client(session).turn()
        await connection.__aexit__(None, None, None)
        assert sim.connections[0].path.endswith("v1alpha.GenerativeService.BidiGenerateContentConstrained")
