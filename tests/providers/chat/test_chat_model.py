"""A chat endpoint as a language model: its stream by the `openai` package's own types, cut anywhere, and its faults."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import aclosing
from typing import Any

import pytest
from openai.types.chat import ChatCompletionChunk

from voicechatengine.errors import ConnectionError, ProtocolError, ProviderError
from voicechatengine.events import Usage
from voicechatengine.messages import MessageItem, TextPart
from voicechatengine.provider import Retry
from voicechatengine.providers.cascade.parts import Call, Finished, ModelOutput, Request, Words
from voicechatengine.providers.chat import ChatConfig, ChatModel
from voicechatengine.providers.chat.stream import ChatFold
from voicechatengine.session.http import HttpAnswer, HttpRequest, MemoryAnswer, MemoryHttp

HI = Request((MessageItem("user", (TextPart("Hi"),)),))


def chunk(delta: dict[str, Any] | None = None, reason: str | None = None, usage: Any = None) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": reason}]
    told = ChatCompletionChunk.model_validate(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "llama",
            "choices": choices,
            "usage": usage,
        }
    )
    return f"data: {told.model_dump_json()}\n\n".encode()


def grown(index: int, call_id: str | None, name: str | None, arguments: str) -> bytes:
    function = {"name": name, "arguments": arguments}
    return chunk({"tool_calls": [{"index": index, "id": call_id, "type": "function", "function": function}]})


DONE = b"data: [DONE]\n\n"
USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 4,
    "total_tokens": 13,
    "prompt_tokens_details": {"cached_tokens": 3},
}
FULL = (
    b": warming up\n\n"
    + chunk({"role": "assistant", "content": ""})
    + chunk({"content": "Let me "})
    + chunk({"content": "look ✓"})
    + grown(0, "c1", "get_weather", "")
    + grown(0, None, None, '{"city": ')
    + grown(0, None, None, '"London"}')
    + grown(1, "c2", "get_time", "")
    + chunk({}, "tool_calls")
    + chunk(None, usage=USAGE)
    + DONE
)
OUTPUTS: list[ModelOutput] = [
    Words("Let me "),
    Words("look ✓"),
    Call("c1", "get_weather", '{"city": "London"}'),
    Call("c2", "get_time", "{}"),
    Finished(usage=Usage(input_tokens=9, output_tokens=4, total_tokens=13, cached_tokens=3)),
]


def folded(*pieces: bytes) -> list[ModelOutput]:
    fold = ChatFold()
    outputs = [output for piece in pieces for output in fold.feed(piece)]
    return outputs if fold.done else [*outputs, *fold.end()]


def test_a_reply_with_words_and_calls_is_read_whole_at_any_cut():
    assert folded(FULL) == OUTPUTS
    for cut in range(len(FULL) + 1):
        assert folded(FULL[:cut], FULL[cut:]) == OUTPUTS, cut


def test_calls_that_come_whole_and_without_ids_get_ids_of_their_own():
    whole = {
        "id": "x",
        "choices": [{"delta": {"tool_calls": [{"function": {"name": "a", "arguments": {"b": 1}}}]}}],
    }
    again = {"choices": [{"delta": {"tool_calls": [{"id": "mine", "function": {"name": "b"}}]}}]}
    stream = b"".join(f"data: {json.dumps(told)}\n\n".encode() for told in (whole, again))
    assert folded(stream + chunk({}, "stop") + DONE)[:2] == [
        Call("x_0", "a", '{"b":1}'),
        Call("mine", "b", "{}"),
    ]


@pytest.mark.parametrize(
    ("reason", "status"),
    [("stop", "completed"), ("length", "incomplete"), ("content_filter", "incomplete")],
)
def test_why_the_model_stopped_says_whether_the_reply_is_whole(reason, status):
    assert folded(grown(0, "c1", "f", "{") + chunk({}, reason) + DONE)[-1] == Finished(
        status, reason if status == "incomplete" else None
    )


def test_a_limit_makes_no_half_calls():
    assert len(folded(grown(0, "c1", "f", "{") + chunk({}, "length") + DONE)) == 1


def test_a_server_that_only_ends_its_stream_has_said_all():
    assert folded(chunk({"content": "Hi"}) + chunk({}, "stop")) == [Words("Hi"), Finished()]


def test_what_comes_after_the_end_is_passed_over():
    assert folded(FULL + b"data: nonsense\n\n") == OUTPUTS


@pytest.mark.parametrize(
    ("stream", "kind", "words"),
    [
        (b"data: <html>\n\n", ProtocolError, "cannot be read"),
        (b'data: {"error": {"message": "out of memory", "code": 500}}\n\n', ConnectionError, "out of memory"),
        (chunk({"content": "Hi"}), ConnectionError, "broke off"),
    ],
)
def test_a_stream_that_fails_is_told(stream, kind, words):
    with pytest.raises(kind, match=words):
        folded(stream)


def model(*answers: MemoryAnswer, **settings: Any) -> tuple[ChatModel, MemoryHttp]:
    waiting = list(answers)

    async def answer(request: HttpRequest) -> HttpAnswer:
        return waiting.pop(0)

    http = MemoryHttp(answer)
    return ChatModel(ChatConfig(model="llama", **settings), http=http, rng=random.Random(1)), http


async def told(part: ChatModel) -> list[ModelOutput]:
    return [output async for output in part.reply(HI)]


async def test_a_reply_is_asked_for_without_a_key_and_read():
    part, http = model(MemoryAnswer([FULL]))
    await part.open()
    assert await told(part) == OUTPUTS
    asked = http.requests[0]
    assert asked.url == "http://127.0.0.1:11434/v1/chat/completions"
    assert asked.headers == {"content-type": "application/json"}
    assert json.loads(asked.body)["model"] == "llama"
    await part.close()
    assert http.closed


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            MemoryAnswer(
                [b'{"error": {"message": "model \\"llama\\" not found, try pulling it first"}}'], 404
            ),
            "try pulling it first: check the url and the model",
        ),
        (MemoryAnswer([b"<html>nginx</html>"], 404), "HTTP 404: check the url"),
        (MemoryAnswer([b"<html>hello</html>"], 200, {"content-type": "text/html"}), "web pages, not an API"),
        (MemoryAnswer([b'{"choices": []}'], 200, {"content-type": "application/json"}), "not an API"),
    ],
)
async def test_a_server_that_is_none_or_lacks_the_model_is_one_clear_error(answer, words):
    part, http = model(answer)
    with pytest.raises(ProviderError, match=words):
        await told(part)
    assert len(http.requests) == 1


async def test_a_server_that_is_still_loading_is_asked_again():
    loading = MemoryAnswer([b'{"error": {"message": "Loading model", "code": 503}}'], 503)
    part, http = model(loading, MemoryAnswer([FULL]), retry=Retry(attempts=1))
    assert await told(part) == OUTPUTS
    assert len(http.requests) == 2


async def test_closing_a_reply_early_aborts_the_request():
    answer = MemoryAnswer([chunk({"content": "Hi"}), FULL])
    part, _ = model(answer)
    async with aclosing(part.reply(HI)) as outputs:
        assert await anext(outputs) == Words("Hi")
    assert answer.closed


@pytest.mark.realtime
async def test_a_server_that_does_not_run_is_told_at_once():
    part = ChatModel(ChatConfig(model="llama", url="http://127.0.0.1:1"))
    await part.close()
    began = asyncio.get_running_loop().time()
    with pytest.raises(ConnectionError, match="check the url, that the server runs"):
        await told(part)
    await part.close()
    assert asyncio.get_running_loop().time() - began < 5
