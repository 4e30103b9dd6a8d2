"""OpenTelemetry for an engine: a span and figures for each reply and each tool call, by the GenAI conventions.

``VoiceEngine(..., telemetry=Telemetry())``; without it, nothing here is imported or done. Names are those of the semantic
conventions for generative AI (opentelemetry.io/docs/specs/semconv/gen-ai, as of the conventions' package 0.66b2); what they do
not have is under ``voicechatengine.``. No word and no sound is recorded, and no argument of a tool.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final

from voicechatengine.errors import MessageError
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    EventData,
    ProviderEvent,
    Reconnected,
    ResponseCompleted,
    ResponseStarted,
    SessionCreated,
    SpeechStarted,
    SpeechStopped,
    TextChunk,
    ToolCall,
)

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

OPEN: Final = 256  # spans that are open at one time; calls that nobody answers end there
SCOPE: Final = "voicechatengine"

PROVIDERS: Final = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "nova": "aws.bedrock",
    "gemini": "gcp.gemini",
    "vertex": "gcp.vertex_ai",
    "xai": "x_ai",
}
"""The conventions' names of vendors whose names here are others."""


class Telemetry:
    """Tells OpenTelemetry of one engine, or of several; the providers given, or else the global ones, receive it.

    Spans: ``chat {model}`` for a reply, from its beginning to its end, with its cost, what ended it and what it was for;
    ``execute_tool {name}`` for a tool call, below the reply that made it. Histograms: ``gen_ai.client.operation.duration``
    and ``gen_ai.client.operation.time_to_first_chunk`` in seconds (from the request, or the end of the user's speech),
    ``gen_ai.client.token.usage``, and ``voicechatengine.interruption.duration`` in seconds, from the report of the user's speech
    to silence. Counters: ``voicechatengine.audio`` in seconds, ``voicechatengine.reconnects`` and
    ``voicechatengine.overflows``.

    Raises `MessageError` if the package is not there.
    """

    def __init__(
        self, *, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        try:
            from opentelemetry import metrics, trace  # noqa: PLC0415 - an extra: loaded where it is wanted
        except ImportError:
            raise MessageError(
                "telemetry needs the package opentelemetry-api",
                field="telemetry",
                cure="pip install 'voicechatengine[telemetry]'",
            ) from None
        self._trace: Final = trace
        self._tracer = trace.get_tracer(SCOPE, tracer_provider=tracer_provider)
        meter = metrics.get_meter(SCOPE, meter_provider=meter_provider)
        histogram, counter = meter.create_histogram, meter.create_counter
        self._duration = histogram("gen_ai.client.operation.duration", "s", "GenAI operation duration.")
        self._first = histogram(
            "gen_ai.client.operation.time_to_first_chunk", "s", "Time to the first words or sound of a reply."
        )
        self._tokens = histogram("gen_ai.client.token.usage", "{token}", "Tokens used, by type.")
        self._silence = histogram(
            "voicechatengine.interruption.duration", "s", "From the report of the user's speech to silence."
        )
        self._audio = counter("voicechatengine.audio", "s", "Audio sent and received.")
        self._reconnects = counter("voicechatengine.reconnects", "{reconnect}", "Connections that came back.")
        self._overflows = counter("voicechatengine.overflows", "{overflow}", "Losses to slow readers.")
        self._common: dict[str, str] = {}  # what is on every span and figure
        self._session = ""
        self._error = ""  # the last one, which is likely why a reply fails
        self._origin: float | None = None
        self._speech: float | None = None
        self._replies: dict[str, _Operation] = {}
        self._calls: dict[str, _Operation] = {}

    # -- what the engine does; see `Fold`

    def opened(self, event: ProviderEvent) -> None:
        """A session began: its vendor and model are on everything that follows."""
        self._common = {"gen_ai.provider.name": PROVIDERS.get(event.provider, event.provider)}
        self._session = event.session_id or ""
        if isinstance(event.data, SessionCreated) and event.data.applied.model:
            self._common["gen_ai.request.model"] = event.data.applied.model

    def requested(self, now: float) -> None:
        """See `Fold.requested`."""
        self._origin = now

    def sent(self, ms: float) -> None:
        """See `Fold.sent`."""
        self._audio.add(ms / 1000, {**self._common, "voicechatengine.direction": "input"})

    def flushed(self, responses: tuple[str, ...], now: float, *, by_speech: bool) -> None:
        """See `Fold.flushed`."""
        if by_speech and self._speech is not None:
            self._silence.record(now - self._speech, self._common)
        for response in responses:
            reply = self._replies.get(response)
            if reply is not None:
                reply.span.add_event("voicechatengine.interrupted")

    def tool_ended(self, call_id: str, now: float) -> None:
        """See `Fold.tool_ended`."""
        call = self._calls.pop(call_id, None)
        if call is not None:
            call.span.end()
            self._duration.record(now - call.since, {**self._common, "gen_ai.operation.name": "execute_tool"})

    # -- what the provider says

    def apply(self, data: EventData, now: float, audio_ms: float = 0.0) -> None:
        """See `Fold.apply`."""
        if isinstance(data, AudioChunk):
            self._audio.add(audio_ms / 1000, {**self._common, "voicechatengine.direction": "output"})
            self._chunk(data, now)
            return
        rule = self._RULES.get(type(data))
        if rule is not None:
            rule(self, data, now)

    def _spoke(self, data: SpeechStarted, now: float) -> None:
        self._speech = now

    def _stopped(self, data: SpeechStopped, now: float) -> None:
        self._origin = now

    def _began(self, data: ResponseStarted, now: float) -> None:
        span = self._start(
            "chat",
            self._common.get("gen_ai.request.model", ""),
            "CLIENT",
            {"gen_ai.response.id": data.response_id, "gen_ai.output.type": "speech"},
        )
        since = now if self._origin is None or data.out_of_band else self._origin
        if not data.out_of_band:
            self._origin = None
        self._keep(self._replies, data.response_id, _Operation(span, since))

    def _chunk(self, data: AudioChunk | TextChunk, now: float) -> None:
        reply = self._replies.get(data.response_id or "")
        if reply is not None and not reply.spoken:
            reply.spoken = True
            self._first.record(now - reply.since, {**self._common, "gen_ai.operation.name": "chat"})

    def _called(self, data: ToolCall, now: float) -> None:
        reply = self._replies.get(data.response_id or "")
        attributes = {
            "gen_ai.tool.name": data.name,
            "gen_ai.tool.call.id": data.call_id,
            "gen_ai.tool.type": "function",
        }
        span = self._start("execute_tool", data.name, "INTERNAL", attributes, reply)
        self._keep(self._calls, data.call_id, _Operation(span, now))

    def _ended(self, data: ResponseCompleted, now: float) -> None:
        reply = self._replies.pop(data.response_id, None)
        if reply is None:
            return
        span = reply.span
        told = {**self._common, "gen_ai.operation.name": "chat"}
        span.set_attribute("gen_ai.response.finish_reasons", (data.reason or data.status,))
        if data.usage is not None:
            for kind, tokens in (("input", data.usage.input_tokens), ("output", data.usage.output_tokens)):
                span.set_attribute(f"gen_ai.usage.{kind}_tokens", tokens)
                self._tokens.record(tokens, {**told, "gen_ai.token.type": kind})
            span.set_attribute("gen_ai.usage.cache_read.input_tokens", data.usage.cached_tokens)
        if data.status == "failed":
            told["error.type"] = data.reason or self._error or "_OTHER"
            span.set_attribute("error.type", told["error.type"])
            span.set_status(self._trace.StatusCode.ERROR)
        span.end()
        self._duration.record(now - reply.since, told)

    def _reconnected(self, data: Reconnected, now: float) -> None:
        self._reconnects.add(1, self._common)

    def _fault(self, data: ErrorInfo, now: float) -> None:
        if data.code == "overflow":
            self._overflows.add(1, self._common)
        else:
            self._error = data.code

    # -- spans

    def _start(
        self,
        operation: str,
        what: str,
        kind: str,
        attributes: dict[str, str],
        within: _Operation | None = None,
    ) -> Span:
        trace = self._trace
        told = {**self._common, **attributes, "gen_ai.operation.name": operation}
        if self._session:
            told["gen_ai.conversation.id"] = self._session
        return self._tracer.start_span(
            f"{operation} {what}".strip(),
            context=None if within is None else trace.set_span_in_context(within.span),
            kind=trace.SpanKind[kind],
            attributes=told,
        )

    def _keep(self, where: dict[str, _Operation], key: str, operation: _Operation) -> None:
        where[key] = operation
        if len(where) > OPEN:
            where.pop(next(iter(where))).span.end()

    _RULES: ClassVar[dict[type, Callable[[Any, Any, float], None]]] = {
        SpeechStarted: _spoke,
        SpeechStopped: _stopped,
        ResponseStarted: _began,
        TextChunk: _chunk,
        ToolCall: _called,
        ResponseCompleted: _ended,
        Reconnected: _reconnected,
        ErrorInfo: _fault,
    }
    """What each event does."""


class _Operation:
    """A span that is open, and since when (seconds of the engine's clock); `spoken` once something of a reply came."""

    __slots__ = ("since", "span", "spoken")

    def __init__(self, span: Span, since: float) -> None:
        self.span = span
        self.since = since
        self.spoken = False


__all__ = ["Telemetry"]
