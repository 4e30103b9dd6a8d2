"""What OpenTelemetry is told of a conversation."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from puppet import Mic, Puppet, Sink, answer, at

from voicechatengine import (
    ErrorInfo,
    MockConfig,
    MockProvider,
    ProviderError,
    ProviderEvent,
    Reconnected,
    ResponseCompleted,
    ResponseStarted,
    SessionCreated,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    Usage,
    VoiceEngine,
)
from voicechatengine.engine.telemetry import OPEN, Telemetry
from voicechatengine.providers.mock import MockCall, MockReply


class Collector:
    """Receives spans and figures in memory."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self._metrics = InMemoryMetricReader()
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        meters = MeterProvider([self._metrics], shutdown_on_exit=False)
        self.telemetry = Telemetry(tracer_provider=tracers, meter_provider=meters)

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._spans.get_finished_spans())

    def points(self, name: str) -> list[Any]:
        data = self._metrics.get_metrics_data()
        if data is None:
            return []
        found = [
            metric
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
        ]
        return [point for metric in found for point in metric.data.data_points]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def slow(seconds: float) -> str:
    """Takes its time."""
    await asyncio.sleep(seconds)
    return "done"


async def test_a_turn_with_a_tool_is_three_spans():
    out = Collector()
    usage = Usage(input_tokens=10, output_tokens=5, cached_tokens=4)
    script = [
        MockReply("", calls=[MockCall(name="slow", arguments={"seconds": 2}, call_id="c1")], usage=usage),
        MockReply("Done", audio=1.0, delay_s=0.5, usage=usage),
    ]
    provider = MockProvider(MockConfig(script=script, model="parrot-1"))
    async with VoiceEngine(provider, tools=[slow], telemetry=out.telemetry) as engine:
        await engine.ask("Go")
    session = next(r.payload for r in provider.recording if isinstance(r.payload, SessionCreated)).session_id
    first, tool, last = sorted(out.spans, key=lambda span: span.start_time or 0)
    assert [span.name for span in (first, tool, last)] == [
        "chat parrot-1",
        "execute_tool slow",
        "chat parrot-1",
    ]
    assert (first.kind, tool.kind) == (SpanKind.CLIENT, SpanKind.INTERNAL)
    assert tool.parent is not None
    assert tool.parent.span_id == first.get_span_context().span_id  # type: ignore[union-attr]
    common = {
        "gen_ai.provider.name": "mock",
        "gen_ai.request.model": "parrot-1",
        "gen_ai.conversation.id": session,
    }
    assert attributes(tool) == {
        **common,
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "slow",
        "gen_ai.tool.call.id": "c1",
        "gen_ai.tool.type": "function",
    }
    told = attributes(last)
    assert told.pop("gen_ai.response.id").startswith("resp_")
    assert told == {
        **common,
        "gen_ai.operation.name": "chat",
        "gen_ai.output.type": "speech",
        "gen_ai.response.finish_reasons": ("completed",),
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 4,
    }
    durations = {
        p.attributes["gen_ai.operation.name"]: p for p in out.points("gen_ai.client.operation.duration")
    }
    assert (durations["execute_tool"].count, durations["execute_tool"].sum) == (1, pytest.approx(2))
    assert durations["chat"].count == 2
    tokens = {p.attributes["gen_ai.token.type"]: p.sum for p in out.points("gen_ai.client.token.usage")}
    assert tokens == {"input": 20, "output": 10}
    [chunk] = out.points("gen_ai.client.operation.time_to_first_chunk")
    assert (chunk.count, chunk.sum) == (1, pytest.approx(0.5))
    [audio] = out.points("voicechatengine.audio")
    assert (audio.attributes["voicechatengine.direction"], audio.value) == ("output", pytest.approx(1))


