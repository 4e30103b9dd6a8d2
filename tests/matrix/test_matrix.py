"""The same conversation over every provider."""

from __future__ import annotations

import pytest

from voicechatengine.cli.registry import PROVIDERS
from voicechatengine.testing import run_virtual

from .cases import CASES, Case
from .script import run
from .table import kept, markdown


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
async def test_a_provider_has_the_events_that_its_capabilities_declare(case: Case):
    results = await run(case)
    assert {name: result for name, result in results.items() if result not in ("yes", "no")} == {}


def test_the_readme_has_the_matrix_of_today():
    assert kept() == markdown({case.title: run_virtual(run(case)) for case in CASES})


def test_every_provider_that_can_be_run_so_is_in_the_matrix():
    assert {case.name for case in CASES} == PROVIDERS.keys() - {"local"}, "add it to tests/matrix/cases.py"
