"""The benchmarks' arithmetic, their tables, and the page that is made of them. No test here looks at how fast anything is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import budgets, check, density, result  # noqa: E402 - the benchmarks are no part of the package
from benchmarks.harness import Figure, interleaved, percentile, ratios  # noqa: E402 - likewise


def test_a_figure_is_the_median_with_its_quartiles():
    assert Figure.of([5.0, 1.0, 3.0, 2.0, 4.0]) == Figure(3.0, 1.5, 4.5)


def test_a_figure_of_few_rounds_has_their_extremes():
    assert Figure.of([2.0, 9.0, 1.0]) == Figure(2.0, 1.0, 9.0)


def test_contestants_take_turns_and_the_first_round_does_not_count():
    order: list[str] = []
    values = iter(range(100))

    def measure(name: str) -> float:
        order.append(name)
        return float(next(values))

    found = interleaved({"a": lambda: measure("a"), "b": lambda: measure("b")}, 2)
    assert order == ["a", "b"] * 3
    assert found == {"a": [2.0, 4.0], "b": [3.0, 5.0]}


def test_a_ratio_is_that_of_each_round():
    found = ratios({"floor": [1.0, 2.0, 4.0], "ours": [2.0, 2.0, 12.0]}, "floor")
    assert found["ours"] == Figure(2.0, 1.0, 3.0)


def test_99_of_100_do_not_exceed_the_percentile():
    assert percentile([float(value) for value in range(100)], 99) == 99.0
    assert percentile([7.0], 99) == 7.0


def test_a_core_is_strained_by_being_late_or_by_being_full():
    assert density.strain(0.0125, 0.1) == 0.5
    assert density.strain(0.0, density.FULL) == 1.0


def test_a_ratio_may_grow_by_a_tenth_and_no_more():
    before = {"codec": 2.0}
    assert check.grown({"codec": 2.19}, before) == []
    assert check.grown({"codec": 2.21}, before) == ["codec: 2.21 times the floor, and was 2.00"]
    assert check.grown({}, before) == ["codec: not in this run"]
    assert check.grown({"codec": 2.0, "path": 1.0}, before) == ["path: not in the baseline"]


def test_instructions_are_compared_with_the_floor_of_their_own_case():
    assert check.to_floor({"a/floor": 10.0, "a/ours": 25.0, "b/floor": 4.0, "b/x": 4.0}) == {
        "a": 2.5,
        "b": 1.0,
    }


def test_a_table_in_markdown_has_a_column_for_each_figure():
    row = result.Result("row", quick=True)
    row.add("thing", "µs", {"floor": [1.0], "ours": [1.5]}, "floor")
    assert result.markdown(result.cells(row.as_json()["tables"]["thing"])) == (
        "|  | µs | spread | ratio |\n| --- | --: | --: | --: |\n"
        "| floor | 1.00 | 1.00 to 1.00 | 1.00 |\n| ours | 1.50 | 1.50 to 1.50 | 1.50 |\n"
    )


def test_there_is_a_baseline_for_each_case_that_is_counted():
    kept = json.loads(check.BASELINE.read_text())
    assert kept
    for ratios_ in kept.values():
        assert {name.split()[0] for name in ratios_} == {"codec", "path"}


@pytest.mark.skipif(not list(result.RESULTS.glob("*.json")), reason="nothing was measured yet")
def test_the_page_of_results_is_what_is_in_their_files():
    assert result.page(result.load()) == (result.RESULTS / "README.md").read_text()


def test_the_documentation_has_the_figures_that_were_measured():
    page = budgets.PAGE.read_text()
    assert budgets.written(page, result.load()) == page
