"""`voicechat check`: what it prints, what it exits with, and which factories it takes."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from voicechatengine.cli.check import told
from voicechatengine.cli.main import main
from voicechatengine.cli.output import painter
from voicechatengine.testing.laws import PROVIDER_LAWS, Law, Subject, Verdict

FEW = ["--law", "connect_opens_a_session", "--law", "nonsense_is_reported"]


@pytest.fixture(autouse=True)
def _factories(monkeypatch, request):
    """The factories beside this file can be named, as in their own folder."""
    monkeypatch.chdir(request.path.parent)
    yield
    sys.modules.pop("factories", None)


def test_a_right_provider_passes_every_law(capsys):
    assert main(["check", "mock"]) == 0
    out = capsys.readouterr().out
    assert all(law.name in out for law in PROVIDER_LAWS)
    assert "0 failed" in out


def test_a_vendor_is_checked_over_its_simulator_with_no_key(capsys):
    assert main(["check", "openai", "--url", "simulator", *FEW]) == 0
    assert "2 passed, 0 failed, 0 not applicable" in capsys.readouterr().out


def test_what_failed_says_why_and_exits_with_1(capsys):
    assert main(["check", "factories:unreachable", *FEW]) == 1
    out = capsys.readouterr().out
    assert "came: ConnectionError: the mock refused to connect" in out
    assert "explained in: docs/testing.md#life-cycle" in out
    assert "→ connect()" in out
    assert "0 passed, 1 failed, 1 not applicable" in out


def test_of_a_long_exchange_the_end_is_shown_unless_one_law_is_asked_for(capsys):
    assert main(["check", "factories:failing"]) == 1
    out = capsys.readouterr().out
    assert " lines\n" in out
    assert "voicechat check … --law " in out


def test_json_has_a_verdict_for_each_law(capsys):
    assert main(["check", "factories:unreachable", "--json", *FEW]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["passed"] is False
    assert [(law["law"], law["outcome"]) for law in found["laws"]] == [
        ("connect_opens_a_session", "failed"),
        ("nonsense_is_reported", "not applicable"),
    ]


def test_a_factory_is_called_for_each_law_with_the_url_that_was_given(capsys):
    law = "connect_opens_a_session"
    assert main(["check", "factories:impatient", "--url", "ws://127.0.0.1:9/", "--law", law, "--live"]) == 1
    assert "connect() raised" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["openai"], 3, "set OPENAI_API_KEY"),
        (["azure"], 4, "set AZURE_OPENAI_ENDPOINT"),
        (["openai", "--url", "ws://127.0.0.1:9/"], 4, "check the url"),
    ],
)
@pytest.mark.realtime
def test_a_service_that_cannot_be_reached_is_one_line_and_no_broken_law(
    arguments, code, text, capsys, monkeypatch
):
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    assert main(["check", *arguments, "--live", *FEW]) == code
    out, errors = capsys.readouterr()
    assert (out, errors.count("\n")) == ("", 1)
    assert text in errors


def test_what_is_logged_in_a_law_is_not_shown_and_what_comes_after_it_is(capsys, caplog):
    """A handler raises in this law on purpose; the report is all that there is to read."""
    assert main(["check", "mock", "--law", "a_raising_handler_stops_nothing"]) == 0
    assert (caplog.records, capsys.readouterr().err) == ([], "")
    logging.getLogger("somebody").error("later")
    assert [record.message for record in caplog.records] == ["later"]


def test_a_law_is_named_before_it_is_held_and_its_outcome_told_after_it(capsys):
    """Who waits sees what for."""
    shown: list[str] = []

    def hold(law: Law[Subject]) -> Verdict:
        shown.append(capsys.readouterr().out)
        return Verdict(law.name, law.topic, "passed", law.demands, law.docs)

    laws = PROVIDER_LAWS[:2]
    assert [verdict.law for verdict in told(laws, hold, painter(sys.stdout))] == [law.name for law in laws]
    first, second = shown
    assert first.splitlines()[0] == laws[0].topic
    assert first.rstrip(" ").endswith(laws[0].name)
    assert second.split() == ["passed", laws[1].name]


def test_real_input_and_output_in_virtual_time_is_told(capsys):
    law = "connect_opens_a_session"
    assert main(["check", "factories:impatient", "--url", "ws://127.0.0.1:9/", "--law", law]) == 1
    assert "--live" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["mock", "--law", "no_such_law"], "there is no law 'no_such_law'"),
        (["nobody"], "provider 'nobody' is not known"),
        (["deepgram"], "deepgram makes parts of a provider"),
        (["local"], "there is no simulator for local: give --live"),
        (["mock", "--url", "simulator"], "there is no simulator for mock: leave --url out"),
        (["mock", "--url", "ws://127.0.0.1:9/"], "provider mock has no server"),
        (["openai", "--url", "ws://127.0.0.1:9/"], "give --live too"),
        (["factories:impatient", "--url", "simulator"], "start one with voicechat simulate"),
        (["factories:not_callable"], "is not callable"),
        (["nobody", "--live"], "provider 'nobody' is not known"),
    ],
)
def test_what_cannot_be_checked_is_one_line(arguments, text, capsys):
    assert main(["check", *arguments, *([] if "--law" in arguments else FEW)]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert text in errors
