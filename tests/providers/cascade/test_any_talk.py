"""Whatever is sent, whenever, and whatever the parts do: the grammar holds, nothing hangs and nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import Llm, Stt, Tts, cascade, speech, talking

from voicechatengine import ConnectionError, MessageType, TurnDetection
from voicechatengine.messages import ItemTruncate, ToolResult
from voicechatengine.providers.cascade import Call, CascadeProvider, EnergyTurns, Finished, Words
from voicechatengine.testing import run_virtual

REPLIES: list[list[object]] = [
    [Words("One. Two. Three is a longer one. Four."), Finished()],
    [0.5, Words("Late. Very "), 1.0, Words("late."), Finished(keep=1)],
    [Words("Call."), Call("c1", "f", "{}"), Finished()],
    [Words("Half. An"), ConnectionError("cut")],
    [Words("No end.")],
    [100.0, Finished()],
]
ACTIONS = (
    "speak", "pause", "text", "ask", "interrupt", "commit", "clear", "end", "manual", "turns", "truncate", "result", "wait",
)  # fmt: skip


async def act(provider: CascadeProvider, action: str) -> None:
    match action:
        case "speak":
            await provider.send_audio(speech(400))
        case "pause":
            await provider.send_audio(speech(-350))
        case "text":
            await provider.send_text("hi")
        case "ask":
            await provider.create_response()
        case "interrupt":
            await provider.interrupt()
        case "manual" | "turns":
            await provider.update_session(turn_detection=None if action == "manual" else TurnDetection())
        case "truncate":
            items = [item.id for item in provider.history if item.id] or ["none"]
            await provider.send_message(MessageType.ITEM_TRUNCATE, ItemTruncate(items[-1], 300))
        case "result":
            await provider.send_message(MessageType.TOOL_RESULT, ToolResult("c1", "1"))
        case "wait":
            await asyncio.sleep(2)
        case _:
            kind = {"commit": "audio_commit", "clear": "audio_clear", "end": "activity_end"}[action]
            await provider.send_message(MessageType(kind), {})


async def talk(
    actions: Sequence[tuple[str, float]], replies: Sequence[int], delays: tuple[float, float]
) -> None:
    stt = Stt("one", "", ConnectionError("gone"), "two", "three", delay=delays[0])
    llm = Llm(*(REPLIES[index] for index in replies))  # type: ignore[arg-type]  # a list of lists of outputs
    tts = Tts(delay=delays[1])
    provider = cascade(stt, llm, tts, turns=EnergyTurns())
    async with talking(provider) as listener:
        for action, wait in actions:
            await act(provider, action)
            await asyncio.sleep(wait)
    assert listener.types.count("response_started") == listener.types.count("response_completed")
    assert not stt.working
    assert not tts.working


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from([0.0, 0.01, 0.4])), max_size=25),
    st.lists(st.integers(0, len(REPLIES) - 1), max_size=8),
    st.tuples(st.sampled_from([0.0, 0.3]), st.sampled_from([0.0, 0.2])),
)
def test_the_grammar_holds_and_nothing_is_left(actions, replies, delays):
    """`run_virtual` fails where a task is left or time stands still; the listener checks the grammar."""
    run_virtual(talk(actions, replies, delays))
