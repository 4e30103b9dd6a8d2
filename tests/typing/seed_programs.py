"""Checked by mypy and pyright, never run: the two programs that a reader tries first."""

from __future__ import annotations

from typing import assert_type

from voicechatengine import OpenAIConfig, OpenAIProvider, Reply, Usage, VoiceEngine
from voicechatengine.messages import Item


async def with_a_provider(audio_bytes: bytes) -> None:
    config = OpenAIConfig(api_key="your-key")
    provider = OpenAIProvider(config)
    await provider.connect()
    await provider.send_text("Hello, AI!")
    await provider.send_audio(audio_bytes)
    async for event in provider.events():
        if event.type == "text_chunk":
            print(event.data["text"])
        elif event.type == "audio_chunk":
            print(len(event.data["audio"]))
        elif event.type == "response_completed":
            break
    await provider.disconnect()


async def with_the_engine(config: OpenAIConfig) -> None:
    async with VoiceEngine(OpenAIProvider(config)) as engine:
        reply = await engine.ask("Hello, AI!")
        assert_type(engine, VoiceEngine)
        assert_type(reply, Reply)
        assert_type(reply.text, str)
        assert_type(reply.audio, bytes)
        assert_type(reply.usage, Usage | None)
        assert_type(engine.history, tuple[Item, ...])
