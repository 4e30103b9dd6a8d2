"""One typed Python interface to every realtime voice AI.

An application talks to a `VoiceEngine`; the engine talks to a `Provider`; a provider is any object of the right shape.
This module holds the public names and nothing else. Vendors and the engine load when they are first named, and
aiohttp with the first connection.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from voicechatengine.audio.format import AudioFormat
from voicechatengine.capabilities import Capabilities
from voicechatengine.errors import (
    AudioError,
    AuthenticationError,
    ConnectionError,
    DeadlineError,
    MessageError,
    ProtocolError,
    ProviderError,
    RateLimitError,
    SessionExpiredError,
)
from voicechatengine.events import (
    AudioChunk,
    ConnectionState,
    ErrorInfo,
    EventData,
    InputTranscript,
    Interrupted,
    ItemAdded,
    ProviderEvent,
    RateLimit,
    RateLimits,
    Reconnected,
    Reconnecting,
    ResponseCompleted,
    ResponseStarted,
    SessionCreated,
    SessionExpiring,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    StateChanged,
    TextChunk,
    ToolCall,
    ToolCallCancelled,
    Usage,
    UsageReport,
    VendorMessage,
)
from voicechatengine.messages import MessageType, Options, Tool, Transcription, TurnDetection
from voicechatengine.provider import Limits, Provider, ProviderConfig, Retry, SessionOptions, Timeouts

if TYPE_CHECKING:
    from voicechatengine.compose.failover import Failover
    from voicechatengine.compose.record import Recorded
    from voicechatengine.compose.replay import Replayed
    from voicechatengine.engine.bargein import BargeIn
    from voicechatengine.engine.engine import Reply, VoiceEngine
    from voicechatengine.engine.telemetry import Telemetry
    from voicechatengine.engine.tools import FunctionTool
    from voicechatengine.providers.anthropic import AnthropicConfig, AnthropicProvider
    from voicechatengine.providers.azure import AzureConfig, AzureProvider
    from voicechatengine.providers.elevenrealtime import ElevenRealtimeConfig, ElevenRealtimeProvider
    from voicechatengine.providers.gemini import GeminiConfig, GeminiProvider
    from voicechatengine.providers.mock import MockConfig, MockProvider
    from voicechatengine.providers.openai import OpenAIConfig, OpenAIProvider
    from voicechatengine.providers.openai_live import OpenAILiveConfig, OpenAILiveProvider
    from voicechatengine.providers.qwen import QwenConfig, QwenProvider
    from voicechatengine.providers.voicelive import VoiceLiveConfig, VoiceLiveProvider
    from voicechatengine.providers.xai import XAIConfig, XAIProvider

_LAZY = {
    "Failover": "voicechatengine.compose.failover",
    "Recorded": "voicechatengine.compose.record",
    "Replayed": "voicechatengine.compose.replay",
    "VoiceEngine": "voicechatengine.engine.engine",
    "Reply": "voicechatengine.engine.engine",
    "BargeIn": "voicechatengine.engine.bargein",
    "FunctionTool": "voicechatengine.engine.tools",
    "Telemetry": "voicechatengine.engine.telemetry",
    "AnthropicProvider": "voicechatengine.providers.anthropic",
    "AnthropicConfig": "voicechatengine.providers.anthropic",
    "AzureProvider": "voicechatengine.providers.azure",
    "AzureConfig": "voicechatengine.providers.azure",
    "GeminiProvider": "voicechatengine.providers.gemini",
    "GeminiConfig": "voicechatengine.providers.gemini",
    "MockProvider": "voicechatengine.providers.mock",
    "MockConfig": "voicechatengine.providers.mock",
    "OpenAIProvider": "voicechatengine.providers.openai",
    "OpenAIConfig": "voicechatengine.providers.openai",
    "OpenAILiveProvider": "voicechatengine.providers.openai_live",
    "OpenAILiveConfig": "voicechatengine.providers.openai_live",
    "QwenProvider": "voicechatengine.providers.qwen",
    "QwenConfig": "voicechatengine.providers.qwen",
    "ElevenRealtimeProvider": "voicechatengine.providers.elevenrealtime",
    "ElevenRealtimeConfig": "voicechatengine.providers.elevenrealtime",
    "VoiceLiveProvider": "voicechatengine.providers.voicelive",
    "VoiceLiveConfig": "voicechatengine.providers.voicelive",
    "XAIProvider": "voicechatengine.providers.xai",
    "XAIConfig": "voicechatengine.providers.xai",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


__all__ = [
    "AnthropicConfig",
    "AnthropicProvider",
    "AudioChunk",
    "AudioError",
    "AudioFormat",
    "AuthenticationError",
    "AzureConfig",
    "AzureProvider",
    "BargeIn",
    "Capabilities",
    "ConnectionError",
    "ConnectionState",
    "DeadlineError",
    "ElevenRealtimeConfig",
    "ElevenRealtimeProvider",
    "ErrorInfo",
    "EventData",
    "Failover",
    "FunctionTool",
    "GeminiConfig",
    "GeminiProvider",
    "InputTranscript",
    "Interrupted",
    "ItemAdded",
    "Limits",
    "MessageError",
    "MessageType",
    "MockConfig",
    "MockProvider",
    "OpenAIConfig",
    "OpenAILiveConfig",
    "OpenAILiveProvider",
    "OpenAIProvider",
    "Options",
    "ProtocolError",
    "Provider",
    "ProviderConfig",
    "ProviderError",
    "ProviderEvent",
    "QwenConfig",
    "QwenProvider",
    "RateLimit",
    "RateLimitError",
    "RateLimits",
    "Reconnected",
    "Reconnecting",
    "Recorded",
    "Replayed",
    "Reply",
    "ResponseCompleted",
    "ResponseStarted",
    "Retry",
    "SessionCreated",
    "SessionExpiredError",
    "SessionExpiring",
    "SessionOptions",
    "SessionUpdated",
    "SpeechStarted",
    "SpeechStopped",
    "StateChanged",
    "Telemetry",
    "TextChunk",
    "Timeouts",
    "Tool",
    "ToolCall",
    "ToolCallCancelled",
    "Transcription",
    "TurnDetection",
    "Usage",
    "UsageReport",
    "VendorMessage",
    "VoiceEngine",
    "VoiceLiveConfig",
    "VoiceLiveProvider",
    "XAIConfig",
    "XAIProvider",
]
