"""What the documentation says is run: every Python block, every example, every table that lists what the code has."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import os
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest

from voicechatengine.cli.exits import MEANING
from voicechatengine.cli.main import COMMANDS as CLI
from voicechatengine.cli.main import main, parser
from voicechatengine.cli.registry import PROVIDERS
from voicechatengine.events import EVENT_TYPES
from voicechatengine.messages import COMMANDS, OPTIONS
from voicechatengine.simulators import SIMULATORS, simulator

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md"), ROOT / "examples/README.md"]
)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [
    pytest.param(page, page.read_text()[: found.start(1)].count("\n"), found[1], id=f"{page.name}-{number}")
    for page in PAGES
    for number, found in enumerate(PYTHON.finditer(page.read_text()), 1)
]


async def run_block(source: str, path: Path, line: int, names: dict[str, object]) -> None:
    """Runs a block as a module in which `await` may stand anywhere, with those names given."""
    tree = ast.parse(source)
    ast.increment_lineno(tree, line)
    code = compile(tree, str(path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    module = ModuleType("block")
    module.__dict__.update(names)
    sys.modules["block"] = module  # dataclasses look for theirs
    try:
        result = eval(code, module.__dict__)
        if inspect.isawaitable(result):
            await result
    finally:
        del sys.modules["block"]


async def run_program(source: str, url: str) -> None:
    """Runs a block that is a whole program, as from a file of its own, with a key."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", source, url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "OPENAI_API_KEY": "any"},
    )
    output, errors = await process.communicate()
    assert (process.returncode, errors.decode()) == (0, "")
    assert "You said: " in output.decode()


@pytest.fixture
def examples():
    """The examples can be imported, as in their own folder."""
    before = sys.path.copy()
    sys.path.insert(0, str(ROOT / "examples"))
    yield
    sys.path[:] = before


@pytest.mark.realtime
@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize(("page", "line", "source"), BLOCKS)
async def test_python_blocks_run(page, line, source, tmp_path):
    """Each block stands for itself. `url` is that of a simulator, `question` a WAV file, and the folder is empty."""
    question = str(ROOT / "examples/question.wav")
    with contextlib.chdir(tmp_path):
        async with simulator("openai") as server:
            if "sys.argv" in source:
                await run_program(source, server.url)
            else:
                await run_block(source, page, line, {"url": server.url, "question": question})


def test_a_new_vendor_is_one_file_of_eighty_lines_and_its_page_shows_all_of_it():
    """docs/new-provider.md runs it; what it shows is the file that it names."""
    code = (ROOT / "examples/tavern.py").read_text()
    assert code.count("\n") <= 80
    assert f"```python\n{code}```" in (ROOT / "docs/new-provider.md").read_text()


def test_every_page_with_code_is_run():
    """The pattern above finds every fence that says python."""
    fences = sum(page.read_text().count("```python") for page in PAGES)
    assert len(BLOCKS) == fences > 0


def test_the_readme_leads_to_every_page():
    """Nobody has to look for one."""
    text = (ROOT / "README.md").read_text()
    assert [
        page for page in PAGES if page.parts[-1] != "README.md" and f"({page.relative_to(ROOT)})" not in text
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page):
    """A relative link names a file that is there."""
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def commands() -> list[str]:
    """Every command that a page shows after a prompt, or names as `voicechat …`, without placeholders."""
    found = []
    for page in PAGES:
        text = page.read_text()
        found += re.findall(r"^\$ (.*?)(?: +#.*)?$", text, re.MULTILINE)
        found += [
            named for named in re.findall(r"`(voicechat [^`]+)`", text) if not re.search("[A-Z]{2}|…", named)
        ]
    return sorted(set(found))


@pytest.mark.parametrize("command", commands())
def test_commands_exist(command):
    """The command line takes what the pages show; the Makefile has what they name."""
    program, *arguments = shlex.split(command)
    if program == "make":
        assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    elif "--version" not in arguments:
        assert program == "voicechat"
        assert parser().parse_args(arguments).command == arguments[0]


def test_cli_page_has_the_exit_codes():
    """The table of exit codes is that of the command."""
    text = (ROOT / "docs/cli.md").read_text()
    assert re.findall(r"^\| (\d+) \| (.*) \|$", text, re.MULTILINE) == [
        (str(int(code)), meaning) for code, meaning in MEANING.items()
    ]


def test_cli_page_has_the_options_of_talk(capsys):
    """Each option of `voicechat talk` is in the table, and no other."""
    text = (ROOT / "docs/cli.md").read_text().split("## Talk")[1].split("## ")[0]
    assert main(["talk", "--help"]) == 0
    known = set(re.findall(r"^  (--[a-z]+)", capsys.readouterr().out, re.MULTILINE))
    assert set(re.findall(r"`(--[a-z]+)", text.split("\n\n")[1])) == known


def test_cli_page_has_every_command_and_provider():
    """The first table has the commands, that of talk the providers."""
    text = (ROOT / "docs/cli.md").read_text()
    assert set(re.findall(r"^\| `voicechat ([a-z]+)", text, re.MULTILINE)) == set(CLI)
    [names] = re.findall(r"^\| `--provider NAME` \| (.*) \|$", text, re.MULTILINE)
    assert set(re.findall(r"`([a-z-]+)`", names)) == set(PROVIDERS)


def test_simulators_page_has_every_simulator():
    """One line each, in a table."""
    text = (ROOT / "docs/simulators.md").read_text().split("\n\n| simulator | of |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)) == set(SIMULATORS)


@pytest.mark.parametrize("name", [name for name, entry in PROVIDERS.items() if not entry.local])
def test_pages_of_vendors_are_alike(name):
    """A key, the settings as a table, what it cannot do, what is smoothed over: in this order."""
    text = (ROOT / f"docs/providers/{name}.md").read_text()
    heads = [line for line in text.splitlines() if line.startswith("## ")]
    assert "key" in heads[0]
    assert heads[1] == "## Settings"
    assert heads[-2:] == ["## What it cannot do", "## What is smoothed over"]
    assert text.split("## Settings")[1].lstrip().startswith("| setting | values |")
    assert f"`voicechat talk --provider {name} --url simulator" in text or name == "openai"


def rows(heading: str) -> dict[str, list[str]]:
    """The table rows of docs/events.md below a heading, by their first column's word."""
    text = (ROOT / "docs/events.md").read_text()
    part = text.split(heading, 1)[1].split("\n## ", 1)[0]
    found = {}
    for line in part.splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            found[cells[0].strip("`")] = cells[1:]
    return found


def listed(fields: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in fields) or "none"


def test_events_page_lists_every_event_with_its_fields():
    """The table of events is that of events.py."""
    table = rows("## Events")
    assert {name: cells[:2] for name, cells in table.items()} == {
        name: [f"`{kind.__name__}`", listed(kind.__struct_fields__)] for kind, name in EVENT_TYPES.items()
    }


def test_events_page_lists_every_message_and_option():
    """The tables of messages and options are those of messages.py."""
    table = rows("## Messages")
    messages = {name: cells[:2] for name, cells in table.items() if name.isupper()}
    assert messages == {
        kind.name: [f"`{payload.__name__}`", listed(payload.__struct_fields__)]
        for kind, payload in COMMANDS.items()
    }
    assert tuple(name for name in table if name.islower()) == OPTIONS
