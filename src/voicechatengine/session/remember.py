"""A memory that cannot grow without a bound, for dialects that must know what was. Pure; it knows no meaning of what it keeps."""

from __future__ import annotations

from typing import Final, TypeVar

V = TypeVar("V")

MEMORY: Final = 512  # responses, items or calls: an hour has fewer


def remember(memory: dict[str, V], key: str, value: V, most: int = MEMORY) -> V:
    """Keeps a value, which it gives back, and forgets the oldest one when there are more than `most`."""
    memory[key] = value
    if len(memory) > most:
        del memory[next(iter(memory))]
    return value
