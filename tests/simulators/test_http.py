"""The simulators' websocket server: what HTTP clients and websockets see, and what is left when it stops."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from voicechatengine.errors import ConnectionError
from voicechatengine.providers.mock import MockConfig, MockProvider, MockReply
from voicechatengine.session.dialect import Close
from voicechatengine.simulators import Faults, Simulator, simulator

pytestmark = pytest.mark.realtime

KEY = {"Authorization": "Bearer sk-test"}
ASK = [
    {
        "type": "conversation.item.create",
        "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
    },
    {"type": "response.create"},
]


def quick() -> MockProvider:
    return MockProvider(MockConfig(respond=lambda _: MockReply("Hello.", pace=0)))


def slow() -> MockProvider:
    return MockProvider(MockConfig(respond=lambda _: MockReply("Hello. " * 1000, pace=1)))


async def hear(
    sim: Simulator, *messages: Any, model: str = "gpt-realtime", until: str = "response.done"
) -> tuple[list[str], int | None]:
    """The types of the frames up to one of that type or the end, and the code of the close if it came to that."""
    kinds: list[str] = []
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{sim.url}?model={model}", headers=KEY) as socket,
    ):
        for message in messages:
            await socket.send_str(message if isinstance(message, str) else json.dumps(message))
        while not kinds or kinds[-1] != until:
            frame = await socket.receive()
            if frame.type is not aiohttp.WSMsgType.TEXT:
                return kinds, socket.close_code
            try:
                kinds.append(json.loads(frame.data)["type"])
            except ValueError:
                kinds.append("garbage")
    return kinds, None


async def test_a_conversation_over_a_socket():
    async with simulator("openai", provider=quick) as sim:
        kinds, code = await hear(sim, *ASK)
        assert kinds[0] == "session.created"
        assert "response.output_audio.delta" in kinds
        assert (kinds[-1], code) == ("response.done", None)
        assert sim.received == ASK
        assert sim.connections[0].path == "/v1/realtime"


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("/v1/realtime", {}, 401, None),
        ("/v1/realtime", {"Authorization": "Bearer sk-invalid"}, 401, "invalid_api_key"),
        ("/v1/realtime", {"Authorization": "Bearer other"}, 401, "invalid_api_key"),
        ("/v1/nothing", KEY, 404, None),
        ("/", KEY, 404, None),
        ("/v1/realtime", KEY, 426, None),
    ],
)
async def test_a_request_that_is_not_accepted_has_the_services_json(
    path: str, headers: dict[str, str], status: int, code: str | None
):
    async with simulator("openai", api_key="sk-test") as sim, aiohttp.ClientSession() as session:
        url = sim.url.replace("ws://", "http://").removesuffix("/v1/realtime") + path
        async with session.get(url, headers=headers) as response:
            assert response.status == status
            assert (await response.json())["error"].get("code") == code


async def test_the_first_handshakes_are_told_to_wait():
    async with simulator("openai", provider=quick, faults=Faults(rate_limit=1, retry_after_s=2)) as sim:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await hear(sim)
        assert refused.value.status == 429
        assert refused.value.headers is not None
        assert refused.value.headers["Retry-After"] == "2"
        kinds, _ = await hear(sim, until="session.created")
        assert kinds == ["session.created"]


async def test_a_model_that_does_not_exist_is_closed_as_the_service_closes_it():
    async with simulator("openai") as sim:
        assert await hear(sim, model="whisper-9") == (["error"], 4004)


@pytest.mark.parametrize(
    ("faults", "count", "code"),
    [
        (Faults(drop_after_sent=4), 4, 1006),
        (Faults(drop_after_received=2), None, 1006),
        (Faults(close_after_sent=4, close_code=1013), 4, 1013),
        (Faults(expire_after_s=0.05), None, 1001),
    ],
)
async def test_a_connection_ends_on_request(faults: Faults, count: int | None, code: int):
    async with simulator("openai", provider=slow, faults=faults) as sim:
        kinds, closed = await hear(sim, *ASK)
        assert closed == code
        assert count in (None, len(kinds))


async def test_nonsense_comes_between_the_frames():
    async with simulator("openai", provider=quick, faults=Faults(garbage_every=2)) as sim:
        kinds, _ = await hear(sim, *ASK)
        assert {"garbage", "simulator.nonsense"} <= set(kinds)
        assert kinds[-1] == "response.done"


async def test_what_is_no_json_is_kept_as_it_came():
    async with simulator("openai", provider=quick) as sim:
        await hear(sim, "hello", until="error")
        assert sim.received == [b"hello"]


async def test_a_stopping_server_closes_what_lives_and_leaves_no_task():
    async with aiohttp.ClientSession() as session:
        async with simulator("openai", provider=slow) as sim:
            socket = await session.ws_connect(f"{sim.url}?model=gpt-realtime", headers=KEY)
            for message in ASK:
                await socket.send_str(json.dumps(message))
            while json.loads((await socket.receive()).data)["type"] != "response.created":
                pass
            reading = asyncio.create_task(_drain(socket))
        assert await reading == 1001
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.ws_connect(sim.url, headers=KEY)
        assert sim.connections[0].ended == Close(1001, "the simulator stops")


async def _drain(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    async for _ in socket:
        pass
    return socket.close_code


async def test_a_client_that_does_not_say_goodbye_does_not_hold_a_stopping_server():
    async with aiohttp.ClientSession() as session:
        async with simulator("openai", provider=slow) as sim:
            await session.ws_connect(f"{sim.url}?model=gpt-realtime", headers=KEY)
        assert sim.connections[0].ended is not None


async def test_a_port_that_is_taken_is_told():
    async with simulator("openai") as sim:
        port = int(sim.url.split(":")[2].split("/")[0])
        with pytest.raises(ConnectionError, match="choose another port"):
            async with simulator("openai", port=port):
                pass
