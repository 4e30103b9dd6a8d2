"""What the model delegates: to the application, and to a Responses backend that calls functions."""

from __future__ import annotations

import pytest
from live_script import Script

from voicechatengine.errors import MessageError
from voicechatengine.events import (
    ErrorInfo,
    ItemAdded,
    ResponseCompleted,
    ToolCall,
    Usage,
    UsageReport,
    VendorMessage,
)
from voicechatengine.messages import (
    ItemCreate,
    Options,
    ResponseCancel,
    ResponseCreate,
    Tool,
    ToolResult,
    ToolResultItem,
)
from voicechatengine.providers.openai_live.encode import DELEGATE_TOOL
from voicechatengine.session.dialect import Restore
from voicechatengine.session.remember import MEMORY

CLIENT = Options(tools=(DELEGATE_TOOL,))
TOOLS = Options(tools=(Tool("f"),))


def delegates(script: Script, delegation: str = "d1", target: str = "client", **fields) -> Script:
    given = {"id": delegation, "type": "delegation", "target": target, **fields}
    return script.says("session.delegation.created", delegation=given, offset_ms=100)


def whole(script: Script, response: str = "r1", **fields) -> Script:
    return script.backend("response.completed", response={"id": response, "status": "completed", **fields})


# ------------------------------------------------------------------ to the application


def test_a_delegation_is_a_call_of_delegate_with_the_users_last_words():
    script = Script(CLIENT)
    script.is_silent(1000)
    script.hears("Book a table", 0, 500)
    script.hears(" for two.", 700, 900)
    delegates(script)
    call = script.only(ToolCall)
    assert (call.call_id, call.name, call.parsed) == ("d1", "delegate", {"request": "Book a table for two."})
    assert call.arguments == '{"request":"Book a table for two."}'
    assert script.names == [
        "SpeechStopped",
        "ItemAdded",
        "InputTranscript",
        "ResponseStarted",
        "ItemAdded",
        "ToolCall",
    ]
    assert delegates(script).events == [], "once"
    assert script.waits(0.9).only(ResponseCompleted).tool_calls == 1


def test_the_users_last_words_are_whole_also_where_some_came_late():
    script = Script(CLIENT)
    assert delegates(script, "d0").only(ToolCall).parsed == {"request": ""}
    script.waits(1)
    script.is_silent(1000)
    script.hears("Book a", 300, 600)
    script.speaks(200)
    script.hears(" table", 700, 900)
    assert delegates(script).only(ToolCall).parsed == {"request": "Book a table"}


def test_the_result_of_a_delegation_is_spoken_commentary():
    script = Script(CLIENT)
    delegates(script)
    script.does(ToolResult("d1", "Booked for 8 pm."))
    assert script.frames[0] == {
        "type": "session.commentary.append",
        "content": "Booked for 8 pm.",
        "delegation_id": "d1",
        "event_id": "event_4",
    }
    assert script.names == ["ItemAdded", "ResponseCompleted"], "what comes now is another reply"
    assert script.does(ResponseCreate()).types == [], "the model speaks of it by itself"
    assert script.speaks(100).names == ["ResponseStarted", "ItemAdded", "AudioChunk"]
    with pytest.raises(MessageError, match="has its result"):
        script.does(ToolResult("d1", "again"))


def test_a_failure_and_a_result_without_words_are_told_too():
    script = Script(CLIENT)
    delegates(script)
    delegates(script, "d2")
    assert (
        script.does(ToolResult("d1", "no table", is_error=True)).frames[0]["content"]
        == '{"error":"no table"}'
    )
    assert script.does(ToolResult("d2", "")).frames[0]["content"] == "Done."


def test_a_result_as_an_item_is_silent_progress():
    script = Script(CLIENT)
    delegates(script)
    script.does(ItemCreate(ToolResultItem("d1", "still looking")))
    assert (script.types, script.frames[0]["delegation_id"]) == (["session.thinking.append"], "d1")
    assert script.does(ToolResult("d1", "found")).types == ["session.commentary.append"]


def test_an_acknowledgement_belongs_to_the_reply_that_delegates():
    script = Script(CLIENT)
    delegates(script)
    assert script.speaks(200).names == ["ItemAdded", "AudioChunk"]
    script.does(ToolResult("d1", "x"))
    assert "ResponseCompleted" not in script.names
    assert script.is_silent(800).only(ResponseCompleted).tool_calls == 1


def test_a_delegation_that_is_not_ours_comes_as_it_is():
    script = Script()
    assert delegates(script, "d1", "decisions").names == ["VendorMessage"]
    assert script.says("session.delegation.created").names == ["VendorMessage"]


def test_a_result_for_nothing_is_refused():
    with pytest.raises(MessageError) as refused:
        Script(CLIENT).does(ToolResult("d9", "x"))
    assert refused.value.field == "call_id"


# ------------------------------------------------------------------ to a Responses backend


def test_a_call_of_the_backend_is_told_when_it_is_whole():
    script = Script(TOOLS)
    delegates(script, target="responses", response_id="r1")
    assert script.names == ["VendorMessage"]
    assert script.backend("response.created", response={"id": "r1"}).names == ["VendorMessage"]
    script.calls("c1", "f", '{"a": 1}')
    assert script.events[-1] == ToolCall("c1", "f", '{"a": 1}', {"a": 1}, "resp_2", "item_c1")
    assert script.events[-2] == ItemAdded("item_c1", "assistant", None, "tool_call")
    assert script.calls("c1").events == [], "once"
    assert script.calls("c2", arguments="[").only(ToolCall).parsed is None
    assert script.calls("c3", arguments="").only(ToolCall).parsed == {}


