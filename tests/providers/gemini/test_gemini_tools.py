"""Tools: how they are declared, when a reply that calls one is over, and what becomes of the results."""

from __future__ import annotations

import pytest
from gemini_script import MIDDLE, NEW, OLD, TOOL, Script, said

from voicechatengine.errors import MessageError
from voicechatengine.events import (
    ErrorInfo,
    ItemAdded,
    ResponseCompleted,
    ResponseStarted,
    SessionUpdated,
    ToolCall,
    ToolCallCancelled,
    VendorMessage,
)
from voicechatengine.messages import (
    ItemCreate,
    Options,
    ResponseCancel,
    ResponseCreate,
    SessionCreate,
    SessionUpdate,
    Tool,
    ToolCallItem,
    ToolResult,
    ToolResultItem,
)
from voicechatengine.providers.gemini.schema import parameters

THINKING = "gemini-3.8-live-extended-thinking"
FREE = {"toolBehavior": "NON_BLOCKING"}


def declared(script: Script) -> dict[str, object]:
    (tools,) = script.setup["tools"]
    (function,) = tools["functionDeclarations"]
    return function


# ------------------------------------------------------------------ declarations


@pytest.mark.parametrize(
    ("model", "vendor", "behavior"),
    [
        (OLD, {}, None),
        (OLD, FREE, "NON_BLOCKING"),
        (MIDDLE, {}, None),
        (NEW, {}, "BLOCKING"),
        (NEW, FREE, None),
        (NEW, {"toolBehavior": {"g": "NON_BLOCKING"}}, "BLOCKING"),
        (THINKING, {}, None),
    ],
)
def test_a_tool_blocks_as_on_every_vendor_unless_it_is_told_otherwise(model, vendor, behavior):
    script = Script(model=model, tools=(TOOL,), vendor=vendor)
    assert declared(script) == {
        "name": "f",
        "description": "Does it.",
        "parameters": {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}, "required": ["n"]},
        **({"behavior": behavior} if behavior else {}),
    }


@pytest.mark.parametrize(
    ("model", "vendor", "field"),
    [
        (MIDDLE, FREE, "vendor.toolBehavior"),
        (THINKING, {"toolBehavior": "BLOCKING"}, "vendor.toolBehavior"),
        (NEW, {"toolBehavior": "SOMETIMES"}, "vendor.toolBehavior"),
        (NEW, {"scheduling": {"f": "LATER"}}, "vendor.scheduling"),
        (NEW, {"scheduling": "SILENT"}, "vendor.scheduling"),
    ],
)
def test_a_behaviour_that_the_model_does_not_have_is_refused(model, vendor, field):
    with pytest.raises(MessageError) as refused:
        Script(model=model, tools=(TOOL,), vendor=vendor)
    assert refused.value.field == field


def test_tools_of_the_service_stand_beside_ours():
    script = Script(tools=(TOOL,), vendor={"tools": [{"googleSearch": {}}]})
    assert [next(iter(tool)) for tool in script.setup["tools"]] == ["functionDeclarations", "googleSearch"]


def test_a_schema_is_written_as_the_service_takes_it():
    schema = {
        "type": "object",
        "$defs": {
            "Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}},
            "Kind": {"enum": ["a", "b"]},
        },
        "properties": {
            "kind": {"$ref": "#/$defs/Kind", "description": "Which."},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "count": {"type": ["integer", "null"], "minimum": 1, "exclusiveMinimum": 0},
            "either": {"type": ["integer", "string"]},
            "one": {
                "oneOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "uuid"}]
            },
            "list": {"type": "array", "items": {"const": "x"}},
            "bare": {"type": "array"},
            "numbers": {"enum": [1, 2]},
            "maybe": {"anyOf": [{"$ref": "#/$defs/Kind"}, {"type": "null"}]},
            "lost": {"$ref": "#/$defs/None"},
            "any": True,
        },
        "additionalProperties": False,
    }
    made = parameters(schema)
    assert made is not None
    assert made["properties"] == {
        "kind": {"type": "STRING", "enum": ["a", "b"], "description": "Which."},
        "note": {"type": "STRING", "nullable": True},
        "count": {"type": "INTEGER", "minimum": 1, "nullable": True},
        "either": {"anyOf": [{"type": "INTEGER"}, {"type": "STRING"}]},
        "one": {"anyOf": [{"type": "STRING", "format": "date-time"}, {"type": "STRING"}]},
        "list": {"type": "ARRAY", "items": {"type": "STRING", "enum": ["x"]}},
        "bare": {"type": "ARRAY", "items": {"type": "STRING"}},
        "numbers": {"type": "STRING"},
        "maybe": {"type": "STRING", "enum": ["a", "b"], "nullable": True},
        "lost": {},
        "any": {},
    }
    assert parameters({"type": "object", "properties": {}}) is None
    deep = parameters({**schema, "properties": {"node": {"$ref": "#/$defs/Node"}}})
    assert str(deep).count("next") > 5


