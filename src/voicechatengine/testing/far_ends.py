"""Far ends that there are: the mock's script, and a simulated vendor in memory that answers by a script.

`mock_subject()` and `simulated(…)` are factories as the laws take them. Nothing here knows a vendor or a law.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from voicechatengine.errors import ConnectionError
from voicechatengine.provider import Provider
from voicechatengine.providers.mock import MockConfig, MockProvider, MockReply, MockTurn
from voicechatengine.providers.mock.script import default_reply, deltas
from voicechatengine.providers.mock.turn import output_format
from voicechatengine.session.dialect import Close, Endpoint
from voicechatengine.session.http import Http
from voicechatengine.session.transport import Transport
from voicechatengine.simulators import Faults, Simulator, memory_connector, memory_http
from voicechatengine.simulators.faults import GARBAGE
from voicechatengine.simulators.vendors import Vendor, vendor
from voicechatengine.testing.laws.table import NotApplicable

DETECTED: Final[Mapping[str, Any]] = {"detect_turns": True}


class Script:
    """The replies to come, and the turns that were answered: what every far end of a scripted model has."""

    def __init__(self) -> None:
        self._replies: deque[MockReply] = deque()
        self._turns: list[MockTurn] = []

    def say(self, *replies: MockReply) -> None:
        """See `FarEnd.say`."""
        self._replies.extend(replies)

    def turns(self) -> Sequence[MockTurn]:
        """See `FarEnd.turns`."""
        return self._turns

    def answer(self, turn: MockTurn) -> MockReply:
        """The reply to a turn: the next that was said, else the mock's own."""
        self._turns.append(turn)
        return self._replies.popleft() if self._replies else default_reply(turn)


class MockFarEnd(Script):
    """What a mock is scripted by; `provider` is the mock. It reads no wire, so it cannot be sent nonsense."""

    def __init__(self, config: MockConfig | None = None) -> None:
        super().__init__()
        self._refusals = _Refusals()
        config = config or MockConfig(**DETECTED)
        self.provider: MockProvider = MockProvider(
            dataclasses.replace(config, respond=self.answer, error_rate=self._refusals)
        )

    def refuse(self, times: int) -> None:
        """See `FarEnd.refuse`."""
        self._refusals.left = times

    def misbehave(self) -> None:
        """See `FarEnd.misbehave`."""
        raise NotApplicable("a mock reads no wire")

    def messages(self) -> int:
        """See `FarEnd.messages`."""
        sent = [one for one in self.provider.recording if one.direction == "sent" and one.refused is None]
        return len([one for one in sent if one.type not in ("connect", "disconnect")])

    def sessions(self) -> int:
        """See `FarEnd.sessions`."""
        return int(self.provider.is_connected())


class _Refusals(Mapping[str, float]):
    """An error rate that is one as often as it was told to be, for connecting."""

    def __init__(self) -> None:
        self.left = 0

    def __getitem__(self, operation: str) -> float:
        if operation != "connect" or self.left == 0:
            return 0.0
        self.left -= 1
        return 1.0

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def mock_subject(config: MockConfig | None = None) -> tuple[MockProvider, MockFarEnd]:
    """A mock and what scripts it: a factory for the laws."""
    far = MockFarEnd(config)
    return far.provider, far


class SimulatedFarEnd(Script):
    """A simulated vendor whose answers are scripted. `connector` leads to it, or `http` where it answers by HTTP."""

    def __init__(self, vendor: Vendor, *, seed: int = 1, faults: Faults | None = None) -> None:
        super().__init__()
        self.simulator: Simulator = Simulator(vendor, provider=self._answering, faults=faults, seed=seed)
        self._posted = vendor.http is not None
        self._dial = memory_connector(self.simulator)
        self._refusals = 0
        self._lines: list[_Line] = []
        self._cuts: set[asyncio.TimerHandle] = set()

    def say(self, *replies: MockReply) -> None:
        """See `FarEnd.say`."""
        if any(reply.drop for reply in replies):
            self._session()
        super().say(*replies)

    def http(self) -> Http:
        """Where requests to it go."""
        return memory_http(self.simulator)

    async def connector(self, endpoint: Endpoint) -> Transport:
        """Opens a connection to it; see `Connector`."""
        if self._refusals:
            self._refusals -= 1
            raise ConnectionError("the vendor refuses", cure="try again", status=503)
        line = _Line(await self._dial(endpoint))
        self._lines.append(line)
        return line

    def refuse(self, times: int) -> None:
        """See `FarEnd.refuse`."""
        self._session()
        self._refusals = times

    def misbehave(self) -> None:
        """See `FarEnd.misbehave`."""
        self._session()
        for line in self._lines:
            line.put(*GARBAGE)

    def messages(self) -> int:
        """See `FarEnd.messages`."""
        return len(self.simulator.received)

    def sessions(self) -> int:
        """See `FarEnd.sessions`."""
        self._session()
        return sum(1 for connection in self.simulator.connections if connection.ended is None)

    async def stop(self) -> None:
        """Ends every connection."""
        for cut in self._cuts:
            cut.cancel()
        await self.simulator.stop()

    def _session(self) -> None:
        if self._posted:
            raise NotApplicable("this vendor is posted single requests: there is no line, and no session")

    def _answering(self) -> Provider:
        return MockProvider(MockConfig(name="simulator", respond=self.answer, **DETECTED))

    def answer(self, turn: MockTurn) -> MockReply:
        """The reply to a turn. One that is to be dropped is said, and the line cut in its midst."""
        reply = super().answer(turn)
        if reply.drop is None:
            return reply
        form = output_format(turn.options)
        steps = deltas(reply.text, reply.audio, form, reply.chunk_ms)
        after = reply.delay_s + len(steps) * reply.at * reply.chunk_ms / 1000 / (reply.pace or 1000)
        if reply.drop == "fail":
            self._refusals = 1_000_000
        cut = asyncio.get_running_loop().call_later(after, self.simulator.cut)
        self._cuts.add(cut)
        return dataclasses.replace(reply, drop=None)


class _Line:
    """A transport into which frames can be put that the other side never sent."""

    def __init__(self, inner: Transport) -> None:
        self.send = inner.send
        self.close = inner.close
        self._inner = inner
        self._take: Callable[[bytes | str], None] | None = None

    async def pump(self, on_frame: Callable[[bytes | str], None], /) -> Close:
        """See `Transport.pump`."""
        self._take = on_frame
        try:
            return await self._inner.pump(on_frame)
        finally:
            self._take = None

    def put(self, *frames: bytes) -> None:
        """These come in, now, if anybody reads."""
        for frame in frames:
            if self._take is not None:
                self._take(frame.decode())


def simulated(
    name: str, make: Callable[[SimulatedFarEnd], Provider]
) -> Callable[[], AbstractAsyncContextManager[tuple[Provider, SimulatedFarEnd]]]:
    """A factory for the laws: the provider that `make` gives for the simulator of that vendor, in memory."""

    @contextlib.asynccontextmanager
    async def factory() -> AsyncGenerator[tuple[Provider, SimulatedFarEnd]]:
        far = SimulatedFarEnd(vendor(name))
        try:
            yield make(far), far
        finally:
            await far.stop()

    return factory
