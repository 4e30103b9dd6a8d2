"""What is different at Qwen: where a session is, what it can be told, and pictures as frames beside the speech."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from voicechatengine import AudioFormat, AuthenticationError, MessageError, Tool, Transcription, TurnDetection
from voicechatengine.audio.tone import tone
from voicechatengine.events import ErrorInfo, ProviderEvent, SessionUpdated, TextChunk, ToolCall
from voicechatengine.messages import ImagePart, MessageItem, MessageType
from voicechatengine.providers.qwen import QwenConfig, QwenProvider
from voicechatengine.providers.qwen.config import DIFFERENCES, endpoint
from voicechatengine.providers.realtime.server import RealtimeServer
from voicechatengine.session.dialect import Frame, Restore
from voicechatengine.simulators import Simulator, memory_connector
from voicechatengine.simulators.vendors import vendor

JPEG = b"\xff\xd8\xff\xe0"
WEATHER = Tool(
    "get_weather", "", {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
)


@asynccontextmanager
async def connected(
    **settings: Any,
) -> AsyncIterator[tuple[Simulator, QwenProvider, AsyncIterator[ProviderEvent]]]:
    service = Simulator(vendor("qwen"), seed=1)
    provider = QwenProvider(
        QwenConfig(api_key="k", **settings), connector=memory_connector(service), rng=random.Random(1)
    )
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


def sent(service: Simulator, kind: str) -> list[dict[str, Any]]:
    return [frame for frame in service.received if frame["type"] == kind]


def test_a_region_and_a_workspace_are_where_the_session_is():
    config = QwenConfig(api_key="k", url="wss://dashscope.aliyuncs.com", workspace="w1")
    there = endpoint(config, Restore(options=config.options()))
    assert there.url == "wss://dashscope.aliyuncs.com/api-ws/v1/realtime?model=qwen3.5-omni-flash-realtime"
    assert there.headers == {"Authorization": "Bearer k", "X-DashScope-WorkSpace": "w1"}


def test_a_key_is_needed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)
    with pytest.raises(AuthenticationError, match="DASHSCOPE_API_KEY"):
        endpoint(QwenConfig(), Restore())


async def test_a_session_is_told_as_the_vendors_package_tells_it():
    async with connected(
        voice="Cherry",
        tools=(WEATHER,),
        turn_detection=TurnDetection(threshold=0.2, silence_duration_ms=800),
        vendor={"temperature": 0.5},
    ) as (service, provider, events):
        assert provider.get_audio_format().sample_rate == 16_000
        assert sent(service, "session.update")[0]["session"] == {
            "modalities": ["text", "audio"],
            "voice": "Cherry",
            "input_audio_format": "pcm",
            "output_audio_format": "pcm",
            "input_audio_transcription": {"model": None},
            "turn_detection": {"type": "server_vad", "threshold": 0.2, "silence_duration_ms": 800},
            "temperature": 0.5,
            "tools": [
                {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER.parameters}}
            ],
        }
        (update,) = [
            data for data in await until(events, "session_updated") if isinstance(data, SessionUpdated)
        ]
        assert update.applied.tools == (WEATHER,)
        assert update.applied.voice == "Cherry"
        assert update.applied.input_audio_format == provider.get_audio_format()


async def test_a_named_transcription_stays_named_and_none_is_none():
    for wanted, told in (
        (Transcription(model="gummy-realtime-v1"), {"model": "gummy-realtime-v1"}),
        (None, None),
    ):
        async with connected(transcription=wanted) as (service, provider, _):
            session = sent(service, "session.update")[0]["session"]
            assert session["input_audio_transcription"] == told
            assert provider.get_capabilities()["input_transcription"] is (told is not None)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"max_tokens": 10}, "max_tokens"),
        ({"tool_choice": "none"}, "tool_choice"),
        ({"turn_detection": TurnDetection(create_response=False)}, "turn_detection.create_response"),
        ({"turn_detection": TurnDetection(idle_timeout_ms=5000)}, "turn_detection.idle_timeout_ms"),
        ({"input_audio_format": AudioFormat()}, "input_audio_format"),
        ({"model": "qwen3.8-omni-flash-realtime"}, "model"),
        ({"url": "ftp://x"}, "url"),
    ],
)
def test_what_the_service_lacks_is_refused_before_anything_is_sent(settings: dict[str, Any], field: str):
    with pytest.raises(MessageError) as refused:
        QwenConfig(api_key="k", **settings)
    assert refused.value.field == field


async def test_a_picture_goes_beside_the_speech():
    async with connected() as (service, provider, events):
        form = provider.get_audio_format()
        with pytest.raises(MessageError, match="after audio"):
            await provider.send_message(MessageType.IMAGE, {"image": JPEG, "mime_type": "image/jpeg"})
        await provider.send_audio(form.silence(300) + tone(form, 700))
        await provider.send_message(MessageType.IMAGE, {"image": JPEG, "mime_type": "image/jpeg"})
        await provider.send_audio(form.silence(1_500))
        seen = await until(events, "response_completed")
        words = "".join(data.text for data in seen if isinstance(data, TextChunk))
        assert "I was shown 1 picture." in words
        assert sent(service, "input_image_buffer.append")[0]["image"] == "/9j/4A=="
        with pytest.raises(MessageError, match="beside"):
            await provider.send_message(
                MessageType.ITEM_CREATE, {"item": MessageItem("user", (ImagePart(JPEG, "image/jpeg"),))}
            )


def test_a_picture_before_any_audio_is_refused_by_the_service_too():
    server = RealtimeServer(lambda word: f"{word}_1", differences=DIFFERENCES, model="qwen3.5")
    server.opened(0.0)
    (frame,) = server.receive('{"type":"input_image_buffer.append","image":"/9j/"}', 1.0)
    assert isinstance(frame, Frame)
    assert b"append image before append audio" in frame.data


async def test_a_tool_round():
    async with connected(tools=(WEATHER,)) as (_, provider, events):
        await provider.send_text("The weather in Paris")
        await provider.create_response()
        calls = [data for data in await until(events, "tool_call") if isinstance(data, ToolCall)]
        assert calls[0].parsed == {"city": "Paris"}


async def test_a_truncation_corrects_the_history_and_is_not_sent():
    async with connected() as (service, provider, events):
        await provider.send_text("Hello")
        await provider.create_response()
        seen = await until(events, "response_completed")
        item = next(data.item_id for data in seen if isinstance(data, TextChunk))
        await provider.send_message(MessageType.ITEM_TRUNCATE, {"item_id": item, "heard_ms": 100})
        assert not provider.get_capabilities()["truncation"]
        assert [frame for frame in service.received if frame["type"] == "conversation.item.truncate"] == []


async def test_a_wrong_option_gets_the_services_own_code():
    async with connected() as (_, provider, events):
        await provider.update_session(vendor={"sparkle": True})
        seen = await until(events, "error")
        assert isinstance(seen[-1], ErrorInfo)
        assert seen[-1].code == "unknown_parameter"
        assert "session.sparkle" in seen[-1].message
