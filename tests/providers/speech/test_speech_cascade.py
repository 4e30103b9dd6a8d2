"""Whole conversations whose ears and voice are HTTP endpoints: in virtual time, and over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

import pytest

from voicechatengine import MockConfig, MockProvider
from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    InputTranscript,
    Interrupted,
    ProviderEvent,
    ResponseCompleted,
    TextChunk,
    UsageReport,
)
from voicechatengine.provider import Timeouts
from voicechatengine.providers.cascade import (
    CascadeConfig,
    CascadeProvider,
    EnergyTurns,
    Finished,
    ModelOutput,
    Request,
    Words,
)
from voicechatengine.providers.mock import MockReply
from voicechatengine.providers.speech import HttpRecogniser, HttpSpeech, RecogniserConfig, SpeechConfig
from voicechatengine.session.http import Http
from voicechatengine.simulators import Faults, Simulator, memory_http, simulator
from voicechatengine.simulators.vendors import vendor

FORM = AudioFormat(sample_rate=16_000)
QUESTION = FORM.silence(200) + tone(FORM, 900) + FORM.silence(1000)


class Parrot:
    """A language model that says what it was told, in two sentences."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def reply(
        self, request: Request, *, kept: Sequence[tuple[int, Any]] = ()
    ) -> AsyncGenerator[ModelOutput]:
        yield Words("You said this. ")
        yield Words(f"{request.history[-1].text}.")  # type: ignore[union-attr]  # it is a message
        yield Finished()


def talking(url: str, http: Http | None = None) -> CascadeProvider:
    ears = RecogniserConfig(model="gpt-4o-mini-transcribe", url=url, api_key="sk-test")
    voice = SpeechConfig(model="gpt-4o-mini-tts", url=url, api_key="sk-test", voice="marin")
    return CascadeProvider(
        EnergyTurns(),
        HttpRecogniser(ears, http=http),
        Parrot(),
        HttpSpeech(voice, http=http),
        config=CascadeConfig(speech_s=5, timeouts=Timeouts(response=5)),
    )


async def until(events: AsyncIterator[ProviderEvent], kind: type) -> list[Any]:
    seen: list[Any] = []
    async for event in events:
        seen.append(event.data)
        if isinstance(event.data, kind):
            return seen
    raise AssertionError(f"{kind.__name__} did not come")


async def ask(provider: CascadeProvider) -> list[Any]:
    events = provider.events()
    for at in range(0, len(QUESTION), FORM.size_of(20)):
        await provider.send_audio(QUESTION[at : at + FORM.size_of(20)])
        await asyncio.sleep(0)
    return await until(events, ResponseCompleted)


def check(seen: list[Any]) -> None:
    words = [one for one in seen if isinstance(one, InputTranscript)]
    assert words[-1].final
    assert words[-1].text == "(speech, 0.9 s)"
    spoken = "".join(one.text for one in seen if isinstance(one, TextChunk))
    assert spoken == "You said this. (speech, 0.9 s)."
    sound = b"".join(one.audio for one in seen if isinstance(one, AudioChunk))
    assert AudioFormat().duration_ms(len(sound)) == pytest.approx(len(spoken) / 15 * 1000, rel=0.1)
    assert sum(one.usage.input_audio_tokens for one in seen if isinstance(one, UsageReport)) > 8
    assert seen[-1].status == "completed"


async def test_a_spoken_question_is_transcribed_answered_and_spoken():
    sim = Simulator(vendor("speech"), seed=1)
    provider = talking("http://127.0.0.1:8000", memory_http(sim))
    await provider.connect()
    check(await ask(provider))
    await provider.disconnect()
    assert [connection.path.rpartition("/")[2] for connection in sim.connections] == [
        "transcriptions",
        "speech",
        "speech",
    ]


@pytest.mark.realtime
async def test_the_same_over_real_sockets():
    async with simulator("speech") as sim:
        provider = talking(sim.url)
        await provider.connect()
        check(await ask(provider))
        check(await ask(provider))
        await provider.disconnect()


async def test_an_interruption_aborts_the_speech_at_once():
    slow = MockReply("word " * 300, pace=1)
    answers = [
        MockConfig(),
        MockConfig(script=[slow]),
    ]
    sim = Simulator(vendor("speech"), seed=1, provider=lambda: MockProvider(answers.pop(0)))
    provider = talking("http://127.0.0.1:8000", memory_http(sim))
    await provider.connect()
    events = provider.events()
    await provider.send_audio(QUESTION)
    await until(events, AudioChunk)
    assert sim.connections[1].ended is None
    loop = asyncio.get_running_loop()
    before = loop.time()
    await provider.interrupt()
    seen = await until(events, ResponseCompleted)
    assert [type(one) for one in seen[-2:]] == [Interrupted, ResponseCompleted]
    assert (await sim.connections[1].closed()).code == 1006
    assert loop.time() == before
    assert len(sim.connections) == 2  # the second sentence was never asked for
    await provider.disconnect()


@pytest.mark.parametrize(
    ("faults", "code"),
    [(Faults(drop_after_sent=1), "connection_lost"), (Faults(rate_limit=1), "rate_limit_exceeded")],
)
async def test_an_endpoint_that_fails_is_an_error_and_the_session_goes_on(faults: Faults, code: str):
    sim = Simulator(vendor("speech"), seed=1, faults=faults)
    provider = talking("http://127.0.0.1:8000", memory_http(sim))
    await provider.connect()
    events = provider.events()
    await provider.send_audio(QUESTION)
    seen = await until(events, ErrorInfo)
    assert seen[-1].code == code
    assert provider.is_connected()
    await provider.disconnect()


@pytest.mark.realtime
async def test_one_connection_serves_one_utterance_after_the_other():
    """Else each turn would pay for a new handshake."""
    accepted = 0
    body = b'data: {"type":"transcript.text.delta","delta":"Hi"}\n\ndata: {"type":"transcript.text.done","text":"Hi"}\n\n'

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal accepted
        accepted += 1
        while head := await reader.readuntil(b"\r\n\r\n"):
            (size,) = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
            await reader.readexactly(int(size.partition(b":")[2]))
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
            )

    async def utterance() -> AsyncIterator[bytes]:
        yield tone(FORM, 300)

    async def quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(quiet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    part = HttpRecogniser(RecogniserConfig(model="m", url=f"http://127.0.0.1:{port}"))
    for _ in range(3):
        heard = [one.text async for one in part.recognise(utterance())]
        assert heard == ["Hi", "Hi"]
    await part.close()
    server.close()
    await server.wait_closed()
    assert accepted == 1
