"""The model over HTTP in memory, in virtual time: what it asks, what it raises, and when it asks again."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from anthropic_stream import FULL, begin, end, words

from voicechatengine.errors import (
    AuthenticationError,
    ConnectionError,
    DeadlineError,
    MessageError,
    RateLimitError,
)
from voicechatengine.messages import ImagePart, MessageItem, TextPart
from voicechatengine.provider import Retry, Timeouts
from voicechatengine.providers.anthropic import AnthropicConfig, AnthropicModel
from voicechatengine.providers.cascade.parts import Finished, LanguageModel, ModelOutput, Request, Words
from voicechatengine.session.http import HttpAnswer, HttpRequest, MemoryAnswer, MemoryHttp

HI = Request((MessageItem("user", (TextPart("Hi"),)),))
OVERLOADED = (
    b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
)
CONFIG = AnthropicConfig(
    api_key="sk-ant-x", retry=Retry(attempts=2, base=0.1), timeouts=Timeouts(response=5.0)
)


def serving(*answers: MemoryAnswer) -> tuple[AnthropicModel, MemoryHttp]:
    waiting = list(answers)

    async def answer(request: HttpRequest) -> HttpAnswer:
        return waiting.pop(0)

    http = MemoryHttp(answer)
    return AnthropicModel(CONFIG, http=http, rng=random.Random(1)), http


def failing(status: int, kind: str, **headers: str) -> MemoryAnswer:
    body = json.dumps({"type": "error", "error": {"type": kind, "message": f"About {kind}"}})
    return MemoryAnswer([body.encode()], status, {"content-type": "application/json", **headers})


async def told(model: LanguageModel, seen: list[ModelOutput]) -> list[ModelOutput]:
    async for output in model.reply(HI):
        seen.append(output)  # noqa: PERF401 - what came before an error counts
    return seen


async def test_a_reply_is_asked_for_and_read():
    model, http = serving(MemoryAnswer([FULL]))
    await model.open()
    outputs = await told(model, [])
    assert isinstance(outputs[-1], Finished)
    asked = http.requests[0]
    assert (asked.url, asked.method) == ("https://api.anthropic.com/v1/messages", "POST")
    assert asked.headers["x-api-key"] == "sk-ant-x"
    body = json.loads(asked.body)
    assert (body["model"], body["max_tokens"], body["stream"]) == ("claude-haiku-5-5", 4096, True)
    await model.close()
    assert http.closed


async def test_what_was_kept_goes_back_with_the_next_request():
    model, http = serving(MemoryAnswer([begin(), words("Hi."), end()]))
    block = {"type": "thinking", "thinking": "x", "signature": "y"}
    request = Request((*HI.history, MessageItem("assistant", (TextPart("Yo"),)), *HI.history))
    async with aclosing(model.reply(request, kept=[(1, [block])])) as outputs:
        await anext(outputs)
    assert json.loads(http.requests[0].body)["messages"][1]["content"] == [
        block,
        {"type": "text", "text": "Yo"},
    ]


@pytest.mark.parametrize(
    "fault", [failing(529, "overloaded_error"), MemoryAnswer([begin() + OVERLOADED]), MemoryAnswer([begin()])]
)
async def test_an_overloaded_service_is_asked_again_before_the_first_word(fault):
    model, http = serving(fault, MemoryAnswer([begin() + words("Hi.") + end()]))
    began = asyncio.get_running_loop().time()
    assert (await told(model, []))[0] == Words("Hi.")
    assert len(http.requests) == 2
    assert asyncio.get_running_loop().time() > began


async def test_a_service_that_stays_overloaded_is_told():
    model, http = serving(*(failing(529, "overloaded_error") for _ in range(3)))
    with pytest.raises(ConnectionError) as caught:
        await told(model, [])
    assert (caught.value.code, caught.value.fault, len(http.requests)) == ("overloaded_error", "provider", 3)


async def test_an_overload_after_the_first_word_is_told_and_not_asked_again():
    model, http = serving(MemoryAnswer([begin() + words("Hi.") + OVERLOADED]))
    seen: list[ModelOutput] = []
    with pytest.raises(ConnectionError) as caught:
        await told(model, seen)
    assert (seen, caught.value.code, len(http.requests)) == ([Words("Hi.")], "overloaded_error", 1)


@pytest.mark.parametrize(
    ("answer", "kind", "words_"),
    [
        (failing(401, "authentication_error"), AuthenticationError, "About authentication_error"),
        (failing(400, "invalid_request_error"), ConnectionError, "About invalid_request_error"),
        (failing(404, "not_found_error"), ConnectionError, "check the url and the model"),
        (MemoryAnswer([b"<html>"], 200, {"content-type": "text/html"}), ConnectionError, "web pages"),
    ],
)
async def test_a_refusal_is_told_in_the_services_words(answer, kind, words_):
    model, http = serving(answer)
    with pytest.raises(kind, match=words_):
        await told(model, [])
    assert len(http.requests) == 1


async def test_a_rate_limit_tells_when_to_come_again():
    model, _ = serving(failing(429, "rate_limit_error", **{"retry-after": "12"}))
    with pytest.raises(RateLimitError) as caught:
        await told(model, [])
    assert (caught.value.retry_after, caught.value.code) == (12.0, "rate_limit_error")


async def test_a_stream_that_is_cut_after_a_word_is_an_error():
    model, _ = serving(MemoryAnswer([begin() + words("Hi.")]))
    seen: list[ModelOutput] = []
    with pytest.raises(ConnectionError, match="broke off"):
        await told(model, seen)
    assert seen == [Words("Hi.")]


async def test_a_stream_that_falls_silent_is_an_error_and_no_hang():
    async def silent() -> AsyncIterator[bytes]:
        yield begin() + words("Hi.")
        await asyncio.sleep(10_000)

    model, _ = serving(MemoryAnswer(silent()))
    with pytest.raises(DeadlineError):
        await told(model, [])


async def test_closing_a_reply_early_aborts_the_request():
    answer = MemoryAnswer([begin(), words("Hi ", "there"), end()])
    model, _ = serving(answer)
    async with aclosing(model.reply(HI)) as outputs:
        assert await anext(outputs) == Words("Hi ")
    assert answer.closed


async def test_what_the_service_cannot_take_is_refused_before_it_is_asked():
    model, http = serving()
    with pytest.raises(MessageError):
        await anext(model.reply(Request((MessageItem("user", (ImagePart(b"", "image/bmp"),)),))))
    assert not http.requests


async def test_without_a_key_nothing_opens(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    model = AnthropicModel()
    with pytest.raises(AuthenticationError):
        await model.open()
    await model.close()
