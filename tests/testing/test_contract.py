"""The pytest classes: five lines are a suite, a law that is broken is a failed test, and none can be left out in silence."""

from __future__ import annotations

import pytest

from voicechatengine.testing.contract import DialectContract, ProviderContract, overridden
from voicechatengine.testing.laws import DIALECT_LAWS, PROVIDER_LAWS

pytest_plugins = ["pytester"]

SUITE = """
from voicechatengine import MockConfig, MockProvider
from voicechatengine.testing import mock_subject
from voicechatengine.testing.contract import DialectContract, ProviderContract, overridden


class TestMine(ProviderContract):
    def factory(self):
        return {made}
{more}
"""


FEW = "no_law_is_left_out or words_arrive_whole or connect_opens"


def run(pytester, made="MockProvider()", more="", only=FEW):
    pytester.makepyfile(SUITE.format(made=made, more=more))
    return pytester.runpytest("-q", "-rA", "-p", "no:cacheprovider", "-k", only)


def test_five_lines_are_a_test_for_each_law_and_one_for_the_whole(pytester):
    """What does not apply is skipped, and says why."""
    result = run(pytester, only="test")
    outcomes = result.parseoutcomes()
    assert "failed" not in outcomes
    assert outcomes["passed"] + outcomes["skipped"] == len(PROVIDER_LAWS) + 1
    result.stdout.fnmatch_lines(["*SKIPPED*not applicable: the factory gives no far end*"])


def test_a_broken_law_is_a_failed_test_that_tells_the_whole_exchange(pytester):
    result = run(pytester, "MockProvider(MockConfig(error_rate={'connect': 1}))")
    result.stdout.fnmatch_lines(
        [
            "connect_opens_a_session (life cycle): failed",
            "came: ConnectionError: the mock refused to connect*",
            "explained in: docs/testing.md#life-cycle",
            "*→ connect()",
        ]
    )


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("    test_words_arrive_whole = None", "test_words_arrive_whole was deleted"),
        ("    def test_words_arrive_whole(self): pass", "test_words_arrive_whole was overridden"),
    ],
)
def test_a_law_that_is_left_out_without_a_reason_fails(pytester, more, told):
    result = run(pytester, "mock_subject()", more)
    assert result.parseoutcomes()["failed"] == 1
    result.stdout.fnmatch_lines([f"{told}*"])


def test_a_law_that_is_overridden_with_a_reason_is_fine(pytester):
    more = """
    @overridden(reason="this vendor speaks in riddles")
    def test_words_arrive_whole(self):
        pass
"""
    assert "failed" not in run(pytester, "mock_subject()", more).parseoutcomes()


def test_a_reason_has_to_be_one():
    with pytest.raises(ValueError, match="say why"):
        overridden(reason=" ")


@pytest.mark.parametrize("contract", [ProviderContract, DialectContract])
def test_the_test_that_looks_after_the_others_cannot_be_overridden(contract):
    with pytest.raises(TypeError, match="test_no_law_is_left_out"):
        type("TestMine", (contract,), {"test_no_law_is_left_out": lambda self: None})


@pytest.mark.parametrize(
    ("contract", "laws"), [(ProviderContract, PROVIDER_LAWS), (DialectContract, DIALECT_LAWS)]
)
def test_every_law_is_a_test_that_says_what_it_demands(contract, laws):
    for law in laws:
        assert getattr(contract, f"test_{law.name}").__doc__ == law.demands


def test_a_contract_without_a_factory_or_a_subject_says_what_is_missing():
    with pytest.raises(NotImplementedError, match="factory"):
        ProviderContract().factory()
    with pytest.raises(NotImplementedError, match="subject"):
        DialectContract().subject()
