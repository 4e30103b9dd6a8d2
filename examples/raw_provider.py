"""A provider without the engine: python raw_provider.py [url of a simulator]"""

from __future__ import annotations

import asyncio
import sys

from voicechatengine import OpenAIConfig, OpenAIProvider
from voicechatengine.audio.resample import Resampler
from voicechatengine.audio.wav import read_wav


async def main(url: str | None = None, question: str = "question.wav") -> None:
    provider = OpenAIProvider(OpenAIConfig(url=url))
    await provider.connect()

    # A spoken question in the provider's format, and the silence after it by which the vendor hears its end.
    format, audio = read_wav(question)
    resampler = Resampler(format, provider.get_audio_format())
    await provider.send_audio(resampler.feed(audio) + resampler.flush())
    await provider.send_audio(provider.get_audio_format().silence(1000))

    received = 0
    async for event in provider.events():
        if event.type == "text_chunk":
            print(event.data["text"], end="", flush=True)
        elif event.type == "audio_chunk":
            received += len(event.data["audio"])
        elif event.type == "response_completed":
            break
    print(f"\n{received} bytes of sound")
    await provider.disconnect()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
