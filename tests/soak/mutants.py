"""Mutation testing: does some test notice each small fault? Runs them in processes of their own; nothing is written to the tree.

`mutation.py` makes the faults, `survivors.toml` lists those that no test can or should notice, each with its reason. A process is
forked from one that has imported pytest and nothing of the library, imports the changed module from memory, and runs the tests
that belong to it. Imports nothing of the library itself, for that reason.
"""

from __future__ import annotations

import hashlib
import importlib.abc
import importlib.util
import json
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, SourceFileLoader
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

from .mutation import faults, with_fault

ROOT: Final = Path(__file__).resolve().parents[2]
SURVIVORS: Final = Path(__file__).with_name("survivors.toml")
KEPT: Final = (
    ".mutants"  # a folder beside the sources: what is known of each mutant, so that a run can be interrupted
)
EVERY_S: Final = 10.0  # a line of progress
LEAST_CPU_S: Final = 2  # before a mutant counts as one that never ends
TIMES_CPU: Final = 5  # as long as without a fault
LONGEST_S: Final = 300.0  # whatever it waits for
ENOUGH_BYTES: Final = 4 << 30  # of memory: a loop that does not end may fill a list

SESSION: Final = (
    "grammar", "backoff", "held", "utterance", "outage", "handover", "hub", "link", "replies", "items", "refusal", "sse",
    "http_stream", "connection", "connections", "account", "runtime",
)  # fmt: skip
DIALECT: Final = (
    "requests",
    "replies",
    "state",
    "sending",
    "receiving",
    "decode",
    "encode",
    "client",
    "sounds",
)

# In which all of them work together.
_RUNTIME: Final = tuple(f"session/test_{each}.py" for each in ("runtime", "lives", "handover"))
_CLIENT: Final = ("providers/realtime/test_kept_requests.py", *(
    f"providers/realtime/test_realtime_{each}.py"
    for each in ("turns", "replies", "requests", "interruption", "session", "errors", "wire", "differences", "sounds")
))  # fmt: skip
_SEARCHED: Final = tuple(f"providers/realtime/test_realtime_{each}.py" for each in ("recorded", "fuzz"))
TESTS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    **{f"session/{each}.py": ((f"session/test_{each}.py",), _RUNTIME) for each in SESSION},
    "session/outage.py": (("session/test_utterance.py",), _RUNTIME),
    **{f"session/{each}.py": (_RUNTIME,) for each in ("connection", "connections", "runtime")},
    "events.py": (("test_events.py", "test_conversation.py", "test_messages.py"), _RUNTIME),
    **{f"providers/realtime/{each}.py": (_CLIENT, _SEARCHED) for each in DIALECT},
}
"""The modules, and the tests that are asked: one group after the other, until one notices."""
WHOLE: Final = tuple(module for module in TESTS if not module.startswith("providers/"))
"""What is tried where no module is named: of these every fault is noticed or explained. The dialect is not as far yet."""


@dataclass
class Project:
    """Where sources and tests are."""

    root: Path = ROOT
    package: str = "voicechatengine"
    tests: dict[str, tuple[tuple[str, ...], ...]] = field(default_factory=lambda: TESTS)
    survivors: Path = SURVIVORS

    def source(self, module: str) -> Path:
        """Of a module that is named by its path in the package."""
        return self.root / "src" / self.package / module

    def name(self, module: str) -> str:
        """As it is imported."""
        return ".".join([self.package, *Path(module).with_suffix("").parts])

    def explained(self, module: str) -> dict[str, str]:
        """The mutants of a module that may survive, and why."""
        listed = tomllib.loads(self.survivors.read_text(encoding="utf-8")) if self.survivors.exists() else {}
        return {
            f"{each['where']}: {each['line']} -> {each['becomes']}": each["why"]
            for each in listed.get("survivor", ())
            if each["module"] == module
        }

    def digest(self, module: str) -> str:
        """Of all that decides what becomes of the module's mutants: itself, its tests, and this tool."""
        folders = {(self.root / "tests" / each).parent for group in self.tests[module] for each in group}
        files = {path for folder in folders for path in folder.glob("*.py")}
        files |= {self.source(module), Path(__file__), Path(__file__).with_name("mutation.py")}
        hashed = hashlib.sha256()
        for path in sorted(files):
            hashed.update(path.read_bytes())
        return hashed.hexdigest()


