"""Every provider of this library obeys the laws, and no law silently stops to apply to one."""

from __future__ import annotations

import contextlib
import itertools
import random
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cascade_far_end import CascadeFarEnd

from voicechatengine import (
    AnthropicConfig,
    AnthropicProvider,
    AzureConfig,
    AzureProvider,
    Failover,
    GeminiConfig,
    GeminiProvider,
    MockConfig,
    MockProvider,
    OpenAIConfig,
    OpenAIProvider,
    Recorded,
    Replayed,
    TurnDetection,
    VoiceLiveConfig,
    VoiceLiveProvider,
)
from voicechatengine.compose.relay import Relay
from voicechatengine.testing import (
    MockFarEnd,
    MockReply,
    check_provider,
    mock_subject,
    run_virtual,
    simulated,
)
from voicechatengine.testing.laws import PROVIDER_LAWS

KEY = "kit-0123456789abcdef0123456789"
TEXT_ONLY = {
    "audio_arrives_whole", "audio_is_whole_samples", "odd_audio_is_refused", "audio_reaches_the_vendor_whole",
    "speech_is_a_turn", "interrupted_says_what_was_generated", "speech_interrupts", "truncation_is_accepted_anywhere",
    "what_was_not_heard_is_forgotten", "formats_are_the_truth", "output_formats_are_the_truth",
    "turn_detection_is_the_truth", "transcription_is_claimed_truly", "cancelled_audio_is_whole_or_unsent",
    "a_slow_reader_is_told_and_bounded", "what_nobody_reads_is_bounded",
}  # fmt: skip
NO_LINE = {
    "nonsense_is_reported", "a_lost_line_is_told", "sends_are_held_while_reconnecting",
    "what_was_restored_is_told_honestly",
}  # fmt: skip
GEMINI = {"written_words_are_not_spoken", "what_was_not_heard_is_forgotten", "what_is_not_claimed_is_refused"}
MOCK = {"what_is_not_claimed_is_refused", "nonsense_is_reported", "the_key_is_shown_nowhere"}


class Kind(NamedTuple):
    """How one is made, and the laws that do not apply to it."""

    make: Callable[[], Any]
    exempt: set[str]


def openai(far):
    return OpenAIProvider(OpenAIConfig(api_key=KEY), connector=far.connector, rng=random.Random(1))


def azure(far):
    config = AzureConfig(api_key=KEY, url="https://here", transcription_deployment="ears")
    return AzureProvider(config, connector=far.connector, rng=random.Random(1))


def azure_dated(far):
    config = AzureConfig(api_key=KEY, url="https://here", api_version="2025-04-01-preview")
    return AzureProvider(config, connector=far.connector, rng=random.Random(1))


def voicelive(far):
    config = VoiceLiveConfig(api_key=KEY, url="https://here")
    return VoiceLiveProvider(config, connector=far.connector, rng=random.Random(1))


def gemini(far):
    return GeminiProvider(GeminiConfig(api_key=KEY), connector=far.connector, rng=random.Random(1))


def gemini_2_5(far):
    config = GeminiConfig(api_key=KEY, model="gemini-2.5-flash-native-audio-latest")
    return GeminiProvider(config, connector=far.connector, rng=random.Random(1))


def gemini_by_hand(far):
    config = GeminiConfig(api_key=KEY, turn_detection=None, modalities=("text",))
    return GeminiProvider(config, connector=far.connector, rng=random.Random(1))


def anthropic(far):
    return AnthropicProvider(AnthropicConfig(api_key=KEY), http=far.http(), rng=random.Random(1))


def openai_by_hand(far):
    config = OpenAIConfig(api_key=KEY, turn_detection=None, modalities=("text",))
    return OpenAIProvider(config, connector=far.connector, rng=random.Random(1))


def silent_mock():
    return mock_subject(MockConfig())


def failover():
    far = MockFarEnd()
    return Failover([far.provider]), far


def relay():
    far = MockFarEnd()
    return Relay(far.provider), far


def cascade():
    far = CascadeFarEnd()
    return far.cascade(turn_detection=TurnDetection()), far


def in_a_failover_in_a_recording(folder: Path):
    numbers = itertools.count()

    def make():
        far = MockFarEnd()
        return Recorded(Failover([far.provider]), folder / f"{next(numbers)}.jsonl"), far

    return make


def recorded(folder: Path, simulator: Callable[[], Any]):
    numbers = itertools.count()

    @contextlib.asynccontextmanager
    async def make() -> AsyncGenerator[Any]:
        async with simulator() as (provider, far):
            yield Recorded(provider, folder / f"openai_{next(numbers)}.jsonl"), far

    return make


