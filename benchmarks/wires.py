"""What each vendor sends, as bytes: the frames that the codec row decodes, and the dialects that decode them.

`WIRES` has one entry a vendor. A unit is the frames of one thing that happens: one delta; a whole reply that calls a tool; a reply
that begins and ends. Units with ids of their own are told apart by a number, since a thing that comes twice counts once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from pybase64 import b64decode, b64encode_as_string

from voicechatengine.providers.azure.config import AzureConfig
from voicechatengine.providers.azure.provider import vendor as azure
from voicechatengine.providers.elevenrealtime.config import ElevenRealtimeConfig
from voicechatengine.providers.elevenrealtime.provider import VENDOR as ELEVENREALTIME
from voicechatengine.providers.gemini.config import GeminiConfig
from voicechatengine.providers.gemini.provider import vendor as gemini
from voicechatengine.providers.openai.config import OpenAIConfig
from voicechatengine.providers.openai.provider import vendor as openai
from voicechatengine.providers.openai_live.config import OpenAILiveConfig
from voicechatengine.providers.openai_live.provider import OPENAI_LIVE
from voicechatengine.providers.qwen.config import QwenConfig
from voicechatengine.providers.qwen.provider import VENDOR as QWEN
from voicechatengine.providers.realtime.beta import NAMES
from voicechatengine.providers.voicelive.config import VoiceLiveConfig
from voicechatengine.providers.voicelive.provider import VENDOR as VOICELIVE
from voicechatengine.providers.xai.config import XAIConfig
from voicechatengine.providers.xai.provider import VENDOR as XAI
from voicechatengine.session.dialect import ClientDialect, Restore
from voicechatengine.session.vendor import Vendor

RATE = 24_000  # Hz, PCM16 mono
SESSION = {"type": "realtime", "object": "realtime.session", "id": "sess_1", "model": "gpt-realtime"}
ARGUMENTS = '{"city":"Zürich","unit":"celsius"}'
USAGE = {
    "total_tokens": 253,
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {"text_tokens": 119, "audio_tokens": 13, "image_tokens": 0, "cached_tokens": 64},
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}


def sound(ms: int, rate: int = RATE) -> bytes:
    """PCM16 that is not all the same."""
    return (bytes(range(1, 255, 2)) * (rate * ms // 1000))[: rate * ms // 1000 * 2]


@dataclasses.dataclass(frozen=True)
class Wire:
    """A vendor's dialect, fresh from its opening, and its frames: for each case the unit of a number."""

    dialect: Callable[[], ClientDialect]
    cases: Mapping[str, Callable[[int], list[bytes]]]
    raw: Callable[[bytes], bytes]  # the audio of a delta by msgspec and pybase64, and nothing else
    input_rate: int = RATE


class _Delta(msgspec.Struct):
    type: str
    delta: str
    response_id: str | None = None
    item_id: str | None = None


class _Blob(msgspec.Struct):
    data: str


class _Part(msgspec.Struct, rename="camel"):
    inline_data: _Blob


class _Turn(msgspec.Struct):
    parts: list[_Part]


class _Content(msgspec.Struct, rename="camel"):
    model_turn: _Turn


class _Message(msgspec.Struct, rename="camel"):
    server_content: _Content


_delta = msgspec.json.Decoder(_Delta).decode
_message = msgspec.json.Decoder(_Message).decode


def _raw_delta(frame: bytes) -> bytes:
    return b64decode(_delta(frame).delta, None, True)


def _raw_message(frame: bytes) -> bytes:
    return b64decode(_message(frame).server_content.model_turn.parts[0].inline_data.data, None, True)


def _frames(*messages: dict[str, Any]) -> list[bytes]:
    return [msgspec.json.encode(message) for message in messages]


def _opened(vendor: Vendor[Any], config: Any, opening: list[bytes]) -> Callable[[], ClientDialect]:
    def make() -> ClientDialect:
        count = iter(range(1 << 30))
        restore = Restore(options=config.options())
        dialect = vendor.dialect(config, restore, lambda word: f"{word}_{next(count)}")
        dialect.opened(0.0)
        for frame in opening:
            dialect.receive(frame, 0.0)
        return dialect

    return make


