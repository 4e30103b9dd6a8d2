"""The body of a request to a chat endpoint, against the types of the `openai` package."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
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
from voicechatengine.providers.cascade.parts import Request
from voicechatengine.providers.chat import ChatConfig
from voicechatengine.providers.chat.request import UNANSWERED, body, messages

PARAMS: TypeAdapter[Any] = TypeAdapter(CompletionCreateParamsStreaming)
WEATHER = Tool("get_weather", "The weather", {"type": "object", "properties": {}})


def made(request: Request, max_tokens: int | None = None, **fields: Any) -> dict[str, Any]:
    written = body(request, model="llama", max_tokens=max_tokens, fields=fields)
    PARAMS.validate_python(written)
    return written


def said(role: Role, text: str) -> MessageItem:
    return MessageItem(role, (TextPart(text),))


def turns(*history: Item) -> list[Any]:
    messages: list[Any] = made(Request(history))["messages"]
    return messages


def call(call_id: str) -> ToolCallItem:
    return ToolCallItem(call_id, "get_weather", "")


def written(*call_ids: str) -> list[Any]:
    function = {"name": "get_weather", "arguments": "{}"}
    return [{"id": call_id, "type": "function", "function": function} for call_id in call_ids]


def test_a_request_holds_what_it_is_made_of():
    request = Request((said("user", "Hi"),), "Be brief.", (WEATHER,), "get_weather", 50, {"seed": 1})
    function = {"name": "get_weather", "description": "The weather", "parameters": WEATHER.parameters}
    assert made(request, 9, temperature=0.5) == {
        "model": "llama",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 50,
        "tools": [{"type": "function", "function": function}],
        "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
        "temperature": 0.5,
        "seed": 1,
    }


def test_what_is_not_set_is_left_out():
    assert set(made(Request(()))) == {"model", "messages", "stream", "stream_options"}
    assert made(Request((), tools=(WEATHER,), tool_choice="required"), 9)["tool_choice"] == "required"


def test_results_follow_their_calls_whatever_came_between():
    assert turns(
        said("assistant", "Wait."),
        call("a"),
        call("b"),
        said("user", "Hurry"),
        ToolResultItem("a", "one"),
        ToolResultItem("x", "orphan"),
        said("system", "It is late."),
    ) == [
        {"role": "assistant", "content": "Wait.", "tool_calls": written("a", "b")},
        {"role": "tool", "tool_call_id": "a", "content": "one"},
        {"role": "tool", "tool_call_id": "b", "content": UNANSWERED},
        {"role": "user", "content": "Hurry\n\nThe result of call x: orphan"},
        {"role": "system", "content": "It is late."},
    ]


def test_a_call_without_words_has_none():
    assert turns(call("a"), ToolResultItem("a", "one"), said("assistant", "Done.")) == [
        {"role": "assistant", "content": None, "tool_calls": written("a")},
        {"role": "tool", "tool_call_id": "a", "content": "one"},
        {"role": "assistant", "content": "Done."},
    ]


def test_an_error_says_that_it_is_one():
    failed = ToolResultItem("a", "no such city", is_error=True)
    assert turns(call("a"), failed)[1]["content"] == '{"error":"no such city"}'
    assert turns(failed)[0]["content"] == 'The result of call a: {"error":"no such city"}'


def test_what_one_side_says_twice_in_a_row_is_one_message():
    """Also the instructions and the application's words behind them, and words beside a picture."""
    picture = MessageItem("user", (ImagePart(b"PNG"),))
    made = messages(
        "Be brief.", (said("system", "It is late."), said("user", "Look"), picture, said("user", "!"))
    )
    assert [message["role"] for message in made] == ["system", "user"]
    assert made[0]["content"] == "Be brief.\n\nIt is late."
    assert [part.get("text") for part in made[1]["content"]] == ["Look", None, "!"]
    assert turns(said("user", "One"), said("user", " "), said("user", "two")) == [
        {"role": "user", "content": "One\n\ntwo"}
    ]


def test_speech_is_its_words_and_a_picture_is_a_picture():
    shown = MessageItem("user", (AudioPart(b"", "What?"), ImagePart(b"PNG"), TextPart("This.")))
    (message,) = turns(shown, MessageItem("user", (AudioPart(b""),)))
    picture = {"url": "data:image/png;base64,UE5H", "detail": "auto"}
    assert message["content"] == [
        {"type": "text", "text": "What?"},
        {"type": "image_url", "image_url": picture},
        {"type": "text", "text": "This."},
    ]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("http://here", "http://here/v1/chat/completions"),
        ("http://here:1/v1/", "http://here:1/v1/chat/completions"),
        ("https://here/openai/chat", "https://here/openai/chat"),
    ],
)
def test_an_address_is_completed(given, found):
    assert ChatConfig(model="m", url=given).address() == found


@pytest.mark.parametrize(
    ("settings", "field"), [({"model": ""}, "model"), ({"model": "m", "url": "x"}, "url")]
)
def test_what_does_not_fit_is_named(settings, field):
    with pytest.raises(MessageError) as caught:
        ChatConfig(**settings)
    assert caught.value.field == field


def test_a_key_goes_along_only_if_there_is_one_and_is_never_shown():
    config = ChatConfig(model="m", api_key="secret", headers={"x": "secret"})
    assert config.request_headers()["authorization"] == "Bearer secret"
    assert "authorization" not in ChatConfig(model="m").request_headers()
    assert "secret" not in repr(config)
