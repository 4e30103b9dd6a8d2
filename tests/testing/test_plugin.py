"""The pytest plugin: fixtures for tests of applications, in runs of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

APPLICATION = """
import asyncio
import json
import urllib.error
import urllib.request

import pytest


def test_a_mock(mock_provider):
    async def talk():
        await mock_provider.connect()
        await mock_provider.send_text("Hello")
        await mock_provider.disconnect()
        return [record.type for record in mock_provider.recording if record.direction == "sent"]

    assert asyncio.run(talk()) == ["connect", "item_create", "disconnect"]


def test_an_engine(engine):
    async def talk():
        async with engine:
            return (await engine.ask("Hello")).text

    assert asyncio.run(talk()) == "You said: Hello"


def test_a_simulator(simulator):
    from voicechatengine import OpenAIConfig, OpenAIProvider, VoiceEngine

    server = simulator("openai")

    async def talk():
        async with VoiceEngine(OpenAIProvider(OpenAIConfig(api_key="k", url=server.url))) as engine:
            return (await engine.ask("Hello")).text

    assert "Hello" in asyncio.run(talk())
    assert server.connections[0].ended is not None


def test_no_simulator(simulator):
    with pytest.raises(ValueError, match="there is no simulator of 'nobody'"):
        simulator("nobody")
"""


def test_an_application_is_tested_with_fixtures_alone(pytester):
    pytester.makepyfile(APPLICATION)
    result = pytester.runpytest("-q", "-p", "no:cacheprovider")
    assert result.parseoutcomes() == {"passed": 4}


def test_the_option_names_the_provider_of_the_engine(pytester):
    pytester.makepyfile(
        mine="""
        from voicechatengine import MockConfig, MockProvider

        def provider():
            return MockProvider(MockConfig(name="mine"))
        """,
        test_application="""
        def test_it(voicechat_provider):
            assert voicechat_provider.config.name == "mine"
        """,
    )
    pytester.syspathinsert()
    result = pytester.runpytest("-q", "-p", "no:cacheprovider", "--voicechat-provider", "mine:provider")
    assert result.parseoutcomes() == {"passed": 1}


def loaded_by(program: str, *blocked: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after a program, in which some cannot be imported."""
    block = f"import sys; sys.modules.update(dict.fromkeys({blocked!r})); "
    done = subprocess.run(
        [sys.executable, "-c", f"{block}{program}; print(*(n for n, m in sys.modules.items() if m))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split())


def test_loading_the_plugin_loads_nothing_of_the_library():
    loaded = loaded_by("import pytest_voicechatengine")
    assert not {name for name in loaded if name.startswith(("voicechatengine", "hypothesis", "aiohttp"))}


@pytest.mark.parametrize("blocked", [("pytest", "_pytest"), ("hypothesis",)])
def test_the_kit_runs_without_pytest_and_without_hypothesis(blocked):
    program = (
        "from voicechatengine.testing import check_provider, mock_subject; "
        "report = check_provider(mock_subject, laws=['connect_opens_a_session']); assert report.passed"
    )
    assert not loaded_by(program, *blocked) & {"pytest", "_pytest", "hypothesis"}