# ------------------------------------------------------------------ calls that block


def test_a_reply_that_calls_a_tool_is_over_and_what_follows_the_result_is_another():
    script = Script(tools=(TOOL,))
    script.asks()
    script.calls("c1", n=1)
    assert script.names == ["ItemAdded", "ResponseStarted", "ItemAdded", "ToolCall", "ResponseCompleted"]
    call = script.one(ToolCall)
    assert (call.call_id, call.name, call.arguments, call.parsed) == ("c1", "f", '{"n": 1}', {"n": 1})
    assert script.one(ResponseCompleted).tool_calls == 1
    assert script.client.snapshot().pending_calls == ("c1",)
    (answer,) = script.does(ToolResult("c1", "42")).frame["toolResponse"]["functionResponses"]
    assert answer == {"id": "c1", "name": "f", "response": {"output": "42"}}
    assert script.does(ResponseCreate()).frames == []  # it comes by itself
    assert script.client.snapshot().reply_owed == ResponseCreate()
    assert script.words("42.").names == ["ItemAdded", "ResponseStarted", "ItemAdded", "TextChunk"]
    assert script.done().one(ResponseCompleted).tool_calls == 0


def test_a_request_after_the_reply_to_results_has_begun_is_met_by_it_once():
    script = Script(tools=(TOOL,))
    script.asks().calls("c1", n=1)
    script.does(ToolResult("c1", "42"))
    script.words("42.")
    assert script.does(ResponseCreate()).frames == []
    script.done()
    assert script.does(ResponseCreate()).frame == {"realtimeInput": {"text": " "}}


def test_several_calls_are_answered_one_by_one_and_the_reply_is_to_all():
    script = Script(tools=(TOOL,))
    script.asks().calls("c1", "c2", n=1)
    assert script.one(ResponseCompleted).tool_calls == 2
    script.does(ToolResult("c2", "2"))
    assert script.client.snapshot().reply_owed is None
    script.does(ToolResult("c1", "broken", is_error=True))
    assert script.frame["toolResponse"]["functionResponses"][0]["response"] == {"error": "broken"}
    assert script.client.snapshot().reply_owed == ResponseCreate()


def test_a_result_may_come_as_an_item():
    script = Script(tools=(TOOL,))
    script.asks().calls("c1", n=1)
    assert script.does(ItemCreate(ToolResultItem("c1", "42", "i7"))).frame["toolResponse"]
    script.words("42.")
    assert ItemAdded("i7", "user", "item_3", "tool_result") in script.events


def test_a_call_has_one_result():
    script = Script(tools=(TOOL,))
    script.asks().calls("c1", n=1)
    script.does(ToolResult("c1", "42"))
    with pytest.raises(MessageError) as refused:
        script.does(ToolResult("c1", "43"))
    assert refused.value.field == "call_id"
    with pytest.raises(MessageError) as unknown:
        script.does(ToolResult("c9", "43"))
    assert unknown.value.field == "item.call_id"


def test_a_call_is_told_once():
    script = Script(tools=(TOOL,))
    script.asks().calls("c1", n=1)
    assert script.calls("c1", n=1).events == []