@dataclass
class Score:
    """What became of one module's mutants."""

    module: str
    killed: int = 0
    explained: int = 0
    survived: list[str] = field(default_factory=list[str])
    listed_in_vain: list[str] = field(default_factory=list[str])

    @property
    def percent(self) -> float:
        """Killed, of those that can be."""
        return 100 * self.killed / ((self.killed + len(self.survived)) or 1)

    def __str__(self) -> str:
        """A line of the result."""
        count = self.killed + self.explained + len(self.survived)
        return (
            f"{self.module:34}{count:5} mutants {self.killed:5} killed {self.explained:4} explained"
            f" {len(self.survived):4} survived {self.percent:6.1f} %"
        )


# ------------------------------------------------------------------ in the process of one mutant


class _Loader(SourceFileLoader):
    """The module's own file, with other contents."""

    def __init__(self, name: str, path: str, code: str) -> None:
        super().__init__(name, path)
        self._code = code

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._code, self.path, "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, name: str, path: str, code: str) -> None:
        self._name, self._loader = name, _Loader(name, path, code)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._loader.path, loader=self._loader)


@dataclass(frozen=True)
class _Job:
    """Tests to run under `root`, with the module `name` (whose file is `path`) being `code`."""

    root: str
    name: str
    path: str
    code: str
    tests: list[str]
    cpu_s: int
    output: str  # a file's path: what pytest prints


def _attempt(job: _Job, told: Connection) -> None:
    """Runs tests with the module changed; tells pytest's exit code and the seconds it worked, if it comes to that."""
    import resource  # noqa: PLC0415 - only where there is one: the tool is, as make, for POSIX

    import pytest  # noqa: PLC0415 - this process's, see the first lines
    from hypothesis import Phase, settings  # noqa: PLC0415 - likewise

    os.setsid()  # so that what it starts ends with it
    with Path(job.output).open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    resource.setrlimit(resource.RLIMIT_CPU, (job.cpu_s, job.cpu_s))
    resource.setrlimit(resource.RLIMIT_DATA, (ENOUGH_BYTES, ENOUGH_BYTES))
    os.chdir(job.root)
    assert job.name not in sys.modules, "it was imported before it could be changed"
    sys.path.insert(0, str(Path(job.root, "src")))
    sys.meta_path.insert(0, _Finder(job.name, job.path, job.code))
    # The same examples each time, and no search for smaller ones: it is enough that it fails.
    settings.register_profile(
        "mutants", derandomize=True, database=None, deadline=None, phases=[Phase.explicit, Phase.generate]
    )
    settings.load_profile("mutants")
    options = [
        "-x",
        "-q",
        "--no-header",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
    ]  # of what is imported already
    unused = [f"-pno:{plugin}" for plugin in ("cacheprovider", "anyio", "xdist", "cov")]
    result = pytest.main([*options, *unused, *job.tests])
    told.send((int(result), time.process_time()))


# ------------------------------------------------------------------ in the process that asks


