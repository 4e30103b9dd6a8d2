"""OpenTelemetry: a span for each reply and each tool call, here printed; in earnest an exporter sends them on.

Needs: pip install 'voicechatengine[telemetry]' opentelemetry-sdk
"""

from __future__ import annotations

import asyncio

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from voicechatengine import MockConfig, MockProvider, Telemetry, VoiceEngine
from voicechatengine.providers.mock import MockCall, MockReply


async def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


async def main() -> None:
    spans = InMemorySpanExporter()  # an OTLPSpanExporter would send them to a collector
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))

    script = [MockReply(calls=[MockCall(name="add", arguments={"a": 3, "b": 4})]), MockReply("It is seven.")]
    provider = MockProvider(MockConfig(script=script, model="demo"))
    async with VoiceEngine(provider, tools=[add], telemetry=Telemetry(tracer_provider=tracers)) as engine:
        print((await engine.ask("How much is 3 + 4?")).text)

    for span in spans.get_finished_spans():
        cost = (span.attributes or {}).get("gen_ai.usage.output_tokens")
        print(span.name, *([] if cost is None else [f"{cost} tokens"]))


if __name__ == "__main__":
    asyncio.run(main())
