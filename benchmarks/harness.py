"""How things are measured: processes, interleaved rounds, medians with their spread, ratios to a floor.

All contestants of a row take turns in each round, so that they see the same machine, and a ratio is that of two neighbours. Time is
CPU time wherever it can be: other work on the machine then changes little. A contestant that dies is left out from then on, and the
others go on. What is under way is logged, for `__main__` to show. It knows no row.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

ROOT = Path(__file__).resolve().parents[1]
PRIORITY = -10  # of what is measured, as `nice` counts
PATIENCE_S = 180.0  # for an answer: more than a worker has itself, so that it can say what is wrong
LOG = logging.getLogger("benchmarks")

T = TypeVar("T")


class Missing(Exception):  # noqa: N818 - it is no error: a package that is not installed
    """A contestant that is not there; its row says so."""


class Failed(Exception):  # noqa: N818 - it is a result too
    """A contestant that could not do what was asked; its row says so."""


@dataclass(frozen=True)
class Figure:
    """The median of all rounds, and the quartiles (of few rounds: the extremes) around it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        """Of at least one value."""
        middle = statistics.median(values)
        if len(values) < 4:
            return cls(middle, min(values), max(values))
        low, _, high = statistics.quantiles(values, n=4)
        return cls(middle, low, high)

    def as_json(self) -> dict[str, float]:
        return {"median": self.median, "low": self.low, "high": self.high}


Rounds = Mapping[str, Sequence[float]]


def interleaved(
    contestants: Mapping[str, Callable[[], T]],
    rounds: int,
    absent: dict[str, str] | None = None,
    *,
    warm_up: bool = True,
) -> dict[str, list[T]]:
    """Measures each contestant once a round, in turns; one more round warms up first, and does not count.

    One that fails is in no round, and `absent` gets the reason; without `absent`, its failure is that of all.
    """
    found: dict[str, list[T]] = {name: [] for name in contestants}
    for number in range(-warm_up, rounds):
        for name in list(found):
            LOG.info("round %d of %d, %s", number + 1, rounds, name)
            try:
                value = contestants[name]()
            except (Missing, Failed) as why:
                if absent is None:
                    raise
                absent[name] = f"{why} (in round {number + 1})"
                del found[name]
                continue
            if number >= 0:
                found[name].append(value)
    return found


def ratios(rounds: Rounds, floor: str) -> dict[str, Figure]:
    """Each contestant as a multiple of the floor of the same round."""
    base = rounds[floor]
    return {
        name: Figure.of([value / under for value, under in zip(values, base, strict=True)])
        for name, values in rounds.items()
    }


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


class Process:
    """A process that answers each line of JSON with one."""

    def __init__(self, *command: str) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": "0", "OPENAI_API_KEY": "none"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        with contextlib.suppress(
            PermissionError
        ):  # where it may: then other work on the machine disturbs less
            os.setpriority(os.PRIO_PROCESS, self._process.pid, PRIORITY)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def read(self) -> str:
        """One line. A process that says nothing for `PATIENCE_S` is ended."""
        assert self._process.stdout is not None
        watchdog = threading.Timer(PATIENCE_S, self._process.kill)
        watchdog.start()
        line = self._process.stdout.readline()
        watchdog.cancel()
        if not line:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
            self._log.seek(0)
            told = self._log.read().decode(errors="replace").split("\n")
            last = next((each.strip() for each in reversed(told) if each.strip()), "it said nothing")
            raise Failed(f"its process ended with {self._process.returncode}: {last[-300:]}")
        return line

    def ask(self, do: str, **rest: object) -> dict[str, Any]:
        """Tells it to do something, and gives its (first) answer."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **rest}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # what it left is told by reading
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """The next answer."""
        answer: dict[str, Any] = json.loads(self.read())
        if "missing" in answer:
            raise Missing(answer["missing"])
        if "failed" in answer:
            raise Failed(answer["failed"])
        return answer


class Server(Process):
    """`benchmarks/server.py` at work."""

    def __init__(self) -> None:
        super().__init__("benchmarks.server")
        self.url = f"http://127.0.0.1:{int(self.read())}"

    def control(self, verb: str, **rest: object) -> dict[str, Any]:
        """Asks it for something, and waits until it is done."""
        request = urllib.request.Request(
            f"{self.url}/control/{verb}", json.dumps(rest).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                found: dict[str, Any] = json.loads(answer.read())
        except OSError as error:
            raise Failed(f"the server did not {verb}: {error}") from error
        return found


@dataclass(frozen=True)
class Entrant:
    """A contestant of a row: how it is called, its module, and the loop it runs on."""

    name: str
    module: str
    uvloop: bool = False


RAW = Entrant("raw loop", "raw")
PROVIDER = Entrant("provider", "provider")
ENGINE = Entrant("engine", "engine")
# In the order of their turns: a round of a slow row lasts minutes, so those whose ratio is told stand side by side.
ENTRANTS = (
    RAW,
    PROVIDER,
    Entrant("openai", "openai"),
    Entrant("provider, uvloop", "provider", uvloop=True),
    Entrant("openai, uvloop", "openai", uvloop=True),
    Entrant("raw loop, uvloop", "raw", uvloop=True),
    ENGINE,
    Entrant("openai-agents (model layer)", "openai_agents"),
    Entrant("livekit-agents", "livekit"),
    Entrant("pipecat-ai", "pipecat"),
    Entrant("pydantic-ai", "pydantic_ai"),
)


@contextlib.contextmanager
def staged(
    entrant: Entrant, *, sessions: int = 1, module: str = "benchmarks.worker"
) -> Iterator[tuple[Server, Process]]:
    """A contestant with sessions open at a server of its own."""
    rest = ("--uvloop",) if entrant.uvloop else ()
    with Server() as server, Process(module, entrant.module, server.url, *rest) as worker:
        worker.ask("open", count=sessions)
        yield server, worker
