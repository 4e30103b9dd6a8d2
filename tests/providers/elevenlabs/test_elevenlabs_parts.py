"""The ears and the voice against the simulated service, in memory and in virtual time."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest
from eleven_talk import FORM, configured, ears, heard, said, service, spoken, voice

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import (
    AuthenticationError,
    ConnectionError,
    ProviderError,
    RateLimitError,
    SessionExpiredError,
)
from voicechatengine.events import Usage
from voicechatengine.provider import Timeouts
from voicechatengine.providers.cascade.parts import Heard
from voicechatengine.providers.elevenlabs import ElevenLabsRecogniser, ElevenLabsSpeech
from voicechatengine.providers.mock import MockConfig, MockProvider, MockReply
from voicechatengine.session.dialect import Close, Endpoint
from voicechatengine.session.transport import Connector, MemoryTransport, Transport, memory_pair
from voicechatengine.simulators import Faults, Simulator

SENTENCE = "A sentence that takes a while to say."


def saying(*words: str) -> Callable[[], MockProvider]:
    """A provider whose transcripts are these."""
    return lambda: MockProvider(MockConfig(transcripts=words))


def scripted(*frames: object, close: Close | None = None) -> Connector:
    """A service that says this as soon as it is spoken to, and closes."""

    async def connect(endpoint: Endpoint) -> Transport:
        ours, theirs = memory_pair()
        asyncio.get_running_loop().create_task(answer(theirs))
        return ours

    async def answer(line: MemoryTransport) -> None:
        for frame in frames:
            await line.send(frame if isinstance(frame, bytes) else json.dumps(frame).encode(), False)
        if close is not None:
            await line.close(close)

    return connect


async def nothing() -> AsyncIterator[bytes]:
    for piece in ():
        yield piece


# ------------------------------------------------------------------ hearing


async def test_utterances_become_words_on_one_connection():
    async with service(provider=saying("Hello there.", "Bye.")) as sim, ears(sim) as part:
        (first,) = await heard(part, spoken(1.0))
        assert first == Heard("Hello there.", final=True, usage=Usage(input_seconds=1.0))
        await asyncio.sleep(600)
        assert [one.text for one in await heard(part, spoken(0.1))] == ["Bye."]
        (connection,) = sim.connections
        assert connection.ended is None
        assert connection.query["commit_strategy"] == "manual"
    assert connection.ended == Close(1000)


async def test_partial_transcripts_are_words_so_far(caplog):
    caplog.set_level(logging.INFO, "voicechatengine")
    ours, theirs = memory_pair()

    async def connect(endpoint: Endpoint) -> Transport:
        return ours

    async def tell(kind: str, **fields: Any) -> None:
        await theirs.send(json.dumps({"message_type": kind, **fields}).encode(), False)

    part = ElevenLabsRecogniser(configured(), connector=connect)
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(theirs.pump(lambda frame: None))
        await tell("session_started")
        await part.open()
        listening = group.create_task(heard(part, spoken(1.0)))
        await asyncio.sleep(0.5)
        await tell("warning", warning="slow today")
        await tell("partial_transcript", text="Hel")
        await tell("partial_transcript", text="Hello")
        await asyncio.sleep(1.0)
        await tell("committed_transcript", text="Hello.")
        assert [one.text for one in await listening] == ["Hel", "Hello", "Hello."]
        await part.close()
        await reading
    assert "slow today" in caplog.text


async def test_silence_is_no_words():
    async with service() as sim, ears(sim) as part:
        assert await heard(part, nothing()) == [Heard("", final=True, usage=Usage())]


async def test_an_utterance_that_is_given_up_leaves_nothing_to_the_next():
    async with service(provider=saying("old", "new")) as sim, ears(sim) as part:
        words = part.recognise(spoken(5.0))
        waiting = asyncio.ensure_future(anext(words))
        await asyncio.sleep(1.0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert [one.text for one in await heard(part, spoken(1.0))] == ["new"]
        assert len(sim.connections) == 1


async def test_another_language_or_prompt_takes_another_connection():
    async with service() as sim, ears(sim, language="de") as part:
        await heard(part, spoken(0.5))
        await heard(part, spoken(0.5), language="en", prompt="Terms: Ada")
        await heard(part, spoken(0.5), language="en", prompt="Terms: Ada")
        assert [one.query["language_code"] for one in sim.connections] == ["de", "en"]
        told = [frame.get("previous_text") for frame in sim.connections[1].received]
        assert [one for one in told if one] == ["Terms: Ada"]
        assert sim.connections[0].ended == Close(1000)


async def test_a_cut_in_mid_utterance_is_one_error_and_the_next_utterance_works():
    async with service(provider=saying("new")) as sim, ears(sim) as part:

        async def cut() -> None:
            await asyncio.sleep(0.5)
            sim.cut()

        async with asyncio.TaskGroup() as group:
            group.create_task(cut())
            with pytest.raises(ConnectionError) as caught:
                await heard(part, spoken(2.0))
        assert caught.value.code == "connection_lost"
        assert [one.text for one in await heard(part, spoken(1.0))] == ["new"]
        assert len(sim.connections) == 2


async def test_a_connection_that_ended_in_a_pause_is_opened_again_unseen():
    async with service() as sim, ears(sim) as part:
        sim.cut()
        await asyncio.sleep(1)
        assert (await heard(part, spoken(1.0)))[-1].final
        assert len(sim.connections) == 2


async def test_a_session_that_became_too_old_says_so():
    async with service(faults=Faults(expire_after_s=1.0)) as sim, ears(sim) as part:
        with pytest.raises(SessionExpiredError):
            await heard(part, spoken(2.0))


async def test_half_a_sample_is_one_error():
    async def odd() -> AsyncIterator[bytes]:
        yield b"abc"

    async with service() as sim, ears(sim) as part:
        with pytest.raises(ConnectionError, match="whole number of pcm16 samples"):
            await heard(part, odd())


# ------------------------------------------------------------------ speaking


async def test_sentences_are_spoken_on_one_connection():
    async with service() as sim, voice(sim) as part:
        assert AudioFormat().duration_ms(len(await said(part, SENTENCE))) == pytest.approx(2500, abs=100)
        await asyncio.sleep(3600)
        assert await said(part, "Hi.")
        (connection,) = sim.connections
        assert connection.query["output_format"] == "pcm_24000"
        assert connection.ended is None
    assert connection.ended == Close(1000)


async def test_a_sentence_that_is_cut_short_leaves_nothing_to_the_next():
    async with service() as sim, voice(sim) as part:
        short = len(await said(part, "Hi."))
        for _ in range(8):
            async with aclosing(part.speak(SENTENCE)) as speech:
                await anext(speech)
        assert len(await said(part, "Hi.")) == short
        assert len(sim.connections) == 1


async def test_settings_and_another_voice_are_told_the_service():
    async with service() as sim, voice(sim, voice_settings={"speed": 1.1}) as part:
        await said(part, "One.")
        await said(part, "Two.", voice="21m00Tcm4TlvDq8ikWAM", language="en-US")
        first, second = sim.connections
        assert "JBFqnCBsd6RMkjVDRZzb" in first.path
        assert "21m00Tcm4TlvDq8ikWAM" in second.path
        assert second.query["language_code"] == "en"
        assert first.received[0]["voice_settings"] == {"speed": 1.1}


async def test_a_voice_can_speak_as_a_telephone_does():
    form = AudioFormat("g711_ulaw", 8000)
    async with service() as sim, voice(sim, output_format=form) as part:
        assert part.format == form
        assert form.duration_ms(len(await said(part, SENTENCE))) == pytest.approx(2500, abs=100)


async def test_a_voice_that_there_is_not_is_told_when_the_part_opens():
    async with service() as sim:
        with pytest.raises(ConnectionError, match="choose a voice") as caught:
            async with voice(sim, voice="nobody"):
                pass
        assert caught.value.code == "voice_id_does_not_exist"


async def test_a_voice_that_a_session_chose_wrongly_is_told_and_the_next_sentence_works():
    async with service() as sim, voice(sim) as part:
        with pytest.raises(ConnectionError, match="choose a voice"):
            await said(part, "Hi.", voice="nobody")
        assert await said(part, "Hi.")


async def test_a_cut_in_mid_sentence_is_one_error_and_the_next_sentence_works():
    async def cut(part: ElevenLabsSpeech, sim: Simulator) -> None:
        async with aclosing(part.speak(SENTENCE)) as speech:
            async for _ in speech:
                sim.cut()

    async with service() as sim, voice(sim) as part:
        with pytest.raises(ConnectionError) as caught:
            await cut(part, sim)
        assert caught.value.code == "connection_lost"
        assert await said(part, "Hi.")


async def test_a_sentence_without_a_sound_is_an_error():
    def mute() -> MockProvider:
        return MockProvider(MockConfig(respond=lambda turn: MockReply("x", audio=b"")))

    async with service(provider=mute) as sim, voice(sim) as part:
        with pytest.raises(ProviderError, match="no sound") as caught:
            await said(part, "Hi.")
        assert caught.value.code == "no_audio"


async def test_nonsense_from_the_service_is_logged_and_does_no_harm(caplog):
    caplog.set_level(logging.INFO, "voicechatengine")
    async with service(faults=Faults(garbage_every=2)) as sim, voice(sim) as part, ears(sim) as ear:
        assert await said(part, SENTENCE)
        assert (await heard(ear, spoken(1.0)))[-1].final
    assert "cannot be read" in caplog.text


# ------------------------------------------------------------------ both


@pytest.mark.parametrize("opened", [ears, voice])
@pytest.mark.parametrize(
    ("config", "accepted"), [({"api_key": "it-is-invalid"}, None), ({"api_key": "wrong-key"}, "right-key")]
)
async def test_a_wrong_key_is_told_when_a_part_opens(opened, config, accepted):
    async with service(api_key=accepted) as sim:
        with pytest.raises(AuthenticationError, match="check the API key") as caught:
            async with opened(sim, **config):
                pass
        assert config["api_key"] not in str(caught.value)


@pytest.mark.parametrize("opened", [ears, voice])
async def test_a_service_that_wants_a_pause_says_how_long(opened):
    async with service(faults=Faults(rate_limit=1, retry_after_s=2.5)) as sim:
        with pytest.raises(RateLimitError) as caught:
            async with opened(sim):
                pass
        assert caught.value.retry_after == 2.5


QUOTA = {"message_type": "quota_exceeded", "error": "You have exceeded your quota."}


async def test_a_quota_that_is_used_up_is_told_when_the_ears_open():
    part = ElevenLabsRecogniser(configured(), connector=scripted(QUOTA, close=Close(1000)))
    with pytest.raises(RateLimitError, match="larger plan"):
        await part.open()


async def test_a_quota_that_is_used_up_is_told_when_the_voice_opens():
    told = {"message": "This request exceeds your quota.", "error": "quota_exceeded", "code": 1008}
    part = ElevenLabsSpeech(configured(), connector=scripted(told, close=Close(1008)))
    with pytest.raises(RateLimitError, match="larger plan"):
        await part.open()


async def test_a_format_that_the_plan_has_not_is_told_when_the_voice_opens():
    told = {"message": "Only on Pro.", "error": "output_format_not_allowed", "code": 1008}
    part = ElevenLabsSpeech(configured(), connector=scripted(told, close=Close(1008)))
    with pytest.raises(AuthenticationError, match="another format"):
        await part.open()


async def test_a_server_that_is_not_ready_in_time_is_told():
    part = ElevenLabsRecogniser(configured(timeouts=Timeouts(session=1.0)), connector=scripted())
    with pytest.raises(ConnectionError, match="not ready within 1 s"):
        await part.open()


async def test_a_server_that_hangs_up_at_once_is_told():
    part = ElevenLabsRecogniser(configured(), connector=scripted(close=Close(1011, "busy")))
    with pytest.raises(ConnectionError, match="code 1011"):
        await part.open()


async def test_parts_that_are_not_open_say_so():
    async with service() as sim:
        async with ears(sim) as ear, voice(sim) as part:
            pass
        with pytest.raises(ConnectionError, match="closed"):
            await heard(ear, spoken(0.1))
        with pytest.raises(ConnectionError, match="closed"):
            await said(part, "Hi.")
        await ear.open()
        assert (await heard(ear, spoken(0.5)))[-1].final
        await ear.close()


async def test_closing_while_another_connection_is_opened_leaves_none():
    async with service() as sim, voice(sim) as part:
        speaking = asyncio.ensure_future(said(part, "Hi.", voice="21m00Tcm4TlvDq8ikWAM"))
        await asyncio.sleep(0)
        await part.close()
        with pytest.raises(ConnectionError):
            await speaking
        await asyncio.sleep(1)
        assert all(connection.ended is not None for connection in sim.connections)


async def test_a_change_of_voice_that_is_given_up_is_made_by_the_next_sentence():
    async with service() as sim, voice(sim) as part:
        speaking = asyncio.ensure_future(said(part, "Hi.", voice="21m00Tcm4TlvDq8ikWAM"))
        await asyncio.sleep(0)
        speaking.cancel()
        await asyncio.wait([speaking])
        assert await said(part, "Hi.", voice="21m00Tcm4TlvDq8ikWAM")
        assert await said(part, "Hi.")


def test_a_part_has_the_format_that_was_configured():
    assert ElevenLabsRecogniser(configured(input_format=FORM)).format == FORM
    assert ElevenLabsSpeech(configured()).format == AudioFormat()
