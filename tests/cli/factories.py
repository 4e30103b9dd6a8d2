"""Factories of providers, good and bad, for the command line to find."""

from __future__ import annotations

from voicechatengine import MockConfig, MockProvider, OpenAIConfig, OpenAIProvider, ProviderError, Retry
from voicechatengine.providers.mock import MockReply

not_callable = 3


def parrot(**options: str) -> MockProvider:
    """A provider that works; it takes whatever the command line gives."""
    return MockProvider(MockConfig(detect_turns=True, **options))


def failing() -> MockProvider:
    """A provider whose first reply fails."""
    return MockProvider(MockConfig(script=[MockReply("Never heard.", status="failed", reason="quota")]))


def unreachable() -> MockProvider:
    """A provider that cannot connect."""
    return MockProvider(MockConfig(error_rate={"connect": 1.0}))


def raising() -> MockProvider:
    """A factory with a defect."""
    raise RuntimeError("the factory is on fire")


def refusing() -> MockProvider:
    """A factory that raises an error of the library."""
    raise ProviderError("no provider today", cure="come back tomorrow")


def wrong() -> object:
    """A factory that gives something else."""
    return object()


def failing_aloud() -> MockProvider:
    """A provider that hears a turn, and whose reply fails."""
    reply = MockReply("Never heard.", status="failed", reason="quota")
    return MockProvider(MockConfig(detect_turns=True, script=[reply]))


def writing() -> MockProvider:
    """A provider that answers in words."""
    return MockProvider(MockConfig(modalities=("text",)))


def impatient(url: str) -> OpenAIProvider:
    """A provider that gives a lost connection up at once."""
    return OpenAIProvider(OpenAIConfig(api_key="made-up", url=url, retry=Retry(attempts=0)))
