"""Checked by mypy and pyright, never run: tools, barge-in and what the engine tells of them."""

from __future__ import annotations

from typing import assert_type

from voicechatengine import (
    BargeIn,
    FunctionTool,
    OpenAIProvider,
    Reply,
    Telemetry,
    Tool,
    ToolCall,
    VoiceEngine,
)


def add(a: int, b: int) -> int:
    return a + b


async def wait(seconds: float) -> None: ...


async def with_tools(provider: OpenAIProvider) -> None:
    engine = VoiceEngine(provider, tools=[add, wait, FunctionTool(add, name="plus", timeout=5)])

    @engine.tool
    def double(x: int) -> int:
        return 2 * x

    @engine.tool(name="halve", timeout=1.5)
    async def half(x: int) -> float:
        return x / 2

    assert_type(double(2), int)
    assert_type(await half(3), float)
    assert_type(engine.tool(add)(1, 2), int)
    async with engine:
        await engine.add_tool(wait)
        await engine.remove_tool("wait")
        await engine.update_session(instructions="Be brief.", tools=[Tool("other")])
        await engine.update_session(instruction="")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        reply = await engine.ask("How much is 3 + 4?")
        assert_type(reply, Reply)
        assert_type(reply.tool_calls, tuple[ToolCall, ...])
        assert_type(engine.tools, tuple[Tool, ...])
        assert_type(engine.metrics.turns[0].tool_ms, float | None)


def how_speech_interrupts(provider: OpenAIProvider) -> None:
    VoiceEngine(provider, barge_in=BargeIn(min_speech_ms=600, resume_ms=1500), telemetry=Telemetry())
    VoiceEngine(provider, barge_in=False)
    VoiceEngine(provider, barge_in=300)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    VoiceEngine(provider, tools=[3])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
