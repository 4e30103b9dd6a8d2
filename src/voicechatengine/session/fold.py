"""The seam between the answer to an HTTP request and what its bytes mean. Pure: `http_stream.py` does the waiting.

Whatever reads a vendor's answers has the shape of a `Fold`, and is chosen by the answer's content type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, TypeAlias, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Fold(Protocol[T_co]):
    """**Protocol:** makes outputs of the bytes of one answer, wherever they are cut."""

    @property
    def done(self) -> bool:
        """Whether the answer has said all that it has to say."""
        ...

    def feed(self, data: bytes, /) -> Iterator[T_co]:
        """More bytes, and what they give; used up before the next call. Raises `ProviderError` at the place of a fault."""
        ...

    def end(self) -> Iterator[T_co]:
        """There are no more bytes, and it was not `done`: what is left to give. Raises `ConnectionError` if something lacks."""
        ...


Reading: TypeAlias = Callable[[str], Fold[T] | None]
"""What reads an answer of this content type (in lower case, with its parameters); None: nothing can. May raise."""


def events(fold: Callable[[], Fold[T]]) -> Reading[T]:
    """Reads server-sent events, and nothing else, by `fold`."""

    def reading(content_type: str) -> Fold[T] | None:
        return fold() if content_type.startswith("text/event-stream") else None

    return reading
