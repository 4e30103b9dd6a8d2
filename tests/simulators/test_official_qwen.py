"""The vendor's own client, unchanged, talks to the simulator: it calls back from a thread of its own."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import pytest
from dashscope.audio.qwen_omni import MultiModality, OmniRealtimeCallback, OmniRealtimeConversation

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.simulators import simulator

pytestmark = pytest.mark.realtime
HEARD = AudioFormat("pcm16", 16_000)


class Told(OmniRealtimeCallback):
    """Hands what the client is told over to the event loop."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    def on_event(self, message: Any) -> None:
        self._loop.call_soon_threadsafe(self.events.put_nowait, message)

    async def until(self, kind: str) -> list[dict[str, Any]]:
        seen = [await self.events.get()]
        while seen[-1]["type"] != kind:
            seen.append(await self.events.get())
        return seen


async def talk(script: Callable[[OmniRealtimeConversation, Told], Any]) -> None:
    async with simulator("qwen") as sim:
        told = Told()
        conversation = OmniRealtimeConversation(
            model="qwen3.5-omni-flash-realtime", callback=told, url=sim.url, api_key="k"
        )
        await asyncio.to_thread(conversation.connect)
        await told.until("session.created")
        await script(conversation, told)
        await asyncio.to_thread(conversation.close)
        await sim.connections[-1].closed()


async def test_a_written_and_a_spoken_turn():
    async def script(conversation: OmniRealtimeConversation, told: Told) -> None:
        conversation.update_session(
            output_modalities=[MultiModality.TEXT, MultiModality.AUDIO], voice="Cherry"
        )
        (updated,) = [
            each for each in await told.until("session.updated") if each["type"] == "session.updated"
        ]
        assert updated["session"]["voice"] == "Cherry"
        assert updated["session"]["modalities"] == ["text", "audio"]
        conversation.create_item(
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}
        )
        conversation.create_response()
        kinds = [each["type"] for each in await told.until("response.done")]
        assert "response.audio_transcript.delta" in kinds
        assert "response.audio.delta" in kinds
        assert "conversation.item.added" not in kinds
        sound = HEARD.silence(300) + tone(HEARD, 700) + HEARD.silence(1_500)
        conversation.append_audio(base64.b64encode(sound).decode())
        kinds = [each["type"] for each in await told.until("response.done")]
        assert kinds.index("input_audio_buffer.speech_started") < kinds.index("response.created")

    await talk(script)


async def test_push_to_talk_with_a_picture():
    async def script(conversation: OmniRealtimeConversation, told: Told) -> None:
        conversation.update_session(
            output_modalities=[MultiModality.TEXT], enable_turn_detection=False, voice="Cherry"
        )
        await told.until("session.updated")
        conversation.append_audio(base64.b64encode(tone(HEARD, 500)).decode())
        conversation.append_video(base64.b64encode(b"\xff\xd8\xff\xe0").decode())
        conversation.commit()
        conversation.create_response()
        seen = await told.until("response.done")
        words = "".join(each["delta"] for each in seen if each["type"] == "response.text.delta")
        assert "1 picture" in words

    await talk(script)


async def test_a_cancelled_answer():
    async def script(conversation: OmniRealtimeConversation, told: Told) -> None:
        conversation.create_item(
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "On and on. " * 50}],
            }
        )
        conversation.create_response()
        await told.until("response.audio.delta")
        conversation.cancel_response()
        done = (await told.until("response.done"))[-1]
        assert done["response"]["status"] == "cancelled"

    await talk(script)
