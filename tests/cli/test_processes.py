"""The command as a process: signals, what it prints and when, what it leaves behind."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from voicechatengine import MockConfig, MockProvider, OpenAIConfig, OpenAIProvider, Retry, VoiceEngine
from voicechatengine.audio.wav import read_wav
from voicechatengine.cli.main import parser
from voicechatengine.cli.simulate import serve
from voicechatengine.errors import ConnectionError, RateLimitError
from voicechatengine.providers.mock import MockReply
from voicechatengine.simulators import simulator

QUESTION = str(Path(__file__).resolve().parents[2] / "examples/question.wav")
pytestmark = pytest.mark.realtime


@contextlib.asynccontextmanager
async def voicechat(*arguments: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    """The command as a process of its own, which does not outlive the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "voicechatengine.cli.main",
        *arguments,
        cwd=Path(__file__).parent,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "OPENAI_API_KEY": "made-up"},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_simulate_prints_its_url_and_serves_until_a_signal(number):
    """One line, at once; a conversation works there; a signal ends it well."""
    async with voicechat("simulate", "openai", "--port", "0") as server:
        url = (await server.stdout.readline()).decode().strip()
        assert url.startswith("ws://127.0.0.1:")
        async with VoiceEngine(OpenAIProvider(OpenAIConfig(api_key="made-up", url=url))) as engine:
            assert "Hello" in (await engine.ask("Hello")).text
        server.send_signal(number)
        rest, errors = await server.communicate()
        assert (server.returncode, rest, errors) == (0, b"", b"")


async def test_ctrl_c_ends_a_conversation(tmp_path):
    """The session is closed with a handshake, the file can be played, and the figures are shown."""
    answer = tmp_path / "answer.wav"
    endless = MockReply("All the numbers there are. " * 100)
    async with simulator("openai", provider=lambda: MockProvider(MockConfig(script=[endless]))) as server:
        arguments = ("--url", server.url, "--input", QUESTION, "--output", str(answer), "--json")
        async with voicechat("talk", *arguments) as talk:
            async for line in talk.stdout:
                if json.loads(line)["type"] == "audio_chunk":
                    break
            talk.send_signal(signal.SIGINT)
            rest, errors = await talk.communicate()
        assert (talk.returncode, errors) == (130, b"")
        summary = json.loads(rest.splitlines()[-1])
        assert (summary["type"], summary["exit"], summary["error"]) == ("summary", 130, "interrupted")
        [connection] = server.connections
        assert connection.ended is not None
        assert connection.ended.code == 1000
    read_wav(answer)


async def test_a_lost_server_is_told_by_the_exit_code():
    """A server that goes away for good in mid-conversation: one line, exit code 4."""
    async with voicechat("simulate", "openai") as server:
        url = (await server.stdout.readline()).decode().strip()
        async with voicechat(
            "talk", "--provider", "factories:impatient", "--url", url, "--input", QUESTION
        ) as talk:
            async for line in talk.stdout:
                if b"speech started" in line:
                    break
            server.kill()
            _, errors = await talk.communicate()
    assert (talk.returncode, errors.count(b"\n")) == (4, 1), errors


def arguments(*words: str) -> argparse.Namespace:
    return parser().parse_args(["simulate", "openai", *words])


@contextlib.asynccontextmanager
async def served(capsys, *words: str) -> AsyncGenerator[str]:
    """`voicechat simulate openai` in this process; gives the URL that it prints."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(arguments(*words), stop))
        url = ""
        while not url:
            await asyncio.sleep(0)
            url = capsys.readouterr().out.strip()
        try:
            yield url
        finally:
            stop.set()


async def test_simulate_refuses_connections_on_request(capsys):
    """--rate-limit 1: the first client is sent away, the second is not."""
    async with served(capsys, "--rate-limit", "1") as url:
        provider = OpenAIProvider(OpenAIConfig(api_key="made-up", url=url))
        with pytest.raises(RateLimitError):
            await provider.connect()
        assert await provider.connect()
        await provider.disconnect()


async def test_simulate_drops_connections_on_request(capsys):
    """--drop-after 3: the reply does not get through."""
    async with served(capsys, "--drop-after", "3", "--delay-ms", "1", "--garbage-every", "2") as url:
        config = OpenAIConfig(api_key="made-up", url=url, retry=Retry(attempts=0))
        with pytest.raises(ConnectionError):
            async with VoiceEngine(OpenAIProvider(config)) as engine:
                await engine.ask("Hello")


async def test_a_reader_that_leaves_is_no_error_to_tell():
    """As in `voicechat providers | head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "voicechatengine.cli.main", "providers"),
            stdout=writing,
            stderr=asyncio.subprocess.PIPE,
        )
    finally:
        os.close(writing)
    _, errors = await process.communicate()
    assert (process.returncode, errors) == (1, b"")
