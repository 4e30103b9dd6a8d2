"""A spoken question from a WAV file, the answer as another: python talk_to_file.py [url] [question.wav] [answer.wav]"""

from __future__ import annotations

import asyncio
import sys

from voicechatengine import OpenAIConfig, OpenAIProvider, VoiceEngine
from voicechatengine.engine.io import wav_sink, wav_source


async def main(url: str | None = None, question: str = "question.wav", answer: str = "answer.wav") -> None:
    async with VoiceEngine(OpenAIProvider(OpenAIConfig(url=url))) as engine:
        engine.on_event("text_chunk", lambda event: print(event.data["text"], end="", flush=True))
        metrics = await engine.run(wav_source(question), wav_sink(answer))
    print(f"\n{metrics.audio_in_s:.1f} s of sound sent, {metrics.audio_out_s:.1f} s received")
    for turn in metrics.turns:
        print(f"first sound after {turn.first_audio_ms or 0:.0f} ms, {turn.answer_ms / 1000:.1f} s long")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
