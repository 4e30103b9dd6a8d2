"""The pytest plugin: what tests of an application need, with no network, no sleep and no key.

pytest loads it at the start of every run. So it stands beside the package and imports nothing of it before a fixture is asked
for: runs that do not use it pay nothing, and the coverage of those that measure the package is not spoilt.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from voicechatengine.engine.engine import VoiceEngine
    from voicechatengine.provider import Provider
    from voicechatengine.providers.mock import MockProvider
    from voicechatengine.simulators import Simulator

OPTION: Final = "--voicechat-provider"
START_S: Final = 10.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """The provider that the fixture `engine` talks to."""
    parser.getgroup("voicechatengine").addoption(
        OPTION,
        default="mock",
        metavar="NAME",
        help="the provider of the fixtures `voicechat_provider` and `engine`: a name, or package.module:factory (default: mock)",
    )


@pytest.fixture
def voicechat_provider(request: pytest.FixtureRequest) -> Provider:
    """The provider that `--voicechat-provider` names (default: a mock), not connected. Keys come from the environment."""
    from voicechatengine.cli.registry import make  # noqa: PLC0415 - see above

    return make(str(request.config.getoption(OPTION)), {})


@pytest.fixture
def engine(voicechat_provider: Provider) -> VoiceEngine:
    """An engine over that provider, not entered: ``async with engine: reply = await engine.ask("Hello")``."""
    from voicechatengine.engine.engine import VoiceEngine  # noqa: PLC0415 - see above

    return VoiceEngine(voicechat_provider)


@pytest.fixture
def mock_provider() -> MockProvider:
    """A mock, not connected; `mock_provider.recording` tells what was done to it."""
    from voicechatengine.providers.mock import MockProvider  # noqa: PLC0415 - see above

    return MockProvider()


@pytest.fixture
def simulator() -> Generator[Callable[..., Simulator]]:
    """Starts simulators of vendors: ``simulator("openai", faults=…).url`` is where it listens, until the test ends.

    They run in threads of their own, so that tests of any kind can use them.
    """
    running: list[_Served] = []

    def start(vendor: str, **options: Any) -> Simulator:
        served = _Served(vendor, options)
        running.append(served)
        return served.started()

    yield start
    for served in running:
        served.stop()


class _Served:
    """One simulator in a thread."""

    def __init__(self, vendor: str, options: dict[str, Any]) -> None:
        self._vendor = vendor
        self._options = options
        self._up = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._done = asyncio.Event()
        self._simulator: Simulator | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"simulator of {vendor}", daemon=True)
        self._thread.start()

    def started(self) -> Simulator:
        self._up.wait(START_S)
        if self._error is not None:
            raise self._error
        assert self._simulator is not None, (
            f"the simulator of {self._vendor} did not start within {START_S:g} s"
        )
        return self._simulator

    def stop(self) -> None:
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(START_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001 - it is raised where the simulator was asked for
            self._error = error
        finally:
            self._up.set()

    async def _serve(self) -> None:
        from voicechatengine.simulators import simulator  # noqa: PLC0415 - see above

        self._loop = asyncio.get_running_loop()
        async with simulator(self._vendor, **self._options) as served:
            self._simulator = served
            self._up.set()
            await self._done.wait()
