"""The body of a request: the API's rules of a conversation, and the vendor's own types."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from voicechatengine.errors import MessageError
from voicechatengine.messages import (
    AudioPart,
    ImagePart,
    Item,
    MessageItem,
    Role,
    TextPart,
    Tool,
    ToolCallItem,
    ToolResultItem,
)
from voicechatengine.providers.anthropic.request import BEGIN, GO_ON, UNANSWERED, body
from voicechatengine.providers.cascade.parts import Request

PARAMS: TypeAdapter[Any] = TypeAdapter(MessageCreateParamsStreaming)
WEATHER = Tool("get_weather", "The weather of a city", {"type": "object", "properties": {"city": {}}})
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "s"}


def made(request: Request, kept: Any = (), **fields: Any) -> dict[str, Any]:
    written = body(request, kept, model="claude-haiku-5-5", max_tokens=100, fields=fields)
    PARAMS.validate_python(written, strict=True)
    return written


def said(role: Role, *texts: str) -> MessageItem:
    return MessageItem(role, tuple(TextPart(text) for text in texts))


def call(call_id: str = "c1", arguments: str = '{"city": "London"}') -> ToolCallItem:
    return ToolCallItem(call_id, "get_weather", arguments)


def turns(*history: Item, kept: Any = ()) -> list[tuple[str, list[Any]]]:
    """The conversation in short: roles, and texts or blocks."""
    messages = made(Request(history), kept)["messages"]
    return [
        (turn["role"], [block["text"] if block["type"] == "text" else block for block in turn["content"]])
        for turn in messages
    ]


def use(call_id: str = "c1") -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": "get_weather", "input": {"city": "London"}}


def result(output: str, call_id: str = "c1", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": output, **more}


def test_a_request_holds_what_it_is_made_of():
    request = Request(
        (said("user", "Hi"),), "Be brief.", (WEATHER,), "required", 50, {"output_config": {"effort": "low"}}
    )
    assert made(request, thinking={"type": "adaptive"}) == {
        "model": "claude-haiku-5-5",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "system": "Be brief.",
        "tools": [
            {"name": "get_weather", "description": WEATHER.description, "input_schema": WEATHER.parameters}
        ],
        "tool_choice": {"type": "any"},
        "stream": True,
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "low"},
    }


def test_what_is_not_set_is_left_out():
    assert set(made(Request((said("user", "Hi"),)))) == {"model", "max_tokens", "messages", "stream"}


@pytest.mark.parametrize(
    ("choice", "written"),
    [
        ("auto", {"type": "auto"}),
        ("none", {"type": "none"}),
        ("get_weather", {"type": "tool", "name": "get_weather"}),
    ],
)
def test_the_choice_of_tools_is_said_in_the_services_words(choice, written):
    assert made(Request((), tools=(WEATHER,), tool_choice=choice))["tool_choice"] == written


def test_what_the_system_says_in_the_midst_joins_the_instructions():
    history = (said("system", "It is late."), said("user", "Hi"))
    assert made(Request(history, "Be brief."))["system"] == "Be brief.\n\nIt is late."


def test_one_side_that_speaks_twice_speaks_once():
    assert turns(said("user", "a"), said("user", "b"), said("assistant", "c"), said("user", "d")) == [
        ("user", ["a", "b"]),
        ("assistant", ["c"]),
        ("user", ["d"]),
    ]


def test_a_conversation_begins_and_ends_with_the_user():
    assert turns() == [("user", [BEGIN])]
    assert turns(said("assistant", "Hello! ")) == [
        ("user", [BEGIN]),
        ("assistant", ["Hello!"]),
        ("user", [GO_ON]),
    ]


def test_no_text_is_empty():
    assert turns(said("user", "", "  ", "x"), said("assistant", " "), said("user", "y")) == [
        ("user", ["x", "y"])
    ]


def test_speech_is_its_words_and_a_picture_is_a_picture():
    speech = MessageItem("user", (AudioPart(b"\0\0", "What is it?"), AudioPart(b"\0\0")))
    picture = MessageItem("user", (ImagePart(b"PNG", "image/png"),))
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(b"PNG").decode()}
    assert turns(speech, picture) == [("user", ["What is it?", {"type": "image", "source": source}])]


def test_a_picture_of_another_type_is_refused():
    with pytest.raises(MessageError) as caught:
        made(Request((MessageItem("user", (ImagePart(b"", "image/tiff"),)),)))
    assert caught.value.field == "mime_type"


def test_results_follow_their_calls_whatever_came_between():
    assert turns(
        said("user", "And?"),
        said("assistant", "Wait."),
        call(),
        call("c2"),
        ToolResultItem("c2", "two"),
        said("user", "Hurry"),
        ToolResultItem("c1", "one"),
    ) == [
        ("user", ["And?"]),
        ("assistant", ["Wait.", use(), use("c2")]),
        ("user", [result("one"), result("two", "c2"), "Hurry"]),
    ]


def test_calls_one_after_the_other_are_turns_of_their_own():
    history = (call(), ToolResultItem("c1", "one"), call("c2"), ToolResultItem("c2", "two"))
    assert turns(said("user", "Go"), *history, said("assistant", "Done."), said("user", "Thanks")) == [
        ("user", ["Go"]),
        ("assistant", [use()]),
        ("user", [result("one")]),
        ("assistant", [use("c2")]),
        ("user", [result("two", "c2")]),
        ("assistant", ["Done."]),
        ("user", ["Thanks"]),
    ]


def test_a_call_without_a_result_gets_one_that_says_so():
    assert turns(said("user", "Go"), call(), said("user", "Never mind"))[1:] == [
        ("assistant", [use()]),
        ("user", [result(UNANSWERED, is_error=True), "Never mind"]),
    ]


def test_a_call_that_failed_is_marked_as_such():
    failed = ToolResultItem("c1", "no such city", is_error=True)
    assert turns(said("user", "Go"), call(), failed)[-1] == ("user", [result("no such city", is_error=True)])


def test_a_result_without_a_call_is_told_in_words():
    assert turns(ToolResultItem("c9", "42")) == [("user", ["The result of call c9: 42"])]
    failed = ToolResultItem("c9", "gone", is_error=True)
    assert turns(failed) == [("user", ["The error of call c9: gone"])]


def test_calls_of_other_vendors_are_written_so_that_the_service_takes_them():
    (_, (written,)), (_, (answer,)) = turns(call("a/b:1", "oops"), ToolResultItem("a/b:1", "x"))[1:]
    assert (written["id"], written["input"], answer["tool_use_id"]) == (
        "a_b_1",
        {"arguments": "oops"},
        "a_b_1",
    )
    assert turns(call("c1", ""))[1][1][0]["input"] == {}


def test_thoughts_come_back_as_they_were_with_the_turn_that_they_belong_to():
    kept = [THOUGHT, {"type": "text", "text": "Let me look. "}, use(), use("c2")]
    history = (
        said("user", "Go"),
        said("assistant", "Let me look."),
        call(),
        ToolResultItem("c1", "one"),
        call("c2"),
        ToolResultItem("c2", "two"),
    )
    assert turns(*history, kept=[(1, kept)])[1:] == [
        ("assistant", [THOUGHT, "Let me look. ", use(), use("c2")]),
        ("user", [result("one"), result("two", "c2")]),
    ]


def test_words_that_were_not_heard_do_not_come_back_with_the_thoughts():
    kept = [THOUGHT, {"type": "text", "text": "One. Two. Three."}, THOUGHT, {"type": "text", "text": "Four."}]
    assert turns(said("user", "Count"), said("assistant", "One."), said("user", "Stop"), kept=[(1, kept)])[
        1
    ] == ("assistant", [THOUGHT, "One."])


def test_a_call_that_is_not_in_the_history_does_not_come_back():
    kept = [THOUGHT, use(), use("c2")]
    assert turns(said("user", "Go"), call("c2"), kept=[(1, kept)])[1] == ("assistant", [THOUGHT, use("c2")])


def test_words_that_were_not_kept_stand_before_the_calls():
    assert turns(said("user", "Go"), said("assistant", "Hm."), call(), kept=[(1, [THOUGHT, use()])])[1] == (
        "assistant",
        [THOUGHT, "Hm.", use()],
    )


def test_a_turn_of_thoughts_alone_is_none():
    assert turns(said("user", "Go"), said("assistant", ""), kept=[(1, [THOUGHT])]) == [("user", ["Go"])]


@pytest.mark.parametrize("name", ["temperature", "top_k", "messages", "system"])
def test_a_field_that_cannot_be_set_is_named(name):
    with pytest.raises(MessageError) as caught:
        made(Request((), vendor={name: 1}))
    assert caught.value.field == f"vendor.{name}"


CALL_IDS = st.sampled_from(["a", "b", "c"])
ITEMS = st.one_of(
    st.builds(said, st.sampled_from(["user", "assistant", "system"]), st.text("xy ", max_size=3)),
    st.builds(call, CALL_IDS),
    st.builds(ToolResultItem, CALL_IDS, st.just("out")),
)


def unique(history: list[Item]) -> tuple[Item, ...]:
    seen: set[tuple[type, str]] = set()
    kept: list[Item] = []
    for item in history:
        name = (type(item), item.call_id if isinstance(item, (ToolCallItem, ToolResultItem)) else "")
        if isinstance(item, MessageItem) or name not in seen:
            kept.append(item)
            seen.add(name)
    return tuple(kept)


@given(st.lists(ITEMS, max_size=12).map(unique))
def test_any_conversation_obeys_the_rules_of_the_service(history):
    """Turns alternate, a user begins and ends, each call has its one result at once and first, no text is empty."""
    messages = made(Request(history))["messages"]
    roles = [turn["role"] for turn in messages]
    assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
    for turn, after in zip(messages, [*messages[1:], {"content": []}], strict=True):
        assert turn["content"]
        assert all(block["text"].strip() for block in turn["content"] if block["type"] == "text")
        calls = [block["id"] for block in turn["content"] if block["type"] == "tool_use"]
        results = [block["tool_use_id"] for block in after["content"] if block["type"] == "tool_result"]
        assert results == calls
        kinds = [block["type"] == "tool_result" for block in after["content"]]
        assert kinds == sorted(kinds, reverse=True)
