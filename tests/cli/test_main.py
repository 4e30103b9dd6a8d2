"""The command as scripts see it: exit codes, one line on stderr, JSON on stdout."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path

import pytest

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.wav import WavWriter, read_wav
from voicechatengine.cli.exits import Exit, UsageError, exit_of, one_line
from voicechatengine.cli.main import COMMANDS, main
from voicechatengine.cli.registry import PARTS, PROVIDERS, capabilities, make
from voicechatengine.errors import (
    AudioError,
    AuthenticationError,
    ConnectionError,
    DeadlineError,
    MessageError,
    RateLimitError,
)
from voicechatengine.simulators import SIMULATORS

QUESTION = str(Path(__file__).resolve().parents[2] / "examples/question.wav")


@pytest.fixture(autouse=True)
def factories():
    """The folder of this file is where the command is called."""
    before = sys.path.copy()
    with contextlib.chdir(Path(__file__).parent):
        yield
    sys.path[:] = before


@pytest.fixture
def call(capsys):
    """Calls the command; gives its exit code, its output and its errors."""

    def called(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        return code, *capsys.readouterr()

    return called


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ("", 2, "COMMAND"),
        ("sing", 2, "invalid choice"),
        (
            "talk --provider nobody --text Hi",
            2,
            "provider 'nobody' is not known: use openai, ",
        ),
        ("talk --provider nowhere.at_all:f --text Hi", 2, "cannot be imported"),
        ("talk --provider factories: --text Hi", 2, "names no factory"),
        ("talk --provider :f --text Hi", 2, "names no factory"),
        ("talk --provider factories:nothing --text Hi", 2, "names no factory"),
        ("talk --provider factories:not_callable --text Hi", 2, "is not callable"),
        ("talk --provider factories:wrong --text Hi", 2, "gave a object, which lacks connect"),
        ("talk --provider factories:raising --text Hi", 2, "raised RuntimeError: the factory is on fire"),
        ("talk --provider factories:refusing --text Hi", 1, "come back tomorrow"),
        ("talk --provider factories:failing --model big --text Hi", 2, "was called with model"),
        ("talk --provider factories:failing --text Hi", 1, "quota"),
        ("talk --provider factories:unreachable --text Hi", 4, "the mock refused to connect"),
        ("talk --provider mock --url ws://x --text Hi", 2, "provider mock has no server"),
        ("talk --provider mock --url simulator --text Hi", 2, "there is no simulator for mock"),
        ("talk --provider mock --text=", 2, "--text is empty"),
        ("talk --provider mock --text Hi --input mic", 2, "not allowed with"),
        ("talk --provider mock --text Hi --output no/such/folder.wav", 2, "no/such is no folder"),
        ("talk --provider mock --input missing.wav", 2, "missing.wav cannot be read"),
        ("talk --provider mock --input factories.py", 2, "is not a WAV file"),
        ("talk --text Hi", 3, "OPENAI_API_KEY"),
        ("talk --url ws://127.0.0.1:1/v1/realtime --text Hi", 4, "check the url, that the server runs"),
        ("talk --provider nobody --url simulator --text Hi", 2, "provider 'nobody' is not known"),
        ("talk --provider factories:parrot --url simulator --text Hi", 2, "voicechat simulate"),
        ("talk --provider elevenlabs --text Hi", 2, "docs/providers/elevenlabs.md"),
        ("providers nobody", 2, "provider 'nobody' is not known"),
        ("simulate", 2, "VENDOR"),
        ("simulate nobody", 2, "choose from 'openai', "),
        ("simulate openai --port 70000", 2, "no port from 0 to 65535"),
        ("simulate openai --drop-after none", 2, "no whole number from 1"),
        ("simulate openai --delay-ms=-1", 2, "no number from 0"),
        ("simulate openai --expire-after soon", 2, "no number from 0"),
        ("simulate openai --host 192.0.2.1", 4, "cannot listen"),
    ],
)
@pytest.mark.realtime
def test_errors_are_one_line_and_a_code(call, without_key, arguments, code, text):
    """Each mistake has its exit code, and one line that says what to do."""
    found, _, errors = call(*arguments.split())
    assert (found, errors.count("\n")) == (code, 1), errors
    assert errors.startswith("voicechat: ")
    assert text in errors


@pytest.fixture
def without_key():
    """No key is set, whatever the caller's environment has."""
    kept = os.environ.pop("OPENAI_API_KEY", None)
    yield
    if kept is not None:
        os.environ["OPENAI_API_KEY"] = kept


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("no"), Exit.USAGE),
        (AuthenticationError("no"), Exit.AUTHENTICATION),
        (RateLimitError("no"), Exit.FAILED),
        (DeadlineError("no"), Exit.CONNECTION),
        (ConnectionError("no"), Exit.CONNECTION),
        (MessageError("no"), Exit.USAGE),
        (AudioError("no"), Exit.USAGE),
        (FileNotFoundError(2, "No such file", "x.wav"), Exit.USAGE),
        (RuntimeError("no"), Exit.FAILED),
    ],
)
def test_exit_codes_follow_the_error(error, code):
    """The finer class decides."""
    assert exit_of(error) is code


def test_one_line_of_an_error():
    """Line ends go, files are named, and a defect says how to see more."""
    assert one_line(UsageError("two\n  lines")) == "two lines"
    assert one_line(FileNotFoundError(2, "No such file", "x.wav")) == "x.wav: No such file"
    assert one_line(RuntimeError()) == "RuntimeError: RuntimeError (VOICECHAT_DEBUG=1 shows where)"


