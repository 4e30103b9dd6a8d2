"""`voicechat replay`: a recorded conversation once more, as lines, as JSON, or as a WAV file of what the assistant said."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.recode import Recoder
from voicechatengine.audio.wav import WavWriter
from voicechatengine.cli.exits import Exit
from voicechatengine.cli.output import JsonLines, Output, Screen, summed_up, writable
from voicechatengine.cli.timeline import timeline_of
from voicechatengine.compose.replay import Replayed
from voicechatengine.compose.tape import read
from voicechatengine.events import AudioChunk


def run(arguments: argparse.Namespace) -> Exit:
    """Plays every session of a recording; a connect that failed fails again."""
    out = JsonLines(sys.stdout) if arguments.json else Screen(sys.stdout)
    asyncio.run(_play(arguments, out))
    return Exit.OK


async def _play(arguments: argparse.Namespace, out: Output) -> None:
    if arguments.output is not None:
        writable(arguments.output)
    timeline = timeline_of(read(arguments.recording))
    provider = Replayed(arguments.recording, speed=arguments.speed)
    answer = _Answer(arguments.output)
    with summed_up(out, lambda: (timeline.metrics, answer.written)), contextlib.closing(answer):
        for _ in range(timeline.sessions):
            await provider.connect()
            async for event in provider.events():
                out.event(event)
                if isinstance(event.data, AudioChunk):
                    answer.write(event.data, provider.get_audio_format())
            await provider.disconnect()


class _Answer:
    """The WAV file, if one was asked for: in the format of the first chunk, whatever comes later."""

    def __init__(self, path: str | None) -> None:
        self.written: str | None = None
        self._path = path
        self._file: WavWriter | None = None
        self._source = AudioFormat()
        self._recode: Recoder | None = None

    def write(self, chunk: AudioChunk, usual: AudioFormat) -> None:
        if self._path is None:
            return
        source = chunk.format or usual
        if self._file is None:
            self._file = WavWriter(self._path, source)
            self.written = self._path
        if self._recode is None or not source.same_sound(self._source):
            self._source, self._recode = source, Recoder(source, self._file.format)
        self._file.write(self._recode(chunk.audio))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
