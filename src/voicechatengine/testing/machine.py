"""A state machine that does everything a user may do with a provider, in any order, and holds it against a perfect memory.

Hypothesis chooses and shrinks the steps; time is virtual, so an example of forty steps and minutes takes milliseconds. With
`strategies` this is the only module of the kit that imports hypothesis (extra ``testing``).
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from voicechatengine.errors import ConnectionError, MessageError
from voicechatengine.events import Interrupted, ProviderEvent
from voicechatengine.messages import MessageItem, MessageType
from voicechatengine.testing import strategies
from voicechatengine.testing.laws.subject import Case, Factory, Subject
from voicechatengine.testing.laws.table import NotApplicable
from voicechatengine.testing.model import Model
from voicechatengine.testing.virtual import VirtualLoop

T = TypeVar("T")

SETTINGS: Final = settings(
    max_examples=400,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    report_multiple_bugs=False,  # one, and that shrunk, in time
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large),
)
"""What the machine runs with in this library's own gate: always the same examples, some seconds a provider."""

INTERRUPT: Final = "interrupt"
CALLS: Final = ("ask", INTERRUPT, "say")  # of which several are made at once
TEXT: Final = r"Text \d+\."  # what the machine says, each time with the next number
REST_S: Final = 120.0  # after which nothing more can come
STEP_S: Final = 60.0  # for one call


@dataclasses.dataclass
class Reader:
    """A subscription of the user's, and what one that began with it has heard by now. `read` is how much of that was read."""

    stream: AsyncIterator[ProviderEvent]
    session: int
    place: int
    heard: list[ProviderEvent]
    read: int = 0


def provider_machine(factory: Factory) -> type[RuleBasedStateMachine]:
    """A machine for the provider that the factory gives: run it with `run_state_machine_as_test`, or take its ``TestCase``."""

    class ProviderMachine(_Machine):
        subject = Subject(factory)

    ProviderMachine.__name__ = ProviderMachine.__qualname__ = "ProviderMachine"
    ProviderMachine.TestCase.settings = SETTINGS
    return ProviderMachine


