"""Hours of conversation under a vendor's limit of ten minutes: is there a gap in what is heard, and does memory grow?"""

from __future__ import annotations

import asyncio
import gc
import random
import tracemalloc
from dataclasses import dataclass, field

from voicechatengine import MockConfig, MockProvider, OpenAIConfig, OpenAIProvider, VoiceEngine
from voicechatengine.events import ErrorInfo, ProviderEvent, Reconnected, StateChanged
from voicechatengine.providers.mock import MockReply, MockTurn
from voicechatengine.simulators import Faults, Simulator
from voicechatengine.simulators.vendors import vendor
from voicechatengine.testing import run_virtual

from . import marks
from .line import Line
from .talk import Ear, Mouth

LIMIT_S = 600.0
SPEECH_MS, WORDS = 1_600, 24


@dataclass
class Report:
    """`memory_kb` is what Python holds towards the end of each hour, when the history has so many `items`."""

    hours: float
    turns: int = 0
    hand_overs: int = 0
    restored: int = 0
    worst_gap_s: float = 0.0
    heard_s: float = 0.0
    said_s: float = 0.0
    trouble: list[str] = field(default_factory=list)
    memory_kb: list[float] = field(default_factory=list)
    items: list[int] = field(default_factory=list)

    def growth(self) -> list[float]:
        """Bytes that each item of history costs, hour by hour from the second on: in all folds, at both ends of the wire."""
        grown = [after - before for before, after in zip(self.memory_kb, self.memory_kb[1:], strict=False)]
        items = [after - before for before, after in zip(self.items, self.items[1:], strict=False)]
        return [kb * 1000 / count for kb, count in zip(grown, items, strict=True)]


class _Long:
    def __init__(self, hours: float, *, measure: bool) -> None:
        loop = asyncio.get_running_loop()

        def clock() -> float:
            return 1.75e9 + loop.time()

        self.report = Report(hours)
        self._replies = 0
        self._measure = measure
        self._simulator = Simulator(
            vendor("openai"),
            provider=self._vendor,
            faults=Faults(expire_after_s=LIMIT_S),
            clock=clock,
            seed=1,
        )
        self._line = Line(self._simulator, keep=False)
        self._provider = OpenAIProvider(
            OpenAIConfig(api_key="k", url="ws://simulated"),
            connector=self._line.connect,
            clock=clock,
            rng=random.Random(1),
        )
        self._ear = Ear(keep=False)
        self._mouth = Mouth(muted=True, manual=False)
        self._sound = marks.reply_audio(0, WORDS), marks.reply_audio(1, WORDS)

    def _vendor(self) -> MockProvider:
        return MockProvider(
            MockConfig(
                name="simulator", respond=self._respond, transcripts=lambda *_: "as was said", recorded=0
            )
        )

    def _respond(self, _: MockTurn) -> MockReply:
        self._replies += 1
        # Two sounds in turn, so that the listener knows where one reply ends and the next begins.
        return MockReply("one two three", audio=self._sound[self._replies % 2], pace=1.5)

    def _take(self, event: ProviderEvent) -> None:
        report = self.report
        match event.data:
            case Reconnected(attempts=0):
                report.hand_overs += 1
                report.restored += event.data.state_restored
            case Reconnected() | ErrorInfo():
                report.trouble.append(str(event.data))
            case StateChanged() if event.data.state.value not in ("connecting", "connected", "disconnected"):
                report.trouble.append(str(event.data))
            case _:
                pass

    async def hold(self) -> Report:
        loop, report = asyncio.get_running_loop(), self.report
        for kind in ("reconnected", "error", "state_changed"):
            self._provider.on_event(kind, self._take)
        async with VoiceEngine(self._provider) as engine:
            running = asyncio.ensure_future(engine.run(self._mouth, self._ear, half_duplex=False))
            ends = [hour * 3_600.0 - LIMIT_S for hour in range(1, int(report.hours) + 1)]
            handed_over = 0
            while loop.time() < report.hours * 3_600 and not running.done():
                before = self._ear.heard_ms
                speaking = asyncio.ensure_future(self._mouth.speak(SPEECH_MS))
                await asyncio.wait([speaking, running], return_when=asyncio.FIRST_COMPLETED)
                speaking.cancel()
                report.turns += 1
                # The next words come when the reply was heard, or interrupt nothing because there is none.
                deadline = loop.time() + 30
                while self._ear.heard_ms - before < marks.WORD_MS * WORDS and loop.time() < deadline:
                    await asyncio.sleep(0.1)
                    _ = self._ear.position
                if loop.time() >= deadline:
                    report.trouble.append(f"turn {report.turns} was not answered whole")
                while self._simulator.connections and self._simulator.connections[0].ended is not None:
                    self._simulator.connections.popleft()  # the service keeps what clients sent for tests
                # Just after a hand-over, so that it is always a session as young whose frames the service keeps.
                if ends and loop.time() >= ends[0] and report.hand_overs > handed_over:
                    ends.pop(0)
                    self._weigh(len(engine.history))
                handed_over = report.hand_overs
            self._mouth.end()
            await running
        await self._simulator.stop()
        report.worst_gap_s = self._ear.worst_gap_s
        report.heard_s, report.said_s = self._ear.heard_ms / 1000, self._mouth.spoken * marks.FRAME_MS / 1000
        return report

    def _weigh(self, items: int) -> None:
        self.report.items.append(items)
        if self._measure:
            gc.collect()
            self.report.memory_kb.append(tracemalloc.get_traced_memory()[0] / 1000)


def hold(hours: float, *, measure: bool = False) -> Report:
    """So many hours of virtual time; `measure` looks at the memory, which takes its time."""

    async def main() -> Report:
        return await _Long(hours, measure=measure).hold()

    if measure:
        tracemalloc.start()
    try:
        return run_virtual(main())
    finally:
        tracemalloc.stop()
