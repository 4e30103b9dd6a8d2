"""Whole conversations whose ears and voice are ElevenLabs', over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from voicechatengine import MockConfig, MockProvider
from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.errors import AuthenticationError, ConnectionError, ProtocolError
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
from voicechatengine.provider import Provider, Retry
from voicechatengine.providers.cascade import (
    CascadeConfig,
    CascadeProvider,
    EnergyTurns,
    Finished,
    ModelOutput,
    Request,
    Words,
)
from voicechatengine.providers.elevenlabs import (
    ElevenLabsConfig,
    ElevenLabsRecogniser,
    ElevenLabsSpeech,
)
from voicechatengine.providers.mock import MockReply, MockTurn
from voicechatengine.simulators import Faults, Simulator, simulator

pytestmark = pytest.mark.realtime

FORM = AudioFormat(sample_rate=16_000)
SPEECH = FORM.silence(200) + tone(FORM, 900)
QUESTION = SPEECH + FORM.silence(1000)


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


def reading(pace: float) -> Callable[[], Provider]:
    """A provider that reads what it is given, that many times faster than it plays."""

    def read(turn: MockTurn) -> MockReply:
        return MockReply(" ".join(turn.texts), pace=pace)

    return lambda: MockProvider(MockConfig(respond=read))


@asynccontextmanager
async def talking(
    *, pace: float = 50.0, faults: Faults | None = None, **config: Any
) -> AsyncIterator[tuple[Simulator, CascadeProvider, AsyncIterator[ProviderEvent]]]:
    """A connected cascade, its events from here on, and the service; all gone at the end. The ears connect first."""
    async with simulator("elevenlabs", provider=reading(pace), faults=faults, seed=1) as sim:
        eleven = ElevenLabsConfig(
            **{"api_key": "test-key", "url": sim.url, "retry": Retry(base=0.01), **config}
        )
        ears, voice = ElevenLabsRecogniser(eleven), ElevenLabsSpeech(eleven)
        provider = CascadeProvider(
            EnergyTurns(), ears, Parrot(), voice, config=CascadeConfig(recognition_s=5, speech_s=5)
        )
        try:
            await ears.open()
            await provider.connect()
            yield sim, provider, provider.events()
        finally:
            await provider.disconnect()
            await ears.close()


async def until(events: AsyncIterator[ProviderEvent], kind: type) -> list[Any]:
    seen: list[Any] = []
    async for event in events:
        seen.append(event.data)
        if isinstance(event.data, kind):
            return seen
    raise AssertionError(f"{kind.__name__} did not come")


async def tell(provider: CascadeProvider, audio: bytes) -> None:
    for at in range(0, len(audio), FORM.size_of(20)):
        await provider.send_audio(audio[at : at + FORM.size_of(20)])
        await asyncio.sleep(0)


def words(seen: list[Any]) -> str:
    return "".join(one.text for one in seen if isinstance(one, TextChunk))


async def test_a_spoken_question_is_heard_answered_and_spoken_twice_on_the_same_connections():
    async with talking() as (sim, provider, events):
        for _ in range(2):
            await tell(provider, QUESTION)
            seen = await until(events, ResponseCompleted)
            heard = [one for one in seen if isinstance(one, InputTranscript) and one.final]
            assert len(heard) == 1
            assert heard[0].text.endswith("s of speech)")
            assert words(seen) == f"You said this. {heard[0].text}."
            sound = b"".join(one.audio for one in seen if isinstance(one, AudioChunk))
            assert AudioFormat().duration_ms(len(sound)) == pytest.approx(
                len(words(seen)) / 15 * 1000, rel=0.1
            )
            assert sum(one.usage.input_seconds for one in seen if isinstance(one, UsageReport)) > 0.9
            assert not [one for one in seen if isinstance(one, ErrorInfo)]
        assert len(sim.connections) == 2


async def test_a_speaker_who_interrupts_silences_the_reply_and_gets_a_clean_one():
    async with talking(pace=1.0) as (sim, provider, events):
        await tell(provider, QUESTION)
        await until(events, AudioChunk)
        await tell(provider, SPEECH)
        seen = await until(events, ResponseCompleted)
        assert [type(one) for one in seen[-2:]] == [Interrupted, ResponseCompleted]
        assert seen[-1].status == "interrupted"
        first = seen[-1].response_id
        await tell(provider, FORM.silence(1000))
        seen = await until(events, AudioChunk)
        assert seen[-1].response_id != first
        await provider.interrupt()
        await until(events, ResponseCompleted)
        assert len(sim.connections) == 2


async def test_a_connection_that_is_cut_in_mid_utterance_is_one_error_and_the_next_one_works():
    async with talking(faults=Faults(drop_after_received=5, connections=1)) as (sim, provider, events):
        await tell(provider, QUESTION)
        seen = await until(events, ResponseCompleted)
        assert [one.code for one in seen if isinstance(one, ErrorInfo)] == ["connection_lost"]
        await tell(provider, QUESTION)
        seen = await until(events, ResponseCompleted)
        assert not [one for one in seen if isinstance(one, ErrorInfo)]
        assert words(seen).startswith("You said this.")
        assert len(sim.connections) == 3


async def test_an_answer_that_loses_its_voice_has_failed_and_the_next_one_is_spoken():
    async with talking(pace=1.0) as (sim, provider, events):
        await tell(provider, QUESTION)
        await until(events, AudioChunk)
        sim.cut()
        seen = await until(events, ResponseCompleted)
        assert seen[-1].status == "failed"
        assert [one.code for one in seen if isinstance(one, ErrorInfo)] == ["connection_lost"]
        await tell(provider, QUESTION)
        await until(events, AudioChunk)


@pytest.mark.parametrize(
    ("config", "kind", "cure"),
    [
        ({"api_key": "is-invalid"}, AuthenticationError, "check the API key"),
        ({"voice": "nobody"}, ConnectionError, "choose a voice"),
    ],
)
async def test_what_is_configured_wrongly_is_told_when_the_session_opens(config, kind, cure):
    with pytest.raises(kind, match=cure):
        async with talking(**config):
            pass


async def test_a_server_that_answers_pages_is_no_service():
    async def page(request: web.Request) -> web.Response:
        return web.Response(text="<html>Welcome</html>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/{path:.*}", page)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        url = f"ws://127.0.0.1:{runner.addresses[0][1]}"
        for part in (ElevenLabsRecogniser, ElevenLabsSpeech):
            opened = part(ElevenLabsConfig(api_key="k", url=url))
            with pytest.raises(ProtocolError, match="serves web pages"):
                await opened.open()
            await opened.close()
    finally:
        await runner.cleanup()


async def test_a_server_that_is_not_there_is_told():
    config = ElevenLabsConfig(api_key="k", url="ws://127.0.0.1:9")
    with pytest.raises(ConnectionError, match="check the url"):
        await ElevenLabsSpeech(config).open()
