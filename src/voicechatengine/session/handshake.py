"""What the server's side of a handshake sees, and how it refuses. It knows no vendor and no web framework."""

from __future__ import annotations

import msgspec


class Handshake(msgspec.Struct, frozen=True):
    """A client's request for a websocket; the names of the headers are in lower case. Headers hold keys: they are never shown."""

    path: str
    query: dict[str, str] = {}
    headers: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Handshake(path={self.path!r})"


class Refusal(msgspec.Struct, frozen=True):
    """An HTTP answer instead of a websocket: a status, a JSON body, and headers of its own."""

    status: int
    body: bytes
    headers: dict[str, str] = {}