def test_results_go_item_by_item_and_then_the_backend_goes_on_once():
    script = Script(TOOLS)
    script.calls("c1")
    script.calls("c2")
    assert script.waits(5).events == [], "the reply waits for the rest of the calls"
    whole(script, usage={"input_tokens": 5, "output_tokens": 2, "total_tokens": 7})
    assert script.frames == []
    script.does(ToolResult("c2", "two"))
    assert script.frames[0]["item"] == {"type": "function_call_output", "call_id": "c2", "output": "two"}
    assert script.types == ["response.item.create"]
    script.does(ToolResult("c1", "one", is_error=True))
    assert script.types == ["response.item.create", "response.create"]
    assert script.frames[0]["item"]["output"] == '{"error":"one"}'
    done = script.only(ResponseCompleted)
    assert (done.tool_calls, done.usage.total_tokens) == (2, 7)
    assert script.does(ResponseCreate()).types == [], "the answer is on its way"


def test_a_reply_that_speaks_waits_for_the_rest_of_its_calls():
    script = Script(TOOLS)
    script.speaks(200)
    script.calls("c1")
    assert script.is_silent(2000).names == ["AudioChunk"]
    whole(script)
    assert script.waits(0.1).names == ["ResponseCompleted"]


def test_results_that_are_early_wait_for_the_backend():
    script = Script(TOOLS)
    script.calls("c1")
    assert script.does(ToolResult("c1", "42")).types == ["response.item.create"]
    assert script.calls("c2").names == ["ItemAdded", "ToolCall"]
    assert script.does(ToolResult("c2", "43")).types == ["response.item.create"]
    assert whole(script).types == ["response.create"]


def test_a_result_as_an_item_is_the_same_for_a_function():
    script = Script(TOOLS)
    script.calls("c1")
    assert script.does(ItemCreate(ToolResultItem("c1", "42"))).types == ["response.item.create"]


def test_two_responses_of_the_backend_go_on_each_by_itself():
    script = Script(TOOLS)
    for number in ("1", "2"):
        script.backend("response.created", f"d{number}", response={"id": f"r{number}"})
        script.calls(f"c{number}", delegation=f"d{number}")
    script.backend("response.completed", "d2", response={"id": "r2"})
    assert script.does(ToolResult("c1", "x")).types == ["response.item.create"]
    assert script.does(ToolResult("c2", "x")).types == ["response.item.create", "response.create"]
    assert script.backend("response.completed", "d1", response={"id": "r1"}).types == ["response.create"]


def test_events_without_a_delegation_are_of_the_latest_response():
    script = Script(TOOLS)
    script.backend("response.created", None, response={"id": "r1"})
    script.calls("c1", delegation=None)
    script.does(ToolResult("c1", "x"))
    assert script.backend("response.completed", None, response={"id": "r1"}).types == ["response.create"]
    script.calls("c2", delegation=None)
    script.does(ToolResult("c2", "x"))
    assert script.backend("response.completed", None, response={}).types == ["response.create"]


def test_what_the_backend_costs_is_told_where_no_call_does():
    script = Script(TOOLS)
    script.backend("response.created", response={"id": "r1"})
    usage = {
        "input_tokens": 5,
        "output_tokens": 2,
        "total_tokens": 7,
        "input_tokens_details": {"cached_tokens": 3},
    }
    whole(script, usage=usage)
    cost = Usage(5, 2, 7, cached_tokens=3, input_text_tokens=5, output_text_tokens=2)
    assert script.events == [UsageReport(cost, "response", "r1")]


def test_a_response_of_the_backend_that_fails_is_an_error():
    script = Script(TOOLS)
    script.calls("c1")
    script.backend(
        "response.failed", response={"id": "r1", "error": {"code": "rate_limited", "message": "Slow down."}}
    )
    assert script.only(ErrorInfo) == ErrorInfo("rate_limited", "Slow down.")
    assert script.backend("response.failed", "d2", response={}).only(ErrorInfo).code == "response_failed"


def test_the_rest_of_the_backends_stream_comes_as_it_is():
    script = Script(TOOLS)
    assert (
        script.backend("response.output_text.delta", delta="x").only(VendorMessage).name == "response.event"
    )
    assert script.backend("response.output_item.done", item={"type": "message"}).names == ["VendorMessage"]
    assert script.says("response.event").names == ["VendorMessage"]


def test_an_interruption_in_a_tool_round_stops_what_comes_of_it():
    script = Script(TOOLS)
    script.calls("c1")
    script.does(ResponseCreate(instructions="x"))
    script.does(ResponseCancel())
    assert script.names == ["Interrupted", "ResponseCompleted"]
    whole(script)
    assert script.does(ToolResult("c1", "x")).types == ["response.item.create", "response.create"]
    assert script.speaks(100).names == ["ResponseStarted", "ItemAdded", "AudioChunk"]


def test_a_call_of_an_earlier_session_is_answered_with_words():
    script = Script(restore=Restore(options=CLIENT, pending_calls=("c0",)))
    assert script.client.snapshot().pending_calls == ("c0",)
    script.does(ToolResult("c0", "42"))
    assert (script.types, script.frames[0]["delegation_id"]) == (["session.commentary.append"], None)
    assert script.client.snapshot().pending_calls == ()


def test_memory_of_calls_is_bounded():
    script = Script(CLIENT)
    for number in range(MEMORY + 76):
        delegates(script, f"d{number}")
    assert len(script.client.snapshot().pending_calls) == MEMORY
