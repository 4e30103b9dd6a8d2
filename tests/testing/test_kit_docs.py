"""What the pages say of the kit: the table of laws is the laws, each law's page explains it, and the whole provider is right.

`python tests/testing/test_kit_docs.py` prints the table as it has to be.
"""

from __future__ import annotations

import importlib.util
import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from voicechatengine.testing import check_provider
from voicechatengine.testing.laws import DIALECT_LAWS, PROVIDER_LAWS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/testing.md"
LAWS = (*PROVIDER_LAWS, *DIALECT_LAWS)
BEGIN = "## The laws"


def law_table() -> str:
    """The part of the page that lists the laws, topic by topic."""
    lines = []
    for topic, laws in itertools.groupby(LAWS, key=lambda law: law.topic):
        lines += [f"### {topic.capitalize()}", "", "| law | demands |", "|---|---|"]
        lines += [f"| `{law.name}` | {law.demands} |" for law in laws]
        lines.append("")
    return "\n".join(lines)


def anchors(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    found = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in found}


def whole_provider() -> str:
    """The provider that the page shows, all of it."""
    text = (ROOT / "docs/custom-provider.md").read_text()
    return re.findall(r"^```python\n(.*?)^```", text.split("## A whole one")[1], re.MULTILINE | re.DOTALL)[0]


def test_the_page_lists_every_law_with_what_it_demands():
    listed = PAGE.read_text().split(BEGIN)[1]
    assert listed[listed.index("### ") :].strip() == law_table().strip()


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_a_law_says_where_it_is_explained(law):
    page, _, anchor = law.docs.partition("#")
    assert (ROOT / page).is_file()
    assert not anchor or anchor in anchors(ROOT / page)


def test_law_names_are_no_others():
    """A law's name is what people put into their configurations: it stays."""
    names = [law.name for law in LAWS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z_]+", name) for name in names)


@pytest.fixture
def echo(tmp_path, monkeypatch):
    (tmp_path / "echo_provider.py").write_text(whole_provider())
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / "echo_provider.py"
    sys.modules.pop("echo_provider", None)


def loaded(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_provider_of_the_page_obeys_every_law(echo):
    report = check_provider(loaded(echo).Echo)
    assert report.passed, str(report)
    assert len(report.of("passed")) > 45


def test_the_provider_of_the_example_obeys_every_law():
    report = check_provider(loaded(ROOT / "examples/custom_provider.py").Parrot)
    assert report.passed, str(report)
    assert len(report.of("passed")) > 45


def test_the_provider_of_the_page_inherits_and_registers_nothing(echo):
    """And what it imports of the library are values, and the function that checks messages."""
    text = echo.read_text()
    assert re.findall(r"^class \w+\(", text, re.MULTILINE) == []
    modules = set(re.findall(r"^from (voicechatengine[\w.]*) import", text, re.MULTILINE))
    assert modules <= {
        "voicechatengine", "voicechatengine.events", "voicechatengine.messages", "voicechatengine.provider",
    }  # fmt: skip


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_the_provider_of_the_page_passes_the_type_checkers(echo, checker):
    """With the function `check_fit` of the same page beside it."""
    with echo.open("a") as file:
        file.write(
            "\n\nfrom voicechatengine import Provider\n\n\ndef check_fit(mine: Echo) -> Provider:\n    return mine\n"
        )
    arguments = {
        "mypy": [
            "--strict",
            "--cache-dir",
            str(ROOT / ".mypy_cache"),
            "--config-file",
            str(ROOT / "mypy.ini"),
        ],
        "pyright": ["--pythonpath", sys.executable],
    }
    done = subprocess.run(
        [sys.executable, "-m", checker, *arguments[checker], echo.name],
        cwd=echo.parent,
        env={
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "MYPYPATH": f"{ROOT / 'src'}:{ROOT / 'stubs'}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    print(law_table())
