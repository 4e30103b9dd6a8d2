"""Plays a script in virtual time, from the engine down to the simulated service, and keeps what the laws look at."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from voicechatengine import AudioFormat, MockConfig, MockProvider, OpenAIConfig, OpenAIProvider, VoiceEngine
from voicechatengine.engine.io import VirtualSpeaker
from voicechatengine.errors import ProviderError
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    InputTranscript,
    ItemAdded,
    ProviderEvent,
    Reconnected,
    ResponseCompleted,
    ResponseStarted,
    SessionCreated,
    SessionExpiring,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    StateChanged,
    ToolCall,
)
from voicechatengine.messages import Item, MessageItem, ToolResultItem
from voicechatengine.provider import Limits, Timeouts
from voicechatengine.providers.mock import MockCall, MockReply, MockTurn
from voicechatengine.session.grammar import Grammar
from voicechatengine.session.handover import URGENT_S
from voicechatengine.simulators import Faults, Simulator
from voicechatengine.simulators.vendors import vendor

from . import marks
from .line import Line
from .script import Script

FORMAT = marks.FORMAT
TRIES = 10  # how often an application asks again
LONGEST_S = 900.0  # of virtual time for a conversation: beyond, it hangs


class Mouth:
    """The user's voice: silence, or nothing at all while the microphone is muted; `speak` says marked sound."""

    open_air = True  # as a microphone: it is no single turn; half_duplex is switched off

    def __init__(self, *, muted: bool, manual: bool) -> None:
        self.format = FORMAT
        self.spoken = 0  # frames so far
        self._muted, self._manual = muted, manual
        self._frames: deque[bytes] = deque()
        self._more = asyncio.Event()
        self._said = asyncio.Event()
        self._over = False
        self._due = 0.0

    async def speak(self, ms: int) -> tuple[int, int]:
        """Says so much; the numbers of its first and last frame."""
        first = self.spoken + 1
        self.spoken += ms // marks.FRAME_MS
        self._frames.extend(marks.speech(number) for number in range(first, self.spoken + 1))
        self._said.clear()
        if not self._manual:
            self._frames.extend([marks.SILENCE] * 40)
        self._more.set()
        await self._said.wait()
        return first, self.spoken

    def end(self) -> None:
        """There is no more."""
        self._over = True
        self._more.set()

    async def read(self) -> bytes:
        loop = asyncio.get_running_loop()
        while self._muted and not self._frames and not self._over:
            self._more.clear()
            await self._more.wait()
            self._due = max(self._due, loop.time())
        if self._over and not self._frames:
            return b""
        await asyncio.sleep(max(0.0, self._due - loop.time()))
        self._due = max(self._due, loop.time() - 0.1) + marks.FRAME_MS / 1000
        frame = self._frames.popleft() if self._frames else marks.SILENCE
        if not self._frames:
            self._said.set()
        return frame

    async def close(self) -> None:
        self.end()


class Ear:
    """The listener: a sink that keeps what was heard, and how long it waited in the midst of a reply."""

    open_air = True

    def __init__(self, *, keep: bool = True) -> None:
        self.stream = bytearray()
        self.worst_gap_s = 0.0
        self.heard_ms = 0.0
        self.stopped_at = 0.0
        self._keep = keep
        self._speaker = VirtualSpeaker(FORMAT, self._heard)
        self._reply: int | None = None
        self._end = 0.0  # when what was written is over
        self.flush, self.drain, self.close = self._speaker.flush, self._speaker.drain, self._speaker.close

    @property
    def format(self) -> AudioFormat:
        return FORMAT

    @property
    def position(self) -> int:
        return self._speaker.position

    async def write(self, audio: bytes) -> None:
        now, reply = asyncio.get_running_loop().time(), marks.reply_of(audio)
        if reply == self._reply and now > self._end:
            self.worst_gap_s = max(self.worst_gap_s, now - self._end)
        self._reply = reply
        self._end = max(self._end, now) + FORMAT.duration_ms(len(audio)) / 1000
        await self._speaker.write(audio)

    def _heard(self, audio: bytes) -> None:
        self.heard_ms += FORMAT.duration_ms(len(audio))
        self.stopped_at = asyncio.get_running_loop().time()
        if self._keep:
            self.stream += audio


