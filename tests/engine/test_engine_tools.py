"""Tools in a conversation: every call answered once, the next reply asked for once, and what an interruption leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from puppet import CAN, FORMAT, Mic, Puppet, Sink, answer, at, now

from voicechatengine import (
    ConnectionError,
    ConnectionState,
    ErrorInfo,
    Interrupted,
    MessageError,
    MessageType,
    MockConfig,
    MockProvider,
    ProviderError,
    ResponseCompleted,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    StateChanged,
    TextChunk,
    Tool,
    ToolCall,
    ToolCallCancelled,
    VoiceEngine,
)
from voicechatengine.audio.tone import tone
from voicechatengine.engine.io import MemorySource
from voicechatengine.engine.tools import FunctionTool
from voicechatengine.events import Event
from voicechatengine.messages import ResponseCreate, ToolCallItem, ToolResult, ToolResultItem
from voicechatengine.providers.mock import MockCall, MockReply


async def inline(call: Callable[[], Any]) -> Any:
    return call()


def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


async def slow(seconds: float) -> str:
    """Takes its time."""
    await asyncio.sleep(seconds)
    return f"{seconds:g} s"


def mock(*script: MockReply, **options: Any) -> MockProvider:
    return MockProvider(MockConfig(script=script, **options))


def calls(*those: tuple[str, Any], text: str = "") -> MockReply:
    return MockReply(text, calls=[MockCall(name=name, arguments=given) for name, given in those])


def engine_of(provider: Any, *tools: Any, **options: Any) -> VoiceEngine:
    return VoiceEngine(provider, tools=tools, run_sync=inline, **options)


def results(provider: MockProvider) -> list[tuple[str, bool]]:
    return [
        (record.payload.output, record.payload.is_error)
        for record in provider.recording
        if isinstance(record.payload, ToolResult)
    ]


def sent(provider: MockProvider) -> list[str]:
    return [record.type for record in provider.recording if record.direction == "sent"]


CAN_CALL = {**CAN, "tools": True}


def puppet() -> Puppet:
    return Puppet(CAN_CALL)  # type: ignore[arg-type]


def call(call_id: str, name: str, arguments: str = "{}", response: str | None = "r") -> ToolCall:
    return ToolCall(call_id, name, arguments, None, response)


def outputs(provider: Puppet) -> list[tuple[float, str, str]]:
    found = []
    for when, result in provider.of("tool_result"):
        assert isinstance(result, ToolResult)
        found.append((when, result.call_id, result.output))
    return found


async def tell(provider: Puppet, *events: Event) -> None:
    """Tells events, and lets whoever hears them act."""
    provider.tell(*events)
    for _ in range(10):
        await asyncio.sleep(0)


# ------------------------------------------------------------------ a turn with tools


async def test_a_question_is_answered_with_what_a_tool_gave():
    provider = mock(calls(("add", {"a": 3, "b": 4}), text="Let me see."))
    async with engine_of(provider, add) as engine:
        reply = await engine.ask("How much is 3 + 4?")
        kinds = [type(item).__name__ for item in engine.history]
    assert reply.text == "Let me see. The result is 7."
    assert [each.name for each in reply.tool_calls] == ["add"]
    assert reply.status == "completed"
    assert reply.usage is not None
    assert reply.usage.output_text_tokens == 3 + 4
    assert kinds == ["MessageItem", "MessageItem", "ToolCallItem", "ToolResultItem", "MessageItem"]
    assert results(provider) == [("7", False)]
    assert sent(provider).count("response_create") == 2
    assert [len(turn.responses) for turn in engine.metrics.turns] == [2]


async def test_the_tools_are_declared_before_the_session_begins():
    provider = mock()
    engine = VoiceEngine(provider, tools=[add])

    @engine.tool(name="wait", timeout=3)
    async def anything(seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)

    assert [tool.name for tool in engine.tools] == ["add", "wait"]
    async with engine:
        assert sent(provider) == ["session_update", "connect"]
    [first, *_] = [record.payload for record in provider.recording]
    assert first["options"].tools == engine.tools  # type: ignore[index]


async def test_calls_of_one_reply_run_at_the_same_time_and_the_next_is_asked_for_after_the_last():
    provider = mock(calls(*(("slow", {"seconds": seconds}) for seconds in (3, 1, 2))))
    async with engine_of(provider, slow) as engine:
        reply = await engine.ask("Go")
    assert now() == pytest.approx(3, abs=0.01 + reply.audio_ms / 1000)
    assert [output for output, _ in results(provider)] == ["1 s", "2 s", "3 s"]
    assert sent(provider)[-5:-1] == ["tool_result", "tool_result", "tool_result", "response_create"]
    assert engine.metrics.turns[0].tool_ms == pytest.approx(3000)
    assert engine.metrics.turns[0].tool_calls == 3


async def test_the_next_reply_waits_for_the_end_of_the_one_that_calls():
    """A tool that is done at once, and a response that goes on for a second."""
    provider = puppet()
    provider.tells_at(
        (1.0, ResponseStarted("r")),
        (1.0, call("c", "add", '{"a": 1, "b": 1}')),
        (2.0, ResponseCompleted("r", tool_calls=1)),
        *at(3.0, answer("s", "a", 100, words="two")),
    )
    async with engine_of(provider, add) as engine:
        reply = await engine.ask("Go")
    assert outputs(provider) == [(1.0, "c", "2")]
    assert [when for when, _ in provider.of("create")] == [0.0, 2.0]
    assert reply.text == "two"


async def test_several_rounds_are_one_turn():
    provider = mock(calls(("add", {"a": 1, "b": 1})), calls(("add", {"a": 2, "b": 2})), MockReply("Four"))
    async with engine_of(provider, add) as engine:
        reply = await engine.ask("Go")
    assert (reply.text, len(reply.tool_calls)) == ("Four", 2)
    assert [output for output, _ in results(provider)] == ["2", "4"]
    assert len(engine.metrics.turns) == 1


async def test_a_model_that_never_stops_calling_is_stopped():
    again = calls(("add", {"a": 1, "b": 1}))
    provider = mock(*[again] * 5, MockReply("Hello"))
    async with engine_of(provider, add, max_tool_rounds=3) as engine:
        with pytest.raises(MessageError, match="more than 3 rounds") as caught:
            await engine.ask("Go")
        assert caught.value.field == "max_tool_rounds"
        assert results(provider) == [("2", False)] * 3 + [("no more tools in this turn", True)]
        reply = await engine.ask("Go on")
    assert (reply.text, len(reply.tool_calls)) == ("Hello", 1)


async def test_without_tools_calls_are_the_applications():
    provider = mock(calls(("add", {"a": 3, "b": 4})))
    async with VoiceEngine(provider) as engine:
        reply = await engine.ask("Go")
        assert [each.parsed for each in reply.tool_calls] == [{"a": 3, "b": 4}]
    assert results(provider) == []


async def test_calls_out_of_band_are_the_applications():
    provider = puppet()
    async with engine_of(provider, add):
        await tell(provider, ResponseStarted("r", out_of_band=True), call("c", "add"), ResponseCompleted("r"))
    assert outputs(provider) == []


async def test_a_vendor_without_responses_gets_its_results_too():
    provider = puppet()
    async with engine_of(provider, add):
        for number in (1, 2):
            await tell(provider, call(f"c{number}", "add", '{"a": 1, "b": 1}', response=None))
    assert [call_id for _, call_id, _ in outputs(provider)] == ["c1", "c2"]
    assert len(provider.of("create")) == 2


async def test_a_spoken_conversation_waits_for_its_tools():
    """The tool takes longer than the engine waits for a reply that is due."""
    provider = puppet()
    sink = Sink()
    provider.tells_at(
        (0.2, ResponseStarted("r")),
        (0.2, call("c", "slow", '{"seconds": 20}')),
        (0.2, ResponseCompleted("r", tool_calls=1)),
        *at(20.5, answer("s", "a", 300)),
    )
    async with engine_of(provider, slow) as engine:
        metrics = await engine.run(MemorySource(tone(FORMAT, 100), FORMAT), sink)
    assert len(sink.heard) == 16 * 300
    assert outputs(provider) == [(20.2, "c", "20 s")]
    assert metrics.turns[0].tool_ms == pytest.approx(20_000)


# ------------------------------------------------------------------ results that are errors


def fails(x: int) -> None:
    """Fails."""
    raise KeyError(f"no {x} for sk-abcdefghijkl")


@pytest.mark.parametrize(
    ("name", "arguments", "output"),
    [
        ("add", {"a": 1}, "tool add, field b: it is required: add has a, b"),
        (
            "add",
            "{",
            "tool add: the arguments are no JSON: Input data was truncated: call again with one JSON object",
        ),
        ("sub", {}, "there is no tool sub; there are add, slow, fails"),
        ("slow", {"seconds": 99}, "slow took longer than 30 s"),
        ("fails", {"x": 5}, "KeyError: 'no 5 for …'"),
    ],
)
async def test_the_model_learns_what_went_wrong(name: str, arguments: Any, output: str):
    provider = mock(calls((name, arguments)), MockReply("Sorry"))
    async with engine_of(provider, add, slow, fails) as engine:
        assert (await engine.ask("Go")).text == "Sorry"
    assert results(provider) == [(output, True)]


async def test_a_failure_is_logged_without_a_key(caplog: pytest.LogCaptureFixture):
    provider = mock(calls(("fails", {"x": 5})), MockReply("Sorry"))
    with caplog.at_level(logging.ERROR, "voicechatengine"):
        async with engine_of(provider, fails) as engine:
            await engine.ask("Go")
    assert "tool fails failed" in caplog.text
    assert "raise KeyError" in caplog.text
    assert "sk-abc" not in caplog.text


async def test_whatever_breaks_the_model_gets_a_result():
    provider = puppet()
    async with engine_of(provider, add):
        await tell(provider, ResponseStarted("r"), call("c", "add", '{"a": ' + "[" * 100_000))
    assert [output for *_, output in outputs(provider)] == ["the call failed: RecursionError"]


async def test_a_result_that_the_provider_refuses_does_not_hold_up_the_turn(caplog: pytest.LogCaptureFixture):
    provider = puppet()
    provider.broken["tool_result"] = MessageError("no such call")
    async with engine_of(provider, add):
        await tell(provider, ResponseStarted("r"), call("c", "add"), ResponseCompleted("r", tool_calls=1))
    assert "c was refused: no such call" in caplog.text
    assert provider.of("create") == []


async def test_a_reply_that_cannot_be_asked_for_is_the_questions_error():
    provider = puppet()
    async with engine_of(provider, add) as engine:
        asking = asyncio.create_task(engine.ask("Go"))
        await asyncio.sleep(0)
        provider.broken["create"] = ProviderError("too many")
        await tell(provider, ResponseStarted("r"), call("c", "add"), ResponseCompleted("r", tool_calls=1))
        with pytest.raises(ProviderError, match="too many"):
            await asking


async def test_a_turn_that_the_vendor_gave_up_is_answered_and_not_continued():
    provider = puppet()
    async with engine_of(provider, add):
        await tell(
            provider, ResponseStarted("r"), call("c", "add"), ResponseCompleted("r", "failed", "server")
        )
    assert len(outputs(provider)) == 1
    assert provider.of("create") == []


# ------------------------------------------------------------------ interruption


class Log:
    """A tool that tells when it was cancelled."""

    def __init__(self) -> None:
        self.cancelled: list[float] = []

    async def work(self) -> None:
        """Works."""
        try:
            await asyncio.sleep(20)
        except asyncio.CancelledError:
            self.cancelled.append(round(now(), 3))
            raise


async def test_an_interruption_cancels_the_tools_and_asks_for_no_reply():
    log, provider = Log(), mock(calls(("work", {})))
    async with engine_of(provider, log.work) as engine:
        asking = asyncio.create_task(engine.ask("Go"))
        await asyncio.sleep(2)
        await engine.interrupt()
        reply = await asking
        await engine.interrupt()
    assert (reply.status, len(reply.tool_calls)) == ("interrupted", 1)
    assert log.cancelled == [2.0]
    assert results(provider) == [("cancelled: the user interrupted", True)]
    assert sent(provider).count("response_create") == 1


async def test_the_result_of_a_thread_that_cannot_be_cancelled_is_dropped():
    provider = mock(calls(("work", {})))
    done = asyncio.Event()

    def work() -> str:
        return "done"

    async def thread(function: Callable[[], Any]) -> Any:
        try:
            await asyncio.sleep(5)
        finally:
            done.set()  # a thread would go on here
        return function()

    async with VoiceEngine(provider, tools=[work], run_sync=thread) as engine:
        asking = asyncio.create_task(engine.ask("Go"))
        await asyncio.sleep(2)
        await engine.interrupt()
        assert (await asking).status == "interrupted"
    assert done.is_set()
    assert results(provider) == [("cancelled: the user interrupted", True)]


async def test_speech_interrupts_a_turn_in_which_only_a_tool_runs():
    log, provider = Log(), puppet()
    provider.tells_at(
        (0.2, ResponseStarted("r")), (0.2, call("c", "work")), (0.2, ResponseCompleted("r", tool_calls=1))
    )
    provider.tells_at((1.0, SpeechStarted()), (1.5, SpeechStopped()), *at(2.0, answer("s", "a", 100)))
    async with engine_of(provider, log.work) as engine:
        await engine.run(Mic(2000), Sink())
    assert log.cancelled == [1.0]
    assert outputs(provider) == [(1.0, "c", "cancelled: the user interrupted")]
    assert provider.of("create") == []


@pytest.mark.parametrize(
    "end",
    [[Interrupted("r"), ResponseCompleted("r", "interrupted")], [ResponseCompleted("r", "interrupted")]],
)
async def test_a_reply_that_the_provider_interrupts_takes_its_tools_along(end: list[Event]):
    log, provider = Log(), puppet()
    async with engine_of(provider, log.work):
        provider.tells_at((0.0, ResponseStarted("r")), (0.0, call("c", "work")), *at(1.0, end))
        await asyncio.sleep(2)
    assert log.cancelled == [1.0]
    assert [output for *_, output in outputs(provider)] == ["cancelled: the user interrupted"]
    assert provider.of("create") == []


async def test_a_call_that_comes_after_the_interruption_of_its_reply_is_not_run():
    log, provider = Log(), puppet()
    async with engine_of(provider, log.work) as engine:
        await tell(provider, ResponseStarted("r"))
        await engine.interrupt()
        await tell(provider, call("c", "work"), ResponseCompleted("r", tool_calls=1))
    assert log.cancelled == []
    assert len(outputs(provider)) == 1
    assert provider.of("create") == []


async def test_a_call_that_the_vendor_cancels_gets_no_result():
    log, provider = Log(), puppet()
    async with engine_of(provider, log.work, add) as engine:
        asking = asyncio.create_task(engine.ask("Go"))
        await tell(
            provider,
            ResponseStarted("r"),
            call("c", "work"),
            call("d", "add", '{"a": 1, "b": 1}'),
            ResponseCompleted("r", tool_calls=2),
        )
        assert len(provider.of("create")) == 1
        await tell(provider, ToolCallCancelled(("c", "unknown")))
        assert len(provider.of("create")) == 2
        await tell(provider, *answer("s", "a", 100))
        assert (await asking).text
        assert [item.call_id for item in engine.history if isinstance(item, ToolCallItem)] == ["d"]
    assert log.cancelled == [0.0]
    assert [call_id for _, call_id, _ in outputs(provider)] == ["d"]


async def test_a_round_of_which_every_call_is_cancelled_is_over():
    log, provider = Log(), puppet()
    async with engine_of(provider, log.work) as engine:
        asking = asyncio.create_task(engine.ask("Go"))
        await tell(provider, ResponseStarted("r"), call("c", "work"), ResponseCompleted("r", tool_calls=1))
        await tell(provider, ToolCallCancelled(("c",)))
        assert (await asking).status == "interrupted"
    assert len(provider.of("create")) == 1


async def test_an_interruption_while_the_next_reply_is_asked_for_stops_that():
    class Slow(Puppet):
        async def create_response(self, modalities: Any = None) -> None:
            await asyncio.sleep(5)
            await super().create_response(modalities)

    provider = Slow(CAN_CALL)  # type: ignore[arg-type]
    async with engine_of(provider, add) as engine:
        await tell(provider, ResponseStarted("r"), call("c", "add"), ResponseCompleted("r", tool_calls=1))
        await asyncio.sleep(1)
        await engine.interrupt()
        await asyncio.sleep(10)
    assert provider.of("create") == []


async def test_a_question_that_is_given_up_stops_its_tools():
    log, provider = Log(), mock(calls(("work", {})))
    async with engine_of(provider, log.work) as engine:
        with pytest.raises(ConnectionError, match="no whole reply"):
            await engine.ask("Go", timeout=3)
    assert log.cancelled == [3.0]


# ------------------------------------------------------------------ the connection


async def test_a_result_that_found_no_session_is_sent_once_there_is_one():
    provider = puppet()
    async with engine_of(provider, add) as engine:
        provider.broken["tool_result"] = ConnectionError("gone")
        await tell(provider, ResponseStarted("r"), call("c", "add", '{"a": 1, "b": 1}'))
        await tell(provider, ResponseCompleted("r", "failed", "connection_lost", tool_calls=1))
        assert provider.of("create") == []
        provider.broken.clear()
        for _ in range(2):
            await tell(provider, StateChanged(ConnectionState.RECONNECTING, ConnectionState.CONNECTED))
            await tell(provider, StateChanged(ConnectionState.CONNECTED, ConnectionState.RECONNECTING))
        assert [item.output for item in engine.history if isinstance(item, ToolResultItem)] == ["2"]
    assert [output for *_, output in outputs(provider)] == ["2", "2"]  # the first one failed
    assert len(provider.of("create")) == 1


async def test_a_call_is_answered_once_across_an_outage():
    """The connection is cut while the tool runs, and back before it is done, or after."""
    for seconds in (1, 9):
        provider = mock(
            MockReply("Wait", calls=[MockCall(name="slow", arguments={"seconds": seconds})]),
            MockReply("Still there?", drop="reconnect", outage_s=5),
            MockReply("Done"),
        )
        async with engine_of(provider, slow) as engine:
            asking = asyncio.create_task(engine.ask("Go"))
            await asyncio.sleep(0.5)
            beside = ResponseCreate(out_of_band=True)  # its script is what cuts the connection
            await provider.send_message(MessageType.RESPONSE_CREATE, beside)
            reply = await asking
        assert reply.text == "Wait Done"
        assert results(provider) == [(f"{seconds} s", False)]


async def test_a_call_that_is_told_again_is_not_run_again():
    provider = puppet()
    ran = []

    def note() -> None:
        """Notes."""
        ran.append(now())

    async with engine_of(provider, note):
        await tell(provider, ResponseStarted("r"), call("c", "note"), ResponseCompleted("r", tool_calls=1))
        await tell(provider, ResponseStarted("s"), call("c", "note", response="s"))
        await tell(provider, ResponseCompleted("s", tool_calls=1))
    assert len(ran) == 1
    assert len(outputs(provider)) == 1
    assert len(provider.of("create")) == 2  # its result is there, and the reply was lost with the connection


async def test_a_running_call_that_is_told_again_belongs_to_the_later_reply():
    provider = puppet()
    async with engine_of(provider, slow):
        given = '{"seconds": 3}'
        provider.tells_at(
            *at(
                0,
                [
                    ResponseStarted("r"),
                    call("c", "slow", given),
                    ResponseCompleted("r", "failed", "connection_lost"),
                ],
            ),
            *at(1, [ResponseStarted("s"), call("c", "slow", given, "s"), call("c", "slow", given, "s")]),
            (5, ResponseCompleted("s", tool_calls=1)),
        )
        await asyncio.sleep(10)
    assert outputs(provider) == [(3.0, "c", "3 s")]
    assert [when for when, _ in provider.of("create")] == [5.0]


async def test_ended_calls_are_forgotten_in_the_end():
    provider = puppet()
    async with engine_of(provider, add):
        for number in range(3000):
            await tell(
                provider,
                ResponseStarted(f"r{number}"),
                call(f"c{number}", "add", response=f"r{number}"),
                ResponseCompleted(f"r{number}", tool_calls=1),
            )
        await tell(provider, ResponseStarted("s"), call("c0", "add", response="s"))
    assert len(outputs(provider)) == 3001


async def test_the_end_of_the_engine_cancels_what_runs():
    log, provider = Log(), puppet()
    async with engine_of(provider, log.work):
        await tell(provider, ResponseStarted("r"), call("c", "work"))
    assert log.cancelled == [0.0]
    assert outputs(provider) == []


async def test_a_tool_that_cannot_be_cancelled_is_reported(caplog: pytest.LogCaptureFixture):
    async def stubborn() -> None:
        """Does not listen."""
        for _ in range(3):
            try:
                await asyncio.sleep(2)
            except asyncio.CancelledError:
                continue

    provider = puppet()
    async with engine_of(provider, stubborn):
        await tell(provider, ResponseStarted("r"), call("c", "stubborn"))
    assert now() == pytest.approx(1)
    assert "tool stubborn (c) does not end when it is cancelled" in caplog.text
    await asyncio.sleep(10)


# ------------------------------------------------------------------ tools that change


async def test_tools_and_instructions_change_in_mid_session():
    provider = mock(MockReply("Hello"), calls(("slow", {"seconds": 1})), MockReply("Done"))
    async with engine_of(provider, add) as engine:
        await engine.ask("Hello")
        await engine.add_tool(FunctionTool(slow, timeout=2))
        await engine.update_session(instructions="Be brief.")
        assert (await engine.ask("Go")).text == "Done"
        await engine.remove_tool("add")
        await engine.remove_tool("slow")
        with pytest.raises(MessageError, match="no tool add"):
            await engine.remove_tool("add")
    told = [record.payload for record in provider.recording if record.type == "session_update"]
    names = [[tool.name for tool in each["options"].get("tools") or ()] for each in told]  # type: ignore[index]
    assert names == [["add"], ["add", "slow"], [], ["slow"], []]


async def test_a_tool_that_is_decorated_in_mid_session_is_declared_at_once():
    provider = mock(calls(("double", {"x": 2})), MockReply("Four"))
    async with engine_of(provider) as engine:

        @engine.tool
        def double(x: int) -> int:
            """Doubles."""
            return 2 * x

        assert double(3) == 6
        assert (await engine.ask("Go")).text == "Four"
    assert sent(provider)[:3] == ["connect", "item_create", "session_update"] or "session_update" in sent(
        provider
    )
    assert results(provider) == [("4", False)]


async def test_a_declaration_that_fails_is_made_again_with_the_next_request(caplog: pytest.LogCaptureFixture):
    provider = puppet()
    async with VoiceEngine(provider) as engine:
        provider.broken["update"] = MessageError("not now")
        engine.tool(add)
        await tell(provider)
        assert "not now" in caplog.text
        with pytest.raises(MessageError, match="not now"):
            await engine.create_response()
        provider.broken.clear()
        await engine.create_response()
        await engine.create_response()
    assert len(provider.of("update")) == 3


async def test_the_engines_tools_are_not_overwritten():
    async with engine_of(mock(), add) as engine:
        with pytest.raises(MessageError, match="add_tool"):
            await engine.update_session(tools=[Tool("other")])
        with pytest.raises(MessageError, match="already"):
            await engine.add_tool(add)


async def test_before_the_session_tools_come_and_go_unseen():
    provider = mock()
    engine = engine_of(provider, add)
    await engine.add_tool(slow)
    await engine.remove_tool("add")
    async with engine:
        pass
    [declared] = [record.payload for record in provider.recording if record.type == "session_update"]
    assert [tool.name for tool in declared["options"].tools] == ["slow"]  # type: ignore[index]


async def test_a_provider_without_tools_is_not_given_any():
    with pytest.raises(MessageError, match="knows no tools") as caught:
        async with engine_of(Puppet(), add):
            pass
    assert caught.value.field == "tools"


async def test_rounds_begin_anew_with_speech():
    provider = puppet()
    async with engine_of(provider, add, max_tool_rounds=1) as engine:
        for number in range(3):
            key = f"r{number}"
            await tell(provider, SpeechStopped(), ResponseStarted(key))
            await tell(
                provider,
                call(f"c{number}", "add", '{"a": 1, "b": 1}', key),
                ResponseCompleted(key, tool_calls=1),
            )
        assert [output for *_, output in outputs(provider)] == ["2", "2", "2"]
        await tell(
            provider, ResponseStarted("s"), call("d", "add", "{}", "s"), ResponseCompleted("s", tool_calls=1)
        )
        assert outputs(provider)[-1][2] == "no more tools in this turn"
        await engine.end_turn()
        await tell(provider, ErrorInfo("x", "nothing"), TextChunk("stray"))
    assert len(provider.of("create")) == 3
