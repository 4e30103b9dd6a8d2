"""Laws come to an end, whatever they are stuck in; a report says what was expected, what came, and what was said."""

from __future__ import annotations

import asyncio
import threading

import pytest

from voicechatengine import MockProvider
from voicechatengine.testing import NotApplicable, Subject, Verdict, Violation, check_provider
from voicechatengine.testing.laws import Law, judge, judge_one
from voicechatengine.testing.laws.table import Laws

TABLE: Laws[Subject] = Laws()
law = TABLE.topic("ends")


@law("It spins: the loop turns, and no time passes.")
async def spins(subject):
    while True:  # noqa: ASYNC110 - to spin is what it is for
        await asyncio.sleep(0)


@law("It blocks: the loop does not turn.")
async def blocks(subject):
    while True:
        pass


@law("It waits for what never comes.")
async def waits(subject):
    subject.exchange.add("→", "wait()")
    await asyncio.Event().wait()


@law("It leaves an error behind that nobody looks at.")
async def leaves_an_error(subject):
    async def fail():
        raise ZeroDivisionError("in the background")

    task = asyncio.create_task(fail())
    await asyncio.sleep(1)
    del task
    raise Violation("nothing", "something", str(subject.exchange))


@law("It asks for a thread.")
async def asks_for_a_thread(subject):
    async with asyncio.timeout(1):
        await asyncio.to_thread(threading.Event().wait, 0.01)
    raise RuntimeError("a thread has no place in virtual time")


@law("It is not about this one.")
async def is_not_about_it(subject):
    raise NotApplicable("it has no far end")


@law("It holds.")
async def holds(subject):
    async with subject.open() as case:
        assert await case.provider.connect()


def verdict(name: str) -> Verdict:
    return judge_one(TABLE.named(name), Subject(MockProvider), stuck_s=0.3)


@pytest.mark.parametrize(
    ("name", "outcome", "why"),
    [
        ("spins", "failed", "after 0.3 s of real time it still computes, or blocks"),
        ("blocks", "failed", "after 0.3 s of real time it still computes, or blocks"),
        ("waits", "failed", "it still waits after 600 s"),
        ("leaves_an_error", "failed", "came: something"),
        ("asks_for_a_thread", "failed", "hold the laws in real time (live=True, --live)"),
        ("is_not_about_it", "not applicable", "it has no far end"),
        ("holds", "passed", ""),
    ],
)
def test_a_law_has_an_outcome_whatever_happens_in_it(name, outcome, why):
    found = verdict(name)
    assert found.outcome == outcome
    assert why in found.why


def test_a_verdict_tells_people_all_of_it():
    text = str(verdict("waits"))
    for part in ("waits (ends): failed", "the law: It waits", "docs/testing.md#ends", "0.000 → wait()"):
        assert part in text
    assert str(verdict("holds")) == "holds (ends): passed"
    assert str(verdict("is_not_about_it")) == "is_not_about_it (ends): not applicable: it has no far end"


def test_a_report_counts_and_finds():
    chosen = [TABLE.named(name) for name in ("holds", "waits", "is_not_about_it")]
    report = judge(chosen, lambda: Subject(MockProvider))
    assert not report.passed
    assert [each.law for each in report] == ["holds", "waits", "is_not_about_it"]
    assert report["holds"].outcome == "passed"
    assert str(report).endswith("1 passed, 1 failed, 1 not applicable")
    with pytest.raises(KeyError, match="no_such_law"):
        report["no_such_law"]


def test_in_a_thread_a_law_that_waits_ends_all_the_same():
    """Signals are for the main thread; the time limit of the loop is for all."""
    found: list[Verdict] = []
    thread = threading.Thread(target=lambda: found.append(verdict("waits")))
    thread.start()
    thread.join()
    assert "it still waits" in found[0].why


def test_laws_are_held_in_real_time_for_who_does_real_input_and_output():
    report = check_provider(MockProvider, laws=["connect_opens_a_session"], live=True)
    assert report.passed, str(report)


def test_an_unknown_law_and_a_wrong_factory_are_told():
    with pytest.raises(KeyError, match="no_such_law"):
        check_provider(MockProvider, laws=["no_such_law"])
    report = check_provider(object, laws=["connect_opens_a_session"])  # type: ignore[arg-type]
    assert "came: TypeError" in report["connect_opens_a_session"].why


def test_laws_have_names_of_their_own():
    table: Laws[Subject] = Laws()

    async def one(subject):
        """See `demands`."""

    table.topic("a")("It is one.")(one)
    with pytest.raises(AssertionError, match="two laws are called one"):
        table.topic("b")("It is another.")(one)
    assert [type(each) for each in table.all()] == [Law]