@dataclass
class Evidence:
    """What a conversation left behind."""

    script: Script
    line: Line
    wrong: list[str] = field(default_factory=list)  # found while it ran
    spoken: list[tuple[int, int]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    replies: list[int] = field(default_factory=list)  # words of each
    executed: list[str] = field(default_factory=list)
    calls: dict[str, ToolCall] = field(default_factory=dict)
    items: list[str] = field(default_factory=list)  # the user's spoken ones
    words: dict[str, str] = field(default_factory=dict)  # of those
    missing: list[str] = field(default_factory=list)
    errors: list[ErrorInfo] = field(default_factory=list)
    states: list[StateChanged] = field(default_factory=list)
    hand_overs: list[Reconnected] = field(default_factory=list)
    session_id: str = ""  # of the last one that was in use
    instructions: str | None = None
    failure: BaseException | None = None
    began: bool = False  # connect() succeeded
    history: tuple[Item, ...] = ()
    vendors: list[MockProvider] = field(default_factory=list)
    ear: Ear | None = None
    events: int = 0


class Follower:
    """Reads the engine's events as they come: grammar, and what the laws ask for."""

    def __init__(self, evidence: Evidence) -> None:
        self._e = evidence
        self._grammar = Grammar()
        self.open: set[str] = set()
        self.speaking = False
        self.reconnecting = False
        self.answered = 0  # replies that began or could not
        self.turns = 0  # ends of speech
        self.moved = 0.0
        self._began = self._lasted = 0.0  # the session that is in use; and the one before it, in seconds

    async def read(self, events: AsyncIterator[ProviderEvent]) -> None:
        async for event in events:
            self._take(event.data)

    def _take(self, data: Any) -> None:
        e = self._e
        e.events += 1
        wrong = self._grammar.check(data)
        if wrong is not None:
            e.wrong.append(f"grammar: {wrong}")
        if isinstance(data, AudioChunk):
            return
        if not isinstance(data, (Reconnected, SessionCreated, SessionExpiring, SessionUpdated)):
            self.moved = asyncio.get_running_loop().time()  # a hand-over moves nothing
        match data:
            case ResponseStarted():
                self.open.add(data.response_id)
                self.answered += 1
            case ResponseCompleted():
                self.open.discard(data.response_id)
            case SpeechStarted():
                self.speaking = True
            case SpeechStopped():
                self.speaking = False
                self.turns += 1
            case ItemAdded(kind="speech"):
                e.items.append(data.item_id)
            case InputTranscript(final=True):
                e.words[data.item_id or ""] = data.text
            case ToolCall():
                if data.call_id in e.calls:
                    e.wrong.append(f"call {data.call_id} was told twice")
                e.calls[data.call_id] = data
            case Reconnected():
                e.missing += data.missing
                e.hand_overs.append(data)
                early = self._lasted < (e.script.limit_s or 0.0) - URGENT_S - 0.1
                if data.attempts == 0 and data.missing and early:
                    e.wrong.append(f"a hand-over lost {data.missing}, and there was time to wait")
                self.speaking = False
                if data.state_restored == bool(data.missing):
                    e.wrong.append(f"state_restored {data.state_restored} with {data.missing}")
                if any("reply" in what for what in data.missing):
                    self.answered += 1
            case SessionCreated():
                e.session_id = data.session_id
                now = asyncio.get_running_loop().time()
                self._lasted, self._began = now - self._began, now
            case ErrorInfo():
                e.errors.append(data)
            case StateChanged():
                e.states.append(data)
                self.reconnecting = data.state.value == "reconnecting"
            case _:
                pass


class Vendor:
    """What answers behind the simulated service: replies whose words and sound say which they are."""

    def __init__(self, evidence: Evidence) -> None:
        self._e = evidence
        self._calls = 0

    def make(self) -> MockProvider:
        provider = MockProvider(
            MockConfig(
                name="simulator",
                respond=self._respond,
                transcripts=self._transcribe,
                recorded=0,
                seed=len(self._e.vendors),
            )
        )
        self._e.vendors.append(provider)
        return provider

    def _transcribe(self, audio: bytes, _: AudioFormat) -> str:
        found = marks.numbers(marks.heard_in(audio))
        return f"spoken {found[0]} to {found[-1]}" if found else "nothing spoken"

    def _respond(self, turn: MockTurn) -> MockReply:
        last = turn.history[-1] if turn.history else None
        asked = last.content[0].text if isinstance(last, MessageItem) and last.role == "user" else ""
        count, calls, ms = 3, 0, 0
        parts = asked.split()
        if "words" in parts:
            count = int(parts[parts.index("words") - 1])
        if "calls" in parts and not isinstance(last, ToolResultItem):
            calls, ms = int(parts[parts.index("calls") - 1]), int(parts[-1])
        if calls:
            made = []
            for _ in range(calls):
                self._calls += 1
                made.append(MockCall(name="work", arguments={"name": f"job{self._calls}", "ms": ms}))
            return MockReply("", audio=b"", calls=tuple(made), delay_s=0.1)
        number = len(self._e.replies)
        self._e.replies.append(count)
        return MockReply(
            marks.reply_words(number, count), audio=marks.reply_audio(number, count), pace=4.0, delay_s=0.2
        )


class Talker:
    """One conversation, by an application that asks again where it is told that it must."""

    def __init__(self, script: Script) -> None:
        loop = asyncio.get_running_loop()

        def clock() -> float:
            return 1.75e9 + loop.time()

        simulator = Simulator(
            vendor("openai"),
            provider=self._make_vendor,
            faults=Faults(expire_after_s=script.limit_s),
            clock=clock,
            seed=script.seed,
        )
        self.simulator = simulator
        self.line = Line(simulator)
        self.evidence = Evidence(script, self.line)
        self._vendor = Vendor(self.evidence)
        self._script = script
        options: dict[str, Any] = {"turn_detection": None} if script.manual else {}
        slow = any(kind == "slow" for _, kind, _ in script.faults)
        self.provider = OpenAIProvider(
            OpenAIConfig(
                api_key="k",
                url="ws://simulated",
                timeouts=Timeouts(response=20.0),
                limits=Limits(received_bytes=300_000) if slow else Limits(),
                **options,
            ),
            connector=self.line.connect,
            clock=clock,
            rng=random.Random(script.seed),
        )
        self.engine = VoiceEngine(self.provider, tools=[self.work])
        self.mouth = Mouth(muted=script.muted, manual=script.manual)
        self.ear = self.evidence.ear = Ear()
        self.follower = Follower(self.evidence)
        self._n = 0
        self._slow: list[asyncio.Task[None]] = []

    def _make_vendor(self) -> MockProvider:
        return self._vendor.make()

    async def work(self, name: str, ms: int) -> str:
        """Does a job.

        Args:
            name: which one
            ms: how long it takes
        """
        self.evidence.executed.append(name)
        await asyncio.sleep(ms / 1000)
        return f"did {name}"

    async def hold(self) -> Evidence:
        """From connect to disconnect."""
        e = self.evidence
        self._arm(-1)
        reading = asyncio.ensure_future(self.follower.read(self.provider.events()))
        try:
            async with asyncio.timeout(LONGEST_S):
                async with self.engine:
                    e.began = True
                    running = asyncio.ensure_future(self.engine.run(self.mouth, self.ear, half_duplex=False))
                    try:
                        await self._steps(running)
                    finally:
                        self.mouth.end()
                        for task in self._slow:
                            task.cancel()
                        try:
                            await running
                        finally:
                            self.line.ending = True
                            e.history = self.engine.history
        except ProviderError as error:
            e.failure = error
        except TimeoutError:
            e.wrong.append(f"it was not over after {LONGEST_S:g} s")
        finally:
            self.line.ending = True
            with suppress(ProviderError):
                await self.provider.disconnect()
            await asyncio.wait([reading], timeout=5)
            if not reading.done():
                e.wrong.append("the events did not end")
                reading.cancel()
            await asyncio.gather(reading, *self._slow, return_exceptions=True)
            await self.simulator.stop()
            await self.line.close()
        return e

    def _arm(self, step: int) -> None:
        self.line.delay_ms = 0
        for at, kind, n in self._script.faults:
            if at != step:
                continue
            if kind == "slow":
                if step >= 0:
                    self._slow.append(asyncio.ensure_future(self._read_slowly(n)))
            else:
                self.line.arm(kind, n)

    async def _read_slowly(self, ms: int) -> None:
        async for _ in self.engine.events():
            await asyncio.sleep(ms / 1000)

    async def _steps(self, running: asyncio.Task[Any]) -> None:
        for index, step in enumerate(self._script.steps):
            self._arm(index)
            kind, *numbers = step
            await getattr(self, f"_{kind}")(*numbers)
            if running.done():
                return
        await self._quiet()

    # -- steps

    def _say(self, what: str) -> str:
        self._n += 1
        self.evidence.texts.append(text := f"t{self._n}: {what}")
        return text

    async def _ask(self, what: str) -> None:
        for _ in range(TRIES):
            try:
                await self.engine.ask(self._say(what))
            except ProviderError as error:
                if not self.provider.is_connected() and not self.follower.reconnecting:
                    raise
                if "deadline" in type(error).__name__.lower():
                    self.evidence.wrong.append(f"{what}: {error}")
                await asyncio.sleep(0.5)
            else:
                return
        self.evidence.wrong.append(f"nobody answered {what!r} in {TRIES} attempts")

    async def _text(self, words: int) -> None:
        await self._ask(f"{words} words")
        await self._quiet()

    async def _tools(self, calls: int, ms: int) -> None:
        await self._ask(f"{calls} calls of {ms}")
        await self._quiet()

    async def _utter(self, ms: int) -> None:
        """The user speaks."""
        if self._script.manual:
            await self.engine.start_turn()
        self.evidence.spoken.append(await self.mouth.speak(ms))
        if self._script.manual:
            await self.engine.end_turn()

    async def _speak(self, ms: int) -> None:
        answered, turns, errors = self.follower.answered, self.follower.turns, len(self.evidence.errors)
        await self._utter(ms)
        await self._quiet()
        if self._script.manual or self.follower.turns > turns:
            told = self.follower.answered > answered or len(self.evidence.errors) > errors
            if not told and self.provider.is_connected():
                self.evidence.wrong.append(f"nobody answered {self.evidence.spoken[-1]}")

    async def _double(self, first_ms: int, gap_ms: int, second_ms: int) -> None:
        await self._utter(first_ms)
        await asyncio.sleep(gap_ms / 1000)
        await self._utter(second_ms)
        await self._quiet()

    async def _long_reply(self, words: int, after_ms: int) -> None:
        """A reply that is heard for so long, if there is one and it lasts."""
        before = self.ear.heard_ms
        await self.engine.send_text(self._say(f"{words} words"))
        await self.engine.create_response()
        loop = asyncio.get_running_loop()
        limit = loop.time() + 5 + after_ms / 1000
        while loop.time() < limit and self.ear.heard_ms - before < after_ms:
            await asyncio.sleep(0.013)
            _ = self.ear.position  # moves it

    async def _barge(self, words: int, after_ms: int, ms: int) -> None:
        await self._long_reply(words, after_ms)
        await self._utter(ms)
        await self._quiet()

    async def _interrupt(self, words: int, after_ms: int) -> None:
        await self._long_reply(words, after_ms)
        await self.engine.interrupt()
        await self._quiet()

    async def _stop_tools(self, calls: int, ms: int, after_ms: int) -> None:
        await self.engine.send_text(self._say(f"{calls} calls of {ms}"))
        await self.engine.create_response()
        await asyncio.sleep(after_ms / 1000)
        await self.engine.interrupt()
        await self._quiet()

    async def _update(self, n: int) -> None:
        self.evidence.instructions = f"Be number {n}."
        await self.engine.update_session(instructions=self.evidence.instructions)

    async def _pause(self, ms: int) -> None:
        await asyncio.sleep(ms / 1000)

    async def _quiet(self) -> None:
        """Until nothing has happened for a while: no reply is open, nobody speaks, nothing plays."""
        loop = asyncio.get_running_loop()
        since = loop.time()
        limit = since + 90
        follower = self.follower
        while loop.time() < limit:
            await asyncio.sleep(0.1)
            _ = self.ear.position
            busy = follower.open or follower.speaking or follower.reconnecting
            calm = loop.time() - max(since, follower.moved, self.ear.stopped_at)
            if not busy and calm > (
                7 if self.line.delay_ms or self.line.words_ms else 1.5
            ):  # what is delayed comes later still
                return
            if not self.provider.is_connected() and not follower.reconnecting and follower.moved:
                return
        self.evidence.wrong.append(
            f"no quiet in 90 s: open {sorted(follower.open)}, speaking {follower.speaking},"
            f" reconnecting {follower.reconnecting}"
        )


async def hold(script: Script) -> Evidence:
    """Holds the conversation of a script."""
    return await Talker(script).hold()