async def test_an_interruption_is_measured_from_the_report_of_speech_to_silence():
    out, puppet = Collector(), Puppet()
    puppet.tells_at(
        (0.1, SpeechStarted()),
        (0.5, SpeechStopped()),
        *at(1.0, answer("r", "a", 2000)[:-1]),
        (1.5, SpeechStarted()),
        (1.6, ResponseCompleted("r", "interrupted", "turn_detected")),
    )
    async with VoiceEngine(puppet, telemetry=out.telemetry) as engine:
        await engine.run(Mic(2000), Sink(), grace_s=0.2)
    [silence] = out.points("voicechatengine.interruption.duration")
    assert (silence.count, silence.sum) == (1, 0)
    [chunk] = out.points("gen_ai.client.operation.time_to_first_chunk")
    assert chunk.sum == pytest.approx(0.5)
    [span] = out.spans
    assert [event.name for event in span.events] == ["voicechatengine.interrupted"]
    assert attributes(span)["gen_ai.response.finish_reasons"] == ("turn_detected",)
    audio = {p.attributes["voicechatengine.direction"]: p.value for p in out.points("voicechatengine.audio")}
    assert audio["input"] == pytest.approx(2.1, abs=0.5)
    assert audio["output"] == pytest.approx(2)


async def test_a_failure_names_its_cause():
    out = Collector()
    error = ErrorInfo("rate_limit_exceeded", "slow down")
    provider = MockProvider(MockConfig(script=[MockReply("Hello", error=error), MockReply(status="failed")]))
    async with VoiceEngine(provider, telemetry=out.telemetry) as engine:
        for _ in range(2):
            with pytest.raises(ProviderError):
                await engine.ask("Go")
    for span in out.spans:
        assert span.status.status_code is StatusCode.ERROR
        assert attributes(span)["error.type"] == "rate_limit_exceeded"
    [failed] = out.points("gen_ai.client.operation.duration")
    assert (failed.attributes["error.type"], failed.count) == ("rate_limit_exceeded", 2)


async def test_reconnects_and_losses_are_counted():
    out, puppet = Collector(), Puppet()
    async with VoiceEngine(puppet, telemetry=out.telemetry):
        puppet.tell(Reconnected(1, state_restored=True), ErrorInfo("overflow", "3 events were lost"))
        puppet.tell(ErrorInfo("overflow", "4 events were lost"), ResponseCompleted("unknown"))
        await asyncio.sleep(0.1)
    assert [p.value for p in out.points("voicechatengine.reconnects")] == [1]
    assert [p.value for p in out.points("voicechatengine.overflows")] == [2]


async def test_spans_that_nobody_ends_are_ended():
    out, puppet = Collector(), Puppet()
    async with VoiceEngine(puppet, telemetry=out.telemetry):
        puppet.tell(ResponseStarted("r", out_of_band=True))
        puppet.tell(*(ToolCall(f"c{number}", "f", "{}", None, "r") for number in range(OPEN + 3)))
        await asyncio.sleep(0.1)
    assert [span.name for span in out.spans].count("execute_tool f") == 3


async def test_a_tool_that_the_end_of_the_engine_cuts_off_has_its_span():
    out = Collector()
    script = [MockReply(calls=[MockCall(name="slow", arguments={"seconds": 20})])]
    provider = MockProvider(MockConfig(script=script))
    async with VoiceEngine(provider, tools=[slow], telemetry=out.telemetry) as engine:
        await engine.create_response()
        await asyncio.sleep(2)
    assert "execute_tool slow" in [span.name for span in out.spans]
    assert engine.metrics.turns[0].tool_ms == pytest.approx(2000)


def test_the_conventions_names_of_vendors_are_used():
    out = Collector()
    for name in ("azure", "openai"):
        event = ProviderEvent("session_created", SessionCreated("s"), 0.0, name)
        out.telemetry.opened(event)
        out.telemetry.apply(ResponseStarted(name), 1)
        out.telemetry.apply(ResponseCompleted(name), 2)
    assert [attributes(span)["gen_ai.provider.name"] for span in out.spans] == ["azure.ai.openai", "openai"]
    assert {span.name for span in out.spans} == {"chat"}


def program(*lines: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_without_the_package_the_error_names_what_to_install():
    said = program(
        "import sys",
        "sys.modules['opentelemetry'] = None",
        "from voicechatengine.engine.telemetry import Telemetry",
        "try: Telemetry()",
        "except ValueError as error: print(error)",
    )
    assert "pip install 'voicechatengine[telemetry]'" in said


def test_the_engine_loads_nothing_of_it():
    loaded = program(
        "import sys", "from voicechatengine import VoiceEngine", "print('opentelemetry' in sys.modules)"
    )
    assert loaded == "False"
