"""What Gemini's live models differ in, as a table. A model that is not in it is taken for a newer one than those that are.

Sources, read 2026-11-22: https://ai.google.dev/gemini-api/docs/live-guide and the adapters of livekit-agents 1.8.9 and
pipecat-ai 1.14.0; a recorded session of 3.1, whose first text is `clientContent`.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Behavior = Literal["BLOCKING", "NON_BLOCKING"]


class Traits(msgspec.Struct, frozen=True):
    """One generation of models.

    `content_any_time`: `clientContent` is taken throughout; else only until the conversation has begun, and text goes as
    `realtimeInput`. `history_config`: history before the first turn is announced in `setup`. `context_update`: instructions
    and tools can change. `default`: how a tool behaves that says nothing of it; `behaviors`: how it may.
    """

    content_any_time: bool = False
    history_config: bool = True
    context_update: bool = True
    default: Behavior = "NON_BLOCKING"
    behaviors: tuple[Behavior, ...] = ("BLOCKING", "NON_BLOCKING")


_OLD: Final = Traits(content_any_time=True, history_config=False, context_update=False, default="BLOCKING")
_FAMILIES: Final = (
    ("gemini-3.8-live-extended-thinking", Traits(behaviors=("NON_BLOCKING",))),
    ("gemini-3.1", Traits(context_update=False, default="BLOCKING", behaviors=("BLOCKING",))),
    ("gemini-2", _OLD),
    ("gemini-live-2", _OLD),
)
_NEW: Final = Traits()

MODEL: Final = "gemini-3.8-live"
"""The model of a session that names none."""

AUDIO_ONLY: Final = "native-audio"
"""In the name of a model that does not write."""


def bare(model: str) -> str:
    """A model's name without its path (``models/…``, ``projects/…/models/…``)."""
    return model.rpartition("/")[2]


def traits(model: str) -> Traits:
    """What a model is like."""
    name = bare(model)
    return next((each for beginning, each in _FAMILIES if name.startswith(beginning)), _NEW)


def writes(model: str) -> bool:
    """Whether a model can answer in text."""
    return AUDIO_ONLY not in bare(model)