def test_calls_may_lack_an_id_arguments_or_a_name():
    script = Script(tools=(TOOL,))
    script.asks()
    script.says(toolCall={"functionCalls": [{"name": "f"}, {"id": "c2"}, {"name": "f", "args": None}]})
    calls = [event for event in script.events if isinstance(event, ToolCall)]
    assert [(call.arguments, call.parsed) for call in calls] == [("{}", {}), ("{}", {})]
    assert script.one(ErrorInfo).code == "tool_call_without_name"
    (answer,) = script.does(ToolResult(calls[0].call_id, "x")).frame["toolResponse"]["functionResponses"]
    assert answer == {"name": "f", "response": {"output": "x"}}


def test_arguments_that_are_streamed_or_no_object_are_told_as_they_came():
    script = Script(tools=(TOOL,))
    script.asks()
    streamed = {"id": "c1", "name": "f", "partialArgs": [{"jsonPath": "$.n"}], "willContinue": True}
    assert script.says(toolCall={"functionCalls": [streamed]}).event == VendorMessage(
        "toolCall", {"functionCalls": [streamed]}
    )
    script.says(toolCall={"functionCalls": [{"id": "c2", "name": "f", "args": [1]}]})
    assert (script.one(ToolCall).arguments, script.one(ToolCall).parsed) == ("[1]", None)


def test_a_call_in_the_models_content_is_one():
    script = Script(tools=(TOOL,))
    script.asks().content(
        modelTurn={"parts": [{"functionCall": {"id": "c1", "name": "f", "args": {"n": 1}}}]}
    )
    assert script.one(ToolCall).call_id == "c1"


def test_cancelled_calls_are_told_and_their_results_are_dropped():
    script = Script(tools=(TOOL,))
    script.asks().calls("c1", n=1)
    script.says(toolCallCancellation={"ids": ["c1", "c9"]})
    assert script.event == ToolCallCancelled(("c1", "c9"))
    assert script.does(ToolResult("c1", "42")).frames == []
    assert script.client.snapshot().pending_calls == ()
    assert script.says(toolCallCancellation={}).events == []


@pytest.mark.parametrize("model", [OLD, NEW])
def test_a_request_that_waits_is_made_when_the_calls_are_answered(model):
    script = Script(model=model, tools=(TOOL,)).asks()
    script.words("Let me see.").does(said("Also this")).does(ResponseCreate())
    assert script.calls("c1").one(ResponseCompleted).tool_calls == 1
    assert not script.frames
    assert "toolResponse" in script.does(ToolResult("c1", "1")).frame
    script.words("It is 1.")
    assert "Also this" in str(script.done().frame)


@pytest.mark.parametrize("model", [OLD, NEW])
def test_a_request_does_not_wait_for_results_that_nobody_gives(model):
    script = Script(model=model, tools=(TOOL,), patience=9).asks()
    script.words("Let me see.").does(said("Also this")).does(ResponseCreate())
    script.calls("c1").waits(8.9)
    assert not script.frames
    assert "Also this" in str(script.waits(0.1).frame)
    assert script.words("That too.").one(ResponseStarted)


# ------------------------------------------------------------------ interruption


def test_the_reply_to_calls_that_were_interrupted_is_not_told():
    script = Script(tools=(TOOL,))
    script.asks().calls("c1", n=1)
    assert script.does(ResponseCancel()).events == []
    assert script.does(ToolResult("c1", "cancelled", is_error=True)).frames
    assert script.words("So…").names == ["ItemAdded", "ResponseStarted", "Interrupted", "ResponseCompleted"]
    assert script.words("never mind").events == []
    script.done()
    assert "TextChunk" in script.asks("Hello?").words("Yes?").names


def test_an_interruption_between_result_and_reply_counts():
    script = Script(tools=(TOOL,))
    script.asks().calls("c1", n=1)
    script.does(ToolResult("c1", "42"))
    script.does(ResponseCancel())
    assert script.client.snapshot().reply_owed is None
    assert "Interrupted" in script.words("42.").names


def test_a_call_of_a_reply_that_was_interrupted_is_refused_so_that_the_service_goes_on():
    script = Script(tools=(TOOL,))
    script.asks().words("Let me see.")
    script.does(ResponseCancel())
    assert script.calls("c1", n=1).events == []
    (answer,) = script.frame["toolResponse"]["functionResponses"]
    assert answer["response"] == {"error": "cancelled: the user interrupted"}