# ------------------------------------------------------------------ OpenAI's wire, and those who share it


def _realtime(
    vendor: Vendor[Any], config: Any, names: Mapping[str, str] | None = None, rate: int = RATE
) -> Wire:
    table = names or {}

    def frames(*messages: dict[str, Any]) -> list[bytes]:
        named = ({**each, "type": table.get(each["type"], each["type"])} for each in messages)
        return _frames(
            *(
                {"type": each["type"], "event_id": "event_BgZvXUDB4hvM2X2xBf3hT", **each}
                for each in named
                if each["type"]
            )
        )

    def begin(reply: str) -> dict[str, Any]:
        response = {"object": "realtime.response", "id": reply, "status": "in_progress", "output": []}
        return {"type": "response.created", "response": response}

    def end(reply: str, *output: dict[str, Any]) -> dict[str, Any]:
        response = {
            "object": "realtime.response",
            "id": reply,
            "status": "completed",
            "status_details": None,
            "output": output,
            "conversation_id": "conv_1",
            "output_modalities": ["audio"],
            "max_output_tokens": "inf",
            "usage": USAGE,
            "metadata": None,
        }
        return {"type": "response.done", "response": response}

    spoken: dict[str, Any] = {
        "id": "item_BgZvXTn2ZQWWS8oPq1Yks",
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_audio", "transcript": "It is sunny in Zürich today."}],
    }
    place: dict[str, Any] = {
        "response_id": "resp_BgZvXEp1A0UwiTOlEb2hw",
        "item_id": spoken["id"],
        "output_index": 0,
        "content_index": 0,
    }

    def delta(ms: int) -> Callable[[int], list[bytes]]:
        text = b64encode_as_string(sound(ms))
        unit = frames({"type": "response.output_audio.delta", **place, "delta": text})
        return lambda _: unit

    words = frames({"type": "response.output_audio_transcript.delta", **place, "delta": " sunny"})

    def tool_call(number: int) -> list[bytes]:
        reply, call, item_id = f"resp_{number:021}", f"call_{number:016}", f"item_{number:021}"
        item = {
            "id": item_id,
            "object": "realtime.item",
            "type": "function_call",
            "status": "completed",
            "call_id": call,
            "name": "weather",
            "arguments": ARGUMENTS,
        }
        added = {**item, "status": "in_progress", "arguments": ""}
        which = {"response_id": reply, "output_index": 0}
        return frames(
            begin(reply),
            {"type": "response.output_item.added", **which, "item": added},
            {
                "type": "response.function_call_arguments.done",
                **which,
                "item_id": item_id,
                "call_id": call,
                "name": "weather",
                "arguments": ARGUMENTS,
            },
            {"type": "response.output_item.done", **which, "item": item},
            end(reply, item),
        )

    def done(number: int) -> list[bytes]:
        return frames(
            begin(f"resp_{number:021}"), end(f"resp_{number:021}", {**spoken, "id": f"item_{number:021}"})
        )

    opening = frames(
        {"type": "session.created", "session": SESSION},
        {"type": "session.updated", "session": SESSION},
        begin(place["response_id"]),
        {
            "type": "response.output_item.added",
            "response_id": place["response_id"],
            "output_index": 0,
            "item": {**spoken, "status": "in_progress", "content": []},
        },
    )
    cases = {f"audio {ms} ms": delta(ms) for ms in (20, 100, 400)}
    cases |= {"transcript": lambda _: words, "tool call": tool_call, "response.done": done}
    return Wire(_opened(vendor, config, opening), cases, _raw_delta, rate)


# ------------------------------------------------------------------ OpenAI Live