def test_debug_shows_where(call):
    """VOICECHAT_DEBUG=1 adds the traceback."""
    os.environ["VOICECHAT_DEBUG"] = "1"
    try:
        code, _, errors = call("talk", "--provider", "factories:raising", "--text", "Hi")
    finally:
        del os.environ["VOICECHAT_DEBUG"]
    assert code == 2
    assert "Traceback" in errors
    assert "on fire" in errors


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_says_what_it_does_and_names_the_exit_codes(call, command):
    """Help goes to stdout and is no failure; scripts can be written from it alone."""
    code, output, errors = call(*command.split(), "--help")
    assert (code, errors) == (0, "")
    usage, description, *_ = output.split("\n\n")
    assert usage.startswith("usage: voicechat")
    assert description.endswith(".")
    for code in Exit:
        assert f"{code:>5}  " in output


def test_version(call):
    """The installed version, by name."""
    code, output, _ = call("--version")
    assert code == 0
    assert output.startswith("voicechat 0.")


def test_providers_as_a_table(call):
    """One column a provider, one line a capability, and lists below one another."""
    code, output, _ = call("providers")
    assert code == 0
    lines = output.splitlines()
    able = capabilities()
    assert lines[0].split() == ["capability", *able]
    for name in ("text_input", "resumption"):
        row = ["yes" if each.get(name) else "no" for each in able.values()]
        assert [name, *row] in [line.split() for line in lines]
    assert "g711_ulaw 8 kHz" in output


def test_providers_by_name(call):
    """As many columns as fit a terminal."""
    code, output, _ = call("providers", "gemini", "mock")
    assert code == 0
    assert output.splitlines()[0].split() == ["capability", "gemini", "mock"]


def test_every_provider_and_every_maker_of_parts_has_a_page():
    """What the command line knows by name, and what it says of the rest, is what docs/providers has."""
    pages = {page.stem for page in (Path(__file__).resolve().parents[2] / "docs/providers").glob("*.md")}
    assert pages == {*PROVIDERS, *PARTS}


@pytest.mark.realtime
@pytest.mark.parametrize("provider", [name for name in PROVIDERS if name in SIMULATORS])
def test_a_simulator_of_each_vendor_answers_its_provider(call, provider):
    """`--url simulator` is the right one, and needs nothing else."""
    code, output, errors = call("talk", "--provider", provider, "--url", "simulator", "--text", "Hello")
    assert (code, errors) == (0, "")
    assert "simulator. You said: Hello" in output


def test_providers_as_json(call):
    """The same as one object."""
    _, output, _ = call("providers", "--json")
    found = json.loads(output)
    assert found["mock"]["text_input"] is True
    assert found["openai"]["input_formats"][0]["encoding"] == "pcm16"


def test_options_reach_the_provider():
    """What is given on the command line is in the config, and nothing else."""
    provider = make("factories:parrot", {"voice": "alloy"})
    assert provider.get_capabilities()["turn_detection"] == ("server_vad",)


@pytest.mark.realtime
def test_text_turn(call, tmp_path):
    """A question in writing: words on the screen, sound in the file."""
    answer = str(tmp_path / "answer.wav")
    code, output, errors = call("talk", "--provider", "mock", "--text", "Hello there", "--output", answer)
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert lines[:3] == ["· connected", "you        Hello there", "assistant  You said: Hello there"]
    assert lines[-1] == f"the answer is in {answer}"
    format, audio = read_wav(answer)
    assert format.duration_ms(len(audio)) > 500
    assert any(audio)


@pytest.mark.realtime
def test_words_only_cannot_be_a_file(call, tmp_path):
    """A provider that answers in words leaves no empty WAV behind."""
    answer = tmp_path / "answer.wav"
    code, _, errors = call("talk", "--provider", "factories:writing", "--text", "Hi", "--output", str(answer))
    assert code == 1
    assert "words only" in errors
    assert not answer.exists()


@pytest.mark.realtime
def test_spoken_turn_over_a_real_socket(call, tmp_path):
    """A WAV file is heard by the simulator, and its answer is another."""
    answer = str(tmp_path / "answer.wav")
    code, output, errors = call(
        "talk", "--url", "simulator", "--input", QUESTION, "--output", answer, "--json"
    )
    assert (code, errors) == (0, "")
    events = [json.loads(line) for line in output.splitlines()]
    types = [event["type"] for event in events]
    for kind in (
        "state_changed",
        "speech_started",
        "speech_stopped",
        "input_transcript",
        "response_completed",
    ):
        assert kind in types
    assert all(event["data"]["audio"]["bytes"] > 0 for event in events if event["type"] == "audio_chunk")
    summary = events[-1]
    assert (summary["type"], summary["exit"], summary["output"]) == ("summary", 0, answer)
    assert len(summary["turns"]) == 1
    format, audio = read_wav(answer)
    assert format.duration_ms(len(audio)) > 1000
    assert any(audio)


@pytest.mark.realtime
def test_silence_is_no_conversation(call, tmp_path):
    """Nobody spoke: that is told, as a failure, in the JSON as well."""
    quiet = tmp_path / "quiet.wav"
    with WavWriter(quiet, AudioFormat()) as file:
        file.write(AudioFormat().silence(100))
    code, output, errors = call("talk", "--provider", "mock", "--input", str(quiet), "--json")
    assert code == 1
    assert "no answer came" in errors
    summary = json.loads(output.splitlines()[-1])
    assert summary["exit"] == 1
    assert "no answer came" in summary["error"]


@pytest.mark.realtime
def test_a_failed_spoken_reply_is_a_failure(call):
    """The conversation took place and the provider's reply failed."""
    code, output, errors = call("talk", "--provider", "factories:failing_aloud", "--input", QUESTION)
    assert code == 1
    assert "quota" in errors
    assert "· the reply is failed: quota" in output