def test_an_interruption_by_the_service_takes_back_the_request_for_the_reply():
    script = Script(tools=(TOOL,))
    script.asks().calls("c1", n=1)
    script.does(ToolResult("c1", "42"))
    script.does(ResponseCreate())
    assert script.content(interrupted=True).events == []
    assert script.client.snapshot().reply_owed is None


# ------------------------------------------------------------------ calls that do not block


def test_a_reply_goes_on_beside_a_call_that_does_not_block():
    script = Script(tools=(TOOL,), vendor={**FREE, "scheduling": "WHEN_IDLE"})
    script.asks().calls("c1", n=1)
    assert "ResponseCompleted" not in script.names
    assert script.words("One moment.").names == ["ItemAdded", "TextChunk"]
    assert script.done().one(ResponseCompleted).tool_calls == 1
    (answer,) = script.does(ToolResult("c1", "42")).frame["toolResponse"]["functionResponses"]
    assert answer["scheduling"] == "WHEN_IDLE"
    assert "ResponseStarted" in script.words("42.").names


def test_what_comes_after_the_result_is_another_reply_in_the_same_turn():
    script = Script(tools=(TOOL,), vendor=FREE)
    script.asks().calls("c1", n=1)
    script.words("One moment.")
    script.does(ToolResult("c1", "42"))
    script.words("42.")
    assert script.one(ResponseCompleted).tool_calls == 1
    assert script.one(ResponseStarted)


def test_a_call_that_is_followed_by_silence_ends_its_reply():
    script = Script(tools=(TOOL,), vendor=FREE)
    script.asks().calls("c1", n=1)
    script.now += 0.5
    script.words("Hm.")
    assert script.waits().event.tool_calls == 1
    assert script.now == 1001.5
    assert script.words("By the way…").names == ["ResponseStarted", "ItemAdded", "TextChunk"]


def test_a_silent_result_is_answered_when_that_is_asked_for():
    script = Script(tools=(TOOL,), vendor={**FREE, "scheduling": {"f": "SILENT"}})
    script.asks().calls("c1", n=1)
    script.done()
    script.does(ToolResult("c1", "42"))
    assert script.client.snapshot().reply_owed is None
    assert script.does(ResponseCreate()).frame == {"realtimeInput": {"text": " "}}


# ------------------------------------------------------------------ changes in mid-session


def test_instructions_and_tools_of_newer_models_change_in_mid_session():
    script = Script(instructions="Be brief.")
    script.does(SessionUpdate(Options(instructions="Be long.", tools=(TOOL,))))
    update = script.frame["contextUpdate"]
    assert update["systemInstruction"] == {"parts": [{"text": "Be long."}], "role": "user"}
    assert update["tools"]["tools"][0]["functionDeclarations"][0]["name"] == "f"
    assert script.event == SessionUpdated("s1")
    assert script.does(SessionUpdate(Options(tools=()))).frame["contextUpdate"]["tools"] == {"tools": []}
    assert script.client.snapshot().options.instructions == "Be long."


@pytest.mark.parametrize(
    ("model", "change", "field"),
    [
        (OLD, Options(tools=(TOOL,)), "tools"),
        (MIDDLE, Options(instructions="x"), "instructions"),
        (NEW, Options(voice="Puck"), "voice"),
        (NEW, Options(model="other"), "model"),
    ],
)
def test_what_cannot_change_is_refused(model, change, field):
    with pytest.raises(MessageError) as refused:
        Script(model=model).does(SessionUpdate(change))
    assert refused.value.field == field
    with pytest.raises(MessageError):
        Script().does(SessionCreate())


def test_calls_can_be_told_as_items_before_the_conversation():
    script = Script(tools=(Tool("f"),))
    script.does(said("n?"))
    script.does(ItemCreate(ToolCallItem("c1", "f", "no json")))
    script.does(ItemCreate(ToolResultItem("c1", "42", is_error=True)))
    turns = script.does(ResponseCreate()).frame["clientContent"]["turns"]
    assert [turn["role"] for turn in turns] == ["user", "model", "user"]
    assert turns[1]["parts"][0]["functionCall"] == {"id": "c1", "name": "f", "args": {"arguments": "no json"}}
    assert turns[2]["parts"][0]["functionResponse"] == {"id": "c1", "name": "f", "response": {"error": "42"}}
