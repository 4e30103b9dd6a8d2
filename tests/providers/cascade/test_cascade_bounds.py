"""What holds of a cascade whatever happens: memory, tasks and parts at any moment, and capabilities that are the truth."""

from __future__ import annotations

import asyncio
import itertools
import tracemalloc
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from scripted import FORM, VOICE, Listener, Llm, Stt, Tts, cascade, say, speech

from voicechatengine import AudioChunk, AudioFormat, Limits, ResponseCompleted
from voicechatengine import MessageType as Send
from voicechatengine.errors import ConnectionError, MessageError
from voicechatengine.messages import OPTIONS, Image, Tool, ToolResult, Transcription, TurnDetection
from voicechatengine.providers.cascade import Call, CascadeProvider, EnergyTurns, Finished, Words
from voicechatengine.session.grammar import Grammar

BOUND = 500_000  # bytes: ten seconds of audio
STORY = "Once upon a time there was a king. " * 36  # a minute of sound
QUICK = Limits(received_bytes=BOUND)


async def test_minutes_of_speech_that_nobody_reads_are_dropped_but_for_the_end_and_the_session_lives():
    """Memory stays below the bound, and one error says what was lost; who reads in time misses nothing."""
    provider = cascade(llm=Llm(STORY, STORY, STORY), tts=Tts(delay=0.001), limits=QUICK)
    slow, quick = provider.events(), provider.events()
    await provider.connect()
    heard, before = 0, 0
    tracemalloc.start()
    for turn in range(3):
        await provider.create_response()
        async for event in quick:
            heard += len(event.data["audio"]) if event.type == "audio_chunk" else 0
            if event.type == "response_completed":
                break
        if turn == 0:
            before, _ = tracemalloc.get_traced_memory()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert VOICE.duration_ms(heard) > 150_000
    assert after - before < BOUND
    assert provider.is_connected()
    await provider.disconnect()
    late = [event async for event in slow]
    assert (late[0].type, late[0].data["code"]) == ("error", "overflow")
    kept = sum(len(event.data["audio"]) for event in late if event.type == "audio_chunk")
    assert BOUND // 2 < kept <= BOUND
    assert [event.type for event in late].count("error") == 1
    assert [event.type for event in late].count("response_completed") == 3
    grammar = Grammar()
    assert [wrong for event in late if (wrong := grammar.check(event.data))] == []


# ------------------------------------------------------------------ an end at any moment


async def whole(provider: CascadeProvider, listener: Listener) -> None:
    """A spoken turn, a tool round, a written turn that is interrupted."""
    await provider.connect()
    await say(provider, -200, 600, -900)
    await listener.until(ResponseCompleted)
    await provider.send_message(Send.TOOL_RESULT, ToolResult("c1", "noon"))
    await provider.create_response()
    await listener.until(AudioChunk)
    await provider.send_audio(speech(300, -900))
    await provider.send_text("And then?")
    await provider.create_response()
    await listener.until(ResponseCompleted, 3)


def parts() -> tuple[Stt, Llm, Tts]:
    called = [Words("Let me see."), 0.2, Call("c1", "clock", "{}"), Finished()]
    return Stt("what time is it", opens_in=0.2), Llm(called, STORY[:200], opens_in=0.1), Tts(opens_in=0.3)


@pytest.mark.parametrize("ends", ["disconnect", "cancel", "both"])
async def test_a_conversation_that_ends_at_any_moment_leaves_nothing(ends: str):
    """Every 70 ms of it: no task, no part at work or open, every reply closed, and a session can be opened again."""
    moments = 0
    for moment in itertools.count(1):
        stt, llm, tts = parts()
        provider = cascade(stt, llm, tts, turns=EnergyTurns(), tools=[Tool("clock")])
        listener = Listener(provider)
        reading = asyncio.create_task(listener.read())
        talk = asyncio.create_task(whole(provider, listener))
        await asyncio.wait([talk], timeout=0.07 * moment)
        over = talk.done()
        if ends in ("cancel", "both"):
            talk.cancel()
        if ends == "cancel":
            await asyncio.wait([talk])
        await provider.disconnect()
        await provider.disconnect()
        talk.cancel()
        (left,) = await asyncio.gather(talk, return_exceptions=True)
        assert left is None or isinstance(left, (ConnectionError, asyncio.CancelledError)), left
        await asyncio.wait([reading], timeout=5)  # its end asserts that no reply is open
        assert reading.done(), (moment, ends)
        reading.result()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert [part.is_open for part in (stt, llm, tts)] == [False, False, False]
        assert (stt.working, tts.working) == (0, 0)
        moments = moment
        if over:
            break
    assert moments > 30
    await provider.connect()
    await provider.disconnect()


# ------------------------------------------------------------------ what it says that it can do

VALUES: dict[str, Any] = {
    "model": "m", "voice": "v", "language": "en", "instructions": "Be brief.", "tools": [Tool("clock")], "tool_choice": "none",
    "modalities": ("text",), "turn_detection": TurnDetection(), "transcription": Transcription(), "input_audio_format": FORM,
    "output_audio_format": VOICE, "max_tokens": 9, "vendor": {"a": 1},
}  # fmt: skip
SENDS: dict[str, Callable[[CascadeProvider], Coroutine[Any, Any, None]]] = {
    "text_input": lambda provider: provider.send_text("Hi"),
    "audio_input": lambda provider: provider.send_audio(speech(20)),
    "manual_turns": lambda provider: provider.send_message(Send.ACTIVITY_END, {}),
    "image_input": lambda provider: provider.send_message(Send.IMAGE, Image(b"PNG")),
    "audio_output": lambda provider: provider.create_response(("audio",)),
    "text_output": lambda provider: provider.create_response(("text",)),
}


@pytest.mark.parametrize("images", [False, True])
@pytest.mark.parametrize("speaks", [False, True])
@pytest.mark.parametrize("hears", ["nothing", "by hand", "turns"])
async def test_capabilities_are_the_truth_both_ways(hears: str, speaks: bool, images: bool):
    """Of every mix of parts: what is claimed works, and what is not raises before anything is sent."""
    provider = cascade(
        None if hears == "nothing" else Stt(),
        Llm(),
        Tts() if speaks else None,
        turns=EnergyTurns() if hears == "turns" else None,
        images=images,
    )
    can = provider.get_capabilities()
    await provider.connect()
    try:
        assert set(VALUES) == set(OPTIONS)
        for name, value in VALUES.items():
            claimed = name in can["session_update"]
            if name == "turn_detection":
                claimed = bool(can["turn_detection"])
            assert await works(provider.update_session(**{name: value})) is claimed, name
        for name, send in SENDS.items():
            assert await works(send(provider)) is bool(can.get(name)), name
        for kind, form in (("input", "input_audio_format"), ("output", "output_audio_format")):
            claimed = can.get(f"{kind}_formats", ())
            for told in claimed:
                assert await works(provider.update_session(**{form: told}))
            assert not await works(provider.update_session(**{form: AudioFormat(sample_rate=11_025)}))
    finally:
        await provider.disconnect()


async def works(sending: Coroutine[Any, Any, None]) -> bool:
    try:
        await sending
    except MessageError:
        return False
    return True
