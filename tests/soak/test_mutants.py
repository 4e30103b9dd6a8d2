"""The mutation testing itself: what it changes, that it sees what tests notice and what they do not, and that it goes on."""

from __future__ import annotations

import ast

import pytest

from .mutants import TESTS, Project, prove
from .mutation import faults, with_fault

TOY = """
TABLE = {"one": 1, "two": 2}


class Counter:
    def __init__(self) -> None:
        self.count = 0

    @property
    def many(self) -> bool:
        return self.count > 2

    def add(self, n: int = 1) -> int | None:
        if n == 0:
            return None
        self.count += n
        return self.count
"""
CHECKED = """
from toy.counter import TABLE, Counter


def test_it_counts():
    counter = Counter()
    assert counter.add() == 1
    assert counter.add(0) is None
    assert counter.add(2) == 3
    assert counter.many
    assert TABLE == {"one": 1, "two": 2}
"""


def in_function(*lines):
    """The faults of a function with these lines, without its name."""
    source = "def f(self, a, b, rows):\n" + "\n".join(f"    {line}" for line in lines)
    return [key.removeprefix("f: ") for key in faults(source)]


def project(root, source=TOY, tests=CHECKED):
    """A library of one module, and its tests."""
    files = {
        "src/toy/__init__.py": "",
        "src/toy/counter.py": source,
        "tests/test_counter.py": tests,
        "pyproject.toml": "[tool.pytest.ini_options]\npythonpath = ['src']\n",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Project(root, "toy", {"counter.py": (("test_counter.py",),)}, root / "survivors.toml")


def score_of(library, sample=0):
    [score] = prove(library, ["counter.py"], sample=sample, jobs=2, say=print)
    return score


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A library of whose counter the tests see everything but the boundary of `many`."""
    return project(tmp_path_factory.mktemp("toy"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("if a < b: pass", ["if not a < b:", "if a <= b:"]),
        ("if a is b: pass", ["if a is not b:"]),
        ("if not a: pass", ["if a:"]),
        ("if a and b: pass", ["if not (a and b):", "if a or b:"]),
        ("a = a + 1", ["a = a - 1", "a = a + 2"]),
        ("a += b", ["a -= b", "pass"]),
        ("self.a = True", ["self.a = False", "pass"]),
        ("self.a()", ["pass"]),
        ("return a", ["return"]),
        ("raise a", ["pass"]),
        ("a = {1: b, **rows}", ["nothing", "nothing", "a = {2: b, **rows}"]),
        ("a = [x for x in rows if x]", ["a = [x for x in rows if not x]"]),
    ],
)
def test_what_a_line_becomes(line, expected):
    assert sorted(key.split(" -> ")[1] for key in in_function(line)) == sorted(expected)


@pytest.mark.parametrize(
    "line",
    [
        "assert a > 1",
        "b: int | None",
        'log.info("%d", 1)',
        '"""Words."""',
        'a = "words"',
        "import a",
        "return",
        "return None",
    ],
)
def test_what_is_left_alone(line):
    assert [key for key in in_function(line) if key != "return -> pass"] == []


def test_every_fault_is_another_module_that_compiles_and_has_a_key_of_its_own():
    found = faults(TOY)
    codes = {with_fault(TOY, key) for key in found} | {ast.unparse(ast.parse(TOY))}
    assert len(set(found)) == len(found) == len(codes) - 1
    for code in codes:
        compile(code, "toy", "exec")


def test_a_fault_keeps_its_key_when_other_lines_move():
    moved = "def first():\n    return 3\n\n" + TOY
    assert set(faults(TOY)) < set(faults(moved))


def test_a_figure_with_a_name_is_left_alone_and_one_in_a_table_is_not():
    assert faults("WAIT_S: Final = 2 * 3.0\n") == []
    assert faults("CODES = (400, 413)\n") != []


def test_a_fault_that_a_test_notices_is_killed_and_another_survives(toy):
    score = score_of(toy)
    assert score.survived == ["Counter.many: return self.count > 2 -> return self.count >= 2"]
    assert score.killed == len(faults(TOY)) - 1
    assert score.percent == 100 * score.killed / (score.killed + 1)
    assert f"{score.killed} killed    0 explained    1 survived" in str(score)


def test_an_explained_survivor_counts_no_more_and_a_needless_explanation_is_told(toy):
    rows = [
        ("Counter.many", "return self.count > 2", "return self.count >= 2"),
        ("Counter.add", "self.count += n", "self.count -= n"),
        ("Counter.gone", "a", "b"),
    ]
    toy.survivors.write_text(
        "".join(
            f'[[survivor]]\nmodule = "counter.py"\nwhere = "{where}"\nline = "{line}"\nbecomes = "{becomes}"\nwhy = "so"\n'
            for where, line, becomes in rows
        ),
        encoding="utf-8",
    )
    score = score_of(toy)
    assert (score.survived, score.explained, score.percent) == ([], 1, 100)
    assert score.listed_in_vain == [
        "Counter.add: self.count += n -> self.count -= n (killed)",
        "Counter.gone: a -> b (no such mutant)",
    ]


def test_what_is_known_is_not_tried_again_until_the_tests_or_the_module_change(tmp_path):
    def known():
        return len((tmp_path / ".mutants" / "counter.py.jsonl").read_text(encoding="utf-8").splitlines()) - 1

    library = project(tmp_path)
    score = score_of(library, 1)
    assert score.killed + len(score.survived) == known() == 1
    score_of(library, 3)
    assert known() == 3
    score_of(project(tmp_path, tests=CHECKED + "\n"), 1)
    assert known() == 1


def test_a_loop_that_never_ends_is_noticed(tmp_path):
    source = "def down(n):\n    while n:\n        n -= 1\n"
    tests = "from toy.counter import down\n\n\ndef test_down():\n    down(2)\n"
    assert "down: n -= 1 -> pass" in faults(source)
    assert "down: n -= 1 -> pass" not in score_of(project(tmp_path, source, tests)).survived


def test_tests_that_fail_without_a_fault_prove_nothing(tmp_path):
    library = project(tmp_path, tests="def test_it():\n    assert False\n")
    with pytest.raises(ValueError, match=r"test_counter\.py fail as they are"):
        score_of(library)


def test_a_module_that_is_not_listed_is_named():
    with pytest.raises(ValueError, match=r"session/other\.py is none of .*session/hub\.py"):
        list(prove(Project(), ["session/other.py"], sample=1, jobs=1, say=print))


def test_every_listed_module_and_test_is_there_and_every_explanation_is_about_one():
    project = Project()
    for module, groups in TESTS.items():
        assert project.source(module).is_file()
        assert [
            each for group in groups for each in group if not (project.root / "tests" / each).is_file()
        ] == []
        keys = faults(project.source(module).read_text(encoding="utf-8"))
        assert [key for key in project.explained(module) if key not in keys] == []
