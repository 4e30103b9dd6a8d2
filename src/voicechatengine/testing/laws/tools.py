"""Laws on tool calls and their results."""

from __future__ import annotations

from typing import Final

from voicechatengine.events import ErrorInfo, ResponseCompleted, SessionCreated, ToolCall
from voicechatengine.messages import MessageType, Tool
from voicechatengine.providers.mock import MockCall, MockReply
from voicechatengine.testing.laws.provider_laws import PROVIDER
from voicechatengine.testing.laws.subject import Case, Heard, Listener, Subject

law: Final = PROVIDER.topic("tools", docs="docs/tools.md")

TOOLS: Final = (
    Tool("add", "Adds numbers.", {"type": "object", "properties": {"a": {"type": "integer"}}}),
    Tool("look_up", "Looks something up.", {"type": "object", "properties": {"what": {"type": "string"}}}),
)


@law(
    "A call is told once, when it is whole: its id, its name, its arguments as sent and parsed, within its response."
)
async def a_call_is_told_once(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener, reply = await _called(case, MockCall(name="add", arguments={"a": 5, "b": "ünïcode"}))
        calls = reply.of(ToolCall)
        case.demand(len(calls) == 1, "one tool_call", calls)
        call = calls[0]
        case.demand(call.name == "add" and call.call_id, "its name and an id", call)
        case.demand(call.parsed == {"a": 5, "b": "ünïcode"}, "its arguments, parsed", call)
        done = reply.of(ResponseCompleted)[0]
        case.demand(done.tool_calls == 1, "response_completed that counts one call", done)
        case.demand(listener.problem is None, "events in the legal order", listener.problem or "")


@law("Two calls of one reply are two, with ids that differ.")
async def two_calls_are_two(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        _, reply = await _called(
            case, MockCall(name="add", arguments={"a": 1}), MockCall(name="look_up", arguments={"what": "x"})
        )
        calls = reply.of(ToolCall)
        case.demand([call.name for call in calls] == ["add", "look_up"], "both calls, in their order", calls)
        case.demand(calls[0].call_id != calls[1].call_id, "two call ids", calls)
        done = reply.of(ResponseCompleted)[0]
        case.demand(done.tool_calls == len(calls), "response_completed that counts two calls", done)


@law("Arguments that are no JSON object are told as they came, with parsed None.")
async def broken_arguments_are_told(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        _, reply = await _called(case, MockCall(name="add", arguments='{"a": 5'))
        calls = reply.of(ToolCall)
        case.demand(len(calls) == 1, "one tool_call", calls)
        case.demand(calls[0].parsed is None, "parsed None", calls[0])
        case.demand(calls[0].arguments == '{"a": 5', "the arguments as they came", calls[0])


@law("A result reaches the vendor once, under its call's id, and the reply that is asked for then uses it.")
async def a_result_reaches_the_vendor(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener, reply = await _called(case, MockCall(name="add", arguments={"a": 5}))
        call = reply.of(ToolCall)[0]
        far = case.far
        far.say(MockReply("That makes five."))
        place, asked = len(listener.events), len(far.turns())
        await case.provider.send_message(
            MessageType.TOOL_RESULT, {"call_id": call.call_id, "output": '{"sum": 5}'}
        )
        await case.provider.create_response()
        following = await case.reply(listener, place)
        await following.done()
        case.demand(len(far.turns()) == asked + 1, "one reply for the result", f"{len(far.turns()) - asked}")
        results = far.turns()[-1].tool_results
        told = [result.output for result in results]
        case.demand(told == ['{"sum": 5}'], "the result at the vendor, once", told)
        case.demand(not listener.of(ErrorInfo), "no error", listener.of(ErrorInfo))


async def _called(case: Case, *calls: MockCall) -> tuple[Listener, Heard]:
    case.needs("tools", "text_input")
    far = case.far
    await case.provider.update_session(tools=TOOLS)
    listener = await case.connected()
    await listener.first(SessionCreated)
    far.say(MockReply(calls=calls))
    place = len(listener.events)
    await case.provider.send_text("Use the tools.")
    await case.provider.create_response()
    reply = await case.reply(listener, place)
    await reply.done()
    return listener, reply
