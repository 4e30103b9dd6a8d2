"""Push to talk: the application says when a turn begins and ends. python push_to_talk.py [url] [question.wav]"""

from __future__ import annotations

import asyncio
import sys

from voicechatengine import MessageType, OpenAIConfig, OpenAIProvider
from voicechatengine.audio.resample import Resampler
from voicechatengine.audio.wav import read_wav


async def main(url: str | None = None, question: str = "question.wav") -> None:
    provider = OpenAIProvider(OpenAIConfig(url=url, turn_detection=None))
    await provider.connect()
    format, audio = read_wav(question)
    resampler = Resampler(format, provider.get_audio_format())

    await provider.send_message(MessageType.ACTIVITY_START, {})  # the button is pressed
    await provider.send_audio(resampler.feed(audio) + resampler.flush())
    await provider.send_message(MessageType.ACTIVITY_END, {})  # and let go: this asks for the reply as well

    async for event in provider.events():
        if event.type == "text_chunk":
            print(event.data["text"], end="", flush=True)
        elif event.type == "response_completed":
            break
    print()
    await provider.disconnect()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
