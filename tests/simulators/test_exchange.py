"""A request and its answer as a transport, and a whole simulated service in memory, in virtual time."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing

import pytest

from voicechatengine import MockConfig, MockProvider
from voicechatengine.errors import AuthenticationError, ConnectionError, RateLimitError
from voicechatengine.messages import MessageItem, TextPart
from voicechatengine.provider import Retry
from voicechatengine.providers.anthropic import AnthropicConfig, AnthropicModel
from voicechatengine.providers.cascade.parts import Finished, ModelOutput, Request, Words
from voicechatengine.providers.mock import MockReply
from voicechatengine.session.dialect import Close
from voicechatengine.simulators import Faults, Simulator, memory_http
from voicechatengine.simulators.exchange import Exchange
from voicechatengine.simulators.vendors import vendor

HI = Request((MessageItem("user", (TextPart("Hi"),)),))
CONFIG = AnthropicConfig(api_key="k", url="http://here", retry=Retry(attempts=1))


def service(
    faults: Faults | None = None, reply: MockReply | None = None, key: str | None = None
) -> Simulator:
    provider = None if reply is None else lambda: MockProvider(MockConfig(script=[reply]))
    return Simulator(vendor("anthropic"), provider=provider, faults=faults, api_key=key, seed=1)


def model(simulator: Simulator) -> AnthropicModel:
    return AnthropicModel(CONFIG, http=memory_http(simulator), rng=random.Random(1))


async def told(part: AnthropicModel, seen: list[ModelOutput] | None = None) -> str:
    seen = [] if seen is None else seen
    async for output in part.reply(HI):
        seen.append(output)
    assert isinstance(seen[-1], Finished)
    return said(seen)


def said(seen: list[ModelOutput]) -> str:
    return "".join(output.text for output in seen if isinstance(output, Words))


async def test_a_request_is_answered_in_memory():
    simulator = service()
    assert await told(model(simulator)) == "I am the Anthropic simulator. You said: Hi"
    assert simulator.received[0]["messages"][0]["content"] == [{"type": "text", "text": "Hi"}]
    assert simulator.connections[0].ended == Close()


@pytest.mark.parametrize(
    "faults",
    [
        Faults(overloaded=1),
        Faults(overloaded_after=0, connections=1),
        Faults(drop_after_sent=2, connections=1),
    ],
)
async def test_a_failure_before_the_first_word_is_not_noticed(faults):
    assert await told(model(service(faults))) == "I am the Anthropic simulator. You said: Hi"


@pytest.mark.parametrize(
    ("faults", "code"),
    [(Faults(overloaded_after=2), "overloaded_error"), (Faults(drop_after_sent=5), "connection_lost")],
)
async def test_a_failure_after_the_first_word_is_told(faults, code):
    seen: list[ModelOutput] = []
    with pytest.raises(ConnectionError) as caught:
        await told(model(service(faults)), seen)
    assert caught.value.code == code
    assert said(seen)


async def test_a_refusal_is_what_a_socket_would_bring():
    with pytest.raises(RateLimitError) as limited:
        await told(model(service(Faults(rate_limit=1, retry_after_s=2))))
    assert limited.value.retry_after == 2
    with pytest.raises(AuthenticationError):
        await told(model(service(key="other")))


async def test_each_piece_is_held_back_on_request():
    began = asyncio.get_running_loop().time()
    await told(model(service(Faults(delay_ms=1000))))
    assert asyncio.get_running_loop().time() - began > 5


async def test_a_client_that_goes_away_ends_its_request():
    simulator = service(reply=MockReply("word " * 100, pace=1))
    async with aclosing(model(simulator).reply(HI)) as outputs:
        await anext(outputs)
    assert simulator.connections[0].ended is not None


async def test_a_client_that_cannot_be_written_to_ends_the_exchange():
    async def broken(data: bytes) -> None:
        raise ConnectionResetError

    exchange = Exchange(b"body", broken)
    frames: list[bytes | str] = []
    reading = asyncio.create_task(exchange.pump(frames.append))
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await exchange.send(b"x", False)
    await exchange.close(Close())
    assert (await reading).code == 1006
    assert frames == [b"body"]
