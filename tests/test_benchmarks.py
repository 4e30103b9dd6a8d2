"""The benchmarks' arithmetic, their tables, and the page that is made of them. No test here looks at how fast anything is."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import budgets, check, density, plot, result  # noqa: E402 - the benchmarks are no part of the package
from benchmarks.__main__ import ROWS, Progress  # noqa: E402 - likewise
from benchmarks.harness import Failed, Figure, Process, interleaved, percentile, ratios  # noqa: E402 - likewise


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


def dying() -> float:
    raise Failed("it fell over")


def test_who_fails_is_in_no_round_and_the_others_go_on():
    absent: dict[str, str] = {}
    found = interleaved({"a": lambda: 1.0, "b": dying, "c": lambda: 2.0}, 2, absent, warm_up=False)
    assert found == {"a": [1.0, 1.0], "c": [2.0, 2.0]}
    assert absent == {"b": "it fell over (in round 1)"}


def test_a_failure_that_nobody_asks_for_is_that_of_all():
    with pytest.raises(Failed, match="it fell over"):
        interleaved({"a": dying}, 1)


def test_a_process_that_ends_tells_its_last_words():
    with (
        Process("benchmarks.nobody") as process,
        pytest.raises(Failed, match=r"No module named benchmarks\.nobody"),
    ):
        process.ask("open", count=1)


def test_a_ratio_is_that_of_each_round():
    found = ratios({"floor": [1.0, 2.0, 4.0], "ours": [2.0, 2.0, 12.0]}, "floor")
    assert found["ours"] == Figure(2.0, 1.0, 3.0)


def test_99_of_100_do_not_exceed_the_percentile():
    assert percentile([float(value) for value in range(100)], 99) == 99.0
    assert percentile([7.0], 99) == 7.0


def test_a_core_is_strained_by_being_late_or_by_being_full():
    assert density.strain(0.0125, 0.1) == 0.5
    assert density.strain(0.0, density.FULL) == 1.0


def test_the_most_that_holds_is_found_by_halving():
    assert density.halved(10, 90, 10, lambda count: count <= 37) == 37
    assert density.halved(10, 90, 2, lambda count: count <= 37) == 30  # tried 50 and 30
    assert density.halved(10, 11, 5, lambda count: True) == 10


class Talking:
    """Stands for the server and for the worker: gives these for `talk`, one after the other."""

    def __init__(self, *own: float) -> None:
        self.own = list(own)
        self.opened: list[int] = []

    def control(self, verb: str, **rest: object) -> dict[str, object]:
        return {}

    def ask(self, do: str, count: int, seconds: float = 0.0) -> dict[str, float]:
        if do == "open":
            self.opened.append(count)
            return {}
        return {"own": self.own.pop(0), "core": 0.5, "done": 1.0}


def test_what_is_late_is_tried_again_and_only_the_last_try_is_told():
    talking: Any = Talking(0.030, 0.010, 0.030, 0.040)
    stage = density.Stage(talking, talking, 1.0)
    assert stage.holds(20)
    assert not stage.holds(25)
    assert stage.way == [(20, 0.010, 0.5), (25, 0.040, 0.5)]
    assert talking.opened == [20, 5]


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
    row.add("thing", "µs", {"floor": [1.0, 1.0], "ours": [1.5, 1.7]}, "floor")
    assert result.markdown(result.cells(row.as_json()["tables"]["thing"])) == (
        "|  | µs | spread | ratio |\n| --- | --: | --: | --: |\n"
        "| floor | 1.00 |  | 1.00 |\n| ours | 1.60 | 1.50 to 1.70 | 1.60 |\n"
    )


def test_a_floor_that_died_leaves_a_table_without_ratios():
    row = result.Result("row", quick=True)
    row.add("thing", "µs", {"ours": [1.0, 2.0, 3.0]}, "floor")
    row.add("nothing", "µs", {}, "floor")
    assert list(row.tables) == ["thing"]
    assert result.cells(row.as_json()["tables"]["thing"]) == [
        ["", "µs", "spread"],
        ["ours", "2.00", "1.00 to 3.00"],
    ]


def test_tables_of_one_thing_are_shown_together_with_a_line_for_who_each_is_about():
    row = result.Result("row", quick=True)
    row.add("a: decode", "µs", {"floor": [2.0], "a": [4.0], "other": [20.0]}, "floor")
    row.add("b: decode", "µs", {"floor": [2.0], "b": [3.0]}, "floor")
    assert dict(result.shown(row.as_json()["tables"])) == {
        "decode": [
            ["", "floor", "µs", "spread", "ratio", "ratio of other"],
            ["a", "2.00", "4.00", "", "2.00", "10.00"],
            ["b", "2.00", "3.00", "", "1.50", ""],
        ]
    }


def test_a_picture_has_ratios_where_there_is_a_floor_and_marks_for_the_others():
    row = result.Result("row", quick=True)
    row.add("import", "ms", {"floor": [2.0], "provider": [4.0], "peer": [6.0]}, "floor")
    row.add("size", "MB", {"peer": [6.0]})
    row.add("a: decode", "µs", {"floor": [2.0], "a": [4.0], "raw": [20.0]}, "floor")
    first, second, third = plot.panels(row.as_json()["tables"])
    assert [(bar.name, bar.value) for bar in first.bars] == [("floor", 1.0), ("provider", 2.0), ("peer", 3.0)]
    assert [bar.colour for bar in first.bars] == [plot.FLOORS, plot.OWN, plot.OTHERS]
    assert (second.bars[0].value, second.bars[0].label, second.line) == (6.0, "6.00 MB", None)
    assert [(bar.name, bar.value, bar.marks) for bar in third.bars] == [("a", 2.0, {"raw": 10.0})]


def test_a_scale_is_logarithmic_where_it_spans_more_than_twenty_times():
    assert not plot.logarithmic([1.0, 20.0])
    assert plot.logarithmic([1.0, 20.1])
    assert not plot.logarithmic([0.0, 100.0])


def rounds(median: float, *values: float) -> dict[str, object]:
    return {"median": median, "rounds": list(values)}


def test_two_contestants_are_compared_round_by_round():
    tables = {"t": {"figures": {"ours": rounds(4.0, 2.0, 4.0, 9.0), "x": rounds(2.0, 1.0, 2.0, 3.0)}}}
    assert budgets.against("t", "ours", "x", "absent")(tables) == 2.0


def test_two_contestants_are_compared_by_their_medians_where_the_rounds_were_not_kept():
    tables = {"t": {"figures": {"ours": {"median": 6.0}, "x": {"median": 2.0}, "y": {"median": 3.0}}}}
    assert budgets.against("t", "ours", "x", "y")(tables) == 3.0
    assert budgets.against("t", "ours", "x", "y", most=True)(tables) == 2.0


def test_with_nobody_to_compare_with_nothing_was_measured():
    with pytest.raises(KeyError):
        budgets.against("t", "ours", "x")({"t": {"figures": {"ours": {"median": 6.0}}}})


def test_what_has_no_limit_is_told_and_not_judged():
    bound = budgets.Budget("bound", "row", None, lambda tables: 1e9)
    assert bound.kept(1e9)
    assert not budgets.Budget("least", "row", 2.0, lambda tables: 1.0, least=True).kept(1.0)
    text, _ = budgets.table(
        {"codec": {"tables": {budgets.DELTA: {"figures": {"raw msgspec": {"ratio": {"median": 5.0}}}}}}}
    )
    assert "| … by `raw msgspec`, which does nothing else |  | 5.00 x |  |" in text


def test_each_budget_is_of_a_row_that_is_measured():
    assert {budget.row for budget in budgets.BUDGETS} <= set(ROWS)


def test_progress_tells_the_row_and_the_minutes_that_are_left(capsys: pytest.CaptureFixture[str]):
    progress = Progress(["path", "steps"], quick=False)
    progress.begin("path")
    assert progress.left(time.monotonic()) == ROWS["path"][1] + ROWS["steps"][1]
    assert progress.left(time.monotonic() + 3_600) == ROWS["steps"][1]
    progress.begin("steps")
    assert progress.left(time.monotonic()) == ROWS["steps"][1]
    for number in (1, 2):
        progress.handle(logging.makeLogRecord({"msg": f"round {number}"}))
    assert capsys.readouterr().err == "[about 0 min] steps: round 1\n"


def test_there_is_a_baseline_for_each_case_that_is_counted():
    kept = json.loads(check.BASELINE.read_text())
    assert kept
    for ratios_ in kept.values():
        assert {name.split()[0] for name in ratios_} == {"codec", "path"}


@pytest.mark.skipif(not list(result.RESULTS.glob("*.json")), reason="nothing was measured yet")
def test_the_page_of_results_is_what_is_in_their_files():
    assert result.page(result.load()) == (result.RESULTS / "README.md").read_text()


def test_each_row_that_was_kept_has_its_picture():
    assert [row for row in result.load() if not (result.RESULTS / f"{row}.png").exists()] == []


def test_the_documentation_has_the_figures_that_were_measured():
    page = budgets.PAGE.read_text()
    assert budgets.written(page, result.load()) == page
