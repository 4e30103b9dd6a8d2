"""`voicechat talk`: one conversation, from a microphone, a WAV file or a line of text, to a speaker or a WAV file."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Callable
from typing import Final

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.wav import WavWriter
from voicechatengine.cli.exits import ConversationError, Exit, UsageError
from voicechatengine.cli.output import JsonLines, Output, Screen, summed_up, writable
from voicechatengine.cli.registry import SIMULATOR, make, simulated
from voicechatengine.engine.devices import Microphone, Speaker
from voicechatengine.engine.engine import Reply, VoiceEngine
from voicechatengine.engine.io import AudioSink, AudioSource, VirtualSpeaker, wav_sink, wav_source
from voicechatengine.engine.metrics import Metrics
from voicechatengine.events import ProviderEvent, ResponseCompleted
from voicechatengine.provider import Provider
from voicechatengine.simulators import simulator

OPTIONS: Final = ("url", "model", "voice", "instructions")  # arguments that are a config's fields as they are
MIC: Final = "mic"
SPEAKER: Final = "speaker"


def run(
    arguments: argparse.Namespace, wrap: Callable[[Provider], Provider] = lambda provider: provider
) -> Exit:
    """Holds the conversation over what `wrap` makes of the provider; see `voicechat talk --help` for the arguments."""
    if arguments.text is not None and not arguments.text.strip():
        raise UsageError("--text is empty: write what to ask")
    out = JsonLines(sys.stdout) if arguments.json else Screen(sys.stdout)
    asyncio.run(_told(arguments, wrap, out))
    return Exit.OK


async def _told(arguments: argparse.Namespace, wrap: Callable[[Provider], Provider], out: Output) -> None:
    """The conversation, and at its end, however it ends, the figures."""
    ended = _Ended(out)
    to_file = None if arguments.output == SPEAKER else arguments.output
    with summed_up(out, lambda: (ended.metrics, to_file)):
        await _talk(arguments, wrap, out, ended)


class _Ended:
    """What is known at the end: the figures, and how the last reply ended."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self.metrics = Metrics()
        self.last: ResponseCompleted | None = None

    def event(self, event: ProviderEvent) -> None:
        if isinstance(event.data, ResponseCompleted):
            self.last = event.data
        self._out.event(event)


async def _talk(
    arguments: argparse.Namespace, wrap: Callable[[Provider], Provider], out: Output, ended: _Ended
) -> None:
    # What the user can mend is looked at first, before anything is opened.
    text: str | None = arguments.text
    source = _source(arguments.input or MIC) if text is None else None
    output: str | None = arguments.output
    if output not in (None, SPEAKER):
        writable(output)
    options = {name: value for name in OPTIONS if (value := getattr(arguments, name)) is not None}
    async with contextlib.AsyncExitStack() as stack:
        if arguments.url == SIMULATOR:
            simulated(arguments.provider)
            server = await stack.enter_async_context(simulator(arguments.provider))
            options |= {"url": server.url, "api_key": "made-up"}
        written = text is not None and output is None
        engine = VoiceEngine(wrap(make(arguments.provider, options, written=written)))
        # A handler, not a subscription: it hears of the connecting as well, and takes nothing from the engine.
        engine.on_event("*", ended.event)
        try:
            async with engine:
                if text is not None:
                    out.asked(text)
                    await _keep(await engine.ask(text), output)
                elif source is not None:
                    sink = _sink(output or (SPEAKER if source.open_air else None))
                    await engine.run(source, sink)
        finally:
            ended.metrics = engine.metrics
    _judge(ended.last)


def _source(name: str) -> AudioSource:
    return Microphone() if name == MIC else wav_source(name)


def _sink(name: str | None) -> AudioSink:
    if name is None:
        return VirtualSpeaker(AudioFormat(), len)  # heard by nobody, but in its time
    return Speaker() if name == SPEAKER else wav_sink(name)


async def _keep(reply: Reply, output: str | None) -> None:
    """Plays or writes the sound of an answer."""
    if output is None:
        return
    if not reply.audio:
        raise ConversationError("the answer has words only: leave --output out")
    if output != SPEAKER:
        with WavWriter(output, reply.format) as file:
            file.write(reply.audio)
        return
    speaker = Speaker(reply.format)
    try:
        await speaker.write(reply.audio)
        await speaker.drain()
    finally:
        await speaker.close()


def _judge(last: ResponseCompleted | None) -> None:
    """Raises if what took place was no conversation."""
    if last is None:
        raise ConversationError("no answer came: was there speech in the input, and a pause after it?")
    if last.status == "failed":
        raise ConversationError(f"the reply failed: {last.reason or 'no reason was given'}")
