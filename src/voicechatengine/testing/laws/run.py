"""Holds laws against a subject: each in an event loop of its own, in virtual time unless the subject is live, never for ever.

It knows no law and no provider. A law that is stuck is broken, whatever it is stuck in: a wait, a spin, or blocking code.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Awaitable, Callable, Generator, Iterable
from types import FrameType
from typing import Any, Final, Protocol, TypeVar

from voicechatengine.testing.laws.exchange import Exchange
from voicechatengine.testing.laws.report import Outcome, Report, Verdict
from voicechatengine.testing.laws.table import Law, NotApplicable, Violation
from voicechatengine.testing.virtual import VirtualLoop

LIMIT_S: Final = 600.0  # of virtual time: more than any law waits
LIVE_LIMIT_S: Final = 120.0
STUCK_S: Final = 30.0  # of real time, in which a law in virtual time comes to its end a hundred times over


class _Stuck(KeyboardInterrupt):
    """Real time is up. No `Exception`, and one of the two that an event loop lets through."""


class Held(Protocol):
    """**Protocol:** what laws are held against."""

    @property
    def live(self) -> bool:
        """Whether it does real I/O."""
        ...

    @property
    def exchange(self) -> object:
        """What was said, as text."""
        ...


H = TypeVar("H", bound=Held)


def judge(laws: Iterable[Law[H]], subject: Callable[[], H], *, stuck_s: float = STUCK_S) -> Report:
    """The verdict of each law; `subject` gives a fresh one for each. Call it where no event loop runs."""
    return Report(tuple(judge_one(law, subject(), stuck_s=stuck_s) for law in laws))


def judge_one(law: Law[H], subject: H, *, stuck_s: float = STUCK_S) -> Verdict:
    """The verdict of one law. A law in virtual time may take `stuck_s` real seconds."""
    outcome: Outcome
    try:
        _run(law.check, subject, stuck_s)
    except NotApplicable as reason:
        outcome, why = "not applicable", str(reason)
    except Violation as broken:
        outcome, why = "failed", f"expected: {broken.expected}\ncame: {broken.came}"
    except _Stuck:
        outcome, why = (
            "failed",
            f"expected: an end\ncame: after {stuck_s:g} s of real time it still computes, or blocks",
        )
    except TimeoutError:
        outcome, why = "failed", f"expected: an end\ncame: it still waits after {_limit(subject):g} s"
    except Exception as error:  # noqa: BLE001 - whatever a provider raises where it must not is a broken law
        outcome, why = "failed", f"expected: no error\ncame: {type(error).__name__}: {error}"
    else:
        outcome, why = "passed", ""
    exchange = str(subject.exchange) if outcome == "failed" else ""
    return Verdict(law.name, law.topic, outcome, law.demands, law.docs, why, exchange)


def _limit(subject: Held) -> float:
    return LIVE_LIMIT_S if subject.live else LIMIT_S


def _run(check: Callable[[H], Awaitable[None]], subject: H, stuck_s: float) -> None:
    async def limited() -> None:
        async with asyncio.timeout(_limit(subject)):
            await check(subject)

    loop = asyncio.SelectorEventLoop() if subject.live else VirtualLoop()
    if isinstance(subject.exchange, Exchange):
        loop.set_exception_handler(_written_down(subject.exchange))
    try:
        with (
            _alarm(LIVE_LIMIT_S + stuck_s if subject.live else stuck_s),
            asyncio.Runner(loop_factory=lambda: loop) as runner,
        ):
            runner.run(limited())
    except Exception:
        if isinstance(loop, VirtualLoop) and loop.left:
            told = "the provider uses sockets, processes or threads: hold the laws in real time (live=True, --live)"
            raise Violation("nothing but virtual time", told) from None
        raise


def _written_down(exchange: Exchange) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """What nobody has waited for belongs to the exchange, and not on the screen."""

    def handler(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        with contextlib.suppress(RuntimeError):  # the loop may be on its way out
            exchange.add("✗", f"in the background: {context.get('message')}: {error!r}")

    return handler


@contextlib.contextmanager
def _alarm(seconds: float) -> Generator[None]:
    """Raises `_Stuck` when real time is up, where the platform can: also in code that never gives the loop back."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    rang = False

    def ring(_number: int, _frame: FrameType | None) -> None:
        nonlocal rang
        rang = True
        raise _Stuck

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except Exception as error:
        if rang:  # it may have hit the loop itself, which then fails in a way of its own
            raise _Stuck from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
