"""What is different at xAI: where a session is, what it can be told, and a conversation that goes on after a cut."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from voicechatengine import AudioFormat, AuthenticationError, MessageError, Transcription, TurnDetection
from voicechatengine.audio.tone import tone
from voicechatengine.events import InputTranscript, ProviderEvent, ResponseCompleted, SessionCreated
from voicechatengine.messages import (
    ItemTruncate,
    MessageItem,
    MessageType,
    Options,
    ResponseCreate,
    TextPart,
    ToolCallItem,
)
from voicechatengine.providers.realtime.client import RealtimeClient
from voicechatengine.providers.xai import XAIConfig, XAIProvider
from voicechatengine.providers.xai.config import DIFFERENCES, endpoint
from voicechatengine.session.dialect import Endpoint, Frame, Restore
from voicechatengine.session.transport import Transport
from voicechatengine.simulators import Simulator, memory_connector
from voicechatengine.simulators.vendors import vendor


@asynccontextmanager
async def connected(
    **settings: Any,
) -> AsyncIterator[tuple[Simulator, XAIProvider, AsyncIterator[ProviderEvent]]]:
    service = Simulator(vendor("xai"), seed=1)
    config = XAIConfig(api_key="k", **settings)
    provider = XAIProvider(config, connector=memory_connector(service), rng=random.Random(1))
    events = provider.events()
    await provider.connect()
    try:
        yield service, provider, events
    finally:
        await provider.disconnect()
        await service.stop()


async def until(events: AsyncIterator[ProviderEvent], kind: str) -> list[Any]:
    seen: list[Any] = []
    async for event in events:
        seen.append(event.data)
        if event.type == kind:
            break
    return seen


async def ask(provider: XAIProvider, events: AsyncIterator[ProviderEvent], text: str) -> ResponseCompleted:
    await provider.send_text(text)
    await provider.create_response()
    return (await until(events, "response_completed"))[-1]


def sent(service: Simulator, kind: str, connection: int = -1) -> list[dict[str, Any]]:
    return [frame for frame in service.connections[connection].received if frame["type"] == kind]


# ------------------------------------------------------------------ the session


def test_the_model_and_an_earlier_conversation_are_in_the_address():
    config = XAIConfig(api_key="k", model="grok-voice-3.0")
    there = endpoint(config, Restore(options=config.options(), handle="conv_7"))
    assert there.url == "wss://api.x.ai/v1/realtime?model=grok-voice-3.0&conversation_id=conv_7"
    assert there.headers == {"Authorization": "Bearer k"}


def test_a_key_is_needed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("XAI_API_KEY", raising=False)
    with pytest.raises(AuthenticationError, match="XAI_API_KEY"):
        endpoint(XAIConfig(), Restore())


async def test_a_session_is_told_in_the_vendors_places():
    async with connected(
        voice="rex",
        language="fr",
        transcription=Transcription(prompt="Zürich, Genève"),
        turn_detection=None,
        input_audio_format=AudioFormat("pcm16", 48_000),
        output_audio_format=AudioFormat("g711_ulaw", 8_000),
        vendor={"reasoning": {"effort": "high"}},
    ) as (service, provider, _):
        assert provider.get_audio_format().sample_rate == 48_000
        assert sent(service, "session.update")[0]["session"] == {
            "resumption": {"enabled": True},
            "reasoning": {"effort": "high"},
            "voice": "rex",
            "turn_detection": {"type": None},
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 48_000},
                    "transcription": {
                        "model": "grok-transcribe",
                        "language_hint": "fr",
                        "keyterms": ["Zürich", "Genève"],
                    },
                },
                "output": {"format": {"type": "audio/pcmu"}},
            },
        }


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"modalities": ("text",)}, "modalities"),
        ({"max_tokens": 10}, "max_tokens"),
        ({"turn_detection": TurnDetection("semantic_vad")}, "turn_detection.mode"),
        ({"input_audio_format": AudioFormat("pcm16", 12_345)}, "input_audio_format"),
    ],
)
def test_what_the_service_lacks_is_refused_before_anything_is_sent(settings: dict[str, Any], field: str):
    with pytest.raises(MessageError) as refused:
        XAIConfig(api_key="k", **settings)
    assert refused.value.field == field


async def test_an_answer_beside_the_conversation_and_a_picture_are_refused():
    async with connected() as (service, provider, _):
        with pytest.raises(MessageError, match="out_of_band"):
            await provider.send_message(MessageType.RESPONSE_CREATE, {"out_of_band": True})
        with pytest.raises(MessageError, match="no pictures"):
            await provider.send_message(MessageType.IMAGE, {"image": b"x", "mime_type": "image/png"})
        able = provider.get_capabilities()
        assert (able["image_input"], able["out_of_band"], able["resumption"]) == (False, False, True)
        assert sent(service, "conversation.item.create") == []


async def test_the_words_grow_and_the_cost_is_found():
    async with connected() as (_, provider, events):
        form = provider.get_audio_format()
        await provider.send_audio(form.silence(300) + tone(form, 700) + form.silence(1_500))
        seen = await until(events, "response_completed")
        words = [data for data in seen if isinstance(data, InputTranscript)]
        assert [data.final for data in words] == [*(False for _ in words[:-1]), True]
        assert seen[-1].usage.output_tokens > 0


# ------------------------------------------------------------------ after a cut


async def test_a_conversation_goes_on_after_a_cut_and_nothing_of_it_is_told_again():
    async with connected() as (service, provider, events):
        await ask(provider, events, "My name is Ann")
        service.cut()
        seen = await until(events, "reconnected")
        assert seen[-1].state_restored
        assert [data.resumed for data in seen if isinstance(data, SessionCreated)] == [True]
        assert sent(service, "conversation.item.create") == []
        assert service.connections[-1].query["conversation_id"]
        assert not any(data.__class__.__name__ == "ItemAdded" for data in seen)
        assert (await ask(provider, events, "And now?")).status == "completed"


async def test_a_conversation_that_the_service_forgot_is_told_again():
    services = [Simulator(vendor("xai"), seed=1), Simulator(vendor("xai"), seed=2)]
    remaining = map(memory_connector, services)

    def connect(endpoint: Endpoint) -> Awaitable[Transport]:
        return next(remaining)(endpoint)

    provider = XAIProvider(XAIConfig(api_key="k"), connector=connect)
    events = provider.events()
    await provider.connect()
    await ask(provider, events, "My name is Ann")
    services[0].cut()
    seen = await until(events, "reconnected")
    assert seen[-1].state_restored
    assert [data.resumed for data in seen if isinstance(data, SessionCreated)] == [False]
    told = [frame["item"]["content"][0]["text"] for frame in sent(services[1], "conversation.item.create")]
    assert told[0] == "My name is Ann"
    assert len(told) == 2
    await provider.disconnect()
    for service in services:
        await service.stop()


HISTORY = (
    MessageItem("user", (TextPart("Hello"),), "u1"),
    MessageItem("assistant", (TextPart("Good day"),), "a1"),
    ToolCallItem("c1", "look", "{}", "t1"),
)


class Resumed:
    """A client that asks for conversation conv_1, up to what the service says of it."""

    def __init__(self, handle: str | None = "conv_1") -> None:
        count = itertools.count(1)
        restore = Restore(options=Options(), history=HISTORY, handle=handle)
        self.client = RealtimeClient(restore, lambda word: f"{word}_{next(count)}", differences=DIFFERENCES)
        self.client.opened(0.0)

    def says(self, kind: str, **fields: Any) -> list[Any]:
        return list(self.client.receive(json.dumps({"type": kind, **fields}), 1.0))


def frames(outputs: list[Any]) -> list[dict[str, Any]]:
    return [json.loads(each.data) for each in outputs if isinstance(each, Frame)]


def test_items_are_found_by_their_old_ids():
    line = Resumed()
    assert [frame["type"] for frame in frames(line.says("session.created", session={"id": "s"}))] == [
        "session.update"
    ]
    line.says("conversation.created", conversation={"id": "conv_1"})
    for item_id, role in (("n1", "user"), ("n2", "assistant")):
        item = {"id": item_id, "type": "message", "role": role, "content": []}
        assert line.says("conversation.item.added", item=item) == []
    call = {"id": "n3", "type": "function_call", "role": "tool", "call_id": "c1", "name": "look"}
    assert line.says("conversation.item.added", item=call) == []
    (created,) = line.says("session.updated", session={"voice": "ara"})
    assert created.resumed
    assert created.applied.voice == "ara"
    (frame,) = frames(list(line.client.send(ItemTruncate("a1", 0), 2.0)))
    assert (frame["type"], frame["item_id"]) == ("conversation.item.delete", "n2")
    assert line.client.snapshot().handle == "conv_1"
    assert line.client.snapshot().pending_calls == ("c1",)


def test_a_service_that_says_nothing_of_a_conversation_is_told_the_history():
    line = Resumed()
    line.says("session.created", session={"id": "s"})
    outputs = line.says("session.updated", session={})
    assert [frame["item"]["type"] for frame in frames(outputs)] == ["message", "message", "function_call"]
    assert [each.resumed for each in outputs if isinstance(each, SessionCreated)] == [False]


def test_a_reply_can_be_asked_for_in_a_conversation_that_goes_on():
    line = Resumed()
    line.says("session.created", session={"id": "s"})
    line.says("conversation.created", conversation={"id": "conv_1"})
    line.says("session.updated", session={})
    assert [frame["type"] for frame in frames(list(line.client.send(ResponseCreate(), 2.0)))] == [
        "response.create"
    ]