def _live() -> Wire:
    def delta(ms: int) -> Callable[[int], list[bytes]]:
        unit = _frames({"type": "session.output_audio.delta", "delta": b64encode_as_string(sound(ms))})
        return lambda _: unit

    def words(number: int) -> list[bytes]:
        start = number * 240
        return _frames(
            {
                "type": "session.output_transcript.delta",
                "event_id": "event_1",
                "delta": " sunny",
                "start_ms": start,
                "end_ms": start + 240,
            }
        )

    def tool_call(number: int) -> list[bytes]:
        item = {
            "type": "function_call",
            "id": f"fc_{number}",
            "call_id": f"call_{number}",
            "name": "weather",
            "arguments": ARGUMENTS,
            "status": "completed",
        }
        reply = {"id": f"resp_{number}", "object": "response", "status": "completed", "output": [item]}
        delegation = {"id": f"dlg_{number}", "type": "responses", "target": "responses"}
        told: list[dict[str, Any]] = [
            {"type": "response.created", "response": {**reply, "status": "in_progress", "output": []}},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": reply},
        ]
        return _frames(
            {
                "type": "session.delegation.created",
                "event_id": "e",
                "delegation": delegation,
                "offset_ms": 100.0,
            },
            *(
                {"type": "response.event", "event_id": "e", "event": each, "delegation_id": delegation["id"]}
                for each in told
            ),
        )

    opening = _frames({"type": "session.started", "event_id": "e", "session": {"id": "sess_1"}})
    cases = {f"audio {ms} ms": delta(ms) for ms in (20, 100, 400)}
    cases |= {"transcript": words, "tool call": tool_call}
    return Wire(_opened(OPENAI_LIVE, OpenAILiveConfig(api_key="none"), opening), cases, _raw_delta)


# ------------------------------------------------------------------ Gemini


def _gemini() -> Wire:
    config = GeminiConfig(api_key="none")

    def delta(ms: int) -> Callable[[int], list[bytes]]:
        blob = {"mimeType": "audio/pcm;rate=24000", "data": b64encode_as_string(sound(ms))}
        unit = _frames({"serverContent": {"modelTurn": {"parts": [{"inlineData": blob}]}}})
        return lambda _: unit

    words = _frames({"serverContent": {"outputTranscription": {"text": " sunny"}}})
    usage = {
        "promptTokenCount": 132,
        "responseTokenCount": 121,
        "totalTokenCount": 253,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 119},
            {"modality": "AUDIO", "tokenCount": 13},
        ],
        "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 121}],
    }

    def tool_call(number: int) -> list[bytes]:
        call = {"id": f"call-{number}", "name": "weather", "args": {"city": "Zürich", "unit": "celsius"}}
        return _frames({"toolCall": {"functionCalls": [call]}})

    done = _frames(
        {
            "serverContent": {
                "modelTurn": {"parts": [{"inlineData": {"mimeType": "audio/pcm", "data": "AAAA"}}]}
            }
        },
        {"serverContent": {"generationComplete": True}},
        {"serverContent": {"turnComplete": True}, "usageMetadata": usage},
    )
    cases = {f"audio {ms} ms": delta(ms) for ms in (20, 100, 400)}
    cases |= {"transcript": lambda _: words, "tool call": tool_call, "response.done": lambda _: done}
    opening = _frames({"setupComplete": {"sessionId": "s"}})
    return Wire(_opened(gemini(config), config, opening), cases, _raw_message, 16_000)


def _wires() -> dict[str, Wire]:
    own = OpenAIConfig(api_key="none")
    there = AzureConfig(api_key="none", url="https://name.openai.azure.com")
    live = VoiceLiveConfig(api_key="none", url="https://name.services.ai.azure.com")
    return {
        "openai": _realtime(openai(own), own),
        "azure": _realtime(azure(there), there),
        "voicelive": _realtime(VOICELIVE, live, NAMES),
        "xai": _realtime(XAI, XAIConfig(api_key="none")),
        "qwen": _realtime(QWEN, QwenConfig(api_key="none"), NAMES, 16_000),
        "elevenrealtime": _realtime(ELEVENREALTIME, ElevenRealtimeConfig(api_key="none")),
        "openai_live": _live(),
        "gemini": _gemini(),
    }


WIRES = _wires()
