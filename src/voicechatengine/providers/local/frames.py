"""What goes over the pipes between a part and its process: a kind, the number of the job that it is for, and bytes.

Both sides use this module. It knows no engine, and opens nothing.
"""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO, Final, NamedTuple

HEADER: Final = struct.Struct("<cII")  # kind, job, bytes that follow

# To the process
SETTINGS, BEGIN, AUDIO, END, CANCEL = b"S", b"B", b"A", b"E", b"C"
# From the process; AUDIO and END as well
READY, PARTIAL, FINAL, DROPPED, REFUSED = b"R", b"P", b"F", b"D", b"X"


class Frame(NamedTuple):
    """One message: JSON in `payload`, but PCM16 for AUDIO and UTF-8 words for PARTIAL and FINAL."""

    kind: bytes
    job: int = 0
    payload: bytes = b""

    def packed(self) -> bytes:
        """The frame as bytes."""
        return HEADER.pack(self.kind, self.job, len(self.payload)) + self.payload

    def json(self) -> dict[str, Any]:
        """The payload of a frame that holds a mapping."""
        content: dict[str, Any] = json.loads(self.payload)
        return content


def mapping(kind: bytes, job: int = 0, /, **content: object) -> Frame:
    """A frame that holds a mapping."""
    return Frame(kind, job, json.dumps(content).encode())


class Refusal(Exception):  # noqa: N818 - it is an answer, which the other side makes an error of
    """What the process cannot do, as the fields of the error that the application sees."""

    def __init__(self, message: str, *, error: str = "MessageError", field: str = "", cure: str = "") -> None:
        super().__init__(message)
        self.content: dict[str, object] = {"message": message, "error": error, "field": field, "cure": cure}


def read(pipe: BinaryIO) -> Frame | None:
    """The next frame; None where the other side has gone."""
    header = pipe.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    kind, job, size = HEADER.unpack(header)
    payload = pipe.read(size)
    return Frame(kind, job, payload) if len(payload) == size else None


def write(pipe: BinaryIO, frame: Frame) -> None:
    """Sends a frame; waits while the other side reads slowly."""
    pipe.write(frame.packed())
    pipe.flush()
