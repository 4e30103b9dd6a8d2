"""Who is measured: one file each, all of the same shape.

A contestant's module has ``async def connect(url, heard)``: a session with the server at `url` (``http://host:port``), which
calls `heard` with each piece of audio once it is in the application's hands, as that package wants it done. Everything of a
package is imported in its own file, so that one that is not installed hinders nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

Heard: TypeAlias = Callable[[bytes], object]


class Session(Protocol):
    """**Protocol:** one conversation of a contestant."""

    async def send(self, chunk: bytes, times: int) -> None:
        """Sends 20 ms of sound, so many times."""
        ...

    async def close(self) -> None:
        """Ends it."""
        ...
