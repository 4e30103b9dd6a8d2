"""The service's side of the Messages API: what it refuses, in which words, and what it makes of the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from voicechatengine.events import (
    ErrorInfo,
    ItemAdded,
    ResponseCompleted,
    ResponseStarted,
    TextChunk,
    ToolCall,
    Usage,
)
from voicechatengine.messages import (
    ImagePart,
    ItemCreate,
    MessageItem,
    ResponseCreate,
    SessionUpdate,
    TextPart,
    ToolCallItem,
    ToolResultItem,
)
from voicechatengine.providers.anthropic.server import AnthropicServer
from voicechatengine.providers.anthropic.server_checks import accept, refuse
from voicechatengine.providers.anthropic.stream import MessageFold
from voicechatengine.providers.cascade.parts import Call, Finished, Words
from voicechatengine.session.dialect import Close, Frame, Restore
from voicechatengine.session.handshake import Handshake, Refusal

ASKED = Handshake("/v1/messages")
GOOD: dict[str, Any] = {"model": "claude-m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
HEADERS = {"x-api-key": "k", "anthropic-version": "2026-10-21"}
USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "out"}]}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "s"}


def body(*turns: tuple[str, Any], **more: Any) -> bytes:
    messages = [{"role": role, "content": content} for role, content in turns]
    return json.dumps({**GOOD, "messages": messages or GOOD["messages"], **more}).encode()


def refused(given: bytes) -> str:
    answer = accept(ASKED, given)
    assert isinstance(answer, Refusal)
    assert answer.status == 400
    told = json.loads(answer.body)
    assert (told["type"], told["error"]["type"]) == ("error", "invalid_request_error")
    message: str = told["error"]["message"]
    return message


def test_what_fits_is_accepted():
    assert accept(ASKED, body()) == "application/json"
    assert accept(ASKED, body(stream=True)) == "text/event-stream"


@pytest.mark.parametrize(
    ("path", "headers", "status", "words"),
    [
        ("/v1/complete", HEADERS, 404, "Not found"),
        ("/v1/messages", {"anthropic-version": "2026-10-21"}, 401, "header is required"),
        ("/v1/messages", {**HEADERS, "x-api-key": "is-invalid"}, 401, "invalid x-api-key"),
        ("/v1/messages", {"x-api-key": "k"}, 400, "anthropic-version: header is required"),
        ("/v1/messages", {**HEADERS, "anthropic-version": "1999-01-01"}, 400, "not a valid version"),
        ("/v1/messages", {**HEADERS, "authorization": "Basic x", "x-api-key": ""}, 401, "required"),
    ],
)
def test_a_request_is_refused_before_it_is_looked_into(path, headers, status, words):
    answer = refuse(Handshake(path, {}, headers))
    assert answer is not None
    assert answer.status == status
    assert words in json.loads(answer.body)["error"]["message"]


def test_a_key_is_taken_from_either_header():
    assert refuse(Handshake("/v1/messages", {}, HEADERS), "k") is None
    bearer = {"authorization": "Bearer k", "anthropic-version": "2023-06-01"}
    assert refuse(Handshake("/v1/messages/", {}, bearer), "k") is None
    assert refuse(Handshake("/v1/messages", {}, bearer), "other") is not None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (b"{", "The request body is not valid JSON."),
        (b"[]", "body: Expected `object`, got `array`"),
        (b"{}", "model: Field required"),
        (b'{"model": "claude-m"}', "max_tokens: Field required"),
        (body(temperature=1), "temperature: this parameter was removed in 2026-10-21"),
        (body(sparkle=1), "sparkle: Extra inputs are not permitted"),
        (body(max_tokens=0), "max_tokens: Input should be greater than or equal to 1"),
        (json.dumps({**GOOD, "messages": []}).encode(), "messages: at least one message is required"),
        (body(model=""), "model: String should have at least 1 character"),
        (body(max_tokens="9"), "max_tokens: Expected `int`, got `str`"),
        (body(("robot", "Hi")), "messages.0.role: Invalid enum value 'robot'"),
        (body(("user", "")), "messages.0: all messages must have non-empty content"),
        (body(("user", " ")), "messages: text content blocks must be non-empty"),
        (body(("user", [{"type": "text"}])), "messages.0.content.0.text.text: Field required"),
        (body(("user", [{"type": "hologram"}])), "messages.0.content.0: Input tag 'hologram' does not match"),
        (body(("user", "Hi"), ("assistant", "Yo")), "does not support assistant message prefill"),
        (
            body(("user", "Hi"), ("assistant", [USE]), ("user", "So?")),
            "messages.1: `tool_use` ids were found",
        ),
        (body(("user", "Hi"), ("assistant", [USE])), "messages.1: `tool_use` ids were found"),
        (body(("user", [RESULT])), "messages.0: unexpected `tool_use_id` found in `tool_result` blocks: t1"),
        (
            body(("user", "Hi"), ("assistant", ["x"]), ("user", "x")),
            "messages.1.content.0: Expected `object`, got `str`",
        ),
        (
            body(("user", "Hi"), ("assistant", [THOUGHT]), ("user", "x")),
            "cannot be `thinking`",
        ),
        (
            body(("user", "Hi"), ("assistant", [{"type": "thinking", "thinking": ""}]), ("user", "x")),
            "messages.1.content.0.thinking.signature: Field required",
        ),
        (body(tool_choice={"type": "tool", "name": "f"}), "Tool 'f' not found in provided tools"),
    ],
)
def test_what_does_not_fit_is_named_in_the_services_words(given, words):
    assert words in refused(given)


def test_a_request_becomes_a_session_its_items_and_a_reply():
    tool = {"name": "f", "description": "d", "input_schema": {"type": "object"}}
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "UE5H"}}
    elsewhere = {"type": "image", "source": {"type": "url", "url": "http://here"}}
    given = body(
        ("user", [picture, elsewhere, {"type": "text", "text": "Hi"}]),
        ("assistant", [THOUGHT, {"type": "text", "text": "Wait"}, USE]),
        ("user", [{**RESULT, "is_error": True}, {"type": "text", "text": "So?"}]),
        system=[{"type": "text", "text": "Be brief."}],
        tools=[tool],
        tool_choice={"type": "tool", "name": "f"},
    )
    assert accept(ASKED, given) == "application/json"
    first, *items, last = server().receive(given.decode(), 0.0)
    assert isinstance(first, SessionUpdate)
    options = first.options.changes()
    assert (options["instructions"], options["tool_choice"], options["max_tokens"]) == ("Be brief.", "f", 9)
    assert [tool.name for tool in options["tools"]] == ["f"]
    assert last == ResponseCreate()
    assert items == [
        ItemCreate(item)
        for item in (
            MessageItem(
                "user",
                (ImagePart(b"PNG"), TextPart("(a picture that is elsewhere)"), TextPart("Hi")),
            ),
            MessageItem("assistant", (TextPart("Wait"),)),
            ToolCallItem("t1", "f", '{"a":1}'),
            ToolResultItem("t1", "out", is_error=True),
            MessageItem("user", (TextPart("So?"),)),
        )
    ]


def server(**options: Any) -> AnthropicServer:
    return AnthropicServer(lambda word: f"{word}_1", **options)


def answered(*events: Any, streamed: bool = True, **options: Any) -> list[Any]:
    dialect = server(**options)
    assert (dialect.opened(0.0), dialect.deadline(), dialect.expired(0.0), dialect.snapshot()) == (
        (),
        None,
        (),
        Restore(),
    )
    dialect.receive(body(stream=streamed), 0.0)
    out = [sent for event in events for sent in dialect.send(event, 0.0)]
    dialect.closed(Close(), 0.0)
    assert dialect.send(TextChunk("late"), 0.0) == []
    return out


def stream_of(out: list[Any]) -> bytes:
    return b"".join(frame.data for frame in out if isinstance(frame, Frame))


REPLY = (
    ResponseStarted("r"),
    ItemAdded("i", "assistant"),
    TextChunk("Hi "),
    TextChunk("there"),
    ToolCall("c", "f", '{"city": "London and Paris"}', {"city": "London and Paris"}),
    ResponseCompleted("r", usage=Usage(10, 5, 15, 4), tool_calls=1),
)


def test_what_the_server_writes_the_client_reads():
    out = answered(*REPLY)
    assert out[-1] == Close()
    assert list(MessageFold().feed(stream_of(out))) == [
        Words("Hi "),
        Words("there"),
        Call("toolu_1", "f", '{"city": "London and Paris"}'),
        Finished(usage=Usage(input_tokens=10, output_tokens=5, total_tokens=15, cached_tokens=4)),
    ]


def test_a_reply_that_is_not_streamed_is_one_message():
    frame, close = answered(*REPLY, streamed=False)
    message = json.loads(frame.data)
    assert [block["type"] for block in message["content"]] == ["text", "tool_use"]
    assert (message["stop_reason"], message["usage"]["input_tokens"], close) == ("tool_use", 6, Close())


@pytest.mark.parametrize(
    ("done", "reason"),
    [
        (ResponseCompleted("r"), "end_turn"),
        (ResponseCompleted("r", "incomplete", "max_output_tokens"), "max_tokens"),
        (ResponseCompleted("r", "incomplete", "content_filter"), "refusal"),
    ],
)
def test_why_a_reply_ended_is_said_in_the_services_words(done, reason):
    assert f'"stop_reason":"{reason}"'.encode() in stream_of(answered(done))


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (ResponseCompleted("r", "failed", "broken"), "api_error"),
        (ErrorInfo("overloaded_error", "busy"), "overloaded_error"),
        (ErrorInfo("whatever", "busy"), "api_error"),
    ],
)
@pytest.mark.parametrize("streamed", [True, False])
def test_a_provider_that_fails_is_an_error_of_the_services(event, kind, streamed):
    out = answered(event, streamed=streamed)
    assert f'"type":"{kind}"'.encode() in stream_of(out)
    assert out[-1] == Close()


@pytest.mark.parametrize("after", [0, 1, 2, 3, 4])
def test_an_overload_comes_after_as_many_pieces_as_were_asked_for(after):
    out = answered(*REPLY, overloaded_after=after)
    assert stream_of(out).count(b"event: content_block_delta") == after
    assert b"overloaded_error" in stream_of(out)
    assert out[-1] == Close()