class Prover:
    """Runs tests on changed modules, each in a new process."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["pytest", "hypothesis", "msgspec", "aiohttp", "pybase64"])
        self._starting = threading.Lock()  # processes are made by one thread at a time

    def outcome(self, module: str, code: str, tests: Sequence[str], cpu_s: int) -> tuple[int, float, str]:
        """Pytest's exit code, seconds of work, and what it printed; -1 if it did not get so far."""
        reading, writing = self._context.Pipe(duplex=False)
        output = self._project.root / KEPT / f"output-{threading.get_ident()}"
        output.parent.mkdir(exist_ok=True)
        job = _Job(
            root=str(self._project.root),
            name=self._project.name(module),
            path=str(self._project.source(module)),
            code=code,
            tests=[str(Path("tests", each)) for each in tests],
            cpu_s=cpu_s,
            output=str(output),
        )
        process = self._context.Process(target=_attempt, args=(job, writing))
        with self._starting:
            process.start()
            writing.close()
        try:
            result, worked_s = reading.recv() if reading.poll(LONGEST_S) else (-1, 0.0)
        except EOFError:
            result, worked_s = -1, 0.0
        finally:
            process.join(1)  # what it leaves behind is not waited for
            if process.is_alive() and process.pid is not None:
                os.killpg(process.pid, signal.SIGKILL)
            process.join()
            process.close()
            reading.close()
        text = output.read_text(encoding="utf-8", errors="replace")
        output.unlink()
        return result, worked_s, text

    def limits(self, module: str) -> dict[tuple[str, ...], int]:
        """Seconds of work after which a mutant never ends, for each group of tests. Raises `ValueError` if one fails as it is."""
        code = self._project.source(module).read_text(encoding="utf-8")
        found: dict[tuple[str, ...], int] = {}
        for tests in self._project.tests[module]:
            result, cpu_s, text = self.outcome(module, code, tests, int(LONGEST_S))
            if result != 0:
                raise ValueError(
                    f"{' '.join(tests)} fail as they are, so they can prove nothing:\n{text[-2000:]}"
                )
            found[tests] = max(LEAST_CPU_S, int(TIMES_CPU * cpu_s) + 1)
        return found

    def killed(self, module: str, key: str, limits: dict[tuple[str, ...], int]) -> bool:
        """Whether one of the tests notices the fault."""
        code = with_fault(self._project.source(module).read_text(encoding="utf-8"), key)
        return any(self.outcome(module, code, tests, cpu_s)[0] != 0 for tests, cpu_s in limits.items())


class _Known:
    """What is known of a module's mutants, in a file that grows as they become known."""

    def __init__(self, project: Project, module: str) -> None:
        self._path = project.root / KEPT / f"{module.replace('/', '.')}.jsonl"
        self._digest = project.digest(module)
        self.results: dict[str, bool] = {}
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        if lines[:1] == [self._digest]:
            self.results = dict(json.loads(line) for line in lines[1:])
        else:
            self._path.parent.mkdir(exist_ok=True)
            self._path.write_text(self._digest + "\n", encoding="utf-8")

    def learn(self, key: str, *, killed: bool) -> None:
        self.results[key] = killed
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([key, killed]) + "\n")


def prove(
    project: Project, modules: Sequence[str], *, sample: int, jobs: int, say: Callable[[str], None]
) -> Iterator[Score]:
    """Tries the mutants of each module (`sample` of them, 0: all), in so many processes at a time; `say` is told how far it is.

    Raises `ValueError` for a module that has no tests listed, or whose tests fail without a fault.
    """
    for module in modules:
        if module not in project.tests:
            raise ValueError(f"{module} is none of {', '.join(project.tests)}")
    prover = Prover(project)
    for module in modules:
        yield _module(prover, project, module, sample=sample, jobs=jobs, say=say)


def _module(
    prover: Prover, project: Project, module: str, *, sample: int, jobs: int, say: Callable[[str], None]
) -> Score:
    everyone = faults(project.source(module).read_text(encoding="utf-8"))
    chosen = everyone
    if 0 < sample < len(everyone):
        chosen = random.Random(module).sample(everyone, sample)
    known = _Known(project, module)
    unknown = [each for each in chosen if each not in known.results]
    if unknown:
        limits = prover.limits(module)
        shown = time.monotonic()
        with ThreadPoolExecutor(jobs) as pool:
            asked = {pool.submit(prover.killed, module, each, limits): each for each in unknown}
            for done, future in enumerate(as_completed(asked), 1):
                known.learn(asked[future], killed=future.result())
                if time.monotonic() - shown > EVERY_S:
                    shown = time.monotonic()
                    say(f"{module}: {done} of {len(unknown)} mutants")
    score = Score(module)
    explained = project.explained(module)
    for key in chosen:
        if known.results[key]:
            score.killed += 1
            if key in explained:
                score.listed_in_vain.append(f"{key} (killed)")
        elif key in explained:
            score.explained += 1
        else:
            score.survived.append(key)
    score.listed_in_vain += [f"{key} (no such mutant)" for key in explained if key not in everyone]
    return score
