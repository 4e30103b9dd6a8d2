"""The providers that the script is run over, each with its vendor's simulator in memory. A new provider is one line."""

from __future__ import annotations

import importlib
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from voicechatengine.cli.registry import PROVIDERS
from voicechatengine.provider import Provider
from voicechatengine.simulators import Simulator, memory_connector, memory_http
from voicechatengine.simulators.responder import answer
from voicechatengine.simulators.vendors import vendor


@dataclass(frozen=True)
class Case:
    """A provider by its name on the command line. `settings` are more of its config; `title` is the head of its column."""

    name: str
    title: str
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    simulator: str = ""

    @asynccontextmanager
    async def open(self, **settings: Any) -> AsyncIterator[tuple[Provider, Callable[[], None] | None]]:
        """A provider that is not connected yet, and what cuts its line (None: there is none to cut)."""
        entry = PROVIDERS[self.name]
        module = importlib.import_module(entry.module)
        config = getattr(module, entry.config)
        make = getattr(module, entry.provider)
        given = {**self.settings, **settings}
        if entry.local:
            provider: Provider = make(config(**given))
            yield provider, None
            await provider.disconnect()
            return
        service = Simulator(vendor(self.simulator or self.name), seed=1)
        given |= {"api_key": "k"}
        rng = random.Random(1)
        if service.vendor.http is not None:
            provider, cut = make(config(**given), http=memory_http(service), rng=rng), None
        else:
            provider, cut = make(config(**given), connector=memory_connector(service), rng=rng), service.cut
        try:
            yield provider, cut
        finally:
            await provider.disconnect()
            await service.stop()


CASES = (
    Case("openai", "OpenAI"),
    Case("openai-live", "OpenAI Live"),
    Case(
        "azure", "Azure OpenAI", {"url": "https://here.openai.azure.com", "transcription_deployment": "ears"}
    ),
    Case("voicelive", "Azure Voice Live", {"url": "https://here.services.ai.azure.com"}),
    Case("gemini", "Gemini Live"),
    Case("xai", "xAI"),
    Case("qwen", "Qwen"),
    Case("elevenrealtime", "Eleven Realtime"),
    Case("anthropic", "Anthropic", {"modalities": ("text",), "url": "http://here"}),
    Case("mock", "mock", {"detect_turns": True, "respond": lambda turn: answer("mock", turn)}),
)
