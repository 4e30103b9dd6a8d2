"""Each example runs as it stands, as a program of its own, against the simulator."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from voicechatengine.audio.wav import read_wav
from voicechatengine.simulators import simulator

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
QUESTION = str(EXAMPLES / "question.wav")
pytestmark = pytest.mark.realtime


async def run(name: str, *arguments: str, cwd: Path) -> list[str]:
    """The lines that an example prints; it must end well and say nothing on stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        str(EXAMPLES / name),
        *arguments,
        cwd=cwd,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "OPENAI_API_KEY": "made-up"},
    )
    output, errors = await process.communicate()
    assert (process.returncode, errors.decode()) == (0, "")
    return output.decode().splitlines()


async def test_ask(tmp_path):
    """A reply in words, and how much sound came."""
    async with simulator("openai") as server:
        words, sound = await run("ask.py", server.url, cwd=tmp_path)
    assert "You said: Hello, AI!" in words
    assert "pcm16 24000 Hz mono" in sound


async def test_raw_provider(tmp_path):
    """A spoken question is answered in words and sound."""
    async with simulator("openai") as server:
        words, sound = await run("raw_provider.py", server.url, QUESTION, cwd=tmp_path)
    assert "seconds of speech" in words
    assert int(sound.split()[0]) > 0


async def test_talk_to_file(tmp_path):
    """The answer is a WAV file that can be heard."""
    async with simulator("openai") as server:
        lines = await run("talk_to_file.py", server.url, QUESTION, "answer.wav", cwd=tmp_path)
    assert "seconds of speech" in lines[0]
    assert len(lines) == 3
    format, audio = read_wav(tmp_path / "answer.wav")
    assert format.duration_ms(len(audio)) > 1000
    assert any(audio)


async def test_push_to_talk(tmp_path):
    """The whole file is one turn."""
    async with simulator("openai") as server:
        [words] = await run("push_to_talk.py", server.url, QUESTION, cwd=tmp_path)
    assert "seconds of speech" in words


async def test_long_session(tmp_path):
    """Each question is asked in another session, and the history is one."""
    async with simulator("openai") as server:
        lines = await run("long_session.py", server.url, cwd=tmp_path)
    assert len({line.split()[2] for line in lines if line.startswith("now in")}) == 3
    assert all(line.endswith("all restored") for line in lines if line.startswith("now in"))
    assert "6 items of history" in lines


async def test_record_and_replay(tmp_path):
    """The replay says what the live session said, and leaves nothing behind."""
    async with simulator("openai") as server:
        live, replayed, differs = await run("record_and_replay.py", server.url, cwd=tmp_path)
    assert live.split()[1:] == replayed.split()[1:]
    assert "You said: Hello, AI!" in live
    assert differs == "differs:  None"


async def test_failover(tmp_path):
    """The second provider finishes what the first one began."""
    async with simulator("openai") as server:
        hello, first, failed, moved, done, items = await run("failover.py", server.url, cwd=tmp_path)
        told = [frame["item"] for frame in server.received if frame["type"] == "conversation.item.create"]
    assert (hello, first, failed) == ("Hello Ada!", "a reply was completed", "a reply was failed")
    assert moved == "now with OpenAIProvider, restored: True"
    assert (done, items) == ("a reply was completed", "5 items of history")
    assert [item["content"][0]["text"] for item in told[:3]] == [
        "My name is Ada.",
        "Hello Ada!",
        "What is my name?",
    ]


async def test_switch_provider(tmp_path):
    """The second provider is told what the first one heard and said."""
    async with simulator("openai") as server:
        one, two, items = await run("switch_provider.py", server.url, cwd=tmp_path)
        told = [frame["item"] for frame in server.received if frame["type"] == "conversation.item.create"]
    assert one == "You said: My name is Ada."
    assert "I live in Oslo" in two
    assert items == "4 items of history, now with OpenAIProvider"
    assert [item["content"][0]["text"] for item in told] == ["My name is Ada.", one, "And I live in Oslo."]


async def test_many_sessions(tmp_path):
    """Every caller is answered, on uvloop."""
    async with simulator("openai") as server:
        [line] = await run("many_sessions.py", server.url, cwd=tmp_path)
    heard = [frame["item"]["content"][0]["text"] for frame in server.received if "item" in frame]
    assert sorted(heard) == sorted(f"Hello, this is caller {number}!" for number in range(1, 11))
    assert line.startswith("10 callers heard ")
    assert line.endswith(" on uvloop")


async def test_custom_provider(tmp_path):
    """A provider of one's own answers through the engine."""
    assert await run("custom_provider.py", cwd=tmp_path) == ["Pieces of eight!"]


async def test_tavern(tmp_path):
    """A vendor is a file to import; docs/new-provider.md talks to it."""
    assert await run("tavern.py", cwd=tmp_path) == []


def test_every_example_is_run_and_listed():
    """No example is left out of these tests, nor of the page that lists them."""
    page = (EXAMPLES / "README.md").read_text()
    tests = Path(__file__).read_text()
    for example in EXAMPLES.glob("*.py"):
        assert f"`{example.name}`" in page
        assert f'run("{example.name}"' in tests


async def test_tools(tmp_path):
    """A call with a wrong argument, a right one, and the reply that uses its result."""
    lines = await run("tools.py", cwd=tmp_path)
    assert lines == [
        "tools: weather remember",
        'call: weather {"city": "Bonn", "days": 9}',
        'call: weather {"city": "Bonn", "days": 2}',
        'reply: One moment. The result is {"city":"Bonn","degrees":20,"unit":"celsius"}.',
    ]


async def test_tools_live(tmp_path):
    """The simulator takes the declaration of the tools, and answers in words."""
    async with simulator("openai") as server:
        lines = await run("tools.py", "live", server.url, cwd=tmp_path)
    assert lines[0] == "tools: weather remember"
    assert lines[-1].startswith("reply: ")


async def test_barge_in(tmp_path):
    """History and the file end where the user began to speak."""
    lines = await run("barge_in.py", QUESTION, cwd=tmp_path)
    assert lines[1].startswith("assistant: Well,")
    assert lines[1].endswith("(interrupted, about here)")
    assert "assistant: Sorry, go ahead." in lines
    audio_format, audio = read_wav(tmp_path / "heard.wav")
    assert 1000 < audio_format.duration_ms(len(audio)) < 7000


async def test_telemetry(tmp_path):
    """A span for the call, and one for each of the two replies."""
    lines = await run("telemetry.py", cwd=tmp_path)
    assert lines == ["It is seven.", "chat demo 0 tokens", "execute_tool add", "chat demo 19 tokens"]
