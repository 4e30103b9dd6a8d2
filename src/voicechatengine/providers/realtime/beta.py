"""The wire as OpenAI had it before it was released: a flat session and older names. Several vendors speak it still.

`BETA` is the whole of it; a vendor that has only some of it takes the tables that it needs.

Sources: the beta types of the `openai` package 3.54.0 (`openai/types/beta/realtime`), read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from msgspec import UNSET

from voicechatengine.providers.realtime.differences import Differences, Fields, Move, Path

FORMATS: Final[dict[str, Fields]] = {
    "pcm16": {"type": "audio/pcm", "rate": 24000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}
"""Each audio format by its word."""

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

CONTENTS: Final = {"output_text": "text", "output_audio": "audio"}


def _spoken(modalities: list[str]) -> list[str]:
    """Speech always comes with its words."""
    return ["text", "audio"] if "audio" in modalities else ["text"]


def _one(modalities: Any) -> Any:
    """What comes with its words counts once; what is none of these is left to be refused."""
    if not isinstance(modalities, list):
        return modalities
    names = cast("list[object]", modalities)
    if "audio" in names:
        return ["audio"] if all(name in ("audio", "text") for name in names) else names
    return names


def format_word(value: Fields, words: Mapping[str, Fields] = FORMATS) -> Any:
    """The word for an audio format; UNSET if there is none. A format without a rate is the first of its type."""
    return next(
        (word for word, said in words.items() if value in (said, {"type": said["type"]})),
        UNSET,
    )


def format_of(word: Any, words: Mapping[str, Fields] = FORMATS) -> Any:
    """The audio format of that word. An unknown one is left to be refused, none said is none."""
    if word is None:
        return UNSET
    known = words.get(word) if isinstance(word, str) else None
    return {"type": word} if known is None else dict(known)


def formatted(here: Path, there: str, words: Mapping[str, Fields] = FORMATS) -> Move:
    """The move of an audio format that is said as one word."""
    return Move(
        here,
        (there,),
        lambda value: format_word(value, words),
        lambda word: format_of(word, words),
        whole=True,
    )


def without(*names: str) -> tuple[Move, ...]:
    """The fields of a session that a service does not have, so that it does not write them."""
    return tuple(Move((name,), (name,), lambda value: UNSET) for name in names)


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
    *without("truncation", "prompt", "include"),
)
RESPONSE: Final[tuple[Move, ...]] = (
    MODALITIES,
    Move(("audio", "output", "voice"), ("voice",)),
    formatted(("audio", "output", "format"), "output_audio_format"),
)
REQUEST: Final[tuple[Move, ...]] = (*RESPONSE, Move(("max_output_tokens",), ("max_response_output_tokens",)))

BETA: Final = Differences(
    session=SESSION,
    request=REQUEST,
    response=RESPONSE,
    typed=False,
    names=NAMES,
    contents=CONTENTS,
    modes={
        "server_vad": ("threshold", "prefix_padding_ms", "silence_duration_ms"),
        "semantic_vad": ("eagerness",),
    },
    transcription_model="whisper-1",
    images=(),
    voices=("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse"),
    extras=frozenset({"temperature"}),
)
"""The beta as it was: no pictures, eight voices, and a sampling temperature among the vendor's own options."""
