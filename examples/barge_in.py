"""Barge-in: the user talks over a long answer, and history ends with the last word that was heard.

python barge_in.py question.wav        the speech in the file is the interruption
"""

from __future__ import annotations

import asyncio
import sys

from voicechatengine import BargeIn, MockConfig, MockProvider, VoiceEngine
from voicechatengine.audio.wav import read_wav
from voicechatengine.engine.io import MemorySource, wav_sink
from voicechatengine.messages import MessageItem
from voicechatengine.providers.mock import MockReply

ANSWER = "Well, that is a long story, and it begins with a very small boat on a very large sea, far away and long ago"


async def main(path: str) -> None:
    audio_format, speech = read_wav(path)
    # The second time, the answer to the first has been playing for two seconds.
    source = MemorySource(speech + audio_format.silence(2000) + speech, audio_format)
    provider = MockProvider(
        MockConfig(detect_turns=True, script=[MockReply(ANSWER), MockReply("Sorry, go ahead.")])
    )
    # At the first sign of speech the answer pauses; without words it would go on after a second.
    async with VoiceEngine(provider, barge_in=BargeIn(resume_ms=1000)) as engine:
        metrics = await engine.run(source, wav_sink("heard.wav"))
        for item in engine.history:
            if isinstance(item, MessageItem):
                about = " (interrupted, about here)" if item.estimated else ""
                print(f"{item.role}: {item.text}{about}")
    for turn in metrics.turns:
        if turn.interruption_ms is not None:
            print(f"silent {turn.interruption_ms:.0f} ms after the speech was reported")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if sys.argv[1:] else "question.wav"))