@pytest.fixture
def kinds(tmp_path):
    over_openai = simulated("openai", openai)
    return {
        "mock": Kind(mock_subject, MOCK),
        "mock without turns": Kind(silent_mock, (MOCK | {"speech_is_a_turn", "speech_interrupts"})),
        "openai": Kind(over_openai, {"what_is_not_claimed_is_refused"}),
        "openai by hand": Kind(
            simulated("openai", openai_by_hand), {"what_is_not_claimed_is_refused"}
        ),
        "azure": Kind(simulated("azure", azure), {"what_is_not_claimed_is_refused"}),
        "azure, dated": Kind(simulated("azure", azure_dated), set()),
        "voicelive": Kind(simulated("voicelive", voicelive), {"what_is_not_claimed_is_refused"}),
        "gemini": Kind(simulated("gemini", gemini), GEMINI),
        "gemini 2.5": Kind(simulated("gemini", gemini_2_5), GEMINI | {"updates_are_told_and_applied"}),
        "gemini by hand": Kind(
            simulated("gemini", gemini_by_hand),
            (GEMINI - {"written_words_are_not_spoken"}) | {
                "audio_arrives_whole", "audio_is_whole_samples", "interrupted_says_what_was_generated",
                "truncation_is_accepted_anywhere", "output_formats_are_the_truth", "transcription_is_claimed_truly",
                "a_slow_reader_is_told_and_bounded", "what_nobody_reads_is_bounded",
            },
        ),
        "anthropic": Kind(
            simulated("anthropic", anthropic),
            TEXT_ONLY | NO_LINE | {
                "refusal_raises_and_can_be_tried_again", "disconnect_ends_the_session_at_the_vendor",
                "a_failed_connect_leaves_no_task",
            },
        ),
        "cascade": Kind(
            cascade,
            NO_LINE | {
                "audio_arrives_whole", "a_slow_reader_is_told_and_bounded", "what_nobody_reads_is_bounded",
                "the_key_is_shown_nowhere",
            },
        ),
        "relay": Kind(relay, MOCK),
        "failover": Kind(failover, MOCK),
        "recorded openai": Kind(recorded(tmp_path, over_openai), {"what_is_not_claimed_is_refused"}),
        "recorded failover": Kind(in_a_failover_in_a_recording(tmp_path), MOCK),
    }  # fmt: skip


NAMES = (
    "mock", "mock without turns", "openai", "openai by hand", "azure", "azure, dated", "voicelive", "gemini", "gemini 2.5",
    "gemini by hand", "anthropic", "cascade", "relay", "failover", "recorded openai", "recorded failover",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_provider_of_ours_obeys_every_law(name, kinds):
    """Each law holds, or is known not to apply."""
    kind = kinds[name]
    keyed = any(word in name for word in ("openai", "anthropic", "azure", "voicelive", "gemini"))
    report = check_provider(kind.make, secret=KEY if keyed else None)
    assert report.passed, str(report)
    assert {verdict.law for verdict in report.of("not applicable")} == kind.exempt


def test_each_of_them_is_tested(kinds):
    assert set(kinds) == set(NAMES)


REACTING = {
    # A recording says what it says, whatever is asked of it: laws on what an application brings about are not about it.
    "a_second_session_is_like_the_first", "two_providers_are_two", "aclose_ends_one_subscription",
    "events_between_two_loops_are_kept", "a_conversation_obeys_the_grammar", "ids_are_on_everything",
    "items_are_announced_once", "written_words_are_not_spoken", "text_asks_for_no_reply",
    "interrupt_while_idle_is_harmless", "interrupt_stops_the_reply", "interrupt_works_at_once",
    "interrupt_twice_equals_once", "interrupted_says_what_was_generated", "interrupt_before_the_reply_begins",
    "truncation_is_accepted_anywhere", "formats_are_the_truth", "output_formats_are_the_truth",
    "turn_detection_is_the_truth", "out_of_band_is_claimed_truly", "modalities_are_the_truth",
    "wrong_options_are_refused", "updates_are_told_and_applied", "a_cancelled_connect_leaves_nothing_open",
    "cancellation_is_not_swallowed", "a_cancelled_request_harms_nothing", "requests_at_once_leave_order",
}  # fmt: skip


def test_a_replayed_recording_obeys_every_law_that_can_be_about_it(tmp_path):
    """Its life cycle, its subscriptions, its events, its checks, its end."""
    path = tmp_path / "a.jsonl"
    words = "one two three four five " * 12

    async def conversation() -> None:
        provider = Recorded(MockProvider(MockConfig(script=[MockReply(words)])), path)
        await provider.connect()
        events = provider.events()
        await provider.send_text("Hello")
        await provider.create_response()
        async for event in events:
            if event.type == "response_completed":
                break
        await provider.disconnect()

    run_virtual(conversation())
    laws = [law.name for law in PROVIDER_LAWS if law.name not in REACTING]
    report = check_provider(lambda: Replayed(path), laws=laws)
    assert report.passed, str(report)
    assert len(report.of("passed")) > 25
