"""The state machine finds a rare race and nothing in what is right; the model says what is wrong with what it was told."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from typing import Any

import pytest
from cascade_far_end import CascadeFarEnd
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from meddled import Meddled

from voicechatengine import (
    ConnectionState,
    GeminiConfig,
    GeminiProvider,
    OpenAIConfig,
    OpenAIProvider,
    ProviderEvent,
    TextChunk,
    TurnDetection,
)
from voicechatengine.events import Event, ResponseCompleted, ResponseStarted, StateChanged, event_of
from voicechatengine.messages import Command, ResponseCancel, ResponseCreate
from voicechatengine.testing import mock_subject, simulated
from voicechatengine.testing.machine import SETTINGS, provider_machine
from voicechatengine.testing.model import Model

FEW = settings(SETTINGS, max_examples=40)
FOUND_WITHIN_S = 60.0


def openai():
    def make(far):
        return OpenAIProvider(OpenAIConfig(api_key="k"), connector=far.connector, rng=random.Random(1))

    return simulated("openai", make)


def gemini(model):
    """Its sessions last ten minutes, so the machine is handed over too."""

    def make(far):
        config = GeminiConfig(api_key="k", model=model)
        return GeminiProvider(config, connector=far.connector, rng=random.Random(1))

    return simulated("gemini", make)


def cascade():
    far = CascadeFarEnd()
    return far.cascade(turn_detection=TurnDetection()), far


CASES = {
    "mock": mock_subject,
    "openai": openai(),
    "gemini": gemini("gemini-3.8-live"),
    "gemini 2.5": gemini("gemini-2.5-flash-native-audio-latest"),
    "cascade": cascade,
}


@pytest.mark.parametrize("factory", CASES.values(), ids=CASES)
def test_whatever_a_user_does_a_right_provider_does_as_the_model_says(factory):
    run_state_machine_as_test(provider_machine(factory), settings=FEW)


class Racing(Meddled):
    """A race in interrupt(): a cancel that overtakes the beginning of a reply is left over for the one behind it.

    It takes five steps to see it: ask, let the reply begin, interrupt, ask again, and interrupt before that reply has begun.
    What is left over then swallows the end of the next reply.
    """

    STEPS = ("ask", "begun", "cut", "ask", "cut")

    def __init__(self) -> None:
        super().__init__()
        self.trail: tuple[str, ...] = ()
        self.left_over = False

    def step(self, name: str) -> None:
        self.trail = (*self.trail[-4:], name)
        self.left_over = self.left_over or self.trail == self.STEPS

    async def act(self, message: Command) -> None:
        if isinstance(message, ResponseCreate):
            self.step("ask")
        if isinstance(message, ResponseCancel):
            self.step("cut")
        await super().act(message)

    def twist(self, event: ProviderEvent) -> Iterable[ProviderEvent]:
        if isinstance(event.data, ResponseStarted):
            self.step("begun")
        if isinstance(event.data, ResponseCompleted) and self.left_over and self.trail[-1] == "begun":
            self.left_over = False
            return []
        return [event]


def racing():
    provider = Racing()
    return provider, provider.far


def test_a_race_that_needs_five_particular_steps_is_found_in_time():
    """With the settings of the gate, from nothing; shrinking it takes some seconds more, and is hypothesis' own."""
    began = time.perf_counter()
    with pytest.raises(AssertionError, match=r"these replies never ended|came for response") as caught:
        run_state_machine_as_test(
            provider_machine(racing), settings=settings(SETTINGS, phases=[Phase.generate])
        )
    assert time.perf_counter() - began < FOUND_WITHIN_S
    assert "interrupt()" in str(caught.value)


def test_a_machine_is_a_test_case_of_its_own():
    """So a module needs one line: ``TestMine = provider_machine(factory).TestCase``."""
    case = provider_machine(mock_subject).TestCase
    assert case.settings is SETTINGS


# ------------------------------------------------------------------ the model


def told(model: Model, *payloads: Event) -> Model:
    for payload in payloads:
        model.told(event_of(payload, timestamp=1.0, provider="test"))
    return model


def test_a_model_that_was_told_what_is_right_has_nothing_to_say():
    model = told(Model(), ResponseStarted("r"), TextChunk("a", False, "r", "i"), ResponseCompleted("r"))
    assert list(model.wrong_at_rest()) == []


@pytest.mark.parametrize(
    ("payloads", "wrong"),
    [
        ([TextChunk("a", False, "r", "i")], "text_chunk came for response r, which is idle"),
        ([ResponseStarted("r")], "these replies never ended: r"),
        (
            [StateChanged(ConnectionState.CONNECTED, ConnectionState.DISCONNECTED)],
            "connected cannot follow disconnected",
        ),
    ],
)
def test_the_model_knows_what_is_illegal(payloads: list[Any], wrong: str):
    assert list(told(Model(), *payloads).wrong_at_rest()) == [wrong]


def test_nothing_may_come_of_a_reply_that_was_stopped():
    model = told(Model(), ResponseStarted("r"))
    model.interrupted(("r",))
    told(model, TextChunk("late", False, "r", "i"), ResponseCompleted("r"))
    assert list(model.wrong()) == ["text_chunk of r came after interrupt() had stopped it"]


def test_the_vendor_is_told_each_text_once_and_in_order():
    model = Model()
    for text in ("a", "b", "c"):
        model.sent(text)
    model.cancelled("x")
    assert list(model.wrong_at_the_vendor(["a", "x", "b"])) == []
    assert list(model.wrong_at_the_vendor(["b", "a"])) == [
        "the vendor was told ['b', 'a'], and ['a', 'b'] was sent"
    ]
    model.asked()
    assert list(model.wrong_at_the_vendor(["a"])) == [
        "a reply was asked for behind 3 texts, and the vendor knows 1"
    ]


def test_a_request_that_speech_or_an_interruption_met_may_stay_without_an_answer():
    for happened in (Model.spoken, lambda model: model.interrupted(())):
        model = Model()
        model.sent("a")
        model.asked()
        happened(model)
        assert list(model.wrong_at_the_vendor([])) == []


def test_a_session_that_is_over_is_forgotten():
    model = told(Model(), ResponseStarted("r"))
    model.opened()
    model.sent("a")
    model.closed()
    assert (model.connected, model.events, model.texts, model.running) == (False, [], [], ())
