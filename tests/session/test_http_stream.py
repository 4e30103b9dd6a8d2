"""An answer as a stream: its outputs, its faults, and when it is asked for again. In memory, in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing

import pytest

from voicechatengine.errors import ConnectionError, DeadlineError, ProtocolError, RateLimitError
from voicechatengine.provider import Retry
from voicechatengine.session.backoff import Backoff
from voicechatengine.session.clock import loop_clock
from voicechatengine.session.fold import events
from voicechatengine.session.http import CUT, HttpAnswer, HttpRequest, MemoryAnswer, MemoryHttp
from voicechatengine.session.http_stream import stream
from voicechatengine.session.refusal import MAX_ERROR_BODY

ASKED = HttpRequest("http://here/v1?key=secret", b"{}", {"x-api-key": "secret"})


class Letters:
    """Gives each byte as a letter; ``.`` says that all is said, ``!`` that the server is overloaded."""

    def __init__(self) -> None:
        self.done = False

    def feed(self, data: bytes) -> Iterator[str]:
        for letter in data.decode():
            if letter == "!":
                raise ConnectionError("overloaded", status=529)
            self.done = self.done or letter == "."
            yield letter

    def end(self) -> Iterator[str]:
        yield "?"
        raise ConnectionError("cut", code=CUT)


class Server:
    """Gives these answers, one after the other."""

    def __init__(self, *answers: MemoryAnswer | ConnectionError) -> None:
        self.answers = list(answers)
        self.http = MemoryHttp(self.answer)

    async def answer(self, request: HttpRequest) -> HttpAnswer:
        found = self.answers.pop(0)
        if isinstance(found, ConnectionError):
            raise found
        return found

    def ask(self, retry: Retry | None = None) -> AsyncGenerator[str]:
        backoff = Backoff(retry or Retry(), random.Random(1))
        return stream(self.http, ASKED, events(Letters), backoff=backoff, clock=loop_clock(), patience=5.0)


async def told(asked: AsyncGenerator[str], seen: list[str] | None = None) -> str:
    seen = [] if seen is None else seen
    async for letter in asked:
        seen.append(letter)
    return "".join(seen)


async def test_an_answer_comes_as_it_is_sent_and_is_closed():
    answer = MemoryAnswer([b"ab", b"c."])
    server = Server(answer)
    assert await told(server.ask()) == "abc."
    assert answer.closed
    assert server.http.requests[0] is ASKED
    assert "secret" not in repr(ASKED)


@pytest.mark.parametrize(
    "fault",
    [
        MemoryAnswer(status=529),
        MemoryAnswer([b"!"]),
        MemoryAnswer(status=500, chunks=[b"oh"]),
        ConnectionError("lost", code=CUT),
    ],
)
async def test_a_server_that_fails_before_it_says_a_word_is_asked_again(fault):
    server = Server(fault, MemoryAnswer([b"ok."]))
    assert await told(server.ask()) == "ok."
    assert len(server.http.requests) == 2


@pytest.mark.parametrize("chunks", [[b"ab!"], [b"a", b"b", b"!"]])
async def test_a_server_that_fails_after_a_word_is_not_asked_again(chunks: Sequence[bytes]):
    server, seen = Server(MemoryAnswer(chunks)), list[str]()
    with pytest.raises(ConnectionError, match="overloaded"):
        await told(server.ask(), seen)
    assert seen == ["a", "b"]


async def test_it_is_asked_again_after_a_pause():
    began = asyncio.get_running_loop().time()
    assert await told(Server(MemoryAnswer(status=500), MemoryAnswer([b"ok."])).ask()) == "ok."
    assert asyncio.get_running_loop().time() > began


async def test_of_a_long_refusal_no_more_is_waited_for_than_is_read():
    began = asyncio.get_running_loop().time()
    with pytest.raises(ConnectionError, match="HTTP 404"):
        await told(Server(MemoryAnswer(silent(b"x" * MAX_ERROR_BODY), 404)).ask())
    assert asyncio.get_running_loop().time() == began


async def test_the_end_of_an_answer_that_has_said_all_is_read_so_that_its_connection_can_be_used_again():
    read: list[bytes] = []

    async def chunks() -> AsyncIterator[bytes]:
        for chunk in (b"a.", b"\n"):
            read.append(chunk)
            yield chunk

    assert await told(Server(MemoryAnswer(chunks())).ask()) == "a."
    assert read == [b"a.", b"\n"]


async def test_asking_again_has_an_end():
    server = Server(*(MemoryAnswer([b'{"error":{"type":"t","message":"busy"}}'], 529) for _ in range(3)))
    with pytest.raises(ConnectionError, match="busy") as caught:
        await told(server.ask(Retry(attempts=2)))
    assert (caught.value.code, caught.value.status, server.answers) == ("t", 529, [])


async def test_a_cut_in_the_midst_is_an_error_behind_what_was_said():
    server, seen = Server(MemoryAnswer([b"ab"])), list[str]()
    with pytest.raises(ConnectionError, match="cut"):
        await told(server.ask(), seen)
    assert seen == ["a", "b", "?"]


async def test_a_limit_is_told_at_once_with_the_wish_for_a_pause():
    server = Server(MemoryAnswer([b"{}"], 429, {"retry-after": "9"}))
    with pytest.raises(RateLimitError) as caught:
        await told(server.ask())
    assert caught.value.retry_after == 9.0


async def test_a_page_is_one_clear_error():
    server = Server(MemoryAnswer([b"<html>" + b"x" * 200_000], 200, {"content-type": "text/html"}))
    with pytest.raises(ProtocolError, match="serves web pages"):
        await told(server.ask())


async def silent(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    await asyncio.sleep(3600)


@pytest.mark.parametrize("chunks", [(), (b"a",)])
async def test_silence_is_an_error_and_no_hang(chunks):
    answer = MemoryAnswer(silent(*chunks))
    began = asyncio.get_running_loop().time()
    with pytest.raises(DeadlineError, match="said nothing for 5 s"):
        await told(Server(answer).ask())
    assert asyncio.get_running_loop().time() - began == pytest.approx(5)
    assert answer.closed


async def test_a_server_that_never_answers_is_an_error_and_no_hang():
    async def never(request: HttpRequest) -> HttpAnswer:
        await asyncio.sleep(3600)
        raise AssertionError

    server = Server()
    server.http = MemoryHttp(never)
    with pytest.raises(DeadlineError):
        await told(server.ask())


async def test_an_answer_that_has_said_all_need_not_end():
    answer = MemoryAnswer(silent(b"a."))
    assert await told(Server(answer).ask()) == "a."
    assert answer.closed


async def test_closing_it_early_aborts_the_answer():
    answer = MemoryAnswer(silent(b"abc"))
    async with aclosing(Server(answer).ask()) as asked:
        assert await anext(asked) == "a"
    assert answer.closed


class Lines(Letters):
    """Has said all when its bytes end."""

    def end(self) -> Iterator[str]:
        yield "|"


async def test_an_answer_may_say_that_it_is_whole_by_its_end():
    http = Server(MemoryAnswer([b"ab"])).http
    backoff = Backoff(Retry(), random.Random(1))
    asked = stream(http, ASKED, events(Lines), backoff=backoff, clock=loop_clock(), patience=5.0)
    assert await told(asked) == "ab|"


async def test_a_connection_that_breaks_after_all_was_said_costs_no_word():
    async def broken() -> AsyncIterator[bytes]:
        yield b"a."
        raise ConnectionError("lost", code=CUT)

    assert await told(Server(MemoryAnswer(broken())).ask()) == "a."


async def test_the_content_type_says_what_reads_an_answer():
    kinds: list[str] = []

    def reading(kind: str) -> Letters | None:
        kinds.append(kind)
        return Letters() if kind.startswith("audio/") else None

    waiting = [
        MemoryAnswer([b"ab."], headers={"content-type": "Audio/PCM; rate=8000"}),
        MemoryAnswer([b"{}"]),
    ]

    async def answer(request: HttpRequest) -> HttpAnswer:
        return waiting.pop(0)

    def ask() -> AsyncGenerator[str]:
        backoff = Backoff(Retry(), random.Random(1))
        return stream(MemoryHttp(answer), ASKED, reading, backoff=backoff, clock=loop_clock(), patience=5.0)

    assert await told(ask()) == "ab."
    with pytest.raises(ProtocolError, match="something else"):
        await told(ask())
    assert kinds == ["audio/pcm; rate=8000", "text/event-stream"]
