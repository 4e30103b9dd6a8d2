"""The wire as OpenAI had it before it was released: a flat session and older names. Several vendors speak it still.

Sources: the beta types of the `openai` package 3.54.0 (`openai/types/beta/realtime`), read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import UNSET

from voicechatengine.providers.realtime.differences import Fields, Move, Path

FORMATS: Final[dict[str, str]] = {
    "audio/pcm": "pcm16",
    "audio/pcmu": "g711_ulaw",
    "audio/pcma": "g711_alaw",
}

NAMES: Final[dict[str, str]] = {
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "conversation.item.added": "conversation.item.created",
    "conversation.item.done": "",
}


def _spoken(modalities: list[str]) -> list[str]:
    """Speech always comes with its words."""
    return ["text", "audio"] if "audio" in modalities else ["text"]


def _one(modalities: Any) -> Any:
    if not isinstance(modalities, list):
        return UNSET
    return ["audio"] if "audio" in modalities else ["text"]


def formatted(here: Path, there: str, names: Mapping[str, str] = FORMATS) -> Move:
    """The move of an audio format, whose one rate is known: a word."""
    back: dict[object, Fields] = {
        word: {"type": kind, "rate": 24000} if kind == "audio/pcm" else {"type": kind}
        for kind, word in names.items()
    }
    return Move(
        here,
        (there,),
        lambda value: names.get(value["type"], UNSET),
        lambda value: back.get(value, UNSET) if isinstance(value, str) else UNSET,
    )


MODALITIES: Final = Move(("output_modalities",), ("modalities",), _spoken, _one)
FLAT: Final[tuple[Move, ...]] = (
    MODALITIES,
    Move(("audio", "input", "turn_detection"), ("turn_detection",)),
    Move(("audio", "input", "transcription"), ("input_audio_transcription",)),
    Move(("audio", "input", "noise_reduction"), ("input_audio_noise_reduction",)),
    Move(("audio", "output", "voice"), ("voice",)),
    Move(("audio", "output", "speed"), ("speed",)),
    Move(("max_output_tokens",), ("max_response_output_tokens",)),
)
"""The session but for its formats."""

SESSION: Final[tuple[Move, ...]] = (
    *FLAT,
    formatted(("audio", "input", "format"), "input_audio_format"),
    formatted(("audio", "output", "format"), "output_audio_format"),
)
RESPONSE: Final[tuple[Move, ...]] = (
    MODALITIES,
    Move(("audio", "output", "voice"), ("voice",)),
    formatted(("audio", "output", "format"), "output_audio_format"),
)
REQUEST: Final[tuple[Move, ...]] = (*RESPONSE, Move(("max_output_tokens",), ("max_response_output_tokens",)))
CONTENTS: Final = {"output_text": "text", "output_audio": "audio"}