class _Machine(RuleBasedStateMachine):
    """The rules. Each runs to its end before the next; what they leave to the event loop goes on when time passes."""

    subject: Subject
    readers: Bundle[Reader] = Bundle("readers")

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self._session = 0
        self._texts = 0
        self._turns = 0  # of the far end, before this session
        self._runner = asyncio.Runner(loop_factory=VirtualLoop)
        self._stack = contextlib.AsyncExitStack()
        self._case: Case = self._run(self._stack.enter_async_context(self.subject.fresh().open()))
        self._hearers: list[asyncio.Task[None]] = []

    # -- running

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        async def limited() -> T:
            async with asyncio.timeout(STEP_S + REST_S):
                return await work

        return self._runner.run(limited())

    async def _hear(
        self, stream: AsyncIterator[ProviderEvent], take: Callable[[ProviderEvent], None]
    ) -> None:
        async for event in stream:
            take(event)

    def _must(self, holds: object, told: str) -> None:
        assert holds, f"{told}\n\nwhat was said (seconds, → call, ✗ error):\n{self._case.exchange}"

    # -- connecting

    @initialize()
    def begins_connected(self) -> None:
        """Most of what can happen happens in a session."""
        self.connects()

    @rule()
    def connects(self) -> None:
        """Opens the session, or does nothing."""

        async def connect() -> None:
            begun = not self.model.connected
            opened = await self._case.provider.connect()
            assert opened is True, "connect() did not return True"
            self.model.opened()
            if begun:
                self._session += 1
                stream = self._case.provider.events()
                hearing = self._hear(stream, self.model.told)
                self._hearers = [asyncio.create_task(hearing, name="the machine's listener")]

        self._run(connect())

    @rule()
    def disconnects(self) -> None:
        """Closes the session; everything has ended then, and the vendor was told what was sent."""

        async def disconnect() -> None:
            await self._case.provider.disconnect()
            async with asyncio.timeout(STEP_S):
                await asyncio.gather(*self._hearers)

        self._run(disconnect())
        self._hold(self.model.wrong_at_rest())
        self.model.closed()
        self._hearers = []
        self._turns = len(self._case.far.turns()) if self._case.has_far else 0

    # -- saying

    @rule()
    def says(self) -> None:
        """Adds a text that is like no other."""
        self._texts += 1
        text = f"Text {self._texts}."
        if self._sends(self._case.provider.send_text(text)):
            self.model.sent(text)

    @rule(turns=st.integers(0, 4))
    def is_cancelled_while_saying(self, turns: int) -> None:
        """A text whose sending is cancelled at some moment."""
        self._texts += 1
        text = f"Text {self._texts}."

        async def cancelled() -> bool:
            sending = asyncio.ensure_future(self._case.provider.send_text(text))
            for _ in range(turns):
                await asyncio.sleep(0)
            sending.cancel()
            await asyncio.wait([sending])
            return not sending.cancelled() and sending.exception() is None

        if self._run(cancelled()):
            self.model.sent(text)
        else:
            self.model.cancelled(text)

    @rule(ms=st.sampled_from((20, 100, 300)), loud=st.booleans())
    def speaks(self, ms: int, loud: bool) -> None:
        """Sends some audio."""
        if self._case.can("audio_input"):
            form = self._case.provider.get_audio_format()
            self._sends(
                self._case.provider.send_audio(self._case.speech(ms, 0) if loud else form.silence(ms))
            )
            self.model.spoken()

    @rule()
    def asks(self) -> None:
        """Asks for a reply."""
        if self._sends(self._case.provider.create_response()):
            self.model.asked()

    @rule(reply=strategies.replies())
    def scripts(self, reply: Any) -> None:
        """The vendor will say this next."""
        if self._case.has_far:
            with contextlib.suppress(NotApplicable):
                self._case.far.say(reply)

    @rule()
    def interrupts(self) -> None:
        """Stops what runs; a reply that waits behind it may begin."""

        async def interrupt() -> None:
            await self._caught_up()
            running = self.model.running
            await self._case.provider.interrupt()
            await self._caught_up()
            self.model.interrupted(running)

        self._run(interrupt())

    @rule(calls=st.lists(st.sampled_from(CALLS), min_size=2, max_size=4))
    def does_in_a_row(self, calls: list[str]) -> None:
        """Several calls with no time between them, so that each meets what the one before has not finished."""

        async def in_a_row() -> None:
            for call in calls:
                await self._call(call)

        self._hurry(in_a_row(), calls)

    @rule(calls=st.lists(st.sampled_from(CALLS), min_size=2, max_size=4))
    def does_at_once(self, calls: list[str]) -> None:
        """Several calls at the same time."""

        async def at_once() -> None:
            await asyncio.gather(*map(self._call, calls))

        self._hurry(at_once(), calls)

    def _hurry(self, calls: Coroutine[Any, Any, None], names: list[str]) -> None:
        if self._sends(calls) and INTERRUPT in names:
            self.model.interrupted(())

    async def _call(self, name: str) -> None:
        provider = self._case.provider
        if name == INTERRUPT:
            await provider.interrupt()
            if not self.model.connected:
                raise ConnectionError(
                    "there is no session", cure="this is the machine's own: a call as any other"
                )
        elif name == "ask":
            await provider.create_response()
        else:
            self._texts += 1
            text = f"Text {self._texts}."
            await provider.send_text(text)
            self.model.sent(text)

    @rule(share=st.sampled_from((0.0, 0.5, 1.0, 9.0)))
    def truncates(self, share: float) -> None:
        """Corrects the last reply that was interrupted to what was heard."""
        cut = [event.data for event in self.model.events if isinstance(event.data, Interrupted)]
        if cut and cut[-1].item_id:
            heard = {"item_id": cut[-1].item_id, "heard_ms": share * cut[-1].generated_ms}
            self._sends(self._case.provider.send_message(MessageType.ITEM_TRUNCATE, heard))

    @rule()
    def updates(self) -> None:
        """Changes an option, where the provider has it."""
        if "instructions" in self._case.provider.get_capabilities().get("session_update", ()):
            self._run(self._case.provider.update_session(instructions="Be brief."))

    @rule()
    def errs(self) -> None:
        """Sends what does not fit."""
        with contextlib.suppress(MessageError):
            self._run(self._case.provider.send_message(MessageType.TEXT_CHUNK, {"text": "x"}))
            raise AssertionError("a chunk that is sent raises no MessageError")

    # -- time

    @rule(turns=st.integers(1, 6))
    def lets_the_loop_turn(self, turns: int) -> None:
        """No time passes, and what is ready runs."""

        async def turn() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        self._run(turn())

    @rule(seconds=st.sampled_from((0.001, 0.013, 0.1, 0.5)))
    def waits(self, seconds: float) -> None:
        """Time passes."""
        self._run(asyncio.sleep(seconds))

    @rule()
    def rests(self) -> None:
        """So much time passes that nothing more can come."""
        self._run(asyncio.sleep(REST_S))
        self._hold(self.model.wrong_at_rest())
        if self._case.has_far:
            self._hold(self.model.wrong_at_the_vendor(self._vendor()))

    # -- reading

    @precondition(lambda self: self.model.connected)
    @rule(target=readers)
    def subscribes(self) -> Reader:
        """One more reader."""

        async def subscribe() -> Reader:
            place = len(self.model.events)  # the machine may hear more of what was told before, but not less
            stream, twin = self._case.provider.events(), self._case.provider.events()
            heard: list[ProviderEvent] = []
            self._hearers.append(asyncio.create_task(self._hear(twin, heard.append), name="a reader's twin"))
            return Reader(stream, self._session, place, heard)

        return self._run(subscribe())

    @rule(reader=readers)
    def reads(self, reader: Reader) -> None:
        """A reader gets what came since it subscribed, all of it and in order."""
        if reader.session != self._session or not self.model.connected:
            return

        async def read() -> tuple[list[ProviderEvent], list[ProviderEvent]]:
            await self._caught_up()
            wanted = reader.heard[reader.read :]
            came: list[ProviderEvent] = []
            with contextlib.suppress(TimeoutError, StopAsyncIteration):
                for _ in wanted:
                    async with asyncio.timeout(1.0):
                        came.append(await anext(reader.stream))
            return came, wanted

        came, wanted = self._run(read())
        self._must(came == wanted, f"a reader got {_types(came)}, and {_types(wanted)} was told")
        reader.read += len(wanted)
        self._must(self._is_a_run(reader), f"a reader got {_types(reader.heard)}, which is not what was told")

    def _is_a_run(self, reader: Reader) -> bool:
        """Whether what a reader heard is all that was told from some moment on."""
        told, heard = self.model.events[reader.place :], reader.heard
        start = next((n for n, event in enumerate(told) if heard and event == heard[0]), 0)
        return all(one == other for one, other in zip(told[start:], heard, strict=False))

    async def _caught_up(self) -> None:
        """The machine's own listener has heard what was told."""
        for _ in range(4):
            await asyncio.sleep(0)

    # -- holding it to the model

    @invariant()
    def is_as_the_model_says(self) -> None:
        """What was told is legal, and the provider knows whether it is connected."""
        self._hold(self.model.wrong())
        connected = self._case.provider.is_connected()
        self._must(connected == self.model.connected, f"is_connected() is {connected}")

    def teardown(self) -> None:
        """Everything comes to its end."""
        try:
            if self.model.connected:
                self.rests()
            self.disconnects()
        finally:
            self._run(self._stack.aclose())
            self._runner.close()

    def _sends(self, call: Awaitable[None]) -> bool:
        """Awaits a send; False where there is no session, which it must say."""

        async def send() -> None:
            await call

        try:
            self._run(send())
        except ConnectionError:
            self._must(not self.model.connected, "a send raised ConnectionError in an open session")
            return False
        self._must(self.model.connected, "a send without a session was accepted")
        return True

    def _hold(self, wrong: Any) -> None:
        found = next(iter(wrong), None)
        self._must(found is None, str(found))

    def _vendor(self) -> list[str]:
        """The machine's texts in this session's conversation, as the vendor knew it when it was last asked for a reply.

        A vendor may well have several of them in one message, or be told the whole conversation with each request.
        """
        turns = self._case.far.turns()[self._turns :] if self._case.has_far else ()
        known = turns[-1].history if turns else ()
        said = [item.text for item in known if isinstance(item, MessageItem) and item.role == "user"]
        return re.findall(TEXT, "\n".join(said))


def _types(events: list[ProviderEvent]) -> list[str]:
    return [event.type for event in events]


__all__ = ["SETTINGS", "provider_machine"]
