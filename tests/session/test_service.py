"""A part's connection: kept open, opened anew when it is gone, and closed without a trace."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from voicechatengine import AuthenticationError, ConnectionError, DeadlineError, MessageError
from voicechatengine.errors import ProtocolError, RateLimitError
from voicechatengine.provider import Retry, Timeouts
from voicechatengine.session.dialect import Close, Endpoint, Frame, Outgoing, Ready, Restore
from voicechatengine.session.service import UNREAD, Inbox, Service
from voicechatengine.session.transport import MemoryTransport, Transport, memory_pair


class Echo:
    """Says `Ready` when greeted, what comes in capitals, and a refusal for "no"; sends words as they are."""

    def __init__(self) -> None:
        self.due: float | None = None

    def opened(self, now: float, /) -> Sequence[str | Ready | ConnectionError | Outgoing]:
        return ()

    def send(self, message: str, now: float, /) -> Sequence[str | Ready | ConnectionError | Outgoing]:
        if not message:
            raise MessageError("there is nothing to say", field="text")
        return [Frame(message.encode())]

    def receive(
        self, frame: bytes | str, now: float, /
    ) -> Sequence[str | Ready | ConnectionError | Outgoing]:
        if frame == "hello":
            return [Ready()]
        return [AuthenticationError("not you")] if frame == "no" else [str(frame).upper()]

    def closed(self, close: Close, now: float, /) -> Sequence[str | Ready | ConnectionError | Outgoing]:
        return ()

    def deadline(self) -> float | None:
        return None

    def expired(self, now: float, /) -> Sequence[str | Ready | ConnectionError | Outgoing]:
        return ()

    def snapshot(self) -> Restore:
        return Restore()


class Server:
    """Accepts connections, or refuses as it is told; greets by itself; keeps what it was told."""

    def __init__(
        self, *refusals: ConnectionError, greeting: str | None = "hello", delay: float = 0.0
    ) -> None:
        self.refusals = list(refusals)
        self.greeting = greeting
        self.delay = delay
        self.asked: list[float] = []
        self.heard: list[str] = []
        self.lines: list[MemoryTransport] = []
        self.tasks: list[asyncio.Task[Close]] = []

    async def connect(self, endpoint: Endpoint) -> Transport:
        assert endpoint.url == "ws://service"
        self.asked.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.delay)
        if self.refusals:
            raise self.refusals.pop(0)
        ours, theirs = memory_pair()
        self.lines.append(theirs)
        self.tasks.append(asyncio.create_task(theirs.pump(lambda frame: self.heard.append(str(frame)))))
        if self.greeting is not None:
            await theirs.send(self.greeting.encode(), False)
        return ours

    async def say(self, *words: str) -> None:
        for word in words:
            await self.lines[-1].send(word.encode(), False)

    def service(self, *, attempts: int = 6, connect: float = 10.0) -> Service[str, str]:
        return Service(
            lambda: (Endpoint("ws://service"), Echo()),
            timeouts=Timeouts(connect=connect, session=5.0),
            retry=Retry(attempts=attempts),
            connector=self.connect,
            rng=random.Random(1),
        )


async def settled() -> None:
    for _ in range(8):
        await asyncio.sleep(0)


async def test_what_is_said_and_heard_goes_over_one_connection() -> None:
    """Utterances follow each other on the connection that `open` made; each listener gets what comes while it listens."""
    server = Server()
    service = server.service()
    await service.open()
    await service.open()
    assert service.connected
    for words in ("one", "two"):
        inbox = Inbox[str]()
        service.listen(inbox.put)
        await service.ready()
        await service.send(words)
        await server.say(words)
        assert await anext(inbox) == words.upper()
        service.listen(None)
        await server.say("nobody listens")
        await settled()
    service.post("bye")
    await service.close()
    await service.close()
    assert not service.connected
    assert server.heard == ["one", "two", "bye"]
    assert await server.tasks[0] == Close(1000)
    assert len(server.lines) == 1


async def test_a_lost_connection_is_told_once_and_opened_anew_for_the_next_utterance() -> None:
    server = Server()
    service = server.service()
    await service.open()
    inbox = Inbox[str]()
    service.listen(inbox.put)
    server.lines[0].cut()
    with pytest.raises(ConnectionError, match="code 1006") as lost:
        await anext(inbox)
    assert lost.value.code == "connection_lost"
    with pytest.raises(ConnectionError, match="code 1006"):
        service.post("into nothing")
    server.refusals = [ConnectionError("busy", status=503), RateLimitError("slowly", retry_after=3.0)]
    await service.ready()
    await service.send("again")
    await server.say("again")
    assert await anext(inbox) == "AGAIN"
    assert len(server.lines) == 2
    assert server.asked[-1] - server.asked[-2] >= 3.0
    await service.close()


async def test_attempts_end() -> None:
    """The last refusal is told to who waits and to who listens; the next utterance tries again."""
    server = Server()
    service = server.service(attempts=2)
    await service.open()
    server.lines[0].cut()
    await settled()
    told: list[object] = []
    service.listen(told.append)
    server.refusals = [ConnectionError(f"busy {n}", status=503) for n in range(3)]
    service.begin()
    with pytest.raises(ConnectionError, match="busy 2"):
        await service.ready()
    assert [str(error) for error in told] == ["busy 2"]
    assert len(server.asked) == 1 + 3
    await service.ready()
    assert service.connected
    await service.close()


@pytest.mark.parametrize(
    ("refusal", "worked"),
    [(AuthenticationError("wrong key"), True), (ConnectionError("busy", status=503), False)],
)
async def test_what_would_fail_again_is_not_tried_again(refusal: ConnectionError, worked: bool) -> None:
    server = Server() if worked else Server(refusal)
    service = server.service()
    if worked:
        await service.open()
        server.lines[0].cut()
        server.refusals.append(refusal)
        await settled()
    with pytest.raises(type(refusal), match=str(refusal)):
        await service.open()
    assert len(server.asked) == 1 + worked
    await service.close()


async def test_a_service_that_refuses_by_its_own_word_was_never_ready() -> None:
    service = Server(greeting="no").service()
    with pytest.raises(AuthenticationError, match="not you"):
        await service.open()
    assert not service.connected
    await service.close()


async def test_what_a_dialect_says_of_the_end_is_what_is_told() -> None:
    server = Server()
    service = server.service()
    await service.open()
    told: list[object] = []
    service.listen(told.append)
    await server.say("no")
    await settled()
    assert [type(error) for error in told] == [AuthenticationError]
    await service.close()


@pytest.mark.parametrize(
    ("server", "words"),
    [(Server(greeting=None), "not ready within 5 s"), (Server(delay=60.0), "no connection within 10 s")],
)
async def test_a_service_that_is_silent_is_given_up(server: Server, words: str) -> None:
    service = server.service()
    with pytest.raises(DeadlineError, match=words):
        await service.open()
    await service.close()


async def test_closing_ends_what_waits() -> None:
    """Who listens is told, who waits for a connection too, and nothing is left running."""
    server = Server()
    service = server.service()
    await service.open()
    inbox = Inbox[str]()
    service.listen(inbox.put)
    reading = asyncio.ensure_future(anext(inbox))
    await service.close()
    with pytest.raises(ConnectionError, match="is closed"):
        await reading
    with pytest.raises(ConnectionError, match="is closed"):
        service.begin()

    server.delay = 5.0
    opening = asyncio.ensure_future(service.open())
    await settled()
    await service.close()
    with pytest.raises(ConnectionError, match="is closed"):
        await opening
    server.delay = 0.0
    await service.open()
    await service.close()


async def test_a_cancelled_wait_leaves_the_attempt_going() -> None:
    server = Server(delay=1.0)
    service = server.service()
    waiting = asyncio.ensure_future(service.open())
    await settled()
    waiting.cancel()
    await service.open()
    assert len(server.asked) == 1
    await service.close()


async def test_a_message_that_does_not_fit_is_refused_and_harms_nothing() -> None:
    server = Server()
    service = server.service()
    await service.open()
    with pytest.raises(MessageError, match="nothing to say"):
        await service.send("")
    assert service.connected
    await service.close()


async def test_what_nobody_reads_is_bounded() -> None:
    inbox = Inbox[str]()
    for _ in range(UNREAD + 5):
        inbox.put("word")
    read = [await anext(inbox) for _ in range(UNREAD)]
    assert read == ["word"] * UNREAD
    with pytest.raises(ProtocolError, match="that nobody read"):
        await anext(inbox)
