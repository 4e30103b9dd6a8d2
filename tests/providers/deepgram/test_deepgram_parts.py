"""The parts against the simulator, in virtual time: what they hear, say, drop and survive."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from voicechatengine import AudioFormat, AuthenticationError, ConnectionError, MessageError
from voicechatengine.audio.tone import tone
from voicechatengine.errors import ProtocolError
from voicechatengine.provider import Retry
from voicechatengine.providers.cascade import Heard, Turn
from voicechatengine.providers.deepgram import Cut, DeepgramConfig, DeepgramRecogniser, DeepgramSpeech
from voicechatengine.session.dialect import Endpoint
from voicechatengine.session.refusal import refused
from voicechatengine.session.transport import Connector, MemoryTransport, Transport, memory_pair
from voicechatengine.simulators import Faults, Simulator, memory_connector
from voicechatengine.simulators.responder import responder
from voicechatengine.simulators.vendors import vendor

FORM = AudioFormat(sample_rate=16_000)
FRAME = FORM.size_of(20)
SPEECH = tone(FORM, 1_000)
PAUSE = FORM.silence(1_000)


def service(*words: str, **options: Any) -> Simulator:
    def behind() -> Any:
        return responder("Deepgram", transcripts=words)

    return Simulator(vendor("deepgram"), provider=behind if words else None, seed=1, **options)


@asynccontextmanager
async def ears(
    sim: Simulator | Connector, *, retry: Retry | None = None, **options: Any
) -> AsyncIterator[DeepgramRecogniser]:
    config = DeepgramConfig(api_key="k", url="ws://simulated", retry=retry or Retry(), **options)
    connector = memory_connector(sim) if isinstance(sim, Simulator) else sim
    part = DeepgramRecogniser(config, connector=connector, rng=random.Random(1))
    try:
        await part.open()
        yield part
    finally:
        await part.close()


@asynccontextmanager
async def mouth(sim: Simulator, **options: Any) -> AsyncIterator[DeepgramSpeech]:
    config = DeepgramConfig(api_key="k", url="ws://simulated", **options)
    part = DeepgramSpeech(config, connector=memory_connector(sim), rng=random.Random(1))
    try:
        await part.open()
        yield part
    finally:
        await part.close()


async def hear(part: DeepgramRecogniser, *stretches: bytes) -> list[Turn]:
    """Lets the part hear audio as it is spoken."""
    turns: list[Turn] = []
    for audio in stretches:
        for at in range(0, len(audio), FRAME):
            turns += part.hear(audio[at : at + FRAME])
            await asyncio.sleep(0.02)
    return turns


async def spoken(*stretches: bytes, ends: bool = True) -> AsyncIterator[bytes]:
    for audio in stretches:
        for at in range(0, len(audio), FRAME):
            yield audio[at : at + FRAME]
            await asyncio.sleep(0.02)
    if not ends:
        await asyncio.Event().wait()


async def words(part: DeepgramRecogniser, audio: AsyncIterator[bytes]) -> list[str]:
    return [heard.text async for heard in part.recognise(audio) if heard.final]


async def sound(part: DeepgramSpeech, text: str, **options: Any) -> int:
    """Milliseconds that a sentence sounds."""
    size = 0
    async for audio in part.speak(text, **options):
        size += len(audio)
    return round(part.format.duration_ms(size))


def kinds(turns: Sequence[Turn]) -> list[str]:
    return [turn.kind for turn in turns]


# ------------------------------------------------------------------ ears


async def test_one_connection_hears_turns_and_their_words():
    sim = service("Hello there.", "How are you?")
    async with ears(sim, eager_eot_threshold=0.5) as part:
        for text, began in (("Hello there.", 1_000), ("How are you?", 4_000)):
            turns = await hear(part, PAUSE, SPEECH)
            assert kinds(turns) == ["began"]
            assert abs(turns[0].at_ms - began) <= 160  # a piece of 80 ms, and the 60 of an onset
            recognising = asyncio.create_task(words(part, spoken(ends=False)))
            turns = await hear(part, PAUSE)
            assert kinds(turns) == ["likely_end", "ended"]
            assert [turn.at_ms for turn in turns] == [began + 1_000] * 2
            assert await recognising == [text]
    assert len(sim.connections) == 1
    assert [frame for frame in sim.received if isinstance(frame, dict)] == []


async def test_words_can_be_asked_for_after_the_turn():
    async with ears(service("Hello there.")) as part:
        assert kinds(await hear(part, SPEECH, PAUSE)) == ["began", "ended"]
        (heard,) = [heard async for heard in part.recognise(spoken(SPEECH))]
        assert isinstance(heard, Heard)
        assert (heard.text, heard.final) == ("Hello there.", True)


async def test_an_utterance_is_sent_and_ended_where_another_part_finds_turns():
    sim = service("Hello there.", "And again.")
    async with ears(sim) as part:
        async for heard in part.recognise(spoken(SPEECH, PAUSE, SPEECH, PAUSE)):
            assert heard.final
            assert heard.text == "Hello there."
            assert heard.usage is not None
            assert heard.usage.input_seconds == 4.0
        assert await words(part, spoken(SPEECH)) == ["And again."]
        assert await words(part, spoken(PAUSE)) == [""]
    manual = {"type": "Configure", "thresholds": {"eot_threshold": 1.0, "eot_timeout_ms": 60_000}}
    end = {"type": "ForceEndTurn"}
    assert [frame for frame in sim.received if isinstance(frame, dict)] == [manual, end, end, end]


async def test_the_ways_of_ending_turns_can_change():
    async with ears(service("one", "two", "three")) as part:
        assert await words(part, spoken(SPEECH)) == ["one"]
        assert kinds(await hear(part, PAUSE, SPEECH, PAUSE)) == ["began", "ended"]
        assert await words(part, spoken()) == ["two"]
        assert await words(part, spoken(SPEECH)) == ["three"]


class Flux:
    """A far end that a test speaks for."""

    def __init__(self) -> None:
        self.line: MemoryTransport | None = None
        self.reading: asyncio.Task[Any] | None = None

    async def connect(self, endpoint: Endpoint) -> Transport:
        ours, self.line = memory_pair()
        self.reading = asyncio.create_task(self.line.pump(lambda frame: None))
        await self.line.send(b'{"type":"Connected"}', False)
        return ours

    async def say(self, event: str, turn: int, text: str) -> None:
        assert self.line is not None
        info = {"type": "TurnInfo", "event": event, "turn_index": turn, "transcript": text}
        await self.line.send(json.dumps(info).encode(), False)
        await asyncio.sleep(0.1)


async def test_words_come_while_they_are_spoken_and_again_when_the_speaker_goes_on():
    flux = Flux()
    async with ears(flux.connect) as part:
        await flux.say("StartOfTurn", 0, "")
        texts: list[tuple[str, bool]] = []

        async def follow(audio: AsyncIterator[bytes]) -> None:
            texts.extend([(heard.text, heard.final) async for heard in part.recognise(audio)])

        first = asyncio.create_task(follow(spoken(SPEECH[: 10 * FRAME])))
        for event, text in (("Update", "one"), ("Update", "one two"), ("EagerEndOfTurn", "one two")):
            await flux.say(event, 0, text)
        await first
        assert texts == [("one", False), ("one two", False), ("one two", True)]
        await flux.say("TurnResumed", 0, "one two three")
        assert kinds(part.hear(b"")) == ["began", "likely_end", "resumed"]
        texts.clear()
        second = asyncio.create_task(follow(spoken(ends=False)))
        await flux.say("EndOfTurn", 0, "one two three four")
        await second
        assert texts == [("one two three", False), ("one two three four", True)]
        await flux.say("EndOfTurn", 0, "of a turn that is over")
        assert kinds(part.hear(b"")) == ["ended"]


async def test_an_utterance_that_is_given_up_leaves_no_words_to_the_next():
    async with ears(service("given up", "wanted")) as part:
        async with aclosing(part.recognise(spoken(SPEECH, ends=False))) as giving_up:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.5):
                    await anext(giving_up)
        assert await words(part, spoken(PAUSE, SPEECH)) == ["wanted"]


async def test_a_turn_that_is_taken_by_hand_is_ended_and_told_no_more():
    sim = service("as far as it went", "the next")
    async with ears(sim) as part:
        assert kinds(await hear(part, SPEECH)) == ["began"]
        recognising = asyncio.create_task(words(part, spoken(ends=False)))
        part.reset()
        part.reset()
        assert await recognising == ["as far as it went"]
        assert kinds(await hear(part, PAUSE, SPEECH, PAUSE)) == ["began", "ended"]
        assert await words(part, spoken()) == ["the next"]
    assert [frame for frame in sim.received if isinstance(frame, dict)] == [{"type": "ForceEndTurn"}]


async def test_a_connection_that_is_cut_in_mid_turn_ends_the_turn_with_one_error_and_the_next_works():
    sim = service("after the cut")
    async with ears(sim) as part:
        assert kinds(await hear(part, SPEECH)) == ["began"]
        recognising = asyncio.create_task(words(part, spoken(ends=False)))
        await asyncio.sleep(0)
        sim.cut()
        with pytest.raises(ConnectionError, match="code 1006"):
            await recognising
        assert kinds(await hear(part, PAUSE)) == ["ended"]
        assert kinds(await hear(part, SPEECH, PAUSE)) == ["began", "ended"]
        assert await words(part, spoken()) == ["after the cut"]


async def test_a_connection_that_is_cut_in_mid_utterance_gives_one_error_and_the_next_works():
    sim = service("after the cut")
    async with ears(sim) as part:
        recognising = asyncio.create_task(words(part, spoken(SPEECH, SPEECH)))
        await asyncio.sleep(0.5)
        sim.cut()
        with pytest.raises(ConnectionError, match="code 1006"):
            await recognising
        assert await words(part, spoken(SPEECH)) == ["after the cut"]


async def test_a_connection_that_is_cut_between_turns_costs_nothing():
    """Positions go on, and what was said meanwhile is heard."""
    sim = service("after the cut")
    async with ears(sim) as part:
        assert await hear(part, PAUSE) == []
        sim.cut()
        turns = await hear(part, SPEECH, PAUSE)
        assert kinds(turns) == ["began", "ended"]
        assert abs(turns[1].at_ms - 2_000) <= 20
        assert await words(part, spoken()) == ["after the cut"]


async def test_a_service_that_stays_away_is_told_once_and_tried_again():
    sim = service("back again")
    away: list[ConnectionError] = []
    connect = memory_connector(sim)

    async def connector(endpoint: Endpoint) -> Transport:
        if away:
            raise away[0]
        return await connect(endpoint)

    async with ears(connector, retry=Retry(attempts=3)) as part:
        away.append(ConnectionError("no connection to ws://simulated"))
        sim.cut()
        with pytest.raises(ConnectionError, match="no connection to ws://simulated"):
            await hear(part, *[PAUSE] * 60)
        away.clear()
        assert kinds(await hear(part, PAUSE, SPEECH, PAUSE)) == ["began", "ended"]
        assert await words(part, spoken()) == ["back again"]


async def test_what_the_service_says_ends_an_utterance_with_its_own_words():
    sim = service("never", faults=Faults(expire_after_s=0.5, connections=1))
    async with ears(sim) as part:
        with pytest.raises(ConnectionError, match="maximum session duration"):
            await words(part, spoken(SPEECH))


@pytest.mark.parametrize(
    ("options", "field"), [({"language": "de"}, "language"), ({"prompt": "names"}, "transcription.prompt")]
)
async def test_what_flux_does_not_take_is_refused(options, field):
    async with ears(service()) as part:
        with pytest.raises(MessageError) as refusal:
            await anext(part.recognise(spoken(SPEECH), **options))
        assert refusal.value.field == field


async def test_a_language_is_a_hint_where_the_model_takes_one():
    sim = service("Guten Tag")
    async with ears(sim, model="flux-general-multi") as part:
        texts = [heard.text async for heard in part.recognise(spoken(SPEECH), language="de")]
    assert texts == ["Guten Tag"]
    assert {"type": "Configure", "language_hints": ["de"]} in sim.received


async def test_an_error_of_whoever_speaks_comes_through():
    async def broken() -> AsyncIterator[bytes]:
        yield SPEECH
        raise RuntimeError("the microphone is gone")

    async with ears(service("never", "later")) as part:
        with pytest.raises(RuntimeError, match="microphone"):
            await words(part, broken())
        assert await words(part, spoken(PAUSE, SPEECH)) == ["later"]


async def test_a_part_that_is_closed_says_so():
    part = DeepgramRecogniser(DeepgramConfig(api_key="k", url="ws://simulated"))
    assert part.settings == ()
    part.reset()
    with pytest.raises(ConnectionError, match="is closed"):
        part.hear(SPEECH)
    with pytest.raises(ConnectionError, match="is closed"):
        await words(part, spoken(SPEECH))
    await part.close()


# ------------------------------------------------------------------ mouth


@pytest.mark.parametrize("voice", ["flux-haley-en", "aura-2-thalia-en"])
async def test_sentences_follow_each_other_on_one_connection(voice):
    sim = service()
    async with mouth(sim, voice=voice) as part:
        assert await sound(part, "A sentence of so many letters.") == 2_000
        assert await sound(part, "Short one here.") == 1_000
        assert await sound(part, "…") == 0
    assert len(sim.connections) == 1
    assert sim.connections[0].query["model"] == voice


@pytest.mark.parametrize(
    ("voice", "stop", "cut"),
    [
        (
            "flux-haley-en",
            {"type": "Interrupt", "playback_offset": {"type": "time_ms", "value": 300}},
            Cut("A long ", "sentence that is soon interrupted."),
        ),
        ("aura-2-thalia-en", {"type": "Clear"}, None),
    ],
)
async def test_a_sentence_that_is_closed_early_is_stopped_and_the_next_begins_clean(voice, stop, cut):
    sim = service()
    async with mouth(sim, voice=voice) as part:
        taken = 0
        async with aclosing(part.speak("A long sentence that is soon interrupted.")) as speech:
            async for audio in speech:
                taken += len(audio)
                if part.format.duration_ms(taken) >= 300:
                    break
        assert await sound(part, "Short one here.") == 1_000
        assert part.cut == cut
    assert stop in sim.received
    assert len(sim.connections) == 1


async def test_a_sentence_that_is_given_up_before_its_first_sound_is_not_heard():
    sim = service()
    async with mouth(sim) as part:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await sound(part, "A long sentence that nobody will hear.")
        assert await sound(part, "Short one here.") == 1_000


async def test_another_voice_takes_another_connection():
    sim = service()
    async with mouth(sim) as part:
        await sound(part, "One.")
        await sound(part, "Two.", voice="aura-2-viktoria-de", language="de-DE")
        await sound(part, "Three.")
    models = [connection.query["model"] for connection in sim.connections]
    assert models == ["flux-haley-en", "aura-2-viktoria-de", "flux-haley-en"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"voice": "alloy"}, "none of Deepgram's"),
        ({"language": "fr"}, "flux-haley-en is of 'en', not of 'fr'"),
    ],
)
async def test_a_voice_that_cannot_be_is_refused(options, words):
    sim = service()
    async with mouth(sim) as part:
        with pytest.raises(MessageError, match=words):
            await sound(part, "One.", **options)
    assert sim.received == []


async def test_a_connection_that_is_cut_in_mid_sentence_gives_one_error_and_the_next_is_said():
    sim = service(faults=Faults(drop_after_sent=6, connections=1))
    async with mouth(sim) as part:
        with pytest.raises(ConnectionError, match="code 1006"):
            await sound(part, "A sentence of so many letters.")
        assert await sound(part, "Short one here.") == 1_000


async def test_nonsense_ends_the_connection_and_the_next_sentence_is_said():
    sim = service(faults=Faults(garbage_every=1, connections=1))
    async with mouth(sim) as part:
        with pytest.raises(ProtocolError, match="cannot be read"):
            await sound(part, "A sentence of so many letters.")
        assert await sound(part, "Short one here.") == 1_000


# ------------------------------------------------------------------ who is not let in


def refusing(status: int, body: str) -> Connector:
    async def connector(endpoint: Endpoint) -> Transport:
        raise refused(status, body, None)

    return connector


@pytest.mark.parametrize(
    ("status", "body", "kind", "words", "cure"),
    [
        (
            401,
            '{"err_code":"INVALID_AUTH","err_msg":"Invalid credentials.","request_id":"r"}',
            AuthenticationError,
            "Invalid credentials",
            "check the API key",
        ),
        (
            402,
            '{"err_code":"ASR_PAYMENT_REQUIRED","err_msg":"Project does not have enough credits.","request_id":"r"}',
            ConnectionError,
            "enough credits",
            "add credit",
        ),
        (
            400,
            '{"err_code":"Bad Request","err_msg":"Bad Request: No such model found.","request_id":"r"}',
            ConnectionError,
            "No such model",
            "change what it names",
        ),
        (200, "<!doctype html><html>", ProtocolError, "something else", "this url serves web pages"),
    ],
)
async def test_who_is_not_let_in_is_told_why_and_what_to_change(status, body, kind, words, cure):
    config = DeepgramConfig(api_key="k", url="ws://simulated")
    for part in (
        DeepgramRecogniser(config, connector=refusing(status, body)),
        DeepgramSpeech(config, connector=refusing(status, body)),
    ):
        with pytest.raises(kind, match=words) as told:
            await part.open()
        assert told.value.cure.startswith(cure)
        await part.close()
