"""The parts against the simulated service, in memory and in virtual time; and against servers that are none."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from voicechatengine import MockConfig, MockProvider
from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.audio.wav import parse_wav, wav_bytes
from voicechatengine.errors import (
    AudioError,
    AuthenticationError,
    ConnectionError,
    DeadlineError,
    MessageError,
    ProtocolError,
    ProviderError,
    RateLimitError,
)
from voicechatengine.provider import Retry, Timeouts
from voicechatengine.providers.cascade.parts import Heard
from voicechatengine.providers.mock import MockReply
from voicechatengine.providers.speech import HttpRecogniser, HttpSpeech, RecogniserConfig, SpeechConfig
from voicechatengine.providers.speech.parts import FORMAT, LONGEST_BYTES
from voicechatengine.providers.speech.server_checks import read_form
from voicechatengine.session.http import HttpAnswer, HttpRequest, MemoryAnswer, MemoryHttp
from voicechatengine.simulators import Faults, Simulator, memory_http
from voicechatengine.simulators.vendors import vendor

URL = "http://127.0.0.1:8000"
SPOKEN = FORMAT.silence(200) + tone(FORMAT, 700)
TEXT = "Hello there, this is a test."


def service(**options: Any) -> Simulator:
    return Simulator(vendor("speech"), seed=1, **options)


def ears(http: Any, **more: Any) -> HttpRecogniser:
    given = {"model": "gpt-4o-transcribe", "url": URL, "api_key": "sk-test", **more}
    return HttpRecogniser(RecogniserConfig(**given), http=http, rng=random.Random(1))


def voice(http: Any, **more: Any) -> HttpSpeech:
    given = {"model": "gpt-4o-mini-tts", "url": URL, "api_key": "sk-test", **more}
    return HttpSpeech(SpeechConfig(**given), http=http, rng=random.Random(1))


def answering(*answers: MemoryAnswer | ProviderError) -> MemoryHttp:
    waiting = list(answers)

    async def answer(request: HttpRequest) -> HttpAnswer:
        found = waiting.pop(0)
        if isinstance(found, ProviderError):
            raise found
        return found

    return MemoryHttp(answer)


async def pieces(*audio: bytes) -> AsyncIterator[bytes]:
    for piece in audio:
        yield piece


async def heard(part: HttpRecogniser, *audio: bytes, **more: Any) -> list[Heard]:
    return [one async for one in part.recognise(pieces(*(audio or (SPOKEN,))), **more)]


async def said(part: HttpSpeech, text: str = TEXT, **more: Any) -> bytes:
    return b"".join([piece async for piece in part.speak(text, **more)])


async def test_an_utterance_is_sent_when_it_has_ended_and_its_words_come_as_a_stream():
    sim = service(provider=lambda: MockProvider(MockConfig(transcripts=lambda audio, form: "Turn it off.")))
    http = memory_http(sim)
    part = ears(http, fields={"keywords": ["lamp", "light"], "temperature": 0})
    await part.open()
    found = await heard(part, SPOKEN[:640], SPOKEN[640:], language="en_GB", prompt="Häuser")
    assert found[-1].usage is not None
    assert found[-1].usage.input_audio_tokens == 9
    assert [(one.text, one.final) for one in found] == [("Turn it off.", False), ("Turn it off.", True)]
    (asked,) = http.requests
    assert asked.url == f"{URL}/v1/audio/transcriptions"
    assert asked.headers["authorization"] == "Bearer sk-test"
    fields = read_form(asked.headers["content-type"], asked.body)
    assert parse_wav(fields.pop("file")) == (FORMAT, SPOKEN)
    assert fields == {
        "model": b"gpt-4o-transcribe",
        "response_format": b"json",
        "stream": b"true",
        "language": b"en",
        "prompt": "Häuser".encode(),
        "keywords[]": b"light",
        "temperature": b"0",
    }
    await part.close()
    assert http.closed


async def test_a_server_that_does_not_stream_gives_its_words_at_once():
    http = answering(
        MemoryAnswer([b'{"text": " And so', b' on.\\n"}'], headers={"content-type": "application/json"})
    )
    part = ears(
        http, model="whisper", url="http://127.0.0.1:8080/inference", api_key=None, fields={"stream": None}
    )
    assert await heard(part) == [Heard("And so on.", final=True)]
    asked = http.requests[0]
    assert asked.url == "http://127.0.0.1:8080/inference"
    assert "authorization" not in asked.headers
    assert b'name="stream"' not in asked.body


@pytest.mark.parametrize("audio", [b"", FORMAT.silence(90)])
async def test_what_is_too_short_for_a_word_is_not_sent(audio):
    http = answering()
    assert await heard(ears(http), audio) == [Heard("", final=True)]
    assert not http.requests


async def test_what_is_too_long_to_be_sent_is_told_while_it_is_spoken():
    http = answering()
    with pytest.raises(
        AudioError, match="more than 819 s cannot be sent: let the turn detector end turns earlier"
    ):
        await heard(ears(http), bytes(LONGEST_BYTES), b"\0\0")
    with pytest.raises(AudioError, match="no whole number"):
        await heard(ears(http), b"abc")
    assert not http.requests


async def test_a_text_is_spoken_piece_by_piece_as_it_comes():
    http = memory_http(service())
    part = voice(http, fields={"speed": 1.5, "instructions": None})
    await part.open()
    loop = asyncio.get_running_loop()
    times: list[float] = []
    size = 0
    async with aclosing(part.speak(TEXT, voice="coral")) as speech:
        async for piece in speech:
            assert len(piece) % 2 == 0
            size += len(piece)
            times.append(loop.time())
    assert part.format == AudioFormat(sample_rate=24_000)
    assert part.format.duration_ms(size) == pytest.approx(len(TEXT) / 15 * 1000, rel=0.05)
    assert times[0] < times[-1] / 4
    (asked,) = http.requests
    assert asked.url == f"{URL}/v1/audio/speech"
    assert asked.body == (
        b'{"model":"gpt-4o-mini-tts","input":"Hello there, this is a test.","voice":"coral",'
        b'"response_format":"pcm","speed":1.5}'
    )
    await part.close()
    assert http.closed


@pytest.mark.parametrize("fields", [{"stream_format": "sse"}, {"response_format": "wav"}])
async def test_events_and_wav_give_the_same_sound(fields):
    sim = service()
    assert await said(voice(memory_http(sim), fields=fields)) == await said(voice(memory_http(sim)))


async def test_a_server_with_a_rate_of_its_own_is_told_once():
    wav = wav_bytes(AudioFormat(sample_rate=22_050), tone(FORMAT, 100))
    told = {"content-type": "audio/wav"}
    with pytest.raises(ProtocolError, match="set sample_rate=22050 in SpeechConfig"):
        await said(voice(answering(MemoryAnswer([wav], headers=told))))
    part = voice(answering(MemoryAnswer([wav], headers=told)), sample_rate=22_050)
    assert await said(part) == tone(FORMAT, 100)
    assert part.format.sample_rate == 22_050


async def test_a_text_that_is_too_long_is_refused_before_it_is_sent():
    http = answering()
    with pytest.raises(MessageError, match=r"4097 characters is too long .* at most 4096"):
        await said(voice(http), "a" * 4097)
    assert not http.requests


async def into(got: list[Any], outputs: AsyncIterator[Any]) -> None:
    """Keeps what came before an error, too."""
    async for output in outputs:
        got.append(output)  # noqa: PERF401 - see above


# ------------------------------------------------------------------ interruption


async def test_closing_speech_early_aborts_the_request():
    sim = service(provider=lambda: MockProvider(MockConfig(script=[MockReply("word " * 300, pace=1)])))
    async with aclosing(voice(memory_http(sim)).speak(TEXT)) as speech:
        await anext(speech)
        assert sim.connections[0].ended is None
    assert (await sim.connections[0].closed()).code == 1006


async def test_closing_a_recognition_early_aborts_the_request():
    slow = MockConfig(latency={"audio_commit": 60.0})
    sim = service(provider=lambda: MockProvider(slow))
    part = ears(memory_http(sim), timeouts=Timeouts(response=120.0))
    task = asyncio.create_task(heard(part))
    await asyncio.sleep(5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await sim.connections[0].closed()).code == 1006


# ------------------------------------------------------------------ what goes wrong


JSON = "application/json"


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ((b"<html>hi</html>", 200, "text/html"), ProtocolError, "web pages, not an API"),
        ((b"<html>nginx</html>", 404, "text/html"), ConnectionError, "HTTP 404: check the url and the model"),
        ((b"File Not Found (/v1)", 404, "text/plain"), ConnectionError, "File Not Found .*: check the url"),
        (
            (b'{"detail": "tiny is not here"}', 404, JSON),
            ConnectionError,
            "not here: check the url and the model",
        ),
        (
            (b'{"error": {"message": "no such voice"}}', 400, JSON),
            ConnectionError,
            "voice: change what it names",
        ),
        (
            (b'{"error": "failed to read audio data"}', 400, JSON),
            ConnectionError,
            "failed to read audio data",
        ),
        ((b"{}", 401, JSON), AuthenticationError, "check the API key"),
        ((b"{}", 429, JSON), RateLimitError, "wait, or raise the limit"),
    ],
)
@pytest.mark.parametrize("listens", [True, False])
async def test_a_server_that_is_none_or_refuses_is_one_clear_error(answer, kind, words, listens):
    body, status, content_type = answer
    http = answering(MemoryAnswer([body], status, {"content-type": content_type}))
    with pytest.raises(kind, match=words):
        await (heard(ears(http)) if listens else said(voice(http)))
    assert len(http.requests) == 1


async def test_a_server_that_speaks_mp3_is_told_what_was_asked():
    http = answering(MemoryAnswer([b"\xff\xfb..."], headers={"content-type": "audio/mpeg"}))
    with pytest.raises(ProtocolError, match="answered with audio/mpeg where mono PCM16 was asked for"):
        await said(voice(http))


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (
            {"model": "gpt-9"},
            ConnectionError,
            "The model `gpt-9` does not exist .*: check the url and the model",
        ),
        ({"api_key": "sk-wrong"}, AuthenticationError, "Incorrect API key provided.*check the API key"),
        ({"api_key": None}, AuthenticationError, "didn't provide an API key"),
        ({"url": f"{URL}/v2/sound"}, ConnectionError, "Invalid URL .*/v2/sound"),
    ],
)
@pytest.mark.parametrize("listens", [True, False])
async def test_the_services_refusals_say_what_to_change(change, kind, words, listens):
    http = memory_http(service(api_key="sk-test"))
    with pytest.raises(kind, match=words) as caught:
        await (heard(ears(http, **change)) if listens else said(voice(http, **change)))
    assert "sk-" not in str(caught.value)


async def test_an_unknown_voice_is_told_with_those_that_there_are():
    with pytest.raises(ConnectionError, match=r"Input should be 'alloy', 'ash', .*: change what it names"):
        await said(voice(memory_http(service())), voice="hal")


async def test_openais_own_host_wants_a_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for part in (
        HttpRecogniser(RecogniserConfig(model="gpt-transcribe")),
        HttpSpeech(SpeechConfig(model="gpt-4o-mini-tts")),
    ):
        with pytest.raises(AuthenticationError, match="set OPENAI_API_KEY, or pass api_key="):
            await part.open()
        await part.close()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-mine")
    part = HttpSpeech(SpeechConfig(model="gpt-4o-mini-tts"))
    await part.open()
    await part.close()
    assert part.config.request_headers() == {"authorization": "Bearer sk-secret-of-mine"}
    assert "authorization" not in SpeechConfig(model="m", url=URL).request_headers()
    assert "secret" not in repr(part.config) + repr(SpeechConfig(model="m", api_key="sk-secret"))


@pytest.mark.parametrize("config", [RecogniserConfig, SpeechConfig])
def test_a_configuration_that_does_not_fit_is_told(config):
    with pytest.raises(MessageError, match="no model is named"):
        config(model="")
    with pytest.raises(MessageError, match="url is no address"):
        config(model="m", url="localhost:8000")


def test_a_rate_that_is_none_is_told():
    with pytest.raises(AudioError, match="sample_rate is 0"):
        SpeechConfig(model="m", sample_rate=0)


async def test_a_connection_that_is_cut_in_mid_answer_is_an_error_behind_what_came():
    got: list[bytes] = []
    with pytest.raises(ConnectionError, match="cut"):
        await into(got, voice(memory_http(service(faults=Faults(drop_after_sent=2)))).speak(TEXT))
    assert len(got) == 2
    words: list[Heard] = []
    with pytest.raises(ConnectionError, match="cut"):
        await into(
            words, ears(memory_http(service(faults=Faults(drop_after_sent=1)))).recognise(pieces(SPOKEN))
        )
    assert [one.final for one in words] == [False]


async def test_an_event_that_tells_of_a_failure_is_an_error():
    sim = service(faults=Faults(overloaded_after=1))
    with pytest.raises(ConnectionError, match="the server failed: The server is overloaded"):
        await heard(ears(memory_http(sim)))


@pytest.mark.parametrize("faults", [Faults(overloaded=2), Faults(drop_after_received=1, connections=1)])
async def test_a_server_that_fails_before_it_says_anything_is_asked_again(faults):
    http = memory_http(service(faults=faults))
    assert (await heard(ears(http)))[-1].final
    assert len(http.requests) >= 2
    http = memory_http(service(faults=faults))
    assert await said(voice(http))
    with pytest.raises(ConnectionError):
        await said(voice(memory_http(service(faults=faults)), retry=Retry(attempts=0)))


async def silent(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    await asyncio.sleep(3600)


@pytest.mark.parametrize("chunks", [(), (b"\0\0\0\0",)])
async def test_a_server_that_falls_silent_is_an_error_and_no_hang(chunks):
    began = asyncio.get_running_loop().time()
    http = answering(MemoryAnswer(silent(*chunks), headers={"content-type": "audio/pcm"}))
    with pytest.raises(DeadlineError, match="said nothing for 5 s"):
        await said(voice(http, timeouts=Timeouts(response=5)))
    http = answering(MemoryAnswer(silent(), headers={"content-type": JSON}))
    with pytest.raises(DeadlineError):
        await heard(ears(http, timeouts=Timeouts(response=5)))
    assert asyncio.get_running_loop().time() - began == pytest.approx(10)


@pytest.mark.realtime
async def test_a_server_that_does_not_run_is_told_at_once():
    listening, speaking = ears(None, url="http://127.0.0.1:1"), voice(None, url="http://127.0.0.1:1")
    for asked in (heard(listening), said(speaking)):
        with pytest.raises(ConnectionError, match="check the url, that the server runs"):
            await asked
    await listening.close()
    await speaking.close()
