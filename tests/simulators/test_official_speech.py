"""The vendor's own package, unchanged, has the simulator transcribe and speak over a real socket."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import openai
import pytest
from msgspec import UNSET
from openai import AsyncOpenAI

from voicechatengine import MockConfig, MockProvider
from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.audio.wav import parse_wav, wav_bytes
from voicechatengine.messages import SessionUpdate
from voicechatengine.providers.mock import MockReply
from voicechatengine.simulators import Faults, Simulator, simulator

pytestmark = pytest.mark.realtime

FORM = AudioFormat()
SPOKEN = tone(FORM, 700)
WAV = ("speech.wav", wav_bytes(FORM, FORM.silence(300) + SPOKEN), "audio/wav")
EARS, VOICED = "gpt-4o-mini-transcribe", "gpt-4o-mini-tts"
TEXT = "Hello there, this is a test."


@asynccontextmanager
async def talk(
    key: str = "sk-test", retries: int = 0, **options: Any
) -> AsyncIterator[tuple[Simulator, Any]]:
    async with (
        simulator("speech", **options) as sim,
        AsyncOpenAI(api_key=key, base_url=sim.url, max_retries=retries) as client,
    ):
        yield sim, client.audio


def speaking(**more: Any) -> dict[str, Any]:
    return {"model": VOICED, "voice": "coral", "input": TEXT, "response_format": "pcm", **more}


def saying(words: str) -> Any:
    return lambda: MockProvider(MockConfig(transcripts=lambda audio, form: words))


async def test_a_file_is_transcribed():
    async with talk() as (sim, audio):
        found = await audio.transcriptions.create(model=EARS, file=WAV)
        assert found.text == "(speech, 0.7 s)"
        assert (found.usage.type, found.usage.input_token_details.audio_tokens) == ("tokens", 10)
        assert sim.connections[0].path == "/v1/audio/transcriptions"


async def test_a_transcription_is_streamed_in_events_of_the_packages_own_types():
    async with talk(provider=saying("Turn off the light.")) as (_, audio):
        told = await audio.transcriptions.create(
            model=EARS,
            file=WAV,
            stream=True,
            language="en",
            prompt="lamps",
            extra_body={"keywords": ["light"]},
        )
        events = [event async for event in told]
        assert "".join(event.delta for event in events[:-1]) == events[-1].text == "Turn off the light."
        assert [event.type for event in events[-2:]] == ["transcript.text.delta", "transcript.text.done"]
        for event in events:
            type(event).model_validate(event.to_dict(), strict=True)


async def test_the_model_that_does_not_stream_answers_at_once_and_as_plain_text_too():
    async with talk(provider=saying("Hi.")) as (_, audio):
        found = await audio.transcriptions.create(model="whisper-1", file=WAV, response_format="text")
        assert found == "Hi.\n"


async def test_a_file_of_another_rate_is_transcribed():
    form = AudioFormat("pcm16", 8000, 2)
    async with talk() as (_, audio):
        file = io.BytesIO(wav_bytes(form, tone(form, 1000)))
        found = await audio.transcriptions.create(model=EARS, file=("a.wav", file))
        assert found.text == "(speech, 1.0 s)"


@pytest.mark.parametrize("model", [VOICED, "tts-1"])
async def test_a_text_is_spoken_as_pcm(model):
    async with talk() as (sim, audio):
        async with audio.speech.with_streaming_response.create(**speaking(model=model)) as answer:
            assert answer.headers["content-type"] == "audio/pcm"
            pieces = [piece async for piece in answer.iter_bytes()]
        sound = b"".join(pieces)
        assert FORM.duration_ms(len(sound)) == pytest.approx(len(TEXT) / 15 * 1000, rel=0.05)
        assert max(sound) > 0
        assert len(pieces) > 3
        assert sim.received[0]["voice"] == "coral"


async def test_a_text_is_spoken_as_wav():
    async with talk() as (_, audio):
        answer = await audio.speech.create(**speaking(response_format="wav"))
        form, sound = parse_wav(answer.content)
        assert form == FORM
        assert FORM.duration_ms(len(sound)) > 1000


async def test_a_text_is_spoken_in_events():
    async with talk() as (_, audio):
        asked = speaking(stream_format="sse", voice={"id": "voice_1234"}, instructions="Whisper.")
        async with audio.speech.with_streaming_response.create(**asked) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = [line async for line in answer.iter_lines() if line]
        assert lines[0].startswith('data: {"type":"speech.audio.delta","audio":"')
        assert lines[-1] == (
            'data: {"type":"speech.audio.done","usage":{"input_tokens":7,"output_tokens":18,"total_tokens":25}}'
        )


async def test_a_provider_is_told_to_read_aloud_and_of_no_voice_that_it_does_not_know():
    mocks: list[MockProvider] = []

    def answering() -> MockProvider:
        mocks.append(MockProvider(MockConfig(script=[MockReply("Hi", pace=0)])))
        return mocks[-1]

    async with talk(provider=answering) as (_, audio):
        await audio.speech.create(**speaking(input="Hi"))
        (told,) = [record.payload for record in mocks[0].recording if record.type == "session_update"]
        assert isinstance(told, SessionUpdate)
        assert str(told.options.instructions).startswith("Say the user's text aloud")
        assert told.options.voice is UNSET


@pytest.mark.parametrize(
    ("change", "kind", "words", "param"),
    [
        ({"model": "whisper-9"}, openai.NotFoundError, "The model `whisper-9` does not exist", "model"),
        ({"model": ""}, openai.BadRequestError, "you must provide a model parameter", "model"),
        ({"file": ("a.mp3", b"ID3 no wav at all")}, openai.BadRequestError, "Invalid file format", "file"),
        ({"file": ("a.wav", wav_bytes(FORM, FORM.silence(50)))}, openai.BadRequestError, "too short", "file"),
        ({"response_format": "srt"}, openai.BadRequestError, "'srt' is not compatible", "response_format"),
        ({"file": ("a.wav", b"\0" * 26_300_000)}, openai.APIStatusError, "Maximum content size", None),
    ],
)
async def test_a_transcription_that_does_not_fit_is_refused(change, kind, words, param):
    async with talk() as (_, audio):
        with pytest.raises(kind, match=words) as caught:
            await audio.transcriptions.create(**{"model": EARS, "file": WAV, **change})
        assert caught.value.body["param"] == param


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"model": "tts-9"}, openai.NotFoundError, "The model `tts-9` does not exist"),
        ({"voice": "hal"}, openai.BadRequestError, "Input should be 'alloy', 'ash'"),
        ({"input": ""}, openai.BadRequestError, "at least 1 character"),
        ({"input": "a" * 4097}, openai.BadRequestError, "at most 4096 characters"),
        ({"response_format": "mp3"}, openai.BadRequestError, "'pcm' or 'wav'"),
        ({"stream_format": "morse"}, openai.BadRequestError, "'audio' or 'sse'"),
        (
            {"stream_format": "sse", "model": "tts-1"},
            openai.BadRequestError,
            "not supported with model 'tts-1'",
        ),
        ({"speed": 9}, openai.BadRequestError, r"from 0\.25 to 4\.0"),
        ({"speed": "fast"}, openai.BadRequestError, "Expected `float`"),
    ],
)
async def test_a_speech_that_does_not_fit_is_refused(change, kind, words):
    async with talk() as (_, audio):
        with pytest.raises(kind, match=words):
            await audio.speech.create(**speaking(**change))


@pytest.mark.parametrize("key", ["sk-wrong", "sk-invalid"])
async def test_a_wrong_key_is_refused(key):
    async with talk(key=key, api_key="sk-right") as (_, audio):
        with pytest.raises(openai.AuthenticationError, match="Incorrect API key provided") as caught:
            await audio.transcriptions.create(model=EARS, file=WAV)
        assert caught.value.code == "invalid_api_key"


@pytest.mark.parametrize(
    ("path", "headers", "body", "status", "words"),
    [
        ("/audio/translations", {}, b"", 404, "Invalid URL (POST /v1/audio/translations)"),
        ("/audio/speech", {"authorization": ""}, b"", 401, "You didn't provide an API key"),
        ("/audio/speech", {}, b"{", 400, "could not parse the JSON"),
        (
            "/audio/transcriptions",
            {"content-type": "application/json"},
            b"{}",
            400,
            "Unsupported content type",
        ),
        (
            "/audio/transcriptions",
            {"content-type": "multipart/form-data; boundary=x"},
            b"--x\r\n",
            400,
            "cut off",
        ),
        (
            "/audio/transcriptions",
            {"content-type": 'multipart/form-data; boundary="x"'},
            b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n--x\r\n\r\n\r\n--x--\r\n',
            400,
            "Field required: file",
        ),
    ],
)
async def test_a_request_that_is_none_is_refused(path, headers, body, status, words):
    async with simulator("speech") as sim, httpx2.AsyncClient() as client:
        told = await client.post(
            sim.url + path, headers={"authorization": "Bearer sk-test", **headers}, content=body
        )
        assert told.status_code == status
        assert words in told.json()["error"]["message"]


async def test_a_limit_tells_when_to_come_again():
    async with talk(faults=Faults(rate_limit=1, retry_after_s=3)) as (_, audio):
        with pytest.raises(openai.RateLimitError) as caught:
            await audio.speech.create(**speaking())
        assert caught.value.response.headers["retry-after"] == "3"


async def test_an_overloaded_service_is_asked_again_by_the_package():
    async with talk(retries=2, faults=Faults(overloaded=1)) as (sim, audio):
        assert (await audio.speech.create(**speaking())).content
        assert len(sim.connections) == 1


async def read(audio: Any, seen: list[bytes], **more: Any) -> None:
    async with audio.speech.with_streaming_response.create(**speaking(**more)) as answer:
        async for piece in answer.iter_bytes():
            seen.append(piece)  # noqa: PERF401 - what came before an error counts


@pytest.mark.parametrize("faults", [Faults(drop_after_sent=2), Faults(overloaded_after=2)])
async def test_speech_that_breaks_off_is_not_taken_for_all(faults):
    async with talk(faults=faults) as (sim, audio):
        seen: list[bytes] = []
        with pytest.raises((httpx2.HTTPError, openai.APIConnectionError)):
            await read(audio, seen)
        assert seen
        assert (await sim.connections[0].closed()).code != 1000


async def test_events_tell_of_a_failure():
    async with talk(faults=Faults(overloaded_after=0), provider=saying("Hi")) as (_, audio):
        with pytest.raises(openai.APIError, match="overloaded"):
            async for _ in await audio.transcriptions.create(model=EARS, file=WAV, stream=True):
                pass
        seen: list[bytes] = []
        await read(audio, seen, stream_format="sse")
        assert b"server_error" in b"".join(seen)


async def test_a_client_that_goes_away_ends_its_request():
    slow = MockReply("word " * 200, pace=1)
    async with talk(provider=lambda: MockProvider(MockConfig(script=[slow]))) as (sim, audio):
        async with audio.speech.with_streaming_response.create(**speaking()) as answer:
            async for _ in answer.iter_bytes():
                break
        assert (await asyncio.wait_for(sim.connections[0].closed(), 5)).code == 1006
